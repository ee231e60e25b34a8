"""Sandbox Management: reading sandboxes (REST contract, section 3.4)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from limbeck.api import shapes
from limbeck.api.context import Reading

router = APIRouter(prefix="/data/foundation/sandbox-management")


@router.get("/sandboxes")
def list_sandboxes(caller: Reading) -> dict[str, Any]:
    """GET /sandboxes: every sandbox of the organisation."""
    found = [shapes.sandbox(s) for s in caller.platform.access.sandboxes(caller.principal.org_id)]
    return {"sandboxes": found, "_page": {"limit": len(found), "count": len(found)}, "_links": {}}


@router.get("/sandboxes/{name}")
def get_sandbox(caller: Reading, name: str) -> dict[str, Any]:
    """GET /sandboxes/{name}."""
    return shapes.sandbox(caller.platform.access.sandbox(caller.principal.org_id, name))

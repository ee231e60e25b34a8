"""Our extension: who calls, and where that credential may work."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from limbeck.api import shapes
from limbeck.api.context import Known, platform_of

router = APIRouter(prefix="/limbeck/v1")


@router.get("/credential")
def get_credential(who: Known, request: Request) -> dict[str, Any]:
    """GET /limbeck/v1/credential: organisation, client id, roles, and the sandboxes it may work in."""
    found = platform_of(request).access.sandboxes.all(who.org_id)
    return shapes.caller(who, [s.sandbox for s in found if who.may_enter(s.sandbox.name)])

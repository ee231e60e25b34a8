"""Whether the server is up."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from limbeck.api.context import platform_of
from limbeck.version import VERSION

router = APIRouter()


@router.get("/health")
def health(request: Request) -> dict[str, Any]:
    """GET /health: answers once the home is open and its metadata can be read."""
    return {"status": "ok", "version": VERSION, "org": platform_of(request).access.organisation()}

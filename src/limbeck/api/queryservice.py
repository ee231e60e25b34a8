"""Query Service: how to reach the PostgreSQL wire (SQL contract, section 1.1, fact 6)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from limbeck.api import shapes
from limbeck.api.context import Reading
from limbeck.errors import NotFound

router = APIRouter(prefix="/data/foundation/query")


@router.get("/connection_parameters")
def connection_parameters(caller: Reading, request: Request) -> dict[str, Any]:
    """GET /connection_parameters: address, user, password and database name for a client of PostgreSQL."""
    address: tuple[str, int] | None = request.app.state.pg
    if address is None:
        raise NotFound("the PostgreSQL wire is not served here; limbeck serve --pg HOST:PORT serves it")
    token = caller.platform.access.token_for(caller.principal)
    return shapes.connection_parameters(address, caller.principal.org_id, token, caller.sandbox.name)

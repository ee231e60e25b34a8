"""Sandbox Management (REST contract, section 3.4)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from limbeck.access.sandboxes import TYPES
from limbeck.access.service import require_sandbox
from limbeck.api import shapes
from limbeck.api.context import Administering, Reading
from limbeck.api.etags import IfMatch, show
from limbeck.errors import InvalidInput

router = APIRouter(prefix="/data/foundation/sandbox-management")


class CreateSandbox(BaseModel):
    """Body of POST /sandboxes."""

    name: str
    title: str = ""
    type: str = "development"


class SandboxAction(BaseModel):
    """Body of PUT /sandboxes/{name}."""

    action: str


class SandboxChange(BaseModel):
    """Body of PATCH /sandboxes/{name}."""

    title: str


@router.get("/sandboxes")
def list_sandboxes(
    caller: Reading, limit: Annotated[int, Query(ge=1)] = 100, offset: Annotated[int, Query(ge=0)] = 0
) -> dict[str, Any]:
    """GET /sandboxes: the sandboxes that the credential may work in, oldest first."""
    everywhere = caller.platform.access.sandboxes.all(caller.principal.org_id)
    found = [s for s in everywhere if caller.principal.may_enter(s.sandbox.name)]
    shown = [shapes.sandbox(s) for s in found[offset : offset + limit]]
    return {"sandboxes": shown, "_page": {"limit": limit, "count": len(shown)}, "_links": {}}


@router.get("/sandboxTypes")
def list_types(_caller: Reading) -> dict[str, list[str]]:
    """GET /sandboxTypes."""
    return {"sandboxTypes": sorted(TYPES, reverse=True)}


@router.post("/sandboxes", status_code=201)
def create_sandbox(caller: Administering, body: CreateSandbox) -> dict[str, Any]:
    """POST /sandboxes: an empty sandbox, to be used at once."""
    who = caller.principal
    made = caller.platform.access.sandboxes.create(
        who.org_id, body.name, type=body.type, title=body.title, created_by=who.client_id
    )
    return shapes.sandbox(made)


@router.get("/sandboxes/{name}")
def get_sandbox(caller: Reading, name: str, response: Response) -> dict[str, Any]:
    """GET /sandboxes/{name}."""
    require_sandbox(caller.principal, name)
    found = caller.platform.access.sandboxes.get(caller.principal.org_id, name)
    show(response, found.etag)
    return shapes.sandbox(found)


@router.put("/sandboxes/{name}")
def reset_sandbox(caller: Administering, name: str, body: SandboxAction, etag: IfMatch = None) -> dict[str, Any]:
    """PUT /sandboxes/{name} with the action `reset`: everything in it is gone."""
    if body.action != "reset":
        raise InvalidInput(f"a sandbox takes the action reset, not {body.action!r}")
    return shapes.sandbox(caller.platform.access.sandboxes.reset(caller.principal.org_id, name, etag))


@router.patch("/sandboxes/{name}")
def change_sandbox(caller: Administering, name: str, body: SandboxChange, etag: IfMatch = None) -> dict[str, Any]:
    """PATCH /sandboxes/{name}: another title."""
    return shapes.sandbox(caller.platform.access.sandboxes.rename(caller.principal.org_id, name, body.title, etag))


@router.delete("/sandboxes/{name}", status_code=204)
def delete_sandbox(caller: Administering, name: str, etag: IfMatch = None) -> Response:
    """DELETE /sandboxes/{name}: with everything in it; the default one stays."""
    caller.platform.access.sandboxes.delete(caller.principal.org_id, name, etag)
    return Response(status_code=204)

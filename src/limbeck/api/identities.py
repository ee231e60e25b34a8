"""Identity Service: the namespaces of identities, and the XID of one (REST contract, section 10.3)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from limbeck.api import shapes
from limbeck.api.context import Caller, Reading, Writing
from limbeck.errors import InvalidInput, NotFound
from limbeck.identity.namespaces import spelled
from limbeck.registry.namespaces import Namespace

router = APIRouter(prefix="/data/core")


class CreateNamespace(BaseModel):
    """Body of POST /identities; keys we do not know are accepted."""

    code: str
    name: str
    id_type: str = Field(alias="idType")
    description: str | None = None


@router.get("/idnamespace/identities")
def list_namespaces(caller: Reading) -> list[dict[str, Any]]:
    """GET /identities: the standard namespaces and the sandbox's own, as a bare list."""
    return [shapes.namespace(found) for found in caller.platform.registry.namespaces.all(caller.sandbox)]


@router.post("/idnamespace/identities", status_code=201)
def create_namespace(caller: Writing, body: CreateNamespace) -> dict[str, Any]:
    """POST /identities."""
    who = caller.principal.client_id
    made = caller.platform.registry.namespaces.create(
        caller.sandbox, body.code, body.name, body.id_type, description=body.description or "", created_by=who
    )
    return shapes.namespace(_found(caller, made.id))


@router.get("/idnamespace/identities/{namespace_id}")
def get_namespace(caller: Reading, namespace_id: str) -> dict[str, Any]:
    """GET /identities/{id}."""
    return shapes.namespace(_found(caller, namespace_id))


@router.put("/idnamespace/identities/{namespace_id}")
def change_namespace(caller: Writing, namespace_id: str, body: CreateNamespace) -> dict[str, Any]:
    """PUT /identities/{id}: another name and description; code and type stay, for identities are known by them."""
    found = _found(caller, namespace_id)
    if (body.code.lower(), body.id_type.upper()) != (found.code.lower(), found.type):
        raise InvalidInput(f"the code {found.code} and the type {found.type} of a namespace cannot be changed")
    caller.platform.registry.namespaces.change(caller.sandbox, found, body.name, body.description or found.description)
    return shapes.namespace(_found(caller, namespace_id))


@router.get("/identity/identity")
def get_xid(
    caller: Reading,
    value: Annotated[str, Query(alias="id", min_length=1)],
    namespace_id: Annotated[str | None, Query(alias="nsid")] = None,
    code: Annotated[str | None, Query(alias="namespace")] = None,
) -> dict[str, str]:
    """GET /identity/identity: the XID by which Profile names an identity, whether anybody has it or not."""
    known = caller.platform.registry.namespaces.all(caller.sandbox)
    found = [n for n in known if str(n.id) == namespace_id or (code is not None and n.code.lower() == code.lower())]
    if not found:
        told = f"no namespace {namespace_id or code!r} in sandbox {caller.sandbox.name}"
        raise InvalidInput(f"{told}; send nsid or namespace")
    return {"xid": shapes.xid(spelled(found[0].code), value)}


def _found(caller: Caller, namespace_id: int | str) -> Namespace:
    for found in caller.platform.registry.namespaces.all(caller.sandbox):
        if str(found.id) == str(namespace_id):
            return found
    raise NotFound(f"no namespace {namespace_id!r} in sandbox {caller.sandbox.name}")

"""Identity Service: the namespaces of identities (REST contract, section 10.3)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from limbeck.api import shapes
from limbeck.api.context import Caller, Reading, Writing
from limbeck.errors import NotFound
from limbeck.registry.namespaces import Namespace

router = APIRouter(prefix="/data/core/idnamespace")


class CreateNamespace(BaseModel):
    """Body of POST /identities; keys we do not know are accepted."""

    code: str
    name: str
    id_type: str = Field(alias="idType")
    description: str = ""


@router.get("/identities")
def list_namespaces(caller: Reading) -> list[dict[str, Any]]:
    """GET /identities: the standard namespaces and the sandbox's own, as a bare list."""
    return [shapes.namespace(found) for found in caller.platform.registry.namespaces.all(caller.sandbox)]


@router.post("/identities", status_code=201)
def create_namespace(caller: Writing, body: CreateNamespace) -> dict[str, Any]:
    """POST /identities."""
    who = caller.principal.client_id
    made = caller.platform.registry.namespaces.create(
        caller.sandbox, body.code, body.name, body.id_type, description=body.description, created_by=who
    )
    return shapes.namespace(_found(caller, made.id))


@router.get("/identities/{namespace_id}")
def get_namespace(caller: Reading, namespace_id: str) -> dict[str, Any]:
    """GET /identities/{id}."""
    return shapes.namespace(_found(caller, namespace_id))


def _found(caller: Caller, namespace_id: int | str) -> Namespace:
    for found in caller.platform.registry.namespaces.all(caller.sandbox):
        if str(found.id) == str(namespace_id):
            return found
    raise NotFound(f"no namespace {namespace_id!r} in sandbox {caller.sandbox.name}")

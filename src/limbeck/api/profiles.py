"""Profile access: one person's attributes, memberships and events (REST contract, section 10.2)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from limbeck.api import shapes
from limbeck.api.context import Caller, Reading
from limbeck.errors import InvalidInput

router = APIRouter(prefix="/data/core/ups")

PROFILE = ("_xdm.context.profile", "https://ns.adobe.com/xdm/context/profile")
EVENT = ("_xdm.context.experienceevent", "https://ns.adobe.com/xdm/context/experienceevent")


@router.get("/access/entities")
def get_entities(
    caller: Reading,
    schema: Annotated[str, Query(alias="schema.name")],
    entity_id: Annotated[str | None, Query(alias="entityId")] = None,
    entity_ns: Annotated[str | None, Query(alias="entityIdNS")] = None,
    related_id: Annotated[str | None, Query(alias="relatedEntityId")] = None,
    related_ns: Annotated[str | None, Query(alias="relatedEntityIdNS")] = None,
    limit: int = 1000,
) -> dict[str, Any]:
    """GET /access/entities: a profile keyed by its XID, or with the event schema the events of one person."""
    if schema in PROFILE:
        return _profile(caller, _needed(entity_id, "entityId"), _needed(entity_ns, "entityIdNS"))
    if schema in EVENT:
        return _events(caller, _needed(related_id, "relatedEntityId"), _needed(related_ns, "relatedEntityIdNS"), limit)
    raise InvalidInput(f"schema.name is {schema!r}; it is {PROFILE[0]} or {EVENT[0]}")


def _profile(caller: Caller, value: str, namespace: str) -> dict[str, Any]:
    found = caller.platform.profiles.find(caller.sandbox, namespace, value)
    statuses = caller.platform.audiences.statuses(caller.sandbox, found.identities)
    return shapes.profile(found, statuses, value, namespace)


def _events(caller: Caller, value: str, namespace: str, limit: int) -> dict[str, Any]:
    found = caller.platform.profiles.events(caller.sandbox, namespace, value, max(1, min(limit, 1000)))
    return shapes.events(found, value)


def _needed(value: str | None, name: str) -> str:
    if not value:
        raise InvalidInput(f"the parameter {name} is missing; a person is named by an identity and its namespace")
    return value

"""Profile: attributes, memberships and events of people, and the merge policy (profile contract, 3.2 and 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from limbeck import clock
from limbeck.api import shapes
from limbeck.api.context import Caller, Reading
from limbeck.errors import InvalidInput, NotFound
from limbeck.identity import Identity
from limbeck.scope import DEFAULT_MERGE_POLICY

router = APIRouter(prefix="/data/core/ups")

PROFILE = ("_xdm.context.profile", "https://ns.adobe.com/xdm/context/profile")
EVENT = ("_xdm.context.experienceevent", "https://ns.adobe.com/xdm/context/experienceevent")

MOST = 1000
"""Events of one answer, and identities of one question."""

LAST_MS = 253_402_300_799_999
"""The end of the year 9999."""

Millis = Annotated[int, Field(ge=0, le=LAST_MS)]


class NamespaceRef(BaseModel):
    """A namespace by its code."""

    code: str


class AskedIdentity(BaseModel):
    """Who is looked for; without a namespace `entityId` is an XID."""

    entity_id: str = Field(alias="entityId")
    namespace: NamespaceRef | None = Field(None, alias="entityIdNS")


class SchemaName(BaseModel):
    """What is looked for of them."""

    name: str


class TimeFilter(BaseModel):
    """From when until before when, in milliseconds since 1970."""

    start: Millis | None = Field(None, alias="startTime")
    end: Millis | None = Field(None, alias="endTime")


class AskedEntities(BaseModel):
    """Body of POST /access/entities; keys we do not know are accepted."""

    schema_name: SchemaName = Field(alias="schema")
    fields: list[str] = []
    identities: list[AskedIdentity] = Field(min_length=1, max_length=MOST)
    times: TimeFilter = Field(default_factory=lambda: TimeFilter.model_validate({}), alias="timeFilter")
    limit: int = MOST


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events of a person, and what of each entity."""

    fields: Sequence[str] = ()
    limit: int = MOST
    start: datetime | None = None
    end: datetime | None = None


@router.get("/access/entities")
def get_entities(
    caller: Reading,
    schema: Annotated[str, Query(alias="schema.name")],
    entity_id: Annotated[str | None, Query(alias="entityId")] = None,
    entity_ns: Annotated[str | None, Query(alias="entityIdNS")] = None,
    related_id: Annotated[str | None, Query(alias="relatedEntityId")] = None,
    related_ns: Annotated[str | None, Query(alias="relatedEntityIdNS")] = None,
    fields: str = "",
    limit: int = MOST,
    start: Annotated[Millis | None, Query(alias="startTime")] = None,
    end: Annotated[Millis | None, Query(alias="endTime")] = None,
) -> dict[str, Any]:
    """GET /access/entities: a profile keyed by its XID, or with the event schema the events of one person."""
    paths = [path.strip() for path in fields.split(",") if path.strip()]
    if schema in PROFILE:
        return _profile(caller, _identity(_needed(entity_id, "entityId"), entity_ns), paths)
    if schema in EVENT:
        person = _identity(_needed(related_id, "relatedEntityId"), related_ns)
        return _events(caller, person, Wanted(paths, limit, _moment(start), _moment(end)))
    raise InvalidInput(f"schema.name is {schema!r}; it is {PROFILE[0]} or {EVENT[0]}")


@router.post("/access/entities")
def get_several(caller: Reading, body: AskedEntities) -> dict[str, Any]:
    """POST /access/entities: several people by their XIDs, or a page of events of each; nobody is an empty entity."""
    schema = body.schema_name.name
    people = [_identity(one.entity_id, one.namespace.code if one.namespace else None) for one in body.identities]
    if schema in PROFILE:
        return {key: value for one in people for key, value in _somebody(caller, one, body.fields).items()}
    if schema in EVENT:
        wanted = Wanted(body.fields, body.limit, _moment(body.times.start), _moment(body.times.end))
        return {shapes.xid(one.namespace, one.value): _events(caller, one, wanted) for one in people}
    raise InvalidInput(f"schema.name is {schema!r}; it is {PROFILE[0]} or {EVENT[0]}")


@router.get("/config/mergePolicies")
def list_merge_policies(caller: Reading) -> dict[str, Any]:
    """GET /config/mergePolicies: the one there is."""
    return {
        "_page": {"totalCount": 1, "pageSize": 1},
        "children": [shapes.merge_policy(caller.sandbox)],
        "_links": {"next": {}},
    }


@router.get("/config/mergePolicies/{policy_id}")
def get_merge_policy(caller: Reading, policy_id: str) -> dict[str, Any]:
    """GET /config/mergePolicies/{id}."""
    if policy_id != DEFAULT_MERGE_POLICY:
        raise NotFound(f"no merge policy {policy_id!r}; the one there is is {DEFAULT_MERGE_POLICY}")
    return shapes.merge_policy(caller.sandbox)


def _profile(caller: Caller, person: Identity, fields: Sequence[str]) -> dict[str, Any]:
    found = caller.platform.profiles.find(caller.sandbox, person.namespace, person.value)
    statuses = caller.platform.audiences.statuses(caller.sandbox, found.identities)
    shown = shapes.profile(found, statuses, person.value, person.namespace)
    return {key: {**one, "entity": shapes.picked(one["entity"], fields)} for key, one in shown.items()}


def _somebody(caller: Caller, person: Identity, fields: Sequence[str]) -> dict[str, Any]:
    try:
        return _profile(caller, person, fields)
    except NotFound:
        return {shapes.xid(person.namespace, person.value): {"entityId": person.value, **shapes.NOBODY}}


def _events(caller: Caller, person: Identity, wanted: Wanted) -> dict[str, Any]:
    limit = max(1, min(wanted.limit, MOST))
    found = caller.platform.profiles.events(
        caller.sandbox, person.namespace, person.value, limit, start=wanted.start, end=wanted.end
    )
    page = shapes.events(found, person.value)
    return {**page, "children": [{**e, "entity": shapes.picked(e["entity"], wanted.fields)} for e in page["children"]]}


def _identity(value: str, namespace: str | None) -> Identity:
    if namespace:
        return Identity(namespace, value)
    found = shapes.identity_of(value)
    if found is None:
        raise InvalidInput("the parameter entityIdNS is missing; a person is named by an identity and its namespace")
    return found


def _moment(millis: int | None) -> datetime | None:
    return None if millis is None else clock.from_millis(millis)


def _needed(value: str | None, name: str) -> str:
    if not value:
        raise InvalidInput(f"the parameter {name} is missing; a person is named by an identity and its namespace")
    return value

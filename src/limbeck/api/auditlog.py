"""Audit: who has changed what (REST contract, section 11)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request

from limbeck.api import shapes
from limbeck.api.context import Reading, platform_of
from limbeck.errors import Forbidden, InvalidInput, LimbeckError
from limbeck.store import audit

BASE = "/data/foundation/audit/events"

router = APIRouter()

COLUMNS = {
    "action": "action",
    "assetType": "asset_type",
    "assetId": "asset_id",
    "assetName": "asset_name",
    "status": "status",
    "authId": "client_id",
    "userEmail": "client_id",
    "failureCode": "failure_code",
    "requestId": "request_id",
}
"""What events are filtered by."""

_CONDITION = re.compile(r"(?P<key>\w+)==(?P<value>.*)", re.DOTALL)

Properties = Annotated[list[str] | None, Query(alias="property")]
Limit = Annotated[int, Query(ge=1, le=1000)]
Start = Annotated[int, Query(ge=0, le=2**31)]
QueryId = Annotated[int | None, Query(alias="queryId", ge=0, le=2**62)]


@router.get(BASE)
def list_events(
    caller: Reading, conditions: Properties = None, limit: Limit = 50, start: Start = 0, query_id: QueryId = None
) -> dict[str, Any]:
    """GET /audit/events: newest first, of the sandbox; of the organisation too if the caller is bound to no sandboxes.

    A page that is not empty has a next one, because aepp takes that link apart even where it stops. `queryId` says up
    to where events were read at first: what happens while somebody turns the pages moves nothing.
    """
    if "admin" not in caller.principal.roles:
        raise Forbidden("who has changed what is told to administrators; this needs the role admin")
    wanted, events = _wanted(conditions or ()), caller.platform.audit
    until = events.newest() if query_id is None else query_id
    places = [caller.sandbox.id, *([audit.ORGANISATION] if caller.principal.sandboxes is None else [])]
    found = events.find(places, wanted, until=until, start=start, limit=limit)
    position = [("limit", limit), ("start", start + limit), ("queryId", until)]
    again = [*position, *(("property", c) for c in conditions or ())]
    links = {"next": {"href": f"{BASE}?{urlencode(again)}"}} if found else {}
    return {
        "_embedded": {"events": [shapes.audit_event(event, caller.sandbox) for event in found]},
        "_links": links,
        "_page": {"count": len(found), "limit": limit, "start": start},
        "queryId": str(until),
    }


def _wanted(conditions: Sequence[str]) -> dict[str, list[str]]:
    """Return the values that columns may have, of `action==create,update,assetType==dataset`."""
    wanted: dict[str, list[str]] = {}
    column = None
    for part in (part for condition in conditions for part in condition.split(",")):
        found = _CONDITION.fullmatch(part)
        key, value = (found["key"], found["value"]) if found else (None, part)
        column = column if key is None else COLUMNS.get(key)
        if column is None:
            raise InvalidInput(f"property is {part!r}; it is KEY==VALUE[,VALUE], of {', '.join(COLUMNS)}")
        wanted.setdefault(column, []).append(value)
    return wanted


# -- what was refused --------------------------------------------------------------------------------------------

_ACTIONS = {"POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}

_ASSETS = {
    "dataSets": "dataset",
    "batches": "batch",
    "files": "batch",
    "sandboxes": "sandbox",
    "schemas": "schema",
    "fieldgroups": "field group",
    "mixins": "field group",
    "classes": "class",
    "datatypes": "data type",
    "descriptors": "descriptor",
    "identities": "namespace",
    "definitions": "segment",
    "jobs": "segment job",
    "queries": "query",
    "query-templates": "template",
    "schedules": "schedule",
    "connections": "connection",
    "sourceConnections": "sourceConnection",
    "targetConnections": "targetConnection",
    "flows": "flow",
    "runs": "flow",
    "mappingSets": "mappingSet",
}
"""Resources, by the part of a path that names their collection."""


def note_refusal(request: Request, failure: LimbeckError) -> None:
    """Note a change that was refused to somebody who is known."""
    who, action = audit.actor(), _ACTIONS.get(request.method)
    parts = request.url.path.split("/")
    named = [at for at, part in enumerate(parts) if part in _ASSETS]
    if not who.client_id or who.sandbox is None or action is None or not named:
        return
    kind, rest = _ASSETS[parts[named[0]]], "/".join(parts[named[0] + 1 :])
    place = audit.ORGANISATION if kind == "sandbox" else who.sandbox
    denied = isinstance(failure, Forbidden)
    with suppress(LimbeckError):  # the refusal is told, whether it can be noted or not
        platform_of(request).audit.refused(action, kind, rest, place, denied=denied, code=failure.code)

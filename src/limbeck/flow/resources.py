"""Connections, flows and mapping sets: bodies in AEP's own JSON, each change under a new etag."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection, Row, delete, insert, select, update

from limbeck import clock, ids
from limbeck.errors import EtagMissing, NotFound
from limbeck.flow.model import Resource, ResourceKind
from limbeck.registry import json_patch
from limbeck.scope import Sandbox
from limbeck.store import Store, audit, etags
from limbeck.store.tables import flow_resources

Body = Mapping[str, Any]

_WORDS = {
    "connection": "connection",
    "sourceConnection": "source connection",
    "targetConnection": "target connection",
    "flow": "flow",
    "mappingSet": "mapping set",
}


class Resources:
    """The flow resources of one home."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, sandbox: Sandbox, kind: ResourceKind, resource_id: str) -> Resource:
        """Return a resource; raise `NotFound` if the sandbox has none such."""
        with self._store.read() as connection:
            return load(connection, sandbox, kind, resource_id)

    def find(self, sandbox: Sandbox, kind: ResourceKind) -> list[Resource]:
        """Return the resources of one kind, oldest first."""
        with self._store.read() as connection:
            return every(connection, sandbox, kind)


def load(connection: Connection, sandbox: Sandbox, kind: ResourceKind, resource_id: str) -> Resource:
    """Return a resource as the caller's transaction sees it; raise `NotFound` if the sandbox has none such."""
    same = (flow_resources.c.sandbox_id == sandbox.id, flow_resources.c.kind == kind)
    row = connection.execute(select(flow_resources).where(flow_resources.c.id == resource_id, *same)).first()
    if row is None:
        raise NotFound(f"no {_WORDS[kind]} {resource_id!r} in sandbox {sandbox.name}")
    return _resource(row)


def by_id(connection: Connection, resource_id: str) -> Resource | None:
    """Return a resource, whatever its sandbox and kind, or None if it is gone."""
    row = connection.execute(select(flow_resources).where(flow_resources.c.id == resource_id)).first()
    return None if row is None else _resource(row)


def every(connection: Connection, sandbox: Sandbox, kind: ResourceKind) -> list[Resource]:
    """Return the resources of one kind as the caller's transaction sees them, oldest first."""
    same = (flow_resources.c.sandbox_id == sandbox.id, flow_resources.c.kind == kind)
    rows = connection.execute(
        select(flow_resources).where(*same).order_by(flow_resources.c.created, flow_resources.c.id)
    )
    return [_resource(row) for row in rows]


def create(connection: Connection, sandbox: Sandbox, kind: ResourceKind, body: Body) -> Resource:
    """Add a resource inside the caller's transaction."""
    resource_id = secrets.token_hex(16) if kind == "mappingSet" else ids.new_uuid()
    moment = clock.millis(clock.now())
    row = {"id": resource_id, "sandbox_id": sandbox.id, "kind": kind, "etag": _new_etag()}
    times = {"created": moment, "updated": moment}
    connection.execute(insert(flow_resources).values(body=json.dumps(dict(body)), **row, **times))
    made = load(connection, sandbox, kind, resource_id)
    _audit(connection, "create", made)
    return made


def change(connection: Connection, found: Resource, body: Body) -> Resource:
    """Replace a resource's body inside the caller's transaction."""
    values = {"body": json.dumps(dict(body)), "etag": _new_etag(), "updated": clock.millis(clock.now())}
    connection.execute(update(flow_resources).where(flow_resources.c.id == found.id).values(values))
    _audit(connection, "update", found)
    return _resource(connection.execute(select(flow_resources).where(flow_resources.c.id == found.id)).one())


def remove(connection: Connection, found: Resource) -> None:
    """Delete a resource inside the caller's transaction; a flow's runs and taken files go with it."""
    connection.execute(delete(flow_resources).where(flow_resources.c.id == found.id))
    _audit(connection, "delete", found)


def _audit(connection: Connection, action: str, found: Resource) -> None:
    audit.record(connection, action, found.kind, found.id, found.sandbox_id, name=str(found.body.get("name", "")))


def patched(found: Resource, operations: Sequence[Mapping[str, Any]], etag: str | None) -> Body:
    """Return the body after a JSON Patch that is based on *etag*.

    Raise `EtagMissing` without one, `StaleEtag` if the resource has changed since, `InvalidInput` for a patch that
    cannot be applied.
    """
    word = _WORDS[found.kind]
    if etag is None:
        raise EtagMissing(f"a change of a {word} needs the header If-Match with its etag, which is now {found.etag}")
    require_etag(found, etag)
    return json_patch.apply(found.body, operations)


def require_etag(found: Resource, etag: str | None) -> None:
    """Raise `StaleEtag` if a change of a resource is based on another etag than its own; None fits always."""
    etags.require(f"{_WORDS[found.kind]} {found.id}", found.etag, etag)


def _new_etag() -> str:
    return f'"{etags.new()}"'


def _resource(row: Row[Any]) -> Resource:
    return Resource(
        id=row.id,
        sandbox_id=row.sandbox_id,
        kind=cast("ResourceKind", row.kind),
        body=json.loads(row.body),
        etag=row.etag,
        created=clock.from_millis(row.created),
        updated=clock.from_millis(row.updated),
    )

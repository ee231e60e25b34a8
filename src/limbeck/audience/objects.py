"""What Segmentation keeps beside audiences and jobs: previews and schedules, each a body in JSON under an etag.

Every function works inside the caller's transaction, so that what belongs together is visible together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from limbeck import clock, ids
from limbeck.errors import NotFound
from limbeck.scope import Sandbox
from limbeck.store import etags
from limbeck.store.tables import segment_objects

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SegmentObject:
    """One of them."""

    id: str
    kind: str
    body: Body
    etag: str
    created: datetime
    updated: datetime


def create(connection: Connection, sandbox: Sandbox, kind: str, body: Body) -> SegmentObject:
    """Add one."""
    made, moment = ids.new_uuid(), clock.millis(clock.now())
    row = {"sandbox_id": sandbox.id, "kind": kind, "body": json.dumps(dict(body)), "etag": etags.new()}
    connection.execute(insert(segment_objects).values(id=made, **row, created=moment, updated=moment))
    return load(connection, sandbox, kind, made)


def load(connection: Connection, sandbox: Sandbox, kind: str, object_id: str, etag: str | None = None) -> SegmentObject:
    """Return one; raise `NotFound` if the sandbox has none such, `StaleEtag` if it is not that with *etag*."""
    mine = (segment_objects.c.id == object_id, segment_objects.c.sandbox_id == sandbox.id)
    row = connection.execute(select(segment_objects).where(*mine, segment_objects.c.kind == kind)).first()
    if row is None:
        raise NotFound(f"no {kind} {object_id!r} in sandbox {sandbox.name}")
    etags.require(f"{kind} {object_id}", row.etag, etag)
    return _object(row)


def every(connection: Connection, sandbox: Sandbox, kind: str) -> list[SegmentObject]:
    """Return those of one kind, oldest first."""
    mine = (segment_objects.c.sandbox_id == sandbox.id, segment_objects.c.kind == kind)
    query = select(segment_objects).where(*mine).order_by(segment_objects.c.created, segment_objects.c.id)
    return [_object(row) for row in connection.execute(query)]


def change(connection: Connection, found: SegmentObject, body: Body) -> None:
    """Replace the body of one; nothing happens if it is gone."""
    values = {"body": json.dumps(dict(body)), "etag": etags.new(), "updated": clock.millis(clock.now())}
    connection.execute(update(segment_objects).where(segment_objects.c.id == found.id).values(values))


def remove(connection: Connection, found: SegmentObject) -> None:
    """Delete one."""
    connection.execute(delete(segment_objects).where(segment_objects.c.id == found.id))


def _object(row: Row[Any]) -> SegmentObject:
    times = (clock.from_millis(row.created), clock.from_millis(row.updated))
    return SegmentObject(row.id, row.kind, json.loads(row.body), row.etag, *times)

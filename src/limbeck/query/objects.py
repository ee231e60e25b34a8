"""What Query Service keeps by name or id: views, logical schemas, samples, templates, runs, schedules.

Each is a body in JSON under an etag that changes with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from limbeck import clock, ids
from limbeck.errors import NameTaken, NotFound, StaleEtag
from limbeck.scope import Sandbox
from limbeck.store import Store, audit, etags
from limbeck.store.tables import query_objects

Body = Mapping[str, Any]

VIEW = "view"
"""The kind of views; a body holds their text, `sql`, and what they read, `reads`."""


@dataclass(frozen=True, slots=True)
class QueryObject:
    """One object; *name* is unique within its kind and sandbox, whatever the case."""

    id: str
    sandbox_id: str
    kind: str
    name: str
    body: Body
    etag: str
    created_by: str
    created: datetime
    updated: datetime


class Objects:
    """The objects of one home."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def is_view(self, connection: Connection, sandbox: Sandbox, name: str) -> bool:
        """Whether there is a view called *name*, whatever the case, as the caller's transaction sees it."""
        return find(connection, sandbox, VIEW, name) is not None

    def writing(self) -> AbstractContextManager[Connection]:
        """Open a transaction for the functions of this module, and for what shall become visible with them."""
        return self._store.write()

    def get(self, sandbox: Sandbox, kind: str, object_id: str) -> QueryObject:
        """Return an object by its id; raise `NotFound` if the sandbox has none such."""
        with self._store.read() as connection:
            return load(connection, sandbox, kind, object_id)

    def named(self, sandbox: Sandbox, kind: str, name: str) -> QueryObject | None:
        """Return the object called *name*, whatever the case, or None."""
        with self._store.read() as connection:
            return find(connection, sandbox, kind, name)

    def all(self, sandbox: Sandbox, kind: str) -> list[QueryObject]:
        """Return the objects of one kind, oldest first."""
        with self._store.read() as connection:
            return every(connection, sandbox, kind)

    def create(
        self, sandbox: Sandbox, kind: str, body: Body, *, name: str | None = None, created_by: str = ""
    ) -> QueryObject:
        """Add an object, called *name* or like its id; raise `NameTaken` if there is one of that name."""
        with self._store.write() as connection:
            return create(connection, sandbox, kind, body, name=name, created_by=created_by)

    def change(self, found: QueryObject, body: Body, action: str | None = "update") -> QueryObject:
        """Replace an object's body; raise `StaleEtag` if it has changed since it was read, or is gone.

        *action* is how the audit calls it; None for a change that nobody has asked for.
        """
        with self._store.write() as connection:
            return change(connection, found, body, action)

    def remove(self, found: QueryObject, etag: str | None = None) -> None:
        """Delete an object; one that is gone already is left alone. Raise `StaleEtag` if *etag* is another's."""
        with self._store.write() as connection:
            etags.require(f"{found.kind} {found.id}", _etag_of(connection, found), etag)
            remove(connection, found)


def load(connection: Connection, sandbox: Sandbox, kind: str, object_id: str) -> QueryObject:
    """Return an object as the caller's transaction sees it; raise `NotFound` if the sandbox has none such."""
    same = (query_objects.c.sandbox_id == sandbox.id, query_objects.c.kind == kind)
    row = connection.execute(select(query_objects).where(query_objects.c.id == object_id, *same)).first()
    if row is None:
        raise NotFound(f"no {kind} {object_id!r} in sandbox {sandbox.name}")
    return _object(row)


def find(connection: Connection, sandbox: Sandbox, kind: str, name: str) -> QueryObject | None:
    """Return the object called *name*, whatever the case, as the caller's transaction sees it, or None."""
    same = (query_objects.c.sandbox_id == sandbox.id, query_objects.c.kind == kind)
    named = func.lower(query_objects.c.name) == name.lower()
    row = connection.execute(select(query_objects).where(*same, named)).first()
    return None if row is None else _object(row)


def every(connection: Connection, sandbox: Sandbox, kind: str) -> list[QueryObject]:
    """Return the objects of one kind as the caller's transaction sees them, oldest first."""
    same = (query_objects.c.sandbox_id == sandbox.id, query_objects.c.kind == kind)
    query = select(query_objects).where(*same).order_by(query_objects.c.created, query_objects.c.id)
    return [_object(row) for row in connection.execute(query)]


def remove(connection: Connection, found: QueryObject) -> None:
    """Delete an object inside the caller's transaction; one that is gone already is left alone."""
    connection.execute(delete(query_objects).where(query_objects.c.id == found.id))
    _audit(connection, "delete", found)


def create(
    connection: Connection, sandbox: Sandbox, kind: str, body: Body, *, name: str | None = None, created_by: str = ""
) -> QueryObject:
    """Add an object inside the caller's transaction."""
    object_id, moment = ids.new_uuid(), clock.millis(clock.now())
    if find(connection, sandbox, kind, name or object_id) is not None:
        raise NameTaken(f'{kind} "{name}" exists already')
    row = {"id": object_id, "sandbox_id": sandbox.id, "kind": kind, "name": name or object_id}
    state = {"body": json.dumps(dict(body)), "etag": etags.new(), "created_by": created_by}
    connection.execute(insert(query_objects).values(**row, **state, created=moment, updated=moment))
    made = load(connection, sandbox, kind, object_id)
    _audit(connection, "create", made)
    return made


def change(connection: Connection, found: QueryObject, body: Body, action: str | None = "update") -> QueryObject:
    """Replace an object's body inside the caller's transaction; raise `StaleEtag` as `Objects.change` does."""
    values = {"body": json.dumps(dict(body)), "etag": etags.new(), "updated": clock.millis(clock.now())}
    mine = (query_objects.c.id == found.id, query_objects.c.etag == found.etag)
    if connection.execute(update(query_objects).where(*mine).values(values)).rowcount == 0:
        raise StaleEtag(f"{found.kind} {found.name} has changed since it was read: read it again and retry")
    if action is not None:
        _audit(connection, action, found)
    return _object(connection.execute(select(query_objects).where(query_objects.c.id == found.id)).one())


def _audit(connection: Connection, action: str, found: QueryObject) -> None:
    audit.record(connection, action, found.kind, found.id, found.sandbox_id, name=found.name)


def _etag_of(connection: Connection, found: QueryObject) -> str:
    query = select(query_objects.c.etag).where(query_objects.c.id == found.id)
    return str(connection.execute(query).scalar() or found.etag)


def _object(row: Row[Any]) -> QueryObject:
    return QueryObject(
        id=row.id,
        sandbox_id=row.sandbox_id,
        kind=row.kind,
        name=row.name,
        body=json.loads(row.body),
        etag=row.etag,
        created_by=row.created_by,
        created=clock.from_millis(row.created),
        updated=clock.from_millis(row.updated),
    )

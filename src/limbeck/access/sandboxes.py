"""Sandboxes: making, renaming, emptying and deleting them (REST contract, section 3.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from limbeck import clock, ids
from limbeck.errors import Conflict, InvalidInput, NameTaken, NotFound
from limbeck.scope import Sandbox
from limbeck.store import Store, audit, etags
from limbeck.store.tables import metadata, organisations, sandboxes

DEFAULT_SANDBOX = "prod"
TYPES = ("development", "production")


@dataclass(frozen=True, slots=True)
class Described:
    """A sandbox, and what is known of it besides."""

    sandbox: Sandbox
    title: str
    created_by: str
    created: datetime
    updated: datetime
    etag: str


class Sandboxes:
    """The sandboxes of one home."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self, org_id: str) -> list[Described]:
        """Return the organisation's sandboxes, oldest first."""
        query = _query().where(sandboxes.c.org_id == org_id).order_by(sandboxes.c.created, sandboxes.c.name)
        with self._store.read() as connection:
            return [_described(row) for row in connection.execute(query)]

    def get(self, org_id: str, name: str) -> Described:
        """Return a sandbox by name; raise `NotFound` if the organisation has none such."""
        with self._store.read() as connection:
            return _load(connection, org_id, name)

    def create(
        self, org_id: str, name: str, *, type: str = "development", title: str = "", created_by: str = ""
    ) -> Described:
        """Make a sandbox; raise `InvalidInput` for a name or type that cannot be, `NameTaken` if there is one."""
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,255}", name):
            raise InvalidInput(f"{name!r} is no sandbox name: lower-case letters, digits and hyphens")
        if type not in TYPES:
            raise InvalidInput(f"{type!r} is no type of sandboxes; use {' or '.join(TYPES)}")
        with self._store.write() as connection:
            same = (sandboxes.c.org_id == org_id, sandboxes.c.name == name)
            if connection.execute(select(sandboxes.c.id).where(*same)).first() is not None:
                raise NameTaken(f"sandbox {name!r} exists already")
            add(connection, org_id, name, type, title, created_by)
            return _load(connection, org_id, name)

    def rename(self, org_id: str, name: str, title: str, etag: str | None = None) -> Described:
        """Give a sandbox another title; raise `NotFound`, `StaleEtag` if it is not that with *etag*."""
        with self._store.write() as connection:
            found = _based_on(connection, org_id, name, etag)
            values = {"title": title, "updated": clock.millis(clock.now()), "etag": etags.new()}
            connection.execute(update(sandboxes).where(sandboxes.c.id == found.sandbox.id).values(values))
            audit.record(connection, "update", "sandbox", name, audit.ORGANISATION, name=name)
            return _load(connection, org_id, name)

    def reset(self, org_id: str, name: str, etag: str | None = None) -> Described:
        """Empty a sandbox: everything in it is gone in one transaction; its id and name stay.

        Files become orphans, which are swept. Raise `NotFound`, `StaleEtag` if it is not that with *etag*.
        """
        with self._store.write() as connection:
            found = _based_on(connection, org_id, name, etag)
            _empty(connection, found.sandbox)
            values = {"updated": clock.millis(clock.now()), "etag": etags.new(), "registry_etag": etags.new()}
            connection.execute(update(sandboxes).where(sandboxes.c.id == found.sandbox.id).values(values))
            audit.record(connection, "reset", "sandbox", name, audit.ORGANISATION, name=name)
            return _load(connection, org_id, name)

    def delete(self, org_id: str, name: str, etag: str | None = None) -> None:
        """Delete a sandbox with everything in it.

        Raise `NotFound`, `StaleEtag` if it is not that with *etag*, and `Conflict` for the default one.
        """
        if name == DEFAULT_SANDBOX:
            raise Conflict(f"sandbox {name} is the default one and stays; reset it to empty it")
        with self._store.write() as connection:
            found = _based_on(connection, org_id, name, etag)
            _empty(connection, found.sandbox)
            connection.execute(delete(sandboxes).where(sandboxes.c.id == found.sandbox.id))
            audit.record(connection, "delete", "sandbox", name, audit.ORGANISATION, name=name)


def add(connection: Connection, org_id: str, name: str, type: str, title: str = "", created_by: str = "") -> None:
    """Add a sandbox inside the caller's transaction."""
    moment = clock.millis(clock.now())
    about = {"id": ids.new_uuid(), "org_id": org_id, "name": name, "type": type, "title": title or name}
    times = {"created": moment, "updated": moment, "etag": etags.new(), "created_by": created_by}
    connection.execute(insert(sandboxes).values(**about, **times))
    audit.record(connection, "create", "sandbox", name, audit.ORGANISATION, name=name)


def _empty(connection: Connection, sandbox: Sandbox) -> None:
    """Delete the rows of every table that belong to a sandbox; those of other tables go with what they belong to."""
    for table in reversed(metadata.sorted_tables):
        if "sandbox_id" in table.c:
            connection.execute(delete(table).where(table.c.sandbox_id == sandbox.id))


def find(connection: Connection, org_id: str, name: str) -> Sandbox | None:
    """Return a sandbox by name as the caller's transaction sees it, or None."""
    row = connection.execute(_ONE, {"org": org_id, "name": name}).first()
    return None if row is None else Sandbox(row.id, row.name, row.org_id, row.tenant, row.type)


def _query() -> Any:
    return select(sandboxes, organisations.c.tenant).join(organisations)


_ONE = _query().where(sandboxes.c.org_id == bindparam("org"), sandboxes.c.name == bindparam("name"))


def _load(connection: Connection, org_id: str, name: str) -> Described:
    row = connection.execute(_ONE, {"org": org_id, "name": name}).first()
    if row is None:
        raise NotFound(f"no sandbox {name!r} in organisation {org_id}")
    return _described(row)


def _based_on(connection: Connection, org_id: str, name: str, etag: str | None) -> Described:
    found = _load(connection, org_id, name)
    etags.require(f"sandbox {name}", found.etag, etag)
    return found


def _described(row: Row[Any]) -> Described:
    return Described(
        sandbox=Sandbox(row.id, row.name, row.org_id, row.tenant, row.type),
        title=row.title or row.name,
        created_by=row.created_by,
        created=clock.from_millis(row.created),
        updated=clock.from_millis(row.updated or row.created),
        etag=row.etag,
    )

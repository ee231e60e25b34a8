"""What the references of a sandbox lead to, and the rows behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, or_, select

from limbeck.clock import millis, now
from limbeck.errors import NotFound, StaleEtag
from limbeck.registry import history
from limbeck.registry.resolve import Body, Node
from limbeck.scope import Sandbox
from limbeck.store import audit, tables
from limbeck.xdm import standard

KINDS = {"schemas": "schema", "fieldgroups": "field group", "classes": "class", "datatypes": "data type"}
"""The kinds a tenant may create, and what one of them is called."""


ASSETS = {"schemas": "schema", "fieldgroups": "field group", "classes": "class", "datatypes": "data type"}
"""How the audit calls kinds of resources."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource: of the tenant, or standard, then without *etag*."""

    kind: str
    body: Node
    etag: str | None = None
    hidden: bool = False

    @property
    def id(self) -> str:
        """The `$id`."""
        return str(self.body["$id"])


@dataclass(slots=True)
class Catalogue:
    """The resources of one sandbox, standard and own, as one transaction sees them."""

    connection: Connection
    sandbox: Sandbox
    replaced: dict[str, Body] = field(default_factory=dict)
    """Bodies to see instead of the stored ones, by `$id`: how a change would look."""
    seen: dict[str, Entry | None] = field(default_factory=dict)
    """What was looked up so far, by `$id` or `meta:altId`."""

    def find(self, key: str) -> Entry | None:
        """Return the resource with this `$id` or `meta:altId`, or None."""
        if key not in self.seen:
            self.seen[key] = _standard(key) or self._stored(key)
        return self.seen[key]

    def get(self, kind: str, key: str) -> Entry:
        """Return the resource of this kind; raise `NotFound` if there is none."""
        found = self.find(key)
        if found is None or found.kind != kind:
            raise NotFound(f'there is no {KINDS.get(kind, kind)} "{key}" in sandbox "{self.sandbox.name}"')
        return found

    def lookup(self, id: str) -> Node | None:
        """Return the body of the resource with this `$id`, or None; the form `resolve` wants."""
        found = self.find(id)
        return None if found is None else found.body

    def schemas(self) -> Iterator[Entry]:
        """Yield the tenant's schemas, hidden ones too, oldest first."""
        yield from self.list("schemas", hidden=True)

    def list(self, kind: str, *, hidden: bool = False) -> list[Entry]:
        """Return the tenant's resources of a kind, oldest first."""
        query = self._own().where(tables.resources.c.kind == kind)
        if not hidden:
            query = query.where(tables.resources.c.hidden.is_(False))
        ordered = query.order_by(tables.resources.c.created, tables.resources.c.id)
        found = [self._entry(row) for row in self.connection.execute(ordered).mappings()]
        self.seen |= {entry.id: entry for entry in found}
        return found

    def titled(self, kind: str, title: str) -> str | None:
        """Return the `$id` of the tenant's oldest resource of a kind with this title, or None."""
        columns = tables.resources.c
        mine = (columns.sandbox_id == self.sandbox.id, columns.kind == kind, columns.hidden.is_(False))
        query = select(columns.id).where(*mine, columns.title == title).order_by(columns.created, columns.id)
        return self.connection.execute(query).scalars().first()

    def insert(self, kind: str, body: Body, *, hidden: bool = False) -> None:
        """Store a new resource; its etag stands in the body."""
        moment = millis(now())
        self.connection.execute(
            tables.resources.insert().values(
                sandbox_id=self.sandbox.id,
                kind=kind,
                hidden=hidden,
                created=moment,
                updated=moment,
                **_columns(body),
            )
        )
        history.note(self.connection, self.sandbox, kind, None, body)
        if not hidden:
            self._audit("create", kind, body)
        self.seen.clear()

    def update(self, old: Entry, body: Body) -> None:
        """Store *body* over *old*; raise `StaleEtag` if that is no longer what is stored."""
        columns = tables.resources.c
        done = self.connection.execute(
            tables.resources.update()
            .where(columns.sandbox_id == self.sandbox.id, columns.id == body["$id"], columns.etag == old.etag)
            .values(updated=millis(now()), **_columns(body))
        )
        if done.rowcount == 0:
            raise StaleEtag(f'"{body["$id"]}" has changed since it was read: read it again and retry')
        history.note(self.connection, self.sandbox, old.kind, old.body, body)
        self._audit("update", old.kind, body)

    def delete(self, entry: Entry) -> None:
        """Forget a stored resource with its descriptors and its history."""
        for table, column in _ABOUT:
            mine = (table.c.sandbox_id == self.sandbox.id, column == entry.id)
            self.connection.execute(table.delete().where(*mine))
        self._audit("delete", entry.kind, entry.body)
        self.seen.clear()

    def _audit(self, action: str, kind: str, body: Mapping[str, Any]) -> None:
        name = str(body.get("title", ""))
        audit.record(self.connection, action, ASSETS.get(kind, kind), body["$id"], self.sandbox.id, name=name)

    def _own(self) -> Select[Any]:
        return select(tables.resources).where(tables.resources.c.sandbox_id == self.sandbox.id)

    def _stored(self, key: str) -> Entry | None:
        columns = tables.resources.c
        query = self._own().where(or_(columns.id == key, columns.alt_id == key))
        row = self.connection.execute(query).mappings().first()
        return None if row is None else self._entry(row)

    def _entry(self, row: RowMapping) -> Entry:
        body = self.replaced.get(row["id"]) or json.loads(row["body"])
        return Entry(row["kind"], body, row["etag"], row["hidden"])


_ABOUT = (
    (tables.resources, tables.resources.c.id),
    (tables.descriptors, tables.descriptors.c.source_schema),
    (tables.registry_changes, tables.registry_changes.c.resource_id),
)
"""The rows that are about a resource, and the column that names it."""


def _standard(key: str) -> Entry | None:
    for kind, bodies in standard.resources().items():
        for id, body in bodies.items():
            if key in (id, body["meta:altId"]):
                return Entry(kind, body)
    return None


def _columns(body: Body) -> dict[str, object]:
    return {
        "id": body["$id"],
        "alt_id": body["meta:altId"],
        "version": body["version"],
        "title": body["title"],
        "body": json.dumps(body),
        "etag": body["meta:registryMetadata"]["eTag"],
    }

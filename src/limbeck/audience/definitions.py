"""Stored audiences: making, finding, changing and deleting them (profile contract, sections 5.1 and 5.7)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from limbeck import clock, ids
from limbeck.audience.model import Audience, Membership
from limbeck.errors import InvalidInput, NotFound
from limbeck.scope import Sandbox
from limbeck.store import Store, audit, etags
from limbeck.store.tables import audiences, memberships


class Definitions:
    """The audiences of a home, by sandbox. Their rules were checked by who stores them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, sandbox: Sandbox, name: str, rule: str, body: Mapping[str, Any]) -> Audience:
        """Store an audience; several may have one name."""
        _require(name)
        made, moment = ids.new_uuid(), clock.millis(clock.now())
        row = {"name": name, "body": json.dumps({**body, "rule": rule}), "etag": etags.new()}
        with self._store.write() as connection:
            connection.execute(
                insert(audiences).values(id=made, sandbox_id=sandbox.id, created=moment, updated=moment, **row)
            )
            audit.record(connection, "create", "segment", made, sandbox.id, name=name)
        return self.get(sandbox, made)

    def change(
        self,
        sandbox: Sandbox,
        audience_id: str,
        name: str,
        rule: str,
        body: Mapping[str, Any],
        etag: str | None = None,
    ) -> Audience:
        """Replace what an audience says; raise `StaleEtag` if it is not the one with *etag*."""
        _require(name)
        moment = clock.millis(clock.now())
        values = {"name": name, "body": json.dumps({**body, "rule": rule}), "etag": etags.new(), "updated": moment}
        with self._store.write() as connection:
            _require_etag(connection, sandbox, audience_id, etag)
            connection.execute(update(audiences).where(audiences.c.id == audience_id).values(values))
            audit.record(connection, "update", "segment", audience_id, sandbox.id, name=name)
        return self.get(sandbox, audience_id)

    def get(self, sandbox: Sandbox, audience_id: str) -> Audience:
        """Return an audience by its id; raise `NotFound` if the sandbox has none such."""
        found = self._select(sandbox, audiences.c.id == audience_id)
        if not found:
            raise _absent(sandbox, audience_id)
        return found[0]

    def named(self, sandbox: Sandbox, name_or_id: str) -> list[Audience]:
        """Return the audiences with this id or name."""
        return self._select(sandbox, or_(audiences.c.id == name_or_id, audiences.c.name == name_or_id))

    def all(self, sandbox: Sandbox) -> list[Audience]:
        """Return the sandbox's audiences, newest first."""
        return self._select(sandbox)[::-1]

    def delete(self, sandbox: Sandbox, audience_id: str, etag: str | None = None) -> None:
        """Delete an audience with its membership; raise `StaleEtag` if it is not the one with *etag*."""
        with self._store.write() as connection:
            _require_etag(connection, sandbox, audience_id, etag)
            connection.execute(delete(audiences).where(audiences.c.id == audience_id))
            audit.record(connection, "delete", "segment", audience_id, sandbox.id)

    def membership(self, audience_id: str) -> Membership | None:
        """Return who was in after the last evaluation; None before the first."""
        with self._store.read() as connection:
            row = connection.execute(select(memberships).where(memberships.c.audience_id == audience_id)).first()
        return None if row is None else _membership(row)

    def memberships(self, sandbox: Sandbox) -> list[Membership]:
        """Return who was in after the last evaluation, of each audience that was evaluated."""
        query = select(memberships).join(audiences).where(audiences.c.sandbox_id == sandbox.id)
        with self._store.read() as connection:
            return [_membership(row) for row in connection.execute(query.order_by(audiences.c.created, audiences.c.id))]

    def _select(self, sandbox: Sandbox, *conditions: Any) -> list[Audience]:
        query = select(audiences).where(audiences.c.sandbox_id == sandbox.id, *conditions)
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(audiences.c.created, audiences.c.id)).all()
        return [_audience(row) for row in rows]


def publish(connection: Connection, made: Sequence[Membership]) -> dict[str, str]:
    """Replace the memberships of audiences, but of those that were deleted; return the paths there were before."""
    wanted = [membership.audience_id for membership in made]
    there = set(connection.execute(select(audiences.c.id).where(audiences.c.id.in_(wanted))).scalars())
    mine = memberships.c.audience_id.in_(wanted)
    before = connection.execute(select(memberships.c.audience_id, memberships.c.path).where(mine)).all()
    connection.execute(delete(memberships).where(mine))
    for membership in made:
        if membership.audience_id in there:
            row = {**asdict(membership), "evaluated": clock.millis(membership.evaluated)}
            connection.execute(insert(memberships).values(row))
    return {row.audience_id: row.path for row in before}


def _absent(sandbox: Sandbox, audience_id: str) -> NotFound:
    return NotFound(f"no audience {audience_id!r} in sandbox {sandbox.name}")


def _require_etag(connection: Connection, sandbox: Sandbox, audience_id: str, etag: str | None) -> None:
    mine = (audiences.c.id == audience_id, audiences.c.sandbox_id == sandbox.id)
    current = connection.execute(select(audiences.c.etag).where(*mine)).scalar()
    if current is None:
        raise _absent(sandbox, audience_id)
    etags.require(f"audience {audience_id}", current, etag)


def _require(name: str) -> None:
    if not name.strip():
        raise InvalidInput("an audience needs a name")


def _audience(row: Row[Any]) -> Audience:
    body = json.loads(row.body)
    rule = body.pop("rule")
    created, updated = clock.from_millis(row.created), clock.from_millis(row.updated)
    return Audience(row.id, row.sandbox_id, row.name, rule, body, row.etag, created, updated)


def _membership(row: Row[Any]) -> Membership:
    moment = clock.from_millis(row.evaluated)
    return Membership(row.audience_id, row.job_id, row.path, row.realized, row.exited, moment)

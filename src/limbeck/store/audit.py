"""What was changed, by whom: an event for each change of a resource, written in the transaction of the change.

Who acts is known to whoever takes the call, far above; it travels beside the call, in a context variable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

from limbeck import clock, ids
from limbeck.scope import LOCAL
from limbeck.store.database import Store
from limbeck.store.tables import audit_events

ORGANISATION = ""
"""The place of what belongs to no sandbox: sandboxes themselves, and credentials."""

SUCCESS, FAILURE, DENY = "Success", "Failure", "Deny"


@dataclass(slots=True)
class Actor:
    """Who acts, and on which request; the one who checks the token fills in the client."""

    client_id: str = LOCAL
    request_id: str = ""
    sandbox: str | None = None
    """The id of the sandbox that the request is about, once that is known."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was changed, or was to be."""

    position: int
    id: str
    at: datetime
    sandbox: str
    """The id of the sandbox, or `ORGANISATION`."""
    client_id: str
    action: str
    asset_type: str
    asset_id: str
    asset_name: str
    status: str
    failure_code: str
    request_id: str


_ACTOR: ContextVar[Actor | None] = ContextVar("limbeck_actor", default=None)


def actor() -> Actor:
    """Return who acts: a process on its own home, unless `acting` says otherwise."""
    return _ACTOR.get() or Actor()


@contextmanager
def acting(who: Actor) -> Iterator[Actor]:
    """Let *who* be the one that acts while the block lasts, and in threads that are given its context."""
    token = _ACTOR.set(who)
    try:
        yield who
    finally:
        _ACTOR.reset(token)


def record(
    connection: Connection,
    action: str,
    asset_type: str,
    asset_id: str,
    sandbox: str,
    *,
    name: str = "",
    status: str = SUCCESS,
    failure_code: str = "",
) -> None:
    """Note a change inside the caller's transaction: *action* is create, update, delete, or a verb of the resource's.

    *sandbox* is the id of a sandbox, or `ORGANISATION`.
    """
    who = actor()
    about = {"asset_type": asset_type, "asset_id": asset_id, "asset_name": name, "sandbox": sandbox}
    by = {"client_id": who.client_id, "request_id": who.request_id, "action": action}
    how = {"status": status, "failure_code": failure_code}
    row = {"id": ids.new_uuid(), "at": clock.millis(clock.now()), **about, **by, **how}
    connection.execute(insert(audit_events).values(row))


class Audit:
    """The events of one home."""

    def __init__(self, store: Store, retention: timedelta) -> None:
        self._store = store
        self._retention = retention

    def refused(self, action: str, asset_type: str, asset_id: str, sandbox: str, *, denied: bool, code: str) -> None:
        """Note a change that was not made, because it may not be (*denied*) or cannot be."""
        status = DENY if denied else FAILURE
        with self._store.write() as connection:
            record(connection, action, asset_type, asset_id, sandbox, status=status, failure_code=code)

    def newest(self) -> int:
        """Return the position of the newest event; 0 if there is none."""
        with self._store.read() as connection:
            return connection.execute(select(func.max(audit_events.c.position))).scalar() or 0

    def find(
        self,
        places: Sequence[str],
        wanted: Mapping[str, Sequence[str]],
        *,
        until: int,
        start: int,
        limit: int,
    ) -> list[Event]:
        """Return a page of the events in *places* up to the position *until*, newest first.

        *wanted* has the values that a column may have, whatever their case. Events beyond the retention are not told.
        """
        oldest = clock.millis(clock.now() - self._retention)
        columns = audit_events.c
        those = [func.lower(columns[name]).in_([v.lower() for v in values]) for name, values in wanted.items()]
        query = select(audit_events).where(columns.position <= until, columns.sandbox.in_(places), columns.at >= oldest)
        page = query.where(*those).order_by(columns.position.desc()).limit(limit).offset(start)
        with self._store.read() as connection:
            return [_event(row) for row in connection.execute(page)]

    def forget(self) -> int:
        """Delete the events beyond the retention; return how many."""
        oldest = clock.millis(clock.now() - self._retention)
        with self._store.write() as connection:
            return connection.execute(delete(audit_events).where(audit_events.c.at < oldest)).rowcount


def _event(row: Row[Any]) -> Event:
    return Event(**{**row._mapping, "at": clock.from_millis(row.at)})

"""Work to be done, as leased rows: a dead worker's job is taken over when its lease runs out."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, case, delete, func, insert, or_, select, update

from limbeck import clock, ids
from limbeck.store.database import Store
from limbeck.store.tables import jobs

LEASE_MS = 60_000
"""How long a worker may be silent before its job is given to another."""

MAX_ATTEMPTS = 10
"""A job whose worker died this often is given up: it may be what kills them."""


class Later(Exception):
    """Raised by who does a job: it is not done yet, and is to be taken again after *seconds*."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work: *key* names what it is about, unique for its *kind*."""

    id: str
    kind: str
    key: str
    payload: Mapping[str, Any]
    attempts: int
    """How often it was taken, this time included."""

    @property
    def is_hopeless(self) -> bool:
        """Whether workers died of it so often that it is not to be tried again."""
        return self.attempts > MAX_ATTEMPTS


def enqueue(
    connection: Connection, kind: str, key: str, payload: Mapping[str, Any] | None = None, due: int | None = None
) -> bool:
    """Add a job inside the caller's transaction; return False if *kind* has one for *key* already.

    It is *due* at once, or at a time in milliseconds since 1970.
    """
    known = select(jobs.c.id).where(jobs.c.kind == kind, jobs.c.key == key)
    if connection.execute(known).first():
        return False
    moment = clock.millis(clock.now())
    connection.execute(
        insert(jobs).values(
            id=ids.new_uuid(),
            kind=kind,
            key=key,
            payload=json.dumps(payload or {}),
            status="queued",
            due=moment if due is None else due,
            attempts=0,
            created=moment,
            updated=moment,
        )
    )
    return True


def enqueue_at(connection: Connection, kind: str, owner: str, due: int, payload: Mapping[str, Any]) -> None:
    """Wait for *owner*'s time *due* (milliseconds since 1970) inside the caller's transaction.

    Whoever has a schedule has at most one such job: the queue's own look at what is due is the only clock.
    """
    enqueue(connection, kind, f"{owner}/{due}", {**payload, "moment": due}, due)


def forget(connection: Connection, kind: str, owner: str) -> None:
    """Wait no longer for *owner*'s time, inside the caller's transaction."""
    mine = (jobs.c.kind == kind, jobs.c.key.startswith(f"{owner}/"), jobs.c.status != "leased")
    connection.execute(delete(jobs).where(*mine))


class Queue:
    """The worker's side of the jobs table."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def lease(self, owner: str, kinds: Collection[str] | None = None) -> Job | None:
        """Take the job that is due longest, of *kinds* if given, or None. It is *owner*'s for `LEASE_MS`."""
        moment = clock.millis(clock.now())
        if not self._due(moment, kinds):
            return None
        with self._store.write() as connection:
            row = connection.execute(_due_query(moment, kinds).limit(1).with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            changes = {"updated": moment, "owner": owner, "status": "leased", "due": moment + LEASE_MS}
            connection.execute(update(jobs).where(jobs.c.id == row.id).values(attempts=row.attempts + 1, **changes))
        return _job(row, row.attempts + 1)

    def heartbeat(self, job: Job, owner: str) -> bool:
        """Prolong the lease; return False if the job is no longer *owner*'s."""
        return self._change(job, owner, due=clock.millis(clock.now()) + LEASE_MS)

    def finish(self, job: Job, owner: str, error: str | None = None) -> bool:
        """Mark the job done, or failed with *error*; return False if it is no longer *owner*'s."""
        return self._change(job, owner, status="failed" if error else "done", error=error)

    def postpone(self, job: Job, owner: str, seconds: float) -> bool:
        """Put the job back for a while, as if it had not been taken; return False if it is no longer *owner*'s."""
        due = clock.millis(clock.now()) + int(seconds * 1000)
        return self._change(job, owner, status="queued", due=due, attempts=job.attempts - 1)

    def reclaim(self, is_dead: Callable[[str], bool]) -> int:
        """Make the jobs of dead owners due now, without waiting for their leases; return how many."""
        leased = select(jobs.c.owner).where(jobs.c.status == "leased").distinct()
        with self._store.read() as connection:
            dead = [owner for owner in connection.execute(leased).scalars() if is_dead(owner)]
        if not dead:
            return 0
        with self._store.write() as connection:
            theirs = update(jobs).where(jobs.c.owner.in_(dead), jobs.c.status == "leased")
            return connection.execute(theirs.values(due=clock.millis(clock.now()))).rowcount

    def depth(self) -> dict[str, int]:
        """Return how many jobs are due, wait for their time, are being done, and have failed."""
        moment = clock.millis(clock.now())
        state = case((and_(jobs.c.status == "queued", jobs.c.due > moment), "waiting"), else_=jobs.c.status)
        with self._store.read() as connection:
            rows = connection.execute(select(state, func.count()).group_by(state)).all()
        found = {str(status): int(count) for status, count in rows}
        named = {"due": "queued", "waiting": "waiting", "running": "leased", "failed": "failed"}
        return {name: found.get(status, 0) for name, status in named.items()}

    def _due(self, moment: int, kinds: Collection[str] | None) -> bool:
        with self._store.read() as connection:
            return connection.execute(_due_query(moment, kinds).limit(1)).first() is not None

    def _change(self, job: Job, owner: str, **changes: Any) -> bool:
        with self._store.write() as connection:
            mine = update(jobs).where(jobs.c.id == job.id, jobs.c.owner == owner, jobs.c.status == "leased")
            values = {"updated": clock.millis(clock.now()), **changes}
            return connection.execute(mine.values(values)).rowcount == 1


def _due_query(moment: int, kinds: Collection[str] | None) -> Any:
    ready = or_(jobs.c.status == "queued", jobs.c.status == "leased")
    wanted = [] if kinds is None else [jobs.c.kind.in_(kinds)]
    return select(jobs).where(ready, jobs.c.due <= moment, *wanted).order_by(jobs.c.due, jobs.c.id)


def _job(row: Row[Any], attempts: int) -> Job:
    return Job(row.id, row.kind, row.key, json.loads(row.payload), attempts)

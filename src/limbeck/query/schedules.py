"""Queries that run at times given by a cron expression (REST contract, section 7.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from cronsim import CronSim, CronSimError
from sqlalchemy import Connection

from limbeck import clock
from limbeck.errors import InvalidInput, NotFound, WrongState
from limbeck.query import objects, runs
from limbeck.query.objects import Objects, QueryObject
from limbeck.query.runs import QueryRun, Request
from limbeck.scope import Principal, Sandbox
from limbeck.store import Store, etags
from limbeck.store.queue import Job, enqueue_at, forget

DUE = "query.due"
"""The kind of the job that waits for a schedule's next time."""

KIND = "schedule"


@dataclass(frozen=True, slots=True)
class Timing:
    """When a schedule is due, in UTC."""

    cron: str
    """Minute, hour, day of the month, month, day of the week."""
    start: datetime
    end: datetime | None = None
    most_at_once: int = 1

    @classmethod
    def parse(cls, raw: Any) -> Timing:
        """Read AEP's `schedule`; raise `InvalidInput` that says what is missing or cannot be read."""
        if not isinstance(raw, Mapping) or not raw.get("schedule"):
            raise InvalidInput("a schedule needs schedule.schedule, a cron expression such as 0 6 * * *")
        start = _moment(raw, "startDate") or clock.now()
        timing = cls(str(raw["schedule"]), start, _moment(raw, "endDate"), int(raw.get("maxActiveRuns") or 1))
        timing.after(start)
        if timing.end is not None and timing.end <= timing.start:
            raise InvalidInput("schedule.endDate is not after schedule.startDate")
        return timing

    def after(self, moment: datetime) -> datetime | None:
        """Return the first time after *moment*, None if there is none any more."""
        try:
            found = next(CronSim(self.cron, max(moment, self.start).astimezone(UTC)), None)
        except CronSimError as error:
            told = f'schedule.schedule is "{self.cron}", which is no cron expression: {error}'
            raise InvalidInput(f"{told}; write minute hour day month weekday, as in 0 6 * * 1-5") from error
        return None if found is None or (self.end is not None and found > self.end) else found


@dataclass(frozen=True, slots=True)
class Schedule:
    """A query and when it is run."""

    id: str
    etag: str
    query: Mapping[str, Any]
    """What the client has sent, as it was sent."""
    timing: Mapping[str, Any]
    request: Request
    enabled: bool
    version: int
    client_id: str
    roles: frozenset[str]
    created: datetime
    updated: datetime


class Schedules:
    """The schedules of one home."""

    def __init__(self, store: Store, objects: Objects) -> None:
        self._store = store
        self._objects = objects

    def create(
        self, sandbox: Sandbox, principal: Principal, query: Mapping[str, Any], request: Request, timing: Any
    ) -> Schedule:
        """Save a schedule, which is due from now on.

        *query* is kept to be shown, *request* is what is run. Raise `InvalidInput` for a timing that cannot be read.
        """
        Timing.parse(timing)
        state = {"query": dict(query), "timing": dict(timing), "request": asdict(request), "enabled": True}
        who = {"client_id": principal.client_id, "roles": sorted(principal.roles)}
        with self._store.write() as connection:
            made = objects.create(connection, sandbox, KIND, {**state, **who, "version": 1})
            _arm(connection, sandbox, _schedule(made), clock.now())
        return _schedule(made)

    def get(self, sandbox: Sandbox, schedule_id: str) -> Schedule:
        """Return a schedule; raise `NotFound` if the sandbox has none such."""
        return _schedule(self._objects.get(sandbox, KIND, schedule_id))

    def all(self, sandbox: Sandbox) -> list[Schedule]:
        """Return the sandbox's schedules, oldest first."""
        return [_schedule(found) for found in self._objects.all(sandbox, KIND)]

    def change(
        self,
        sandbox: Sandbox,
        schedule_id: str,
        *,
        enabled: bool | None = None,
        timing: Any = None,
        etag: str | None = None,
    ) -> Schedule:
        """Enable or disable a schedule, or give it another timing; raise `StaleEtag` if it is not that with *etag*."""
        with self._store.write() as connection:
            found = _based_on(connection, sandbox, schedule_id, etag)
            body = {**found.body, "version": found.body["version"] + 1}
            if enabled is not None:
                body["enabled"] = enabled
            if timing is not None:
                Timing.parse(timing)
                body["timing"] = dict(timing)
            changed = _schedule(objects.change(connection, found, body))
            _arm(connection, sandbox, changed, clock.now())
        return changed

    def delete(self, sandbox: Sandbox, schedule_id: str, etag: str | None = None) -> None:
        """Delete a schedule; its runs stay. Raise `StaleEtag` if it is not that with *etag*."""
        with self._store.write() as connection:
            objects.remove(connection, _based_on(connection, sandbox, schedule_id, etag))
            forget(connection, DUE, schedule_id)

    def runs(self, sandbox: Sandbox, schedule_id: str) -> list[QueryRun]:
        """Return the runs of a schedule, oldest first; raise `NotFound` if the sandbox has none such."""
        self.get(sandbox, schedule_id)
        found = self._objects.all(sandbox, runs.KIND)
        return [runs.run_of(run) for run in found if run.name.startswith(f"{schedule_id}/")]

    def run_now(self, sandbox: Sandbox, schedule_id: str) -> QueryRun:
        """Run a schedule's query now, beside its times; raise `WrongState` if it runs as often as it may at once."""
        with self._store.write() as connection:
            schedule = _schedule(objects.load(connection, sandbox, KIND, schedule_id))
            if _is_full(connection, sandbox, schedule):
                raise WrongState(f"schedule {schedule_id} is running; maxActiveRuns says how many runs there may be")
            return _run(connection, sandbox, schedule, clock.now())

    def due(self, job: Job) -> None:
        """Queue the run of a schedule whose time has come, and wait for the next. Only the worker calls this.

        A schedule that runs as often as it may at once is left out this time.
        """
        sandbox, moment = Sandbox(**job.payload["sandbox"]), clock.from_millis(job.payload["moment"])
        with self._store.write() as connection:
            try:
                schedule = _schedule(objects.load(connection, sandbox, KIND, job.payload["schedule"]))
            except NotFound:
                return
            if not schedule.enabled:
                return
            if not _is_full(connection, sandbox, schedule):
                _run(connection, sandbox, schedule, moment)
            _arm(connection, sandbox, schedule, max(moment, clock.now()))


def _based_on(connection: Connection, sandbox: Sandbox, schedule_id: str, etag: str | None) -> QueryObject:
    found = objects.load(connection, sandbox, KIND, schedule_id)
    etags.require(f"schedule {schedule_id}", found.etag, etag)
    return found


def _arm(connection: Connection, sandbox: Sandbox, schedule: Schedule, after: datetime) -> None:
    """Wait for the first time after *after* of an enabled schedule, inside the caller's transaction."""
    forget(connection, DUE, schedule.id)
    due = Timing.parse(schedule.timing).after(after) if schedule.enabled else None
    if due is not None:
        payload = {"sandbox": asdict(sandbox), "schedule": schedule.id}
        enqueue_at(connection, DUE, schedule.id, clock.millis(due), payload)


def _run(connection: Connection, sandbox: Sandbox, schedule: Schedule, moment: datetime) -> QueryRun:
    """Queue a run, once for each moment."""
    name = f"{schedule.id}/{clock.millis(moment)}"
    known = objects.find(connection, sandbox, runs.KIND, name)
    if known is not None:
        return runs.run_of(known)
    principal = Principal(schedule.client_id, sandbox.org_id, schedule.roles)
    return runs.add(connection, sandbox, principal, schedule.request, name)


def _is_full(connection: Connection, sandbox: Sandbox, schedule: Schedule) -> bool:
    found = objects.every(connection, sandbox, runs.KIND)
    mine = [run for run in found if run.name.startswith(f"{schedule.id}/")]
    active = sum(run.body["state"] not in runs.ENDED for run in mine)
    return active >= Timing.parse(schedule.timing).most_at_once


def _moment(raw: Mapping[str, Any], key: str) -> datetime | None:
    if not raw.get(key):
        return None
    try:
        found = datetime.fromisoformat(str(raw[key]))
    except ValueError as error:
        raise InvalidInput(f"schedule.{key} is {raw[key]!r}; write it as 2026-01-31T06:00:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _schedule(found: QueryObject) -> Schedule:
    body = found.body
    return Schedule(
        id=found.id,
        etag=found.etag,
        query=body["query"],
        timing=body["timing"],
        request=Request(**body["request"]),
        enabled=body["enabled"],
        version=body["version"],
        client_id=body["client_id"],
        roles=frozenset(body["roles"]),
        created=found.created,
        updated=found.updated,
    )

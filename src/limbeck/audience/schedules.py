"""Segment jobs at times given by a cron expression of Quartz, once a day at most (profile contract, section 5.5)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cronsim import CronSim, CronSimError
from sqlalchemy import Connection

from limbeck import clock
from limbeck.audience import objects
from limbeck.audience.jobs import EVERY, SegmentJobs, add
from limbeck.audience.objects import SegmentObject
from limbeck.errors import InvalidInput, NotFound, NotServed
from limbeck.scope import Sandbox
from limbeck.store import Store, audit
from limbeck.store.queue import Job, enqueue_at, forget

DUE = "audience.due"
"""The kind of the job that waits for a schedule's next time."""

KIND = "segment schedule"

STATES = ("active", "inactive")


@dataclass(frozen=True, slots=True)
class SegmentSchedule:
    """When which audiences are evaluated."""

    id: str
    body: Mapping[str, Any]
    """What its maker sent: `name`, `schedule`, `state`, `properties` and more."""
    etag: str
    created: datetime
    updated: datetime

    @property
    def is_active(self) -> bool:
        """Whether it starts jobs."""
        return bool(self.body["state"] == "active")

    @property
    def audience_ids(self) -> Sequence[str]:
        """Which audiences it evaluates; `*` alone is every one."""
        return list(self.body["properties"]["segments"])


class SegmentSchedules:
    """The schedules of segment jobs of a home."""

    def __init__(self, store: Store, jobs: SegmentJobs) -> None:
        self._store = store
        self._jobs = jobs

    def create(self, sandbox: Sandbox, body: Mapping[str, Any]) -> SegmentSchedule:
        """Save a schedule, inactive unless it says else; raise `InvalidInput` for what it cannot be."""
        whole = self._checked(sandbox, {"state": "inactive", **body})
        with self._store.write() as connection:
            made = _schedule(objects.create(connection, sandbox, KIND, whole))
            audit.record(connection, "create", KIND, made.id, sandbox.id, name=whole["name"])
            _arm(connection, sandbox, made, clock.now())
        return made

    def get(self, sandbox: Sandbox, schedule_id: str) -> SegmentSchedule:
        """Return a schedule; raise `NotFound` if the sandbox has none such."""
        with self._store.read() as connection:
            return _schedule(objects.load(connection, sandbox, KIND, schedule_id))

    def all(self, sandbox: Sandbox) -> list[SegmentSchedule]:
        """Return the sandbox's schedules, newest first."""
        with self._store.read() as connection:
            return [_schedule(found) for found in objects.every(connection, sandbox, KIND)][::-1]

    def change(
        self, sandbox: Sandbox, schedule_id: str, body: Mapping[str, Any], etag: str | None = None
    ) -> SegmentSchedule:
        """Replace a schedule; raise `InvalidInput` as `create` does, `StaleEtag` if it is not that with *etag*."""
        whole = self._checked(sandbox, body)
        with self._store.write() as connection:
            objects.change(connection, objects.load(connection, sandbox, KIND, schedule_id, etag), whole)
            changed = _schedule(objects.load(connection, sandbox, KIND, schedule_id))
            audit.record(connection, "update", KIND, schedule_id, sandbox.id, name=whole["name"])
            _arm(connection, sandbox, changed, clock.now())
        return changed

    def delete(self, sandbox: Sandbox, schedule_id: str, etag: str | None = None) -> None:
        """Delete a schedule; its jobs stay. Raise `StaleEtag` if it is not that with *etag*."""
        with self._store.write() as connection:
            objects.remove(connection, objects.load(connection, sandbox, KIND, schedule_id, etag))
            audit.record(connection, "delete", KIND, schedule_id, sandbox.id)
            forget(connection, DUE, schedule_id)

    def due(self, job: Job) -> None:
        """Queue the segment job of a schedule whose time has come, and wait for the next. Only the worker calls this.

        What was missed while nobody worked is done once. A time at which there is no audience starts no job.
        """
        sandbox, moment = Sandbox(**job.payload["sandbox"]), clock.from_millis(job.payload["moment"])
        try:
            wanted = self._jobs.known(sandbox, self.get(sandbox, job.payload["schedule"]).audience_ids)
        except NotFound:
            return
        with self._store.write() as connection:
            schedule = _schedule(objects.load(connection, sandbox, KIND, job.payload["schedule"]))
            if schedule.is_active:
                if wanted:
                    add(connection, sandbox, wanted, job_id=_job_id(schedule, moment), schedule_id=schedule.id)
                _arm(connection, sandbox, schedule, max(moment, clock.now()))

    def _checked(self, sandbox: Sandbox, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a schedule's body if it is one."""
        if body.get("type") == "export":
            raise NotServed("schedules of type export are not served; dataflows deliver the members of audiences")
        if body.get("type") != "batch_segmentation":
            raise InvalidInput(f"type is {body.get('type')!r}; it is batch_segmentation")
        if body.get("state") not in STATES:
            raise InvalidInput(f"state is {body.get('state')!r}; it is active or inactive")
        if not isinstance(body.get("name"), str) or not body["name"].strip():
            raise InvalidInput("a schedule needs a name")
        properties = body.get("properties")
        wanted = properties.get("segments") if isinstance(properties, Mapping) else None
        if not isinstance(wanted, list) or not wanted or not all(isinstance(one, str) for one in wanted):
            raise InvalidInput('properties.segments lists ids of audiences, or is ["*"] for all')
        absent = [one for one in wanted if one != EVERY and not self._jobs.known(sandbox, [one])]
        if absent:
            raise NotFound(f"no audience {absent[0]!r} in sandbox {sandbox.name}")
        after(body.get("schedule"), clock.now())
        return dict(body)


def after(cron: Any, moment: datetime) -> datetime | None:
    """Return the first time after *moment* of a Quartz expression in UTC, None if there is none any more.

    Its fields are second, minute, hour, day of the month, month, day of the week (1 is Sunday) and maybe year. Raise
    `InvalidInput` for one that cannot be read, or that comes more than once a day.
    """
    fields = str(cron).split()
    told = f'schedule is "{cron}"'
    if len(fields) not in (6, 7) or (len(fields) == 7 and fields[6] != "*"):
        raise InvalidInput(f"{told}; write second minute hour day month weekday, as in 0 0 1 * * ?")
    if not all(field.isdecimal() for field in fields[:3]) or int(fields[0]) > 59:
        raise InvalidInput(f"{told}; second, minute and hour are numbers: audiences are evaluated once a day at most")
    minute, hour, day, month, weekday = (field.replace("?", "*") for field in fields[1:6])
    second = timedelta(seconds=int(fields[0]))
    try:
        times = CronSim(f"{minute} {hour} {day} {month} {_weekday(weekday)}", (moment - second).astimezone(UTC))
        found = next(times, None)
    except CronSimError as error:
        raise InvalidInput(f"{told}, which is no cron expression: {error}") from error
    return None if found is None else found + second


def _weekday(field: str) -> str:
    """Return a field of Quartz's week days (1 is Sunday) with those of cron (0 is Sunday)."""
    return re.sub(r"(?<![#/])\d+", lambda found: str((int(found[0]) - 1) % 7) if found[0] != "0" else "x", field)


def _arm(connection: Connection, sandbox: Sandbox, schedule: SegmentSchedule, moment: datetime) -> None:
    """Wait for the first time after *moment* of an active schedule, inside the caller's transaction."""
    forget(connection, DUE, schedule.id)
    due = after(schedule.body["schedule"], moment) if schedule.is_active else None
    if due is not None:
        payload = {"sandbox": asdict(sandbox), "schedule": schedule.id}
        enqueue_at(connection, DUE, schedule.id, clock.millis(due), payload)


def _job_id(schedule: SegmentSchedule, moment: datetime) -> str:
    """Return the id of a schedule's job for a moment: however often that is taken up, it is one job."""
    return str(uuid.uuid5(uuid.UUID(schedule.id), str(clock.millis(moment))))


def _schedule(found: SegmentObject) -> SegmentSchedule:
    return SegmentSchedule(found.id, found.body, found.etag, found.created, found.updated)

"""Segment jobs: audiences are evaluated together, and their memberships published at once (profile contract, 5.3)."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from limbeck import clock, crash, ids
from limbeck.audience.definitions import publish
from limbeck.audience.evaluation import Evaluation, Outcome
from limbeck.audience.model import EXITED, REALIZED, Membership, SegmentJob
from limbeck.audience.service import Audiences
from limbeck.errors import InvalidInput, LimbeckError, NotFound
from limbeck.lock import file_lock
from limbeck.scope import Sandbox
from limbeck.store import Store, audit
from limbeck.store.queue import Job, enqueue
from limbeck.store.tables import segment_jobs

EVALUATE = "audience.evaluate"
"""The kind of the job that evaluates audiences."""

ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")

EVERY = "*"
"""Stands for all audiences of the sandbox."""


class SegmentJobs:
    """Evaluations of audiences, and the only place that writes memberships."""

    def __init__(self, store: Store, audiences: Audiences, evaluation: Evaluation, scratch: Path) -> None:
        self._store = store
        self._audiences = audiences
        self._evaluation = evaluation
        self._scratch = scratch

    # -- jobs -----------------------------------------------------------------------------------------------------

    def start(self, sandbox: Sandbox, audience_ids: Sequence[str], evaluated: datetime | None = None) -> SegmentJob:
        """Queue an evaluation at the instant *evaluated* (now); `*` alone is every audience.

        Raise `InvalidInput` for none, `NotFound` for an unknown one.
        """
        wanted, made = self._wanted(sandbox, list(dict.fromkeys(audience_ids))), ids.new_uuid()
        with self._store.write() as connection:
            add(connection, sandbox, wanted, job_id=made, evaluated=evaluated)
            audit.record(connection, "create", "segment job", made, sandbox.id)
        return self.get(sandbox, made)

    def known(self, sandbox: Sandbox, audience_ids: Sequence[str]) -> list[str]:
        """Return those of the audiences that there are; `*` alone is every one."""
        there = [audience.id for audience in self._audiences.definitions.all(sandbox)]
        return there if list(audience_ids) == [EVERY] else [i for i in dict.fromkeys(audience_ids) if i in there]

    def get(self, sandbox: Sandbox, job_id: str) -> SegmentJob:
        """Return a job by its id; raise `NotFound` if the sandbox has none such."""
        found = self._select(segment_jobs.c.sandbox_id == sandbox.id, segment_jobs.c.id == job_id)
        if not found:
            raise NotFound(f"no segment job {job_id!r} in sandbox {sandbox.name}")
        return found[0]

    def all(self, sandbox: Sandbox) -> list[SegmentJob]:
        """Return the sandbox's jobs, newest first."""
        return self._select(segment_jobs.c.sandbox_id == sandbox.id)

    def cancel(self, sandbox: Sandbox, job_id: str) -> None:
        """Cancel a job that has not begun; raise `InvalidInput` for another."""
        self.get(sandbox, job_id)
        if not self._move(job_id, ("QUEUED",), status="CANCELLED"):
            raise InvalidInput(f"segment job {job_id} is no longer waiting and cannot be cancelled")

    # -- work -----------------------------------------------------------------------------------------------------

    def run(self, queued: Job) -> None:
        """Evaluate the audiences of a job and publish all memberships at once. Only the worker calls this.

        Everything is read as the lake is when the job begins. An audience whose rule no longer fits fails alone.
        """
        (job,) = self._select(segment_jobs.c.id == queued.key)
        if not self._move(job.id, ("QUEUED", "PROCESSING"), status="PROCESSING"):
            return
        sandbox, began = Sandbox(**queued.payload), time.time_ns() // 1_000_000
        try:
            # one at a time: each starts from the members that the last one left
            with file_lock(self._scratch / f"evaluating-{sandbox.id}"), self._folder() as folder:
                outcome = self._evaluation.run(sandbox, job.audience_ids, job.evaluated, folder)
                self._publish(job, outcome, _metrics(job, began, outcome))
        except Exception as error:
            self.give_up(job.id, str(error) if isinstance(error, LimbeckError) else type(error).__name__)
            raise

    def give_up(self, job_id: str, reason: str) -> None:
        """Fail a job that cannot be done; memberships stay as they were."""
        (job,) = self._select(segment_jobs.c.id == job_id)
        metrics = _metrics(job, clock.millis(clock.now()), Outcome(0))
        told = {"errors": json.dumps([{"message": reason}]), "metrics": json.dumps(metrics)}
        self._move(job_id, ("QUEUED", "PROCESSING"), status="FAILED", **told)

    def _wanted(self, sandbox: Sandbox, audience_ids: Sequence[str]) -> list[str]:
        definitions = self._audiences.definitions
        found = (
            definitions.all(sandbox) if audience_ids == [EVERY] else [definitions.get(sandbox, i) for i in audience_ids]
        )
        if not found:
            raise InvalidInput("a job evaluates at least one audience; none was named, or there is none")
        return [audience.id for audience in found]

    def _publish(self, job: SegmentJob, outcome: Outcome, metrics: dict[str, Any]) -> None:
        """Name the members' files, and end the job, in one transaction; the files are there before."""
        moment = job.evaluated
        made = [
            Membership(i, job.id, f"{i}/{job.id}.parquet", m.realized, m.exited, moment)
            for i, m in outcome.members.items()
        ]
        for membership in made:
            self._audiences.folder.adopt(outcome.members[membership.audience_id].file, membership.path)
        crash.point("audience.members-placed")
        status = "SUCCEEDED" if made else "FAILED"
        ended = {"status": status, "metrics": json.dumps(metrics), "errors": json.dumps(outcome.errors)}
        with self._store.write() as connection:
            before = publish(connection, made)
            connection.execute(update(segment_jobs).where(segment_jobs.c.id == job.id).values(updated=_now(), **ended))
        crash.point("audience.members-published")
        for membership in made:
            self._remove_old(membership, before.get(membership.audience_id))

    def _remove_old(self, now: Membership, before: str | None) -> None:
        """Remove an audience's files but for the last two: who has just looked which is the newest may yet open it."""
        for file in self._audiences.folder.path(now.audience_id).iterdir():
            name = f"{now.audience_id}/{file.name}"
            if name not in (now.path, before):
                self._audiences.folder.delete(name)

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """Give a folder to write to."""
        folder = self._scratch / f"job-{ids.new_uuid()}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _select(self, *conditions: Any) -> list[SegmentJob]:
        query = select(segment_jobs).where(*conditions)
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(segment_jobs.c.created.desc(), segment_jobs.c.id)).all()
        return [_job(row) for row in rows]

    def _move(self, job_id: str, states: Sequence[str], **values: Any) -> bool:
        """Change a job that is in one of *states*; return False, and change nothing, if it is in none."""
        mine = update(segment_jobs).where(segment_jobs.c.id == job_id, segment_jobs.c.status.in_(states))
        with self._store.write() as connection:
            return bool(connection.execute(mine.values(updated=_now(), **values)).rowcount)


def add(
    connection: Connection,
    sandbox: Sandbox,
    audience_ids: Sequence[str],
    *,
    job_id: str,
    evaluated: datetime | None = None,
    schedule_id: str | None = None,
) -> None:
    """Queue an evaluation inside the caller's transaction, unless there is the job *job_id* already."""
    if not enqueue(connection, EVALUATE, job_id, asdict(sandbox)):
        return
    moment = clock.now()
    row = {
        "status": "QUEUED",
        "audience_ids": json.dumps(list(audience_ids)),
        "metrics": "{}",
        "errors": "[]",
        "evaluated": clock.millis(evaluated or moment),
        "schedule_id": schedule_id,
        "created": clock.millis(moment),
        "updated": clock.millis(moment),
    }
    connection.execute(insert(segment_jobs).values(id=job_id, sandbox_id=sandbox.id, **row))


def _job(row: Row[Any]) -> SegmentJob:
    return SegmentJob(
        id=row.id,
        sandbox_id=row.sandbox_id,
        status=row.status,
        audience_ids=json.loads(row.audience_ids),
        metrics=json.loads(row.metrics),
        errors=json.loads(row.errors),
        evaluated=clock.from_millis(row.evaluated),
        created=clock.from_millis(row.created),
        updated=clock.from_millis(row.updated),
        schedule_id=row.schedule_id,
    )


def _now() -> int:
    return clock.millis(clock.now())


def _metrics(job: SegmentJob, began: int, outcome: Outcome) -> dict[str, Any]:
    """Return the counts of a job in AEP's words; every audience stands in each (profile contract, section 5.3)."""
    ended = _now()
    total = {"startTimeInMs": began, "endTimeInMs": ended, "totalTimeInMs": ended - began}
    members = {i: outcome.members.get(i) for i in job.audience_ids}
    realized = {i: m.realized if m else 0 for i, m in members.items()}
    return {
        "totalTime": total,
        "profileSegmentationTime": total,
        "totalProfiles": outcome.everybody,
        "segmentedProfileCounter": realized,
        "segmentedProfileByNamespaceCounter": {i: dict(m.by_namespace) if m else {} for i, m in members.items()},
        "segmentedProfileByStatusCounter": {
            i: {REALIZED: realized[i], EXITED: m.exited if m else 0} for i, m in members.items()
        },
    }

"""Segment jobs: audiences are evaluated together, and their memberships published at once (profile contract, 5.3)."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, Row, delete, insert, select, update

from limbeck import clock, crash, ids
from limbeck.audience import evaluate
from limbeck.audience.model import EXITED, REALIZED, Audience, SegmentJob
from limbeck.audience.service import Audiences
from limbeck.engine import Engine, Table
from limbeck.errors import InvalidInput, LimbeckError, NotFound
from limbeck.lock import file_lock
from limbeck.profile import Profiles
from limbeck.profile.people import People
from limbeck.scope import Sandbox
from limbeck.store import Store
from limbeck.store.queue import Job, enqueue
from limbeck.store.tables import audiences, memberships, segment_jobs

EVALUATE = "audience.evaluate"
"""The kind of the job that evaluates audiences."""

ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")


class SegmentJobs:
    """Evaluations of audiences, and the only place that writes memberships."""

    def __init__(self, store: Store, audiences: Audiences, profiles: Profiles, engine: Engine, scratch: Path) -> None:
        self._store = store
        self._audiences = audiences
        self._profiles = profiles
        self._engine = engine
        self._scratch = scratch

    def start(self, sandbox: Sandbox, audience_ids: Sequence[str], evaluated: datetime | None = None) -> SegmentJob:
        """Queue an evaluation at the instant *evaluated* (now); raise `NotFound` for an unknown audience."""
        if not audience_ids:
            raise InvalidInput("a job evaluates at least one audience; none was named")
        for audience_id in audience_ids:
            self._audiences.definitions.get(sandbox, audience_id)
        made, moment = ids.new_uuid(), clock.now()
        row = {
            "status": "QUEUED",
            "audience_ids": json.dumps(list(dict.fromkeys(audience_ids))),
            "metrics": "{}",
            "errors": "[]",
            "evaluated": clock.millis(evaluated or moment),
            "created": clock.millis(moment),
            "updated": clock.millis(moment),
        }
        with self._store.write() as connection:
            connection.execute(insert(segment_jobs).values(id=made, sandbox_id=sandbox.id, **row))
            enqueue(connection, EVALUATE, made, asdict(sandbox))
        return self.get(sandbox, made)

    def get(self, sandbox: Sandbox, job_id: str) -> SegmentJob:
        """Return a job by its id; raise `NotFound` if the sandbox has none such."""
        found = [j for j in self.all(sandbox) if j.id == job_id]
        if not found:
            raise NotFound(f"no segment job {job_id!r} in sandbox {sandbox.name}")
        return found[0]

    def all(self, sandbox: Sandbox) -> list[SegmentJob]:
        """Return the sandbox's jobs, newest first."""
        query = select(segment_jobs).where(segment_jobs.c.sandbox_id == sandbox.id)
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(segment_jobs.c.created.desc(), segment_jobs.c.id)).all()
        return [_job(row) for row in rows]

    def cancel(self, sandbox: Sandbox, job_id: str) -> None:
        """Cancel a job that has not begun; raise `InvalidInput` for another."""
        self.get(sandbox, job_id)
        with self._store.write() as connection:
            mine = update(segment_jobs).where(segment_jobs.c.id == job_id, segment_jobs.c.status == "QUEUED")
            if connection.execute(mine.values(status="CANCELLED", updated=_now())).rowcount == 0:
                raise InvalidInput(f"segment job {job_id} is no longer waiting and cannot be cancelled")

    def run(self, queued: Job) -> None:
        """Evaluate the audiences of a job and publish all memberships at once. Only the worker calls this.

        Everything is read as the lake is when the job begins. An audience whose rule no longer fits fails alone.
        """
        job = _job(self._row(queued.key))
        if job.status in ENDED:
            return
        self._mark(job.id, status="PROCESSING")
        sandbox, began = Sandbox(**queued.payload), time.time_ns() // 1_000_000
        folder = self._scratch / f"job-{ids.new_uuid()}"
        folder.mkdir(parents=True)
        try:
            with file_lock(self._scratch / f"evaluating-{sandbox.id}"):  # one at a time: each starts from the last
                self._evaluate(sandbox, job, folder, began)
        except Exception as error:
            self.give_up(job.id, str(error) if isinstance(error, LimbeckError) else type(error).__name__)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def give_up(self, job_id: str, reason: str) -> None:
        """Fail a job that cannot be done; memberships stay as they were."""
        if self._row(job_id).status not in ENDED:
            audience_ids = json.loads(self._row(job_id).audience_ids)
            metrics = _metrics(clock.millis(clock.now()), 0, {i: {} for i in audience_ids})
            self._mark(job_id, status="FAILED", errors=json.dumps([{"message": reason}]), metrics=json.dumps(metrics))

    def _evaluate(self, sandbox: Sandbox, job: SegmentJob, folder: Path, began: int) -> None:
        made: dict[str, Path] = {}
        counted: dict[str, dict[str, dict[str, int]]] = {}
        errors: list[dict[str, str]] = []
        with self._profiles.people(sandbox) as people:
            everybody = self._count(people)
            for audience in self._in_order(sandbox, job.audience_ids, errors):
                try:
                    made[audience.id] = self._members(sandbox, people, audience, job.evaluated, made, folder)
                    counted[audience.id] = self._counts(people, made[audience.id], job.evaluated)
                except LimbeckError as error:
                    errors.append({"segmentId": audience.id, "message": str(error)})
        metrics = _metrics(began, everybody, {i: counted.get(i, {}) for i in job.audience_ids})
        status = "SUCCEEDED" if made else "FAILED"
        self._publish(job, made, counted, status, metrics, errors)

    def _in_order(self, sandbox: Sandbox, wanted: Sequence[str], errors: list[dict[str, str]]) -> list[Audience]:
        """Return the audiences so that one comes after those of the job which it asks for."""
        needed: dict[str, set[str]] = {}
        for audience_id in wanted:
            try:
                audience = self._audiences.definitions.get(sandbox, audience_id)
                needed[audience_id] = self._audiences.needed(sandbox, self._audiences.compile(sandbox, audience.rule))
            except LimbeckError as error:
                errors.append({"segmentId": audience_id, "message": str(error)})
        ranked = sorted(needed, key=lambda i: len(needed[i] & needed.keys()))
        return [self._audiences.definitions.get(sandbox, audience_id) for audience_id in ranked]

    def _members(
        self,
        sandbox: Sandbox,
        people: People,
        audience: Audience,
        now: datetime,
        made: Mapping[str, Path],
        folder: Path,
    ) -> Path:
        rule = self._audiences.compile(sandbox, audience.rule)
        others = {other: made.get(other) or self._audiences.file(other) for other in sorted(rule.audiences)}
        found = {other: path for other, path in others.items() if path is not None}
        tables = evaluate.tables(people, self._audiences.file(audience.id), found)
        with self._engine.session(tables, ordered=True) as session:
            paths = session.write_parquet(evaluate.statement(people, rule, now, found))
            target = folder / f"{audience.id}.parquet"
            _as_one(paths, target)
        return target

    def _counts(self, people: People, path: Path, now: datetime) -> dict[str, dict[str, int]]:
        after = Table("limbeck_after", evaluate.MEMBERSHIP, (str(path),))
        found: dict[str, dict[str, int]] = {"status": {}, "namespace": {}}
        with self._engine.session([after, *people.tables()]) as session:
            for what, name, count in session.fetch(evaluate.counts(now)):
                found[what][name] = count
        return found

    def _count(self, people: People) -> int:
        with self._engine.session(people.tables()) as session:
            ((count,),) = session.fetch(f"SELECT count(*) FROM ({people.persons(())})")
        return int(count)

    def _publish(
        self,
        job: SegmentJob,
        made: Mapping[str, Path],
        counted: Mapping[str, Mapping[str, Mapping[str, int]]],
        status: str,
        metrics: Mapping[str, Any],
        errors: Sequence[Mapping[str, str]],
    ) -> None:
        placed = {audience_id: f"{audience_id}/{job.id}.parquet" for audience_id in made}
        before = {audience_id: self._audiences.definitions.membership(audience_id) for audience_id in made}
        for audience_id, path in made.items():
            self._audiences.folder.adopt(path, placed[audience_id])
        crash.point("audience.members-placed")
        with self._store.write() as connection:
            for audience_id, path_in_folder in placed.items():
                if _exists(connection, audience_id):
                    counts = counted[audience_id]["status"]
                    connection.execute(delete(memberships).where(memberships.c.audience_id == audience_id))
                    connection.execute(
                        insert(memberships).values(
                            audience_id=audience_id,
                            job_id=job.id,
                            path=path_in_folder,
                            realized=counts.get(REALIZED, 0),
                            exited=counts.get(EXITED, 0),
                            evaluated=clock.millis(job.evaluated),
                        )
                    )
            done = {"status": status, "metrics": json.dumps(dict(metrics)), "errors": json.dumps(list(errors))}
            connection.execute(update(segment_jobs).where(segment_jobs.c.id == job.id).values(updated=_now(), **done))
        crash.point("audience.members-published")
        for membership in before.values():
            if membership is not None and membership.path not in placed.values():
                self._audiences.folder.delete(membership.path)

    def _row(self, job_id: str) -> Row[Any]:
        with self._store.read() as connection:
            return connection.execute(select(segment_jobs).where(segment_jobs.c.id == job_id)).one()

    def _mark(self, job_id: str, **values: Any) -> None:
        with self._store.write() as connection:
            connection.execute(update(segment_jobs).where(segment_jobs.c.id == job_id).values(updated=_now(), **values))


def _as_one(paths: Sequence[Path], target: Path) -> None:
    """Move the one file of a result to *target*; several, from a result of many millions, are joined in order."""
    if len(paths) == 1:
        paths[0].replace(target)
        return
    with pq.ParquetWriter(target, evaluate.MEMBERSHIP, compression="zstd") as writer:
        for path in paths:
            for batch in pq.ParquetFile(path).iter_batches():
                writer.write_table(pa.Table.from_batches([batch]).cast(evaluate.MEMBERSHIP))


def _exists(connection: Connection, audience_id: str) -> bool:
    return connection.execute(select(audiences.c.id).where(audiences.c.id == audience_id)).first() is not None


def _job(row: Row[Any]) -> SegmentJob:
    moments = (clock.from_millis(m) for m in (row.evaluated, row.created, row.updated))
    loaded = (json.loads(text) for text in (row.audience_ids, row.metrics, row.errors))
    return SegmentJob(row.id, row.sandbox_id, row.status, *loaded, *moments)


def _now() -> int:
    return clock.millis(clock.now())


def _metrics(began: int, everybody: int, counted: Mapping[str, Mapping[str, Mapping[str, int]]]) -> dict[str, Any]:
    """Return the counts of a job in AEP's words; every audience stands in each (profile contract, section 5.3)."""
    ended = _now()
    total = {"startTimeInMs": began, "endTimeInMs": ended, "totalTimeInMs": ended - began}
    status = {i: found.get("status", {}) for i, found in counted.items()}
    return {
        "totalTime": total,
        "profileSegmentationTime": total,
        "totalProfiles": everybody,
        "segmentedProfileCounter": {i: found.get(REALIZED, 0) for i, found in status.items()},
        "segmentedProfileByNamespaceCounter": {i: found.get("namespace", {}) for i, found in counted.items()},
        "segmentedProfileByStatusCounter": {
            i: {REALIZED: found.get(REALIZED, 0), EXITED: found.get(EXITED, 0)} for i, found in status.items()
        },
    }

"""Runs of flows as rows: pending, in progress, then a success or failed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from limbeck import clock, ids
from limbeck.errors import LimbeckError, NotFound
from limbeck.flow.model import Metrics, Resource, Run
from limbeck.scope import Sandbox
from limbeck.store import Store
from limbeck.store.queue import enqueue
from limbeck.store.tables import flow_runs

RUN = "flow.run"
"""The kind of the job that does a run; its key is the run's id."""


class Runs:
    """The runs of one home."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, sandbox: Sandbox, run_id: str) -> Run:
        """Return a run; raise `NotFound` if the sandbox has none such."""
        found = self._select(flow_runs.c.id == run_id, flow_runs.c.sandbox_id == sandbox.id)
        if not found:
            raise NotFound(f"no flow run {run_id!r} in sandbox {sandbox.name}")
        return found[0]

    def by_id(self, run_id: str) -> Run | None:
        """Return a run, whatever its sandbox, or None if it is gone."""
        return next(iter(self._select(flow_runs.c.id == run_id)), None)

    def find(self, sandbox: Sandbox, flow_ids: Sequence[str] | None = None) -> list[Run]:
        """Return the runs of some flows, or of all, newest first."""
        theirs = [] if flow_ids is None else [flow_runs.c.flow_id.in_(flow_ids)]
        return self._select(flow_runs.c.sandbox_id == sandbox.id, *theirs)

    def start(self, run: Run) -> None:
        """Say that a run is in progress, from now on unless it was begun before."""
        begun = run.started or clock.now()
        with self._store.write() as connection:
            _change(connection, run, status="inProgress", started=clock.millis(begun))

    def succeed(self, run: Run, metrics: Metrics) -> None:
        """End a run well."""
        with self._store.write() as connection:
            _end(connection, run, "success", metrics, [])

    def fail(self, run: Run, error: LimbeckError, metrics: Metrics) -> None:
        """End a run with the error that it came to."""
        entry = {"code": error.details.get("code", error.code), "message": str(error)}
        details = {k: v for k, v in error.details.items() if k != "code" and v is not None}
        with self._store.write() as connection:
            _end(connection, run, "failed", metrics, [{**entry, "details": details}])

    def _select(self, *conditions: Any) -> list[Run]:
        query = select(flow_runs).where(*conditions).order_by(flow_runs.c.created.desc(), flow_runs.c.id)
        with self._store.read() as connection:
            return [_run(row) for row in connection.execute(query)]


def add(connection: Connection, flow: Resource, payload: Mapping[str, Any]) -> str:
    """Add a pending run, and the job that does it, inside the caller's transaction; return its id."""
    run_id = ids.new_uuid()
    row = {"id": run_id, "sandbox_id": flow.sandbox_id, "flow_id": flow.id, "status": "pending"}
    moment = clock.millis(clock.now())
    values = {"payload": json.dumps(dict(payload)), "metrics": "{}", "created": moment}
    connection.execute(insert(flow_runs).values(**row, **values))
    enqueue(connection, RUN, run_id)
    return run_id


def add_scheduled(connection: Connection, flow: Resource, moment: int) -> None:
    """Add the run of a flow that was due at *moment*, once, unless one is not yet done, inside the transaction."""
    mark = {"scheduled": moment}
    known = flow_runs.c.payload.startswith(json.dumps(mark).rstrip("}"), autoescape=True)
    query = select(flow_runs.c.id).where(flow_runs.c.flow_id == flow.id, known | flow_runs.c.completed.is_(None))
    if connection.execute(query).first() is None:
        add(connection, flow, mark)


def of_flow(connection: Connection, flow_id: str) -> list[Run]:
    """Return the runs of a flow, inside the caller's transaction."""
    return [_run(row) for row in connection.execute(select(flow_runs).where(flow_runs.c.flow_id == flow_id))]


def statuses(connection: Connection, flow_id: str) -> set[str]:
    """Return the statuses that the runs of a flow have, inside the caller's transaction."""
    query = select(flow_runs.c.status).where(flow_runs.c.flow_id == flow_id).distinct()
    return set(connection.execute(query).scalars())


def remember(connection: Connection, run: Run, **more: Any) -> None:
    """Add to what a run needs to go on after a crash, inside the caller's transaction."""
    _change(connection, run, payload=json.dumps({**run.payload, **more}))


def _end(connection: Connection, run: Run, status: str, metrics: Metrics, errors: Sequence[Mapping[str, Any]]) -> None:
    told = json.dumps({"metrics": asdict(metrics), "errors": errors}, default=str)
    _change(connection, run, status=status, metrics=told, completed=clock.millis(clock.now()))


def _change(connection: Connection, run: Run, **changes: Any) -> None:
    """Change a run; one that has ended stays as it is."""
    mine = update(flow_runs).where(flow_runs.c.id == run.id, flow_runs.c.completed.is_(None))
    connection.execute(mine.values(changes))


def _run(row: Row[Any]) -> Run:
    told = json.loads(row.metrics)
    metrics = told.get("metrics", {})
    return Run(
        id=row.id,
        sandbox_id=row.sandbox_id,
        flow_id=row.flow_id,
        status=row.status,
        payload=json.loads(row.payload),
        metrics=Metrics(**{**metrics, "messages": tuple(metrics.get("messages", ()))}),
        errors=told.get("errors", []),
        created=clock.from_millis(row.created),
        started=None if row.started is None else clock.from_millis(row.started),
        completed=None if row.completed is None else clock.from_millis(row.completed),
    )

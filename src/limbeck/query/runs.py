"""Queries that run as jobs: submitted, polled, cancelled, kept as history (REST contract, section 7.1)."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from limbeck import clock, crash
from limbeck.engine import Interrupt
from limbeck.errors import (
    Cancelled,
    Internal,
    InvalidInput,
    LimbeckError,
    NotFound,
    ShuttingDown,
    StaleEtag,
    WrongState,
)
from limbeck.lake.datasets import table_name
from limbeck.query import database, objects, templates
from limbeck.query.database import Database
from limbeck.query.objects import QueryObject
from limbeck.query.service import QueryService
from limbeck.query.split import pieces
from limbeck.query.text import substituted
from limbeck.scope import Principal, Sandbox
from limbeck.store import Store
from limbeck.store.queue import Job, enqueue

RUN = "query.run"
"""The kind of the job that runs a query."""

KIND = "query"

ENDED = ("SUCCESS", "FAILED", "KILLED")

LOOK_S = 0.5
"""How often a running query looks whether it is to be cancelled, perhaps by another process."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be run, and how."""

    db_name: str
    sql: str = ""
    name: str = ""
    description: str = ""
    template_id: str = ""
    parameters: Mapping[str, str] | None = None
    """Values of `$name`s."""
    into: str = ""
    """Name of the dataset that the rows go to; empty for none."""
    makes: bool = False
    """That dataset is to be made."""
    schema: str = ""
    """Title of the schema that it follows; empty for one of its own."""


@dataclass(frozen=True, slots=True)
class QueryRun:
    """One run of a query."""

    id: str
    state: str
    """SUBMITTED, IN_PROGRESS, or one of `ENDED`."""
    request: Request
    sql: str
    """The text that is run, parameters filled in."""
    client_id: str
    errors: tuple[Mapping[str, Any], ...]
    rows: int
    writing: bool
    """The statement that was begun last writes."""
    deleted: bool
    created: datetime
    updated: datetime
    started: int | None
    ended: int | None
    """Milliseconds since 1970."""

    @property
    def elapsed_ms(self) -> int:
        """How long it has run, or ran."""
        if self.started is None:
            return 0
        return (clock.millis(clock.now()) if self.ended is None else self.ended) - self.started


class QueryRuns:
    """The runs of one home."""

    def __init__(self, store: Store, query: QueryService) -> None:
        self._store = store
        self._query = query
        self._running: set[Interrupt] = set()
        self._stopping = False

    def submit(self, sandbox: Sandbox, principal: Principal, request: Request) -> QueryRun:
        """Queue a query; raise `NotFound` for an unknown template, `SqlSyntaxError` for a parameter without value."""
        with self._store.write() as connection:
            return add(connection, sandbox, principal, request)

    def get(self, sandbox: Sandbox, run_id: str) -> QueryRun:
        """Return a run; raise `NotFound` if the sandbox has none such."""
        return run_of(self._query.objects.get(sandbox, KIND, run_id))

    def all(self, sandbox: Sandbox) -> list[QueryRun]:
        """Return the sandbox's runs, oldest first."""
        return [run_of(found) for found in self._query.objects.all(sandbox, KIND)]

    def cancel(self, sandbox: Sandbox, run_id: str) -> None:
        """End a run that waits or is going on; raise `WrongState` for one that has ended."""
        if not self._move(sandbox, run_id, "cancel", state="KILLED", ended=clock.millis(clock.now())):
            raise WrongState(f"query {run_id} has ended and cannot be cancelled")

    def delete(self, sandbox: Sandbox, run_id: str, *, softly: bool = False) -> None:
        """Forget a run, or *softly* leave it out of lists; raise `WrongState` for one that has not ended."""
        found = self._query.objects.get(sandbox, KIND, run_id)
        if run_of(found).state not in ENDED:
            raise WrongState(f"query {run_id} has not ended; cancel it first")
        if softly:
            self._query.objects.change(found, {**found.body, "deleted": True}, "hide")
        else:
            self._query.objects.remove(found)

    # -- work --------------------------------------------------------------------------------------------------

    def run(self, job: Job) -> None:
        """Run a query. Only the worker calls this.

        A query whose process died is run again, unless it had begun a statement that writes: it may have written.
        """
        sandbox = Sandbox(**job.payload["sandbox"])
        try:
            run = self.get(sandbox, job.key)
        except NotFound:
            return
        if run.state == "IN_PROGRESS" and run.writing:
            told = "its process ended while it wrote; look at what it has written before it is submitted again"
            self._end(sandbox, run.id, Internal(told))
        elif run.state not in ENDED:
            self._run(sandbox, run, Principal(run.client_id, sandbox.org_id, frozenset(job.payload["roles"])))

    def give_up(self, job: Job, reason: str) -> None:
        """Fail a query that cannot be run."""
        self._end(Sandbox(**job.payload["sandbox"]), job.key, Internal(f"the query was given up: {reason}"))

    def stop(self) -> None:
        """End what is running or begins now, because its process ends; that fails it, and the reason is told."""
        self._stopping = True
        for interrupt in list(self._running):
            interrupt.now(_stopped())

    def _run(self, sandbox: Sandbox, run: QueryRun, principal: Principal) -> None:
        if not self._move(sandbox, run.id, state="IN_PROGRESS", started=clock.millis(clock.now())):
            return
        crash.point("query.run.started")
        failure: LimbeckError | None = None
        rows = 0
        try:
            with self._watched(sandbox, run.id) as interrupt:
                rows = self._statements(sandbox, run, principal, interrupt)
        except Cancelled:
            return
        except LimbeckError as error:
            failure = error
        except Exception as error:
            self._end(sandbox, run.id, Internal(f"{type(error).__name__}; the log tells more"))
            raise
        crash.point("query.run.done")
        self._end(sandbox, run.id, failure, rows)

    def _statements(self, sandbox: Sandbox, run: QueryRun, principal: Principal, interrupt: Interrupt) -> int:
        """Run the statements one after the other; return how many rows the last one gave or wrote."""
        rows = 0
        session = database.session(
            self._query.services.lake, self._query.objects, sandbox, Database.of(run.request.db_name)
        )
        session.is_batch = True
        try:
            for _, text in pieces(_wrapped(run)):
                interrupt.check()
                writes = self._query.writes(text)
                self._move(sandbox, run.id, writing=writes)
                result = self._query.run(sandbox, text, principal=principal, session=session, interrupt=interrupt)
                with result:
                    counted = sum(batch.num_rows for batch in result.batches())
                rows = counted if result.affected is None else result.affected
        finally:
            session.close()
        return rows

    def _end(self, sandbox: Sandbox, run_id: str, failure: LimbeckError | None, rows: int = 0) -> None:
        errors = [] if failure is None else [_told(failure)]
        state = "SUCCESS" if failure is None else "FAILED"
        self._move(sandbox, run_id, state=state, errors=errors, rows=rows, ended=clock.millis(clock.now()))

    def _move(self, sandbox: Sandbox, run_id: str, action: str | None = None, **changes: Any) -> bool:
        """Change a run that has not ended; return whether it could be. *action* is how the audit calls it."""
        while True:
            try:
                found = self._query.objects.get(sandbox, KIND, run_id)
            except NotFound:
                return False
            if found.body["state"] in ENDED:
                return False
            try:
                self._query.objects.change(found, {**found.body, **changes}, action)
            except StaleEtag:
                continue
            return True

    @contextmanager
    def _watched(self, sandbox: Sandbox, run_id: str) -> Iterator[Interrupt]:
        """Give an interrupt that is pulled when the run is cancelled, by this process or another."""
        interrupt, done = Interrupt(), threading.Event()
        self._running.add(interrupt)
        if self._stopping:
            interrupt.now(_stopped())

        def watch() -> None:
            while not done.wait(LOOK_S):
                if self.get(sandbox, run_id).state == "KILLED":
                    interrupt.now()
                    return

        watcher = threading.Thread(target=watch, name="limbeck-query-watch", daemon=True)
        watcher.start()
        try:
            yield interrupt
        finally:
            self._running.discard(interrupt)
            done.set()
            watcher.join()


def add(
    connection: Connection, sandbox: Sandbox, principal: Principal, request: Request, name: str | None = None
) -> QueryRun:
    """Queue a query inside the caller's transaction, called *name* or like its id."""
    sql = _text(connection, sandbox, request)
    if not sql.strip():
        raise InvalidInput("a query needs sql or templateId")
    body = {
        "state": "SUBMITTED",
        "request": asdict(request),
        "sql": sql,
        "client_id": principal.client_id,
        "errors": [],
        "rows": 0,
    }
    made = objects.create(connection, sandbox, KIND, body, name=name, created_by=principal.client_id)
    enqueue(connection, RUN, made.id, {"sandbox": asdict(sandbox), "roles": sorted(principal.roles)})
    return run_of(made)


def _text(connection: Connection, sandbox: Sandbox, request: Request) -> str:
    """Return the text that is run: of the request or its template, with parameters and other templates put in."""
    sql = request.sql
    if request.template_id:
        sql = str(objects.load(connection, sandbox, templates.KIND, request.template_id).body["sql"])
    return templates.put_in(connection, sandbox, substituted(sql, request.parameters or {}))


def _wrapped(run: QueryRun) -> str:
    """Return the text, as a CTAS or INSERT if its rows are to go to a dataset."""
    request = run.request
    if not request.into:
        return run.sql
    table, query = table_name(request.into), run.sql.strip().rstrip(";")
    if not request.makes:
        return f"INSERT INTO {table}\n{query}"
    titled = request.schema.replace("'", "''")
    followed = f" WITH (schema='{titled}')" if request.schema else ""
    return f"CREATE TABLE {table}{followed} AS\n{query}"


def _stopped() -> ShuttingDown:
    return ShuttingDown("the server was stopped while the query ran; submit it again")


def _told(failure: LimbeckError) -> dict[str, Any]:
    return {"code": failure.sqlstate, "message": str(failure), "errorType": "USER_ERROR"}


def run_of(found: QueryObject) -> QueryRun:
    """Return the run that an object of the kind `query` is."""
    body = found.body
    return QueryRun(
        id=found.id,
        state=body["state"],
        request=Request(**body["request"]),
        sql=body["sql"],
        client_id=body["client_id"],
        errors=tuple(body["errors"]),
        rows=body["rows"],
        writing=bool(body.get("writing")),
        deleted=bool(body.get("deleted")),
        created=found.created,
        updated=found.updated,
        started=body.get("started"),
        ended=body.get("ended"),
    )

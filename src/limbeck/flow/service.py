"""Flow Service: connections, flows and mapping sets, and the runs that the worker does (REST contract, section 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from limbeck import clock
from limbeck.disk import Leftover
from limbeck.errors import (
    Conflict,
    DiskFull,
    Internal,
    InvalidInput,
    LandingZoneError,
    LimbeckError,
    NotFound,
    NotServed,
    WrongState,
)
from limbeck.flow import export, resources, runs, source
from limbeck.flow.checks import Checks
from limbeck.flow.landingzone import LandingZone
from limbeck.flow.model import Metrics, Resource, ResourceKind, Run, Runner
from limbeck.flow.resources import Body, Resources
from limbeck.flow.runs import Runs
from limbeck.flow.schedule import Schedule
from limbeck.flow.specs import Kind
from limbeck.ingest import Ingest
from limbeck.lake import Lake
from limbeck.registry import Registry
from limbeck.scope import Sandbox
from limbeck.store import Store, audit, queue
from limbeck.store.queue import Later
from limbeck.store.tables import organisations, sandboxes

PASSING = (LandingZoneError, DiskFull)
"""What may be over when a run is tried again."""

MOST_TRIES = 3

DUE = "flow.due"
"""The kind of the job that waits for a flow's next time."""


class FlowService:
    """The flows of one home. *runners* does the work, by the kind of flow; a kind without a runner is not served."""

    def __init__(
        self,
        store: Store,
        lake: Lake,
        registry: Registry,
        ingest: Ingest,
        zone: LandingZone,
        runners: Mapping[Kind, Runner],
        retry_s: float = 0.0,
    ) -> None:
        self.resources = Resources(store)
        self.runs = Runs(store)
        self.zone = zone
        self._store = store
        self._lake = lake
        self._registry = registry
        self._ingest = ingest
        self._runners = runners
        self._retry_s = retry_s

    # -- resources ---------------------------------------------------------------------------------------------

    def create(self, sandbox: Sandbox, kind: ResourceKind, body: Body) -> Resource:
        """Store a connection, flow or mapping set; a flow with a schedule is due from now on.

        Raise `InvalidInput` that says what is missing or does not fit, `NotServed` for what is not served.
        """
        with self._store.write() as connection:
            made = resources.create(connection, sandbox, kind, body)
            self._check(connection, sandbox, made)
            if kind == "flow":
                _arm(connection, made)
        return made

    def patch(
        self,
        sandbox: Sandbox,
        kind: ResourceKind,
        resource_id: str,
        operations: Sequence[Mapping[str, Any]],
        etag: str | None,
    ) -> Resource:
        """Apply a JSON Patch, all of it or nothing.

        Raise `EtagMissing` without *etag*, `StaleEtag` if the resource has changed since, and what `create` raises.
        """
        with self._store.write() as connection:
            found = resources.load(connection, sandbox, kind, resource_id)
            return self._changed(connection, sandbox, found, resources.patched(found, operations, etag))

    def replace(
        self,
        sandbox: Sandbox,
        kind: ResourceKind,
        resource_id: str,
        body: Body | Callable[[Body], Body],
        etag: str | None = None,
    ) -> Resource:
        """Replace a resource's body, by another or by what becomes of it.

        Raise `StaleEtag` if it is not that with *etag*, and what `create` raises.
        """
        with self._store.write() as connection:
            found = resources.load(connection, sandbox, kind, resource_id)
            resources.require_etag(found, etag)
            return self._changed(connection, sandbox, found, body(found.body) if callable(body) else body)

    def set_state(self, sandbox: Sandbox, flow_id: str, state: str) -> Resource:
        """Enable or disable a flow: `enabled` or `disabled`."""
        with self._store.write() as connection:
            found = resources.load(connection, sandbox, "flow", flow_id)
            changed = resources.change(connection, found, {**found.body, "state": state})
            _arm(connection, changed)
        return changed

    def delete(self, sandbox: Sandbox, kind: ResourceKind, resource_id: str, etag: str | None = None) -> None:
        """Delete a resource.

        Raise `Conflict` for one that a flow needs, `WrongState` for a flow of which a run is in progress, `StaleEtag`
        if it is not that with *etag*.
        """
        with self._store.write() as connection:
            found = resources.load(connection, sandbox, kind, resource_id)
            resources.require_etag(found, etag)
            if kind == "flow" and "inProgress" in runs.statuses(connection, found.id):
                raise WrongState(f"a run of flow {found.id} is in progress; delete it when that has ended")
            user = next((f for f in resources.every(connection, sandbox, "flow") if _uses(f, found.id)), None)
            if user is not None:
                raise Conflict(f'flow "{user.body.get("name")}" ({user.id}) needs {found.id}; delete the flow first')
            resources.remove(connection, found)
            queue.forget(connection, DUE, found.id)

    def _changed(self, connection: Connection, sandbox: Sandbox, found: Resource, body: Body) -> Resource:
        changed = resources.change(connection, found, body)
        self._check(connection, sandbox, changed)
        if changed.kind == "flow" and changed.timing != found.timing:
            _arm(connection, changed)
        return changed

    def _check(self, connection: Connection, sandbox: Sandbox, found: Resource) -> None:
        checks = Checks(connection, sandbox, self._lake, self._registry)
        checks.check(found)
        for flow in [found] if found.kind == "flow" else _led_by(connection, sandbox, found):
            if found.kind == "mappingSet":
                checks.check(flow)
            self._runner(checks.kind(flow)).check(flow, checks.target(flow))

    def _runner(self, kind: Kind) -> Runner:
        if kind not in self._runners:
            raise NotServed(f"flows of the kind {kind} are not served by this version; served: {self._served()}")
        return self._runners[kind]

    def _served(self) -> str:
        return ", ".join(self._runners)

    # -- runs --------------------------------------------------------------------------------------------------

    def run(self, sandbox: Sandbox, flow_id: str, **payload: Any) -> Run:
        """Queue a run of a flow, which is listed at once; *payload* tells its runner more.

        Raise `WrongState` for a flow that is disabled.
        """
        (run,) = self._queue(sandbox, [(flow_id, payload)])
        return run

    def run_datasets(self, sandbox: Sandbox, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[Run]:
        """Queue an export of some of their datasets for each of several flows, or of none.

        Raise `InvalidInput` for a flow that exports no datasets, or not these.
        """
        for flow_id, dataset_ids in wanted:
            self._require_exported(sandbox, flow_id, dataset_ids)
        return self._queue(sandbox, [(flow_id, {"datasets": list(dataset_ids)}) for flow_id, dataset_ids in wanted])

    def run_audiences(self, sandbox: Sandbox, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[Run]:
        """Queue a delivery of some of their audiences for each of several flows, or of none.

        Raise `InvalidInput` for a flow that delivers no audiences, `NotServed` if nothing does.
        """
        self._runner("activation")
        for flow_id, _ in wanted:
            flow = self.resources.get(sandbox, "flow", flow_id)
            if self._kind(sandbox, flow) != "activation":
                raise InvalidInput(f"flow {flow.id} delivers no audiences: its flow spec is not allowed here")
        return self._queue(sandbox, [(flow_id, {"audiences": list(audience_ids)}) for flow_id, audience_ids in wanted])

    def work(self, run_id: str) -> None:
        """Do a run, or go on with it after a crash. Only the worker calls this."""
        run = self.runs.by_id(run_id)
        if run is None or run.is_ended:
            return
        self.runs.start(run)
        try:
            metrics = self._metrics(run)
        except Later:
            raise
        except PASSING as error:
            self._retry(run, error)
        except LimbeckError as error:
            self._fail(run, error)
        except Exception as error:
            self._fail(run, Internal(f"run {run.id} could not be done: {type(error).__name__}: {error}"))
            raise
        else:
            self.runs.succeed(run, metrics)

    def _retry(self, run: Run, error: LimbeckError) -> None:
        """Try a run again later, or fail it if it was tried often enough."""
        now = self.runs.by_id(run.id) or run
        tries = [*now.payload.get("tries", ()), {"at": clock.millis(clock.now()), "error": str(error)}]
        if len(tries) >= MOST_TRIES:
            self._fail(run, error)
            return
        with self._store.write() as connection:
            runs.remember(connection, now, tries=tries)
        raise Later(self._retry_s * 4 ** (len(tries) - 1))

    def give_up(self, run_id: str, reason: str) -> None:
        """Fail a run that cannot be done, and its batch."""
        run = self.runs.by_id(run_id)
        if run is not None and not run.is_ended:
            self._fail(run, Internal(f"run {run.id} was given up: {reason}"))

    def due(self, flow_id: str, moment: int) -> None:
        """Queue the run of a flow whose time *moment* (milliseconds since 1970) has come, and wait for the next.

        A flow of which a run is not yet done gets no second one. Only the worker calls this.
        """
        with self._store.write() as connection:
            flow = resources.by_id(connection, flow_id)
            if flow is None or not flow.is_enabled:
                return
            runs.add_scheduled(connection, flow, moment)
            _arm(connection, flow, after=moment)

    def sweep(self) -> int:
        """Remove what killed exports left behind; return how many folders."""
        with suppress(LandingZoneError):
            return export.sweep(self.zone, self.runs)
        return 0

    def leftovers(self, before: datetime) -> Iterator[Leftover]:
        """Yield what killed exports left behind, and the exports from before *before*."""
        with suppress(LandingZoneError):
            yield from export.leftovers(self.zone, self.runs, before)

    def _queue(self, sandbox: Sandbox, wanted: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Run]:
        """Queue runs of several flows, each with its payload, or none.

        Raise `WrongState` for a flow that is disabled, and what its runner says against it.
        """
        with self._store.write() as connection:
            checks = Checks(connection, sandbox, self._lake, self._registry)
            run_ids = []
            for flow_id, payload in wanted:
                flow = resources.load(connection, sandbox, "flow", flow_id)
                if not flow.is_enabled:
                    raise WrongState(f"flow {flow.id} is disabled; enable it first")
                self._runner(checks.kind(flow)).check_run(flow, payload)
                run_ids.append(runs.add(connection, flow, payload))
                audit.record(connection, "run", "flow", flow.id, sandbox.id, name=str(flow.body.get("name", "")))
        return [self.runs.get(sandbox, run_id) for run_id in run_ids]

    def _metrics(self, run: Run) -> Metrics:
        with self._store.read() as connection:
            sandbox = _sandbox(connection, run.sandbox_id)
        flow = self.resources.get(sandbox, "flow", run.flow_id)
        return self._runner(self._kind(sandbox, flow)).run(sandbox, flow, run)

    def _kind(self, sandbox: Sandbox, flow: Resource) -> Kind:
        with self._store.read() as connection:
            return Checks(connection, sandbox, self._lake, self._registry).kind(flow)

    def _fail(self, run: Run, error: LimbeckError) -> None:
        """Fail a run, and the batch that it made if that has not ended: its files are to be taken again."""
        now = self.runs.by_id(run.id) or run
        metrics = Metrics(messages=tuple(now.payload.get("messages", ())))
        if "batch" in now.payload:
            with suppress(NotFound):
                self._ingest.give_up(now.payload["batch"], str(error))
                metrics = source.metrics_of(self._lake.batches.by_id(now.payload["batch"]), now)
            self._ingest.discard(run.id)
        self.runs.fail(run, error, metrics)

    def _require_exported(self, sandbox: Sandbox, flow_id: str, dataset_ids: Sequence[str]) -> None:
        flow = self.resources.get(sandbox, "flow", flow_id)
        if self._kind(sandbox, flow) != "export":
            raise InvalidInput(f"flow {flow.id} exports no datasets: its flow spec is not allowed here")
        origin = self.resources.get(sandbox, "sourceConnection", flow.body["sourceConnectionIds"][0])
        known = export.dataset_ids(origin)
        other = next((d for d in dataset_ids if d not in known), None)
        if other is not None:
            raise InvalidInput(f"flow {flow.id} does not export dataset {other!r}; it exports {', '.join(known)}")


# -- waiting for a flow's time -----------------------------------------------------------------------------------


def _arm(connection: Connection, flow: Resource, after: int | None = None) -> None:
    """Wait for the next time of an enabled flow, inside the caller's transaction; *after* is its last one."""
    queue.forget(connection, DUE, flow.id)
    schedule = Schedule.parse(flow.body.get("scheduleParams")) if flow.is_enabled else None
    if schedule is None:
        return
    now = clock.millis(clock.now())
    due = schedule.first(now) if after is None else schedule.after(after, now)
    if due is not None:
        queue.enqueue_at(connection, DUE, flow.id, due, {"flow": flow.id})


def _led_by(connection: Connection, sandbox: Sandbox, part: Resource) -> list[Resource]:
    """Return the flows whose target or mapping set *part* is."""
    flows = resources.every(connection, sandbox, "flow") if part.kind in ("targetConnection", "mappingSet") else []
    return [flow for flow in flows if _uses(flow, part.id)]


def _uses(flow: Resource, resource_id: str) -> bool:
    mapping_ids = [source.mapped_by(step) for step in flow.steps]
    return resource_id in (*flow.body["sourceConnectionIds"], *flow.body["targetConnectionIds"], *mapping_ids)


def _sandbox(connection: Connection, sandbox_id: str) -> Sandbox:
    query = select(sandboxes, organisations.c.tenant).join(organisations).where(sandboxes.c.id == sandbox_id)
    row = connection.execute(query).one()
    return Sandbox(row.id, row.name, row.org_id, row.tenant, row.type)

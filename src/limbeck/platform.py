"""The platform: every service of one home, built by hand, bottom floor first."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self

from limbeck import clock
from limbeck.access import Access
from limbeck.activation import ActivationRunner, Deliveries, selected_audiences
from limbeck.audience import Audiences, Previews, SegmentJobs, SegmentSchedules
from limbeck.audience.evaluation import Evaluation
from limbeck.audience.jobs import EVALUATE
from limbeck.audience.previews import PREVIEW
from limbeck.audience.schedules import DUE as SEGMENTS_DUE
from limbeck.disk import Leftover
from limbeck.engine import Engine
from limbeck.errors import HomeError
from limbeck.files import Folder
from limbeck.flow import FlowService, LandingZone, Resources
from limbeck.flow.blobs import Blobs
from limbeck.flow.export import DatasetExport
from limbeck.flow.model import Runner
from limbeck.flow.runs import RUN
from limbeck.flow.service import DUE
from limbeck.flow.source import FilePickup
from limbeck.flow.specs import Kind
from limbeck.flow.storage import FolderStorage, storage_of
from limbeck.identity import Identities
from limbeck.identity.service import CURSOR as IDENTITY_CURSOR
from limbeck.ingest import batches
from limbeck.ingest.batches import Ingest
from limbeck.ingest.diagnostics import Diagnostics
from limbeck.lake import Lake, maintain
from limbeck.lake.delta import CURSOR as DELTA_CURSOR
from limbeck.lake.delta import DeltaLogs
from limbeck.lake.insights import Insights
from limbeck.lake.maintain import Expired, sweep
from limbeck.profile import Profiles
from limbeck.query.runs import RUN as QUERY_RUN
from limbeck.query.runs import QueryRuns
from limbeck.query.schedules import DUE as QUERY_DUE
from limbeck.query.schedules import Schedules
from limbeck.query.service import QueryService
from limbeck.registry import Registry
from limbeck.scope import Sandbox
from limbeck.settings import Settings
from limbeck.store import Store
from limbeck.store.audit import Audit
from limbeck.store.queue import Job, Queue
from limbeck.worker import Handler, Worker

FEED_READERS = (DELTA_CURSOR, IDENTITY_CURSOR)
"""Who follows the feed of published snapshots."""


class Platform:
    """All services of one home. Several processes may open the same home at once.

    Raise `HomeError` if the folder cannot be written or was made by a newer version.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        _prepare(settings)
        self.store = Store.open(settings.store_url)
        self.queue = Queue(self.store)
        self.audit = Audit(self.store, timedelta(days=settings.audit_retention_days))
        self.access = Access(self.store, settings.token_lifetime_s)
        self.engine = Engine(
            settings.scratch,
            settings.engine_memory_mib,
            settings.engine_slots,
            settings.engine_threads,
            settings.engine_spill_mib,
        )
        self.registry = Registry(self.store, unique_titles=settings.unique_titles)
        self.lake = Lake(self.store, self.registry, settings.lake)
        self.insights = Insights(self.store)
        self.delta = DeltaLogs(self.store, self.lake)
        self.ingest = Ingest(
            self.store,
            self.lake,
            self.engine,
            Folder(settings.staging),
            Folder(settings.scratch),
            Diagnostics(self.store, Folder(settings.diagnostics)),
        )
        self.query = QueryService(
            self.store,
            self.lake,
            self.registry,
            self.engine,
            settings.scratch,
            settings.statement_timeout_s,
            settings.batch_timeout_s,
        )
        self.query_runs = QueryRuns(self.store, self.query)
        self.query_schedules = Schedules(self.store, self.query.objects)
        self.identities = Identities(self.store, self.lake, self.engine)
        self.profiles = Profiles(self.lake, self.registry, self.identities, self.engine, settings.scratch)
        self.audiences = Audiences(self.store, self.profiles, self.engine, Folder(settings.home / "audiences"))
        evaluation = Evaluation(self.audiences, self.profiles, self.engine)
        self.segment_jobs = SegmentJobs(self.store, self.audiences, evaluation, settings.scratch)
        self.segment_schedules = SegmentSchedules(self.store, self.segment_jobs)
        self.previews = Previews(self.store, self.audiences, evaluation, self.identities, settings.scratch)
        self.zone = LandingZone(storage_of(settings, os.environ), settings.scratch)
        self.flows = self._flows()
        self.worker = Worker(
            self.store,
            {
                batches.PROMOTE: Handler(self._promote, self._give_up),
                RUN: Handler(lambda job: self.flows.work(job.key), lambda job, why: self.flows.give_up(job.key, why)),
                DUE: Handler(self._due, lambda job, why: self._due(job)),
                EVALUATE: Handler(self.segment_jobs.run, lambda job, why: self.segment_jobs.give_up(job.key, why)),
                SEGMENTS_DUE: Handler(self._segments_due, lambda job, why: self._segments_due(job)),
                PREVIEW: Handler(self.previews.run, self.previews.give_up),
                QUERY_DUE: Handler(self._query_due, lambda job, why: self._query_due(job)),
            },
            locks=settings.home / "workers",
            after_job=self._follow,
            tidy=self.tidy,
        )
        self.query_worker = Worker(
            self.store, {QUERY_RUN: Handler(self.query_runs.run, self.query_runs.give_up)}, settings.home / "workers"
        )
        """Queries may run for hours: they have a worker of their own, so that nothing waits for them."""

    @property
    def workers(self) -> Mapping[str, Worker]:
        """Who does the queued work, by what it is."""
        return {"jobs": self.worker, "queries": self.query_worker}

    def start(self) -> None:
        """Begin to run queued work, after removing what crashes left behind."""
        self.audit.forget()
        self.zone.storage.prepare()
        self.tidy()
        self.flows.sweep()
        self.worker.start()
        self.query_worker.start()

    def close(self) -> None:
        """Finish the job in hand and close the home."""
        self.query_runs.stop()
        self.query_worker.stop()
        self.worker.stop()
        self.engine.close()
        self.store.close()

    def tidy(self) -> None:
        """Remove what crashes left behind, and uploads that nobody ends; the worker does so every hour."""
        self.ingest.abandon()
        sweep(self.store, self.settings)
        if isinstance(self.zone.storage, FolderStorage):
            Blobs(self.zone.storage).sweep()

    def expirable(self, older_than: timedelta) -> Expired:
        """Return the old versions of tables that `expire` would forget now."""
        return maintain.expirable(self.store, max(older_than, self.settings.retention), FEED_READERS)

    def expire(self, older_than: timedelta) -> int:
        """Forget the versions of tables that are older than *older_than*, but not before the retention; return how
        many. Current ones stay, and those that who follows the feed has yet to read.
        """
        return maintain.expire(self.store, self.settings, max(older_than, self.settings.retention), FEED_READERS)

    def leftovers(self, older_than: timedelta, forgotten: frozenset[str] = frozenset()) -> Iterator[Leftover]:
        """Yield what nothing needs any more: orphans, scratch, and exports older than *older_than*; all a day at least,
        for what is younger may belong to something that goes on.

        Files of the lake that only the rows of *forgotten* name count as orphans.
        """
        yield from maintain.orphans(self.store, self.settings, forgotten=forgotten)
        yield from maintain.spills(self.settings)
        yield from self.flows.leftovers(clock.now() - max(older_than, timedelta(seconds=maintain.ORPHAN_AGE_S)))

    def uses_of_audience(self, sandbox: Sandbox, audience_id: str) -> list[str]:
        """Return what uses an audience, in words."""
        flows = [f for f in self.flows.resources.find(sandbox, "flow") if audience_id in selected_audiences(f.body)]
        rules = self.audiences.users(sandbox, audience_id)
        return [*(f"flow {f.id}" for f in flows), *(f"audience {a.id}" for a in rules)]

    def _follow(self) -> None:
        self.delta.follow()
        self.identities.follow()

    def _flows(self) -> FlowService:
        resources = Resources(self.store)
        pickup = FilePickup(self.store, resources, self.lake, self.ingest, self.zone, self.settings.scratch)
        export = DatasetExport(self.store, resources, self.lake, self.engine, self.zone, self.settings.scratch)
        deliveries = Deliveries(self.audiences, self.profiles, self.engine, self.zone, self.settings.scratch)
        delivery = ActivationRunner(deliveries, resources)
        runners: Mapping[Kind, Runner] = {"export": export, "ingest": pickup, "activation": delivery}
        return FlowService(
            self.store, self.lake, self.registry, self.ingest, self.zone, runners, self.settings.flow_retry_s
        )

    def _segments_due(self, job: Job) -> None:
        self.segment_schedules.due(job)
        self.worker.wake()

    def _query_due(self, job: Job) -> None:
        self.query_schedules.due(job)
        self.query_worker.wake()

    def _due(self, job: Job) -> None:
        self.flows.due(job.payload["flow"], job.payload["moment"])

    def _promote(self, job: Job) -> None:
        self.ingest.promote(job.key)

    def _give_up(self, job: Job, reason: str) -> None:
        self.ingest.give_up(job.key, reason)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def _prepare(settings: Settings) -> None:
    try:
        for folder in (settings.home, settings.lake, settings.staging, settings.scratch):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise HomeError(
            f"the home {settings.home} cannot be made: {error.strerror}; choose another with --home"
        ) from error
    if not os.access(settings.home, os.W_OK):
        raise HomeError(f"the home {settings.home} is not writable; choose another with --home")

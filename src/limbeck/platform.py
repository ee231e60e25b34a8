"""The platform: every service of one home, built by hand, bottom floor first."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from limbeck.access import Access
from limbeck.engine import Engine
from limbeck.errors import HomeError
from limbeck.files import Folder
from limbeck.ingest import batches
from limbeck.ingest.batches import Ingest
from limbeck.lake import Lake
from limbeck.lake.delta import DeltaLogs
from limbeck.lake.maintain import sweep
from limbeck.query.service import QueryService
from limbeck.registry import Registry
from limbeck.settings import Settings
from limbeck.store import Store
from limbeck.store.queue import Job
from limbeck.worker import Handler, Worker


class Platform:
    """All services of one home. Several processes may open the same home at once.

    Raise `HomeError` if the folder cannot be written or was made by a newer version.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        _prepare(settings)
        self.store = Store.open(settings.store_url)
        self.access = Access(self.store, settings.token_lifetime_s)
        self.engine = Engine(
            settings.scratch, settings.engine_memory_mib, settings.engine_slots, settings.engine_threads
        )
        self.registry = Registry(self.store)
        self.lake = Lake(self.store, self.registry, settings.lake)
        self.delta = DeltaLogs(self.store, self.lake)
        self.ingest = Ingest(self.store, self.lake, self.engine, Folder(settings.staging), Folder(settings.scratch))
        self.query = QueryService(self.lake, self.registry, self.engine, settings.statement_timeout_s)
        self.worker = Worker(
            self.store,
            {batches.PROMOTE: Handler(self._promote, self._give_up)},
            locks=settings.home / "workers",
            after_job=self.delta.follow,
        )

    def start(self) -> None:
        """Begin to run queued work, after removing what crashes left behind."""
        sweep(self.store, self.settings)
        self.worker.start()

    def close(self) -> None:
        """Finish the job in hand and close the home."""
        self.worker.stop()
        self.store.close()

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

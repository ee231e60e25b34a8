"""The one place that runs queued work: leased jobs, and what follows the feed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from limbeck import clock, ids
from limbeck.errors import LimbeckError
from limbeck.lock import HeldLock
from limbeck.store import Store
from limbeck.store.queue import LEASE_MS, Job, Later, Queue

log = logging.getLogger("limbeck.worker")


@dataclass(frozen=True, slots=True)
class Handler:
    """What is done with a job: run it, or give it up, with the reason."""

    run: Callable[[Job], None]
    give_up: Callable[[Job, str], None]


POLL_S = 0.5
"""How often a worker looks for jobs that other processes queued; its own process wakes it at once."""

TIDY_S = 3600.0
"""How often a worker removes what was left behind, between two jobs."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """Whether a worker works."""

    alive: bool
    """Whether its thread goes on."""
    seen: datetime
    """When it last looked for a job, or said that it is at one."""
    job: str | None
    """The kind of the job in hand."""


class Worker:
    """A thread that takes due jobs of the kinds it has handlers for, one after the other."""

    def __init__(
        self,
        store: Store,
        handlers: Mapping[str, Handler],
        locks: Path,
        after_job: Callable[[], None] = lambda: None,
        tidy: Callable[[], None] = lambda: None,
    ) -> None:
        self._queue = Queue(store)
        self._handlers = handlers
        self._after_job = after_job
        self._tidy = tidy
        self._locks = locks
        self._owner = ids.new_uuid()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="limbeck-worker", daemon=True)
        self._seen = clock.now()
        self._job: str | None = None

    def start(self) -> None:
        """Begin to work; what dead workers of this machine held is taken over at once."""
        self._locks.mkdir(parents=True, exist_ok=True)
        self._lock = HeldLock(self._locks / self._owner)
        self._queue.reclaim(lambda owner: HeldLock.is_free(self._locks / owner))
        self._thread.start()

    def pulse(self) -> Pulse:
        """Return whether this worker works, and at what."""
        return Pulse(self._thread.is_alive(), self._seen, self._job)

    def wake(self) -> None:
        """Look for work now, and for what is new in the feed."""
        self._wake.set()

    def stop(self) -> None:
        """Finish the job in hand and end."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()
            self._lock.release()

    def _run(self) -> None:
        self._follow()
        tidied = time.monotonic()
        while not self._stopping.is_set():
            self._seen = clock.now()
            if time.monotonic() - tidied >= TIDY_S:
                self._aside(self._tidy, "removing what was left behind")
                tidied = time.monotonic()
            if not self._take() and self._wake.wait(POLL_S):
                self._wake.clear()
                self._follow()

    def _take(self) -> bool:
        """Do the next job; return whether there was one that could be done. What fails here is tried again."""
        try:
            job = self._queue.lease(self._owner, self._handlers)
            if job is not None:
                self._job = job.kind
                self._work(job)
                self._follow()
        except LimbeckError as failure:
            log.warning("the worker waits, and tries again: %s", failure)
            return False
        except Exception:
            log.exception("the worker waits, and tries again")
            return False
        finally:
            self._job = None
        return job is not None

    def _work(self, job: Job) -> None:
        done = threading.Event()
        heart = threading.Thread(target=self._beat, args=(job, done), daemon=True)
        heart.start()
        error, wait = None, None
        try:
            error = self._run_or_give_up(job)
        except Later as later:
            wait = later.seconds
        except LimbeckError as failure:
            error = str(failure)
            log.warning("job %s %s failed: %s", job.kind, job.key, failure)
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
            log.exception("job %s %s failed", job.kind, job.key)
        finally:
            done.set()
            heart.join()
        if wait is None:
            self._queue.finish(job, self._owner, error)
        else:
            self._queue.postpone(job, self._owner, wait)

    def _run_or_give_up(self, job: Job) -> str | None:
        handler = self._handlers[job.kind]
        if not job.is_hopeless:
            handler.run(job)
            return None
        reason = f"its worker died {job.attempts - 1} times"
        handler.give_up(job, reason)
        return reason

    def _beat(self, job: Job, done: threading.Event) -> None:
        while not done.wait(LEASE_MS / 3000):
            self._queue.heartbeat(job, self._owner)
            self._seen = clock.now()

    def _follow(self) -> None:
        self._aside(self._after_job, "following the feed")

    def _aside(self, work: Callable[[], None], name: str) -> None:
        """Do what is no job; what fails there is tried again another time."""
        try:
            work()
        except LimbeckError as failure:
            log.warning("%s failed; it is tried again: %s", name, failure)
        except Exception:
            log.exception("%s failed; it is tried again", name)

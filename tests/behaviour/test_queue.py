"""Queued work: each job is run by one worker at a time, and by another if that one dies."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from limbeck.errors import InvalidFile
from limbeck.settings import Settings
from limbeck.store import Store, queue
from limbeck.store.queue import MAX_ATTEMPTS, Job, Queue, enqueue
from limbeck.store.tables import jobs
from limbeck.worker import Handler, Worker
from tests.behaviour import children

SECONDS = 60
"""An upper bound for waiting; nothing waits that long unless it is broken."""


def add(store: Store, key: str, payload: Mapping[str, Any] | None = None, kind: str = "work") -> bool:
    with store.write() as connection:
        return enqueue(connection, kind, key, payload)


def state(store: Store, key: str) -> tuple[str, str | None]:
    with store.read() as connection:
        row = connection.execute(select(jobs.c.status, jobs.c.error).where(jobs.c.key == key)).one()
    return row.status, row.error


def leased(queue: Queue, owner: str) -> Job:
    job = queue.lease(owner)
    assert job is not None
    return job


def test_a_job_is_queued_once_and_carries_its_payload(store: Store) -> None:
    assert add(store, "a", {"n": 1})
    assert not add(store, "a", {"n": 2})
    assert add(store, "a", kind="other")
    found = {(job.kind, job.key): job.payload for job in (leased(Queue(store), "me") for _ in range(2))}
    assert found == {("work", "a"): {"n": 1}, ("other", "a"): {}}


def test_a_job_whose_transaction_failed_was_never_queued(store: Store) -> None:
    def half() -> None:
        with store.write() as connection:
            enqueue(connection, "work", "a")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        half()
    assert Queue(store).lease("me") is None


def test_a_leased_job_belongs_to_one_owner_until_it_is_finished(store: Store) -> None:
    add(store, "a")
    mine = Queue(store)
    job = leased(mine, "me")
    assert mine.lease("you") is None
    assert (mine.heartbeat(job, "you"), mine.finish(job, "you")) == (False, False)
    assert (mine.heartbeat(job, "me"), mine.finish(job, "me")) == (True, True)
    assert state(store, "a") == ("done", None)
    assert mine.heartbeat(job, "me") is False
    assert mine.lease("me") is None


def test_a_silent_owner_loses_the_job(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    add(store, "a")
    both = Queue(store)
    with monkeypatch.context() as patch:
        patch.setattr(queue, "LEASE_MS", -1)
        lost = leased(both, "silent")
    taken = leased(both, "next")
    assert (taken.id, taken.attempts) == (lost.id, 2)
    assert both.finish(lost, "silent") is False
    assert state(store, "a")[0] == "leased"
    assert both.finish(taken, "next")


def test_a_job_that_kills_its_workers_is_given_up(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, "a")
    with monkeypatch.context() as patch:
        patch.setattr(queue, "LEASE_MS", -1)
        taken = [leased(Queue(store), f"owner-{n}") for n in range(MAX_ATTEMPTS)]
    assert [job.attempts for job in taken] == list(range(1, MAX_ATTEMPTS + 1))
    assert not taken[-1].is_hopeless
    ran: list[Job] = []
    given_up: list[tuple[str, str]] = []
    with working(store, settings, ran.append, lambda job, why: given_up.append((job.key, why))) as wait:
        wait()
    reason = f"its worker died {MAX_ATTEMPTS} times"
    assert (ran, given_up) == ([], [("a", reason)])
    assert state(store, "a") == ("failed", reason)


def test_the_jobs_of_dead_owners_are_due_at_once_and_others_are_not(store: Store) -> None:
    for key in ("a", "b"):
        add(store, key)
    both = Queue(store)
    dead, alive = leased(both, "dead"), leased(both, "alive")
    assert both.reclaim(lambda owner: owner == "dead") == 1
    assert leased(both, "next").id == dead.id
    assert both.lease("next") is None
    assert both.finish(alive, "alive")


def drain(home: str, owner: str) -> None:
    """Run jobs until there are none, noting each key in a file."""
    settings = Settings(home=Path(home))
    store = Store.open(settings.store_url)
    mine = Queue(store)
    while job := mine.lease(owner):
        with (settings.home / "ran").open("a") as ran:
            ran.write(f"{job.key}\n")
        mine.finish(job, owner)
    store.close()


def test_many_workers_run_each_job_once(store: Store, settings: Settings) -> None:
    wanted = [f"job-{n:02}" for n in range(24)]
    for key in wanted:
        add(store, key)
    workers = [children.start(drain, str(settings.home), f"owner-{n}") for n in range(4)]
    for worker in workers:
        children.finish(worker)
    assert sorted((settings.home / "ran").read_text().split()) == wanted


# -- the worker ---------------------------------------------------------------------------------------------------


@contextmanager
def working(
    store: Store,
    settings: Settings,
    run: Callable[[Job], None],
    give_up: Callable[[Job, str], None] = lambda job, why: None,
) -> Iterator[Callable[[], None]]:
    """Run a worker while the block lasts; give a function that waits for its next finished job."""
    finished, taken = threading.Semaphore(0), threading.Event()

    def noted(work: Callable[..., None]) -> Callable[..., None]:
        def do(*given: object) -> None:
            taken.set()
            work(*given)

        return do

    def follow() -> None:  # it follows the feed without a job, too
        if taken.is_set():
            taken.clear()
            finished.release()

    handler = Handler(noted(run), noted(give_up))
    worker = Worker(store, {"work": handler}, settings.home / "workers", after_job=follow)
    worker.start()

    def wait() -> None:
        worker.wake()
        assert finished.acquire(timeout=SECONDS)

    try:
        yield wait
    finally:
        worker.stop()


def test_a_worker_runs_what_was_queued_before_and_after_it_began(store: Store, settings: Settings) -> None:
    ran: list[str] = []
    add(store, "before")
    with working(store, settings, lambda job: ran.append(job.key)) as wait:
        wait()
        add(store, "after")
        wait()
    assert ran == ["before", "after"]
    assert state(store, "before") == state(store, "after") == ("done", None)
    assert list((settings.home / "workers").iterdir()) == []


def refuse(job: Job) -> None:
    raise InvalidFile("it is not Parquet") if job.key == "ours" else RuntimeError("what is this?")


def test_a_failure_is_recorded_and_the_next_job_runs(store: Store, settings: Settings) -> None:
    add(store, "ours")
    add(store, "theirs")
    with working(store, settings, refuse) as wait:
        wait()
        wait()
    assert state(store, "ours") == ("failed", "it is not Parquet")
    assert state(store, "theirs") == ("failed", "RuntimeError: what is this?")


def die_at_work(home: str) -> None:
    """Run a worker that is killed by its job."""
    settings = Settings(home=Path(home))
    store = Store.open(settings.store_url)
    with working(store, settings, lambda _: os.kill(os.getpid(), signal.SIGKILL)) as wait:
        wait()


def test_a_dead_workers_job_is_taken_over_at_once(store: Store, settings: Settings) -> None:
    add(store, "a")
    child = children.start(die_at_work, str(settings.home))
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert state(store, "a")[0] == "leased"
    attempts: list[int] = []
    with working(store, settings, lambda job: attempts.append(job.attempts)) as wait:
        wait()
    assert attempts == [2]
    assert state(store, "a") == ("done", None)

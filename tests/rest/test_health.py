"""Health: the server says what of it works, and 503 if something does not."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from limbeck import clock
from limbeck.api.server import ThreadServer, listen, url_of
from limbeck.pgwire import PgServer
from limbeck.platform import Platform
from limbeck.settings import Settings
from limbeck.store.queue import enqueue
from limbeck.worker import Handler

IN_A_YEAR = 365 * 86_400_000


@pytest.fixture
def platform(tmp_path: Path) -> Any:
    with Platform(Settings.load(tmp_path / "home")) as opened:
        yield opened


def health(platform: Platform, pg: tuple[str, int] | None = None) -> tuple[int, dict[str, Any]]:
    """What a server of the platform tells of itself."""
    bound = listen("127.0.0.1", 0)
    url, server = url_of(bound), ThreadServer(platform, bound, pg)
    try:
        answer = httpx.get(f"{url}/health", trust_env=False, timeout=60)
        return answer.status_code, answer.json()
    finally:
        server.stop()


def test_all_is_well(platform: Platform) -> None:
    bound = listen("127.0.0.1", 0)
    wire = PgServer(platform, bound, "optional")
    wire.start()
    try:
        with platform.store.write() as connection:
            enqueue(connection, "nobody's", "now")
            enqueue(connection, "nobody's", "later", due=clock.millis(clock.now()) + IN_A_YEAR)
        status, told = health(platform, bound.getsockname()[:2])
    finally:
        wire.stop()
    assert (status, told["status"], told["wire"]["status"]) == (200, "ok", "ok")
    assert told["store"] == {"status": "ok", "jobs": {"due": 1, "waiting": 1, "running": 0, "failed": 0}}
    assert told["jobs worker"]["status"] == told["queries worker"]["status"] == "ok"
    assert 0 < told["disk"]["freeBytes"] < told["disk"]["totalBytes"]
    assert "wire" not in told.get("detail", "")


def test_the_wire_may_be_off(platform: Platform) -> None:
    status, told = health(platform)
    assert (status, told["wire"]) == (200, {"status": "off"})


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("name", ["jobs", "queries"])
def test_a_worker_that_died_fails(platform: Platform, name: str) -> None:
    def dies(*_: object) -> None:
        raise SystemExit

    worker = platform.workers[name]
    worker._handlers = {"dies": Handler(dies, dies)}
    with platform.store.write() as connection:
        enqueue(connection, "dies", "now")
    worker.wake()
    worker._thread.join(60)
    status, told = health(platform)
    assert (status, told["status"], told[f"{name} worker"]["status"]) == (503, "failing", "failing")
    assert f"{name} worker" in told["detail"]


def test_a_wire_that_is_gone_fails(platform: Platform) -> None:
    with closing(listen("127.0.0.1", 0)) as gone:
        address = gone.getsockname()[:2]
    status, told = health(platform, address)
    assert (status, told["wire"], told["detail"].count("wire")) == (503, {"status": "failing"}, 1)


def test_a_store_that_is_gone_fails(platform: Platform) -> None:
    platform.store.close()
    database = platform.settings.home / "limbeck.db"
    database.unlink()
    database.mkdir()
    status, told = health(platform)
    assert (status, told["store"]) == (503, {"status": "failing"})
    assert str(platform.settings.home) not in str(told)

"""What all tests share: needed programs, and a home in a temporary folder."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from limbeck.access import Access
from limbeck.engine import Engine
from limbeck.lake import Lake
from limbeck.registry import Registry
from limbeck.scope import Sandbox
from limbeck.settings import Settings
from limbeck.store import Store

ALL_REQUIRED = os.environ.get("LIMBECK_REQUIRE_ALL") == "1"
"""Whether this run judges a change: what it lacks fails it, and what it tries is the same each time."""

MEMORY = Path("/dev/shm")
"""A file system in memory, on Linux."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer what a run may be asked for beside judging the change: golden results anew, and more random examples."""
    parser.addoption("--rewrite-golden", action="store_true", help="write the results of tests/golden/*.sql anew; -n 0")
    parser.addoption("--explore", type=int, metavar="TIMES", help="try TIMES as many random examples of each property")


def pytest_configure(config: pytest.Config) -> None:
    """Set what this process and its children go by.

    They hear Ctrl-C, even if a shell started the tests in the background and ignores it. They keep what Python compiles
    even where the environment says not to, else each of a thousand programs would compile all that it imports. Each
    worker has a processor, so threads of libraries would only wait for each other.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("LIMBECK_FLOW_RETRY_S", "0.01")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _lie_in_memory(config)
    hypothesis.settings.register_profile("repeatable", derandomize=True)
    if ALL_REQUIRED and config.getoption("--explore") is None:
        hypothesis.settings.load_profile("repeatable")


def _lie_in_memory(config: pytest.Config) -> None:
    """Have temporary folders in memory, where writing to the disk costs nothing, if there is much of it."""
    if config.getoption("basetemp") is None and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 4 * 2**30:
        os.environ["TMPDIR"], tempfile.tempdir = str(MEMORY), None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let each property try as many times its examples as `--explore` asks for."""
    if (times := config.getoption("--explore")) is None:
        return
    tests = {item.function for item in items if isinstance(item, pytest.Function)}
    for test in filter(hypothesis.is_hypothesis_test, tests):
        own = test._hypothesis_internal_use_settings
        test._hypothesis_internal_use_settings = hypothesis.settings(own, max_examples=times * own.max_examples)


def pytest_collection_finish() -> None:
    """Look for garbage no more among what stays to the end: the modules and the thousands of tests."""
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose program is absent, with the reason; where all are required, fail it."""
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            if shutil.which(program) is None:
                reason = f"needs the program {program}, which is not installed"
                if ALL_REQUIRED:
                    pytest.fail(reason, pytrace=False)
                pytest.skip(reason)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an empty home, with little memory and two threads."""
    return Settings(home=tmp_path / "home", engine_memory_mib=512, engine_threads=2)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """The metadata store of that home."""
    settings.lake.mkdir(parents=True)
    settings.scratch.mkdir()
    settings.staging.mkdir()
    opened = Store.open(settings.store_url)
    yield opened
    opened.close()


@pytest.fixture
def access(store: Store) -> Access:
    """The access service of that home."""
    return Access(store, 3600)


@pytest.fixture
def sandbox(access: Access) -> Sandbox:
    """The sandbox `prod` of the organisation Acme, whose custom fields live under `_acme`."""
    return access.sandbox(access.ensure_organisation("acme@AdobeOrg"), "prod")


@pytest.fixture
def registry(store: Store) -> Registry:
    """The Schema Registry of that home."""
    return Registry(store)


@pytest.fixture
def lake(store: Store, registry: Registry, settings: Settings) -> Lake:
    """The lake of that home."""
    return Lake(store, registry, settings.lake)


@pytest.fixture
def engine(settings: Settings) -> Engine:
    """The engine of that home."""
    return Engine(settings.scratch, settings.engine_memory_mib, 2, 2)

"""What all tests share: needed programs, and a home in a temporary folder."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from limbeck.access import Access
from limbeck.engine import Engine
from limbeck.lake import Lake
from limbeck.registry import Registry
from limbeck.scope import Sandbox
from limbeck.settings import Settings
from limbeck.store import Store


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the flag that writes what golden statements give now into their files."""
    parser.addoption("--rewrite-golden", action="store_true", help="write the results of tests/golden/*.sql anew; -n 0")


def pytest_configure() -> None:
    """Set what this process and its children go by.

    They hear Ctrl-C, even if a shell started the tests in the background and ignores it. They keep what Python compiles
    even where the environment says not to, else each of a thousand programs would compile all that it imports.
    """
    os.environ.setdefault("LIMBECK_FLOW_RETRY_S", "0.01")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose program is absent, with the reason; where all are required, fail it."""
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            if shutil.which(program) is None:
                reason = f"needs the program {program}, which is not installed"
                if os.environ.get("LIMBECK_REQUIRE_ALL") == "1":
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

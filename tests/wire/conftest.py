"""A server of the PostgreSQL wire in this process, on a home with the fixtures of the SQL contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import psycopg2
import pyarrow as pa
import pytest

from limbeck.api.server import listen
from limbeck.pgwire import PgServer
from limbeck.pgwire.server import Tls
from limbeck.platform import Platform
from tests.behaviour.query_tables import Home, fixtures

USER = "acme@AdobeOrg"
PASSWORD = "wire:secret"
MANY = 60_000


@dataclass(frozen=True)
class Wire:
    """Where a server is, and what it serves."""

    platform: Platform
    port: int
    sandbox: Any
    server: PgServer | None = None

    def parts(self, **other: Any) -> dict[str, Any]:
        """What a driver of libpq needs to connect."""
        where = {"host": "127.0.0.1", "port": self.port, "user": USER, "password": PASSWORD, "dbname": "prod:all"}
        return {**where, "sslmode": "disable", **other}

    def psycopg2(self, **other: Any) -> Any:
        """A connection of psycopg2."""
        return psycopg2.connect(**self.parts(**other))

    def psycopg(self, **other: Any) -> psycopg.Connection[Any]:
        """A connection of psycopg 3."""
        return psycopg.connect(**self.parts(**other))

    def table(self, sql: str) -> pa.Table:
        """What the query service itself gives."""
        with self.platform.query.run(self.sandbox, sql) as result:
            return pa.Table.from_batches(list(result.batches()), result.schema)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with the contract's tables, and `many` with more rows than a result may have."""
    home = Home.make(tmp_path_factory.mktemp("wire"))
    tables = fixtures() | {"many": [pa.table({"n": np.arange(MANY), "t": [f"row {n}" for n in range(MANY)]})]}
    for name, batches in tables.items():
        home.add(name, batches)
    platform = Platform(replace(home.settings, statement_timeout_s=60))
    client, _, secret = PASSWORD.partition(":")
    platform.access.create_credential(USER, client_id=client, client_secret=secret)
    platform.access.create_credential(USER, client_id="reader", client_secret="secret", roles=["viewer"])
    yield platform
    platform.close()


def served(platform: Platform, tls: Tls = "optional", **options: Any) -> Iterator[Wire]:
    """A server while the block lasts."""
    bound = listen("127.0.0.1", 0)
    server = PgServer(platform, bound, tls, **options)
    server.start()
    try:
        yield Wire(platform, bound.getsockname()[1], platform.access.sandbox(USER, "prod"), server)
    finally:
        server.stop()


@pytest.fixture(scope="session")
def wire(platform: Platform) -> Iterator[Wire]:
    """A server for every test of a session."""
    yield from served(platform)


@pytest.fixture
def strict(platform: Platform) -> Iterator[Wire]:
    """A server that takes nobody without TLS."""
    yield from served(platform, "required")


@pytest.fixture
def small(platform: Platform) -> Iterator[Wire]:
    """A server for two sessions."""
    yield from served(platform, max_sessions=2)


@pytest.fixture(scope="session")
def certificate(platform: Platform) -> Path:
    """The server's certificate."""
    return platform.settings.home / "pgwire" / "server.crt"

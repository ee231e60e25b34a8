"""PostgreSQL's clients, each with its own ways, behind one face."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pandas as pd
import pg8000.dbapi
import pytest
import sqlalchemy as sa

from tests.conformance.faces import token
from tests.wire.conftest import USER, Wire

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Client:
    """An open connection: *run* sends one statement, with values for each `?` in it, and gives its rows."""

    run: Callable[..., Rows]
    state: Callable[[Any], str | None]
    """The SQLSTATE of an error."""


def _of_cursor(cursor: Any, mark: str = "%s") -> Callable[..., Rows]:
    """How a client of Python's database API runs a statement."""

    def run(sql: str, *values: Any) -> Rows:
        cursor.execute(sql.replace("?", mark), values) if values else cursor.execute(sql)
        return [] if cursor.description is None else [tuple(row) for row in cursor.fetchall()]

    return run


@contextmanager
def of_psycopg2(wire: Wire) -> Iterator[Client]:
    connection = wire.psycopg2(password=token(wire))
    yield Client(_of_cursor(connection.cursor()), lambda error: error.pgcode)
    connection.close()


def of_psycopg3(*, binary: bool) -> Any:
    @contextmanager
    def opened(wire: Wire) -> Iterator[Client]:
        with wire.psycopg(password=token(wire)) as connection:
            yield Client(_of_cursor(connection.cursor(binary=binary)), lambda error: error.sqlstate)

    return opened


@contextmanager
def of_asyncpg(wire: Wire) -> Iterator[Client]:
    loop = asyncio.new_event_loop()
    where = {"host": "127.0.0.1", "port": wire.port, "user": USER, "password": token(wire), "ssl": False}
    connection = loop.run_until_complete(asyncpg.connect(database="prod:all", **where))

    def run(sql: str, *values: Any) -> Rows:
        return [tuple(row) for row in loop.run_until_complete(connection.fetch(sql.replace("?", "$1"), *values))]

    yield Client(run, lambda error: error.sqlstate)
    loop.run_until_complete(connection.close())
    loop.close()


@contextmanager
def of_pg8000(wire: Wire) -> Iterator[Client]:
    connection = pg8000.dbapi.connect(USER, "127.0.0.1", "prod:all", wire.port, token(wire))
    yield Client(_of_cursor(connection.cursor()), lambda error: error.args[0]["C"])
    connection.close()


@contextmanager
def _engine(wire: Wire) -> Iterator[sa.Engine]:
    where = sa.URL.create("postgresql+psycopg2", USER, token(wire), "127.0.0.1", wire.port, "prod:all")
    engine = sa.create_engine(where)
    yield engine
    engine.dispose()


def _bound(sql: str, values: tuple[Any, ...]) -> tuple[sa.TextClause, dict[str, Any]]:
    text = sql.replace(":", "\\:").replace("?", ":value")
    return sa.text(text), {"value": values[0]} if values else {}


@contextmanager
def of_sqlalchemy(wire: Wire) -> Iterator[Client]:
    with _engine(wire) as engine, engine.connect() as connection:

        def run(sql: str, *values: Any) -> Rows:
            found = connection.execute(*_bound(sql, values))
            return [tuple(row) for row in found] if found.returns_rows else []

        yield Client(run, lambda error: error.orig.pgcode)


@contextmanager
def of_pandas(wire: Wire) -> Iterator[Client]:
    with _engine(wire) as engine:

        def run(sql: str, *values: Any) -> Rows:
            text, bound = _bound(sql, values)
            frame = pd.read_sql(text, engine, params=bound)
            columns = [[None if value is None or value != value else value for value in frame[c]] for c in frame]
            return list(zip(*columns, strict=True))

        yield Client(run, lambda error: error.__cause__.orig.pgcode)


def pygresql(name: str) -> Any:
    """A module of PyGreSQL, which is built from source and not in the dev group."""
    try:
        return importlib.import_module(name)
    except ImportError:
        missing = "needs PyGreSQL: uv sync --group pygresql, with a C compiler and libpq-dev"
        pytest.fail(missing) if os.environ.get("LIMBECK_REQUIRE_ALL") == "1" else pytest.skip(missing)


@contextmanager
def of_pg(wire: Wire) -> Iterator[Client]:
    where = {"host": "127.0.0.1", "port": wire.port, "user": USER, "passwd": token(wire)}
    with pygresql("pg").DB(dbname="prod:all", **where) as connection:

        def run(sql: str, *values: Any) -> Rows:
            found = connection.query(sql.replace("?", "$1"), values) if values else connection.query(sql)
            return found.getresult() if hasattr(found, "getresult") else []

        yield Client(run, lambda error: error.sqlstate)


@contextmanager
def of_pgdb(wire: Wire) -> Iterator[Client]:
    where = {"host": f"127.0.0.1:{wire.port}", "user": USER, "password": token(wire)}
    connection = pygresql("pgdb").connect(database="prod:all", **where)
    yield Client(_of_cursor(connection.cursor()), lambda error: error.sqlstate)
    connection.close()


CLIENTS: dict[str, Callable[[Wire], Any]] = {
    "psycopg2": of_psycopg2,
    "psycopg 3, text": of_psycopg3(binary=False),
    "psycopg 3, binary": of_psycopg3(binary=True),
    "PyGreSQL, pg": of_pg,
    "PyGreSQL, pgdb": of_pgdb,
    "pg8000": of_pg8000,
    "asyncpg": of_asyncpg,
    "SQLAlchemy 2": of_sqlalchemy,
    "pandas": of_pandas,
}

"""Opening the metadata store and its two kinds of transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, inspect, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

from limbeck import crash
from limbeck.errors import DiskFull, HomeError
from limbeck.lock import file_lock

HEAD = "0005"
"""The newest migration; a home at another one is migrated (older) or refused (newer)."""

MIGRATIONS = "limbeck.store:migrations"
"""Where Alembic finds them."""

BUSY_MS = 60_000
"""How long a writer waits for another process's transaction on SQLite."""

WRITER_LOCK = 0x11BECC
"""The advisory lock that a writer holds on PostgreSQL."""


class Store:
    """The metadata store: rows on SQLite (WAL) or PostgreSQL, in short transactions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Store:
        """Open the store at an SQLAlchemy *url*, making or migrating it first where that is due.

        Several processes may open one store at once. Raise `HomeError` if it was written by a newer
        version or cannot be opened.
        """
        try:
            engine = create_engine(url, pool_size=8, max_overflow=24, hide_parameters=True)  # they would stand in logs
        except (ArgumentError, ImportError) as error:
            raise HomeError(f"the metadata store {_shown(url)} cannot be opened: {error}") from error
        (_prepare_sqlite if engine.dialect.name == "sqlite" else _prepare_postgresql)(engine)
        try:
            _migrate(engine)
        except (DatabaseError, sqlite3.DatabaseError) as error:
            told = str(getattr(error, "orig", None) or error)
            if "disk is full" in told:
                raise DiskFull(f"no space left on the disk of the metadata store {_shown(url)}") from error
            raise HomeError(f"the metadata store {_shown(url)} cannot be opened: {told}") from error
        return cls(engine)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one consistent state."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection whose changes become visible together, when the block ends well, or not at all."""
        with self._engine.connect() as plain:
            connection = plain.execution_options(limbeck_write=True)
            with _disk_full_named(), connection.begin():
                yield connection
                crash.point("store.write.before-commit")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout = {BUSY_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        write = connection.get_execution_options().get("limbeck_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _prepare_postgresql(engine: Engine) -> None:
    """Give PostgreSQL what SQLite has: one writer at a time, so that the feed's order is that of the commits and
    what a writer has checked still holds when it writes; and readers that see one state.
    """

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        if connection.get_execution_options().get("limbeck_write"):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
        else:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


@contextmanager
def _disk_full_named() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if "disk is full" in str(error) or "No space left" in str(error):
            raise DiskFull("no space left on the disk of the metadata store; nothing was published") from error
        raise


def _migrate(engine: Engine) -> None:
    if _revision(engine) == HEAD:
        return
    with _one_at_a_time(engine):
        found = _revision(engine)
        if found == HEAD:
            return
        if found is not None and found > HEAD:
            raise HomeError(
                f"the home was written by a newer Limbeck (format {found}, this one knows {HEAD}); upgrade Limbeck"
            )
        if found is not None:
            _copy(engine, found)
        _upgrade(engine)


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    with engine.connect() as plain:
        connection = plain.execution_options(limbeck_write=True)
        with connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)


@contextmanager
def _one_at_a_time(engine: Engine) -> Iterator[None]:
    if engine.dialect.name != "sqlite":
        yield
        return
    with file_lock(Path(f"{engine.url.database}.migrating")):
        yield


def _copy(engine: Engine, revision: str) -> None:
    if engine.dialect.name == "sqlite" and engine.url.database:
        target = f"{engine.url.database}.format-{revision}"
        with closing(sqlite3.connect(engine.url.database)) as store, closing(sqlite3.connect(target)) as copy:
            store.backup(copy)


def _shown(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)

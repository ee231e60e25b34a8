"""The metadata store: one transaction or nothing, one format at a time, many processes."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, insert, select, text

from limbeck.errors import DiskFull, HomeError
from limbeck.settings import Settings
from limbeck.store import Store, database, migrations
from limbeck.store.tables import keys, metadata
from tests.behaviour import children


def add_key(store: Store, name: str, value: str = "x") -> None:
    with store.write() as connection:
        connection.execute(insert(keys).values(name=name, value=value))


def names(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(select(keys.c.name).order_by(keys.c.name)).scalars())


def open_and_add(url: str, name: str) -> None:
    """Open the store from a process of its own, and write one row."""
    store = Store.open(url)
    add_key(store, name)
    store.close()


def test_the_migrations_make_exactly_the_tables_of_the_code(store: Store) -> None:
    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == database.HEAD


def test_a_transaction_is_seen_whole_or_not_at_all(store: Store) -> None:
    def half() -> None:
        with store.write() as connection:
            connection.execute(insert(keys).values(name="lost", value="x"))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        half()
    assert names(store) == []
    with store.read() as reading:
        count = select(func.count()).select_from(keys)
        assert reading.execute(count).scalar() == 0
        add_key(store, "kept")
        assert reading.execute(count).scalar() == 0
    assert names(store) == ["kept"]


def test_a_process_killed_before_its_commit_leaves_nothing(store: Store, settings: Settings) -> None:
    children.killed(open_and_add, settings.store_url, "lost", crash_at="store.write.before-commit")
    assert names(store) == []
    add_key(store, "kept")
    assert names(store) == ["kept"]


def test_several_processes_open_a_new_home_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'limbeck.db'}"
    openers = [children.start(open_and_add, url, f"key-{n}") for n in range(6)]
    for opener in openers:
        children.finish(opener)
    store = Store.open(url)
    assert names(store) == [f"key-{n}" for n in range(6)]
    store.close()


def test_a_home_of_a_newer_format_is_refused_and_left_alone(store: Store, settings: Settings) -> None:
    with store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(HomeError, match=r"newer Limbeck \(format 9999.*upgrade"):
        Store.open(settings.store_url)
    with store.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"


NOW = database.HEAD
AFTER = f"{int(NOW) + 1:04d}"
NEXT_FORMAT = """
from alembic import op
import sqlalchemy as sa

revision, down_revision = "{after}", "{now}"


def upgrade():
    op.add_column("keys", sa.Column("purpose", sa.String))
    {then}
"""


def next_format(monkeypatch: pytest.MonkeyPatch, folder: Path, then: str = "") -> None:
    """Make this process a Limbeck whose newest format is one later."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(Path(migrations.__path__[0]), folder)
    (folder / "versions" / "v_next.py").write_text(NEXT_FORMAT.format(after=AFTER, now=NOW, then=then))
    monkeypatch.setattr(database, "HEAD", AFTER)
    monkeypatch.setattr(database, "MIGRATIONS", str(folder))


def test_an_older_home_is_migrated_after_a_copy(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_key(store, "old")
    next_format(monkeypatch, tmp_path / "next")
    migrated = Store.open(settings.store_url)
    with migrated.read() as connection:
        assert connection.execute(text("SELECT name, purpose FROM keys")).all() == [("old", None)]
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == AFTER
    migrated.close()
    with closing(sqlite3.connect(settings.home / f"limbeck.db.format-{NOW}")) as copy:
        assert copy.execute("SELECT * FROM keys").fetchall() == [("old", "x")]
        assert copy.execute("SELECT version_num FROM alembic_version").fetchall() == [(NOW,)]


def test_a_migration_that_fails_changes_nothing_and_can_be_repeated(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_key(store, "old")
    next_format(monkeypatch, tmp_path / "broken", then='op.execute("SELECT nonsense FROM nowhere")')
    with pytest.raises(HomeError, match="nowhere"):
        Store.open(settings.store_url)
    assert names(store) == ["old"]
    next_format(monkeypatch, tmp_path / "mended")
    migrated = Store.open(settings.store_url)
    with migrated.read() as connection:
        assert connection.execute(text("SELECT name, purpose FROM keys")).all() == [("old", None)]
    migrated.close()


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "limbeck.db").write_bytes(b"these are not the bytes of a database, and there are many of them" * 99)
    with pytest.raises(HomeError, match=r"limbeck\.db cannot be opened"):
        Store.open(f"sqlite:///{tmp_path / 'limbeck.db'}")


@pytest.mark.parametrize("url", ["postgresql+nodriver://me:s3cret@nowhere/db", "nosuch://me:s3cret@nowhere/db"])
def test_a_url_without_driver_is_refused_and_keeps_its_password(url: str) -> None:
    with pytest.raises(HomeError, match="cannot be opened") as refused:
        Store.open(url)
    assert "s3cret" not in str(refused.value)


def test_a_full_disk_is_named_and_nothing_is_kept(store: Store) -> None:
    def fill() -> None:
        with store.write() as connection:
            pages = connection.execute(text("PRAGMA page_count")).scalar_one()
            connection.execute(text(f"PRAGMA max_page_count = {pages}"))
            connection.execute(insert(keys).values(name="big", value="x" * 1_000_000))

    with pytest.raises(DiskFull, match="nothing was published"):
        fill()
    assert names(store) == []

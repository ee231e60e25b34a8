"""The engine is the second wall: whatever SQL reaches it, it reads the files it was given and nothing else."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck.engine import Engine, Table
from limbeck.engine.admission import Admission
from limbeck.errors import Forbidden, LimbeckError, SqlSyntaxError, StatementTimeout


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path / "scratch", 512, 2, 2)


@pytest.fixture
def events(tmp_path: Path) -> Table:
    table = pa.table({"id": [1, 2, 3], "web": [{"url": "a"}, {"url": "b"}, None]})
    pq.write_table(table, tmp_path / "events.parquet")
    return Table("events", table.schema, (str(tmp_path / "events.parquet"),))


def test_reads_nested_rows(engine: Engine, events: Table) -> None:
    with engine.session([events]) as session:
        rows = session.reader("SELECT id, web.url AS url FROM events ORDER BY id").read_all()
    assert rows.to_pydict() == {"id": [1, 2, 3], "url": ["a", "b", None]}


def test_nothing_is_drawn_in_an_interactive_shell(tmp_path: Path) -> None:
    """DuckDB takes a program without a file for one, as it takes a notebook, and would draw the progress of queries."""
    setting = "SELECT current_setting('enable_progress_bar')"
    script = (
        f"import duckdb, pathlib; from limbeck.engine import Engine; asked = {setting!r}\n"
        f"with Engine(pathlib.Path({str(tmp_path)!r})).session() as session:\n"
        "    print(duckdb.execute(asked).fetchall(), session.fetch(asked))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[(True,)] [(False,)]"


def test_a_table_without_files_is_empty(engine: Engine, events: Table) -> None:
    with engine.session([Table("nothing", events.schema)]) as session:
        assert session.fetch("SELECT count(*) FROM nothing") == [(0,)]
        assert session.describe("SELECT web FROM nothing").field("web").type == events.schema.field("web").type


def test_a_schema_that_has_grown_reads_null_in_older_files(engine: Engine, events: Table) -> None:
    grown = pa.schema(
        [
            ("id", pa.int64()),
            ("web", pa.struct([("url", pa.string()), ("referrer", pa.string())])),
            ("added", pa.list_(pa.float64())),
        ]
    )
    with engine.session([Table("events", grown, events.files)]) as session:
        rows = session.fetch("SELECT id, web.referrer, added FROM events WHERE web.url = 'a'")
    assert rows == [(1, None, None)]


ATTACKS = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/proc/self/environ')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
    "COPY events TO '{victim}'",
    "COPY (SELECT 1) TO '/tmp/limbeck-escape.csv'",
    "ATTACH '/tmp/limbeck-escape.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET allowed_directories = ['/']",
    "PRAGMA database_list",
    "CREATE TABLE t AS SELECT 1",
    "EXPORT DATABASE '/tmp/limbeck-escape'",
    "SELECT 1; COPY events TO '{victim}'",
    "CALL pragma_version()",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_wall_holds(engine: Engine, events: Table, attack: str) -> None:
    victim = Path(events.files[0])
    before = victim.read_bytes()
    with engine.session([events]) as session, pytest.raises(LimbeckError):
        session.fetch(attack.format(victim=victim))
    assert victim.read_bytes() == before
    assert not list(Path("/tmp").glob("limbeck-escape*"))


def test_write_parquet_cannot_be_talked_into_another_target(engine: Engine, events: Table) -> None:
    victim = Path(events.files[0])
    before = victim.read_bytes()
    for attack in (f"SELECT 1) TO '{victim}' --", f"SELECT 1) TO '{victim}' (FORMAT csv); SELECT (1"):
        with engine.session([events]) as session, pytest.raises((Forbidden, SqlSyntaxError)):
            session.write_parquet(attack)
    assert victim.read_bytes() == before


def test_another_snapshots_file_is_out_of_reach(engine: Engine, events: Table, tmp_path: Path) -> None:
    other = tmp_path / "secret.parquet"
    pq.write_table(pa.table({"x": [1]}), other)
    with engine.session([events]) as session, pytest.raises(Forbidden):
        session.fetch(f"SELECT * FROM read_parquet('{other}')")


def test_a_statement_ends_when_its_time_is_over(engine: Engine) -> None:
    with engine.session(timeout=0.05) as session, pytest.raises(StatementTimeout):
        session.fetch("SELECT count(*) FROM range(1000000000) a, range(1000000) b")


def test_written_files_hold_the_rows_and_the_scratch_is_gone_afterwards(
    engine: Engine, events: Table, tmp_path: Path
) -> None:
    with engine.session([events]) as session:
        (path,) = session.write_parquet("SELECT id * 2 AS twice FROM events")
        assert sorted(pq.read_table(path).column("twice").to_pylist()) == [2, 4, 6]
    assert list((tmp_path / "scratch").iterdir()) == []


def test_shares_are_handed_out_in_order_and_never_too_many() -> None:
    admission = Admission(1024, 2)
    running, most, order = 0, 0, []
    lock, go = threading.Lock(), threading.Barrier(8)

    def work(number: int) -> None:
        nonlocal running, most
        go.wait()
        with admission.share() as mib:
            assert mib == 512
            with lock:
                running += 1
                most = max(most, running)
                order.append(number)
            with lock:
                running -= 1

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(order) == list(range(8))
    assert most <= 2


def test_an_instance_that_waits_sees_what_its_tables_are(engine: Engine, tmp_path: Path) -> None:
    """Statements on other files, or on the same under another schema, never share one."""
    paths = [tmp_path / f"{n}.parquet" for n in range(3)]
    for n, path in enumerate(paths):
        pq.write_table(pa.table({"n": [n]}), path)
    shapes = [pa.schema([("n", pa.int64())]), pa.schema([("n", pa.int64()), ("m", pa.string())])]
    for _ in range(3):
        for n, path in enumerate(paths):
            for schema in shapes:
                with engine.session([Table("t", schema, (str(path),))]) as session:
                    assert session.describe("SELECT * FROM t").names == schema.names
                    assert session.fetch("SELECT n FROM t") == [(n,)]
                    with pytest.raises(LimbeckError):
                        session.fetch(f"SELECT * FROM read_parquet('{paths[n - 1]}')")


def test_an_instance_whose_statement_was_left_half_read_serves_the_next(engine: Engine) -> None:
    many = "SELECT range AS n FROM range(1000000)"
    for _ in range(4):
        with engine.session() as session:
            assert next(iter(session.reader(many))).num_rows > 0
        with engine.session() as session:
            assert session.fetch(f"SELECT count(*) FROM ({many})") == [(1_000_000,)]

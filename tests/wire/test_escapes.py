"""Ways out over the wire: each of the two walls holds with the other switched off, and so do sandboxes and scopes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.errors
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck import ids
from limbeck.engine import Engine
from limbeck.engine.duck import Session
from limbeck.xdm.arrow import from_arrow
from tests.wire.conftest import USER, Wire

ATTACKS = [
    "COPY (SELECT 1) TO '/tmp/limbeck-escape'",
    "COPY cust TO PROGRAM 'touch /tmp/limbeck-escape'",
    "COPY cust FROM '/etc/passwd'",
    "COPY cust FROM STDIN",
    "COPY (SELECT * FROM read_text('/etc/passwd')) TO STDOUT",
    'COPY "/etc/passwd" TO STDOUT',
    "COPY cust (getenv('HOME')) TO STDOUT",
    "COPY cust (content FROM read_text('/etc/passwd') --) TO STDOUT",
    "COPY cust (1), read_text('/etc/passwd') TO STDOUT",
    "COPY (SELECT 1) TO '%scratch_space%/dir' WITH FORMAT 'parquet'",
    "DISCARD ALL; PREPARE p AS SELECT * FROM read_text('/etc/passwd'); EXECUTE p",
    "DISCARD ALL; PREPARE p AS SELECT getenv($1) AS x; EXECUTE p('HOME')",
    "DISCARD ALL; PREPARE p AS SELECT 1 AS a; EXECUTE p((SELECT content FROM read_text('/etc/passwd')))",
    "DISCARD ALL; PREPARE p AS SELECT $1 AS a; EXECUTE p(getenv('HOME'))",
    "DISCARD ALL; PREPARE p AS SELECT $1 AS a; EXECUTE p(current_setting('temp_directory'))",
    "DISCARD ALL; PREPARE p AS SELECT $1 AS a; EXECUTE p(1 FROM read_text('/etc/passwd') --)",
    "DECLARE c CURSOR FOR SELECT * FROM read_text('/etc/passwd')",
    "EXPLAIN SELECT * FROM read_text('/etc/passwd')",
    "EXPLAIN ANALYZE SELECT 1",
    "EXPLAIN (FORMAT JSON) COPY cust TO '/tmp/limbeck-escape'",
    "CREATE VIEW esc AS SELECT * FROM read_text('/etc/passwd')",
    "CREATE OR REPLACE VIEW esc AS SELECT getenv('HOME') AS x; SELECT * FROM esc",
    "CREATE TEMP TABLE esc AS SELECT * FROM glob('/etc/*')",
    "SELECT * INTO esc FROM read_text('/etc/passwd')",
    "INSERT INTO cust SELECT 1, content, '' FROM read_text('/etc/passwd')",
    "SELECT * FROM pg_read_file('/etc/passwd')",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT * FROM pg_catalog.pg_authid",
    "SELECT * FROM pg_shadow",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM information_schema.columns WHERE table_name = getenv('HOME')",
    "SELECT * FROM pg_catalog.pg_class WHERE relname = (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT * FROM http_get('http://127.0.0.1')",
    "SELECT * FROM 'http://127.0.0.1/x.parquet'",
    "SELECT * FROM 's3://bucket/x.parquet'",
    "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CREATE EXTENSION postgres_fdw",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "DO $$ BEGIN PERFORM 1; END $$",
    "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw",
    "SET allowed_directories = ['/']; SELECT * FROM read_text('/etc/passwd')",
    "SET enable_external_access = true; SELECT * FROM read_text('/etc/passwd')",
    "SET search_path = system; SELECT * FROM settings",
    "SET ROLE postgres; SELECT * FROM pg_authid",
    "SELECT * FROM other.main.cust",
    "SELECT * FROM dev.public.cust",
    "SELECT * FROM secret",
    'SELECT * FROM "prod:all".secret',
    "SELECT * FROM t0",
    "SELECT * FROM limbeck_rows",
    "SELECT * FROM temp.t0",
    "SELECT * FROM memory.main.t0",
    "$$ BEGIN SELECT * FROM read_text('/etc/passwd'); END $$",
    "$$ BEGIN @x = SELECT content FROM read_text('/etc/passwd'); END $$",
    "SHOW TABLES FROM system",
    "CALL pg_sleep(1)",
    "SELECT pg_sleep(1)",
    "SELECT getenv /* */ ('HOME')",
    "SELECT \"getenv\"('HOME')",
    "SELECT `getenv`('HOME')",
    "SELECT * FROM `read_text`('/etc/passwd')",
    "SELECT * FROM cust TABLESAMPLE SYSTEM (10)",
    "SELECT * FROM (SUMMARIZE cust)",
    "DESCRIBE cust",
    "SELECT * FROM (DESCRIBE cust)",
    "PIVOT cust ON id",
    "FROM read_text('/etc/passwd')",
    "SELECT xp FROM unnest(glob('/etc/*')) AS t(xp)",
    "SELECT * FROM cust WHERE name SIMILAR TO getenv('HOME')",
    "VALUES (getenv('HOME'))",
    "TABLE cust",
]

FILES = [
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM read_parquet('{home}/lake/*/*.parquet')",
    "SELECT * FROM read_blob('{home}/limbeck.db')",
    "SELECT * FROM read_parquet('http://127.0.0.1/x.parquet')",
    "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "SELECT * FROM sqlite_scan('{home}/limbeck.db', 'credentials')",
    "SELECT * FROM query('COPY (SELECT 1) TO ''/tmp/limbeck-escape''')",
    "COPY (SELECT 1) TO '/tmp/limbeck-escape'",
    "SET lock_configuration = false",
    "INSTALL httpfs",
    "SELECT 1; SELECT 2",
]
"""What a query would be if nothing were resolved."""

HOW = [
    "SELECT id FROM cust",
    "COPY (SELECT id FROM cust) TO STDOUT",
    "DECLARE c CURSOR FOR SELECT id FROM cust",
    "PREPARE p AS SELECT id FROM cust; EXECUTE p",
    "EXPLAIN SELECT id FROM cust",
    "CREATE TABLE e AS SELECT id FROM cust",
]


class NoEngine(Engine):
    """The second wall switched off: what comes here has passed the first."""

    def __init__(self) -> None:
        pass

    @contextmanager
    def session(self, *_: Any, **__: Any) -> Iterator[Session]:
        raise AssertionError("the statement passed the resolver")
        yield


def send(connection: Any, text: str) -> None:
    with connection.cursor() as cursor:
        if text.startswith("COPY"):
            cursor.copy_expert(text, io.BytesIO())
        else:
            cursor.execute(text)


def refused(wire: Wire, *texts: str, **other: Any) -> set[str]:
    """The SQLSTATEs with which *texts* end, one after the other in one session; none of them may end well."""
    connection = wire.psycopg2(**other)
    connection.autocommit = True
    found = set()
    for text in texts:
        with pytest.raises(psycopg2.Error) as caught:
            send(connection, text)
        found.add(str(caught.value.pgcode))
    connection.close()
    assert not list(Path("/tmp").glob("limbeck-escape*"))
    return found


def test_the_resolver_holds_without_the_engine(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    query = wire.platform.query
    monkeypatch.setattr(query, "services", replace(query.services, engine=NoEngine()))
    assert {state[:2] for state in refused(wire, *ATTACKS)} <= {"42", "0A", "22", "26"}


@pytest.mark.parametrize("how", HOW)
def test_the_engine_holds_without_the_resolver(wire: Wire, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attack = ""

    def smuggled(run: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, _, *arguments: run(self, attack, *arguments)

    for name in ("reader", "describe", "plan", "write_parquet"):
        monkeypatch.setattr(Session, name, smuggled(getattr(Session, name)))
    for text in FILES if how == HOW[0] else FILES[:2]:
        attack = text.format(home=wire.platform.settings.home)
        assert refused(wire, how) < {"42501", "42601", "58000"}, text
    assert wire.platform.lake.datasets.by_table(wire.sandbox, "e") is None


@pytest.fixture(scope="module")
def secret(wire: Wire) -> str:
    """The id of a dataset in another sandbox."""
    platform = wire.platform
    sandbox = platform.access.ensure_sandbox(USER, "dev")
    table = pa.table({"word": ["hidden"]})
    schema = platform.registry.adhoc_schema(sandbox, "secret", from_arrow(table.schema))
    dataset = platform.lake.create_dataset(sandbox, "secret", schema.id, table="secret")
    path = platform.settings.scratch / f"{ids.new_uuid()}.parquet"
    pq.write_table(table, path)
    platform.lake.append(dataset, [path])
    return dataset.id


def test_other_sandboxes_are_out_of_reach(wire: Wire, secret: str) -> None:
    with wire.psycopg2(dbname="dev:all") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT word FROM secret")
        assert cursor.fetchall() == [("hidden",)]
    names = ("secret", "dev.secret", "dev.public.secret", '"dev:all".secret', f'"{secret}"')
    assert refused(wire, *(f"SELECT * FROM {name}" for name in names)) <= {"42P01", "0A000"}
    others = ("DROP TABLE secret", "INSERT INTO secret SELECT 'x' AS word", "SELECT history_meta('secret')")
    assert refused(wire, *others) == {"42P01"}
    with pytest.raises(psycopg2.OperationalError, match="42P12"):
        wire.psycopg2(dbname=f"prod:{secret}")


def test_a_scope_of_one_table_hides_the_others(wire: Wire) -> None:
    attacks = (
        "SELECT * FROM cust",
        "SELECT (SELECT max(id) FROM cust) AS m FROM ev",
        "DISCARD ALL; PREPARE p AS SELECT * FROM cust; EXECUTE p",
        "DECLARE c CURSOR FOR SELECT * FROM cust",
        "COPY cust TO STDOUT",
        "EXPLAIN SELECT * FROM cust",
        "SELECT history_meta('cust')",
        "CREATE TABLE mine AS SELECT * FROM cust",
        "INSERT INTO ev SELECT * FROM cust",
    )
    assert refused(wire, *attacks, dbname="prod:ev") == {"42P01"}
    with wire.psycopg2(dbname="prod:ev") as connection, connection.cursor() as cursor:
        for text in (
            "SELECT relname FROM pg_catalog.pg_class WHERE relname IN ('ev', 'cust')",
            "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_name IN ('ev', 'cust')",
        ):
            cursor.execute(text)
            assert cursor.fetchall() == [("ev",)]

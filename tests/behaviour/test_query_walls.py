"""Each of the two walls that queries stand behind holds alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from limbeck.engine import Engine
from limbeck.engine.duck import Session
from limbeck.errors import LimbeckError
from limbeck.query.service import QueryService
from tests.behaviour.query_tables import Home, fixtures

HOSTILE = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_csv_auto('/etc/passwd')",
    "SELECT * FROM read_parquet('/etc/passwd')",
    "SELECT * FROM parquet_scan('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/proc/self/environ')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM "/etc/passwd"',
    "SELECT * FROM `/etc/passwd`",
    "SELECT * FROM query('SELECT 1 FROM read_text(''/etc/passwd'')')",
    "SELECT * FROM query_table('/etc/passwd')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM sqlite_scan('/etc/passwd', 'x')",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT 1 WHERE EXISTS (SELECT * FROM read_text('/etc/passwd'))",
    "WITH x AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM x",
    "SELECT * FROM cust JOIN read_text('/etc/passwd') ON true",
    "SELECT * FROM cust, LATERAL (SELECT * FROM read_text('/etc/passwd'))",
    "COPY cust TO '{victim}'",
    "COPY (SELECT 1) TO '/tmp/limbeck-escape.csv'",
    "COPY cust FROM '/etc/passwd'",
    "EXPORT DATABASE '/tmp/limbeck-escape'",
    "IMPORT DATABASE '/tmp/limbeck-escape'",
    "ATTACH '/tmp/limbeck-escape.db'",
    "ATTACH '/tmp/limbeck-escape.db' AS x; SELECT 1",
    "DETACH x",
    "USE main",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '/tmp/limbeck-escape.so'",
    "SET allowed_directories = ['/']",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "CALL pragma_version()",
    "CREATE VIEW v AS SELECT getenv('HOME') AS x",
    "CREATE VIEW v AS SELECT * FROM read_csv('/etc/passwd')",
    "CREATE TEMP TABLE v AS SELECT read_text('/etc/passwd') AS a",
    "INSERT INTO cust SELECT * FROM read_csv('/etc/passwd')",
    "SELECT read_text('/etc/passwd') AS a INTO TEMP v",
    "CREATE SCHEMA s",
    "CREATE MACRO f(x) AS x",
    "CREATE FUNCTION f(x) AS x",
    "CREATE SECRET s (TYPE s3)",
    "CREATE INDEX i ON cust (id)",
    "ALTER TABLE cust RENAME TO x",
    "UPDATE cust SET id = 1",
    "DELETE FROM cust",
    "TRUNCATE TABLE cust",
    "MERGE INTO cust USING b3 ON true WHEN MATCHED THEN DELETE",
    "VACUUM",
    "CHECKPOINT",
    "EXPLAIN ANALYZE SELECT 1",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "BEGIN",
    "SELECT 1; COPY cust TO '{victim}'",
    "SELECT 1; SELECT 2",
    "SELECT * FROM ((SELECT 1 AS a) AS x JOIN read_text('/etc/passwd') AS y ON true)",
    "SELECT * FROM (cust JOIN read_text('/etc/passwd') AS y ON true)",
    "SELECT explode(read_text('/etc/passwd'))",
    "SELECT * FROM cust LATERAL VIEW read_text('/etc/passwd') t AS x",
    "SELECT history_meta('/etc/passwd')",
]
"""Statements that no wall may let through."""

TELLING = [
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_tables()",
    "SELECT * FROM duckdb_views",
    "SELECT * FROM pragma_version()",
    "SELECT * FROM main.t0",
    "SELECT * FROM t0",
    "SELECT * FROM sqlite_master",
    "SELECT current_setting('temp_directory')",
    "SELECT current_setting(name) FROM cust",
    "SELECT getenv('HOME')",
    "SELECT getvariable('x')",
    "SELECT sleep_ms(1)",
    "SELECT nextval('s')",
    "SELECT add_parquet_key('a', 'b')",
    "SELECT write_log('x')",
    "SELECT system.main.getenv('HOME')",
    "SELECT main.random()",
    "SELECT \"getenv\"('HOME')",
    "SELECT x.getenv() FROM (SELECT 'HOME' AS x)",
    "SELECT name.read_text() FROM cust",
    "SELECT COLUMNS('.*') FROM cust",
    "SELECT * REPLACE (1 AS id) FROM cust",
    "SELECT id FROM cust TABLESAMPLE (10 PERCENT)",
    "SELECT id FROM cust USING SAMPLE 1",
    "SELECT CAST(1 AS json)",
    "SELECT #1 FROM cust",
    "SELECT unnest([1])",
    "SELECT count(read_text(name)) FROM cust",
    "SELECT sum(id) FILTER (WHERE getenv('x') = 'y') FROM cust",
    "SELECT row_number() OVER (ORDER BY getenv('x')) FROM cust",
    "SELECT transform(array(1), x -> getenv('x'))",
    "SELECT id FROM cust ORDER BY getenv('x')",
    "SELECT id FROM cust GROUP BY getenv('x'), id",
    "SELECT id FROM cust HAVING getenv('x') = 'y'",
    "SELECT id FROM cust LIMIT (SELECT 1)",
    "SELECT DISTINCT ON (getenv('x')) id FROM cust",
    "VALUES (getenv('x'))",
    "INSERT INTO cust VALUES (1, getenv('x'), 'y')",
    "CREATE TABLE t AS SELECT getenv('x') AS x",
    "CREATE OR REPLACE TABLE cust AS SELECT 1 AS a",
    "CREATE TABLE t AS FROM read_text('/etc/passwd')",
    "DROP VIEW cust",
    "DROP SCHEMA main",
]
"""Statements that the engine would answer, and that show what is none of a user's business: the resolver's task."""


class NoEngine(Engine):
    """The second wall switched off: whatever comes here has passed the first."""

    def __init__(self) -> None:
        pass

    @contextmanager
    def session(self, *_: Any, **__: Any) -> Iterator[Session]:
        pytest.fail("the statement passed the resolver")
        yield


SETTINGS = [
    "SET enable_external_access = true",
    "SET temp_directory = '/tmp/limbeck-escape'",
    "SET lock_configuration = false",
    "RESET lock_configuration",
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home.make(tmp_path_factory.mktemp("walls"))
    for name, batches in fixtures().items():
        made.add(name, batches)
    return made


@pytest.mark.parametrize("attack", [*HOSTILE, *TELLING])
def test_the_resolver_holds_without_the_engine(home: Home, attack: str) -> None:
    service = QueryService(home.store, home.lake, home.registry, NoEngine(), home.settings.scratch, 60)
    with pytest.raises(LimbeckError) as caught:
        service.run(home.sandbox, attack.format(victim="/tmp/limbeck-escape"))
    assert caught.value.sqlstate[:2] in ("42", "0A", "53"), caught.value
    assert not list(Path("/tmp").glob("limbeck-escape*"))


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_stay_with_the_session(home: Home, setting: str) -> None:
    """SET is the session's own; no engine hears of it, and none is asked."""
    service = QueryService(home.store, home.lake, home.registry, NoEngine(), home.settings.scratch, 60)
    assert service.run(home.sandbox, setting).schema.names == []
    with home.engine.session() as session, pytest.raises(LimbeckError):
        session.fetch(setting)


@pytest.mark.parametrize("attack", HOSTILE)
def test_the_engine_holds_without_the_resolver(home: Home, attack: str) -> None:
    dataset = home.lake.datasets.by_table(home.sandbox, "cust")
    assert dataset is not None
    table = home.lake.table(dataset)
    victim = Path(table.files[0])
    before = victim.read_bytes()
    with home.engine.session([table]) as session:
        for run in (session.fetch, session.write_parquet):
            with pytest.raises(LimbeckError):
                run(attack.format(victim=victim))
    assert victim.read_bytes() == before
    assert not list(Path("/tmp").glob("limbeck-escape*"))


@pytest.mark.parametrize(
    "text",
    [
        "{0}",
        "{*}",
        "{{",
        "'; DROP TABLE cust; --",
        'a"b',
        "\\",
        "%s",
        "$1",
        "*/",
    ],
)
def test_what_stands_in_a_string_or_name_stays_there(home: Home, text: str) -> None:
    literal = text.replace("\\", "\\\\").replace("'", "''")
    name = text.replace('"', '""')
    query = f"""SELECT '{literal}' AS "{name}", concat('{literal}', ''), map('k', '{literal}')['k'],
        struct('{literal}' AS `{text}`), CAST(NULL AS struct<`{text}`: int>)"""
    found = home.sql(query)
    assert found.schema.names[0] == text
    (row,) = zip(*(c.to_pylist() for c in found.columns), strict=True)
    assert row == (text, text, text, {text: text}, None)

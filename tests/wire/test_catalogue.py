"""pg_catalog and information_schema through real clients, beside a real PostgreSQL with the same tables."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import re
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import pandas as pd
import psycopg
import psycopg.types
import psycopg2
import psycopg2.errors
import pyarrow as pa
import pytest
import sqlalchemy as sa

from limbeck.platform import Platform
from limbeck.query.split import statements
from tests.behaviour.query_tables import Home
from tests.wire.conftest import PASSWORD, USER, Wire, served
from tests.wire.postgres import running
from tests.wire.test_jdbc import DRIVER

KINDS: dict[str, tuple[pa.DataType, str, Any]] = {
    "id": (pa.int64(), "bigint", 1),
    "Name": (pa.string(), "text", "Anna"),
    "paid": (pa.bool_(), "boolean", True),
    "small": (pa.int16(), "smallint", 3),
    "count": (pa.int32(), "integer", 4),
    "priceTotal": (pa.float64(), "double precision", 1.5),
    "day": (pa.date32(), "date", dt.date(2024, 3, 1)),
    "createdAt": (pa.timestamp("ms"), "timestamp", dt.datetime(2024, 3, 1, 10)),
}
"""Columns with the type that they have here, the one that PostgreSQL's has, and a value."""

ADDRESS = pa.struct([("city", pa.string()), ("geo", pa.struct([("lat", pa.float64())]))])
ITEMS = pa.list_(pa.struct([("SKU", pa.string()), ("quantity", pa.int32())]))
PARTS: dict[str, tuple[pa.DataType, str]] = {
    "address": (ADDRESS, "parts_address"),
    "items": (ITEMS, "parts_items_e[]"),
    "labels": (pa.map_(pa.string(), pa.string()), "anymap"),
    "tags": (pa.list_(pa.string()), "public.anyarray"),
}

THERE = f"""
    CREATE TABLE cust (id bigint, name text, city text);
    CREATE TABLE kinds ({", ".join(f"{name} {kind}" for name, (_, kind, _) in KINDS.items())});
    CREATE VIEW grown AS SELECT name, id FROM cust WHERE id > 1;
    CREATE DOMAIN anymap AS text;
    CREATE DOMAIN public.anyarray AS text;
    CREATE TYPE parts_address_geo AS (lat double precision);
    CREATE TYPE parts_address AS (city text, geo parts_address_geo);
    CREATE TYPE parts_items_e AS (sku text, quantity integer);
    CREATE TABLE parts ({", ".join(f"{name} {kind}" for name, (_, kind) in PARTS.items())});
"""


@dataclass(frozen=True)
class Twins:
    """A server of ours, and where PostgreSQL has the same objects in a database of the same name."""

    wire: Wire
    port: int

    def both(self, ask: Callable[[dict[str, Any]], Any]) -> tuple[Any, Any]:
        """What the two answer; *ask* is given how to connect."""
        return ask(self.wire.parts()), ask(self.wire.parts(port=self.port))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a few tables and a view."""
    found = Home.make(tmp_path_factory.mktemp("catalogue"))
    found.add("cust", [pa.table({"id": [1, 2], "name": ["Anna", "Bo"], "city": ["Oslo", None]})])
    found.add("kinds", [pa.table({name: pa.array([value], kind) for name, (kind, _, value) in KINDS.items()})])
    found.add("parts", [pa.table({name: pa.array([None], kind) for name, (kind, _) in PARTS.items()})])
    return found


@pytest.fixture(scope="module")
def wire(home: Home) -> Iterator[Wire]:
    """A server of that home."""
    platform = Platform(replace(home.settings, statement_timeout_s=60))
    client, _, secret = PASSWORD.partition(":")
    platform.access.create_credential(USER, client_id=client, client_secret=secret)
    sandbox = platform.access.sandbox(USER, "prod")
    platform.query.objects.create(sandbox, "view", {"sql": "SELECT name, id FROM cust WHERE id > 1"}, name="Grown")
    yield from served(platform)
    platform.close()


@pytest.fixture(scope="module")
def twins(wire: Wire) -> Iterator[Twins]:
    """The same tables here and there."""
    with running(wire.platform.settings.home / "pgwire" / "server.crt") as postgres:
        make = psycopg2.connect(**wire.parts(port=postgres.port, dbname="postgres"))
        make.autocommit = True
        make.cursor().execute('DROP DATABASE "prod:all"')
        make.cursor().execute('CREATE DATABASE "prod:all" TEMPLATE template0')
        make.close()
        with psycopg2.connect(**wire.parts(port=postgres.port)) as connection, connection.cursor() as cursor:
            cursor.execute(THERE)
        connection.close()
        yield Twins(wire, postgres.port)


def psql(parts: dict[str, Any], *commands: str, script: str = "") -> subprocess.CompletedProcess[str]:
    """Run psql with several commands, or with a script."""
    where = " ".join(f"{key}={value}" for key, value in parts.items() if key != "password")
    env = os.environ | {"PGPASSWORD": PASSWORD, "LC_ALL": "C.UTF-8"}
    line = ["psql", "-X", where, *(a for command in commands for a in ("-c", command))]
    return subprocess.run(line, env=env, input=script, capture_output=True, text=True, check=False)


def rows(parts: dict[str, Any], sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """What one query gives through psycopg2."""
    with psycopg2.connect(**parts) as connection, connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    connection.close()
    return found


# -- psql ---------------------------------------------------------------------------------------------------------


COMMANDS = [
    *(r"\d", r"\dt", r"\dv", r"\dtv", r"\dt cu*", r"\dt public.*", r"\di", r"\ds", r"\dm", r"\dE", r"\df", r"\da"),
    *(r"\d cust", r"\d kinds", r"\d grown", r"\d parts", r"\d parts_address", r"\d parts_items_e", r"\d nothing"),
    *(r"\dp cust", r"\dx nothing", r"\dD nothing", r"\dd", r"\dF nothing", r"\dP", r"\des", r"\det"),
]


@pytest.fixture(scope="module")
def shown(twins: Twins) -> tuple[dict[str, str], dict[str, str]]:
    """What psql shows for each command, here and there."""

    def ask(parts: dict[str, Any]) -> dict[str, str]:
        script = "\n".join(f"\\echo ={number}\n{command}" for number, command in enumerate(COMMANDS))
        ended = psql(parts, script=f"\\pset format unaligned\n{script}\n")
        text = ended.stdout.replace("timestamp without time zone", "timestamp").replace("public.anyarray", "anyarray")
        found = text.replace(f"|{USER}", "|postgres").split("\n=")[1:]
        return {COMMANDS[int(number)]: text for number, _, text in (part.partition("\n") for part in found)}

    return twins.both(ask)


@pytest.mark.needs("psql", "postgres")
@pytest.mark.parametrize("command", COMMANDS)
def test_psql_shows_what_it_shows_of_postgresql(shown: tuple[dict[str, str], dict[str, str]], command: str) -> None:
    ours, theirs = (answers[command] for answers in shown)
    assert ours == theirs


@pytest.mark.needs("psql")
def test_every_command_of_psql_that_the_contract_names(wire: Wire) -> None:
    commands = [
        *(
            r"\conninfo",
            r"\dn+",
            r"\dS",
            r"\dT",
            r"\dT+",
            r"\dtvmsE",
            r"\dt+",
            r"\d+ kinds",
            r"\d+ grown",
            r"\dS+ pg_class",
        ),
        *(r"\l", r"\l+", r"\du", r"\dg+", r"\dx", r"\db", r"\dL", r"\dC", r"\do", r"\dO", r"\dy", r"\sv grown"),
        *(r"\encoding", r"\errverbose", r"\set", r"\timing"),
    ]
    ended = psql(wire.parts(), *commands)
    assert "ERROR" not in ended.stderr
    for line in (
        r" public \| anymap",
        r" public \| grown \| view",
        r" prod:all +\| postgres \| UTF8",
        r" name +\| text ",
    ):
        assert re.search(line, ended.stdout), line


@pytest.mark.needs("psql")
def test_psql_describes_the_columns_of_a_query(wire: Wire) -> None:
    sql = "SELECT oid, relname, relnatts, relacl, reltuples FROM pg_class"
    found = psql(wire.parts(), script=f"{sql} \\gdesc\n")
    kinds = re.findall(r" (\w+) +\| (\S+)", found.stdout)
    assert kinds == [
        ("oid", "oid"),
        ("relname", "text"),
        ("relnatts", "smallint"),
        ("relacl", "text[]"),
        ("reltuples", "real"),
    ]


# -- SQLAlchemy and pandas ----------------------------------------------------------------------------------------

TABLES = ("cust", "kinds")


def inspected(url: sa.URL, *, thorough: bool) -> dict[str, Any]:
    """What an inspector tells, without OIDs and comments; types as they are written."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    found = sa.inspect(engine)
    told: dict[str, Any] = {
        "schemas": found.get_schema_names(),
        "default": found.default_schema_name,
        "tables": sorted(found.get_table_names()),
        "views": found.get_view_names(),
        "temporary": found.get_temp_table_names(),
        "sequences": found.get_sequence_names(),
        "enums": found.get_enums(),
        "has": [found.has_table(name) for name in ("cust", "grown", "nothing")],
    }
    for table in (*TABLES, "grown") if thorough else ("kinds",):
        told[table] = [
            [(c["name"], repr(c["type"]), c["nullable"], c["default"]) for c in found.get_columns(table)],
            found.get_pk_constraint(table),
            found.get_foreign_keys(table),
            found.get_indexes(table),
            found.get_unique_constraints(table),
            found.get_check_constraints(table),
        ]
    if not thorough:
        return told
    reflected = sa.MetaData()
    reflected.reflect(engine, only=TABLES)
    told["reflected"] = {name: [c.name for c in table.columns] for name, table in reflected.tables.items()}
    return told


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("driver", ["psycopg2", "psycopg", "pg8000"])
def test_sqlalchemy_finds_what_it_finds_in_postgresql(twins: Twins, driver: str) -> None:
    def told(parts: dict[str, Any]) -> dict[str, Any]:
        where = {"host": parts["host"], "port": parts["port"], "database": parts["dbname"]}
        url = sa.URL.create(f"postgresql+{driver}", USER, PASSWORD, **where)
        return inspected(url, thorough=driver == "psycopg2")

    ours, theirs = twins.both(told)
    assert ours == theirs


def test_pandas_reads_a_whole_table(wire: Wire) -> None:
    url = sa.URL.create("postgresql+psycopg2", USER, PASSWORD, "127.0.0.1", wire.port, "prod:all")
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    frame = pd.read_sql_table("kinds", engine)
    assert list(frame.columns) == [name.lower() for name in KINDS]
    assert [frame[name][0] for name in ("id", "name", "paid", "pricetotal")] == [1, "Anna", True, 1.5]
    assert pd.read_sql("cust", engine, index_col="id").loc[2, "name"] == "Bo"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)  # it knows no composite types
        assert list(pd.read_sql_table("parts", engine).columns) == list(PARTS)


# -- JDBC ---------------------------------------------------------------------------------------------------------


@pytest.mark.needs("java", "javac", "postgres")
def test_jdbc_metadata_is_that_of_postgresql(twins: Twins) -> None:
    if not DRIVER.exists():
        missing = f"needs the driver {DRIVER} (Debian: libpostgresql-jdbc-java)"
        pytest.fail(missing) if os.environ.get("LIMBECK_REQUIRE_ALL") == "1" else pytest.skip(missing)
    urls = [f"jdbc:postgresql://127.0.0.1:{port}/prod:all?sslmode=disable" for port in (twins.wire.port, twins.port)]
    line = [shutil.which("java") or "java", "-XX:TieredStopAtLevel=1", "-cp", str(DRIVER), "Metadata.java"]
    ended = subprocess.run(
        [*line, USER, PASSWORD, *urls], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    ours, theirs = ([told for told in part.splitlines() if told] for part in ended.stdout.split("====\n")[1:])
    assert [t for t in theirs if t not in ours and not t.startswith(_UNLIKE)] == []
    assert [t for t in ours if t not in theirs and not t.startswith(_UNLIKE)] == []


_UNLIKE = ("types", "udts", "columns|parts|labels", "columns|parts|tags", "privileges", "columnPrivileges")
"""PostgreSQL has more types, there ours are domains, and its privileges are all there are."""


# -- other drivers ------------------------------------------------------------------------------------------------


def test_asyncpg_reads_oids_and_arrays_in_binary(wire: Wire) -> None:
    async def ask() -> Any:
        parts = wire.parts(ssl=None)
        place = {key: parts[key] for key in ("host", "port", "user", "password")} | {"database": parts["dbname"]}
        connection = await asyncpg.connect(**place, ssl=False)
        sql = "SELECT attrelid::regclass::text, array_agg(attname ORDER BY attnum), array_agg(attnum ORDER BY attnum), "
        sql += "array_agg(atttypid ORDER BY attnum), max(attrelid) FROM pg_attribute WHERE attrelid = $1 GROUP BY 1"
        oid = await connection.fetchval("SELECT $1::regclass::oid", "cust")
        found = (
            tuple(await connection.fetchrow(sql, oid)),
            oid,
            await connection.fetchval("SELECT ARRAY['a,\"b', NULL] FROM pg_am"),
        )
        await connection.close()
        return found

    row, oid, quoted = asyncio.run(ask())
    assert row == ("cust", ["id", "name", "city"], [1, 2, 3], [20, 25, 25], oid)
    assert quoted == ['a,"b', None]


@pytest.mark.needs("postgres")
def test_psycopg_looks_types_up(twins: Twins) -> None:
    def looked_up(parts: dict[str, Any]) -> list[Any]:
        with psycopg.connect(**parts) as connection:
            names = ("int4", "text", "timestamptz", "hstore")
            found = [psycopg.types.TypeInfo.fetch(connection, name) for name in names]
            made = psycopg.types.composite.CompositeInfo.fetch(connection, "parts_address")
        assert made is not None
        return [*((t.oid, t.array_oid, t.name) if t else None for t in found), made.name, made.field_names]

    ours, theirs = twins.both(looked_up)
    assert ours == theirs


# -- questions in SQL ---------------------------------------------------------------------------------------------

HERE = Path(__file__).parent
QUESTIONS = statements((HERE / "questions.sql").read_text())


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("sql", QUESTIONS)
def test_questions_have_postgresqls_answers(twins: Twins, sql: str) -> None:
    def asked(parts: dict[str, Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        with psycopg2.connect(**parts) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            found = cursor.fetchall()
        connection.close()
        return [column.name for column in cursor.description], found

    ours, theirs = twins.both(asked)
    assert ours == theirs


def test_columns_of_information_schema_keep_their_names(wire: Wire) -> None:
    sql = (
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position"
    )
    assert rows(wire.parts(), sql, "kinds") == [(name, kind) for name, (_, kind, _) in KINDS.items()]
    assert rows(wire.parts(), sql, "parts") == [(name, "text") for name in PARTS]
    flat = rows(wire.parts(dbname="prod:all?FLATTEN"), sql, "parts")
    assert flat[:2] == [("address.city", "text"), ("address.geo.lat", "double precision")]


def test_the_catalogue_answers_without_the_wire(wire: Wire) -> None:
    found = wire.table("SELECT table_name FROM information_schema.tables ORDER BY 1")
    assert found.to_pydict() == {"table_name": ["Grown", "cust", "kinds", "parts"]}
    assert wire.table("SELECT version() LIKE 'PostgreSQL 13%' AS it").to_pydict() == {"it": [True]}


def test_questions_of_dbeaver(wire: Wire) -> None:
    some, none = (statements(part) for part in (HERE / "dbeaver.sql").read_text().split("-- And these have none:"))
    with psycopg2.connect(**wire.parts()) as connection, connection.cursor() as cursor:
        for sql in (*some, *none):
            cursor.execute(sql)
            assert bool(cursor.fetchall()) == (sql in some), sql
    connection.close()


# -- what stays the same, what is seen, what is refused -----------------------------------------------------------


def test_oids_are_unique_and_stay(wire: Wire, home: Home) -> None:
    sql = "SELECT oid, relname FROM pg_class UNION ALL SELECT oid, typname FROM pg_type WHERE oid > 16384 ORDER BY 1"
    found = rows(wire.parts(), sql)
    assert len({oid for oid, _ in found}) == len(found)
    platform = Platform(home.settings)  # another process would see the same
    with platform.query.run(wire.sandbox, sql) as result:
        again = [tuple(row.values()) for batch in result.batches() for row in batch.to_pylist()]
    platform.close()
    assert again == found


def test_only_what_the_database_name_shows_is_in_the_catalogue(wire: Wire) -> None:
    sql = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v') AND relnamespace = 2200 ORDER BY 1"
    assert rows(wire.parts(dbname="prod:cust"), sql) == [("cust",)]
    named = "SELECT DISTINCT table_name FROM information_schema.columns"
    assert rows(wire.parts(dbname="prod:cust"), named) == [("cust",)]
    assert rows(wire.parts(dbname="prod:cust"), "SELECT datname FROM pg_database") == [("prod:cust",)]


def test_settings_are_the_sessions(wire: Wire) -> None:
    with psycopg2.connect(**wire.parts(application_name="me")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('application_name'), set_config('jit', 'on', false)")
        assert cursor.fetchall() == [("me", "on")]
        cursor.execute("SELECT setting FROM pg_settings WHERE name = 'jit'")
        assert cursor.fetchall() == [("on",)]
        cursor.execute("SET search_path = pg_catalog")
        cursor.execute("SELECT format_type(reltype, NULL), oid::regclass::text FROM pg_class WHERE relname = 'cust'")
        assert cursor.fetchall() == [("public.cust", "public.cust")]
        with pytest.raises(psycopg2.errors.UndefinedObject):
            cursor.execute("SELECT current_setting('nope')")
    connection.close()


@pytest.mark.parametrize(
    ("sql", "state"),
    [
        ("SELECT * FROM pg_class, cust", "0A000"),
        ("SELECT * FROM pg_class JOIN 'cust.parquet' AS f ON true", None),
        ("SELECT * FROM pg_class, read_csv('/etc/passwd')", "42883"),
        ("SELECT * FROM pg_class, duckdb_settings()", "42883"),
        ("SELECT * FROM pg_class, duckdb_settings", "0A000"),
        ('SELECT * FROM pg_class, "/etc/passwd"', "0A000"),
        ('SELECT * FROM pg_class, "limbeck.session"', "0A000"),
        ("SELECT * FROM pg_class, information_schema.nothing", "42P01"),
        ("SELECT * FROM pg_catalog.pg_clas", "42P01"),
        ("SELECT getenv('HOME') FROM pg_class", "42883"),
        ("SELECT pg_catalog.getenv('HOME'), version()", "42883"),
        ("SELECT system.getenv('HOME') FROM pg_class", "42883"),
        ("SELECT pg_read_file('/etc/passwd') FROM pg_am", "42883"),
        ("SELECT relname INTO x FROM pg_class", "0A000"),
        ("SELECT * FROM pg_class TABLESAMPLE SYSTEM (1)", "0A000"),
        ("SELECT 'nothing'::regclass", "42P01"),
        ("SELECT relnam FROM pg_class", "42703"),
        ("DELETE FROM pg_class", None),
        ("SELECT oid::geometry FROM pg_class", "0A000"),
    ],
)
def test_what_the_catalogue_refuses(wire: Wire, sql: str, state: str | None) -> None:
    with pytest.raises(psycopg2.Error) as caught:
        rows(wire.parts(), sql)
    assert state in (None, caught.value.pgcode), str(caught.value)


# -- PostgreSQL as a client ---------------------------------------------------------------------------------------


@pytest.mark.needs("postgres")
def test_postgres_fdw_imports_the_schema(twins: Twins) -> None:
    name, password = USER, PASSWORD
    script = f"""
        CREATE EXTENSION postgres_fdw;
        CREATE SERVER there FOREIGN DATA WRAPPER postgres_fdw
            OPTIONS (host '127.0.0.1', port '{twins.wire.port}', dbname 'prod:all', sslmode 'disable');
        CREATE USER MAPPING FOR CURRENT_USER SERVER there OPTIONS (user '{name}', password '{password}');
        CREATE SCHEMA far;
        IMPORT FOREIGN SCHEMA public FROM SERVER there INTO far;
    """
    with psycopg2.connect(**twins.wire.parts(port=twins.port)) as connection, connection.cursor() as cursor:
        cursor.execute(script)
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'far' ORDER BY 1")
        assert cursor.fetchall() == [("cust",), ("grown",), ("kinds",), ("parts",)]
        cursor.execute("SELECT * FROM far.kinds")
        assert cursor.fetchall() == [tuple(value for _, _, value in KINDS.values())]
        cursor.execute("SELECT c.name, g.id FROM far.cust c JOIN far.grown g USING (id) WHERE c.name = 'Bo'")
        assert cursor.fetchall() == [("Bo", 2)]
        connection.rollback()
    connection.close()

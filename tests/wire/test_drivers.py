"""The wire as its users meet it: through the drivers of PostgreSQL, each as it comes."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import asyncpg
import pandas as pd
import pg8000.dbapi
import psycopg
import psycopg2
import psycopg2.errors
import pytest
import sqlalchemy as sa

from tests.wire.conftest import MANY, PASSWORD, USER, Wire

CUST = [(1, "Anna", "Oslo"), (2, "alf", "Rome"), (3, "Bo", None)]

TYPES = {
    "bool": "true",
    "int2": "CAST(7 AS smallint)",
    "int4": "CAST(-70000 AS int)",
    "int8": "CAST(5000000000 AS bigint)",
    "float4": "CAST(1.5 AS float)",
    "float8": "CAST(0.1 AS double)",
    "numeric": "CAST('-1234567.8900' AS decimal(18, 4))",
    "text": "'Grüße, \"Welt\"'",
    "date": "CAST('1999-12-31' AS date)",
    "timestamp": "CAST('2024-03-01 10:00:00.250' AS timestamp)",
}
COMPLEX = {
    "structs": "struct(1 AS a, 'x,y' AS b, CAST(NULL AS int) AS c)",
    "arrays": "array(1, 2, NULL)",
    "maps": "map('k', struct(1.5 AS v))",
}


def psql(wire: Wire, *arguments: str, **other: Any) -> subprocess.CompletedProcess[str]:
    """Run psql with its words for what is wrong in English."""
    parts = {k: v for k, v in wire.parts(**other).items() if k != "password"}
    where = " ".join(f"{key}={value}" for key, value in parts.items())
    env = os.environ | {"PGPASSWORD": PASSWORD, "LC_ALL": "C.UTF-8"}
    line = ["psql", "-X", "-A", "-t", where, *arguments]
    return subprocess.run(line, env=env, capture_output=True, text=True, check=False)


# -- psql ---------------------------------------------------------------------------------------------------------


@pytest.mark.needs("psql")
def test_psql_runs_several_statements_of_one_text(wire: Wire) -> None:
    text = "-- two\nSET auto_to_json=true; SELECT directMarketing, _id FROM ev WHERE _id = 'e1';;\n"
    ended = psql(wire, "-c", text)
    assert (ended.stderr, ended.stdout) == (
        "",
        'SET\n{"emailDelivered":{"value":1.0},"emailVisitorID":"a@b.c"}|e1\n',
    )


@pytest.mark.needs("psql")
def test_psql_points_at_what_is_wrong_in_the_second_statement(wire: Wire) -> None:
    ended = psql(wire, "-c", "SELECT 1; SELECT nme FROM cust", "-c", "SELECT 2")
    assert ended.stdout == "1\n2\n"
    message, line, caret, hint = ended.stderr.splitlines()
    assert message.startswith("ERROR:  ErrorCode: 42703 sessionId: ")
    assert line[caret.index("^") :].startswith("nme")
    assert hint == 'HINT:  did you mean "name"?'


@pytest.mark.needs("psql")
def test_psql_copies_out(wire: Wire) -> None:
    ended = psql(wire, "-c", "COPY (SELECT * FROM cust ORDER BY id) TO STDOUT WITH CSV HEADER")
    assert (ended.stderr, ended.stdout) == ("", "id,name,city\n1,Anna,Oslo\n2,alf,Rome\n3,Bo,\n")


@pytest.mark.needs("psql")
def test_psql_is_told_of_rows_that_were_cut_off(wire: Wire) -> None:
    ended = psql(wire, "-c", "SELECT n FROM many")
    assert len(ended.stdout.splitlines()) == 50_000
    assert ended.stderr.startswith("WARNING:  the result was cut off at 50,000 rows")
    assert len(psql(wire, "-c", "SELECT n FROM many LIMIT 0").stdout.splitlines()) == MANY
    assert "53400" in psql(wire, "-c", "SELECT n FROM many LIMIT 100001").stderr


@pytest.mark.needs("psql")
def test_psql_tells_more_of_an_error(wire: Wire) -> None:
    env = os.environ | {"PGPASSWORD": PASSWORD, "LC_ALL": "C.UTF-8"}
    where = " ".join(f"{key}={value}" for key, value in wire.parts().items() if key != "password")
    script = "SELECT nme FROM cust;\n\\errverbose\n"
    ended = subprocess.run(["psql", "-X", where], input=script, env=env, capture_output=True, text=True, check=False)
    first, again = ended.stderr.split("ERROR:")[1:]
    assert again.startswith("  42703: ErrorCode: 42703 sessionId: ")
    assert first.split(": ", 1)[1].strip() in again
    assert 'HINT:  did you mean "name"?' in again


# -- psycopg2 -----------------------------------------------------------------------------------------------------


def test_psycopg2_in_its_implied_transaction(wire: Wire) -> None:
    connection = wire.psycopg2()
    cursor = connection.cursor()
    cursor.execute("SELECT 1 AS a")
    assert (cursor.fetchall(), cursor.description[0].name, cursor.description[0].type_code) == ([(1,)], "a", 23)
    assert connection.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_INTRANS
    with pytest.raises(psycopg2.errors.SyntaxError):
        cursor.execute("SELEC 1")
    assert connection.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_INTRANS
    cursor.execute("SELECT * FROM cust ORDER BY id")
    assert cursor.fetchall() == CUST
    connection.commit()
    assert connection.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE
    with pytest.raises(psycopg2.errors.UndefinedTable):
        cursor.execute("SELECT * FROM nope")
    connection.rollback()
    connection.close()


def test_values_that_psycopg2_puts_into_the_text_stay_values(wire: Wire) -> None:
    nasty = ["\\' OR 1 = 1 --", "a\\", "it's", 'say "hi"', "line\nbreak", "\\n", "%s $1"]
    with wire.psycopg2() as connection, connection.cursor() as cursor:
        for value in nasty:
            cursor.execute("SELECT %s AS v, count(*) FROM cust WHERE name = %s", (value, value))
            assert cursor.fetchall() == [(value, 0)]


def test_named_cursors_of_psycopg2(wire: Wire) -> None:
    connection = wire.psycopg2()
    with connection.cursor("by name") as cursor:
        cursor.itersize = 500
        cursor.execute("SELECT n FROM many LIMIT 2000")
        assert [cursor.fetchone(), cursor.fetchmany(2)] == [(0,), [(1,), (2,)]]
        assert sum(1 for _ in cursor) == 1997
        cursor.scroll(0, mode="absolute")
        assert cursor.fetchone() == (0,)
    connection.commit()
    connection.close()


def test_writing_and_rights(wire: Wire) -> None:
    with wire.psycopg2() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE written AS SELECT id, name FROM cust")
        assert cursor.description[0].name == "Created Table DataSet Id"
        cursor.execute("INSERT INTO written SELECT 4 AS id, 'Eva' AS name")
        assert (cursor.rowcount, cursor.statusmessage) == (1, "INSERT 0 1")
        cursor.execute("SELECT count(*) FROM written")
        assert cursor.fetchall() == [(4,)]
        with pytest.raises(psycopg2.errors.DuplicateTable):
            cursor.execute("CREATE TABLE written AS SELECT 1 AS a")
        cursor.execute("DROP TABLE written")
        assert cursor.statusmessage == "DROP TABLE"
    with wire.psycopg2(password="reader:secret") as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("CREATE TABLE other AS SELECT 1 AS a")
        cursor.execute("SELECT 1")


def test_contract_texts_reach_psycopg2(wire: Wire) -> None:
    with wire.psycopg2() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT identityMap, productListItems, commerce FROM ev WHERE _id = 'e1'")
        assert cursor.fetchall() == [
            (
                '[ECID -> "{(11,t)}",AAID -> "{(a1,f)}"]',
                "{(123679,2,10.5),(1346,NULL,NULL)}",
                '("(P1,3018.0)","(1.0)")',
            )
        ]
        cursor.execute("SELECT timestamp FROM ev ORDER BY timestamp")
        assert cursor.fetchone() == (dt.datetime(2024, 3, 1, 10, 0, 0, 250_000),)


# -- psycopg 3 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("binary", [False, True])
def test_every_type_is_what_the_query_service_gives(wire: Wire, binary: bool) -> None:
    text = f"SELECT {', '.join(f'{value} AS {name}' for name, value in TYPES.items())}"
    with wire.psycopg() as connection, connection.cursor(binary=binary) as cursor:
        found = cursor.execute(text).fetchall()
        assert found == [tuple(wire.table(text).to_pylist()[0].values())]
        named = [c.type_display.partition("(")[0] for c in cursor.description or ()]
        assert named == list(TYPES)
        nulls = cursor.execute(f"SELECT * FROM ({text}) AS t WHERE 1 = 0 UNION ALL SELECT {', '.join(['NULL'] * 10)}")
        assert nulls.fetchall() == [(None,) * len(TYPES)]


@pytest.mark.parametrize("binary", [False, True])
def test_values_with_parts_are_text(wire: Wire, binary: bool) -> None:
    text = f"SELECT {', '.join(f'{value} AS {name}' for name, value in COMPLEX.items())}"
    with wire.psycopg() as connection, connection.cursor(binary=binary) as cursor:
        assert cursor.execute(text).fetchall() == [('(1,"x,y",NULL)', "{1,2,NULL}", '[k -> "(1.5)"]')]


@pytest.mark.parametrize(
    "value",
    [
        True,
        7,
        -70_000,
        5_000_000_000,
        0.1,
        float("inf"),
        "it's \\ 'quoted'",
        dt.date(1999, 12, 31),
        dt.datetime(2024, 3, 1, 10, 0, 0, 250_000),
        None,
    ],
    ids=str,
)
@pytest.mark.parametrize("form", ["%s", "%b", "%t"])
def test_parameters_come_back(wire: Wire, value: Any, form: str) -> None:
    with wire.psycopg() as connection:
        assert connection.execute(f"SELECT {form} AS v", [value]).fetchall() == [(value,)]


def test_a_moment_with_a_zone_is_taken_as_utc(wire: Wire) -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    with wire.psycopg() as connection:
        found = connection.execute("SELECT %s AS v", [dt.datetime(2024, 3, 1, 12, tzinfo=zone)]).fetchall()
        assert found == [(dt.datetime(2024, 3, 1, 10),)]
        assert connection.execute("SELECT %s AS v", [Decimal("1.5")]).fetchall() == [(1.5,)]


@pytest.mark.parametrize("form", ["%s", "%b", "%t"])
def test_arrays_and_bytes_are_parameters(wire: Wire, form: str) -> None:
    with wire.psycopg() as connection:

        def asked(text: str, value: Any) -> Any:
            return connection.execute(text.format(form), [value]).fetchone()[0]  # type: ignore[index, arg-type]

        texts = ["a", 'b "c"', "it's \\"]  # in text, psycopg leaves it open what they are
        for items in ([1, 2, 3], [0.5], [True, None], [dt.date(1999, 12, 31)], *([texts] if form == "%b" else [])):
            assert asked("SELECT array_contains({}, " + f"{_spelled(items[0])}) AS v", items) is True
        assert asked("SELECT size({}) AS v", [1, None]) == 2
        if form != "%t":  # libpq doubles the backslash where standard_conforming_strings is off
            assert asked("SELECT {} AS v", b"\0\xff") == b"\0\xff"


def _spelled(value: Any) -> str:
    return (
        f"CAST('{value}' AS date)"
        if isinstance(value, dt.date)
        else f"'{value}'"
        if isinstance(value, str)
        else str(value)
    )


@pytest.mark.parametrize("parameters", [None, []], ids=["simple", "extended"])
def test_limits_of_rows_in_both_protocols(wire: Wire, parameters: Any) -> None:
    with wire.psycopg() as connection:
        connection.prepare_threshold = None
        told: list[str] = []
        connection.add_notice_handler(lambda notice: told.append(str(notice.sqlstate)))
        cursor = psycopg.ClientCursor(connection) if parameters is None else connection.cursor()
        for text, count in (("", 50_000), (" LIMIT 0", MANY), (" LIMIT 7", 7), (" WHERE 1 = 0", 0)):
            assert len(cursor.execute(f"SELECT n FROM many{text}", parameters).fetchall()) == count
        assert told == ["01000"]
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
            cursor.execute("SELECT n FROM many LIMIT 100001", parameters)
        found = cursor.execute("SELECT * FROM (SELECT n FROM many LIMIT 0) AS t", parameters).fetchall()
        assert found == []


def test_plans_of_queries(wire: Wire) -> None:
    dataset = wire.platform.lake.datasets.by_table(wire.sandbox, "cust")
    assert dataset is not None
    with wire.psycopg() as connection, connection.cursor() as cursor:
        for text in ("EXPLAIN SELECT name FROM cust WHERE id > 1", "EXPLAIN FORMAT TEXT SELECT name FROM cust"):
            found = cursor.execute(text).fetchall()
            assert [c.name for c in cursor.description or ()] == ["QUERY PLAN"]
            assert found[0] == (f'Seq Scan on cust (dataSetId = "{dataset.id}", dataSetName = "cust")',)
            assert len(found) > 1
            assert str(wire.platform.settings.home) not in str(found)
        for text in ("EXPLAIN FORMAT JSON SELECT * FROM cust", "EXPLAIN (FORMAT JSON) SELECT * FROM cust"):
            (told,) = cursor.execute(text).fetchone() or ()
            assert json.loads(told)[0]["Scans"][0]["dataSetId"] == dataset.id
        with pytest.raises(psycopg.errors.UndefinedColumn) as caught:
            cursor.execute("EXPLAIN SELECT nope FROM cust")
        assert caught.value.diag.statement_position == str("EXPLAIN SELECT nope".index("nope") + 1)
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            cursor.execute("EXPLAIN ANALYZE SELECT 1")
        with pytest.raises(psycopg.errors.FeatureNotSupported) as refused:
            cursor.execute("COPY (SELECT 1 AS a) TO '%scratch_space%/dir'")
        assert "STDOUT" in str(refused.value.diag.message_hint)


def test_a_server_side_cursor_of_psycopg(wire: Wire) -> None:
    with wire.psycopg() as connection, connection.cursor("server") as cursor:
        cursor.execute("SELECT n FROM many WHERE n >= %s LIMIT 5000", [10])
        assert cursor.fetchmany(3) == [(10,), (11,), (12,)]
        assert sum(1 for _ in cursor) == 4997


def test_copies_of_psycopg(wire: Wire) -> None:
    with wire.psycopg() as connection, connection.cursor() as cursor:
        with cursor.copy("COPY (SELECT id, name FROM cust WHERE id < %s ORDER BY id) TO STDOUT", [3]) as copy:
            assert list(copy.rows()) == [("1", "Anna"), ("2", "alf")]
        with cursor.copy("COPY cust (id, city) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["int8", "text"])
            assert sorted(copy.rows()) == [(1, "Oslo"), (2, "Rome"), (3, None)]
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded), cursor.copy("COPY many TO STDOUT") as copy:
            list(copy)
        assert cursor.execute("SELECT 1").fetchall() == [(1,)]


def test_prepared_statements_and_pipelines_of_psycopg(wire: Wire) -> None:
    with wire.psycopg() as connection:
        for n in (1, 2, 3):
            found = connection.execute("SELECT name FROM cust WHERE id = %s", [n], prepare=True).fetchall()
            assert found == [(CUST[n - 1][1],)]
        with connection.pipeline():
            cursors = [connection.execute("SELECT name FROM cust WHERE id = %s", [n]) for n in (1, 2, 3)]
        assert [c.fetchone() for c in cursors] == [(name,) for _, name, _ in CUST]
        with pytest.raises(psycopg.errors.UndefinedTable), connection.pipeline():
            connection.execute("SELECT * FROM nope")
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_rows_one_at_a_time_and_ended_early(wire: Wire) -> None:
    with wire.psycopg() as connection, connection.cursor() as cursor:
        rows = cursor.stream("SELECT n FROM many LIMIT 0")
        assert [next(rows) for _ in range(3)] == [(0,), (1,), (2,)]
        rows.close()
        assert cursor.execute("SELECT 1").fetchall() == [(1,)]


# -- asyncpg ------------------------------------------------------------------------------------------------------


async def _asyncpg(wire: Wire) -> None:
    parts = wire.parts()
    where = {"host": parts["host"], "port": parts["port"], "user": USER, "password": PASSWORD}
    connection = await asyncpg.connect(**where, database="prod:all", ssl=False)
    text = f"SELECT {', '.join(f'{value} AS {name}' for name, value in TYPES.items())}"
    assert tuple(await connection.fetchrow(text)) == tuple(wire.table(text).to_pylist()[0].values())
    assert await connection.fetchval("SELECT name FROM cust WHERE id = $1", 2) == "alf"
    assert await connection.fetchval("SELECT count(*) FROM ev WHERE timestamp >= $1", dt.datetime(2024, 3, 1, 12)) == 2
    assert await connection.fetchval("SELECT $1 || 'b'", "a") == "ab"
    async with connection.transaction():
        cursor = await connection.cursor("SELECT n FROM many LIMIT 1000")
        assert [r["n"] for r in await cursor.fetch(3)] == [0, 1, 2]
        assert [r["n"] for r in await cursor.fetch(2)] == [3, 4]
        assert sum([1 async for _ in connection.cursor("SELECT n FROM many LIMIT 1000", prefetch=300)]) == 1000
    with pytest.raises(asyncpg.UndefinedColumnError):
        await connection.fetch("SELECT nope FROM cust")
    await connection.reset()
    await connection.close()


def test_asyncpg(wire: Wire) -> None:
    asyncio.run(_asyncpg(wire))


# -- pg8000, SQLAlchemy, pandas -----------------------------------------------------------------------------------


def test_pg8000(wire: Wire) -> None:
    connection = pg8000.dbapi.connect(USER, "127.0.0.1", "prod:all", wire.port, PASSWORD)
    cursor = connection.cursor()
    cursor.execute("SELECT * FROM cust WHERE id > %s ORDER BY id", (1,))
    assert [tuple(row) for row in cursor.fetchall()] == CUST[1:]
    with pytest.raises(pg8000.dbapi.DatabaseError) as caught:
        cursor.execute("SELECT nope FROM cust")
    assert caught.value.args[0]["C"] == "42703"
    connection.rollback()
    connection.close()


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg", "pg8000"])
def test_sqlalchemy_and_pandas(wire: Wire, driver: str) -> None:
    url = sa.URL.create(f"postgresql+{driver}", USER, PASSWORD, "127.0.0.1", wire.port, "prod:all")
    engine = sa.create_engine(url)
    cust = sa.table("cust", sa.column("id", sa.BigInteger), sa.column("name", sa.String))
    with engine.connect() as connection:
        found = connection.execute(sa.select(cust.c.name).where(cust.c.id >= 2).order_by(cust.c.id)).all()
        assert found == [("alf",), ("Bo",)]
        frame = pd.read_sql(sa.text("SELECT id, name FROM cust ORDER BY id"), connection)
        assert frame.to_dict("list") == {"id": [1, 2, 3], "name": ["Anna", "alf", "Bo"]}
    frame = pd.read_sql("SELECT timestamp FROM ev ORDER BY timestamp", engine)
    assert frame["timestamp"][0] == pd.Timestamp("2024-03-01 10:00:00.250")
    engine.dispose()


# -- all at once --------------------------------------------------------------------------------------------------


def test_eight_connections_at_once(wire: Wire) -> None:
    def sums(number: int) -> list[int]:
        with wire.psycopg2() as connection, connection.cursor() as cursor:
            found = []
            for upto in range(number, number + 3):
                cursor.execute(f"SELECT sum(n) FROM many WHERE n < {upto * 1000}")
                found.append(cursor.fetchone()[0])
            return found

    with ThreadPoolExecutor(8) as threads:
        for number, found in enumerate(threads.map(sums, range(1, 9)), 1):
            assert found == [upto * 1000 * (upto * 1000 - 1) // 2 for upto in range(number, number + 3)]

"""PyGreSQL, in both of its ways: `pg`, as published notebooks use it, and `pgdb`."""

from __future__ import annotations

import datetime as dt
import importlib
import os
from decimal import Decimal
from typing import Any

import pytest

from tests.wire.conftest import MANY, PASSWORD, USER, Wire


def module(name: str) -> Any:
    """A module of PyGreSQL, which is built from source and not in the dev group."""
    try:
        return importlib.import_module(name)
    except ImportError:
        missing = "needs PyGreSQL: uv sync --group pygresql, with a C compiler and libpq-dev"
        pytest.fail(missing) if os.environ.get("LIMBECK_REQUIRE_ALL") == "1" else pytest.skip(missing)


def db(wire: Wire) -> Any:
    return module("pg").DB(dbname="prod:all", host="127.0.0.1", port=wire.port, user=USER, passwd=PASSWORD)


def test_queries_of_pg(wire: Wire) -> None:
    with db(wire) as connection:
        found = connection.query("SELECT * FROM cust ORDER BY id")
        assert found.listfields() == ("id", "name", "city")
        assert found.getresult() == [(1, "Anna", "Oslo"), (2, "alf", "Rome"), (3, "Bo", None)]
        assert found.dictresult()[1] == {"id": 2, "name": "alf", "city": "Rome"}
        assert connection.query("SELECT name FROM cust WHERE id = $1", (2,)).getresult() == [("alf",)]
        assert connection.query("SET auto_to_json=true; SELECT 1 AS a").getresult() == [(1,)]


def test_types_of_pg(wire: Wire) -> None:
    text = """SELECT true AS b, CAST(5000000000 AS bigint) AS l, CAST(0.1 AS double) AS d,
        CAST('-12.50' AS decimal(6, 2)) AS n, 'ü' AS t, CAST('1999-12-31' AS date) AS day,
        CAST('2024-03-01 10:00:00.25' AS timestamp) AS ts"""
    with db(wire) as connection:
        assert connection.query(text).getresult() == [
            (
                True,
                5_000_000_000,
                0.1,
                Decimal("-12.50"),
                "ü",
                dt.date(1999, 12, 31),
                dt.datetime(2024, 3, 1, 10, 0, 0, 250_000),
            )
        ]
        nested = connection.query("SELECT identityMap, commerce FROM ev WHERE _id = 'e1'").getresult()
        assert nested == [('[ECID -> "{(11,t)}",AAID -> "{(a1,f)}"]', '("(P1,3018.0)","(1.0)")')]


def test_errors_and_transactions_of_pg(wire: Wire) -> None:
    pg = module("pg")
    with db(wire) as connection:
        for text, state in (
            ("SELEC 1", "42601"),
            ("SELECT * FROM nowhere", "42P01"),
            ("SELECT nope FROM cust", "42703"),
        ):
            with pytest.raises(pg.DatabaseError, match=f"ErrorCode: {state} ") as caught:
                connection.query(text)
            assert caught.value.sqlstate == state
        connection.begin()
        connection.query("CREATE TABLE of_pg AS SELECT 1 AS a")
        connection.commit()
        assert connection.query("SELECT a FROM of_pg").getresult() == [(1,)]
        connection.query("DROP TABLE of_pg")
        assert connection.get_parameter("DateStyle") == "ISO, MDY"


def test_copies_and_cursors_of_pg(wire: Wire) -> None:
    with db(wire) as connection:
        connection.query("BEGIN")
        connection.query("DECLARE c CURSOR FOR SELECT n FROM many ORDER BY n LIMIT 5")
        assert connection.query("FETCH 2 FROM c").getresult() == [(0,), (1,)]
        assert connection.query("FETCH BACKWARD 1 FROM c").getresult() == [(0,)]
        connection.query("CLOSE c")
        connection.query("COMMIT")
        assert len(connection.query("SELECT n FROM many LIMIT 0").getresult()) == MANY


def test_pgdb(wire: Wire) -> None:
    pgdb = module("pgdb")
    with pgdb.connect(database="prod:all", host=f"127.0.0.1:{wire.port}", user=USER, password=PASSWORD) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT id, name FROM cust WHERE id > %(least)s ORDER BY id", {"least": 1})
        assert [column.name for column in cursor.description] == ["id", "name"]
        assert [tuple(row) for row in cursor.fetchall()] == [(2, "alf"), (3, "Bo")]
        with pytest.raises(pgdb.DatabaseError, match="42703"):
            cursor.execute("SELECT nope FROM cust")
        connection.rollback()
        cursor.execute("SELECT n FROM many ORDER BY n LIMIT 1000")
        assert [row.n for row in cursor.fetchmany(3)] == [0, 1, 2]
        cursor.execute(
            "SELECT CAST('-12.50' AS decimal(6, 2)) AS n, CAST('2024-03-01' AS timestamp) AS ts, NULL AS nothing"
        )
        assert tuple(cursor.fetchone()) == (Decimal("-12.50"), dt.datetime(2024, 3, 1), None)

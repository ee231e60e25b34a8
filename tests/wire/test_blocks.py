"""Anonymous blocks through the drivers of PostgreSQL, and as jobs."""

from __future__ import annotations

import asyncio

import asyncpg
import pg8000.dbapi
import psycopg
import psycopg2
import psycopg2.errors
import pytest

from tests.wire.conftest import Wire

BLOCK = """$$ BEGIN
  -- it's "one" statement; for everybody
  # it's a comment, too;
  SET @v = SELECT {n};
  IF @v = 1 THEN SELECT count(1) AS n FROM cust;
  ELSE SELECT id, name FROM cust WHERE id = @v;
  END IF;
END $$;"""


def test_psycopg2_sends_a_block_as_one_statement(wire: Wire) -> None:
    with wire.psycopg2() as connection, connection.cursor() as cursor:
        cursor.execute(BLOCK.format(n=2))
        assert ([c.name for c in cursor.description], cursor.fetchall()) == (["id", "name"], [(2, "alf")])
        cursor.execute(f"SELECT 1; {BLOCK.format(n=1)}\n")
        assert ([c.name for c in cursor.description], cursor.fetchall()) == (["n"], [(3,)])
        cursor.execute("$$BEGIN SET aqp=true; $$END;")
        assert (cursor.description, cursor.statusmessage) == (None, "DO")
        cursor.execute("SHOW aqp")
        assert cursor.fetchall() == [("true",)]


def test_errors_of_blocks_have_their_code_and_place(wire: Wire) -> None:
    text = "$$ BEGIN SELECT 1; SELECT * FROM nope; END $$"
    with wire.psycopg2() as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.errors.UndefinedTable) as failure:
            cursor.execute(text)
        assert failure.value.diag.statement_position == str(text.index("nope") + 1)
        for statement in ("IF 1=1 THEN SELECT 1; END IF;", "BEGIN SELECT 1; END", "$$ BEGIN SELECT 1 END $$"):
            with pytest.raises(psycopg2.errors.SyntaxError):
                cursor.execute(statement)
        with pytest.raises(psycopg2.errors.SyntaxError, match="Invalid command outside Anonymous Block"):
            cursor.execute("IF 1=1 THEN SELECT 1; END IF;")


def test_the_extended_protocol_runs_a_block_once(wire: Wire) -> None:
    with wire.psycopg(autocommit=True) as connection:
        for prepare in (False, True):
            found = connection.execute(psycopg.sql.SQL(BLOCK.format(n=2)), prepare=prepare)
            assert found.fetchall() == [(2, "alf")]
        body = "CREATE TABLE once AS SELECT 1 AS a; INSERT INTO once SELECT 2; SELECT count(1) FROM once;"
        found = connection.execute(psycopg.sql.SQL(f"$$ BEGIN {body} END $$"), prepare=True)
        assert found.fetchall() == [(2,)]
        connection.execute("DROP TABLE once")


def test_drivers_that_ask_for_the_columns_first(wire: Wire) -> None:
    async def fetched(text: str) -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(**_parts(wire), ssl=False)
        try:
            return [tuple(row.values()) for row in await connection.fetch(text)]
        finally:
            await connection.close()

    body = "SET @v = SELECT 2; SELECT id, name FROM cust WHERE id = @v;"
    assert asyncio.run(fetched(f"$$ BEGIN {body} END $$")) == [(2, "alf")]
    made = "CREATE TABLE asked AS SELECT 1 AS a; SELECT a FROM asked; DROP TABLE asked;"
    failing = "SELECT id FROM nope; EXCEPTION WHEN OTHER THEN SELECT 'no';"
    for rowless in (made, failing, "SET aqp=true;"):
        assert asyncio.run(fetched(f"$$ BEGIN {rowless} END $$")) == []
    body += " EXCEPTION WHEN OTHER THEN SELECT 'ERROR';"
    assert asyncio.run(fetched(f"$$ BEGIN {body} END $$")) == [(2, "alf")]
    assert asyncio.run(fetched(BLOCK.format(n=2))) == [(2, "alf")]
    with pytest.raises(asyncpg.FeatureNotSupportedError, match="simple query"):
        asyncio.run(fetched(BLOCK.format(n=1)))
    connection = pg8000.dbapi.connect(**_parts(wire))
    cursor = connection.cursor()
    cursor.execute(f"$$ BEGIN {body} END $$")
    assert [tuple(row) for row in cursor.fetchall()] == [(2, "alf")]
    connection.close()


def _parts(wire: Wire) -> dict[str, object]:
    given = wire.parts()
    return {k: given[k] for k in ("host", "port", "user", "password")} | {"database": given["dbname"]}

"""Statements that change things, as a driver meets them: tags, columns, parameters and SQLSTATEs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg2.errors
import pytest

from tests.wire.conftest import Wire


@pytest.fixture
def cursor(wire: Wire) -> Iterator[Any]:
    """A cursor that leaves the sandbox as it was."""
    connection = wire.psycopg2()
    connection.autocommit = True
    cursor = connection.cursor()
    yield cursor
    for text in ("VIEW IF EXISTS wire_v", "TABLE IF EXISTS wire_t", "SCHEMA IF EXISTS wire.s CASCADE"):
        cursor.execute(f"DROP {text}")
    cursor.execute("DROP DATABASE IF EXISTS wire")
    connection.close()


def test_tags_and_rows(cursor: Any) -> None:
    said: list[tuple[str, Any]] = []
    for text in (
        "CREATE DATABASE wire",
        "CREATE SCHEMA wire.s",
        "CREATE TABLE wire.s.wire_t (id int, name text)",
        "INSERT INTO wire.s.wire_t VALUES (1, 'a'), (2, 'b')",
        "ALTER TABLE wire_t ADD COLUMN more bigint",
        "CREATE OR REPLACE VIEW wire_v AS SELECT id FROM wire_t",
        "CREATE TEMP TABLE wire_own AS SELECT id FROM wire_v",
        "SELECT id INTO TEMP wire_into FROM wire_v",
        "DROP TABLE wire_own",
        "DROP VIEW wire_v",
    ):
        cursor.execute(text)
        said.append((cursor.statusmessage, cursor.description and [column.name for column in cursor.description]))
    assert said == [
        ("CREATE DATABASE", None),
        ("CREATE SCHEMA", None),
        ("CREATE TABLE", ["Created Table DataSet Id"]),
        ("INSERT 0 2", None),
        ("ALTER SUCCESS", None),
        ("CREATE VIEW", None),
        ("CREATE TABLE", None),
        ("CREATE TABLE", None),
        ("DROP TABLE", None),
        ("DROP VIEW", None),
    ]
    cursor.execute("SELECT max(id) FROM wire_into")
    assert cursor.fetchall() == [(2,)]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("CREATE TABLE cust (a int)", psycopg2.errors.DuplicateTable),
        ("CREATE VIEW cust AS SELECT 1 AS a", psycopg2.errors.DuplicateTable),
        ("DROP TABLE cust", psycopg2.errors.InsufficientPrivilege),
        ("DROP TABLE nope", psycopg2.errors.UndefinedTable),
        ("DROP VIEW cust", psycopg2.errors.WrongObjectType),
        ("INSERT INTO cust SELECT array(1)", psycopg2.errors.DatatypeMismatch),
        ("UPDATE cust SET id = 1", psycopg2.errors.FeatureNotSupported),
        ("CREATE SCHEMA nope.s", psycopg2.errors.UndefinedObject),
        ("CREATE TABLE t (order int)", psycopg2.errors.SyntaxError),
        ("ALTER TABLE cust ADD CONSTRAINT PRIMARY KEY (nope) NAMESPACE 'x'", psycopg2.errors.UndefinedColumn),
    ],
)
def test_sqlstates(cursor: Any, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        cursor.execute(text)


def test_effects_outlive_a_transaction(wire: Wire, cursor: Any) -> None:
    connection = wire.psycopg2()
    with connection.cursor() as other:
        other.execute("CREATE TABLE wire_t AS SELECT 1 AS a")
    connection.rollback()
    connection.close()
    cursor.execute("SELECT a FROM wire_t")
    assert cursor.fetchall() == [(1,)]


def test_parameters_of_queries_in_statements(wire: Wire, cursor: Any) -> None:
    cursor.execute("CREATE TABLE wire_t (id bigint, name text)")
    with wire.psycopg(autocommit=True) as connection:
        connection.execute("INSERT INTO wire_t SELECT id, name FROM cust WHERE id > %s AND name <> %s", (1, "Bo"))
        connection.execute("CREATE TEMP TABLE one AS SELECT name FROM cust WHERE id = %s", (3,))
        assert connection.execute("SELECT name FROM one").fetchall() == [("Bo",)]
        shown = connection.execute("SHOW DATABASES", prepare=True).fetchall()
    cursor.execute("SELECT id, name FROM wire_t")
    assert (cursor.fetchall(), shown) == ([(2, "alf")], [])


def test_keys_are_in_the_catalogue(cursor: Any) -> None:
    cursor.execute("CREATE TABLE wire_t (id int PRIMARY KEY, n text)")
    cursor.execute("SELECT conname, contype FROM pg_catalog.pg_constraint WHERE conrelid = 'wire_t'::regclass")
    assert cursor.fetchall() == [("wire_t_pkey", "p")]

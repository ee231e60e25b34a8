"""Views: made, replaced, dropped, shown, read through every kind of session (SQL contract, 1.2, 1.7, 2.3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from limbeck.errors import (
    DuplicateTable,
    Forbidden,
    InvalidSchema,
    LimbeckError,
    NoTablesInScope,
    SqlError,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedTable,
    WrongObject,
)
from limbeck.query.service import SqlSession
from tests.behaviour.query_tables import ADMIN, EDITOR, Home, fixtures
from tests.behaviour.test_query_ddl import opened, run


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home.make(tmp_path)
    for name in ("ev", "cust"):
        made.add(name, fixtures()[name])
    return made


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with views that stay as they are."""
    made = Home.make(tmp_path_factory.mktemp("steady"))
    made.add("cust", fixtures()["cust"])
    made.sql("CREATE VIEW v AS SELECT id FROM cust")
    made.sql("CREATE VIEW over_v AS SELECT id FROM v")
    return made


def test_a_view_is_read_like_a_table_and_follows_it(home: Home) -> None:
    home.sql("CREATE VIEW Named AS (SELECT id, upper(name) AS n FROM cust WHERE id > 1);")
    assert home.rows("SELECT n FROM named ORDER BY id") == [("ALF",), ("BO",)]
    home.sql("INSERT INTO cust VALUES (4, 'Cy', 'Bern')")
    assert home.rows("SELECT max(v.n), count(1) FROM NAMED AS v JOIN cust c ON c.id = v.id") == [("CY", 3)]
    home.sql("CREATE OR REPLACE VIEW named AS SELECT city FROM cust WHERE id = 1")
    assert home.rows("SELECT * FROM named") == [("Oslo",)]
    home.sql("CREATE TABLE copied AS SELECT * FROM named")
    home.sql("DROP VIEW named")
    home.sql("DROP VIEW IF EXISTS named")
    with pytest.raises(UndefinedTable):
        home.sql("SELECT * FROM named")
    assert home.rows("SELECT city FROM copied") == [("Oslo",)]


def test_views_hold_windows_and_adobes_functions(home: Home) -> None:
    home.sql(
        """CREATE VIEW sessions AS SELECT _id, SESS_TIMEOUT(timestamp, 3600) OVER (PARTITION BY _tenant.userid
           ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s,
           row_number() OVER (ORDER BY timestamp) AS n FROM ev"""
    )
    assert home.rows("SELECT _id, s.num, n FROM sessions ORDER BY n") == [("e1", 1, 1), ("e2", 2, 2), ("e3", 1, 3)]


@pytest.mark.parametrize(
    ("statement", "error", "code"),
    [
        ("CREATE VIEW cust AS SELECT 1 AS a", DuplicateTable, "42P07"),
        ("CREATE OR REPLACE VIEW cust AS SELECT 1 AS a", DuplicateTable, "42P07"),
        ("CREATE VIEW v AS SELECT 1 AS a", DuplicateTable, "42P07"),
        ("CREATE TABLE V AS SELECT 1 AS a", DuplicateTable, "42P07"),
        ("CREATE TABLE IF NOT EXISTS v (a int)", DuplicateTable, "42P07"),
        ("CREATE VIEW w AS SELECT nme FROM cust", UndefinedColumn, "42703"),
        ("CREATE VIEW w AS SELECT 1 AS a FROM nope", UndefinedTable, "42P01"),
        ("CREATE VIEW w AS SELECT 1 AS a, 2 AS A", InvalidSchema, "42P16"),
        ("CREATE VIEW w AS SELECT $1 AS a", SqlSyntaxError, "42601"),
        ("CREATE VIEW w__x AS SELECT 1 AS a", SqlSyntaxError, "42601"),
        ("CREATE VIEW w (a) AS SELECT 1", SqlSyntaxError, "42601"),
        ("CREATE OR REPLACE VIEW v AS SELECT * FROM v", SqlError, "58000"),
        ("CREATE OR REPLACE VIEW v AS SELECT * FROM over_v", SqlError, "58000"),
        ("INSERT INTO v VALUES (1)", WrongObject, "42809"),
        ("DROP TABLE v", WrongObject, "42809"),
        ("DROP VIEW cust", WrongObject, "42809"),
        ("DROP VIEW nope", UndefinedTable, "42P01"),
        ("ALTER TABLE v ADD COLUMN x int", WrongObject, "42809"),
        ("SELECT * FROM v SNAPSHOT SINCE 1", SqlSyntaxError, "42601"),
    ],
)
def test_what_views_refuse(steady: Home, statement: str, error: type[LimbeckError], code: str) -> None:
    with pytest.raises(error) as caught:
        steady.sql(statement)
    assert caught.value.sqlstate == code
    assert [row[2] for row in steady.rows("SHOW VIEWS")] == ["v", "over_v"]
    assert steady.rows("SELECT count(1) FROM over_v") == [(3,)]
    assert steady.sql("SHOW TABLES").column("name").to_pylist() == ["cust"]


def test_a_name_that_a_view_has_is_not_derived_for_a_dataset(home: Home) -> None:
    home.sql("CREATE VIEW my_set AS SELECT 1 AS a")
    made = home.lake.create_dataset(home.sandbox, "My Set", home.lake.datasets.all(home.sandbox)[0].schema.id)
    assert made.table == "my_set_2"
    assert home.rows("SELECT a FROM my_set") == [(1,)]


def test_a_view_over_what_is_gone_says_which(home: Home) -> None:
    home.sql("CREATE TABLE base AS SELECT 1 AS a")
    home.sql("CREATE VIEW inner_v AS SELECT a FROM base")
    home.sql("CREATE VIEW outer_v AS SELECT a FROM inner_v")
    assert home.rows("SELECT * FROM outer_v") == [(1,)]
    home.sql("DROP TABLE base")
    with pytest.raises(UndefinedTable, match=r'outer_v.*inner_v.*"base"') as caught:
        home.sql("SELECT * FROM outer_v")
    assert caught.value.position is None
    home.sql("CREATE TABLE base AS SELECT 2 AS a")
    assert home.rows("SELECT * FROM outer_v") == [(2,)]
    home.sql("DROP TABLE base")
    home.sql("CREATE TABLE base AS SELECT 2 AS b")
    with pytest.raises(UndefinedColumn, match="inner_v"):
        home.sql("SELECT * FROM outer_v")


def test_only_who_made_a_view_replaces_or_drops_it(home: Home) -> None:
    home.sql("CREATE VIEW v AS SELECT 1 AS a", ADMIN)
    for statement in ("CREATE OR REPLACE VIEW v AS SELECT 2 AS a", "DROP VIEW v"):
        with pytest.raises(Forbidden, match="another credential"):
            home.sql(statement, EDITOR)
    home.sql("CREATE OR REPLACE VIEW v AS SELECT 3 AS a", ADMIN)
    assert home.rows("SELECT a FROM v") == [(3,)]
    home.sql("DROP VIEW v", ADMIN)


def test_show_views_tells_what_they_read(home: Home) -> None:
    home.sql("CREATE DATABASE d")
    home.sql("CREATE SCHEMA d.s")
    home.sql("CREATE VIEW d.s.v AS SELECT c.id FROM cust c JOIN ev ON ev._id = c.name")
    home.sql("CREATE VIEW w AS WITH x AS (SELECT id FROM v) SELECT x.id FROM x WHERE id IN (SELECT id FROM cust)")
    found = home.sql("SHOW VIEWS")
    assert found.schema.names == [
        "Db Name",
        "Schema Name",
        "Name",
        "Id",
        "Dataset Dependencies",
        "Views Dependencies",
        "TYPE",
    ]
    rows = [tuple(row.values()) for row in found.drop_columns(["Id"]).to_pylist()]
    assert rows == [("d", "s", "v", "cust, ev", "", "ADLS"), ("", "", "w", "cust", "v", "ADLS")]
    home.sql("ALTER VIEW w ADD SCHEMA d.s")
    home.sql("ALTER VIEW d.s.v REMOVE SCHEMA d.s")
    assert [row[:3] for row in home.rows("SHOW VIEWS")] == [("", "", "v"), ("d", "s", "w")]


def test_a_session_on_one_view_sees_it_alone_and_it_sees_everything(home: Home) -> None:
    home.sql("CREATE VIEW v AS SELECT id FROM cust")
    home.sql("CREATE VIEW w AS SELECT id FROM v")
    view_id = {row[2]: row[3] for row in home.rows("SHOW VIEWS")}["w"]
    for name in ("prod:w", f"prod:{view_id}", f"prod:{view_id}?FLATTEN"):
        session = opened(home, name)
        assert run(home, "SELECT count(1) FROM w", session) == [(3,)]
        assert [row[2] for row in run(home, "SHOW VIEWS", session)] == ["w"]
        for hidden in ("v", "cust"):
            with pytest.raises(UndefinedTable):
                run(home, f"SELECT * FROM {hidden}", session)
    with pytest.raises(NoTablesInScope):
        opened(home, "prod:nope")


def test_fields_of_a_views_structs_are_columns_of_a_flattened_session(home: Home) -> None:
    home.sql("CREATE VIEW v AS SELECT _id, commerce, struct(struct(1 AS Deep) AS a, eventType AS b) AS made FROM ev")
    flat = opened(home, "prod:all?FLATTEN")
    with home.query.run(home.sandbox, "SELECT * FROM v", session=flat) as result:
        names = result.schema.names
    assert names == [
        "_id",
        "commerce.order.purchaseID",
        "commerce.order.priceTotal",
        "commerce.purchases.value",
        "made.a.Deep",
        "made.b",
    ]
    query = 'SELECT _id, "commerce.order.priceTotal", v."made.a.deep" FROM v ORDER BY _id'
    assert run(home, query, flat) == [("e1", 3018.0, 1), ("e2", None, 1), ("e3", None, 1)]
    assert run(home, 'SELECT sum("commerce.purchases.value") FROM ev', flat) == [(1.0,)]
    assert run(home, 'SELECT row_number() OVER (ORDER BY "made.a.Deep") AS n FROM v', flat) == [(1,), (2,), (3,)]
    assert home.rows("SELECT commerce.order.priceTotal FROM v WHERE _id = 'e1'") == [(3018.0,)]


def test_views_see_nothing_that_is_the_sessions_own(home: Home) -> None:
    session = SqlSession()
    run(home, "CREATE TEMP TABLE mine AS SELECT 1 AS id", session)
    with pytest.raises(UndefinedTable):
        run(home, "CREATE VIEW v AS SELECT id FROM mine", session)
    run(home, "CREATE VIEW v AS SELECT count(1) AS n FROM cust", session)
    run(home, "CREATE TEMP TABLE cust AS SELECT 1 AS id", session)
    assert run(home, "SELECT n FROM v", session) == [(3,)]
    run(home, "CREATE TEMP TABLE v AS SELECT 'own' AS n", session)
    assert run(home, "SELECT n FROM v", session) == [("own",)]


def test_the_columns_of_a_view_do_not_hang_on_settings(home: Home) -> None:
    session = SqlSession()
    run(home, "SET drop_system_columns = false", session)
    run(home, "CREATE VIEW v AS SELECT * FROM cust", session)
    with home.query.run(home.sandbox, "SELECT * FROM v", session=session) as result:
        assert result.schema.names == ["id", "name", "city"]

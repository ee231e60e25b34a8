"""Statements that write, who may send them, and how many rows come back."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from limbeck.errors import (
    DatatypeMismatch,
    DuplicateTable,
    FeatureNotSupported,
    Forbidden,
    InvalidSchema,
    RowCapReached,
    SqlError,
    SqlSyntaxError,
    StatementTimeout,
    UndefinedColumn,
    UndefinedTable,
)
from limbeck.query.service import QueryService, SqlSession
from limbeck.xdm.types import Array, Field, Object, Scalar
from tests.behaviour.query_tables import ADMIN, EDITOR, VIEWER, Home, fixtures


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home.make(tmp_path)
    for name in ("ev", "cust", "b3"):
        made.add(name, fixtures()[name])
    return made


def test_c60_a_table_from_a_query(home: Home) -> None:
    made = home.sql("CREATE TABLE luma_mid AS SELECT id, name FROM cust", ADMIN).to_pylist()
    dataset = home.lake.datasets.by_table(home.sandbox, "LUMA_MID")
    assert dataset is not None
    assert made == [{"Created Table DataSet Id": dataset.id}]
    assert (dataset.table, dataset.name, dataset.created_by) == ("luma_mid", "luma_mid", "alice")
    with pytest.raises(DuplicateTable, match="IF NOT EXISTS"):
        home.sql("CREATE TABLE Luma_Mid AS SELECT 1 AS a")
    assert home.sql("CREATE TABLE IF NOT EXISTS luma_mid AS SELECT 1 AS a").to_pylist() == made
    assert home.rows("SELECT * FROM luma_mid ORDER BY id") == [(1, "Anna"), (2, "alf"), (3, "Bo")]


def test_every_type_survives_being_made_a_table(home: Home) -> None:
    home.sql("CREATE TABLE copy AS SELECT * FROM ev")
    before, after = (home.sql(f"SELECT * FROM {name} ORDER BY _id") for name in ("ev", "copy"))
    assert after.schema == before.schema
    assert after.to_pylist() == before.to_pylist()


def test_types_of_a_new_table(home: Home) -> None:
    home.sql(
        """CREATE TABLE t AS SELECT count(1) AS n, sum(id) AS s, sum(id) / 2 AS d, max(name) AS m,
           now() AS at, current_date AS day, true AS flag, 1.5 AS dec, array(1) AS list FROM cust"""
    )
    kinds = {f.name: str(f.type) for f in home.sql("SELECT * FROM t").schema}
    assert kinds == {
        "n": "int64",
        "s": "int64",
        "d": "double",
        "m": "string",
        "at": "timestamp[ms]",
        "day": "date32[day]",
        "flag": "bool",
        "dec": "double",
        "list": "list<item: int32>",
    }


def test_a_table_with_an_existing_schema(home: Home) -> None:
    item = Object((Field("sku", Scalar("string")), Field("n", Scalar("long"))))
    row = Object((Field("Key", Scalar("string")), Field("items", Array(item)), Field("at", Scalar("date-time"))))
    schema = home.registry.adhoc_schema(home.sandbox, "Basket", row)
    home.lake.create_dataset(home.sandbox, "baskets", schema.id)
    home.sql("INSERT INTO baskets SELECT id, array(struct('5' AS n), NULL), '2024-01-01' FROM cust WHERE id = 1")
    assert home.rows("SELECT * FROM baskets") == [("1", [{"sku": None, "n": 5}, None], dt.datetime(2024, 1, 1))]
    with pytest.raises(SqlError, match=r"Error validating schema.*items\[\]\.price"):
        home.sql("INSERT INTO baskets (items) SELECT array(struct(1 AS price))")
    with pytest.raises(DatatypeMismatch, match="items"):
        home.sql("INSERT INTO baskets (items) SELECT 5")


def test_insert_adds_a_snapshot(home: Home) -> None:
    assert home.rows("INSERT INTO B3 VALUES (6), (7)") == [(2,)]
    assert home.rows("SELECT id FROM b3 SNAPSHOT SINCE 3 ORDER BY id") == [(6,), (7,)]
    for query in ("INSERT INTO b3 (SELECT 8)", "INSERT INTO b3 AS (SELECT 9)", "INSERT INTO b3 (ID) SELECT '10'"):
        assert home.rows(query) == [(1,)]
    assert home.rows("SELECT max(id), count(1) FROM b3") == [(10, 10)]


def test_insert_by_name_leaves_the_rest_null(home: Home) -> None:
    home.sql("INSERT INTO cust (CITY, id) VALUES ('Paris', 9)")
    assert home.rows("SELECT * FROM cust WHERE id = 9") == [(9, None, "Paris")]


def test_inserting_nothing_is_no_error(home: Home) -> None:
    assert home.rows("INSERT INTO b3 SELECT id FROM b3 WHERE 1 = 0") == [(0,)]
    assert home.rows("SELECT count(1) FROM b3") == [(5,)]


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("INSERT INTO nope SELECT 1", UndefinedTable),
        ("INSERT INTO cust (nme) SELECT 1", UndefinedColumn),
        ("INSERT INTO b3 SELECT 1, 2", SqlSyntaxError),
        ("INSERT INTO b3 SELECT 'x'", DatatypeMismatch),
        ("INSERT OVERWRITE INTO b3 SELECT 1", SqlError),
        ("INSERT OVERWRITE TABLE b3 SELECT 1", FeatureNotSupported),
        ("CREATE TABLE t AS SELECT count(1) FROM cust", SqlSyntaxError),
        ("CREATE TABLE a__b AS SELECT 1 AS a", SqlSyntaxError),
        ("CREATE TABLE t AS SELECT 1 AS a, 2 AS A", InvalidSchema),
        ("CREATE TABLE t AS SELECT nope FROM cust", UndefinedColumn),
        ("DROP TABLE nope", UndefinedTable),
        ("DELETE FROM cust", FeatureNotSupported),
        ("UPDATE cust SET id = 1", FeatureNotSupported),
    ],
)
def test_what_is_refused_changes_nothing(home: Home, statement: str, error: type[Exception]) -> None:
    before = [(d.table, d.snapshot) for d in home.lake.datasets.all(home.sandbox)]
    with pytest.raises(error):
        home.sql(statement)
    assert [(d.table, d.snapshot) for d in home.lake.datasets.all(home.sandbox)] == before
    assert list(home.settings.scratch.glob("*/*")) == []


def test_viewers_read_and_nothing_else(home: Home) -> None:
    assert home.sql("SELECT count(1) AS n FROM cust", VIEWER).to_pylist() == [{"n": 3}]
    for statement in ("CREATE TABLE t AS SELECT 1 AS a", "INSERT INTO b3 VALUES (1)", "DROP TABLE IF EXISTS t"):
        with pytest.raises(Forbidden, match="role"):
            home.sql(statement, VIEWER)


def test_drop_is_for_those_who_created(home: Home) -> None:
    home.sql("CREATE TABLE mine AS SELECT 1 AS a", ADMIN)
    with pytest.raises(Forbidden, match="another credential"):
        home.sql("DROP TABLE mine", EDITOR)
    with pytest.raises(Forbidden, match="CREATE TABLE"):
        home.sql("DROP TABLE cust", ADMIN)
    home.sql("DROP TABLE MINE", ADMIN)
    with pytest.raises(UndefinedTable):
        home.sql("SELECT * FROM mine")
    assert home.sql("DROP TABLE IF EXISTS mine", ADMIN).num_columns == 0


def test_show_tables(home: Home) -> None:
    found = home.sql("SHOW TABLES")
    assert found.schema.names == ["name", "dataSetId", "dataSet", "description", "resolved", "labels"]
    assert found.column("name").to_pylist() == ["ev", "cust", "b3"]


def test_c07_rows_are_capped(home: Home) -> None:
    home.sql("CREATE TABLE many AS SELECT explode(sequence(1, 60000)) AS n")

    def count(text: str) -> tuple[int, bool]:
        with home.query.run(home.sandbox, text) as result:
            return sum(batch.num_rows for batch in result.batches()), result.capped

    assert count("SELECT n FROM many") == (50_000, True)
    assert count("SELECT n FROM many WHERE n <= 50000") == (50_000, False)
    assert count("SELECT n FROM many LIMIT 55000") == (55_000, False)
    assert count("SELECT n FROM many LIMIT 0") == (60_000, False)
    assert count("SELECT n FROM many LIMIT ALL") == (50_000, True)
    assert count("SELECT n FROM many ORDER BY n LIMIT 3 OFFSET 59999") == (1, False)
    with pytest.raises(RowCapReached):
        count("SELECT n FROM many LIMIT 100001")
    home.sql("CREATE TABLE more AS SELECT n FROM many LIMIT 100001")
    assert home.rows("SELECT count(1) FROM more") == [(60_000,)]


def test_parameters(home: Home) -> None:
    with home.query.run(home.sandbox, "SELECT name FROM cust WHERE id = $1 OR name = $2", params=[1, "B'o"]) as result:
        assert [r for b in result.batches() for r in b.to_pylist()] == [{"name": "Anna"}]
    with pytest.raises(SqlSyntaxError, match=r"\$2"):
        home.query.run(home.sandbox, "SELECT $2", params=[1])


def test_a_closed_result_leaves_nothing_behind(home: Home) -> None:
    for _ in range(3):  # more than the engine has places: a place that is not given back would hang the last
        result = home.query.run(home.sandbox, "SELECT * FROM cust")
        result.close()
        result.close()
    home.sql("CREATE TABLE copied AS SELECT * FROM cust")  # this one writes to its folder
    assert list(home.settings.scratch.glob("*/")) == []


def test_a_failing_query_gives_its_place_back(home: Home) -> None:
    for _ in range(3):
        with pytest.raises(SqlError):
            home.sql("SELECT lower(struct(id)) FROM cust")
    assert home.rows("SELECT 1") == [(1,)]


def test_a_statement_ends_when_its_time_is_over(home: Home) -> None:
    service = QueryService(home.store, home.lake, home.registry, home.engine, home.settings.scratch, 0.05)
    numbers = "(SELECT explode(sequence(1, 100000)) AS n)"
    text = f"SELECT count(1) FROM {numbers} a CROSS JOIN {numbers} b CROSS JOIN {numbers} c WHERE a.n + b.n > c.n"
    with pytest.raises(StatementTimeout), service.run(home.sandbox, text) as result:
        list(result.batches())


def test_what_writes_and_jobs_have_a_time_of_their_own(home: Home) -> None:
    service = QueryService(home.store, home.lake, home.registry, home.engine, home.settings.scratch, 60, 0.05)
    numbers = "(SELECT explode(sequence(1, 100000)) AS n)"
    long = f"SELECT count(1) AS n FROM {numbers} a CROSS JOIN {numbers} b CROSS JOIN {numbers} c WHERE a.n + b.n > c.n"
    job = SqlSession()
    job.is_batch = True
    condition = f"(SELECT count(1) FROM {numbers} a CROSS JOIN {numbers} b CROSS JOIN {numbers} c) > id"
    for text, session in (
        (f"CREATE TABLE t AS {long}", SqlSession()),
        (f"INSERT INTO b3 {long}", SqlSession()),
        (f"ANALYZE TABLE cust FILTERCONTEXT ({condition}) COMPUTE STATISTICS", SqlSession()),
        (long, job),
    ):
        with pytest.raises(StatementTimeout, match=r"0\.05"):
            list(service.run(home.sandbox, text, session=session).batches())


def test_old_files_read_null_in_new_columns_and_names_keep_their_case(home: Home) -> None:
    home.sql("CREATE TABLE t AS SELECT 1 AS Camel, struct(2 AS Inner) AS _acme")
    found = home.sql("SELECT CAMEL, camel AS c, _ACME.INNER, t.* FROM T")
    assert found.schema.names == ["CAMEL", "c", "inner", "Camel", "_acme"]
    assert found.schema.field("_acme").type == pa.struct([("Inner", pa.int32())])

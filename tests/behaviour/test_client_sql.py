"""SQL through the client: over HTTP as for Limbeck, and over the PostgreSQL wire as for AEP, with the same results."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow as pa
import pytest

from limbeck.client import Client
from limbeck.errors import DuplicateTable, LimbeckError, RowCapReached, SqlSyntaxError, UndefinedColumn, UndefinedTable
from tests.platforms import as_aep, embedded, served


@pytest.fixture(scope="module", params=[embedded, served, as_aep])
def aep(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    opened: Callable[[Path], AbstractContextManager[Client]] = request.param
    with opened(tmp_path_factory.mktemp("home")) as client:
        client.sql("CREATE TABLE numbers AS SELECT explode(sequence(1, 60000)) AS n").table()
        yield client


def test_every_scalar_has_the_same_type_and_value(aep: Client) -> None:
    found = aep.sql(
        "SELECT true AS b, CAST(1 AS smallint) AS s, 2 AS i, 3000000000 AS l, CAST(1.5 AS double) AS d, 'é''x' AS t, "
        "TIMESTAMP '2024-02-29 12:34:56.789' AS at, DATE '2024-02-29' AS day, CAST(NULL AS string) AS nothing"
    ).table()
    assert found.schema.types == [
        *(pa.bool_(), pa.int16(), pa.int32(), pa.int64(), pa.float64(), pa.string()),
        *(pa.timestamp("ms"), pa.date32(), pa.string()),
    ]
    at, day = dt.datetime(2024, 2, 29, 12, 34, 56, 789000), dt.date(2024, 2, 29)
    assert [*found.to_pylist()[0].values()] == [True, 1, 2, 3_000_000_000, 1.5, "é'x", at, day, None]


def test_rows_stream_in_order_and_none_are_lost(aep: Client) -> None:
    batches = list(aep.sql("SELECT n, CAST(n AS string) AS t FROM numbers ORDER BY n LIMIT 0"))
    assert len(batches) > 1
    table = pa.Table.from_batches(batches)
    assert table.column("n").to_pylist() == list(range(1, 60_001))
    assert table.column("t").to_pylist() == [str(n) for n in range(1, 60_001)]


def test_a_result_without_rows_keeps_its_columns(aep: Client) -> None:
    found = aep.sql("SELECT n, 'x' AS t FROM numbers WHERE n < 0").table()
    assert (found.schema.names, found.num_rows) == (["n", "t"], 0)


def test_rows_that_were_cut_off_are_an_error_at_the_end(aep: Client) -> None:
    with pytest.raises(RowCapReached, match="50000"):
        aep.sql("SELECT n FROM numbers").table()
    assert aep.sql("SELECT n FROM numbers LIMIT 50000").table().num_rows == 50_000
    assert aep.sql("SELECT n FROM numbers LIMIT 55000").table().num_rows == 55_000


def test_statements_that_write(aep: Client) -> None:
    (made,) = aep.sql("CREATE TABLE IF NOT EXISTS mine AS SELECT 1 AS a").table().to_pylist()
    assert len(made["Created Table DataSet Id"]) == 24
    assert aep.sql("INSERT INTO mine SELECT 2").table().to_pylist() == [{"rows": 1}]
    assert aep.sql("-- all\nSELECT sum(a) AS s FROM mine").scalar() == 3
    with pytest.raises(DuplicateTable):
        aep.sql("CREATE TABLE mine AS SELECT 1 AS a").table()


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT nope FROM numbers", UndefinedColumn),
        ("SELECT 1 FROM nowhere", UndefinedTable),
        ("SELECT FROM", SqlSyntaxError),
        ("SELECT n FROM numbers LIMIT 100001", LimbeckError),
    ],
)
def test_errors_are_of_the_same_kind(aep: Client, sql: str, error: type[LimbeckError]) -> None:
    with pytest.raises(error):
        aep.sql(sql).table()

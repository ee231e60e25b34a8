"""Statistics of a table's columns (SQL contract, section 2.5)."""

from __future__ import annotations

import pyarrow as pa
import pytest

from limbeck.errors import (
    DuplicateTable,
    FeatureNotSupported,
    LimbeckError,
    SqlError,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedTable,
)
from limbeck.query.service import SqlSession, View
from tests.behaviour.query_tables import Home, fixtures

NAMES = ["columnName", "mean", "max", "min", "standardDeviation", "approxDistinctCount", "nullCount", "dataType"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home.make(tmp_path_factory.mktemp("statistics"))
    for name in ("ev", "cust", "b3"):
        made.add(name, fixtures()[name])
    return made


class Client:
    """One session on a home."""

    def __init__(self, home: Home, view: View | None = None) -> None:
        self.home = home
        self.session = SqlSession(view or View())

    def table(self, text: str) -> pa.Table:
        with self.home.query.run(self.home.sandbox, text, session=self.session) as result:
            return pa.Table.from_batches(list(result.batches()), result.schema)

    def rows(self, text: str) -> list[tuple[object, ...]]:
        return [tuple(row.values()) for row in self.table(text).to_pylist()]


@pytest.fixture
def client(home: Home) -> Client:
    return Client(home)


def test_statistics_of_a_table(client: Client) -> None:
    made = client.table("ANALYZE TABLE cust COMPUTE STATISTICS")
    assert made.to_pylist() == [{"Statistics ID": "cust_stats_1"}]
    found = client.table("SELECT * FROM cust_stats_1")
    assert found.schema.names == NAMES
    assert [str(t) for t in found.schema.types] == ["string", *["double"] * 5, "int64", "string"]
    assert [tuple(row.values()) for row in found.to_pylist()] == [
        ("id", 2.0, 3.0, 1.0, 1.0, 3.0, 0, "Long"),
        ("name", 0.0, 0.0, 0.0, 0.0, 3.0, 0, "String"),
        ("city", 0.0, 0.0, 0.0, 0.0, 2.0, 1, "String"),
    ]


def test_leaves_have_dotted_names_in_lower_case_and_lists_and_maps_are_left_out(client: Client) -> None:
    client.rows("ANALYZE TABLE ev COMPUTE STATISTICS FOR ALL COLUMNS AS all_of_it")
    assert client.rows("SELECT columnName, nullCount, dataType FROM ALL_OF_IT") == [
        ("_id", 0, "String"),
        ("timestamp", 0, "Timestamp"),
        ("eventtype", 0, "String"),
        ("_tenant.userid", 0, "String"),
        ("commerce.order.purchaseid", 1, "String"),
        ("commerce.order.pricetotal", 2, "Double"),
        ("commerce.purchases.value", 2, "Double"),
        ("directmarketing.emaildelivered.value", 2, "Double"),
        ("directmarketing.emailvisitorid", 2, "String"),
        ("directmarketing.opens.value", 3, "Double"),
    ]


def test_lists_and_maps_are_an_error_if_the_session_says_so(client: Client) -> None:
    client.rows("SET skip_stats_for_complex_datatypes=false")
    for columns in ("", " FOR ALL COLUMNS", " FOR COLUMNS (_id, identityMap)"):
        with pytest.raises(FeatureNotSupported, match="identitymap"):
            client.rows(f"ANALYZE TABLE ev COMPUTE STATISTICS{columns}")
    client.rows("ANALYZE TABLE ev COMPUTE STATISTICS FOR COLUMNS (_id)")
    client.rows("SET skip_stats_for_complex_datatypes=true")
    client.rows("ANALYZE TABLE ev COMPUTE STATISTICS FOR COLUMNS (identityMap) AS nothing")
    assert client.rows("SELECT * FROM nothing") == []


def test_columns_and_conditions(client: Client) -> None:
    condition = "_tenant.userid = 'A' OR (_id > 'e' AND NOT _id = 'e3')"
    client.rows(
        f"ANALYZE TABLE ev FILTERCONTEXT ({condition}) COMPUTE STATISTICS FOR COLUMNS (Commerce.Order, _ID) AS s"
    )
    assert client.rows("SELECT columnName, mean, approxDistinctCount, nullCount FROM s") == [
        ("_id", 0.0, 2.0, 0),
        ("commerce.order.purchaseid", 0.0, 1.0, 1),
        ("commerce.order.pricetotal", 3018.0, 1.0, 1),
    ]


def test_show_statistics(client: Client) -> None:
    names = ["statsId", "tableName", "columnSet", "filterContext", "timestamp"]
    assert client.table("SHOW STATISTICS").schema.names == names
    assert client.rows("SHOW STATISTICS") == []
    client.rows("ANALYZE TABLE cust COMPUTE STATISTICS")
    client.rows("ANALYZE TABLE b3 FILTERCONTEXT (id > 2 and id < 5) COMPUTE STATISTICS FOR COLUMNS (id) AS young")
    client.rows("ANALYZE TABLE public.cust COMPUTE STATISTICS FOR COLUMNS (id, name)")
    client.rows("ANALYZE TABLE b3 FILTERCONTEXT (id IN (1, 2)) COMPUTE STATISTICS")
    found = client.table("SHOW STATISTICS")
    assert [tuple(row.values())[:-1] for row in found.to_pylist()] == [
        ("cust_stats_1", "cust", "(*)", ""),
        ("young", "b3", "(id)", "((id > 2) AND (id < 5))"),
        ("cust_stats_2", "cust", "(id,name)", ""),
        ("b3_stats_1", "b3", "(*)", "(id IN (1, 2))"),
    ]
    assert all(len(text) == len("31/12/2026 23:59:59") for text in found.column("timestamp").to_pylist())


def test_statistics_are_their_sessions_own(home: Home, client: Client) -> None:
    client.rows("ANALYZE TABLE cust COMPUTE STATISTICS AS mine")
    other = Client(home)
    with pytest.raises(UndefinedTable):
        other.rows("SELECT * FROM mine")
    assert other.rows("SHOW STATISTICS") == []
    other.rows("ANALYZE TABLE b3 COMPUTE STATISTICS AS mine")
    assert client.rows("SELECT columnName FROM mine") == [("id",), ("name",), ("city",)]
    assert other.rows("SELECT columnName FROM mine") == [("id",)]
    other.session.close()
    with pytest.raises(UndefinedTable):
        other.rows("SELECT * FROM mine")
    assert [row[0] for row in client.rows("SHOW TABLES")] == ["ev", "cust", "b3"]


def test_an_alias_can_be_used_again_but_hides_no_table(client: Client) -> None:
    client.rows("ANALYZE TABLE cust COMPUTE STATISTICS AS s")
    client.rows("ANALYZE TABLE b3 COMPUTE STATISTICS AS S")
    assert client.rows("SELECT columnName FROM s") == [("id",)]
    assert len(client.rows("SHOW STATISTICS")) == 1
    with pytest.raises(DuplicateTable):
        client.rows("ANALYZE TABLE b3 COMPUTE STATISTICS AS cust")
    assert client.rows("SELECT count(1) FROM cust") == [(3,)]


def test_a_flat_session_sees_the_same_leaves(home: Home, client: Client) -> None:
    flat = Client(home, View(flat=True))
    for one in (client, flat):
        one.rows("ANALYZE TABLE ev COMPUTE STATISTICS AS s")
    assert client.rows("SELECT * FROM s") == flat.rows("SELECT * FROM s")


def test_statistics_join_with_tables_and_make_tables(client: Client) -> None:
    client.rows("ANALYZE TABLE b3 COMPUTE STATISTICS AS s")
    assert client.rows("SELECT max(b.id), max(s.mean) FROM b3 b JOIN s ON s.max >= b.id WHERE s.columnName = 'id'") == [
        (5, 3.0)
    ]
    client.rows("$$ BEGIN ANALYZE TABLE b3 COMPUTE STATISTICS AS t; CREATE TABLE kept AS SELECT * FROM t; END $$")
    assert client.rows("SELECT columnName, max FROM kept") == [("id", 5.0)]
    client.rows("DROP TABLE kept")


def test_an_empty_table(client: Client) -> None:
    client.rows("ANALYZE TABLE cust FILTERCONTEXT (1 = 0) COMPUTE STATISTICS AS s")
    assert client.rows("SELECT * FROM s") == [
        ("id", None, None, None, None, 0.0, 0, "Long"),
        ("name", 0.0, 0.0, 0.0, 0.0, 0.0, 0, "String"),
        ("city", 0.0, 0.0, 0.0, 0.0, 0.0, 0, "String"),
    ]


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("ANALYZE TABLE nope COMPUTE STATISTICS", UndefinedTable),
        ("ANALYZE TABLE nope", UndefinedTable),
        ("ANALYZE TABLE cust COMPUTE STATISTICS FOR COLUMNS (nme)", UndefinedColumn),
        ("ANALYZE TABLE ev COMPUTE STATISTICS FOR COLUMNS (_tenant.user)", UndefinedColumn),
        ("ANALYZE TABLE cust FILTERCONTEXT (nme = 1) COMPUTE STATISTICS", UndefinedColumn),
        ("ANALYZE TABLE cust FILTERCONTEXT COMPUTE STATISTICS", SqlSyntaxError),
        ("ANALYZE TABLE cust COMPUTE", SqlSyntaxError),
        ("ANALYZE TABLE cust COMPUTE STATISTICS FOR", SqlSyntaxError),
        ("ANALYZE TABLE cust COMPUTE STATISTICS FOR COLUMNS ()", SqlSyntaxError),
        ("ANALYZE TABLE cust COMPUTE STATISTICS AS", SqlSyntaxError),
        ("ANALYZE TABLE cust COMPUTE STATISTICS AS a b", SqlSyntaxError),
        ("SHOW STATISTICS now", SqlSyntaxError),
        ("ANALYZE TABLE cust", SqlError),
    ],
)
def test_what_is_refused(client: Client, statement: str, error: type[LimbeckError]) -> None:
    with pytest.raises(error) as failure:
        client.rows(statement)
    assert type(failure.value) is error
    assert client.rows("SHOW STATISTICS") == []


def test_bare_analyze_belongs_to_the_accelerated_store(client: Client) -> None:
    with pytest.raises(SqlError, match="an implementation is missing") as failure:
        client.rows("ANALYZE TABLE cust")
    assert failure.value.sqlstate == "58000"

"""Samples of tables: drawing, reading, dropping (SQL contract, section 2.5)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from limbeck.engine import Interrupt
from limbeck.errors import (
    DuplicateTable,
    FeatureNotSupported,
    Forbidden,
    LimbeckError,
    SqlError,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedTable,
    WrongObject,
)
from limbeck.lake.maintain import sweep
from limbeck.query.service import SqlSession, View
from limbeck.scope import Principal
from tests.behaviour.query_tables import ADMIN, EDITOR, VIEWER, Home, fixtures


class Client:
    """One session on a home."""

    def __init__(self, home: Home, view: View | None = None) -> None:
        self.home = home
        self.session = SqlSession(view or View())

    def rows(self, text: str, principal: Principal | None = None) -> list[tuple[Any, ...]]:
        home = self.home
        with home.query.run(
            home.sandbox, text, principal=principal, session=self.session, interrupt=Interrupt()
        ) as result:
            found = pa.Table.from_batches(list(result.batches()), result.schema)
        return [tuple(row.values()) for row in found.to_pylist()]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home.make(tmp_path)
    for name in ("ev", "cust"):
        made.add(name, fixtures()[name])
    return made


@pytest.fixture
def client(home: Home) -> Client:
    made = Client(home)
    made.rows("SET aqp=true")
    return made


@pytest.mark.parametrize("statement", ["ANALYZE TABLE cust TABLESAMPLE SAMPLERATE 5", "DROP TABLESAMPLE cust_sample_5"])
def test_samples_need_the_session_to_say_so(home: Home, statement: str) -> None:
    with pytest.raises(SqlError, match="SET aqp=true"):
        Client(home).rows(statement)


def test_the_rate_is_a_percentage_of_rows(client: Client) -> None:
    client.rows("CREATE TABLE many AS SELECT explode(sequence(1, 40000)) AS n")
    assert client.rows("ANALYZE TABLE many TABLESAMPLE SAMPLERATE 0.5") == [("many_sample_0_5",)]
    assert client.rows("ANALYZE TABLE many FILTERCONTEXT (n <= 30000) TABLESAMPLE SAMPLERATE 20") == [
        ("many_sample_20",)
    ]
    size, distinct, least, most = client.rows(
        "SELECT count(1), count(DISTINCT n), min(n), max(n) FROM many_sample_0_5"
    )[0]
    assert size == distinct
    assert 1 <= least < most <= 40000
    assert 100 < size < 320  # 200 are to be expected; 7 standard deviations to either side
    size, most = client.rows("SELECT count(1), max(n) FROM many_sample_20")[0]
    assert 5500 < size < 6500
    assert most <= 30000
    low, high = client.rows("SELECT count(CASE WHEN n <= 15000 THEN 1 END), count(1) FROM many_sample_20")[0]
    assert 0.44 < low / high < 0.56  # from everywhere alike


def test_both_word_orders_and_the_whole_table(client: Client) -> None:
    client.rows("ANALYZE TABLE cust TABLESAMPLE FILTERCONTEXT (id > 1 AND city IS NOT NULL) SAMPLERATE 100")
    assert client.rows("SELECT * FROM CUST_SAMPLE_100") == [(2, "alf", "Rome")]
    client.rows("ANALYZE TABLE cust FILTERCONTEXT (name = ')''' OR id = 3) TABLESAMPLE SAMPLERATE 100.0")
    assert client.rows("SELECT * FROM cust_sample_100_0") == [(3, "Bo", None)]
    client.rows("ANALYZE TABLE ev TABLESAMPLE SAMPLERATE 100")
    before, after = (client.home.sql(f"SELECT * FROM {name} ORDER BY _id") for name in ("ev", "ev_sample_100"))
    assert after.schema == before.schema
    assert after.to_pylist() == before.to_pylist()


def test_a_flat_session_draws_whole_rows(home: Home) -> None:
    flat = Client(home, View(flat=True))
    flat.rows("SET aqp=true")
    flat.rows("ANALYZE TABLE ev TABLESAMPLE FILTERCONTEXT (_tenant.userid = 'A') SAMPLERATE 100")
    assert home.rows("SELECT _id, _tenant.userid FROM ev_sample_100 ORDER BY _id") == [("e1", "A"), ("e2", "A")]


def test_names_are_cut(client: Client) -> None:
    name = "a" * 60
    client.rows(f"CREATE TABLE {name} AS SELECT 1 AS n")
    assert client.rows(f"ANALYZE TABLE {name} TABLESAMPLE SAMPLERATE 2.5") == [("a" * 50 + "_sample_2_5",)]


def test_approximate_queries_read_the_newest_sample(client: Client) -> None:
    with pytest.raises(UndefinedTable, match="no sample"):
        client.rows("SELECT count(1) FROM cust WITHAPPROXIMATE")
    client.rows("ANALYZE TABLE cust TABLESAMPLE FILTERCONTEXT (id = 1) SAMPLERATE 100")
    client.rows("ANALYZE TABLE cust TABLESAMPLE FILTERCONTEXT (id < 3) SAMPLERATE 100.0")
    assert client.rows("SELECT id FROM cust c WHERE id > 0 ORDER BY id LIMIT 5 withapproximate;") == [(1,), (2,)]
    assert client.rows("SELECT count(1) FROM cust") == [(3,)]
    assert client.rows("SELECT count(1) FROM cust WITHAPPROXIMATE") == [(2,)]
    assert client.rows("SELECT 'WITHAPPROXIMATE' AS \"withapproximate\", count(1) FROM cust -- WITHAPPROXIMATE") == [
        ("WITHAPPROXIMATE", 3)
    ]
    assert client.rows("SELECT id FROM cust_sample_100 WITHAPPROXIMATE") == [(1,)]
    assert client.rows("$$ BEGIN SELECT id FROM cust WITHAPPROXIMATE; SELECT count(1) FROM cust; END $$") == [(3,)]
    client.rows("CREATE TABLE few AS SELECT id FROM cust WITHAPPROXIMATE")
    client.rows("INSERT INTO cust (id) SELECT id + 10 FROM cust WITHAPPROXIMATE")
    assert client.rows("SELECT id FROM few ORDER BY id") == [(1,), (2,)]
    assert client.rows("SELECT id FROM cust ORDER BY id") == [(1,), (2,), (3,), (11,), (12,)]
    client.rows("DROP TABLESAMPLE cust_sample_100_0")
    assert client.rows("SELECT id FROM cust WITHAPPROXIMATE") == [(1,)]
    with pytest.raises(SqlSyntaxError, match="last word"):
        client.rows("SELECT id FROM cust WITHAPPROXIMATE LIMIT 1")


def test_a_dataset_has_at_most_five_samples(client: Client) -> None:
    for rate in range(1, 6):
        client.rows(f"ANALYZE TABLE cust TABLESAMPLE SAMPLERATE {rate}")
    with pytest.raises(SqlError, match="sample limit is reached") as failure:
        client.rows("ANALYZE TABLE cust TABLESAMPLE SAMPLERATE 6")
    assert failure.value.sqlstate == "58000"
    client.rows("ANALYZE TABLE ev TABLESAMPLE SAMPLERATE 6")
    client.rows("DROP TABLESAMPLE cust_sample_3")
    client.rows("ANALYZE TABLE cust TABLESAMPLE SAMPLERATE 6")
    with pytest.raises(SqlError, match="sample limit"):
        client.rows("ANALYZE TABLE cust TABLESAMPLE SAMPLERATE 7")


def test_samples_that_are_drawn_at_once_keep_the_limit(home: Home) -> None:
    def draw(rate: int) -> bool:
        client = Client(home)
        client.rows("SET aqp=true")
        try:
            client.rows(f"ANALYZE TABLE cust TABLESAMPLE SAMPLERATE {rate}")
        except SqlError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(draw, range(1, 9))) == 5
    cust = home.lake.datasets.by_table(home.sandbox, "cust")
    assert cust is not None
    assert len(home.lake.datasets.samples(home.sandbox, cust.id)) == 5


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Client:
    """A client whose table has a sample; for what changes nothing."""
    made = Home.make(tmp_path_factory.mktemp("drawn"))
    made.add("cust", fixtures()["cust"])
    client = Client(made)
    client.rows("SET aqp=true")
    client.rows("ANALYZE TABLE cust TABLESAMPLE SAMPLERATE 1")
    return client


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("ANALYZE TABLE nope TABLESAMPLE SAMPLERATE 5", UndefinedTable),
        ("ANALYZE TABLE cust TABLESAMPLE SAMPLERATE 0", SqlSyntaxError),
        ("ANALYZE TABLE cust TABLESAMPLE SAMPLERATE 100.1", SqlSyntaxError),
        ("ANALYZE TABLE cust TABLESAMPLE SAMPLERATE -5", SqlSyntaxError),
        ("ANALYZE TABLE cust TABLESAMPLE SAMPLERATE five", SqlSyntaxError),
        ("ANALYZE TABLE cust TABLESAMPLE", SqlSyntaxError),
        ("ANALYZE TABLE cust TABLESAMPLE SAMPLERATE 5 AS a", SqlSyntaxError),
        ("ANALYZE TABLE cust TABLESAMPLE FILTERCONTEXT (nme = 1) SAMPLERATE 5", UndefinedColumn),
        ("ANALYZE TABLE cust TABLESAMPLE FILTERCONTEXT (id = ) SAMPLERATE 5", SqlSyntaxError),
        ("ANALYZE TABLE cust TABLESAMPLE FILTERCONTEXT (id = 1) UNION (SELECT 1) SAMPLERATE 5", SqlSyntaxError),
        ("ANALYZE TABLE cust_sample_1 TABLESAMPLE SAMPLERATE 5", SqlError),
        ("ANALYZE TABLE cust TABLESAMPLE SAMPLERATE 1", DuplicateTable),
        ("INSERT INTO cust_sample_1 SELECT 1", FeatureNotSupported),
        ("DROP TABLE cust_sample_1", WrongObject),
        ("CREATE VIEW v AS SELECT id FROM cust WITHAPPROXIMATE", FeatureNotSupported),
        ("DROP TABLESAMPLE cust", UndefinedTable),
        ("DROP TABLESAMPLE nope", UndefinedTable),
        ("DROP TABLESAMPLE", SqlSyntaxError),
    ],
)
def test_what_is_refused_leaves_nothing(drawn: Client, statement: str, error: type[LimbeckError]) -> None:
    home = drawn.home
    before = [d.table for d in home.lake.datasets.all(home.sandbox)]
    files = sorted(home.lake.folder.names())
    with pytest.raises(error):
        drawn.rows(statement)
    assert [d.table for d in home.lake.datasets.all(home.sandbox)] == before
    assert sorted(home.lake.folder.names()) == files


def test_errors_of_the_condition_tell_their_place(client: Client) -> None:
    text = "ANALYZE TABLE cust TABLESAMPLE FILTERCONTEXT (id > 0 AND nme = 1) SAMPLERATE 5"
    with pytest.raises(UndefinedColumn) as failure:
        client.rows(text)
    assert failure.value.position == text.index("nme") + 1


def test_samples_are_not_listed_with_the_tables(client: Client) -> None:
    client.rows("ANALYZE TABLE cust TABLESAMPLE SAMPLERATE 5")
    assert [row[0] for row in client.rows("SHOW TABLES")] == ["ev", "cust"]


def test_sample_meta(client: Client) -> None:
    assert client.rows("SELECT sample_meta('cust')") == []
    client.rows("ANALYZE TABLE cust TABLESAMPLE SAMPLERATE 100")
    client.rows("ANALYZE TABLE public.cust FILTERCONTEXT (id > 1) TABLESAMPLE SAMPLERATE 99.5")
    home = client.home
    found = home.sql("SELECT sample_meta('cust')")
    assert [(f.name, str(f.type)) for f in found.schema] == [
        ("sample_table_name", "string"),
        ("sample_dataset_id", "string"),
        ("parent_dataset_id", "string"),
        ("sample_type", "string"),
        ("sampling_rate", "double"),
        ("filter_condition_on_source_dataset", "string"),
        ("sample_num_rows", "int64"),
        ("created", "string"),
    ]
    one, two, parent = (
        home.lake.datasets.by_table(home.sandbox, n) for n in ("cust_sample_100", "cust_sample_99_5", "cust")
    )
    assert one is not None
    assert two is not None
    assert parent is not None
    rows = home.rows("SELECT count(1) FROM cust_sample_99_5")[0][0]
    assert [tuple(row.values())[:-1] for row in found.to_pylist()] == [
        ("cust_sample_100", one.id, parent.id, "uniform", 100.0, "", 3),
        ("cust_sample_99_5", two.id, parent.id, "uniform", 99.5, "id > 1", rows),
    ]
    assert found.column("created").to_pylist() == [d.created.strftime("%d/%m/%Y %H:%M:%S") for d in (one, two)]
    name = "SELECT sample_table_name FROM (SELECT sample_meta('cust')) WHERE sampling_rate = 100"
    assert client.rows(f"$$ BEGIN SET @s = {name}; SELECT '@s'; END $$") == [("cust_sample_100",)]


def test_samples_go_with_their_table_and_their_files_are_swept(client: Client) -> None:
    home = client.home
    client.rows("CREATE TABLE mine AS SELECT * FROM cust", ADMIN)
    client.rows("ANALYZE TABLE mine TABLESAMPLE SAMPLERATE 100", ADMIN)
    client.rows("ANALYZE TABLE mine TABLESAMPLE SAMPLERATE 99", ADMIN)
    client.rows("ANALYZE TABLE cust TABLESAMPLE SAMPLERATE 100", ADMIN)
    assert sweep(home.store, home.settings, older_than_s=-60) == 0
    assert client.rows("SELECT count(1) FROM mine_sample_100") == [(3,)]
    client.rows("DROP TABLESAMPLE mine_sample_99", ADMIN)
    assert sweep(home.store, home.settings, older_than_s=-60) == 1
    client.rows("DROP TABLE mine", ADMIN)
    assert sweep(home.store, home.settings, older_than_s=-60) == 2
    for name in ("mine_sample_100", "mine_sample_99"):
        with pytest.raises(UndefinedTable):
            client.rows(f"SELECT * FROM {name}")
    assert client.rows("SELECT count(1) FROM cust_sample_100") == [(3,)]


def test_drawing_and_dropping_need_the_right(client: Client) -> None:
    with pytest.raises(Forbidden, match="role"):
        client.rows("ANALYZE TABLE cust TABLESAMPLE SAMPLERATE 5", VIEWER)
    client.rows("ANALYZE TABLE cust TABLESAMPLE SAMPLERATE 5", ADMIN)
    with pytest.raises(Forbidden, match="another credential"):
        client.rows("DROP TABLESAMPLE cust_sample_5", EDITOR)
    client.rows("DROP TABLESAMPLE cust_sample_5", ADMIN)


def test_a_session_that_sees_one_table_draws_from_no_other(home: Home) -> None:
    scoped = Client(home, View(only="ev"))
    scoped.rows("SET aqp=true")
    with pytest.raises(UndefinedTable):
        scoped.rows("ANALYZE TABLE cust TABLESAMPLE SAMPLERATE 5")
    with pytest.raises(SqlError):
        scoped.rows("ANALYZE TABLE ev TABLESAMPLE FILTERCONTEXT (EXISTS (SELECT 1 FROM cust)) SAMPLERATE 5")

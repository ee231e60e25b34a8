"""What the dialect makes of a session's settings, of time that has passed, and of tables that come and go."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest

from limbeck.errors import SnapshotExpired, SqlError, UndefinedColumn, UndefinedTable
from limbeck.lake.maintain import compact, expire
from limbeck.query.parameters import Parameter
from limbeck.query.session import SqlSession, View
from limbeck.query.types import LONG, STRING
from limbeck.xdm.types import Field, Object, Scalar
from tests.behaviour.query_tables import Home


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home.make(tmp_path_factory.mktemp("dialect"))
    made.add("b3", [pa.table({"id": pa.array(ids, pa.int32())}) for ids in ([1, 2], [3], [4, 5])])
    return made


def rows(home: Home, text: str, session: SqlSession | None = None) -> list[dict[str, object]]:
    with home.query.run(home.sandbox, text, session=session) as result:
        return pa.Table.from_batches(list(result.batches()), result.schema).to_pylist()


def ids_of(home: Home, text: str, session: SqlSession | None = None) -> list[object]:
    return [row["id"] for row in rows(home, f"{text} ORDER BY id", session)]


def test_a_start_that_is_no_longer_kept(home: Home) -> None:
    expire(home.store, home.settings, timedelta(0))
    assert [row["snapshot_id"] for row in rows(home, "SELECT history_meta('b3')")] == [3]
    with pytest.raises(SnapshotExpired, match="history_meta"):
        home.sql("SELECT id FROM b3 SNAPSHOT SINCE 1")
    session = SqlSession()
    rows(home, "SET resolve_fallback_snapshot_on_failure=true", session)
    assert ids_of(home, "SELECT id FROM b3 SNAPSHOT SINCE 1", session) == [4, 5]
    assert ids_of(home, "SELECT id FROM b3 SNAPSHOT BETWEEN 1 AND 3", session) == [4, 5]
    assert ids_of(home, "SELECT id FROM b3 SNAPSHOT SINCE 3", session) == []
    with pytest.raises(SnapshotExpired):  # one that was never there has not expired
        rows(home, "SELECT id FROM b3 SNAPSHOT SINCE 9", session)
    with pytest.raises(SnapshotExpired):
        rows(home, "SELECT id FROM b3 SNAPSHOT AS OF 1", session)


def test_history_before_the_first_batch_and_after_compaction(home: Home) -> None:
    schema = home.registry.adhoc_schema(home.sandbox, "empty", Object((Field("id", Scalar("int")),)))
    home.lake.create_dataset(home.sandbox, "empty", schema.id, table="empty")
    assert rows(home, "SELECT history_meta('empty')") == []
    before = rows(home, "SELECT history_meta('b3')")
    dataset = home.lake.datasets.by_table(home.sandbox, "b3")
    assert dataset is not None
    assert compact(home.store, home.lake, home.engine, dataset) == 3
    assert rows(home, "SELECT history_meta('b3')") == before


def test_history_is_of_tables_of_the_lake(home: Home) -> None:
    session = SqlSession()
    session.results["s"] = pa.table({"id": [1]})
    with pytest.raises(UndefinedTable):
        rows(home, "SELECT history_meta('s')", session)
    home.query.objects.create(home.sandbox, "view", {"sql": "SELECT id FROM b3"}, name="v")
    with pytest.raises(SqlError, match="historyMeta can be used on datalake tables only") as caught:
        rows(home, "SELECT history_meta('v')")
    assert caught.value.sqlstate == "58000"
    with pytest.raises(SqlError, match="SNAPSHOT belongs to tables, not to views"):
        rows(home, "SELECT id FROM v SNAPSHOT SINCE 1")


def test_the_same_text_tells_of_new_tables_and_snapshots(home: Home) -> None:
    exists, history = "SELECT table_exists('later') AS there", "SELECT max(snapshot_id) AS last FROM history_meta('b3')"
    assert rows(home, exists) == [{"there": False}]
    assert rows(home, history) == [{"last": 3}]
    home.sql("CREATE TABLE later AS SELECT id FROM b3")
    home.sql("INSERT INTO b3 SELECT 9")
    assert rows(home, exists) == [{"there": True}]
    assert rows(home, history) == [{"last": 4}]


def test_system_columns_stand_at_the_right_if_they_are_not_dropped(home: Home) -> None:
    session = SqlSession()
    assert list(rows(home, "SELECT * FROM b3", session)[0]) == ["id"]
    rows(home, "SET drop_system_columns=false", session)
    found = rows(home, "SELECT * FROM (SELECT *, id + 1 AS next FROM b3 b) ORDER BY id", session)
    assert list(found[0]) == ["id", "_acp_system_metadata", "_ACP_BATCHID", "next"]
    batches = [row["_ACP_BATCHID"] for row in found]
    assert [batches.index(b) for b in batches] == [0, 0, 2, 3, 3]
    assert [row["_acp_system_metadata"] for row in found] == [{"acp_sourceBatchId": b} for b in batches]
    only = f"SELECT id FROM b3 WHERE _ACP_BATCHID = '{batches[2]}'"
    assert ids_of(home, only) == [3]


def test_system_columns_of_flat_tables(home: Home) -> None:
    session = SqlSession(View(flat=True))
    rows(home, "SET drop_system_columns=false", session)
    found = rows(home, "SELECT * FROM b3", session)
    assert list(found[0]) == ["id", "_acp_system_metadata.acp_sourceBatchId", "_ACP_BATCHID"]
    same = 'SELECT count(*) AS n FROM b3 WHERE "_acp_system_metadata.acp_sourceBatchId" = _ACP_BATCHID'
    assert rows(home, same, session) == [{"n": 5}]


def test_own_columns_go_before_system_columns(home: Home) -> None:
    home.add("own", [pa.table({"_acp_year": ["mine"], "file_index": [7]})])
    assert rows(home, "SELECT _ACP_YEAR AS y, _ACP_BATCHID AS b FROM own") == [{"y": "mine", "b": None}]


@pytest.mark.parametrize(
    ("text", "values", "wanted"),
    [
        ("SELECT id FROM b3 SNAPSHOT SINCE $1 ORDER BY id", [Parameter(2, LONG)], [4, 5]),
        ("SELECT id FROM b3 SNAPSHOT BETWEEN $1 AND $2", [Parameter("2", STRING), Parameter("TAIL", STRING)], [4, 5]),
        ("SELECT id FROM b3 ORDER BY id LIMIT $1 OFFSET $2", [Parameter(2, LONG), Parameter(1, LONG)], [2, 3]),
        ("SELECT explode(array($1, $2)) AS id", [Parameter(7, LONG), Parameter(8, LONG)], [7, 8]),
    ],
)
def test_parameters(home: Home, text: str, values: list[Parameter], wanted: list[int]) -> None:
    """They stand where numbers stand; a statement can be described before they have values."""
    _, columns = home.query.describe(home.sandbox, text, [v.type for v in values if v.type is not None])
    assert columns.names == ["id"]
    with home.query.run(home.sandbox, text, params=values) as result:
        found = [row["id"] for batch in result.batches() for row in batch.to_pylist()]
    assert sorted(found) == wanted


def test_errors_inside_a_view_say_so(home: Home) -> None:
    home.query.objects.create(home.sandbox, "view", {"sql": "SELECT id, nope FROM b3"}, name="v")
    with pytest.raises(UndefinedColumn, match='view v: column "nope"') as caught:
        rows(home, "SELECT 1 FROM v")
    assert caught.value.position is None


def test_select_into_makes_a_table(home: Home) -> None:
    home.sql("SELECT id + 1 AS id INTO TABLE more FROM b3 WHERE id > 3")
    assert ids_of(home, "SELECT id FROM public.more") == [5, 6]

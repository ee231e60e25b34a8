"""The open log: what a Delta reader sees in a dataset's folder is what the lake holds, no more and not twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from sqlalchemy import update

from limbeck.engine import Engine
from limbeck.lake import Dataset, Lake, feed
from limbeck.lake.delta import CURSOR, DeltaLogs
from limbeck.lake.maintain import compact, sweep
from limbeck.lake.publish import Publication, publish
from limbeck.lake.revert import Reverting
from limbeck.registry import Registry
from limbeck.scope import Sandbox
from limbeck.settings import Settings
from limbeck.store import Store
from limbeck.store.tables import cursors
from limbeck.xdm.arrow import arrow_schema
from limbeck.xdm.json_schema import emit
from limbeck.xdm.standard import PROFILE
from limbeck.xdm.types import Array, Field, Map, Object, Scalar
from tests.behaviour import children

ITEM = Object((Field("sku", Scalar("string")), Field("at", Scalar("date-time"))))
NESTED = Object(
    (
        Field("number", Scalar("long")),
        Field("flag", Scalar("byte")),
        Field("day", Scalar("date")),
        Field("at", Scalar("date-time")),
        Field("items", Array(ITEM)),
        Field("names", Map(Scalar("string"))),
        Field("groups", Map(Array(ITEM))),
    )
)
BEFORE_1970, NOON = datetime(1066, 10, 14, 9, 0, 0, 1000), datetime(2026, 3, 1, 12, 30, 15, 999000)
EVERYTHING: list[Mapping[str, Any]] = [
    {"number": 1, "flag": -128, "day": date(2026, 3, 1), "at": NOON, "items": [{"sku": "a", "at": NOON}]},
    {"number": 2, "at": BEFORE_1970, "items": None, "names": None, "groups": None},
    {"number": 3, "items": [], "names": [], "groups": []},
    {"number": 4, "items": [None, {"sku": None, "at": None}], "names": [("k", None), ("l", "v")]},
    {"number": 2**53, "groups": [("none", None), ("empty", []), ("one", [{"sku": "b", "at": BEFORE_1970}])]},
]


@pytest.fixture
def dataset(lake: Lake, registry: Registry, sandbox: Sandbox) -> Dataset:
    schema = registry.adhoc_schema(sandbox, "everything", Object((Field("_acme", NESTED),)))
    return lake.create_dataset(sandbox, "Everything", schema.id)


@pytest.fixture
def logs(store: Store, lake: Lake) -> DeltaLogs:
    return DeltaLogs(store, lake)


def follow(home: str) -> None:
    """Bring the logs of a home to the feed's head, from a process of its own."""
    settings = Settings(home=Path(home))
    store = Store.open(settings.store_url)
    DeltaLogs(store, Lake(store, Registry(store), settings.lake)).follow()
    store.close()


def append(lake: Lake, settings: Settings, dataset: Dataset, rows: Sequence[Mapping[str, Any] | None]) -> None:
    """Publish *rows* (what lies below `_acme`) as one snapshot."""
    dataset = lake.datasets.by_id(dataset.id)
    path = settings.scratch / "rows.parquet"
    pq.write_table(pa.Table.from_pylist([{"_acme": row} for row in rows], arrow_schema(dataset.schema.type)), path)
    lake.append(dataset, [path])


def delta(lake: Lake, dataset: Dataset) -> DeltaTable:
    return DeltaTable(lake.folder.path(dataset.id))


def by_number(table: pa.Table) -> list[dict[str, Any]]:
    return sorted((row["_acme"] for row in table.to_pylist()), key=lambda row: row["number"])


def delta_rows(lake: Lake, dataset: Dataset) -> list[dict[str, Any]]:
    """What a Delta reader sees, below `_acme`."""
    return by_number(delta(lake, dataset).to_pyarrow_table())


def lake_rows(lake: Lake, engine: Engine, dataset: Dataset) -> list[dict[str, Any]]:
    """What the platform's own engine sees, below `_acme`."""
    with engine.session([lake.table(lake.datasets.by_id(dataset.id), "t")]) as session:
        return by_number(session.reader("SELECT * FROM t").read_all())


def test_a_delta_reader_sees_the_rows_of_the_lake(
    lake: Lake, engine: Engine, settings: Settings, dataset: Dataset, logs: DeltaLogs
) -> None:
    append(lake, settings, dataset, EVERYTHING[:3])
    append(lake, settings, dataset, EVERYTHING[3:])
    logs.follow()
    seen = delta_rows(lake, dataset)
    assert seen == lake_rows(lake, engine, dataset)
    assert [row["number"] for row in seen] == [row["number"] for row in EVERYTHING]
    assert [row["items"] for row in seen[1:3]] == [None, []]
    assert [row["names"] for row in seen[1:3]] == [None, []]
    assert seen[1]["at"] == BEFORE_1970
    assert delta(lake, dataset).to_pandas()["_acme"].map(lambda row: row["number"]).sum() == 10 + 2**53


def test_another_reader_over_the_logs_file_list_sees_them_too(
    lake: Lake, engine: Engine, settings: Settings, dataset: Dataset, logs: DeltaLogs
) -> None:
    append(lake, settings, dataset, EVERYTHING)
    logs.follow()
    files = [uri.removeprefix("file://") for uri in delta(lake, dataset).file_uris()]
    listed = ", ".join(f"'{file}'" for file in files)
    with engine.session(files=files) as session:
        found = session.reader(f"SELECT * FROM read_parquet([{listed}])").read_all()
    assert by_number(found) == delta_rows(lake, dataset)


def test_each_batch_is_one_commit_that_names_it(
    store: Store, lake: Lake, settings: Settings, dataset: Dataset, logs: DeltaLogs
) -> None:
    for row in EVERYTHING[:3]:
        append(lake, settings, dataset, [row])
    logs.follow()
    batches = [change.batch_id for change in feed.changes(store, 0)]
    commits = [entry.get("limbeck.batch") for entry in reversed(delta(lake, dataset).history())]
    assert commits == [None, *batches]


def test_following_again_adds_nothing(
    store: Store, lake: Lake, settings: Settings, dataset: Dataset, logs: DeltaLogs
) -> None:
    append(lake, settings, dataset, EVERYTHING)
    logs.follow()
    version = delta(lake, dataset).version()
    logs.follow()
    with store.write() as connection:
        connection.execute(update(cursors).where(cursors.c.name == CURSOR).values(position=0))
    logs.follow()
    assert delta(lake, dataset).version() == version
    assert feed.cursor(store, CURSOR) == feed.head(store)


def test_what_is_published_later_follows_later(
    lake: Lake, settings: Settings, dataset: Dataset, logs: DeltaLogs
) -> None:
    append(lake, settings, dataset, EVERYTHING[:1])
    assert not DeltaTable.is_deltatable(str(lake.folder.path(dataset.id)))
    logs.follow()
    append(lake, settings, dataset, EVERYTHING[1:2])
    assert [row["number"] for row in delta_rows(lake, dataset)] == [1]
    logs.follow()
    assert [row["number"] for row in delta_rows(lake, dataset)] == [1, 2]


def test_a_log_that_was_lost_is_written_anew(lake: Lake, settings: Settings, dataset: Dataset, logs: DeltaLogs) -> None:
    append(lake, settings, dataset, EVERYTHING[:2])
    logs.follow()
    lake.folder.delete(f"{dataset.id}/_delta_log")
    append(lake, settings, dataset, EVERYTHING[2:])
    logs.follow()
    assert len(delta_rows(lake, dataset)) == len(EVERYTHING)


def test_a_follower_killed_after_its_commit_adds_nothing_twice(
    store: Store, lake: Lake, engine: Engine, settings: Settings, dataset: Dataset, logs: DeltaLogs
) -> None:
    for row in EVERYTHING[:3]:
        append(lake, settings, dataset, [row])
    children.killed(follow, str(settings.home), crash_at="lake.delta.committed:2")
    assert (feed.cursor(store, CURSOR), len(delta_rows(lake, dataset))) == (0, 2)
    logs.follow()
    assert delta_rows(lake, dataset) == lake_rows(lake, engine, dataset)
    assert delta(lake, dataset).version() == 3


def test_several_processes_may_follow_at_once(
    lake: Lake, settings: Settings, dataset: Dataset, sandbox: Sandbox, logs: DeltaLogs
) -> None:
    other = lake.create_dataset(sandbox, "Other", dataset.schema.id)
    for row in EVERYTHING:
        append(lake, settings, dataset, [row])
        append(lake, settings, other, [row])
    followers = [children.start(follow, str(settings.home)) for _ in range(3)]
    logs.follow()
    assert len(delta_rows(lake, dataset)) == len(delta_rows(lake, other)) == len(EVERYTHING)
    for follower in followers:
        children.finish(follower)
    assert len(delta(lake, dataset).file_uris()) == len(delta(lake, other).file_uris()) == len(EVERYTHING)


def test_compaction_does_not_disturb_the_log(
    store: Store, lake: Lake, engine: Engine, settings: Settings, dataset: Dataset, logs: DeltaLogs
) -> None:
    for row in EVERYTHING[:2]:
        append(lake, settings, dataset, [row])
    for row in EVERYTHING[2:4]:
        compact(store, lake, engine, lake.datasets.by_id(dataset.id))
        logs.follow()
        assert delta_rows(lake, dataset) == lake_rows(lake, engine, dataset)
        append(lake, settings, dataset, [row])


def test_an_empty_publication_and_a_dropped_dataset_are_passed_over(
    store: Store, lake: Lake, settings: Settings, dataset: Dataset, sandbox: Sandbox, logs: DeltaLogs
) -> None:
    dropped = lake.create_dataset(sandbox, "Dropped", dataset.schema.id)
    append(lake, settings, dropped, EVERYTHING[:1])
    publish(store, [Publication(dataset.id, (), "empty-batch")])
    append(lake, settings, dataset, EVERYTHING[:1])
    lake.datasets.drop(sandbox, dropped.id)
    logs.follow()
    assert not DeltaTable.is_deltatable(str(lake.folder.path(dropped.id)))
    assert len(delta_rows(lake, dataset)) == 1
    assert feed.cursor(store, CURSOR) == feed.head(store)


def test_the_sweep_keeps_the_log_of_a_dataset_and_removes_that_of_a_dropped_one(
    store: Store, lake: Lake, settings: Settings, dataset: Dataset, sandbox: Sandbox, logs: DeltaLogs
) -> None:
    append(lake, settings, dataset, EVERYTHING)
    logs.follow()
    assert sweep(store, settings, older_than_s=-60) == 0
    assert len(delta_rows(lake, dataset)) == len(EVERYTHING)
    lake.datasets.drop(sandbox, dataset.id)
    assert sweep(store, settings, older_than_s=-60) == 3
    assert list(lake.folder.names()) == []


def group_of(registry: Registry, sandbox: Sandbox, fields: Object) -> str:
    """Make a field group for profiles with *fields* under `_acme`, and return its `$id`."""
    body = {
        "title": "Numbers",
        "type": "object",
        "meta:intendedToExtend": [PROFILE],
        "definitions": {"own": emit(Object((Field("_acme", fields),)))},
        "allOf": [{"$ref": "#/definitions/own"}],
    }
    return str(registry.create(sandbox, "fieldgroups", body)["$id"])


def test_a_schema_that_grows_widens_the_log(
    lake: Lake, settings: Settings, registry: Registry, sandbox: Sandbox, logs: DeltaLogs
) -> None:
    item = Object((Field("sku", Scalar("string")),))
    group = group_of(registry, sandbox, Object((Field("number", Scalar("long")), Field("items", Array(item)))))
    parts = [{"$ref": PROFILE}, {"$ref": group}]
    schema = registry.create(sandbox, "schemas", {"title": "Grows", "type": "object", "allOf": parts})
    dataset = lake.create_dataset(sandbox, "Grows", schema["$id"])
    append(lake, settings, dataset, [{"number": 1, "items": [{"sku": "old"}]}, {"number": 2, "items": None}])
    logs.follow()
    own = "/definitions/own/properties/_acme/properties"
    added = [
        {"op": "add", "path": f"{own}/items/items/properties/price", "value": {"type": "number"}},
        {"op": "add", "path": f"{own}/at", "value": {"type": "string", "format": "date-time"}},
    ]
    registry.patch(sandbox, "fieldgroups", group, added)
    append(lake, settings, dataset, [{"number": 3, "items": [{"sku": "new", "price": 1.5}], "at": NOON}])
    logs.follow()
    assert delta_rows(lake, dataset) == [
        {"number": 1, "items": [{"sku": "old", "price": None}], "at": None},
        {"number": 2, "items": None, "at": None},
        {"number": 3, "items": [{"sku": "new", "price": 1.5}], "at": NOON},
    ]
    version = delta(lake, dataset).version()
    append(lake, settings, dataset, [{"number": 4}])
    logs.follow()
    assert delta(lake, dataset).version() == version + 1


def test_what_is_taken_back_leaves_the_log(
    store: Store, lake: Lake, engine: Engine, settings: Settings, dataset: Dataset, logs: DeltaLogs
) -> None:
    for row in EVERYTHING[:4]:
        append(lake, settings, dataset, [row])
    first, second, third, fourth = (change.batch_id for change in feed.changes(store, 0))
    reverting = Reverting(store, lake, engine)
    logs.follow()
    reverting.revert(str(second))
    compact(store, lake, engine, lake.datasets.by_id(dataset.id))
    reverting.revert(str(third))
    children.killed(follow, str(settings.home), crash_at="lake.delta.committed")
    assert [row["number"] for row in delta_rows(lake, dataset)] == [1, 3, 4]
    logs.follow()
    logs.follow()
    assert delta_rows(lake, dataset) == lake_rows(lake, engine, dataset)
    assert [row["number"] for row in delta_rows(lake, dataset)] == [1, 4]
    assert len(delta(lake, dataset).history()) == 7
    lake.folder.delete(f"{dataset.id}/_delta_log")
    reverting.revert(str(first))
    logs.follow()
    assert [row["number"] for row in delta_rows(lake, dataset)] == [4]
    assert fourth in [entry.get("limbeck.batch") for entry in delta(lake, dataset).history()]

"""The lake: what is published is whole, ordered, and survives whatever kills its writers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from limbeck import crash
from limbeck.engine import Engine
from limbeck.errors import CommitConflict, DuplicateTable, NotFound, SnapshotExpired, WrongState
from limbeck.lake import Dataset, Lake, batches, feed
from limbeck.lake.datasets import table_name
from limbeck.lake.maintain import compact, expirable, expire, orphans, sweep
from limbeck.lake.publish import Publication, place, publish
from limbeck.lake.revert import Reverting, require_success
from limbeck.registry import Registry
from limbeck.scope import Sandbox
from limbeck.settings import Settings
from limbeck.store import Store
from limbeck.xdm.types import Array, Field, Object, Scalar
from tests.behaviour import children, lake_writer

ITEM = Object((Field("sku", Scalar("string")), Field("quantity", Scalar("long"))))
ROW = Object((Field("_acme", Object((Field("number", Scalar("long")), Field("items", Array(ITEM))))),))


@pytest.fixture
def dataset(lake: Lake, registry: Registry, sandbox: Sandbox) -> Dataset:
    schema = registry.adhoc_schema(sandbox, "numbers", ROW)
    return lake.create_dataset(sandbox, "Numbers", schema.id)


def write(lake: Lake, settings: Settings, dataset: Dataset, number: int) -> str:
    """Publish one batch in this process and return its id."""
    lake_writer.main(str(settings.home), dataset.id, number, 1)
    return lake.datasets.by_id(dataset.id).id


def numbers(
    lake: Lake, engine: Engine, dataset: Dataset, since: int | None = None, until: int | None = None
) -> list[int]:
    """The numbers of the batches that a read of this range sees, sorted, one for each row."""
    now = lake.datasets.by_id(dataset.id)
    with engine.session([lake.table(now, "t", since, until)]) as session:
        return [n for (n,) in session.fetch("SELECT _acme.number FROM t ORDER BY 1")]


def thrice(*wanted: int) -> list[int]:
    return sorted(n for n in wanted for _ in range(3))


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("Luma midValues", "luma_midvalues"),
        ("[A] [B1] My Set (by x)", "a_b1_my_set_by_x"),
        ("--", "dataset"),
        ("x" * 80, "x" * 64),
    ],
)
def test_table_names_follow_aeps_rule(name: str, table: str) -> None:
    assert table_name(name) == table


def test_a_name_that_is_taken_gets_a_number(lake: Lake, dataset: Dataset, sandbox: Sandbox) -> None:
    second = lake.create_dataset(sandbox, "numbers!", dataset.schema.id)
    assert (dataset.table, second.table) == ("numbers", "numbers_2")
    with pytest.raises(DuplicateTable, match="NUMBERS"):
        lake.create_table(sandbox, "NUMBERS", lambda _: dataset.schema.id, [])


def test_each_batch_is_a_snapshot_and_ranges_read_what_lies_between(
    lake: Lake, engine: Engine, settings: Settings, dataset: Dataset
) -> None:
    for number in (1, 2, 3):
        write(lake, settings, dataset, number)
    assert [s.id for s in lake.history(dataset)] == [0, 1, 2, 3]
    assert numbers(lake, engine, dataset) == thrice(1, 2, 3)
    assert numbers(lake, engine, dataset, since=1) == thrice(2, 3)
    assert numbers(lake, engine, dataset, until=2) == thrice(1, 2)
    assert numbers(lake, engine, dataset, since=1, until=2) == thrice(2)
    assert numbers(lake, engine, dataset, since=3) == []
    with pytest.raises(SnapshotExpired):
        numbers(lake, engine, dataset, since=9)


def test_null_and_empty_lists_stay_what_they_are(
    store: Store, lake: Lake, engine: Engine, settings: Settings, dataset: Dataset
) -> None:
    for number in (1, 2):
        write(lake, settings, dataset, number)
    query = "SELECT count(*) FILTER (WHERE _acme.items IS NULL), count(*) FILTER (WHERE len(_acme.items) = 0) FROM t"
    for _ in ("as written", "compacted"):
        with engine.session([lake.table(lake.datasets.by_id(dataset.id), "t")]) as session:
            assert session.fetch(query) == [(2, 2)]
        compact(store, lake, engine, lake.datasets.by_id(dataset.id))


def test_eight_writing_processes_lose_nothing(
    store: Store, lake: Lake, engine: Engine, settings: Settings, dataset: Dataset
) -> None:
    each = 6
    home = str(settings.home)
    writers = [children.start(lake_writer.main, home, dataset.id, 100 * n, each) for n in range(8)]
    for writer in writers:
        children.finish(writer)
    wanted = [100 * n + i for n in range(8) for i in range(each)]
    assert numbers(lake, engine, dataset) == thrice(*wanted)
    seen = feed.changes(store, 0)
    assert [c.snapshot for c in seen] == list(range(1, len(wanted) + 1))
    assert [c.position for c in seen] == sorted(c.position for c in seen)


@pytest.mark.parametrize(
    ("point", "published"),
    [
        ("lake.file-placed", False),
        ("lake.publish.before", False),
        ("lake.publish.before-commit", False),
        ("lake.publish.committed", True),
    ],
)
def test_a_writer_killed_on_the_way_leaves_all_or_nothing(
    store: Store,
    lake: Lake,
    engine: Engine,
    settings: Settings,
    dataset: Dataset,
    point: str,
    published: bool,
) -> None:
    write(lake, settings, dataset, 1)
    children.killed(lake_writer.main, str(settings.home), dataset.id, 2, 1, crash_at=point)
    assert numbers(lake, engine, dataset) == (thrice(1, 2) if published else thrice(1))
    statuses = sorted(b.status for b in lake.batches.find(_sandbox(lake, dataset)))
    assert statuses == (["success", "success"] if published else ["loading", "success"])
    write(lake, settings, dataset, 3)
    assert numbers(lake, engine, dataset) == thrice(1, 3, *([2] if published else []))
    assert sweep(store, settings, older_than_s=-60) == (0 if published else 1)
    assert numbers(lake, engine, dataset) == thrice(1, 3, *([2] if published else []))


def test_a_batch_is_published_once_however_often_it_is_tried(
    store: Store, lake: Lake, engine: Engine, settings: Settings, dataset: Dataset
) -> None:
    with store.write() as connection:
        batch_id = batches.create(connection, dataset.id)
    for _ in range(3):
        path = settings.scratch / "again.parquet"
        pq.write_table(lake_writer.rows(7), path)
        lake.promote(dataset, [path], batch_id)
    assert numbers(lake, engine, dataset) == thrice(7)
    assert lake.datasets.by_id(dataset.id).snapshot == 1


def test_several_datasets_are_published_together_or_not_at_all(
    store: Store, lake: Lake, engine: Engine, settings: Settings, dataset: Dataset, sandbox: Sandbox
) -> None:
    other = lake.create_dataset(sandbox, "Other", dataset.schema.id)
    gone = lake.create_dataset(sandbox, "Gone", dataset.schema.id)
    lake.datasets.drop(sandbox, gone.id)
    made = []
    for number, target in enumerate((dataset, other, gone)):
        path = settings.scratch / f"{number}.parquet"
        pq.write_table(lake_writer.rows(number), path)
        made.append(Publication(target.id, place(lake.folder, target.id, [path]), f"batch-{number}"))
    with pytest.raises(NotFound):
        publish(store, made)
    assert numbers(lake, engine, dataset) == numbers(lake, engine, other) == []
    publish(store, made[:2])
    assert (numbers(lake, engine, dataset), numbers(lake, engine, other)) == (thrice(0), thrice(1))


def test_a_write_based_on_an_older_snapshot_is_refused(
    store: Store, lake: Lake, settings: Settings, dataset: Dataset
) -> None:
    write(lake, settings, dataset, 1)
    with pytest.raises(CommitConflict, match="snapshot 1"):
        publish(store, [Publication(dataset.id, (), "late", expects=0)])


def test_compaction_is_invisible(
    store: Store, lake: Lake, engine: Engine, settings: Settings, dataset: Dataset
) -> None:
    for number in (1, 2, 3):
        write(lake, settings, dataset, number)
    ranges = [(None, None), (1, None), (None, 2), (1, 2), (2, 3), (0, 3)]

    def seen() -> list[list[int]]:
        return [numbers(lake, engine, dataset, since, until) for since, until in ranges]

    before, history = seen(), lake.history(dataset)
    assert compact(store, lake, engine, lake.datasets.by_id(dataset.id)) == 3
    assert len(lake.files(lake.datasets.by_id(dataset.id))) == 1
    assert (seen(), lake.history(dataset)) == (before, history)
    write(lake, settings, dataset, 4)
    assert numbers(lake, engine, dataset, since=3) == thrice(4)
    assert compact(store, lake, engine, lake.datasets.by_id(dataset.id)) == 2
    assert numbers(lake, engine, dataset, since=2) == thrice(3, 4)
    assert seen()[3:5] == before[3:5]


def test_expired_snapshots_go_with_the_files_only_they_needed(
    store: Store, lake: Lake, engine: Engine, settings: Settings, dataset: Dataset
) -> None:
    for number in (1, 2, 3):
        write(lake, settings, dataset, number)
    compact(store, lake, engine, lake.datasets.by_id(dataset.id))
    at_once = Settings(home=settings.home, snapshot_retention_days=-1.0)
    assert expire(store, settings) == 0
    assert expire(store, at_once) == 3
    assert sweep(store, settings, older_than_s=-60) == 3
    assert numbers(lake, engine, dataset) == thrice(1, 2, 3)
    assert [s.id for s in lake.history(dataset)] == [3]
    with pytest.raises(SnapshotExpired):
        numbers(lake, engine, dataset, since=1)


def test_what_a_listener_has_yet_to_read_is_not_forgotten(
    store: Store, lake: Lake, engine: Engine, settings: Settings, dataset: Dataset
) -> None:
    for number in (1, 2, 3, 4):
        write(lake, settings, dataset, number)
    compact(store, lake, engine, lake.datasets.by_id(dataset.id))
    listeners, long_ago = ("one", "two"), timedelta(days=-1)
    second = feed.changes(store, 0)[1].position
    for name, at in (("one", feed.head(store)), ("two", second)):
        with store.write() as connection:
            feed.move(connection, name, at)

    expected = expirable(store, long_ago, listeners)
    assert (expected.snapshots, expected.files) == (2, frozenset())
    assert expire(store, settings, long_ago, listeners) == 2
    for change in feed.changes(store, second):
        assert numbers(lake, engine, dataset, change.snapshot - 1, change.snapshot) == thrice(change.snapshot)

    with store.write() as connection:
        feed.move(connection, "two", feed.head(store))
    rest = expirable(store, long_ago, listeners)
    assert (rest.snapshots, len(rest.files)) == (2, 4)
    foreseen = {o.path for o in orphans(store, settings, -60, forgotten=rest.files)}
    assert expire(store, settings, long_ago, listeners) == 2
    assert {o.path for o in orphans(store, settings, -60)} == foreseen
    assert sweep(store, settings, older_than_s=-60) == 4
    assert numbers(lake, engine, dataset) == thrice(1, 2, 3, 4)


def test_the_sweep_leaves_young_files_alone(lake: Lake, store: Store, settings: Settings, dataset: Dataset) -> None:
    path = settings.scratch / "young.parquet"
    pq.write_table(lake_writer.rows(1), path)
    (placed,) = place(lake.folder, dataset.id, [path])
    assert sweep(store, settings) == 0
    assert lake.folder.path(placed.path).exists()


def _sandbox(lake: Lake, dataset: Dataset) -> Sandbox:
    return Sandbox(dataset.sandbox_id, "prod", "acme@AdobeOrg", "acme")


def revert_elsewhere(home: str, batch_id: str) -> None:
    """Take a batch back, in the process that is killed."""
    settings = Settings(home=Path(home))
    store = Store.open(settings.store_url)
    lake = Lake(store, Registry(store), settings.lake)
    Reverting(store, lake, Engine(settings.scratch, 512, 1, 1)).revert(batch_id)


@pytest.mark.parametrize(
    ("point", "gone"),
    [
        ("lake.file-placed", False),
        ("lake.revert.prepared", False),
        ("lake.publish.before-commit", False),
        ("lake.publish.committed", True),
    ],
)
def test_a_batch_is_taken_back_whole_or_not_at_all(
    store: Store, lake: Lake, engine: Engine, settings: Settings, dataset: Dataset, point: str, gone: bool
) -> None:
    for number in (1, 2, 3):
        write(lake, settings, dataset, number)
    compact(store, lake, engine, lake.datasets.by_id(dataset.id))
    second = lake.history(dataset)[2].batch_id
    assert second is not None
    children.killed(revert_elsewhere, str(settings.home), second, crash_at=point)
    assert numbers(lake, engine, dataset) == (thrice(1, 3) if gone else thrice(1, 2, 3))
    assert lake.batches.by_id(second).status == ("inactive" if gone else "success")
    Reverting(store, lake, engine).revert(second)
    assert numbers(lake, engine, dataset) == thrice(1, 3)
    assert numbers(lake, engine, dataset, until=3) == thrice(1, 2, 3)
    assert sweep(store, settings, older_than_s=-60) == (0 if gone else 1)
    assert expire(store, settings, timedelta(days=-1)) == 4
    assert sweep(store, settings, older_than_s=-60) == 4
    assert numbers(lake, engine, dataset) == thrice(1, 3)


def test_files_that_are_merged_meanwhile_are_looked_at_again(
    store: Store, lake: Lake, engine: Engine, settings: Settings, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        write(lake, settings, dataset, number)
    first = lake.history(dataset)[1].batch_id
    assert first is not None
    merged = []

    def meanwhile(name: str) -> None:
        if name == "lake.revert.prepared" and not merged:
            merged.append(compact(store, lake, engine, lake.datasets.by_id(dataset.id)))

    monkeypatch.setattr(crash, "point", meanwhile)
    Reverting(store, lake, engine).revert(first)
    assert (merged, numbers(lake, engine, dataset)) == ([2], thrice(2))
    with pytest.raises(WrongState, match="taken back"):
        require_success(lake.batches.by_id(first))


def test_what_is_taken_out_while_files_are_merged_stays_out(
    store: Store, lake: Lake, engine: Engine, settings: Settings, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        write(lake, settings, dataset, number)
    first = lake.history(dataset)[1].batch_id
    assert first is not None

    def meanwhile(name: str) -> None:
        if name == "lake.compact.placed":
            Reverting(store, lake, engine).revert(first)

    monkeypatch.setattr(crash, "point", meanwhile)
    assert compact(store, lake, engine, lake.datasets.by_id(dataset.id)) == 0
    assert numbers(lake, engine, dataset) == thrice(2)

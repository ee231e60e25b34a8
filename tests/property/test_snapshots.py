"""What snapshots show, beside lists in Python: compaction and expiry change nothing that can still be named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from limbeck import ids
from limbeck.errors import SnapshotExpired
from limbeck.lake import Dataset, batches
from limbeck.lake.maintain import compact, expire, sweep
from limbeck.lake.revert import Reverting
from tests.behaviour.query_tables import Home

FEW = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

KINDS = ["insert", "nothing", "batch", "batch", "revert", "revert", "replace", "compact", "compact", "expire", "sweep"]
STEPS = st.lists(st.sampled_from(KINDS), min_size=3, max_size=14)

NAMES = (f"t{n}" for n in count())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.make(tmp_path_factory.mktemp("snapshots"))


@dataclass
class Model:
    """The rows that each snapshot added, by its id, the snapshots that are kept, and at which one rows left again."""

    added: list[list[int]] = field(default_factory=lambda: [[]])
    kept: set[int] = field(default_factory=lambda: {0})
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    batches: dict[str, int] = field(default_factory=dict)
    """The snapshot of each batch that was not taken out."""
    left: dict[int, int] = field(default_factory=dict)
    """Of a snapshot whose rows were taken out again, the one that did so."""

    def add(self, size: int) -> list[int]:
        rows = [next(self.numbers) for _ in range(size)]
        self.kept.add(len(self.added))
        self.added.append(rows)
        return rows

    @property
    def current(self) -> int:
        return len(self.added) - 1

    def between(self, start: int, end: int) -> list[int]:
        """The rows that were added after snapshot *start* up to *end*, and are there at *end*."""
        there = [n for n in range(start + 1, end + 1) if n >= 0 and self.left.get(n, end + 1) > end]
        return [row for number in there for row in self.added[number]]


@FEW
@example(made=True, steps=["batch", "batch", "compact", "batch", "compact", "revert", "batch", "compact", "revert"])
@given(made=st.booleans(), steps=STEPS)
def test_every_pair_of_snapshots_shows_what_was_added_between(home: Home, made: bool, steps: list[str]) -> None:
    name, model = next(NAMES), Model()
    if made:
        home.sql(f"CREATE TABLE {name} AS SELECT explode(array({_listed(model.add(2))})) AS id")
    else:
        home.add(name, [pa.table({"id": pa.array(model.add(1), pa.int32())})])
    for step in steps:
        _note(home, name, model)
        _take(home, name, step, model)
    _note(home, name, model)
    _check_kept(home, name, model)
    _check_batches(home, name, model)
    _check_gone(home, name, model)


def _take(home: Home, name: str, step: str, model: Model) -> None:
    match step:
        case "insert":
            home.sql(f"INSERT INTO {name} SELECT explode(array({_listed(model.add(2))}))")
        case "nothing":
            model.add(0)
            home.sql(f"INSERT INTO {name} SELECT id FROM {name} WHERE 1 = 0")
        case "batch":
            _ingest(home, name, model.add(3))
        case "revert" | "replace":
            _leave(home, name, model, step)
        case "compact":
            compact(home.store, home.lake, home.engine, _dataset(home, name))
        case "expire":
            expire(home.store, home.settings, timedelta(minutes=-1))
            model.kept = {model.current}
        case "sweep":
            sweep(home.store, home.settings, older_than_s=-60)


def _ingest(home: Home, name: str, rows: Sequence[int], predecessors: Sequence[str] = ()) -> None:
    dataset = _dataset(home, name)
    path = home.settings.scratch / f"{ids.new_uuid()}.parquet"
    pq.write_table(pa.table({"id": pa.array(rows, pa.int32())}), path)
    with home.store.write() as connection:
        body = {"replay": {"predecessors": predecessors, "reason": "replace"}}
        batch_id = batches.create(connection, dataset.id, body=body if predecessors else {})

    def done(connection: Connection) -> None:
        batches.change(connection, batch_id, status="success")

    if predecessors:
        Reverting(home.store, home.lake, home.engine).replace(
            dataset, [path], home.lake.batches.by_id(batch_id), also=done
        )
    else:
        home.lake.promote(dataset, [path], batch_id, also=done)


def _leave(home: Home, name: str, model: Model, step: str) -> None:
    """Take out a batch or two from among the others, alone or for another."""
    middle = len(model.batches) // 2
    leaving = list(model.batches)[middle : middle + (2 if step == "replace" else 1)]
    if not leaving:
        return
    rows = model.add(3 if step == "replace" else 0)
    if step == "replace":
        _ingest(home, name, rows, leaving)
    else:
        for _ in range(2):
            Reverting(home.store, home.lake, home.engine).revert(leaving[0])
    for batch_id in leaving:
        model.left[model.batches.pop(batch_id)] = model.current


def _note(home: Home, name: str, model: Model) -> None:
    """Keep the batch of the newest snapshot."""
    newest = home.lake.batches.newest(_dataset(home, name).id)
    if newest and newest.status == "success" and newest.id not in model.batches:
        model.batches[newest.id] = model.current


def _check_batches(home: Home, name: str, model: Model) -> None:
    """Each row knows its batch, whatever file it lies in by now."""
    found = home.rows(f"SELECT _ACP_BATCHID, id FROM {name}")
    wanted = [(batch_id, row) for batch_id, number in model.batches.items() for row in model.added[number]]
    assert sorted(found) == sorted(wanted)
    assert home.lake.measure(_dataset(home, name)).rows == len(wanted)


def _check_kept(home: Home, name: str, model: Model) -> None:
    """Ask for everything that can be named in one statement."""
    last = model.current
    wanted: list[tuple[str, list[int]]] = [("", model.between(-1, last)), *_both_ends_open(model)]
    for s in sorted(model.kept):
        wanted += [
            (f"SNAPSHOT SINCE {s}", model.between(s, last)),
            (f"SNAPSHOT AS OF {s}", model.between(-1, s)),
            (f"SNAPSHOT BETWEEN 'HEAD' AND {s}", model.between(-1, s)),
            (f"SNAPSHOT BETWEEN {s} AND 'TAIL'", model.between(s, last)),
        ]
        wanted += [(f"SNAPSHOT BETWEEN {s} AND {e}", model.between(s, e)) for e in sorted(model.kept)]
    text = " UNION ALL ".join(f"SELECT {n} AS q, id FROM {name} {form}" for n, (form, _) in enumerate(wanted))
    found: list[list[int]] = [[] for _ in wanted]
    for q, row in home.rows(text):
        found[q].append(row)
    assert [(form, sorted(rows)) for (form, _), rows in zip(wanted, found, strict=True)] == wanted


def _both_ends_open(model: Model) -> list[tuple[str, list[int]]]:
    everything = model.between(-1, model.current)
    return [(f"SNAPSHOT {form}", everything) for form in ("SINCE 'HEAD'", "AS OF 'TAIL'", "BETWEEN 'HEAD' AND 'TAIL'")]


def _check_gone(home: Home, name: str, model: Model) -> None:
    gone = sorted({*range(model.current), model.current + 1} - model.kept)
    for number in gone[:1] + gone[-1:]:
        for form in (f"SINCE {number}", f"AS OF {number}", f"BETWEEN {model.current} AND {number}"):
            with pytest.raises(SnapshotExpired):
                home.sql(f"SELECT id FROM {name} SNAPSHOT {form}")


def _listed(rows: Sequence[int]) -> str:
    return ", ".join(map(str, rows))


def _dataset(home: Home, name: str) -> Dataset:
    found = home.lake.datasets.by_table(home.sandbox, name)
    assert found is not None
    return found

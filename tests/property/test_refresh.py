"""A set that is refreshed after rows came and went is the one that is computed anew."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from limbeck import ids
from limbeck.lake.revert import Reverting
from limbeck.workflow.definition import Definition
from limbeck.workflow.features import Earlier, gone, training_set
from limbeck.xdm.arrow import from_arrow
from tests.behaviour.query_tables import Home

DEFINITION = """\
name = "shop"

[[sources]]
dataset = "orders"
arrival = "received"

[sources.columns]
customer = { path = "customer", identity = "CRMID" }
at = "timestamp"
kind = "eventType"
amount = "amount"
received = "received"

[[sources]]
dataset = "people"
class = "profile"

[sources.columns]
customer = { path = "customer", identity = "CRMID" }
age = "age"

[goal]
event = "kind = 'buy'"
within = "5 days"

[cutoffs]
train = [2026-01-10, 2026-01-14]
test = 2026-01-20
score = 2026-01-20

[features]
events = { count = true, windows = ["ever", "2 days"] }
amount = { sum = "amount" }
recency = { days_since_last = true, where = "kind = 'buy'" }
age = { attribute = "age" }
"""
TIME = pa.timestamp("ms")
CUTOFFS = [datetime(2026, 1, 10), datetime(2026, 1, 14)]
numbers = itertools.count()

EVENTS = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.integers(0, 24 * 14),
        st.sampled_from(["look", "buy"]),
        st.none() | st.integers(0, 9),
        st.sampled_from([0, 0, 30]),
    ),
    min_size=1,
    max_size=5,
)
"""Customer, hour, kind, amount, hours until it was known."""
STEPS = st.lists(st.tuples(st.just("add"), EVENTS) | st.tuples(st.just("take out"), st.integers(0, 5)), max_size=3)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.make(tmp_path_factory.mktemp("refresh"))


@pytest.fixture(scope="module")
def definition(tmp_path_factory: pytest.TempPathFactory) -> Definition:
    path = tmp_path_factory.mktemp("definition") / "shop.toml"
    path.write_text(DEFINITION)
    return Definition.load(path)


class Table:
    """A table whose batches come and go."""

    def __init__(self, home: Home, name: str, schema: pa.Schema) -> None:
        self.name, self._home, self._schema = f"{name}_{next(numbers)}", home, schema
        made = home.registry.adhoc_schema(home.sandbox, self.name, from_arrow(schema))
        self._dataset = home.lake.create_dataset(home.sandbox, self.name, made.id, table=self.name)
        self._batches: list[str] = []

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Publish a batch."""
        path = self._home.settings.scratch / f"{ids.new_uuid()}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, self._schema), path)
        self._home.lake.append(self._dataset, [path])
        (newest,) = self._home.lake.batches.find(self._home.sandbox, dataset_id=self._dataset.id, limit=1)
        self._batches.append(newest.id)

    def take_out(self, number: int) -> None:
        """Take back one of the batches, if there is any."""
        if self._batches:
            batch = self._batches.pop(number % len(self._batches))
            Reverting(self._home.store, self._home.lake, self._home.engine).revert(batch)

    @property
    def snapshot(self) -> int:
        """The id of its newest snapshot."""
        text = f"SELECT snapshot_id FROM (SELECT history_meta('{self.name}')) WHERE is_current"
        return next((int(row["snapshot_id"]) for row in self._home.sql(text).to_pylist()), 0)


ORDERS = pa.schema(
    [
        ("customer", pa.string()),
        ("timestamp", TIME),
        ("eventType", pa.string()),
        ("amount", pa.int64()),
        ("received", TIME),
    ]
)
PEOPLE = pa.schema([("customer", pa.string()), ("age", pa.int32())])


def orders(rows: list[tuple[str, int, str, int | None, int]]) -> list[dict[str, Any]]:
    begin, hour = datetime(2026, 1, 5), timedelta(hours=1)
    return [
        {
            "customer": who,
            "timestamp": begin + at * hour,
            "eventType": kind,
            "amount": amount,
            "received": begin + (at + late) * hour,
        }
        for who, at, kind, amount, late in rows
    ]


def rows_of(table: pa.Table) -> list[tuple[Any, ...]]:
    return sorted(tuple(row.values()) for row in table.to_pylist())


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(first=st.lists(EVENTS, max_size=3), rounds=st.lists(STEPS, min_size=1, max_size=2), ages=st.booleans())
def test_a_refreshed_set_is_the_set(
    home: Home, definition: Definition, first: list[Any], rounds: list[list[tuple[str, Any]]], ages: bool
) -> None:
    events, people = Table(home, "orders", ORDERS), Table(home, "people", PEOPLE)
    tables = {"orders": events.name, "people": people.name}
    for batch in first:
        events.add(orders(batch))
    snapshots = {"orders": events.snapshot, "people": people.snapshot}
    name = f"features_{next(numbers)}"
    home.sql(f"CREATE TABLE {name} AS {training_set(definition, tables, 'acme', CUTOFFS)}")
    for number, steps in enumerate(rounds):
        for what, given_ in steps:
            events.add(orders(given_)) if what == "add" else events.take_out(given_)
        if ages and number == 0:
            people.add([{"customer": who, "age": age} for who, age in (("a", 30), ("c", 50))])
        shrunk = {row["dataset"] for row in home.sql(gone(tables, snapshots)).to_pylist() if row["gone"] != 0}
        earlier = Earlier(name, snapshots, shrunk)
        snapshots = {"orders": events.snapshot, "people": people.snapshot}
        name = f"features_{next(numbers)}"
        home.sql(f"CREATE TABLE {name} AS {training_set(definition, tables, 'acme', CUTOFFS, earlier=earlier)}")
        whole = home.sql(training_set(definition, tables, "acme", CUTOFFS))
        assert rows_of(home.sql(f"SELECT * FROM {name}")) == rows_of(whole)

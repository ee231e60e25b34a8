"""Labels and features of small random histories, as the platform computes them, beside a slow reference in Python."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from limbeck.workflow.definition import Definition
from limbeck.workflow.features import training_set
from tests.behaviour.query_tables import Home

# Histories are short as they are: shrinking a failure takes minutes and shows little more.
FEW = settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])
FEWER = settings(FEW, max_examples=8)

FIRST, SECOND, TEST = datetime(2026, 1, 10), datetime(2026, 1, 14), datetime(2026, 1, 20)
WITHIN, WINDOW = timedelta(days=5), timedelta(days=2)

DEFINITION = """\
name = "shop"

[[sources]]
dataset = "orders"

[sources.columns]
customer = { path = "who.customer", identity = "CRMID" }
at = "timestamp"
kind = "eventType"
amount = "amount"
item = "item"

[[sources]]
dataset = "letters"

[sources.columns]
customer = { path = "customer", identity = "CRMID" }
at = "timestamp"
kind = "eventType"
channel = "channel"

[[sources]]
dataset = "people"
class = "profile"

[sources.columns]
customer = { path = "customer", identity = "CRMID" }
age = "age"

[goal]
event = "kind = 'buy' or amount > 8"
within = "5 days"
eligible = "kind = 'buy' or kind = 'look'"

[cutoffs]
train = [2026-01-10, 2026-01-14]
test = 2026-01-20
score = 2026-01-20

[features]
events = { count = true, windows = ["ever", "2 days"] }
lively = { count = true, where = "kind = 'buy' or kind = 'look'", windows = ["48 hours", "1 hour"] }
amount = { sum = "amount", windows = ["ever", "2 days"] }
mean = { avg = "amount" }
least = { min = "amount", where = "kind = 'buy'" }
most = { max = "amount", windows = ["2 days"] }
items = { count_distinct = "item", windows = ["ever", "2 days"] }
mailed = { count = true, where = "channel = 'mail'" }
recency = { days_since_last = true, where = "kind = 'buy'" }
tenure = { days_since_first = true }
share = { expression = "lively_2d / nullif(events, 0)" }
age = { attribute = "age" }
"""


class Event(NamedTuple):
    """A thing that a customer did, or was sent."""

    customer: str
    at: datetime
    kind: str
    amount: int | None = None
    item: str | None = None
    channel: str | None = None


# -- the reference ------------------------------------------------------------------------------------------------


def reference(events: list[Event], people: dict[str, int], cutoffs: Iterable[datetime]) -> list[dict[str, Any]]:
    """One row for each eligible customer and cutoff, by going through all their events again and again."""
    found = []
    for customer, cutoff in itertools.product(sorted({e.customer for e in events}), cutoffs):
        mine = [e for e in events if e.customer == customer]
        before = [e for e in mine if e.at < cutoff]
        if any(e.kind in ("buy", "look") for e in before):
            after = [e for e in mine if cutoff <= e.at < cutoff + WITHIN]
            label = any(e.kind == "buy" or (e.amount is not None and e.amount > 8) for e in after)
            row = {"entity_id": customer, "cutoff": cutoff, "label": int(label)}
            found.append(row | features(before, cutoff) | {"age": people.get(customer)})
    return found


def features(before: list[Event], cutoff: datetime) -> dict[str, Any]:
    """The features of a customer whose events before *cutoff* these are."""
    recent = [e for e in before if e.at >= cutoff - WINDOW]
    lively = [e for e in recent if e.kind in ("buy", "look")]
    amounts = [e.amount for e in before if e.amount is not None]
    bought = [e for e in before if e.kind == "buy"]
    return {
        "events": len(before),
        "events_2d": len(recent),
        "lively_2d": len(lively),
        "lively_1h": sum(e.at >= cutoff - timedelta(hours=1) for e in lively),
        "amount": sum(amounts),
        "amount_2d": sum(e.amount or 0 for e in recent),
        "mean": sum(amounts) / len(amounts) if amounts else None,
        "least": min((e.amount for e in bought if e.amount is not None), default=None),
        "most_2d": max((e.amount for e in recent if e.amount is not None), default=None),
        "items": len({e.item for e in before} - {None}),
        "items_2d": len({e.item for e in recent} - {None}),
        "mailed": sum(e.channel == "mail" for e in before),
        "recency": min(((cutoff.date() - e.at.date()).days for e in bought), default=None),
        "tenure": max((cutoff.date() - e.at.date()).days for e in before),
        "share": len(lively) / len(before),
    }


# -- the platform -------------------------------------------------------------------------------------------------

TIME = pa.timestamp("ms")
numbers = itertools.count()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.make(tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="module")
def definition(tmp_path_factory: pytest.TempPathFactory) -> Definition:
    path: Path = tmp_path_factory.mktemp("definition") / "shop.toml"
    path.write_text(DEFINITION)
    return Definition.load(path)


def columns(events: list[Event], *others: tuple[str, pa.DataType]) -> dict[str, pa.Array]:
    fields = [("kind", pa.string()), *others]
    found = {name: pa.array([getattr(e, name) for e in events], kind) for name, kind in fields}
    return {"timestamp": pa.array([e.at for e in events], TIME), "eventType": found.pop("kind"), **found}


def stored(home: Home, events: list[Event], people: dict[str, int]) -> dict[str, str]:
    """Store a history under new names; give the table of each dataset."""
    number = next(numbers)
    orders, letters = ([e for e in events if (e.kind == "letter") is sent] for sent in (False, True))
    who = pa.array([{"customer": e.customer} for e in orders], pa.struct([("customer", pa.string())]))
    home.add(
        f"orders_{number}",
        [pa.table({"who": who, **columns(orders, ("amount", pa.int64()), ("item", pa.string()))})],
    )
    customers = pa.array([e.customer for e in letters], pa.string())
    home.add(f"letters_{number}", [pa.table({"customer": customers, **columns(letters, ("channel", pa.string()))})])
    known = {"customer": pa.array(list(people), pa.string()), "age": pa.array(list(people.values()), pa.int32())}
    home.add(f"people_{number}", [pa.table(known)])
    return {name: f"{name}_{number}" for name in ("orders", "letters", "people")}


def computed(home: Home, text: str) -> list[dict[str, Any]]:
    rows = [{k: _rounded(v) for k, v in row.items()} for row in home.sql(text).to_pylist()]
    return sorted(rows, key=lambda row: (row["entity_id"], row["cutoff"]))


def _rounded(value: Any) -> Any:
    return round(value, 9) if isinstance(value, float) else value


# -- histories ----------------------------------------------------------------------------------------------------

SECOND_OF_TIME = timedelta(seconds=1)
EDGES = [c + d for c in (FIRST, SECOND, TEST) for d in (timedelta(0), -WINDOW, WITHIN, -timedelta(hours=1))]
MOMENTS = st.sampled_from(
    [edge + step for edge in EDGES for step in (timedelta(0), SECOND_OF_TIME, -SECOND_OF_TIME)]
) | st.datetimes(datetime(2026, 1, 5), datetime(2026, 1, 27)).map(lambda m: m.replace(microsecond=0))
CUSTOMERS = st.sampled_from(["a", "b"])
ORDERS = st.builds(
    Event,
    CUSTOMERS,
    MOMENTS,
    st.sampled_from(["buy", "look", "return"]),
    st.none() | st.integers(-3, 10),
    st.sampled_from(["x", "y", None]),
    st.none(),
)
LETTERS = st.builds(
    Event, CUSTOMERS, MOMENTS, st.just("letter"), st.none(), st.none(), st.sampled_from(["mail", "web", None])
)
HISTORIES = st.lists(ORDERS | LETTERS, min_size=1, max_size=12)
PEOPLE = st.dictionaries(CUSTOMERS, st.integers(18, 90))

ON_THE_EDGE = [
    Event("a", FIRST - SECOND_OF_TIME, "look"),  # the last moment that counts as known
    Event("a", FIRST, "buy", 3, "x"),  # at the cutoff: not known, but the label
    Event("b", FIRST - WINDOW, "look", 1),  # the first moment of the window
    Event("b", FIRST + WITHIN, "buy", 5),  # the label's time is over
    Event("c", FIRST, "look"),  # not eligible yet
    Event("d", FIRST - 2 * WINDOW, "look", 9),  # reached the goal long ago, which is no label
]


@FEW
@example(events=ON_THE_EDGE, people={"b": 40})
@given(events=HISTORIES, people=PEOPLE)
def test_labels_and_features_are_those_of_the_reference(
    home: Home, definition: Definition, events: list[Event], people: dict[str, int]
) -> None:
    tables = stored(home, events, people)
    cutoffs = definition.cutoffs.train

    found = computed(home, training_set(definition, tables, "acme", cutoffs))

    wanted = reference(events, people, cutoffs)
    assert found == [{k: _rounded(v) for k, v in row.items()} for row in wanted]


@FEWER
@given(events=HISTORIES, people=PEOPLE)
def test_the_scoring_set_has_the_same_features_and_no_label(
    home: Home, definition: Definition, events: list[Event], people: dict[str, int]
) -> None:
    tables = stored(home, events, people)

    labelled = computed(home, training_set(definition, tables, "acme", [TEST]))
    scoring = computed(home, training_set(definition, tables, "acme", [TEST], labelled=False))

    assert scoring == [{k: v for k, v in row.items() if k != "label"} for row in labelled]


@FEWER
@given(events=HISTORIES, people=PEOPLE, later=st.lists(ORDERS | LETTERS, max_size=4))
def test_what_happens_from_the_cutoff_on_changes_no_feature(
    home: Home, definition: Definition, events: list[Event], people: dict[str, int], later: list[Event]
) -> None:
    known = [e for e in events if e.at < FIRST]
    future = [e for e in later if e.at >= FIRST]

    without, with_ = (
        computed(home, training_set(definition, stored(home, history, people), "acme", [FIRST], labelled=False))
        for history in (known, known + future)
    )

    assert with_ == without


def test_columns_stand_in_the_order_of_the_definition(home: Home, definition: Definition) -> None:
    tables = stored(home, ON_THE_EDGE, {})
    found = home.sql(training_set(definition, tables, "acme", [FIRST]))
    assert found.column_names == ["entity_id", "cutoff", "label", *(f.name for f in definition.features)]
    assert not any(pa.types.is_nested(kind) for kind in found.schema.types)

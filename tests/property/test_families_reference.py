"""Families of features, goals, drawn cutoffs, histories and pairs, beside a slow reference that goes event by event."""

from __future__ import annotations

import hashlib
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from limbeck.workflow import features
from limbeck.workflow.definition import Definition
from limbeck.workflow.features import training_set
from limbeck.workflow.featurize import when
from tests.behaviour.query_tables import Home

FEW = settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])
BERLIN = ZoneInfo("Europe/Berlin")

SOURCES = """\
name = "shop"
seed = 7

[[sources]]
dataset = "orders"
{arrival}

[sources.columns]
customer = {{ path = "customer", identity = "CRMID" }}
at = "timestamp"
kind = "eventType"
amount = "amount"
item = "item"
received = "received"
ends = "ends"

[[sources]]
dataset = "tiers"
class = "history"
{arrival}

[sources.columns]
customer = {{ path = "customer", identity = "CRMID" }}
at = "timestamp"
kind = "eventType"
tier = "tier"
received = "received"

"""
PEOPLE = (
    SOURCES.format(arrival='arrival = "received"')
    + """\
[goal]
event = "kind = 'buy'"
within = "1 week"
eligible = "kind = 'look'"
eligible_within = "1 month"
excluded = "kind = 'leave'"
count = 2
value = { sum = "amount", least = 6 }

[cutoffs]
zone = "Europe/Berlin"
train = { every = "3 days", from = 2026-03-24, until = 2026-03-30, drawn = DRAWN }
test = 2026-04-06
score = 2026-04-06

[features]
active = { days_active = true, windows = ["ever", "3 days"] }
gap = { gap_mean = true, where = "kind = 'buy' or kind = 'look'" }
night = { hour_share = "22-6" }
weekend = { weekday_share = ["saturday", "sunday"], windows = ["1 month"] }
rising = { trend = true, windows = ["3 days"] }
richer = { trend = "amount", windows = ["1 week"] }
latest = { last = "item", windows = ["ever", "72 hours"] }
bought = { share = "kind = 'buy'", where = "item IS NOT NULL" }
recency = { days_since_last = true }
tier = { attribute = "tier" }
"""
)
PAIRS = (
    SOURCES.format(arrival="")
    + """\
[entity]
pair = "item"
where = "kind = 'offer'"

[goal]
event = "kind = 'buy'"
until = "ends"

[cutoffs]
train = { from = 2026-03-22, until = 2026-03-27 }
test = { from = 2026-04-06, until = 2026-04-07 }
score = { from = 2026-04-06, until = 2026-04-07 }

[features]
events = { count = true, windows = ["ever", "2 days", "1 month"] }
same = { count = true, paired = true }
gap = { gap_last = true, windows = ["ever", "2 days"] }
same_gap = { gap_last = true, where = "kind = 'buy'", paired = true }
price = { object = "amount" }
tier = { attribute = "tier" }
"""
)


class Event(NamedTuple):
    """A thing that happened, and when it was known."""

    customer: str
    at: datetime
    kind: str
    amount: int | None
    item: str | None
    received: datetime
    ends: datetime


class Change(NamedTuple):
    """A tier that somebody has from a time on."""

    customer: str
    at: datetime
    tier: str | None
    received: datetime


# -- the reference ------------------------------------------------------------------------------------------------


def local(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC).astimezone(BERLIN).replace(tzinfo=None)


def back(cutoff: datetime, **span: int) -> datetime:
    """So many days before, by the clocks of Berlin."""
    wall = local(cutoff)
    if span.pop("month", 0):
        wall = wall.replace(year=wall.year - (wall.month == 1), month=(wall.month - 2) % 12 + 1, day=min(wall.day, 28))
    return (wall - timedelta(**span)).replace(tzinfo=BERLIN).astimezone(UTC).replace(tzinfo=None)


def share(some: list[Any], of: list[Any]) -> float | None:
    return len(some) / len(of) if of else None


def newest(events: list[Event]) -> str | None:
    return max(((e.at, e.item) for e in events if e.item is not None), default=(None, None))[1]


def tier(changes: list[Change], customer: str, cutoff: datetime, *, late: bool) -> str | None:
    known = [
        (c.at, c.tier)
        for c in changes
        if c.customer == customer and c.at < cutoff and c.tier is not None and (not late or c.received <= cutoff)
    ]
    return max(known, default=(None, None))[1]


def person(events: list[Event], changes: list[Change], customer: str, cutoff: datetime) -> dict[str, Any] | None:
    mine = [e for e in events if e.customer == customer]
    known = [e for e in mine if e.at < cutoff and e.received <= cutoff]
    looked = [e for e in known if e.kind == "look" and e.at >= back(cutoff, month=1)]
    if not looked or any(e.kind == "leave" for e in known):
        return None
    end = back(cutoff, days=-7)
    after = [e for e in mine if cutoff <= e.at < end and e.kind == "buy"]
    lively = sorted(e.at for e in known if e.kind in ("buy", "look"))
    seconds = int((lively[-1] - lively[0]).total_seconds())
    month = [e for e in known if e.at >= back(cutoff, month=1)]
    recent, earlier = ([e for e in known if back(cutoff, days=b) <= e.at < back(cutoff, days=b - 3)] for b in (3, 6))
    week, before = ([e for e in known if back(cutoff, days=b) <= e.at < back(cutoff, days=b - 7)] for b in (7, 14))
    rich, poor = (sum(e.amount or 0 for e in some) for some in (week, before))
    named = [e for e in known if e.item is not None]
    return {
        "entity_id": customer,
        "cutoff": cutoff,
        "label": int(len(after) >= 2 and sum(e.amount or 0 for e in after) >= 6),
        "active": len({local(e.at).date() for e in known}),
        "active_3d": len({local(e.at).date() for e in recent}),
        "gap": seconds / ((len(lively) - 1) * 86400) if len(lively) > 1 else None,
        "night": share([e for e in known if local(e.at).hour >= 22 or local(e.at).hour < 6], known),
        "weekend_1m": share([e for e in month if local(e.at).weekday() >= 5], month),
        "rising_3d": len(recent) / len(earlier) if earlier else None,
        "richer_1w": rich / poor if poor else None,
        "latest": newest(known),
        "latest_3d": newest([e for e in known if e.at >= cutoff - timedelta(hours=72)]),
        "bought": share([e for e in named if e.kind == "buy"], named),
        "recency": (local(cutoff).date() - max(local(e.at).date() for e in known)).days,
        "tier": tier(changes, customer, cutoff, late=True),
    }


def gap(events: list[Event], begin: datetime) -> float | None:
    """Days between the last event and the one before it, if the last is not before *begin*."""
    times = sorted(e.at for e in events)
    if len(times) < 2 or times[-1] < begin:
        return None
    return int((times[-1] - times[-2]).total_seconds()) / 86400


def pairs(events: list[Event], changes: list[Change], first: datetime, until: datetime) -> list[dict[str, Any]]:
    found = []
    offers = [e for e in events if e.kind == "offer" and e.item is not None]
    for customer, item in sorted({(e.customer, str(e.item)) for e in offers}):
        offer = min((e.at, e) for e in offers if (e.customer, e.item) == (customer, item))[1]
        same = [e for e in offers if (e.customer, e.item, e.at) == (customer, item, offer.at)]
        cutoff, end = offer.at, min(e.ends for e in same)
        if not first <= cutoff < until:
            continue
        known = [e for e in events if e.customer == customer and e.at < cutoff]
        bought = [e for e in events if e.kind == "buy" and (e.customer, e.item) == (customer, item)]
        label = any(cutoff <= e.at < end for e in bought)
        long_ago = datetime(1970, 1, 1)
        about = [e for e in known if e.item == item]
        prices = [e.amount for e in same]
        found.append(
            {
                "entity_id": customer,
                "object_id": item,
                "cutoff": cutoff,
                "label": int(label),
                "events": len(known),
                "events_2d": sum(e.at >= cutoff - timedelta(days=2) for e in known),
                "events_1m": sum(e.at >= cutoff.replace(month=2) for e in known),
                "same": len(about),
                "gap": gap(known, long_ago),
                "gap_2d": gap(known, cutoff - timedelta(days=2)),
                "same_gap": gap([e for e in about if e.kind == "buy"], long_ago),
                "price": min((p for p in prices if p is not None), default=None),
                "tier": tier(changes, customer, cutoff, late=False),
            }
        )
    return found


# -- the platform -------------------------------------------------------------------------------------------------

TIME = pa.timestamp("ms")
numbers = itertools.count()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.make(tmp_path_factory.mktemp("families"))


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Definition]:
    folder: Path = tmp_path_factory.mktemp("definitions")
    texts = {"people": PEOPLE.replace("DRAWN", "false"), "drawn": PEOPLE.replace("DRAWN", "true"), "pairs": PAIRS}
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text)
    return {name: Definition.load(folder / f"{name}.toml") for name in texts}


def stored(home: Home, events: list[Event], changes: list[Change]) -> dict[str, str]:
    """Store a history under new names; give the table of each dataset."""
    number = next(numbers)
    orders = {
        "timestamp": pa.array([e.at for e in events], TIME),
        "eventType": pa.array([e.kind for e in events], pa.string()),
        "customer": pa.array([e.customer for e in events], pa.string()),
        "amount": pa.array([e.amount for e in events], pa.int64()),
        "item": pa.array([e.item for e in events], pa.string()),
        "received": pa.array([e.received for e in events], TIME),
        "ends": pa.array([e.ends for e in events], TIME),
    }
    tiers = {
        "timestamp": pa.array([c.at for c in changes], TIME),
        "eventType": pa.array(["tier" for _ in changes], pa.string()),
        "customer": pa.array([c.customer for c in changes], pa.string()),
        "tier": pa.array([c.tier for c in changes], pa.string()),
        "received": pa.array([c.received for c in changes], TIME),
    }
    home.add(f"orders_{number}", [pa.table(orders)])
    home.add(f"tiers_{number}", [pa.table(tiers)])
    return {name: f"{name}_{number}" for name in ("orders", "tiers")}


def computed(home: Home, definition: Definition, tables: dict[str, str]) -> list[dict[str, Any]]:
    text = training_set(definition, tables, "acme", when(definition, "train"), drawn=definition.cutoffs.drawn)
    return [rounded(row) for row in home.sql(text).to_pylist()]


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 9) if isinstance(value, float) else value for name, value in row.items()}


def ordered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["entity_id"], str(row.get("object_id")), row["cutoff"]))


# -- histories ----------------------------------------------------------------------------------------------------

CUTOFFS = [datetime(2026, 3, 23, 23), datetime(2026, 3, 26, 23), datetime(2026, 3, 29, 22)]
"""Midnights of Berlin: clocks are changed before the last."""
EDGES = [c + timedelta(days=d, hours=h) for c in CUTOFFS for d in (-7, -3, -1, 0, 7) for h in (0, 1, -1)]
MOMENTS = st.sampled_from(EDGES) | st.datetimes(datetime(2026, 2, 20), datetime(2026, 4, 5)).map(
    lambda m: m.replace(microsecond=0)
)
CUSTOMERS = st.sampled_from(["a", "b"])
LATE = st.sampled_from([timedelta(0), timedelta(hours=30)])
EVENTS = st.builds(
    lambda customer, at, kind, amount, item, late, days: Event(
        customer, at, kind, amount, item, at + late, at + timedelta(days=days)
    ),
    CUSTOMERS,
    MOMENTS,
    st.sampled_from(["look", "look", "buy", "buy", "offer", "offer", "leave"]),
    st.none() | st.integers(1, 9),
    st.sampled_from(["x", "y", None]),
    LATE,
    st.integers(1, 6),
)
CHANGES = st.builds(
    lambda customer, at, tier, late: Change(customer, at, tier, at + late),
    CUSTOMERS,
    MOMENTS,
    st.sampled_from(["gold", "iron", None]),
    LATE,
)
HISTORIES = st.lists(EVENTS, min_size=1, max_size=14)


@FEW
@given(events=HISTORIES, changes=st.lists(CHANGES, max_size=4))
def test_families_are_those_of_the_reference(
    home: Home, definitions: dict[str, Definition], events: list[Event], changes: list[Change]
) -> None:
    definition = definitions["people"]
    assert list(definition.cutoffs.train) == CUTOFFS
    rows = [person(events, changes, who, cutoff) for who in ("a", "b") for cutoff in CUTOFFS]

    tables = stored(home, events, changes)
    found = ordered(computed(home, definition, tables))
    with pytest.MonkeyPatch.context() as patched:  # as if there were many cutoffs
        patched.setattr(features, "BRANCHES", 2)
        joined = ordered(computed(home, definition, tables))

    assert found == joined == [rounded(row) for row in rows if row is not None]


@FEW
@given(events=HISTORIES, changes=st.lists(CHANGES, max_size=2))
def test_everybody_is_drawn_one_cutoff(
    home: Home, definitions: dict[str, Definition], events: list[Event], changes: list[Change]
) -> None:
    drawn = {who: CUTOFFS[int(hashlib.md5(f"{who}:7".encode()).hexdigest()[:8], 16) % 3] for who in ("a", "b")}
    rows = [person(events, changes, who, cutoff) for who, cutoff in drawn.items()]

    found = computed(home, definitions["drawn"], stored(home, events, changes))

    assert ordered(found) == [rounded(row) for row in rows if row is not None]


@FEW
@given(events=HISTORIES, changes=st.lists(CHANGES, max_size=4))
def test_pairs_are_those_of_the_reference(
    home: Home, definitions: dict[str, Definition], events: list[Event], changes: list[Change]
) -> None:
    found = computed(home, definitions["pairs"], stored(home, events, changes))

    assert ordered(found) == [
        rounded(row) for row in pairs(events, changes, datetime(2026, 3, 22), datetime(2026, 3, 27))
    ]


def test_the_months_of_a_sliding_window_do_not_drift() -> None:
    from limbeck.workflow.times import Duration, sliding

    found = sliding(datetime(2026, 1, 31), datetime(2026, 5, 31), Duration(1, "months"), ZoneInfo("UTC"))
    assert [(m.month, m.day) for m in found] == [(1, 31), (2, 28), (3, 31), (4, 30), (5, 31)]

"""Random definitions over many small histories: the rows of the platform are those of a slow reference in Python."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from limbeck.client import Client
from limbeck.workflow import generate
from limbeck.workflow.definition import Definition
from limbeck.workflow.features import training_set
from tests.platforms import embedded

FEW = settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate])

# Datasets may have the names that the SQL of features gives its own parts.
SOURCES = """\
name = "shop"

[[sources]]
dataset = "events"
files.log = "orders.parquet"

[sources.columns]
customer = { path = "{tenant}.who.customer", identity = "CRMID" }
at = "timestamp"
kind = "eventType"
amount = "{tenant}.order.amount"
item = "{tenant}.order.item"

[[sources]]
dataset = "letters"
files.log = "letters.parquet"

[sources.columns]
person = { path = "{tenant}.person", identity = "CRMID" }
at = "timestamp"
kind = "eventType"
channel = "{tenant}.channel"

[[sources]]
dataset = "people"
class = "profile"
files.people = "people.parquet"

[sources.columns]
customer = { path = "{tenant}.customer", identity = "CRMID" }
age = "{tenant}.age"
city = "{tenant}.city"
"""


class Event(NamedTuple):
    """Something that a person did, or was sent."""

    person: str
    at: datetime
    kind: str
    amount: int | None = None
    item: str | None = None
    channel: str | None = None


class Profile(NamedTuple):
    """What is known of a person at all times."""

    age: int | None
    city: str | None


# -- histories ----------------------------------------------------------------------------------------------------

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CUTOFFS = [datetime(2026, 1, 10), datetime(2026, 1, 12, 6), datetime(2026, 1, 20)]
HORIZONS = {"2 days": 2 * DAY, "36 hours": 36 * HOUR, "5 days": 5 * DAY}
WINDOWS = {"ever": None, "1 day": DAY, "36 hours": 36 * HOUR, "3 days": 3 * DAY}
SUFFIXES = {"ever": "", "1 day": "_1d", "36 hours": "_36h", "3 days": "_3d"}
EDGES = [
    edge + step
    for cutoff in CUTOFFS
    for edge in [cutoff, *(cutoff + h for h in HORIZONS.values()), *(cutoff - w for w in WINDOWS.values() if w)]
    for step in (timedelta(0), timedelta(0), -timedelta(milliseconds=1), timedelta(milliseconds=1))
]
UNIVERSES = 60


def histories() -> tuple[list[Event], dict[str, Profile]]:
    """Many universes of three to six people each, with none to 25 events, half of them on an edge."""
    dice = random.Random(20)
    events, people = [], {}
    for universe in range(UNIVERSES):
        names = [f"u{universe:02d}-{n}" for n in range(dice.randint(3, 6))]
        events += [_event(dice, names) for _ in range(dice.randint(0, 25))]
        known = [name for name in names if dice.random() < 0.7]
        people |= {n: Profile(dice.choice([None, 18, 44]), dice.choice([None, "Oslo", "Rome"])) for n in known}
    return events, people


def _event(dice: random.Random, names: Sequence[str]) -> Event:
    at = dice.choice(EDGES) if dice.random() < 0.5 else datetime(2026, 1, 5) + dice.randrange(24 * 22) * HOUR
    person = dice.choice(names)
    if dice.random() < 0.3:
        return Event(person, at, "letter", channel=dice.choice(["mail", "web", None]))
    amount, item = dice.choice([None, -2, 0, 3, 4, 10]), dice.choice(["x", "y", None])
    return Event(person, at, dice.choice(["buy", "look"]), amount, item)


# -- definitions --------------------------------------------------------------------------------------------------

CONDITIONS: dict[str, Callable[[Event], bool]] = {
    "true": lambda e: True,
    "kind = 'buy'": lambda e: e.kind == "buy",
    "kind = 'look'": lambda e: e.kind == "look",
    "kind <> 'look'": lambda e: e.kind != "look",
    "amount > 3": lambda e: e.amount is not None and e.amount > 3,
    "not (amount > 3)": lambda e: e.amount is not None and e.amount <= 3,
    "amount is null": lambda e: e.amount is None,
    "channel = 'mail'": lambda e: e.channel == "mail",
    "kind = 'buy' or channel = 'web'": lambda e: e.kind == "buy" or e.channel == "web",
    "item = 'x' and amount < 5": lambda e: e.item == "x" and e.amount is not None and e.amount < 5,
}
VALUES: dict[str, Callable[[Event], Any]] = {
    "amount": lambda e: e.amount,
    "amount * 2 - 1": lambda e: None if e.amount is None else e.amount * 2 - 1,
    "coalesce(amount, 1)": lambda e: 1 if e.amount is None else e.amount,
}
TEXTS: dict[str, Callable[[Event], Any]] = {
    "item": lambda e: e.item,
    "channel": lambda e: e.channel,
    "kind": lambda e: e.kind,
}
AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "count_distinct": lambda found: len(set(found)),
    "sum": sum,
    "avg": lambda found: sum(found) / len(found) if found else None,
    "min": lambda found: min(found, default=None),
    "max": lambda found: max(found, default=None),
}
ANYTHING = st.sampled_from(list(CONDITIONS))


@dataclass(frozen=True)
class Wanted:
    """An aggregate that a definition asks for."""

    kind: str
    of: str
    condition: str
    windows: list[str]

    def text(self) -> str:
        """The feature as the definition writes it."""
        value = f'"{self.of}"' if self.of else "true"
        windows = ", ".join(f'"{w}"' for w in self.windows)
        return f'{{ {self.kind} = {value}, where = "{self.condition}", windows = [{windows}] }}'

    def value(self, before: list[Event], cutoff: datetime, window: timedelta | None) -> Any:
        """What it is, from the events before *cutoff*."""
        recent = [e for e in before if window is None or e.at >= cutoff - window]
        mine = [e for e in recent if CONDITIONS[self.condition](e)]
        days = [(cutoff.date() - e.at.date()).days for e in mine]
        match self.kind:
            case "count":
                return len(mine)
            case "days_since_last":
                return min(days, default=None)
            case "days_since_first":
                return max(days, default=None)
        found = [(VALUES | TEXTS)[self.of](e) for e in mine]
        return AGGREGATES[self.kind]([value for value in found if value is not None])


PLAIN = st.tuples(st.sampled_from(["count", "days_since_last", "days_since_first"]), st.just(""))
NUMBERS = st.tuples(st.sampled_from(["sum", "avg", "min", "max"]), st.sampled_from(list(VALUES)))
OTHERS = st.tuples(st.sampled_from(["count_distinct", "min", "max"]), st.sampled_from(list(VALUES | TEXTS)))
SOME_WINDOWS = st.lists(st.sampled_from(list(WINDOWS)), min_size=1, max_size=3, unique=True)
WANTED = st.builds(
    lambda what, condition, windows: Wanted(*what, condition, windows), PLAIN | NUMBERS | OTHERS, ANYTHING, SOME_WINDOWS
)


@dataclass(frozen=True)
class Question:
    """A definition, as far as it differs from another one."""

    goal: str
    within: str
    eligible: str
    cutoffs: list[datetime]
    features: list[Wanted]

    def text(self) -> str:
        """The definition's file. Every one has a ratio of two counts, and the attributes."""
        lines = [f"f{n} = {wanted.text()}" for n, wanted in enumerate(self.features)]
        return f"""{SOURCES}
[goal]
event = "{self.goal}"
within = "{self.within}"
eligible = "{self.eligible}"

[cutoffs]
train = [2026-01-01]
test = 2026-02-01
score = 2026-02-01

[features]
events = {{ count = true }}
orders = {{ count = true, where = "amount > 3" }}
{chr(10).join(lines)}
ratio = {{ expression = "events / nullif(orders, 0)" }}
age = {{ attribute = "age" }}
town = {{ attribute = "city" }}
"""

    def rows(self, events: list[Event], people: dict[str, Profile]) -> list[dict[str, Any]]:
        """The reference: for each person and cutoff go through all of the person's events."""
        found = []
        for person in sorted({e.person for e in events}):
            mine = [e for e in events if e.person == person]
            for cutoff in self.cutoffs:
                before = [e for e in mine if e.at < cutoff]
                if not any(CONDITIONS[self.eligible](e) for e in before):
                    continue
                after = [e for e in mine if cutoff <= e.at < cutoff + HORIZONS[self.within]]
                label = int(any(CONDITIONS[self.goal](e) for e in after))
                row = {"entity_id": person, "cutoff": cutoff, "label": label}
                found.append(row | self._features(before, cutoff) | self._attributes(people.get(person)))
        return found

    def _features(self, before: list[Event], cutoff: datetime) -> dict[str, Any]:
        orders = sum(CONDITIONS["amount > 3"](e) for e in before)
        asked = [(n, wanted, w) for n, wanted in enumerate(self.features) for w in wanted.windows]
        values = {f"f{n}{SUFFIXES[w]}": wanted.value(before, cutoff, WINDOWS[w]) for n, wanted, w in asked}
        ratio = len(before) / orders if orders else None
        return {"events": len(before), "orders": orders, **values, "ratio": ratio}

    def _attributes(self, profile: Profile | None) -> dict[str, Any]:
        return {"age": profile and profile.age, "town": profile and profile.city}


QUESTIONS = st.builds(
    Question,
    goal=ANYTHING,
    within=st.sampled_from(list(HORIZONS)),
    eligible=ANYTHING,
    cutoffs=st.lists(st.sampled_from(CUTOFFS), min_size=1, max_size=3, unique=True).map(sorted),
    features=st.lists(WANTED, min_size=1, max_size=5),
)


# -- the platform -------------------------------------------------------------------------------------------------


class Shop:
    """The histories on a platform."""

    def __init__(self, aep: Client, folder: Path) -> None:
        self.aep, self.path = aep, folder / "shop.toml"
        self.events, self.people = histories()
        self._write(folder)
        first = self.definition(Question("true", "2 days", "true", CUTOFFS, []))
        loaded = {s.dataset: generate.load(aep, first, s, "k1", folder / "work") for s in first.sources}
        self.tables = {name: found.dataset.table for name, found in loaded.items()}

    def _write(self, folder: Path) -> None:
        orders, letters = ([e for e in self.events if (e.kind == "letter") is sent] for sent in (False, True))
        common = {"at": pa.timestamp("ms"), "kind": pa.string()}
        _parquet(folder / "orders.parquet", orders, common | {"amount": pa.int64(), "item": pa.string()}, "customer")
        _parquet(folder / "letters.parquet", letters, common | {"channel": pa.string()}, "person")
        names = pa.array(list(self.people), pa.string())
        ages, cities = (pa.array(values) for values in zip(*self.people.values(), strict=True))
        pq.write_table(pa.table({"customer": names, "age": ages, "city": cities}), folder / "people.parquet")

    def definition(self, question: Question) -> Definition:
        self.path.write_text(question.text())
        return Definition.load(self.path)

    def rows(self, question: Question, *, labelled: bool = True) -> list[dict[str, Any]]:
        """What the platform makes of a question."""
        definition = self.definition(question)
        text = training_set(definition, self.tables, self.aep.tenant, question.cutoffs, labelled=labelled)
        found = self.aep.sql(text).table().to_pylist()
        return sorted(found, key=lambda row: (row["entity_id"], row["cutoff"]))


def _parquet(path: Path, events: list[Event], columns: dict[str, pa.DataType], person: str) -> None:
    found = {name: pa.array([getattr(e, name) for e in events], kind) for name, kind in columns.items()}
    pq.write_table(pa.table({person: [e.person for e in events], **found}), path)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with embedded(tmp_path_factory.mktemp("home")) as client:
        yield Shop(client, tmp_path_factory.mktemp("files"))


def told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: round(v, 9) if isinstance(v, float) else v for k, v in row.items()} for row in rows]


EVERYTHING = [
    *(Wanted(kind, "", "true", list(WINDOWS)) for kind in ("count", "days_since_last", "days_since_first")),
    *(Wanted(kind, "amount", "kind = 'buy'", list(WINDOWS)) for kind in AGGREGATES),
]


@pytest.mark.parametrize("within", HORIZONS)
def test_every_kind_of_feature_is_that_of_the_reference(shop: Shop, within: str) -> None:
    question = Question("kind = 'buy'", within, "kind = 'look'", CUTOFFS, EVERYTHING)
    wanted = question.rows(shop.events, shop.people)
    assert {row["label"] for row in wanted} == {0, 1}
    assert told(shop.rows(question)) == told(wanted)


@FEW
@given(question=QUESTIONS)
def test_any_definition_gives_the_rows_of_the_reference(shop: Shop, question: Question) -> None:
    wanted = told(question.rows(shop.events, shop.people))
    assert told(shop.rows(question)) == wanted


@settings(FEW, max_examples=5)
@given(question=QUESTIONS)
def test_without_labels_nothing_else_changes(shop: Shop, question: Question) -> None:
    wanted = told(question.rows(shop.events, shop.people))
    assert told(shop.rows(question, labelled=False)) == [
        {name: value for name, value in row.items() if name != "label"} for row in wanted
    ]


def test_the_histories_stand_on_every_edge(shop: Shop) -> None:
    """What the other tests rest on: something happens at each cutoff, end of a label and beginning of a window."""
    moments = {e.at for e in shop.events}
    for cutoff, step in itertools.product(CUTOFFS, [*HORIZONS.values(), *(-w for w in WINDOWS.values() if w)]):
        assert {cutoff, cutoff + step} <= moments

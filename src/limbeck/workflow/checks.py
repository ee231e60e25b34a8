"""What a definition asks of its data: refused before anything is computed, or before anything is learnt from it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, time
from typing import TYPE_CHECKING, Any

from limbeck.client import Client
from limbeck.errors import DefinitionError, InvalidInput, SqlError
from limbeck.workflow.datasets import RESERVED_COLUMNS
from limbeck.workflow.definition import Definition
from limbeck.workflow.families import AGGREGATES, RESERVED, Feature
from limbeck.workflow.features import ends, training_set
from limbeck.workflow.featurize import MONITOR, SETS, FeatureSet, when
from limbeck.workflow.question import Span
from limbeck.workflow.relations import Tables, events
from limbeck.workflow.times import Duration

if TYPE_CHECKING:
    import pyarrow as pa

GOAL = "choose other cutoffs, a longer goal.within, or another goal.event"
LESS = ", or ask for less by goal.count and goal.value"


_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]\w*")
_BEYOND = frozenset({"select", "over", "with"})
_MARKS = (";", "--", "/*", "$$")
_UNSTEADY = re.compile(
    r"\b(?:(now|rand|randn|random|uuid|shuffle)\s*\(|(current_timestamp|current_date)\b|(unix_timestamp)\s*\(\s*\))",
    re.IGNORECASE,
)
"""Functions whose value another computation of the same set would not find again."""


def check_texts(definition: Definition) -> None:
    """Raise `DefinitionError` for an SQL text that is more than an expression over one event, or one row of features.

    A query inside it would read what the cutoff does not know; so would the columns that the SQL of features adds,
    whose names are refused however they are quoted, and the label. What chance or the clock says is refused, because
    a set that is computed again must be the same.
    """
    for text, place in definition.places.items():
        _check_text(text, place, "the columns of one event", RESERVED_COLUMNS - {"event_time"})
    for feature in definition.features:
        if feature.kind == "expression":
            _check_text(feature.of, definition.declared[feature.name], "features above", RESERVED - {"cutoff"})


def _check_text(text: str, place: str, over: str, taken: Collection[str]) -> None:
    bare = _QUOTED.sub("''", text)
    words = {word.lower() for word in _WORD.findall(bare)}
    if words & _BEYOND or any(mark in bare for mark in _MARKS):
        wanted = f"an expression over {over}: a query or a window would read what is not known at the cutoff"
        raise DefinitionError(f"{place} is {text!r}; wanted is {wanted}")
    if names := words & set(taken):
        raise DefinitionError(
            f"{place} is {text!r}; wanted is an expression over {over}: {min(names)} is none of them, and not to be "
            "used there"
        )
    if found := _UNSTEADY.search(bare):
        name = next(filter(None, found.groups()))
        raise DefinitionError(
            f"{place} is {text!r}; wanted is an expression over {over} alone: {name} says something else each time, "
            "and a set that is computed again must be the same; compare with a date, or use windows"
        )


@contextmanager
def conditions_named(client: Client, definition: Definition, tables: Tables) -> Iterator[None]:
    """Turn an SQL error of the block into a `DefinitionError` that names the key whose text is wrong, if one is."""
    check_texts(definition)
    try:
        yield
    except SqlError as error:
        for place, found, text in _trials(client, definition, tables):
            try:
                client.sql(text).table()
            except SqlError as wrong:
                raise DefinitionError(f"{place} {found}: {wrong}") from error
        raise


def _trials(client: Client, definition: Definition, tables: Tables) -> Iterator[tuple[str, str, str]]:
    """Yield, for each SQL text of the definition, its place, what it is, and a statement that fails if it is wrong."""
    relation = f"(\n    {events(definition, tables, client.tenant)}\n) AS events"
    for text, place in definition.places.items():
        yield place, f"is {text!r}", f"SELECT count(CASE WHEN true THEN {text}\nEND) FROM {relation} LIMIT 0"
    for condition in definition.conditions:
        place = definition.places[condition]
        found = f"is {condition!r}, which is no condition"
        yield place, found, f"SELECT count(CASE WHEN true AND ({condition}) THEN 1 END) FROM {relation} LIMIT 0"
    for feature in definition.features:
        place = definition.declared[feature.name]
        yield place, f"is called {feature.name!r}, which SQL takes for something else", f"SELECT 1 AS {feature.name}"
    computed = tuple(feature for feature in definition.features if feature.kind != "expression")
    for feature in definition.features:
        if feature.kind == "expression":
            so_far = replace(definition, features=(*computed, feature))
            yield (
                definition.declared[feature.name],
                f"is {feature.of!r}",
                f"{training_set(so_far, tables, client.tenant, when(definition, 'score'), labelled=False)}\nLIMIT 0",
            )
            computed = so_far.features


def check(client: Client, definition: Definition, tables: Tables) -> None:
    """Raise `InvalidInput` if a cutoff or a window lies outside the events, or nobody reaches the goal."""
    first, last = _span(client, definition, tables)
    for name in SETS:
        _check_cutoffs(definition, name, first, last)
    _check_windows(definition, first)
    if definition.goal.until:
        begin = definition.cutoffs.test[0]
        told = f"when the test begins on {begin:%Y-%m-%d}; let cutoffs.train.until be earlier"
        _check_ends(client, definition, tables, "train", begin, told)
        _check_ends(client, definition, tables, "test", _end_of_day(last), f"yet: {_reach(first, last)}")


def check_outcome(client: Client, definition: Definition, tables: Tables) -> None:
    """Raise `InvalidInput` if what came of the scoring cutoff is not known yet, or nothing was known at it."""
    first, last = _span(client, definition, tables)
    _check_cutoffs(definition, MONITOR, first, last)
    if definition.goal.until:
        _check_ends(client, definition, tables, MONITOR, _end_of_day(last), f"yet: {_reach(first, last)}")


def _span(client: Client, definition: Definition, tables: Tables) -> tuple[datetime, datetime]:
    """Return the times of the first and of the last event, among which some reach the goal."""
    relation = events(definition, tables, client.tenant)
    goal = f"count(CASE WHEN {definition.goal.event} THEN 1 END)"
    asked = (
        f"SELECT min(event_time) AS first, max(event_time) AS last, {goal} AS goals FROM (\n    {relation}\n) AS events"
    )
    (found,) = client.sql(asked).table().to_pylist()
    if found["first"] is None:
        raise InvalidInput("the event datasets are empty; there is nothing to learn from")
    if found["goals"] == 0:
        raise InvalidInput(f"no event satisfies goal.event, {definition.goal.event!r}: nobody ever reaches the goal")
    return found["first"], found["last"]


def _reach(first: datetime, last: datetime) -> str:
    return f"the events reach from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"


def _end_of_day(moment: datetime) -> datetime:
    return datetime.combine(moment, time.max)


def _place(name: str) -> str:
    return "the cutoff to look back to" if name == MONITOR else f"cutoffs.{name}"


def _check_cutoffs(definition: Definition, name: str, first: datetime, last: datetime) -> None:
    reach = _reach(first, last)
    for cutoff in _cutoffs(definition, name):
        until, place = definition.label_end(cutoff), f"{_place(name)} is {cutoff:%Y-%m-%d}"
        if cutoff <= first:
            raise InvalidInput(f"{place}, before which nothing happened: {reach}")
        if cutoff > last and name != "score":
            raise InvalidInput(f"{place}, after which nothing happened: {reach}")
        if until is not None and until.date() > last.date() and name != "score":
            raise InvalidInput(f"{place}: its label is known on {until:%Y-%m-%d} only, and {reach}")


def _cutoffs(definition: Definition, name: str) -> Sequence[datetime]:
    """Return each cutoff of a set; of pairs, the last moment of their span."""
    asked = when(definition, name)
    return [asked.until] if isinstance(asked, Span) else asked


def _check_ends(client: Client, definition: Definition, tables: Tables, name: str, by: datetime, told: str) -> None:
    """Refuse pairs of a set of which it is not told when the goal's time is over, or not known *by* then what came."""
    asked = when(definition, name)
    assert isinstance(asked, Span)  # only pairs have ends of their own
    (found,) = client.sql(ends(definition, tables, client.tenant, asked, by)).table().to_pylist()
    until, pairs = definition.goal.until, found["pairs"]
    if found["untold"]:
        raise InvalidInput(
            f"goal.until is {until!r}, which is missing in the event that pairs {found['untold']:,} of the {pairs:,} "
            f"pairs of {_place(name)}; leave such events out of entity.where"
        )
    if found["open"]:
        raise InvalidInput(
            f"{_place(name)}: the label of {found['open']:,} of its {pairs:,} pairs, the last one on "
            f"{found['last']:%Y-%m-%d}, is not known {told}"
        )


def _check_windows(definition: Definition, first: datetime) -> None:
    latest = max(moment for name in SETS for moment in _cutoffs(definition, name))
    days = (latest - first).days

    def check(place: str, back: Duration, told: str, wanted: str) -> None:
        if back.before(latest, definition.cutoffs.clock) < first:
            raise InvalidInput(
                f"{place} looks back {told}, but the events begin on {first:%Y-%m-%d}, {days} days before the last "
                f"cutoff; {wanted}"
            )

    if (back := definition.goal.eligible_within) is not None:
        check("goal.eligible_within", back, str(back), "choose a shorter time, or leave it out for ever")
    for feature in definition.features:
        if feature.window is not None:
            twice = feature.kind == "trend"
            told = f"{feature.window}{' and as long before it' if twice else ''}"
            whole = feature.window * (2 if twice else 1)
            check(definition.declared[feature.name], whole, told, "choose shorter windows, or 'ever'")


def check_sets(client: Client, definition: Definition, tables: Tables, sets: Mapping[str, FeatureSet]) -> None:
    """Raise `InvalidInput` if a set is empty, its labels are all the same, or a feature tells nothing."""
    for name, found in sets.items():
        if found.rows == 0:
            asked = "goal.eligible asks" + (" or goal.excluded takes out" if definition.goal.excluded else "")
            raise InvalidInput(f"nobody is eligible at cutoffs.{name}; {asked} too much, or the cutoff is early")
        if found.positives is not None and found.positives in (0, found.rows):
            who = "nobody reaches" if found.positives == 0 else "everybody reaches"
            told = f"{who} the goal within its time after cutoffs.{name}"
            less = LESS if found.positives == 0 and (definition.goal.count > 1 or definition.goal.value) else ""
            raise InvalidInput(f"{told}: with one label only there is nothing to learn; {GOAL}{less}")
    _check_features(client, definition, tables, sets["train"])


def _check_features(client: Client, definition: Definition, tables: Tables, found: FeatureSet) -> None:
    import pyarrow.parquet as pq

    for feature in definition.features:
        values: set[Any] = set()
        for file in found.files:
            values |= _values(pq.read_table(file, columns=[feature.name])[feature.name])
        if len(values) == 1:
            raise InvalidInput(_useless(client, definition, tables, feature, values.pop()))


def _values(column: pa.ChunkedArray) -> set[Any]:
    """Return up to two different values of a column, one of which may be None."""
    import pyarrow.compute as pc

    some = set() if column.null_count == 0 else {None}
    if column.null_count < len(column):
        some |= set(pc.min_max(column).as_py().values())
    return some


def _useless(client: Client, definition: Definition, tables: Tables, feature: Feature, value: Any) -> str:
    place = definition.declared[feature.name]
    told = "is missing for everybody" if value is None else f"is {value!r} for everybody"
    message = f"{place}: the feature {feature.name} {told} in the training set, so nothing can be learnt from it"
    if feature.kind in AGGREGATES:
        relation = events(definition, tables, client.tenant)
        asked = f"SELECT min(event_time) FROM (\n    {relation}\n) AS events WHERE {feature.condition}"
        first, last = client.sql(asked).scalar(), max(definition.cutoffs.train)
        if first is None:
            return f"{message}: no event satisfies {feature.condition!r}"
        if first >= last and definition.cutoffs.spans is None:
            return f"{message}: its events begin on {first:%Y-%m-%d}, after the last training cutoff, {last:%Y-%m-%d}"
    return f"{message}; take it out, or widen its condition or windows"

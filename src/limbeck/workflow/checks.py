"""What a definition asks of its data: refused before anything is computed, or before anything is learnt from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from limbeck.client import Client
from limbeck.errors import DefinitionError, InvalidInput, SqlError
from limbeck.workflow.definition import RESERVED_COLUMNS, Definition
from limbeck.workflow.families import AGGREGATES, Feature
from limbeck.workflow.features import Tables, events
from limbeck.workflow.featurize import SETS, FeatureSet, when
from limbeck.workflow.question import Span

if TYPE_CHECKING:
    import pyarrow as pa

GOAL = "choose other cutoffs, a longer goal.within, or another goal.event"


_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]\w*")
_BEYOND = frozenset({"select", "over", "with"})
_MARKS = (";", "--", "/*", "$$")


def check_texts(definition: Definition) -> None:
    """Raise `DefinitionError` for an SQL text that is more than an expression over one event.

    A query inside it would read what the cutoff does not know; so would the columns that the SQL of features adds,
    whose names are refused however they are quoted.
    """
    for text, place in definition.places.items():
        bare = _QUOTED.sub("''", text)
        words = {word.lower() for word in _WORD.findall(bare)}
        if words & _BEYOND or any(mark in bare for mark in _MARKS):
            wanted = "an expression over the columns of one event: a query or a window would read what is not known"
            raise DefinitionError(f"{place} is {text!r}; wanted is {wanted} at the cutoff")
        if names := words & (RESERVED_COLUMNS - {"event_time"}):
            raise DefinitionError(
                f"{place} is {text!r}; {min(names)} is no column of an event, and not to be used there"
            )


@contextmanager
def conditions_named(client: Client, definition: Definition, tables: Tables) -> Iterator[None]:
    """Turn an SQL error of the block into a `DefinitionError` that names the key whose text is wrong, if one is."""
    check_texts(definition)
    try:
        yield
    except SqlError as error:
        relation = events(definition, tables, client.tenant)
        for text, place in definition.places.items():
            try:
                client.sql(f"SELECT {text} FROM (\n    {relation}\n) AS events LIMIT 0").table()
            except SqlError as wrong:
                raise DefinitionError(f"{place} is {text!r}: {wrong}") from error
        raise


def check(client: Client, definition: Definition, tables: Tables) -> None:
    """Raise `InvalidInput` if a cutoff or a window lies outside the events, or nobody reaches the goal."""
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
    _check_cutoffs(definition, found["first"], found["last"])
    _check_windows(definition, found["first"])


def _check_cutoffs(definition: Definition, first: datetime, last: datetime) -> None:
    span = f"the events reach from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
    for name, cutoff in _cutoffs(definition):
        until = definition.label_end(cutoff)
        if cutoff <= first:
            raise InvalidInput(f"cutoffs.{name} is {cutoff:%Y-%m-%d}, before which nothing happened: {span}")
        if cutoff > last and name != "score":
            raise InvalidInput(f"cutoffs.{name} is {cutoff:%Y-%m-%d}, after which nothing happened: {span}")
        if until is not None and until.date() > last.date() and name != "score":
            told = f"its label is known on {until:%Y-%m-%d} only, and {span}"
            raise InvalidInput(f"cutoffs.{name} is {cutoff:%Y-%m-%d}: {told}")


def _cutoffs(definition: Definition) -> Iterator[tuple[str, datetime]]:
    """Yield each cutoff of each set; of pairs, the last moment of their span."""
    for name in SETS:
        asked = when(definition, name)
        yield from ((name, moment) for moment in ([asked.until] if isinstance(asked, Span) else asked))


def _check_windows(definition: Definition, first: datetime) -> None:
    latest = max(moment for _, moment in _cutoffs(definition))
    for feature in definition.features:
        if feature.window is None:
            continue
        back = feature.window * (2 if feature.kind == "trend" else 1)
        if back.before(latest, definition.cutoffs.clock) < first:
            days = (latest - first).days
            both = " and as long before it" if feature.kind == "trend" else ""
            raise InvalidInput(
                f"{definition.declared[feature.name]} looks back {feature.window}{both}, but the events begin on "
                f"{first:%Y-%m-%d}, {days} days before the last cutoff; choose shorter windows, or 'ever'"
            )


def check_sets(client: Client, definition: Definition, tables: Tables, sets: Mapping[str, FeatureSet]) -> None:
    """Raise `InvalidInput` if a set is empty, its labels are all the same, or a feature tells nothing."""
    for name, found in sets.items():
        if found.rows == 0:
            raise InvalidInput(
                f"nobody is eligible at cutoffs.{name}; goal.eligible asks too much, or the cutoff is early"
            )
        if found.positives is not None and found.positives in (0, found.rows):
            who = "nobody reaches" if found.positives == 0 else "everybody reaches"
            told = f"{who} the goal within its time after cutoffs.{name}"
            raise InvalidInput(f"{told}: with one label only there is nothing to learn; {GOAL}")
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

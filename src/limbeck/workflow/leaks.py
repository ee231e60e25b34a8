"""What the platform's SQL adds to the search for leaks: the same features as they were earlier, and without late rows.

Nothing is computed unless a training set is under suspicion (`propensity.leaks`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import md5
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.types as pt

from limbeck.client import Client
from limbeck.propensity import frames
from limbeck.workflow.datasets import TIMESTAMP, Column, Source
from limbeck.workflow.definition import Definition
from limbeck.workflow.features import When, training_set
from limbeck.workflow.featurize import when
from limbeck.workflow.names import quoted
from limbeck.workflow.question import Span
from limbeck.workflow.relations import Tables, events, field
from limbeck.workflow.train import Witnesses

if TYPE_CHECKING:
    import pandas as pd

TIMES = 2
"""Horizons that features are taken back."""
ROWS = 20_000
"""Of the training set, at most about so many are computed once more."""
STAMPED = 0.99
"""Share of the rows whose stamp is not before the event, if it says when they arrived."""
GRACE = timedelta(days=2)
"""How much later than the last event a row may have arrived, and the column is not of plans."""


def witnesses(client: Client, definition: Definition, tables: Tables, scoring: Sequence[Path]) -> Witnesses:
    """Return what bears witness against a definition's training set; *scoring* are the files of the scoring set."""
    return Witnesses(
        scoring=scoring,
        aged=partial(aged, client, definition, tables),
        arrived=partial(arrived, client, definition, tables),
        last=partial(last, client, definition, tables),
    )


def last(client: Client, definition: Definition, tables: Tables) -> bool:
    """Return whether the data end at the scoring cutoff; of pairs that is not known."""
    moments = when(definition, "score")
    if isinstance(moments, Span):
        return False
    newest = _newest(client, definition, tables)
    return newest.replace(tzinfo=None) <= max(moments).replace(tzinfo=None) + GRACE


def aged(client: Client, definition: Definition, tables: Tables, known: pd.DataFrame) -> list[pd.DataFrame]:
    """Return rows of the training set with the features of one horizon earlier, and of two; none for pairs.

    A person who was not eligible then has none. Of many rows, those of some people are computed.
    """
    moments, within = when(definition, "train"), definition.goal.within
    if isinstance(moments, Span) or within is None:
        return []
    clock, some, found = definition.cutoffs.clock, _Some(known), []
    for times in range(1, TIMES + 1):
        earlier = {moment: (within * times).before(moment, clock) for moment in moments}
        then = some.rows[["entity_id", "cutoff", "label"]].assign(then=some.rows["cutoff"].map(earlier))
        rows = some.computed(client, definition, tables, list(earlier.values())).rename(columns={"cutoff": "then"})
        found.append(then.merge(rows, on=["entity_id", "then"], how="left").drop(columns="then"))
    return found


def arrived(client: Client, definition: Definition, tables: Tables, known: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return rows of the training set as they were if a column said when rows arrived, for each column that may.

    Such a column holds times, which are never before the event and not in the future, of a source whose `arrival` is
    not given. Of many rows, those of some people are computed.
    """
    keys, some, found = list(definition.row_columns), _Some(known), {}
    for source, column in _stamps(client, definition, tables):
        late = replace(source, arrival=column.name)
        changed = replace(definition, sources=tuple(late if s is source else s for s in definition.sources))
        rows = some.computed(client, changed, tables, when(definition, "train"))
        found[f"{column.name} of {source.dataset}"] = some.rows[[*keys, "label"]].merge(rows, on=keys, how="left")
    return found


class _Some:
    """So many people of a training set that their rows can be brought here."""

    def __init__(self, known: pd.DataFrame) -> None:
        self._every = ceil(len(known) / ROWS)
        """Of so many people one is taken: by a hash that SQL has too."""
        chosen = [int(md5(who.encode()).hexdigest()[:8], 16) % self._every == 0 for who in known["entity_id"]]
        self.rows = known[chosen]

    def computed(self, client: Client, definition: Definition, tables: Tables, moments: When) -> pd.DataFrame:
        """Return the features of these people at other cutoffs."""
        drawn = definition.cutoffs.drawn
        text = training_set(definition, tables, client.tenant, moments, labelled=False, drawn=drawn)
        if self._every > 1:
            chosen = f"CAST(conv(substr(md5(entity_id), 1, 8), 16, 10) AS BIGINT) % {self._every} = 0"
            text = f"SELECT * FROM (\n{text}\n) AS everybody WHERE {chosen}"
        return frames.framed(client.sql(text).table())


def _stamps(client: Client, definition: Definition, tables: Tables) -> Iterator[tuple[Source, Column]]:
    """Yield the columns that may say when a row of events arrived."""
    if any(feature.kind == "gap_last" for feature in definition.features):
        return  # it does not go together with late rows
    newest = _newest(client, definition, tables)
    for source in definition.event_sources:
        if source.arrival is None:
            yield from ((source, column) for column in _times(client, source, tables[source.dataset], newest))


def _newest(client: Client, definition: Definition, tables: Tables) -> datetime:
    """Return the time of the last event."""
    relation = events(definition, tables, client.tenant)
    found: datetime = client.sql(f"SELECT max(event_time) AS last FROM ({relation}) AS events").scalar()
    return found


def _times(client: Client, source: Source, table: str, newest: datetime) -> Iterator[Column]:
    """Yield the columns of a source that hold times which are not before the event, and not after the *newest* one."""
    columns = {column.name: field(column, client.tenant) for column in source.columns}
    selected = ", ".join(f"{text} AS {quoted(name)}" for name, text in columns.items())
    schema = client.sql(f"SELECT {selected} FROM {quoted(table)} LIMIT 0").table().schema
    happened = next(columns[c.name] for c in source.columns if c.path == TIMESTAMP)
    for column in source.columns:
        if column.path == TIMESTAMP or not pt.is_timestamp(schema.field(column.name).type):
            continue
        stamp = columns[column.name]
        counted = ", ".join(
            [
                f"count({stamp}) AS given",
                f"count(CASE WHEN {stamp} >= {happened} THEN 1 END) AS following",
                f"count(CASE WHEN {stamp} > {happened} THEN 1 END) AS late",
                f"max({stamp}) AS newest",
            ]
        )
        (row,) = client.sql(f"SELECT {counted} FROM {quoted(table)}").table().to_pylist()
        if row["late"] and row["following"] >= STAMPED * row["given"] and row["newest"] <= newest + GRACE:
            yield column

"""Step 2b: labels and features as tables of the platform, and their rows as Parquet files for any ML tool."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from limbeck.client import Client, Dataset
from limbeck.errors import DuplicateTable, Internal, InvalidInput, SnapshotExpired
from limbeck.workflow.definition import Definition
from limbeck.workflow.features import Earlier, When, gone, training_set
from limbeck.workflow.names import literal_text, quoted
from limbeck.workflow.question import Span
from limbeck.workflow.relations import Tables

SETS = ("train", "test", "score")
MONITOR = "monitor"
"""The scoring set of a past cutoff, with the label that has come of it."""


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """One of `SETS`, or `MONITOR`: the table it was computed into, and its rows here."""

    name: str
    dataset: Dataset
    files: tuple[Path, ...]
    rows: int
    positives: int | None
    """Rows with label 1; None for the scoring set, which has no label."""


def when(definition: Definition, name: str) -> When:
    """Return the cutoffs of a set, or when its pairs were paired."""
    found, name = definition.cutoffs, "score" if name == MONITOR else name
    if found.spans is not None:
        return found.spans[name]
    return {"train": found.train, "test": found.test, "score": (found.score,)}[name]


def scored_at(definition: Definition, moment: datetime | Span | None) -> Definition:
    """Return *definition* with another scoring cutoff, in UTC unless it says; None leaves it as it is.

    Of pairs it is the `Span` in which they were paired. Raise `InvalidInput` for a moment where pairs are asked about,
    or a span where persons are.
    """
    if moment is None:
        return definition
    cutoffs = definition.cutoffs
    if isinstance(moment, Span) != (cutoffs.spans is not None):
        wanted = "a Span of when pairs were paired" if cutoffs.spans else "a single moment, for persons are asked about"
        raise InvalidInput(f"the cutoff to look back to is {moment!r}; wanted is {wanted}")
    if isinstance(moment, Span):
        found = Span(_plain(moment.first), _plain(moment.until))
        return replace(
            definition, cutoffs=replace(cutoffs, score=found.first, spans={**(cutoffs.spans or {}), "score": found})
        )
    return replace(definition, cutoffs=replace(cutoffs, score=_plain(moment)))


def _plain(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def table_name(definition: Definition, name: str, key: str) -> str:
    """Return the table of a set: it carries the key, so an existing one needs no look inside."""
    return f"{definition.name}_{name}_{key}"


def statement(
    definition: Definition,
    tables: Tables,
    tenant: str,
    name: str,
    key: str,
    *,
    told: bool = False,
    earlier: Earlier | None = None,
) -> str:
    """Return the statement that computes a set; with *told*, each of its steps has a comment."""
    select = training_set(
        definition,
        tables,
        tenant,
        when(definition, name),
        labelled=name != "score",
        drawn=name == "train" and definition.cutoffs.drawn,
        told=told,
        earlier=earlier,
    )
    return f"CREATE TABLE {quoted(table_name(definition, name, key))} AS\n{select}"


def snapshots(client: Client, tables: Tables) -> dict[str, int]:
    """Return the id of each table's newest snapshot, by dataset; 0 for one that is empty."""
    text = "SELECT snapshot_id FROM (SELECT history_meta({})) WHERE is_current"
    found = {name: client.sql(text.format(literal_text(table))).table().to_pylist() for name, table in tables.items()}
    return {name: int(rows[0]["snapshot_id"]) if rows else 0 for name, rows in found.items()}


def shrunk(client: Client, tables: Tables, earlier: Earlier) -> set[str]:
    """Return the datasets from which rows were taken out since the snapshots of *earlier*."""
    counted = client.sql(gone(tables, earlier.snapshots)).table().to_pylist()
    return {row["dataset"] for row in counted if row["gone"] != 0}


def compute(
    client: Client, definition: Definition, tables: Tables, name: str, key: str, earlier: Earlier | None = None
) -> Dataset:
    """Return the dataset of a set, computed now if it does not exist: from *earlier*, if its snapshots are kept."""
    table = table_name(definition, name, key)
    found = client.dataset(table)
    if found is None:
        with suppress(DuplicateTable):  # another run of the same definition was quicker
            try:
                known = None if earlier is None else replace(earlier, shrunk=shrunk(client, tables, earlier))
                client.sql(statement(definition, tables, client.tenant, name, key, earlier=known)).table()
            except SnapshotExpired:
                client.sql(statement(definition, tables, client.tenant, name, key)).table()
        found = client.dataset(table)
    if found is None:
        raise Internal(f"the table {table} was made, but is not listed")
    return found


def describe(name: str, dataset: Dataset, files: Sequence[Path]) -> FeatureSet:
    """Count the rows of a set."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    rows = sum(pq.read_metadata(f).num_rows for f in files)
    labels = [pq.read_table(f, columns=["label"])["label"] for f in files] if name != "score" else None
    positives = None if labels is None else sum(int(pc.sum(column).as_py() or 0) for column in labels)
    return FeatureSet(name, dataset, tuple(files), rows, positives)

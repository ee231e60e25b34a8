"""Step 2b: labels and features as tables of the platform, and their rows as Parquet files for any ML tool."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from limbeck.client import Client, Dataset
from limbeck.errors import DuplicateTable, Internal
from limbeck.workflow.definition import Definition
from limbeck.workflow.features import Tables, When, training_set
from limbeck.workflow.names import quoted

SETS = ("train", "test", "score")


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """One of `SETS`: the table it was computed into, and its rows here."""

    name: str
    dataset: Dataset
    files: tuple[Path, ...]
    rows: int
    positives: int | None
    """Rows with label 1; None for the scoring set, which has no label."""


def when(definition: Definition, name: str) -> When:
    """Return the cutoffs of a set, or when its pairs were paired."""
    found = definition.cutoffs
    if found.spans is not None:
        return found.spans[name]
    return {"train": found.train, "test": (found.test,), "score": (found.score,)}[name]


def table_name(definition: Definition, name: str, key: str) -> str:
    """Return the table of a set: it carries the key, so an existing one needs no look inside."""
    return f"{definition.name}_{name}_{key}"


def statement(definition: Definition, tables: Tables, tenant: str, name: str, key: str, *, told: bool = False) -> str:
    """Return the statement that computes a set; with *told*, each of its steps has a comment."""
    select = training_set(
        definition,
        tables,
        tenant,
        when(definition, name),
        labelled=name != "score",
        drawn=name == "train" and definition.cutoffs.drawn,
        told=told,
    )
    return f"CREATE TABLE {quoted(table_name(definition, name, key))} AS\n{select}"


def compute(client: Client, definition: Definition, tables: Tables, name: str, key: str) -> Dataset:
    """Return the dataset of a set, computed now if it does not exist."""
    table = table_name(definition, name, key)
    found = client.dataset(table)
    if found is None:
        with suppress(DuplicateTable):  # another run of the same definition was quicker
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

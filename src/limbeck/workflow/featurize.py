"""Step 2b: labels and features as tables of the platform, and their rows as Parquet files for any ML tool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from limbeck.client import Client, Dataset
from limbeck.errors import DefinitionError, DuplicateTable, Internal, InvalidInput, SqlError
from limbeck.workflow.definition import Definition
from limbeck.workflow.features import Tables, events, quoted, training_set

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


def cutoffs(definition: Definition, name: str) -> Sequence[datetime]:
    """Return the cutoffs of a set."""
    found = definition.cutoffs
    return {"train": found.train, "test": (found.test,), "score": (found.score,)}[name]


def table_name(definition: Definition, name: str, key: str) -> str:
    """Return the table of a set: it carries the key, so an existing one needs no look inside."""
    return f"{definition.name}_{name}_{key}"


def statement(definition: Definition, tables: Tables, tenant: str, name: str, key: str) -> str:
    """Return the statement that computes a set."""
    select = training_set(definition, tables, tenant, cutoffs(definition, name), labelled=name != "score")
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


@contextmanager
def conditions_named(client: Client, definition: Definition, tables: Tables) -> Iterator[None]:
    """Turn an SQL error of the block into a `DefinitionError` that names the key whose text is wrong, if one is."""
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
    """Raise `InvalidInput` if a cutoff lies outside the events, or nobody reaches the goal."""
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


def _check_cutoffs(definition: Definition, first: datetime, last: datetime) -> None:
    span = f"the events reach from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
    for name in SETS:
        for cutoff in cutoffs(definition, name):
            until = cutoff if name == "score" else cutoff + definition.goal.within
            if cutoff <= first:
                raise InvalidInput(f"cutoffs.{name} is {cutoff:%Y-%m-%d}, before which nothing happened: {span}")
            if cutoff > last and name != "score":
                raise InvalidInput(f"cutoffs.{name} is {cutoff:%Y-%m-%d}, after which nothing happened: {span}")
            if until.date() > last.date() and name != "score":
                told = f"its label is known on {until:%Y-%m-%d} only, and {span}"
                raise InvalidInput(f"cutoffs.{name} is {cutoff:%Y-%m-%d}: {told}")


def check_labels(sets: Mapping[str, FeatureSet]) -> None:
    """Raise `InvalidInput` if a set is empty, or its labels are all the same."""
    for name, found in sets.items():
        if found.rows == 0:
            raise InvalidInput(
                f"nobody is eligible at cutoffs.{name}; goal.eligible asks too much, or the cutoff is early"
            )
        if found.positives is not None and found.positives in (0, found.rows):
            who = "nobody reaches" if found.positives == 0 else "everybody reaches"
            raise InvalidInput(
                f"{who} the goal within its time after cutoffs.{name}: with one label only there is nothing to learn; "
                "choose other cutoffs, a longer goal.within, or another goal.event"
            )

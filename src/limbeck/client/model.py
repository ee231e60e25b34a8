"""What the client hands out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from limbeck.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema as the registry knows it."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset as Catalog knows it."""

    id: str
    name: str
    table: str
    """Its name in SQL."""
    version: str
    """Changes with every snapshot."""
    tags: Mapping[str, Sequence[str]]
    rows: int | None = None
    bytes: int | None = None
    """What its current version holds, and takes as files; None where Catalog does not tell."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch and how far it has come."""

    id: str
    dataset_id: str
    status: str
    rows: int
    errors: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class FlowRun:
    """One pass of a flow, and what it wrote once it has ended."""

    id: str
    status: str
    """`inProgress` until it ends, then `success` or `failed`."""
    rows: int
    bytes: int
    files: int
    errors: Sequence[Mapping[str, Any]]
    """`code` and `message`: what failed it, or what a run that is good has to say about files it left."""
    created: datetime
    started: datetime | None
    completed: datetime | None


@dataclass(frozen=True, slots=True)
class QueryRun:
    """A query that runs, or ran, as a job."""

    id: str
    state: str
    """`SUBMITTED`, `IN_PROGRESS`, then `SUCCESS`, `FAILED` or `KILLED`."""
    sql: str
    """The text that is run, parameters filled in."""
    rows: int
    errors: Sequence[Mapping[str, Any]]
    elapsed_ms: int


class Rows:
    """The result of a statement: its schema and a stream of Arrow batches, to be read once."""

    def __init__(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        self.schema = schema
        self._batches = batches

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self._batches

    def table(self) -> pa.Table:
        """Read all rows into an Arrow table."""
        return pa.Table.from_batches(self._batches, self.schema)

    def to_pandas(self) -> Any:
        """Read all rows into a pandas data frame."""
        return self.table().to_pandas()

    def scalar(self) -> Any:
        """Return the only value of a result with one row and one column; raise `InvalidInput` otherwise."""
        table = self.table()
        if (table.num_rows, table.num_columns) != (1, 1):
            raise InvalidInput(f"the result has {table.num_rows} rows and {table.num_columns} columns, not one value")
        return table.column(0)[0].as_py()

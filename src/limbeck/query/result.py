"""What a statement gives back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.types as pt

WIRE_TYPE = b"pg_type"
"""Under this key the metadata of a column has PostgreSQL's type, where that does not follow from the column's own."""


class Result:
    """Typed columns and a stream of rows, to be read once and closed: until then the engine waits with it."""

    def __init__(
        self,
        schema: pa.Schema,
        batches: Iterable[pa.RecordBatch],
        resources: ExitStack | None = None,
        cap: int | None = None,
    ) -> None:
        self.schema = presented(schema)
        self.capped = False
        """Whether rows were cut off at the cap; known when the rows have been read."""
        self._batches = iter(batches)
        self._resources = resources or ExitStack()
        self._cap = cap
        self.command = ""
        """What PostgreSQL's clients are told the statement was; the kind's own word where it is empty."""
        self.affected: int | None = None
        """How many rows a statement has written that is told by their number."""

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[str | int]]) -> Result:
        """Return a result of a few rows that are known already."""
        batch = pa.RecordBatch.from_pydict(dict(columns))
        return cls(batch.schema, [batch])

    @classmethod
    def texts(cls, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Result:
        """Return a result of columns that are texts, row by row."""
        schema = text_columns(columns)
        cells = [pa.array([row[n] for row in rows], pa.string()) for n, _ in enumerate(columns)]
        return cls(schema, [pa.RecordBatch.from_arrays(cells, schema=schema)])

    @classmethod
    def nothing(cls) -> Result:
        """Return the result of a statement that gives no columns."""
        return cls(pa.schema([]), [])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows, no more of them than the cap."""
        left = self._cap
        for batch in self._batches:
            batch = batch if batch.schema.equals(self.schema) else _cast(batch, self.schema)
            if left is None:
                yield batch
                continue
            if batch.num_rows > left:
                self.capped = True
                batch = batch.slice(0, left)
            left -= batch.num_rows
            if batch.num_rows:
                yield batch
            if self.capped:
                return

    def close(self) -> None:
        """Give back what the statement held; further calls do nothing."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def text_columns(names: Iterable[str]) -> pa.Schema:
    """Return the columns of a result of texts."""
    return pa.schema([(name, pa.string()) for name in names])


def presented(schema: pa.Schema) -> pa.Schema:
    """Return *schema* with the engine's own types as the dialect's.

    Sums of integers are bigint; a timestamp holds UTC without a zone, in milliseconds (SQL contract, section 5.1).
    """
    return pa.schema([pa.field(f.name, _presented(f.type), metadata=f.metadata) for f in schema])


def _presented(kind: pa.DataType) -> pa.DataType:
    if pt.is_decimal(kind) and (kind.precision, kind.scale) == (38, 0):
        return pa.int64()
    if pt.is_timestamp(kind):
        return pa.timestamp("ms")
    if pt.is_struct(kind):
        return pa.struct([pa.field(f.name, _presented(f.type)) for f in kind])
    if pt.is_list(kind):
        return pa.list_(_presented(kind.value_type))
    if pt.is_map(kind):
        return pa.map_(kind.key_type, _presented(kind.item_type))
    return kind


def _cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    pairs = zip(batch.columns, schema.types, strict=True)
    columns = [c if c.type == kind else c.cast(kind, safe=False) for c, kind in pairs]
    return pa.RecordBatch.from_arrays(columns, schema=schema)

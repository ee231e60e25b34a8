"""What a statement answers: columns, rows as they come, and the words at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa

from limbeck.query.service import Result
from limbeck.query.spool import Spool

SetAside = Callable[[pa.Schema, Iterable[pa.RecordBatch]], Spool]
"""Writes rows to a file."""

_COUNTED = frozenset({"SELECT", "FETCH", "MOVE", "COPY"})


class Answer:
    """Rows that are taken in portions; `schema` is None where a statement gives none."""

    def __init__(
        self,
        tag: str,
        schema: pa.Schema | None = None,
        batches: Iterable[pa.RecordBatch] = (),
        close: Callable[[], None] = lambda: None,
        capped: Callable[[], bool] = lambda: False,
        sent: int = 0,
        binary: bool = False,
    ) -> None:
        self.schema = schema
        self.sent = sent
        """Rows taken by the last call of `take`."""
        self.binary = binary
        """The simple protocol sends the rows in binary."""
        self._tag = tag
        self._batches = iter(batches)
        self._left: pa.RecordBatch | None = None
        self._close = close
        self._capped = capped

    @classmethod
    def of(cls, result: Result) -> Answer:
        """Return the answer that a result of Query Service is."""
        if result.affected is not None or not len(result.schema):
            result.close()
            return cls(result.command if result.affected is None else f"{result.command} 0 {result.affected}")
        return cls(result.command, result.schema, result.batches(), result.close, lambda: result.capped)

    @classmethod
    def row(cls, tag: str, values: dict[str, str]) -> Answer:
        """Return one row of texts."""
        batch = pa.RecordBatch.from_pydict({name: [value] for name, value in values.items()})
        return cls(tag, batch.schema, [batch])

    @property
    def tag(self) -> str:
        """The words of CommandComplete."""
        return f"{self._tag} {self.sent}" if self._tag in _COUNTED else self._tag

    @property
    def was_capped(self) -> bool:
        """Whether rows were cut off; known when all have been taken."""
        return self._capped()

    def take(self, limit: int | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the next rows, at most *limit*."""
        self.sent = 0
        left = limit
        while left is None or left > 0:
            batch = self._left if self._left is not None else next(self._batches, None)
            self._left = None
            if batch is None:
                return
            if left is not None and batch.num_rows > left:
                self._left, batch = batch.slice(left), batch.slice(0, left)
            left = None if left is None else left - batch.num_rows
            self.sent += batch.num_rows
            yield batch

    def park(self, set_aside: SetAside) -> None:
        """Set the rest of the rows aside on disk, and give the engine back."""
        if self.schema is None:
            return
        spool = set_aside(self.schema, self._rest())
        self._close()
        self._batches, self._close = spool.read(0, spool.rows), spool.close

    def close(self) -> None:
        """Give back what the answer holds."""
        self._close()

    def _rest(self) -> Iterator[pa.RecordBatch]:
        if self._left is not None:
            left, self._left = self._left, None
            yield left
        yield from self._batches

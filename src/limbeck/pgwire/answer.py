"""What a statement answers: columns, rows as they come, and the words at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from limbeck.pgwire.spool import Spool
from limbeck.query.service import Result

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
    ) -> None:
        self.schema = schema
        self.sent = 0
        """Rows taken so far."""
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

    def park(self, folder: Path) -> None:
        """Set the rest of the rows aside on disk, and give the engine back."""
        if self.schema is None:
            return
        spool = Spool(folder, self.schema, self._rest())
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


class Cursor:
    """All rows of a query, and a place among them: 0 before the first, `rows + 1` behind the last."""

    def __init__(self, name: str, answer: Answer, folder: Path, hold: bool) -> None:
        assert answer.schema is not None
        self.name = name
        self.schema = answer.schema
        self.hold = hold
        try:
            self._spool = Spool(folder, self.schema, answer.take())
            self.was_capped = answer.was_capped
        finally:
            answer.close()
        self._place = 0

    def forward(self, count: int | None, *, moves: bool) -> Answer:
        """Go *count* rows on, None for all; the answer has the rows gone over."""
        if count == 0:
            return self._answer(self._place - 1, self._place, moves)
        start = min(self._place, self._spool.rows)
        stop = self._spool.rows if count is None else min(start + count, self._spool.rows)
        ended = count is None or start + count > self._spool.rows
        self._place = self._spool.rows + 1 if ended else stop
        return self._answer(start, stop, moves)

    def absolute(self, place: int, *, moves: bool) -> Answer:
        """Go to row *place*, from the end if it is negative; the answer has that row."""
        rows = self._spool.rows
        place = rows + 1 + place if place < 0 else place
        self._place = min(max(place, 0), rows + 1)
        return self._answer(self._place - 1, self._place, moves)

    def relative(self, count: int, *, moves: bool) -> Answer:
        """Go *count* rows on, or back if it is negative; the answer has the row arrived at."""
        return self.absolute(max(0, self._place + count), moves=moves)

    def close(self) -> None:
        """Forget the rows."""
        self._spool.close()

    def _answer(self, start: int, stop: int, moves: bool) -> Answer:
        start, stop = max(0, start), min(stop, self._spool.rows)
        if moves:
            answer = Answer("MOVE")
            answer.sent = max(0, stop - start)
            return answer
        return Answer("FETCH", self.schema, self._spool.read(start, stop) if stop > start else ())

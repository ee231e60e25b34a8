"""Rows set aside on disk, so that nobody who reads slowly keeps a place of the engine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import pyarrow as pa

from limbeck.errors import DiskFull


class Spool:
    """All rows of a result in a file without a name, to be read from anywhere; gone when it is closed.

    Raise `DiskFull` for rows that need more than *most* bytes.
    """

    def __init__(
        self, folder: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], most: int | None = None
    ) -> None:
        self.schema = schema
        self.rows = 0
        self._ends: list[int] = []
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder, prefix="rows-")  # noqa: SIM115
        try:
            with pa.ipc.new_file(pa.PythonFile(self._file, "w"), schema) as writer:
                for batch in batches:
                    if batch.num_rows:
                        writer.write_batch(batch)
                        if most is not None and self._file.tell() > most:
                            raise DiskFull("the rows need more of the disk than their share; raise engine_spill_mib")
                        self.rows += batch.num_rows
                        self._ends.append(self.rows)
            self._file.flush()
            self._reader = pa.ipc.open_file(pa.PythonFile(self._file, "r"))
        except BaseException:
            self._file.close()
            raise

    def read(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        """Yield rows number *start* to before *stop*, counted from 0."""
        for number, first, last in self._pieces(start, stop):
            yield self._reader.get_batch(number).slice(first, last - first)

    def backward(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        """Yield the same rows, the last one first."""
        for number, first, last in reversed(list(self._pieces(start, stop))):
            yield self._reader.get_batch(number).take(pa.array(range(last - 1, first - 1, -1)))

    def _pieces(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Number of each batch that has some of the rows, and from where to where it has them."""
        begin = 0
        for number, end in enumerate(self._ends):
            if end > start and begin < stop:
                yield number, max(0, start - begin), min(end, stop) - begin
            begin = end

    def close(self) -> None:
        """Forget the rows."""
        self._file.close()

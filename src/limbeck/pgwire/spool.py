"""Rows set aside on disk, so that nobody who reads slowly keeps a place of the engine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import pyarrow as pa


class Spool:
    """All rows of a result in a file without a name, to be read from anywhere; gone when it is closed."""

    def __init__(self, folder: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        self.schema = schema
        self.rows = 0
        self._ends: list[int] = []
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder, prefix="pg-")  # noqa: SIM115
        try:
            with pa.ipc.new_file(pa.PythonFile(self._file, "w"), schema) as writer:
                for batch in batches:
                    if batch.num_rows:
                        writer.write_batch(batch)
                        self.rows += batch.num_rows
                        self._ends.append(self.rows)
            self._file.flush()
            self._reader = pa.ipc.open_file(pa.PythonFile(self._file, "r"))
        except BaseException:
            self._file.close()
            raise

    def read(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        """Yield rows number *start* to before *stop*, counted from 0."""
        begin = 0
        for number, end in enumerate(self._ends):
            if end > start and begin < stop:
                batch = self._reader.get_batch(number)
                first = max(0, start - begin)
                yield batch.slice(first, min(end, stop) - begin - first)
            begin = end

    def close(self) -> None:
        """Forget the rows."""
        self._file.close()

"""Writing the files of a delivery: each appears whole, and the manifest last (profile contract, section 7.6)."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from limbeck.activation.csv_text import CsvText
from limbeck.activation.form import Form
from limbeck.files.folder import disk_full_named
from limbeck.flow import LandingZone

SPLIT_ROWS = 5_000_000
"""Rows at which a file is split."""

BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class File:
    """A file that was delivered."""

    name: str
    """Inside the folder of the delivery."""
    bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Outbox:
    """Where the files of one run are made, and the folder of the landing zone into which they go."""

    zone: LandingZone
    folder: str
    run_id: str
    work: Path

    @classmethod
    @contextmanager
    def opened(cls, zone: LandingZone, folder: str, run_id: str, scratch: Path) -> Iterator[Outbox]:
        """Give an outbox for as long as the block lasts; what a killed run left in it is gone."""
        work = scratch / f"delivery-{run_id}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        try:
            yield cls(zone, folder, run_id, work)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def write(self, reader: pa.RecordBatchReader, form: Form, name: str) -> Iterator[File]:
        """Write rows into files called after *name*, of at most `SPLIT_ROWS`; yield each when it has appeared.

        An audience of nobody still gets a file, with a header.
        """
        batches, number = iter(reader), 0
        while (first := next(batches, None)) is not None or number == 0:
            number += 1
            part = chain([] if first is None else [first], islice(batches, SPLIT_ROWS // BATCH_ROWS - 1))
            path = self.work / f"{name}{'' if number == 1 else f'_{number}'}.{form.ending}"
            with disk_full_named():
                if form.file_type == "PARQUET":
                    count = _write_parquet(part, reader.schema, "gzip" if form.gzip else "snappy", path)
                else:
                    count = _write_csv(part, reader.schema, form.csv, form.gzip, path)
            yield File(path.name, self._send(path), count)

    def write_manifest(self, name: str, body: Mapping[str, Any]) -> None:
        """Write the manifest of a run."""
        path = self.work / name
        path.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
        self._send(path)

    def _send(self, path: Path) -> int:
        """Have a file appear in the landing zone; return its bytes."""
        size = path.stat().st_size
        self.zone.write("export", f"{self.folder}/{path.name}" if self.folder else path.name, path, self.run_id)
        return size


def _write_parquet(part: Iterator[pa.RecordBatch], schema: pa.Schema, compression: str, path: Path) -> int:
    count = 0
    with pq.ParquetWriter(path, schema, compression=compression) as writer:
        for batch in part:
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _write_csv(part: Iterator[pa.RecordBatch], schema: pa.Schema, text: CsvText, zipped: bool, path: Path) -> int:
    count = 0
    with path.open("wb") as raw, _zipped(raw) if zipped else nullcontext(raw) as out:
        out.write(text.header(schema.names))
        for batch in part:
            out.write(text.rows(batch))
            count += batch.num_rows
    return count


def _zipped(raw: BinaryIO) -> gzip.GzipFile:
    """Return a compressed file without name and time in its head: the same rows are the same bytes."""
    return gzip.GzipFile("", "wb", fileobj=raw, mtime=0)

"""Writing the files of a delivery: each appears whole, and the manifest last (profile contract, section 7.6)."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from limbeck import crash
from limbeck.activation.csv_text import CsvText
from limbeck.activation.form import Form
from limbeck.errors import LandingZoneError
from limbeck.files.folder import sync
from limbeck.flow.landingzone import zone_named

SPLIT_ROWS = 5_000_000
"""Rows at which a file is split."""

BATCH_ROWS = 65_536


def make(folder: Path) -> None:
    """Make the folder of a delivery; raise `LandingZoneError` if nothing can be written there."""
    with zone_named(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise LandingZoneError(f"the folder {folder} is not writable; give it rights, or choose another path")


def write(reader: pa.RecordBatchReader, form: Form, target: Path, run_id: str) -> Iterator[tuple[Path, int]]:
    """Write rows into files called after *target*, of at most `SPLIT_ROWS`; yield each with its rows.

    An audience of nobody still gets a file, with a header.
    """
    batches, number = iter(reader), 0
    while (first := next(batches, None)) is not None or number == 0:
        number += 1
        part = chain([] if first is None else [first], islice(batches, SPLIT_ROWS // BATCH_ROWS - 1))
        path = target.with_name(f"{target.name}{'' if number == 1 else f'_{number}'}.{form.ending}")
        with _whole(path, run_id) as beside:
            if form.file_type == "PARQUET":
                count = _write_parquet(part, reader.schema, "gzip" if form.gzip else "snappy", beside)
            else:
                count = _write_csv(part, reader.schema, form.csv, form.gzip, beside)
        yield path, count


def write_manifest(path: Path, body: Mapping[str, Any], run_id: str) -> None:
    """Write the manifest of a run."""
    with _whole(path, run_id) as beside:
        beside.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


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


@contextmanager
def _whole(path: Path, run_id: str) -> Iterator[Path]:
    """Give a hidden name to write to, the run's own; the file appears under its name when the block ends well."""
    beside = path.with_name(f".{path.name}.{run_id}.part")
    try:
        with zone_named(path.parent):
            yield beside
            sync(beside)
            crash.point("activation.file-hidden")
            beside.replace(path)
            sync(path.parent)
    finally:
        beside.unlink(missing_ok=True)

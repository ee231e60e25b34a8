"""A delivery: one run of a destination flow writes a file for each audience, then a manifest (profile contract, 7.6).

Files are written under hidden names and renamed; the manifest comes last, so that its presence means complete. A run
that is killed begins anew and ends with the same names, once.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from limbeck import crash
from limbeck.activation import rows
from limbeck.activation.plan import Plan, Selected
from limbeck.audience import Audiences
from limbeck.audience.evaluate import MEMBERSHIP
from limbeck.engine import Engine, Table
from limbeck.errors import InvalidInput, LandingZoneError, NotFound
from limbeck.flow.landingzone import zone_named
from limbeck.profile import Profiles
from limbeck.profile.people import People
from limbeck.scope import Sandbox

SPLIT_ROWS = 5_000_000
"""Rows at which a file is split (profile contract, section 7.6)."""

BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one audience's delivery wrote."""

    audience_id: str
    members: int
    rows: int
    files: tuple[tuple[Path, int], ...]
    """Each with its rows."""


class Deliveries:
    """Writes the members of audiences as files."""

    def __init__(self, audiences: Audiences, profiles: Profiles, engine: Engine) -> None:
        self._audiences = audiences
        self._profiles = profiles
        self._engine = engine

    def plan(self, sandbox: Sandbox, flow: Mapping[str, Any], target: Mapping[str, Any]) -> Plan:
        """Return what a flow delivers; raise `InvalidInput` or `NotFound` for what it cannot."""
        profile, _ = self._profiles.unions(sandbox)
        plan = Plan.of(flow, target, profile)
        for selected in plan.audiences:
            self._audiences.definitions.get(sandbox, selected.audience_id)
        return plan

    def deliver(self, sandbox: Sandbox, plan: Plan, folder: Path, run_id: str, at: datetime) -> list[Delivered]:
        """Write the files of a run into *folder*, which is made; return what was written, by audience.

        Raise `InvalidInput` if nothing is selected or mapped, or the folder cannot be written, and `WrongState` for an
        audience that was not evaluated: then no file is there.
        """
        if not plan.audiences:
            raise InvalidInput("the flow selects no audience; add one to its segmentSelectors")
        if not plan.columns:
            raise InvalidInput("the flow maps no field; add some to its profileSelectors")
        for selected in plan.audiences:
            self._audiences.membership(selected.audience_id)
        self._require_names(sandbox, plan, at)
        _make(folder)
        with self._profiles.people(sandbox) as people:
            found = [self._one(sandbox, plan, people, s, folder, at) for s in plan.audiences]
        crash.point("activation.files-written")
        _write_manifest(folder / manifest_name(plan, run_id), run_id, at, found)
        crash.point("activation.manifest-written")
        return found

    def _require_names(self, sandbox: Sandbox, plan: Plan, at: datetime) -> None:
        """Raise `InvalidInput` if two files of a run would have one name."""
        known = [self._audiences.definitions.get(sandbox, s.audience_id).name for s in plan.audiences]
        names = [plan.file_name(s, name, at) for s, name in zip(plan.audiences, known, strict=True)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InvalidInput(f"two audiences would be written into {twice!r}; put %SEGMENT_ID% into their templates")

    def _one(
        self, sandbox: Sandbox, plan: Plan, people: People, selected: Selected, folder: Path, at: datetime
    ) -> Delivered:
        audience = self._audiences.definitions.get(sandbox, selected.audience_id)
        file = self._audiences.file(audience.id)
        if file is None:
            raise NotFound(f"audience {audience.id} was deleted while it was delivered")
        members = Table(rows.DELIVERED, MEMBERSHIP, (str(file),))
        target = folder / plan.file_name(selected, audience.name, at)
        with self._engine.session([members, *people.tables()], ordered=True) as session:
            ((count, wanted),) = session.fetch(rows.count(people, plan))
            reader = session.reader(rows.statement(people, plan), BATCH_ROWS)
            files = tuple(_write(reader, plan, target))
        return Delivered(audience.id, int(count), int(wanted), files)


def manifest_name(plan: Plan, run_id: str) -> str:
    """Return the name of a run's manifest."""
    return f"manifest-{plan.destination}-{run_id}.json".replace("/", "_").replace(" ", "_")


def _write(reader: pa.RecordBatchReader, plan: Plan, target: Path) -> Iterator[tuple[Path, int]]:
    """Write the rows into files of at most `SPLIT_ROWS`; an audience of nobody still gets one with a header."""
    batches, number = iter(reader), 0
    write = _write_parquet if plan.file_type == "PARQUET" else _write_csv
    while (first := next(batches, None)) is not None or number == 0:
        number += 1
        part = chain([] if first is None else [first], islice(batches, SPLIT_ROWS // BATCH_ROWS - 1))
        ending = plan.file_type.lower() + (".gz" if plan.gzip and plan.file_type == "CSV" else "")
        path = target.with_name(f"{target.name}{'' if number == 1 else f'_{number}'}.{ending}")
        with _whole(path) as beside:
            count = write(part, reader.schema, plan, beside)
        yield path, count


def _write_parquet(part: Iterator[pa.RecordBatch], schema: pa.Schema, plan: Plan, path: Path) -> int:
    count = 0
    with pq.ParquetWriter(path, schema, compression="gzip" if plan.gzip else "snappy") as writer:
        for batch in part:
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _write_csv(part: Iterator[pa.RecordBatch], schema: pa.Schema, plan: Plan, path: Path) -> int:
    count = 0
    with path.open("wb") as raw, _zipped(raw) if plan.gzip else nullcontext(raw) as out:
        out.write(rows.csv_lines([schema.names], plan.delimiter))
        for batch in part:
            out.write(rows.csv_lines(rows.cells(batch), plan.delimiter))
            count += batch.num_rows
    return count


def _zipped(raw: BinaryIO) -> gzip.GzipFile:
    """Return a compressed file without name and time in its head: the same rows are the same bytes."""
    return gzip.GzipFile("", "wb", fileobj=raw, mtime=0)


def _write_manifest(path: Path, run_id: str, at: datetime, found: Sequence[Delivered]) -> None:
    files = [
        {"sinkPath": path.name, "name": path.name, "size": path.stat().st_size, "rows": count}
        for delivered in found
        for path, count in delivered.files
    ]
    body = {"flowRunId": run_id, "scheduledTime": at.isoformat(timespec="seconds"), "exportResults": files}
    with _whole(path) as beside:
        beside.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a hidden name to write to; the file appears under its own when the block ends well."""
    beside = path.with_name(f".{path.name}.part")
    try:
        with zone_named(path.parent):
            yield beside
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _make(folder: Path) -> None:
    with zone_named(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise LandingZoneError(f"the folder {folder} is not writable; give it rights, or choose another path")

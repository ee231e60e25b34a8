"""A batch from its opening to its publication (profile contract, section 1.8)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Connection, delete, insert, select

from limbeck import clock, crash, ids
from limbeck.engine import Engine
from limbeck.errors import Internal, InvalidInput, LimbeckError, NotFound, RowsRejected, WrongState
from limbeck.files import Folder
from limbeck.ingest.convert import STRICT, Converted, InputFormat, StagedFile, Tolerance, convert
from limbeck.ingest.diagnostics import Diagnostics, MetaFile
from limbeck.ingest.formats.mapped import Sources
from limbeck.ingest.parts import Parts, Span
from limbeck.ingest.preview import Csv, Preview, preview_of
from limbeck.ingest.rejected import refusal
from limbeck.ingest.trial import Mapped, tried
from limbeck.lake import Batch, Dataset, Lake, batches
from limbeck.lake.revert import Reverting, require_success
from limbeck.store import Store, audit
from limbeck.store.queue import enqueue
from limbeck.store.tables import batches as batch_rows
from limbeck.store.tables import datasets, staged_files
from limbeck.xdm.types import Schema

PROMOTE = "ingest.promote"
"""The kind of the job that validates and publishes a completed batch."""

ENDED = ("success", "failed", "aborted", "abandoned", "inactive")

ABANDONED_AFTER = timedelta(days=7)
"""How long nothing has come to a batch that its sender is taken to have forgotten."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that lies in staging and is not yet part of a batch."""

    name: str
    path: str
    bytes: int


class Ingest:
    """Batch ingestion of one home."""

    def __init__(
        self, store: Store, lake: Lake, engine: Engine, staging: Folder, scratch: Folder, diagnostics: Diagnostics
    ) -> None:
        self._store = store
        self._lake = lake
        self._engine = engine
        self._staging = staging
        self._scratch = scratch
        self.diagnostics = diagnostics
        self._reverting = Reverting(store, lake, engine)

    def open(
        self,
        dataset: Dataset,
        input_format: Mapping[str, Any],
        created_by: str = "",
        body: Mapping[str, Any] | None = None,
    ) -> Batch:
        """Start a batch in status `loading`; queries do not see it. *body* is what its sender says of it besides.

        Raise `InvalidInput` for an unknown format or for a predecessor that the dataset does not have, and `WrongState`
        for one that is not in status `success`.
        """
        InputFormat.parse(input_format)
        with self._store.write() as connection:
            made = batches.create(connection, dataset.id, input_format=input_format, created_by=created_by, body=body)
            opened = batches.status_of(connection, made)
            for batch_id in opened.predecessors:
                _require_predecessor(connection, dataset, batch_id)
            audit.record(connection, "create", "batch", made, dataset.sandbox_id)
        return opened

    def upload(self, batch: Batch, name: str, body: BinaryIO) -> None:
        """Stage one file; the same name again replaces it. Raise `WrongState` once the batch is completed."""
        _require_loading(batch)
        path = f"{batch.id}/{ids.ulid()}"
        size = self._staging.write(path, body)
        crash.point("ingest.file-staged")
        self._keep(batch, Upload(name, path, size))

    def begin_parts(self, batch: Batch, name: str) -> None:
        """Make ready for a file that comes in parts. Raise `WrongState` once the batch is completed."""
        _require_loading(batch)
        Parts(self._staging, batch.id, name).begin()

    def put_part(self, batch: Batch, name: str, span: Span, body: BinaryIO) -> None:
        """Stage a part of a file; raise `NotFound` if that was not begun, `InvalidInput` for one of another length."""
        _require_loading(batch)
        Parts(self._staging, batch.id, name).put(span, body)

    def join_parts(self, batch: Batch, name: str) -> None:
        """Make a file of its parts; raise `InvalidInput` if some are missing or overlap, `NotFound` without any."""
        _require_loading(batch)
        parts = Parts(self._staging, batch.id, name)
        self._keep(batch, self.stage(batch.id, name, parts.joined()))
        parts.forget()

    def preview(self, batch: Batch, csv: Csv, rows: int) -> Preview:
        """Return the first *rows* of the files that have come so far, as they were written.

        Raise `WrongState` once the batch has ended, and `InvalidFile` for a file that cannot be read.
        """
        if batch.status in ENDED:
            raise WrongState(f"batch {batch.id} is in status {batch.status}: its files as they came are gone")
        form = InputFormat.parse(batch.input_format)
        return preview_of(self._engine, self._staged(batch.id), form, csv, rows)

    def size(self, batch: Batch, name: str) -> int:
        """Return how many bytes of a file are staged; raise `NotFound` for a file that is not."""
        same = (staged_files.c.batch_id == batch.id, staged_files.c.name == name)
        with self._store.read() as connection:
            found = connection.execute(select(staged_files.c.bytes).where(*same)).scalar()
        return Parts(self._staging, batch.id, name).size() if found is None else int(found)

    def _keep(self, batch: Batch, upload: Upload) -> None:
        """Make a staged file one of the batch, in the place of one of the same name."""
        row = {"batch_id": batch.id, "name": upload.name, "path": upload.path, "bytes": upload.bytes}
        with self._store.write() as connection:
            _require_loading(batches.status_of(connection, batch.id))
            same = (staged_files.c.batch_id == batch.id, staged_files.c.name == upload.name)
            connection.execute(delete(staged_files).where(*same))
            connection.execute(insert(staged_files).values(created=clock.millis(clock.now()), **row))

    def stage(self, folder: str, name: str, source: Path) -> Upload:
        """Move a finished file into a *folder* of staging, durably, for a batch that is yet to be made by `load`."""
        upload = Upload(name, f"{folder}/{ids.ulid()}", source.stat().st_size)
        self._staging.adopt(source, upload.path)
        return upload

    def load(self, connection: Connection, dataset: Dataset, uploads: Sequence[Upload], delimiter: str = ",") -> str:
        """Make a batch of staged files inside the caller's transaction, completed from its beginning; return its id.

        No job is queued: it is for the caller to `promote` it, and to `discard` the folder of the files then.
        """
        form = InputFormat.of(uploads[0].name) or InputFormat()
        shown = {"format": form.format, **({} if delimiter == "," else {"delimiter": delimiter})}
        batch_id = batches.create(connection, dataset.id, status="loaded", input_format=shown)
        rows = [{"batch_id": batch_id, "name": u.name, "path": u.path, "bytes": u.bytes} for u in uploads]
        moment = clock.millis(clock.now())
        connection.execute(insert(staged_files), [{**row, "created": moment} for row in rows])
        return batch_id

    def discard(self, folder: str) -> None:
        """Delete a folder of staged files, of a batch that was not made or has ended."""
        self._staging.delete(folder)

    def complete(self, batch: Batch) -> None:
        """Say that all files are there: the worker validates and publishes them. Repeating it is harmless."""
        with self._store.write() as connection:
            status = batches.status_of(connection, batch.id).status
            if status == "loading":
                batches.change(connection, batch.id, status="loaded")
                enqueue(connection, PROMOTE, batch.id)
                _audit(connection, "complete", batch)
            elif status in ("aborted", "abandoned"):
                raise WrongState(f"batch {batch.id} was {status} and cannot be completed")

    def abort(self, batch: Batch) -> None:
        """Give a batch up; its staged files are deleted. Repeating it is harmless."""
        with self._store.write() as connection:
            found = batches.status_of(connection, batch.id)
            if found.status != "aborted":
                _require_loading(found)
                _end(connection, batch.id, status="aborted")
                _audit(connection, "abort", batch)
        self._staging.delete(batch.id)

    def fail(self, batch: Batch) -> None:
        """End a batch as failed, because its sender says so; its staged files are deleted. Repeating it is harmless."""
        with self._store.write() as connection:
            found = batches.status_of(connection, batch.id)
            if found.status != "failed":
                _require_loading(found)
                told = {"code": "INGEST-105-400", "description": "its sender said that it failed", "rows": []}
                _end(connection, batch.id, status="failed", errors=json.dumps([told]))
                _audit(connection, "fail", batch)
        self._staging.delete(batch.id)

    def revert(self, batch: Batch) -> None:
        """Take back a batch that was published: its rows leave the dataset in a new snapshot. Repeating it is harmless.

        Older snapshots keep them until they expire. Raise `WrongState` for a batch that is not in status `success`.
        """
        self._reverting.revert(batch.id)

    def abandon(self, idle: timedelta = ABANDONED_AFTER) -> int:
        """End the batches whose sender never did, and to which nothing has come for *idle*; return how many.

        Their staged files and parts are deleted.
        """
        horizon = clock.now() - idle
        before = batch_rows.c.updated < clock.millis(horizon)
        with self._store.read() as connection:
            old = connection.execute(select(batch_rows.c.id).where(batch_rows.c.status == "loading", before)).scalars()
            idle_ones = [batch_id for batch_id in old if not self._staging.touched(batch_id, horizon)]
        return sum(map(self._abandon, idle_ones))

    def _abandon(self, batch_id: str) -> bool:
        told = {"code": "INGEST-107-400", "description": "its sender did not complete it in time", "rows": []}
        with self._store.write() as connection:
            if batches.status_of(connection, batch_id).status != "loading":
                return False
            _end(connection, batch_id, status="abandoned", errors=json.dumps([told]))
        self._staging.delete(batch_id)
        return True

    def promote(self, batch_id: str, mapping: Sources | None = None) -> None:
        """Validate each staged row, then publish the batch or fail it whole. Only the worker calls this.

        With *mapping*, of dotted XDM paths to columns or what is calculated from them, the files are read by the
        endings of their names. A failed batch keeps up to 100 samples: file, row, field path, what was found, what
        the schema wants. A crash leaves it in status `staging`; the next call begins anew.
        """
        batch = self._lake.batches.by_id(batch_id)
        if batch.status in ENDED:
            self._staging.delete(batch_id)  # what a crash after its end left
            return
        self._lake.batches.mark(batch_id, status="staging")
        try:
            self._publish(batch, mapping)
        except LimbeckError as error:
            self._fail(batch_id, error)
        except Exception as error:
            self._fail(batch_id, Internal(f"batch {batch_id} could not be read: {type(error).__name__}"))
            raise
        self._staging.delete(batch_id)

    def tried(self, schema: Schema, rows: Sequence[Mapping[str, Any]], mapping: Sources) -> list[Mapped]:
        """Return what `promote` would make of *rows* of JSON by a mapping, and what it would say of each."""
        return tried(self._engine, rows, schema, self._scratch.path(f"preview-{ids.new_uuid()}"), mapping)

    def give_up(self, batch_id: str, reason: str) -> None:
        """Fail a batch that cannot be promoted, and delete its staged files; one that has ended stays as it is."""
        if self._lake.batches.by_id(batch_id).status not in ENDED:
            self._fail(batch_id, Internal(f"batch {batch_id} was given up: {reason}"))
            self._staging.delete(batch_id)

    def _publish(self, batch: Batch, mapping: Sources | None) -> None:
        dataset = self._lake.datasets.by_id(batch.dataset_id)
        files = self._staged(batch.id)
        if not files:
            raise InvalidInput(f"batch {batch.id} was completed without a file", code="INGEST-106-400")
        work = self._scratch.path(f"batch-{ids.new_uuid()}")
        work.mkdir(parents=True)
        try:
            form = InputFormat.parse(batch.input_format)
            how = form if mapping is None else None
            tolerance = _tolerance(batch, dataset)
            made = convert(self._engine, files, how, dataset.schema, work, mapping, form.delimiter, tolerance)
            metrics, errors, kept = _metrics(files, made), _errors(made), list[MetaFile]()
            if tolerance != STRICT:
                kept = self.diagnostics.write(work, files, made.aside.files, made.aside.samples)
            crash.point("ingest.converted")
            if made.aside.rows and tolerance.refuses(made):
                self._refuse(batch.id, made, metrics, kept)
                return

            def end(connection: Connection) -> None:
                self.diagnostics.keep(connection, batch.id, kept)
                told = {"metrics": json.dumps(metrics), "errors": json.dumps(errors, default=str)}
                _end(connection, batch.id, status="success", **told)

            self._put(dataset, made.paths, batch, also=end)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _refuse(self, batch_id: str, made: Converted, metrics: Mapping[str, int], kept: Sequence[MetaFile]) -> None:
        """Fail a batch of which too many rows would have to be set aside; they are kept to be looked at."""
        told = {**metrics, "outputRecordCount": 0, "outputFileCount": 0}
        with self._store.write() as connection:
            self.diagnostics.keep(connection, batch_id, kept)
            errors = [_entry(refusal(made.aside.rows, made.aside.samples), made.aside.rows)]
            told_errors = json.dumps(errors, default=str)
            _end(connection, batch_id, status="failed", metrics=json.dumps(told), errors=told_errors)

    def _put(self, dataset: Dataset, paths: Sequence[Path], batch: Batch, also: Callable[[Connection], None]) -> None:
        if batch.predecessors:
            self._reverting.replace(dataset, paths, batch, also)
        else:
            self._lake.promote(dataset, paths, batch.id, also=also)

    def _fail(self, batch_id: str, error: LimbeckError) -> None:
        read, failed = error.details.get("read"), error.details.get("failed")
        metrics = {} if read is None else {"inputRecordCount": read, "failedRecordCount": failed}
        with self._store.write() as connection:
            told = {"errors": json.dumps([_entry(error)], default=str), "metrics": json.dumps(metrics)}
            _end(connection, batch_id, status="failed", **told)

    def _staged(self, batch_id: str) -> list[StagedFile]:
        query = select(staged_files).where(staged_files.c.batch_id == batch_id).order_by(staged_files.c.name)
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        return [StagedFile(r.name, self._staging.path(r.path)) for r in rows]


def _require_loading(batch: Batch) -> None:
    if batch.status != "loading":
        raise WrongState(f"batch {batch.id} is in status {batch.status}; this is possible only while it is loading")


def _audit(connection: Connection, action: str, batch: Batch) -> None:
    place = connection.execute(select(datasets.c.sandbox_id).where(datasets.c.id == batch.dataset_id)).scalar_one()
    audit.record(connection, action, "batch", batch.id, place)


def _require_predecessor(connection: Connection, dataset: Dataset, batch_id: str) -> None:
    try:
        found = batches.status_of(connection, batch_id)
    except NotFound:
        found = None
    if found is None or found.dataset_id != dataset.id:
        raise InvalidInput(f"batch {batch_id}, which is to be replaced, is not one of dataset {dataset.id}")
    require_success(found)


def _tolerance(batch: Batch, dataset: Dataset) -> Tolerance:
    """Return what its sender, or the dataset, says of rows that break a rule; taken in part, they are written down."""
    percentage = int(batch.body.get("partialIngestionPercentage") or 0)
    asked = batch.body.get("enableErrorDiagnostics", dataset.body.get("enableErrorDiagnostics"))
    return Tolerance(percentage, diagnostics=percentage > 0 or asked is True)


def _entry(error: LimbeckError, count: int | None = None) -> dict[str, Any]:
    """Return an error as a batch shows it."""
    samples = list(error.details.get("samples", ()))
    entry = {"code": error.details.get("code", error.code), "description": str(error), "rows": samples}
    return entry if count is None else {**entry, "recordCount": count}


def _errors(made: Converted) -> list[dict[str, Any]]:
    """Return what a batch says that was taken in part."""
    if not made.aside.rows:
        return []
    text = f"{made.aside.rows} rows were set aside, {made.rows} were ingested; Data Access gives them with their errors"
    return [_entry(RowsRejected(text, samples=made.aside.samples), made.aside.rows)]


def _metrics(files: Sequence[StagedFile], made: Converted) -> dict[str, int]:
    return {
        "inputFileCount": len(files),
        "inputByteSize": sum(f.path.stat().st_size for f in files),
        "inputRecordCount": made.rows + made.aside.rows,
        "outputRecordCount": made.rows,
        "outputFileCount": len(made.paths),
        "failedRecordCount": made.aside.rows,
        "recordsFailed": made.aside.rows,
        "invalidRecordCount": made.aside.rows,
    }


def _end(connection: Connection, batch_id: str, **values: Any) -> None:
    """End a batch. Its staged files are named no longer, so what a crash leaves of them is swept."""
    batches.change(connection, batch_id, completed=clock.millis(clock.now()), **values)
    connection.execute(delete(staged_files).where(staged_files.c.batch_id == batch_id))

"""Picking files up: new files of the upload area become one batch of a dataset (REST contract, section 8.4).

A file is taken in the transaction that makes the batch: its row in `taken_files`, the batch, completed from its
beginning, and the batch's id in the run appear together. Before, nothing has happened but copies that no row names;
after, whoever takes the run up again promotes that batch, once. A file counts as taken as long as its batch has not
failed, so the write that fails a batch gives its files back.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, Row, delete, insert, select

from limbeck import clock, crash
from limbeck.errors import InvalidInput
from limbeck.files.folder import disk_full_named
from limbeck.flow import mappings, runs
from limbeck.flow.landingzone import LandingZone
from limbeck.flow.model import Metrics, Resource, Run, Runner
from limbeck.flow.resources import Resources
from limbeck.flow.storage import Found
from limbeck.ingest import Ingest, InputFormat
from limbeck.ingest.batches import Upload
from limbeck.ingest.formats import ENDINGS
from limbeck.lake import Batch, Dataset, Lake
from limbeck.scope import Sandbox
from limbeck.store import Store
from limbeck.store.queue import Later
from limbeck.store.tables import batches, taken_files

QUIET_MS = 3_000
"""A run by schedule leaves files alone that were changed so shortly before: they may still be written."""

MESSAGES = 100
"""Files that a run says something about."""

_GIVEN_BACK = ("failed", "aborted")
"""Statuses of a batch whose files count as not taken."""


@dataclass(frozen=True, slots=True)
class Picked:
    """The batch that a run made, None if there was nothing to take; and what is to be said about other files."""

    batch_id: str | None
    messages: tuple[str, ...]


class FilePickup(Runner):
    """Runs the flows that lead from the upload area into the data lake."""

    def __init__(
        self, store: Store, resources: Resources, lake: Lake, ingest: Ingest, zone: LandingZone, scratch: Path
    ) -> None:
        self._store = store
        self._resources = resources
        self._lake = lake
        self._ingest = ingest
        self._zone = zone
        self._scratch = scratch

    def run(self, sandbox: Sandbox, flow: Resource, run: Run) -> Metrics:
        """Take the new files and ingest them as one batch; raise the error that failed it."""
        mapping_set = self._resources.get(sandbox, "mappingSet", mapping_id(flow))
        mapping = mappings.sources(mappings.at_version(mapping_set.body, mapping_version(flow)))
        picked = _before(run) or self._pick(sandbox, flow, run)
        if picked.batch_id is None:
            return Metrics(messages=picked.messages)
        self._ingest.promote(picked.batch_id, mapping)
        crash.point("flow.batch-completed")
        self._ingest.discard(run.id)
        batch = self._lake.batches.by_id(picked.batch_id)
        if batch.status in _GIVEN_BACK:
            raise _failure(batch)
        return self._metrics(batch, picked.messages)

    # -- taking files ------------------------------------------------------------------------------------------

    def _pick(self, sandbox: Sandbox, flow: Resource, run: Run) -> Picked:
        source = self._resources.get(sandbox, "sourceConnection", flow.body["sourceConnectionIds"][0])
        target = self._resources.get(sandbox, "targetConnection", flow.body["targetConnectionIds"][0])
        dataset = self._lake.datasets.get(sandbox, dataset_id(target))
        messages: list[str] = []
        self._ingest.discard(run.id)
        try:
            copies = list(self._copies(self._new(flow, source, run, messages), run, messages))
        except BaseException:
            self._ingest.discard(run.id)
            raise
        batch_id = self._make_batch(flow, run, dataset, copies, messages) if copies else None
        if batch_id is None:
            self._ingest.discard(run.id)
            return Picked(None, _cut(messages))
        crash.point("flow.batch-made")
        return Picked(batch_id, _cut(messages))

    def _new(self, flow: Resource, source: Resource, run: Run, messages: list[str]) -> Iterator[Found]:
        """Yield the files that are to be taken, in the order of their paths.

        Raise `Later` if there are only such as may still be written.
        """
        with self._store.read() as connection:
            known = _taken(connection, flow)
        now, taken = clock.millis(clock.now()), 0
        young: list[Found] = []
        for found in self._zone.files("upload", source_path(source), _is_recursive(source)):
            row = known.get(found.path)
            if row is not None:
                if (row.bytes, row.modified) != (found.bytes, found.modified_ms):
                    messages.append(_changed(found, row))
            elif InputFormat.of(found.path) is None:
                messages.append(f"the file {found.path} is left: its name ends in none of {', '.join(ENDINGS)}")
            elif not run.is_demanded and abs(now - found.modified_ms) < QUIET_MS:
                young.append(found)
            else:
                taken += 1
                yield found
        if young and not taken:
            raise Later(QUIET_MS / 1000)
        messages += [f"the file {f.path} is left for the next run: it was changed a moment ago" for f in young]

    def _copies(self, files: Iterator[Found], run: Run, messages: list[str]) -> Iterator[tuple[Found, Upload]]:
        """Copy files into a folder of staging that is called like the run, but for those that are not finished."""
        work = self._scratch / f"flow-{run.id}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        try:
            for found in files:
                copy = work / "copy"
                with disk_full_named():
                    is_whole = self._zone.copy("upload", found, copy)
                if not is_whole:
                    messages.append(f"the file {found.path} is left for the next run: it changed while it was read")
                elif found.path.lower().endswith(".parquet") and not _has_footer(copy):
                    messages.append(
                        f"the file {found.path} is left for the next run: it has no Parquet footer, so it is not "
                        "finished or no Parquet"
                    )
                else:
                    upload = self._ingest.stage(run.id, found.path, copy)
                    crash.point("flow.file-copied")
                    yield found, upload
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _make_batch(
        self,
        flow: Resource,
        run: Run,
        dataset: Dataset,
        copies: Sequence[tuple[Found, Upload]],
        messages: Sequence[str],
    ) -> str | None:
        """Take the files that no other run has taken meanwhile, as a batch; return its id, None if no file is left."""
        with self._store.write() as connection:
            known = _taken(connection, flow)
            mine = [(found, upload) for found, upload in copies if found.path not in known]
            if not mine:
                return None
            batch_id = self._ingest.load(connection, dataset, [upload for _, upload in mine])
            _take(connection, flow, run, batch_id, [found for found, _ in mine])
            runs.remember(connection, run, batch=batch_id, messages=_cut(messages))
        return batch_id

    def _metrics(self, batch: Batch, messages: tuple[str, ...]) -> Metrics:
        files = self._lake.files_of_batch(batch)
        return Metrics(
            input_files=batch.metrics["inputFileCount"],
            output_files=len(files),
            input_bytes=batch.metrics["inputByteSize"],
            output_bytes=sum(f.bytes for f in files),
            input_records=batch.metrics["inputRecordCount"],
            output_records=batch.metrics["outputRecordCount"],
            messages=messages,
        )


def source_path(source: Resource) -> str:
    """Return the path that a source connection to the landing zone reads; raise `InvalidInput` if it names none."""
    path = source.params.get("path")
    if not isinstance(path, str):
        raise InvalidInput("a source connection to the landing zone names the folder it reads: params.path")
    return path


def dataset_id(target: Resource) -> str:
    """Return the dataset that a target connection to the data lake fills; raise `InvalidInput` if it names none."""
    found = target.params.get("dataSetId")
    if not found:
        raise InvalidInput("a target connection to the data lake names its dataset: params.dataSetId")
    return str(found)


def mapping_id(flow: Resource) -> str:
    """Return the mapping set of a flow; raise `InvalidInput` if it has none under the name that AEP reads."""
    found = [t for t in flow.steps if t.get("name") == "Mapping" and mapped_by(t)]
    if len(found) != 1 or len(flow.steps) != 1:
        named = ", ".join(f'"{t.get("name")}"' for t in flow.steps) or "none"
        raise InvalidInput(
            'a flow into a dataset has exactly one transformation, named "Mapping", with params.mappingId; '
            f"transformations found: {named}"
        )
    return str(mapped_by(found[0]))


def mapping_version(flow: Resource) -> Any:
    """Return the version of its mapping set that a flow names, or None for the newest."""
    return next((t["params"].get("mappingVersion") for t in flow.steps if mapped_by(t)), None)


def mapped_by(step: Mapping[str, Any]) -> str | None:
    """Return the mapping set that a transformation names, or None."""
    params = step.get("params")
    return params.get("mappingId") if isinstance(params, Mapping) else None


def _before(run: Run) -> Picked | None:
    """Return what the run had made before its process was killed, if it had come that far."""
    if "batch" not in run.payload:
        return None
    return Picked(run.payload["batch"], tuple(run.payload["messages"]))


def _is_recursive(source: Resource) -> bool:
    return str(source.params.get("recursive", True)).lower() != "false"


def _taken(connection: Connection, flow: Resource) -> dict[str, Row[Any]]:
    """Return the rows of the files that a flow has taken, by path."""
    query = select(taken_files, batches.c.status).outerjoin(batches, batches.c.id == taken_files.c.batch_id)
    rows = connection.execute(query.where(taken_files.c.flow_id == flow.id))
    return {row.path: row for row in rows if row.status not in _GIVEN_BACK}


def _take(connection: Connection, flow: Resource, run: Run, batch_id: str, files: Sequence[Found]) -> None:
    given_back = select(batches.c.id).where(batches.c.status.in_(_GIVEN_BACK))
    mine = taken_files.c.flow_id == flow.id
    connection.execute(delete(taken_files).where(mine, taken_files.c.batch_id.in_(given_back)))
    common = {"flow_id": flow.id, "run_id": run.id, "batch_id": batch_id, "taken": clock.millis(clock.now())}
    rows = [{"path": f.path, "bytes": f.bytes, "modified": f.modified_ms, **common} for f in files]
    connection.execute(insert(taken_files), rows)


def _has_footer(path: Path) -> bool:
    try:
        pq.read_metadata(path)
    except (pa.ArrowException, OSError):
        return False
    return True


def _changed(found: Found, row: Row[Any]) -> str:
    moment = clock.from_millis(row.taken).isoformat(timespec="seconds")
    return (
        f"the file {found.path} was taken at {moment} (batch {row.batch_id}) and has changed since; it is not taken "
        "again: give what is new a name of its own"
    )


def _cut(messages: Sequence[str]) -> tuple[str, ...]:
    rest = len(messages) - MESSAGES
    return tuple(messages) if rest <= 0 else (*messages[:MESSAGES], f"and {rest} more files")


def _failure(batch: Batch) -> InvalidInput:
    first = batch.errors[0] if batch.errors else {"code": InvalidInput.code, "description": batch.status}
    said = f"batch {batch.id} was not ingested, so its files can be mended and sent again: {first['description']}"
    return InvalidInput(said, code=first["code"], samples=list(first.get("rows", ())), batch=batch.id)

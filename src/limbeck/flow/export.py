"""Dataset export: the current snapshot of datasets as files in the export area (REST contract, section 8.4).

    {path}/{datasetId}/exportTime=YYYYMMDDHHMMSS/part-NNNNN-{run}[.gz].parquet, or .json[.gz], or .csv[.gz]

An export appears whole: where folders can be renamed, it is written into a hidden one beside `{datasetId}`; elsewhere
it is one file. Nothing half-written is ever listed, and the names in `{datasetId}` sort by time. The files carry the id
of their run, by which a run that was killed knows what it had written.

What a run exports it decides, and keeps, before it writes anything: for each dataset the snapshot after which rows are
new, and the one up to which it exports. Of an incremental flow the last successful run tells the former; so the
transaction that makes a run a success moves the mark, and no other does.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from limbeck import clock, crash
from limbeck.disk import Leftover, is_part, leftover
from limbeck.engine import Engine, Table
from limbeck.engine.sql import quoted, quoted_list
from limbeck.errors import InvalidInput
from limbeck.files import Folder
from limbeck.flow import runs
from limbeck.flow.forms import Form, rows_of
from limbeck.flow.landingzone import LandingZone
from limbeck.flow.model import Metrics, Resource, Run, Runner
from limbeck.flow.resources import Resources
from limbeck.flow.runs import Runs
from limbeck.flow.storage import FolderStorage
from limbeck.lake import Dataset, Lake
from limbeck.lake.added import Added, Part
from limbeck.scope import Sandbox
from limbeck.store import Store
from limbeck.store.queue import Later

HIDDEN = re.compile(r"\.export-[0-9a-f]{24}-(?P<run>[0-9a-f-]{36})")
"""The name of the folder in which the export of a dataset is written."""

FULL, INCREMENTAL = "DAILY_FULL_EXPORT", "FIRST_FULL_THEN_INCREMENTAL"
"""AEP's modes of an export: everything each time; or that once, and then what is new."""

SPANS = "spans"
"""The key of a run's payload that says what it exports: for each dataset, after and up to which snapshot."""

PART = "limbeck_part_"
WAIT_S = 1.0
"""How long a run of an incremental flow waits for another to end, before it looks again."""

EXPORTED = re.compile(r"exportTime=(?P<time>\d{14})")
EXPORTED_FILE = re.compile(r"part-\d{5,}-(?P<run>[0-9a-f-]{36})((\.gz)?\.parquet|\.(json|csv)(\.gz)?)")
"""The names of an export and of its files."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of an export."""

    name: str
    """Inside the export area."""
    bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Written:
    """What the export of one dataset made, and of how many files and bytes of the lake."""

    files: tuple[File, ...]
    lake_files: int
    lake_bytes: int


class DatasetExport(Runner):
    """Runs the flows that lead from the data lake into the export area."""

    def __init__(
        self, store: Store, resources: Resources, lake: Lake, engine: Engine, zone: LandingZone, scratch: Path
    ) -> None:
        self._store = store
        self._resources = resources
        self._lake = lake
        self._engine = engine
        self._zone = zone
        self._scratch = scratch

    def run(self, sandbox: Sandbox, flow: Resource, run: Run) -> Metrics:
        """Export each dataset of the flow, or those that the run was asked for; what this run has written stays.

        Of an incremental flow, what came since its last successful run. Raise `NotFound` for a dataset that is gone,
        `DiskFull` and `LandingZoneError` if it cannot be written, `SnapshotExpired` if it was interrupted for so long
        that the snapshot it exports is no longer kept, and `Later` while another run of the flow goes on.
        """
        source = self._resources.get(sandbox, "sourceConnection", flow.body["sourceConnectionIds"][0])
        target = self._resources.get(sandbox, "targetConnection", flow.body["targetConnectionIds"][0])
        datasets = [self._lake.datasets.get(sandbox, d) for d in run.payload.get("datasets") or dataset_ids(source)]
        spans = run.payload.get(SPANS) or self._decide(flow, run, datasets)
        return _metrics([self._export(d, _Span(*spans[d.id]), target, run) for d in datasets])

    def _decide(self, flow: Resource, run: Run, datasets: Sequence[Dataset]) -> dict[str, tuple[int | None, int]]:
        """Keep with the run what it is to export, so that it goes on with the same after a crash."""
        with self._store.write() as connection:
            marks = _marks(connection, flow, run) if is_incremental(flow) else {}
            spans = {d.id: (marks.get(d.id), d.snapshot) for d in datasets}
            runs.remember(connection, run, **{SPANS: spans})
        crash.point("flow.export-decided")
        return spans

    def _export(self, dataset: Dataset, span: _Span, target: Resource, run: Run) -> Written:
        parent = self._zone.path("export", str(target.params.get("path") or ""))
        found = self._lake.added(dataset, span.since or 0, span.until)
        files = self._of_run(_below(parent, dataset.id), run)
        if not files and (found.rows or span.since is None):
            files = self._write(dataset, found, parent, Form.of(target), run)
        sources = [*found.files, *(part.file for part in found.parts)]
        return Written(files, len(sources), sum(f.bytes for f in sources))

    def _write(self, dataset: Dataset, found: Added, parent: str, form: Form, run: Run) -> tuple[File, ...]:
        """Write rows of *dataset* into a new folder."""
        work = self._scratch / f"export-{run.id}"
        shutil.rmtree(work, ignore_errors=True)
        names = _times(_below(parent, dataset.id), clock.now())
        try:
            parts = self._fill(work, dataset, found, form, run)
            counted = [(name, path.stat().st_size, rows_of(path)) for name, path in parts.items()]
            hidden = _below(parent, f".export-{dataset.id}-{run.id}")
            appeared = self._zone.write_together("export", hidden, names, parts)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        crash.point("flow.export-renamed")
        return tuple(File(f"{appeared}/{name}", size, rows) for name, size, rows in counted)

    def _fill(self, work: Path, dataset: Dataset, found: Added, form: Form, run: Run) -> dict[str, Path]:
        """Write rows of *dataset* into the folder *work*; return the files by the names they are to have."""
        whole = self._lake.table_of(dataset, found.files)
        parts = {f"{PART}{n}": part for n, part in enumerate(found.parts)}
        tables = [whole, *(self._lake.table_of(dataset, [part.file], name) for name, part in parts.items())]
        rows = _union(whole, parts)
        with self._engine.session(tables, ordered=bool(parts)) as session:
            select = form.select(rows, dataset.schema.type)
            is_one = not self._zone.appear_together
            made = session.write(select, form.type, form.compression, form.options, one_file=is_one)
            named = {f"part-{number:05d}-{run.id}.{form.ending}": path for number, path in enumerate(made)}
            for name, path in named.items():
                Folder(work).adopt(path, name)
        return {name: work / name for name in named}

    def _of_run(self, home: str, run: Run) -> tuple[File, ...]:
        """Return the files that this run had written for a dataset before its process was killed."""
        found = [f for f in self._zone.files("export", home) if _run_of(f.name) == run.id]
        return tuple(File(f.path, f.bytes, self._rows(f.path)) for f in found)

    def _rows(self, name: str) -> int:
        with self._zone.local("export", name) as path:
            return rows_of(path)


@dataclass(frozen=True, slots=True)
class _Span:
    """What a run exports of a dataset: what came after one snapshot, if it is not everything, up to another."""

    since: int | None
    until: int


def is_incremental(flow: Resource) -> bool:
    """Whether a flow exports what is new, after everything once; raise `InvalidInput` for a mode that AEP has not."""
    timing = flow.body.get("scheduleParams")
    mode = (timing.get("exportMode") if isinstance(timing, Mapping) else None) or FULL
    if str(mode).upper() not in (FULL, INCREMENTAL):
        raise InvalidInput(f"scheduleParams.exportMode is {mode!r}; use {FULL} or {INCREMENTAL}")
    return str(mode).upper() == INCREMENTAL


def _marks(connection: Connection, flow: Resource, run: Run) -> dict[str, int]:
    """Return up to which snapshot successful runs of a flow have exported each dataset.

    Raise `Later` while another run goes on, which may move them.
    """
    found: dict[str, int] = {}
    for other in runs.of_flow(connection, flow.id):
        spans = other.payload.get(SPANS, {})
        if other.id != run.id and other.status == "inProgress" and spans:
            raise Later(WAIT_S)
        if other.status == "success":
            found |= {dataset: until for dataset, (_, until) in spans.items() if until > found.get(dataset, -1)}
    return found


def _union(whole: Table, parts: Mapping[str, Part]) -> str:
    """Return the relation of a table's rows and of parts of others."""
    names = quoted_list(whole.schema.names)
    selects = [f"SELECT {names} FROM {quoted(whole.name)}"]
    for name, part in parts.items():
        numbered = f"SELECT *, row_number() OVER () AS limbeck_number FROM {quoted(name)}"
        wanted = " OR ".join(f"limbeck_number BETWEEN {first} AND {last}" for first, last in part.spans)
        selects.append(f"SELECT {names} FROM ({numbered}) WHERE {wanted}")
    return f"({' UNION ALL '.join(selects)})" if parts else quoted(whole.name)


def dataset_ids(source: Resource) -> list[str]:
    """Return the datasets that a source connection to the data lake reads; raise `InvalidInput` if it names none."""
    raw = source.params.get("datasets")
    raw = raw if isinstance(raw, list) else []
    found = [str(d["dataSetId"]) for d in raw if isinstance(d, dict) and d.get("dataSetId")]
    if not found or len(found) != len(raw):
        raise InvalidInput("a source connection to the data lake names its datasets: params.datasets: [{dataSetId}]")
    return found


def sweep(zone: LandingZone, runs: Runs) -> int:
    """Remove the hidden folders that killed exports left behind, unless their run goes on; return how many."""
    hidden = [path for path in _folders(zone) if _is_over(path, runs)]
    for path in hidden:
        shutil.rmtree(path, ignore_errors=True)
    return len(hidden)


def leftovers(zone: LandingZone, runs: Runs, before: datetime) -> Iterator[Leftover]:
    """Yield what `sweep` removes, and whole exports from before *before*: folders that hold files of exports only.

    They are folders of this machine: elsewhere, the place's own rules say how long files are kept.
    """
    for path in _folders(zone):
        found = None
        if is_part(path.name) or _is_over(path, runs):
            found = leftover(path, "an export that was interrupted")
        elif _is_export(path, runs, before):
            found = leftover(path, f"an export from before {before:%Y-%m-%d %H:%M}", before.timestamp())
        if found is not None:
            yield found


def _folders(zone: LandingZone) -> Iterator[Path]:
    """Yield the folders of this machine that are exports, or on the way there."""
    if not isinstance(zone.storage, FolderStorage):
        return
    for parent, folders, _ in os.walk(zone.storage.area("export")):
        for name in list(folders):
            if HIDDEN.fullmatch(name) or name.lstrip(".").startswith("exportTime="):
                folders.remove(name)
                yield Path(parent) / name


def _is_over(path: Path, runs: Runs) -> bool:
    hidden = HIDDEN.fullmatch(path.name)
    return hidden is not None and _has_ended(hidden["run"], runs)


def _has_ended(run_id: str, runs: Runs) -> bool:
    run = runs.by_id(run_id)
    return run is None or run.is_ended


def _is_export(path: Path, runs: Runs, before: datetime) -> bool:
    """Whether a folder was made by exports before *before*, and all that lies in it."""
    time = EXPORTED.fullmatch(path.name)
    if time is None or time["time"] >= f"{before:%Y%m%d%H%M%S}":
        return False
    run_ids = [_run_of(file.name) for file in path.iterdir()]
    return bool(run_ids) and all(run_id is not None and _has_ended(run_id, runs) for run_id in run_ids)


def _times(home: str, moment: datetime) -> Iterator[str]:
    """Yield the names of an export in the folder of its dataset: for *moment*, and for each second after it."""
    while True:
        yield f"{home}/exportTime={moment:%Y%m%d%H%M%S}"
        moment += timedelta(seconds=1)


def _below(parent: str, name: str) -> str:
    return f"{parent}/{name}" if parent else name


def _run_of(name: str) -> str | None:
    """Return the run that wrote a file of an export, by its name."""
    found = EXPORTED_FILE.fullmatch(name)
    return found["run"] if found else None


def _metrics(exports: Sequence[Written]) -> Metrics:
    files = [file for written in exports for file in written.files]
    rows = sum(file.rows for file in files)
    return Metrics(
        input_files=sum(w.lake_files for w in exports),
        output_files=len(files),
        input_bytes=sum(w.lake_bytes for w in exports),
        output_bytes=sum(file.bytes for file in files),
        input_records=rows,
        output_records=rows,
    )

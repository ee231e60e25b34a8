"""Dataset export: the current snapshot of datasets as files in the export area (REST contract, section 8.4).

    {path}/{datasetId}/exportTime=YYYYMMDDHHMMSS/part-NNNNN-{run}[.gz].parquet, or .json[.gz], or .csv[.gz]

An export appears whole: where folders can be renamed, it is written into a hidden one beside `{datasetId}`; elsewhere
it is one file. Nothing half-written is ever listed, and the names in `{datasetId}` sort by time. The files carry the id
of their run, by which a run that was killed knows what it had written.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from limbeck import clock, crash
from limbeck.disk import Leftover, is_part, leftover
from limbeck.engine import Engine
from limbeck.errors import InvalidInput
from limbeck.files import Folder
from limbeck.flow.forms import Form, rows_of
from limbeck.flow.landingzone import LandingZone
from limbeck.flow.model import Metrics, Resource, Run, Runner
from limbeck.flow.resources import Resources
from limbeck.flow.runs import Runs
from limbeck.flow.storage import FolderStorage
from limbeck.lake import Dataset, Lake
from limbeck.scope import Sandbox

HIDDEN = re.compile(r"\.export-[0-9a-f]{24}-(?P<run>[0-9a-f-]{36})")
"""The name of the folder in which the export of a dataset is written."""

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

    def __init__(self, resources: Resources, lake: Lake, engine: Engine, zone: LandingZone, scratch: Path) -> None:
        self._resources = resources
        self._lake = lake
        self._engine = engine
        self._zone = zone
        self._scratch = scratch

    def run(self, sandbox: Sandbox, flow: Resource, run: Run) -> Metrics:
        """Export each dataset of the flow, or those that the run was asked for; what this run has written stays.

        Raise `NotFound` for a dataset that is gone, `DiskFull` and `LandingZoneError` if it cannot be written.
        """
        source = self._resources.get(sandbox, "sourceConnection", flow.body["sourceConnectionIds"][0])
        target = self._resources.get(sandbox, "targetConnection", flow.body["targetConnectionIds"][0])
        wanted = run.payload.get("datasets") or dataset_ids(source)
        return _metrics([self._export(sandbox, d, target, run) for d in wanted])

    def _export(self, sandbox: Sandbox, dataset_id: str, target: Resource, run: Run) -> Written:
        dataset = self._lake.datasets.get(sandbox, dataset_id)
        parent = self._zone.path("export", str(target.params.get("path") or ""))
        found = self._of_run(_below(parent, dataset.id), run) or self._write(dataset, parent, Form.of(target), run)
        sources = self._lake.files(dataset)
        return Written(found, len(sources), sum(f.bytes for f in sources))

    def _write(self, dataset: Dataset, parent: str, form: Form, run: Run) -> tuple[File, ...]:
        """Write the rows of *dataset* into a new folder."""
        work = self._scratch / f"export-{run.id}"
        shutil.rmtree(work, ignore_errors=True)
        names = _times(_below(parent, dataset.id), clock.now())
        try:
            parts = self._fill(work, dataset, form, run)
            counted = [(name, path.stat().st_size, rows_of(path)) for name, path in parts.items()]
            hidden = _below(parent, f".export-{dataset.id}-{run.id}")
            appeared = self._zone.write_together("export", hidden, names, parts)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        crash.point("flow.export-renamed")
        return tuple(File(f"{appeared}/{name}", size, rows) for name, size, rows in counted)

    def _fill(self, work: Path, dataset: Dataset, form: Form, run: Run) -> dict[str, Path]:
        """Write the rows of *dataset* into the folder *work*; return the files by the names they are to have."""
        table = self._lake.table(dataset)
        with self._engine.session([table]) as session:
            select = form.select(table.name, dataset.schema.type)
            is_one = not self._zone.appear_together
            made = session.write(select, form.type, form.compression, form.options, one_file=is_one)
            parts = {f"part-{number:05d}-{run.id}.{form.ending}": path for number, path in enumerate(made)}
            for name, path in parts.items():
                Folder(work).adopt(path, name)
        return {name: work / name for name in parts}

    def _of_run(self, home: str, run: Run) -> tuple[File, ...]:
        """Return the files that this run had written for a dataset before its process was killed."""
        found = [f for f in self._zone.files("export", home) if _run_of(f.name) == run.id]
        return tuple(File(f.path, f.bytes, self._rows(f.path)) for f in found)

    def _rows(self, name: str) -> int:
        with self._zone.local("export", name) as path:
            return rows_of(path)


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

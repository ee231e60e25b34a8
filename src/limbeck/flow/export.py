"""Dataset export: the current snapshot of datasets as files in the export area (REST contract, section 8.4).

    {path}/{datasetId}/exportTime=YYYYMMDDHHMMSS/part-NNNNN-{run}[.gz].parquet, or .json[.gz], or .csv[.gz]

An export is written into a hidden folder beside `{datasetId}` and renamed: nothing half-written is ever listed, and
the names in `{datasetId}` sort by time. The files carry the id of their run, by which a run that was killed knows
what it had written.
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
from limbeck.files.folder import sync
from limbeck.flow.forms import Form, rows_of
from limbeck.flow.landingzone import LandingZone, zone_named
from limbeck.flow.model import Metrics, Resource, Run, Runner
from limbeck.flow.resources import Resources
from limbeck.flow.runs import Runs
from limbeck.lake import Dataset, Lake
from limbeck.scope import Sandbox

HIDDEN = re.compile(r"\.export-[0-9a-f]{24}-(?P<run>[0-9a-f-]{36})")
"""The name of the folder in which the export of a dataset is written."""

EXPORTED = re.compile(r"exportTime=(?P<time>\d{14})")
EXPORTED_FILE = re.compile(r"part-\d{5,}-(?P<run>[0-9a-f-]{36})((\.gz)?\.parquet|\.(json|csv)(\.gz)?)")
"""The names of an export and of its files."""


@dataclass(frozen=True, slots=True)
class Written:
    """What the export of one dataset made, and of how many files and bytes of the lake."""

    files: tuple[Path, ...]
    lake_files: int
    lake_bytes: int


class DatasetExport(Runner):
    """Runs the flows that lead from the data lake into the export area."""

    def __init__(self, resources: Resources, lake: Lake, engine: Engine, zone: LandingZone) -> None:
        self._resources = resources
        self._lake = lake
        self._engine = engine
        self._zone = zone

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
        home = parent / dataset.id
        found = _of_run(home, run)
        if not found:
            found = self._write(dataset, parent, Form.of(target), run)
        sources = self._lake.files(dataset)
        return Written(tuple(found), len(sources), sum(f.bytes for f in sources))

    def _write(self, dataset: Dataset, parent: Path, form: Form, run: Run) -> list[Path]:
        moment = clock.now()
        hidden = parent / f".export-{dataset.id}-{run.id}"
        try:
            shutil.rmtree(hidden, ignore_errors=True)
            self._fill(hidden, dataset, form, run)
            crash.point("flow.export-written")
            appeared = _appear(hidden, parent / dataset.id, moment)
        except BaseException:
            shutil.rmtree(hidden, ignore_errors=True)
            raise
        crash.point("flow.export-renamed")
        return sorted(appeared.iterdir())

    def _fill(self, hidden: Path, dataset: Dataset, form: Form, run: Run) -> None:
        """Write the rows of *dataset* into the folder *hidden*."""
        table = self._lake.table(dataset)
        with self._engine.session([table]) as session:
            select = form.select(table.name, dataset.schema.type)
            made = session.write(select, form.type, form.compression, form.options)
            with zone_named(hidden):
                hidden.mkdir(parents=True)
                for number, path in enumerate(made):
                    Folder(hidden).adopt(path, f"part-{number:05d}-{run.id}.{form.ending}")


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
    """Yield what `sweep` removes, and whole exports from before *before*: folders that hold files of exports only."""
    for path in _folders(zone):
        found = None
        if is_part(path.name) or _is_over(path, runs):
            found = leftover(path, "an export that was interrupted")
        elif _is_export(path, runs, before):
            found = leftover(path, f"an export from before {before:%Y-%m-%d %H:%M}", before.timestamp())
        if found is not None:
            yield found


def _folders(zone: LandingZone) -> Iterator[Path]:
    """Yield the folders of the export area that are exports, or on the way there."""
    for parent, folders, _ in os.walk(zone.area("export")):
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
    files = [EXPORTED_FILE.fullmatch(file.name) for file in path.iterdir()]
    return bool(files) and all(f is not None and _has_ended(f["run"], runs) for f in files)


def _appear(hidden: Path, home: Path, moment: datetime) -> Path:
    """Rename a finished folder to the time of its export; to a second later, as long as that one is taken."""
    with zone_named(home):
        home.mkdir(parents=True, exist_ok=True)
        while True:
            target = home / f"exportTime={moment:%Y%m%d%H%M%S}"
            moment += timedelta(seconds=1)
            if target.exists():
                continue
            try:
                hidden.rename(target)
            except OSError:
                if not target.exists():
                    raise
                continue  # another export took the name meanwhile
            sync(home)
            return target


def _of_run(home: Path, run: Run) -> list[Path]:
    return sorted(home.glob(f"exportTime=*/part-*-{run.id}.*"))


def _metrics(exports: Sequence[Written]) -> Metrics:
    files = [path for written in exports for path in written.files]
    rows = sum(map(rows_of, files))
    return Metrics(
        input_files=sum(w.lake_files for w in exports),
        output_files=len(files),
        input_bytes=sum(w.lake_bytes for w in exports),
        output_bytes=sum(path.stat().st_size for path in files),
        input_records=rows,
        output_records=rows,
    )

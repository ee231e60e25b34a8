"""Incremental exports: everything once, then each row once, whatever happens to the dataset and to the runs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq
import pytest

import limbeck
from limbeck import ids
from limbeck.client import Client
from limbeck.flow.export import INCREMENTAL
from limbeck.lake import Dataset, maintain
from limbeck.platform import Platform
from limbeck.scope import Sandbox
from limbeck.store.queue import Later
from limbeck.xdm.types import Field, Object, Scalar
from tests.behaviour import children
from tests.behaviour.flow_scores import done, idle
from tests.platforms import embedded, served

FLOWS = "/data/foundation/flowservice/flows"
SOURCE, TARGET = "23598e46-f560-407b-88d5-ea6207e49db0", "10440537-2a7b-4583-ac39-ed38d4b848e8"


def exporter(platform: Platform, sandbox: Sandbox, name: str, **timing: Any) -> tuple[str, Dataset]:
    """An incremental flow into the folder *name*, and its dataset."""
    schema = platform.registry.adhoc_schema(sandbox, name, Object((Field("n", Scalar("long")),)))
    dataset = platform.lake.create_dataset(sandbox, name, schema.id, table=name)
    create = platform.flows.create
    read = {"connectionSpec": {"id": SOURCE}, "params": {"datasets": [{"dataSetId": dataset.id}]}}
    write = {"connectionSpec": {"id": TARGET}, "params": {"path": name, "datasetFileType": "json"}}
    body = {
        "flowSpec": {"id": "cd2fc47e-e838-4f38-a581-8fff2f99b63a"},
        "sourceConnectionIds": [create(sandbox, "sourceConnection", read).id],
        "targetConnectionIds": [create(sandbox, "targetConnection", write).id],
        "scheduleParams": {"startTime": 4_000_000_000, "timeUnit": "day", "exportMode": INCREMENTAL, **timing},
    }
    return create(sandbox, "flow", body).id, dataset


def append(platform: Platform, dataset: Dataset, rows: list[int]) -> None:
    path = platform.settings.scratch / ids.ulid()
    pq.write_table(pa.table({"n": pa.array(rows, pa.int64())}), path)
    platform.lake.append(dataset, [path])


def exported(home: Path, name: str) -> list[list[int]]:
    """The rows of each export, oldest first."""
    found: dict[str, list[int]] = {}
    for file in sorted((home / "landing-zone" / "dlz-destination" / name).glob("*/exportTime=*/*.json")):
        rows = pj.read_json(file)["n"].to_pylist() if file.stat().st_size else []
        found.setdefault(file.parent.name, []).extend(rows)
    return [sorted(rows) for _, rows in sorted(found.items())]


class Story:
    """A dataset, its incremental flow, and what the flow has to export."""

    def __init__(self, platform: Platform, sandbox: Sandbox, name: str, seed: int) -> None:
        self.platform, self.sandbox, self.name = platform, sandbox, name
        self.flow, self.dataset = exporter(platform, sandbox, name)
        self.random = random.Random(seed)
        self.new: dict[str, list[int]] = {}
        """Rows of batches that no successful run has exported, and which are still there."""
        self.next = 0
        self.exports: list[list[int]] = []

    def step(self) -> None:
        weights = {"append": 6, "compact": 3, "revert": 2, "expire": 3, "export": 3, "fail": 1}
        getattr(self, self.random.choices(list(weights), list(weights.values()))[0])()

    def append(self) -> None:
        rows = list(range(self.next, self.next + self.random.randint(1, 5)))
        self.next += len(rows)
        before = set(self.batches())
        append(self.platform, self.dataset, rows)
        (made,) = set(self.batches()) - before
        self.new[made] = rows

    def batches(self) -> list[str]:
        found = self.platform.lake.batches.find(self.sandbox, dataset_id=self.dataset.id)
        return [b.id for b in found if b.status == "success"]

    def compact(self) -> None:
        now = self.platform.lake.datasets.by_id(self.dataset.id)
        maintain.compact(self.platform.store, self.platform.lake, self.platform.engine, now)

    def revert(self) -> None:
        batches = self.batches()
        if batches:
            chosen = self.random.choice(batches)
            self.platform.ingest.revert(self.platform.lake.batches.by_id(chosen))
            self.new.pop(chosen, None)

    def expire(self) -> None:
        maintain.expire(self.platform.store, self.platform.settings, timedelta(seconds=-1))

    def fail(self) -> None:
        run = self.platform.flows.run(self.sandbox, self.flow)
        folder = self.platform.settings.home / "landing-zone" / "dlz-destination"
        folder.rename(folder.with_name("away"))
        folder.write_text("in the way")
        try:
            self.platform.flows.work(run.id)
        except Later:
            self.platform.flows.give_up(run.id, "it is enough")
        finally:
            folder.unlink()
            folder.with_name("away").rename(folder)

    def export(self) -> None:
        before = len(exported(self.platform.settings.home, self.name))
        run = done(self.platform, self.platform.flows.run(self.sandbox, self.flow))
        assert run.status == "success", run.errors
        made = exported(self.platform.settings.home, self.name)[before:]
        wanted = sorted(n for rows in self.new.values() for n in rows)
        assert [n for rows in made for n in rows] == wanted
        assert run.metrics.output_records == len(wanted)
        assert len(made) == (1 if wanted or not self.exports else 0)
        self.exports.append(wanted)
        self.new = {}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Platform, Sandbox]]:
    with idle(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.mark.parametrize("seed", range(6))
def test_each_row_leaves_once_whatever_happens(opened: tuple[Platform, Sandbox], seed: int) -> None:
    """Batches come and are taken back, files are merged, snapshots expire, runs fail."""
    story = Story(*opened, f"story{seed}", seed)
    for _ in range(25):
        story.step()
    story.export()


def test_rows_leave_once_where_only_a_merged_file_tells_of_them(opened: tuple[Platform, Sandbox]) -> None:
    story = Story(*opened, "merged", 1)
    for name in ("append", "export", "append", "compact", "expire", "append", "compact", "expire", "export", "export"):
        getattr(story, name)()
    assert [len(rows) > 0 for rows in story.exports] == [True, True, False]


def test_a_flow_that_becomes_incremental_goes_on_where_it_was(opened: tuple[Platform, Sandbox]) -> None:
    platform, sandbox = opened
    flow, dataset = exporter(platform, sandbox, "becomes", exportMode="DAILY_FULL_EXPORT")
    append(platform, dataset, [1, 2])
    for _ in range(2):
        done(platform, platform.flows.run(sandbox, flow))
    etag = platform.flows.resources.get(sandbox, "flow", flow).etag
    change = [{"op": "Replace", "path": "/scheduleParams/exportMode", "value": INCREMENTAL}]
    platform.flows.patch(sandbox, "flow", flow, change, etag)
    append(platform, dataset, [3])
    done(platform, platform.flows.run(sandbox, flow))
    assert exported(platform.settings.home, "becomes") == [[1, 2], [1, 2], [3]]


def test_a_run_waits_for_another_of_its_flow(opened: tuple[Platform, Sandbox]) -> None:
    platform, sandbox = opened
    flow, dataset = exporter(platform, sandbox, "waits")
    append(platform, dataset, [1])
    first, second = (platform.flows.run(sandbox, flow) for _ in range(2))
    obstacle = platform.settings.home / "landing-zone" / "dlz-destination" / "waits"
    obstacle.parent.mkdir(exist_ok=True, parents=True)
    obstacle.write_text("in the way")
    with pytest.raises(Later):
        platform.flows.work(first.id)
    obstacle.unlink()
    with pytest.raises(Later):
        platform.flows.work(second.id)
    done(platform, first)
    assert done(platform, second).metrics.output_records == 0
    assert exported(platform.settings.home, "waits") == [[1]]


# -- killed ------------------------------------------------------------------------------------------------------------


def run_flow(home: Path, flow: str) -> None:
    with limbeck.connect(home) as aep:
        aep.wait_run(aep.run_flow(flow))


POINTS = (
    "flow.export-decided",
    "flow.export-written",
    "flow.export-renamed",
    *(f"store.write.before-commit:{n}" for n in range(3, 7)),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[str, Dataset]]]:
    """A home with a flow for each point at which it is killed, which has exported one row and has another to do."""
    home = tmp_path_factory.mktemp("killed")
    flows = {}
    with idle(home) as (platform, sandbox):
        for number, point in enumerate(POINTS):
            flow, dataset = exporter(platform, sandbox, f"killed{number}")
            append(platform, dataset, [1])
            done(platform, platform.flows.run(sandbox, flow))
            append(platform, dataset, [2])
            flows[point] = flow, dataset
    return home, flows


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_neither_loses_nor_doubles_rows(
    home: tuple[Path, dict[str, tuple[str, Dataset]]], point: str
) -> None:
    where, flows = home
    flow, dataset = flows[point]

    children.killed(run_flow, where, flow, crash_at=point)

    with idle(where) as (platform, _):
        append(platform, dataset, [3])
    with limbeck.connect(where) as aep:
        for run in aep.flow_runs(flow):
            aep.wait_run(run.id)
        aep.wait_run(aep.run_flow(flow))
    found = exported(where, dataset.table)
    assert found[0] == [1]
    assert sorted(n for rows in found for n in rows) == [1, 2, 3]


# -- by a schedule -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opening", [embedded, served])
def test_a_scheduled_export_is_done_by_the_worker(
    tmp_path: Path, opening: Callable[[Path], AbstractContextManager[Client]]
) -> None:
    home = tmp_path / "home"
    timing = {"startTime": "1", "frequency": "hour", "interval": "1", "exportMode": INCREMENTAL}
    with opening(home) as aep:
        aep.sql("CREATE TABLE hourly AS SELECT 1 AS n")
        (dataset,) = [d for d in aep.datasets() if d.table == "hourly"]
        made = aep.create_export("hourly", dataset, "hourly")
        (body,) = aep._transport.call("GET", f"{FLOWS}/{made}")["items"]
        kept = {k: body[k] for k in ("flowSpec", "sourceConnectionIds", "targetConnectionIds")}
        flow = aep._transport.call("POST", FLOWS, json={**kept, "name": "by itself", "scheduleParams": timing})["id"]
        while not (found := aep.flow_runs(flow)):
            """The worker is on its way."""
        run = aep.wait_run(found[0].id)
    assert (run.status, run.rows, run.files) == ("success", 1, 1)
    (file,) = (home / "landing-zone" / "dlz-destination" / "hourly").glob("*/exportTime=*/*.parquet")
    assert pq.read_metadata(file).num_rows == 1

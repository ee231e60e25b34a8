"""A run whose process is killed is taken up again, and ends once: no file comes in twice, no export is there twice."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import limbeck
from limbeck.client import Client, Dataset
from tests.behaviour import children
from tests.behaviour.flow_scores import csv, idle, parquet, pickup, put, score_dataset, scores


def run_flow(home: Path, flow: str) -> None:
    """What a user does."""
    with limbeck.connect(home) as aep:
        aep.wait_run(aep.run_flow(flow))


def newest(aep: Client, flow: str) -> str:
    """The run that was killed; those by the flow's schedule are older."""
    return max(aep.flow_runs(flow), key=lambda run: run.created).id


def nothing_left(home: Path) -> None:
    """No staged file is left, and none is named."""
    assert [p for p in (home / "staging").rglob("*") if p.is_file()] == []
    with sqlite3.connect(home / "limbeck.db") as store:
        assert store.execute("select name from staged_files").fetchall() == []


@pytest.fixture(scope="module")
def pickup_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[str, Dataset]]]:
    """A home with a flow and two new files for each point at which it is killed."""
    home = tmp_path_factory.mktemp("home")
    with limbeck.connect(home) as aep:
        flows = {point: pickup(aep, point.replace(":", " ")) for point in PICKUP}
    return home, flows


PICKUP: dict[str, int | None] = {
    "flow.file-copied": 0,
    "flow.file-copied:2": 0,
    **{f"store.write.before-commit:{n}": None for n in range(4, 12)},
    "flow.batch-made": 0,
    "ingest.converted": 0,
    "lake.publish.before-commit": 0,
    "lake.publish.committed": 2,
    "flow.batch-completed": 2,
}
"""Where it is killed, and how many rows are there then; None: all of them or none."""


@pytest.mark.parametrize("point", PICKUP)
def test_each_file_comes_in_once(pickup_home: tuple[Path, dict[str, tuple[str, Dataset]]], point: str) -> None:
    home, flows = pickup_home
    flow, dataset = flows[point]
    folder = home / "landing-zone" / "dlz-user-container" / point.replace(":", " ")
    folder.mkdir(parents=True)
    (folder / "a.csv").write_bytes(csv(("u1", 1)))
    (folder / "b.parquet").write_bytes(parquet({"userId": "u2", "prediction": 2.0}))

    children.killed(run_flow, home, flow, crash_at=point)

    with idle(home) as (platform, sandbox):
        made = platform.lake.files(platform.lake.datasets.get(sandbox, dataset.id))
        assert sum(f.rows for f in made) in ((0, 2) if PICKUP[point] is None else (PICKUP[point],))
    with limbeck.connect(home) as aep:
        run = aep.wait_run(newest(aep, flow))
        assert scores(aep, dataset) == [("u1", 1.0), ("u2", 2.0)]
        assert (run.status, run.rows) == ("success", 2)
        assert aep.wait_run(aep.run_flow(flow)).rows == 0
        (batch,) = aep.batches(dataset)
        assert (batch.status, batch.rows) == ("success", 2)
        nothing_left(home)


@pytest.mark.parametrize("point", ["flow.export-written", "flow.export-renamed"])
def test_an_export_is_there_once(tmp_path: Path, point: str) -> None:
    home = tmp_path / "home"
    with limbeck.connect(home) as aep:
        dataset, _ = score_dataset(aep, "exported")
        (tmp_path / "rows.json").write_text(json.dumps({f"_{aep.tenant}": {"userid": "u1", "score": 1.0}}))
        aep.upload(dataset, tmp_path / "rows.json")
        flow = aep.create_export("exported", dataset, "out")
    place = home / "landing-zone" / "dlz-destination" / "out"

    children.killed(run_flow, home, flow, crash_at=point)

    names = sorted(p.name for p in place.iterdir())
    hidden = [n for n in names if n.startswith(".")]
    assert len(hidden) == (1 if point == "flow.export-written" else 0)
    before = sorted(place.glob("[!.]*/*/*"))
    with limbeck.connect(home) as aep:
        run = aep.wait_run(newest(aep, flow))
        assert [n.rpartition("/")[2] for n in aep.landing_zone("export").list("out")] == [dataset.id]
    (file,) = place.rglob("*.parquet")
    assert before in ([], [file])
    assert (run.status, run.rows, run.files, run.bytes) == ("success", 1, 1, file.stat().st_size)
    assert pq.read_table(file).num_rows == 1
    assert [p.name for p in place.iterdir()] == [dataset.id]


def test_a_run_that_was_queued_when_its_process_died_is_done_by_the_next(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with limbeck.connect(home) as aep:
        flow, dataset = pickup(aep, "queued")
        put(aep, "queued/a.csv", csv(("u1", 1)))
    with idle(home) as (platform, sandbox):
        run = platform.flows.run(sandbox, flow)
    with limbeck.connect(home) as aep:
        assert aep.wait_run(run.id).rows == 1
        assert scores(aep, dataset) == [("u1", 1.0)]

"""Datasets leave as Parquet in the export area: whole, once, and in the order of time."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import limbeck
from limbeck import ids
from limbeck.client import Client, Dataset, FlowRun
from limbeck.errors import (
    DiskFull,
    InvalidInput,
    LandingZoneError,
    LimbeckError,
    NotFound,
    NotServed,
    WrongState,
)
from limbeck.flow import LandingZone
from limbeck.flow.storage import FolderStorage
from tests.behaviour.flow_scores import ECID, score_dataset
from tests.disks import disk

FLOW = "/data/foundation/flowservice"
SOURCE, TARGET = "23598e46-f560-407b-88d5-ea6207e49db0", "10440537-2a7b-4583-ac39-ed38d4b848e8"
SPEC = "cd2fc47e-e838-4f38-a581-8fff2f99b63a"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def aep(home: Path) -> Iterator[Client]:
    with limbeck.connect(home) as client:
        yield client


@pytest.fixture(scope="module")
def some(aep: Client) -> Dataset:
    """A dataset for flows that are refused."""
    return score_dataset(aep, "some")[0]


@pytest.fixture
def zone(home: Path) -> Path:
    return home / "landing-zone" / "dlz-destination"


def fill(aep: Client, dataset: Dataset, folder: Path, *numbers: int) -> None:
    """Add rows with these numbers as one batch."""
    rows = [{f"_{aep.tenant}": {"userid": f"{ECID[:-5]}{n:05d}", "score": n / 7, "rank": n}} for n in numbers]
    path = folder / f"{ids.new_uuid()}.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    aep.upload(dataset, path)


def made(aep: Client, name: str, folder: Path, *numbers: int) -> Dataset:
    dataset, _ = score_dataset(aep, name)
    if numbers:
        fill(aep, dataset, folder, *numbers)
    return dataset


def post(aep: Client, kind: str, body: dict[str, Any]) -> str:
    return str(aep._transport.call("POST", f"{FLOW}/{kind}", json=body)["id"])


def raw_export(aep: Client, datasets: list[Dataset], spec: str = TARGET, **params: Any) -> str:
    """An export flow with these parameters of its target."""
    read = [{"dataSetId": d.id} for d in datasets]
    source = post(aep, "sourceConnections", {"connectionSpec": {"id": SOURCE}, "params": {"datasets": read}})
    target = post(aep, "targetConnections", {"connectionSpec": {"id": spec}, "params": params})
    flow = {"name": ids.new_uuid(), "flowSpec": {"id": SPEC}, "transformations": []}
    return post(aep, "flows", {**flow, "sourceConnectionIds": [source], "targetConnectionIds": [target]})


def export(aep: Client, flow: str) -> FlowRun:
    return aep.wait_run(aep.run_flow(flow))


def listed(zone: Path, path: str, dataset: Dataset) -> list[str]:
    """Everything that lies in the folder of a dataset, hidden or not."""
    return sorted(p.name for p in (zone / path / dataset.id).iterdir())


def test_the_current_snapshot_leaves_with_all_columns_and_digits(aep: Client, tmp_path: Path, zone: Path) -> None:
    dataset = made(aep, "current", tmp_path, 1, 2, 3)
    flow = aep.create_export("current", dataset, "cmle/egress")

    run = export(aep, flow)

    (folder,) = listed(zone, "cmle/egress", dataset)
    assert re.fullmatch(r"exportTime=\d{14}", folder)
    (file,) = (zone / "cmle/egress" / dataset.id / folder).iterdir()
    assert re.fullmatch(r"part-00000-[0-9a-f-]{36}\.gz\.parquet", file.name)
    table = pq.read_table(file)
    assert table.to_pylist() == aep.sql("select * from current").table().to_pylist()
    assert {r[f"_{aep.tenant}"]["userid"][-5:] for r in table.to_pylist()} == {"00001", "00002", "00003"}
    assert pq.read_metadata(file).row_group(0).column(0).compression == "GZIP"
    assert (run.status, run.rows, run.bytes, run.files) == ("success", 3, file.stat().st_size, 1)
    assert run.started is not None
    assert run.completed is not None
    assert run.created <= run.started <= run.completed


def test_the_client_fetches_the_newest_export(aep: Client, tmp_path: Path) -> None:
    dataset = made(aep, "newest", tmp_path, 1)
    flow = aep.create_export("newest", dataset, "deep/down/egress")
    export(aep, flow)
    fill(aep, dataset, tmp_path, 2)
    export(aep, flow)

    area = aep.landing_zone("export")
    first, second = area.list(f"deep/down/egress/{dataset.id}")

    assert area.list("deep/down") == ["deep/down/egress"]
    fetched = [area.download(p, tmp_path / p) for p in (first, second)]
    assert [sum(pq.read_metadata(f).num_rows for f in files) for files in fetched] == [1, 2]
    (only,) = area.list(first)
    assert area.read(only) == (tmp_path / only).read_bytes()
    assert area.list("deep/nowhere") == []
    with pytest.raises(NotFound, match="deep/nowhere"):
        area.download("deep/nowhere", tmp_path)
    with pytest.raises(NotFound):
        area.read("deep/nowhere")


def test_exports_in_the_same_second_get_different_names(aep: Client, tmp_path: Path, zone: Path) -> None:
    dataset = made(aep, "often", tmp_path, 1)
    flow = aep.create_export("often", dataset, "often")
    runs = [aep.run_flow(flow) for _ in range(5)]
    ends = [aep.wait_run(run) for run in runs]

    folders = listed(zone, "often", dataset)

    assert len(folders) == 5
    assert all(re.fullmatch(r"exportTime=\d{14}", f) for f in folders)
    by_name = [next(iter((zone / "often" / dataset.id / f).iterdir())).name for f in folders]
    in_time = sorted(ends, key=lambda run: str(run.completed))
    assert [name.removeprefix("part-00000-")[:36] for name in by_name] == [run.id for run in in_time]


def test_an_empty_dataset_leaves_as_one_file_without_rows(aep: Client, tmp_path: Path, zone: Path) -> None:
    dataset = made(aep, "nothing", tmp_path)

    run = export(aep, aep.create_export("nothing", dataset, "nothing"))

    (file,) = (zone / "nothing").rglob("*.parquet")
    assert pq.read_table(file).num_rows == 0
    assert pq.read_schema(file).names == aep.sql("select * from nothing").schema.names
    assert (run.status, run.rows, run.files) == ("success", 0, 1)


def test_several_datasets_leave_uncompressed_in_one_run(aep: Client, tmp_path: Path, zone: Path) -> None:
    datasets = [made(aep, "left", tmp_path, 1), made(aep, "right", tmp_path, 2, 3)]
    flow = raw_export(aep, datasets, path="both", compression="none", datasetFileType="parquet")

    run = export(aep, flow)

    files = sorted((zone / "both").rglob("*"))
    found = [f for f in files if f.is_file()]
    assert {f.parent.parent.name: pq.read_metadata(f).num_rows for f in found} == {datasets[0].id: 1, datasets[1].id: 2}
    assert not any(f.name.endswith(".gz.parquet") for f in found)
    assert {pq.read_metadata(f).row_group(0).column(0).compression for f in found} == {"UNCOMPRESSED"}
    assert (run.rows, run.files, run.bytes) == (3, 2, sum(f.stat().st_size for f in found))


def test_a_mode_that_there_is_not_is_refused(aep: Client, some: Dataset) -> None:
    found = aep._transport.call("GET", f"{FLOW}/flows/{raw_export(aep, [some], path='mode')}")["items"][0]
    body = {k: found[k] for k in ("name", "flowSpec", "sourceConnectionIds", "targetConnectionIds")}
    timing = {"interval": 3, "timeUnit": "hour", "startTime": 4_000_000_000}
    for mode in ("DAILY_FULL_EXPORT", "FIRST_FULL_THEN_INCREMENTAL"):
        post(aep, "flows", {**body, "scheduleParams": {**timing, "exportMode": mode}})
    with pytest.raises(InvalidInput, match="exportMode is 'DELTA'; use DAILY_FULL_EXPORT or FIRST_FULL"):
        post(aep, "flows", {**body, "scheduleParams": {**timing, "exportMode": "DELTA"}})


@pytest.mark.parametrize("packed", ["GZIP", "none"])
@pytest.mark.parametrize("kind", ["JSON", "csv"])
def test_rows_leave_as_json_and_csv(aep: Client, tmp_path: Path, zone: Path, kind: str, packed: str) -> None:
    name = f"{kind}_{packed}".lower()
    dataset = made(aep, name, tmp_path)
    odd = ['a "quoted", text', "two\nlines", "ü — €", "", None]
    text = "\n".join(json.dumps({f"_{aep.tenant}": {"userid": u, "score": n / 3}}) for n, u in enumerate(odd))
    (tmp_path / "rows.json").write_text(text)
    aep.upload(dataset, tmp_path / "rows.json")

    run = export(aep, raw_export(aep, [dataset], path=name, compression=packed, datasetFileType=kind))

    (file,) = [f for f in (zone / name).rglob("*") if f.is_file()]
    assert file.name.endswith({"GZIP": f".{kind.lower()}.gz", "none": f".{kind.lower()}"}[packed])
    frame = pd.read_json(file, lines=True) if kind == "JSON" else pd.read_csv(file, keep_default_na=False)
    column = [v if kind == "JSON" else json.loads(v) for v in frame[f"_{aep.tenant}"]]
    assert sorted(((r.get("userid"), r["score"]) for r in column), key=lambda r: r[1]) == [
        (u, pytest.approx(n / 3)) for n, u in enumerate(odd)
    ]
    assert (run.rows, run.files, run.bytes) == (len(odd), 1, file.stat().st_size)


def test_times_leave_as_xdm_writes_them(aep: Client, zone: Path) -> None:
    aep.sql("CREATE TABLE moments AS SELECT timestamp '2024-02-29 23:59:58.125' AS t, date '2024-02-29' AS d, 1 AS n")
    (dataset,) = [d for d in aep.datasets() if d.table == "moments"]
    for kind in ("json", "csv"):
        export(aep, raw_export(aep, [dataset], path=f"moments-{kind}", datasetFileType=kind))
    (rows,) = (zone / "moments-json").rglob("*.json")
    assert json.loads(rows.read_text()) == {"t": "2024-02-29T23:59:58.125Z", "d": "2024-02-29", "n": 1}
    (cells,) = (zone / "moments-csv").rglob("*.csv")
    assert cells.read_text() == "t,d,n\n2024-02-29T23:59:58.125Z,2024-02-29,1\n"


def test_the_container_before_a_path_is_the_area_itself(aep: Client, tmp_path: Path, zone: Path) -> None:
    dataset = made(aep, "older", tmp_path, 1)
    export(aep, raw_export(aep, [dataset], path="dlz-destination/older/", type="folder"))
    assert len(listed(zone, "older", dataset)) == 1


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("../out", "is not inside the landing zone"),
        ("a/../../out", "is not inside the landing zone"),
        ("/etc", "relative to dlz-destination"),
        ("C:/x", "is not inside the landing zone"),
        ("abfss://x/y", "is not inside the landing zone"),
        ("a\\b", "with slashes"),
    ],
)
def test_no_path_leads_out_of_the_landing_zone(aep: Client, some: Dataset, path: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        raw_export(aep, [some], path=path)


def test_no_link_leads_out_of_the_landing_zone(aep: Client, tmp_path: Path, zone: Path) -> None:
    dataset = made(aep, "linked", tmp_path, 1)
    flow = aep.create_export("linked", dataset, "link/inside")
    (tmp_path / "outside").mkdir()
    zone.mkdir(exist_ok=True)
    (zone / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(InvalidInput, match="leads out of the landing zone through a link"):
        export(aep, flow)
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize(
    ("params", "kind", "said"),
    [
        ({"compression": "zstd"}, InvalidInput, 'params.compression is "ZSTD"; use NONE or GZIP'),
        ({"datasetFileType": "AVRO"}, InvalidInput, 'datasetFileType is "avro"; use parquet, json, csv'),
        ({"spec": "4fce964d-3f37-408f-9778-e597338a21ee"}, NotServed, "Amazon S3 .* not served by this version"),
        ({"spec": "00000000-0000-4000-8000-000000000000"}, InvalidInput, "no connection spec.*Data Landing Zone"),
        ({"spec": "c604ff05-7f1a-43c0-8e18-33bf874cb11c"}, InvalidInput, "params.dataSetId"),
    ],
)
def test_what_cannot_be_exported_is_refused_at_once(
    aep: Client, some: Dataset, params: dict[str, Any], kind: type[LimbeckError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        raw_export(aep, [some], **{"path": "x", **params})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sourceConnectionIds": []}, "exactly one of sourceConnectionIds"),
        ({"sourceConnectionIds": ["x"]}, "no source connection 'x' in sandbox prod; create it first"),
        ({"targetConnectionIds": ["x"]}, "no target connection 'x'"),
        ({"targetConnectionIds": None}, "exactly one of targetConnectionIds"),
        ({"flowSpec": {}}, "flowSpec: {id, version} is missing"),
        ({"flowSpec": {"id": "x"}}, "no flow spec 'x'; known are CloudStorageToAEP"),
        ({"flowSpec": {"id": "9753525b-82c7-4dce-8a9b-5ccfce2b9876"}}, "CloudStorageToAEP .* does not lead from"),
        ({"scheduleParams": {"interval": 1, "frequency": "dayly"}}, 'frequency "dayly".*did you mean "day"'),
        ({"scheduleParams": {"interval": -1, "timeUnit": "day"}}, "whole number, 0 for once"),
        ({"scheduleParams": {"interval": "x", "timeUnit": "day"}}, "interval is 'x'; it takes a whole number"),
        ({"scheduleParams": {"startTime": 1_700_000_000_000}}, "startTime is 1700000000000; it takes seconds"),
        ({"scheduleParams": "daily"}, "it is an object"),
    ],
)
def test_a_flow_says_what_it_lacks(aep: Client, some: Dataset, changes: dict[str, Any], said: str) -> None:
    flow = aep.find_flow("whole") or aep.create_export("whole", some, "x")
    (body,) = aep._transport.call("GET", f"{FLOW}/flows/{flow}")["items"]
    kept = {k: body[k] for k in ("name", "flowSpec", "sourceConnectionIds", "targetConnectionIds")}
    with pytest.raises(InvalidInput, match=said):
        post(aep, "flows", {**kept, **changes})


def test_a_source_names_datasets_that_exist(aep: Client) -> None:
    for datasets, said in (([], "names its datasets"), ([{"id": "x"}], "names its datasets"), ("x", "names its")):
        body = {"connectionSpec": {"id": SOURCE}, "params": {"datasets": datasets}}
        with pytest.raises(InvalidInput, match=said):
            post(aep, "sourceConnections", body)
    with pytest.raises(InvalidInput, match="no dataset 'x'"):
        post(aep, "sourceConnections", {"connectionSpec": {"id": SOURCE}, "params": {"datasets": [{"dataSetId": "x"}]}})
    with pytest.raises(InvalidInput, match=r"connectionSpec: {id, version} is missing"):
        post(aep, "sourceConnections", {"connectionSpec": "x"})
    with pytest.raises(InvalidInput, match="no connection 'x' in sandbox prod; create it first"):
        post(aep, "targetConnections", {"connectionSpec": {"id": TARGET}, "baseConnectionId": "x"})


def test_a_dropped_dataset_fails_the_run(aep: Client, tmp_path: Path) -> None:
    dataset = made(aep, "dropped", tmp_path, 1)
    flow = aep.create_export("dropped", dataset, "dropped")
    aep._transport.call("DELETE", f"/data/foundation/catalog/dataSets/{dataset.id}")
    with pytest.raises(NotFound, match=f"no dataset '{dataset.id}'"):
        export(aep, flow)
    (run,) = aep.flow_runs(flow)
    assert (run.status, run.rows, run.files) == ("failed", 0, 0)


def test_a_disabled_flow_does_not_run(aep: Client, tmp_path: Path) -> None:
    flow = aep.create_export("disabled", made(aep, "disabled", tmp_path, 1), "disabled")
    aep._transport.call("POST", f"{FLOW}/flows/{flow}/action", params={"op": "disable"})
    with pytest.raises(WrongState, match="is disabled"):
        aep.run_flow(flow)
    aep._transport.call("POST", f"{FLOW}/flows/{flow}/action", params={"op": "enable"})
    assert export(aep, flow).rows == 1


# -- a landing zone that cannot be used ------------------------------------------------------------------------------


def test_a_landing_zone_that_is_gone_is_named(aep: Client, tmp_path: Path, home: Path) -> None:
    flow = aep.create_export("gone", made(aep, "gone", tmp_path, 1), "gone")
    zone = home / "landing-zone"
    zone.rename(home / "elsewhere")
    try:
        with pytest.raises(LandingZoneError, match=f"the landing zone {zone} is gone"):
            export(aep, flow)
        assert not zone.exists()
    finally:
        (home / "elsewhere").rename(zone)
    assert export(aep, flow).rows == 1


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder that nobody may write: /sys of Linux")
def test_a_landing_zone_without_rights_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMBECK_LANDING_ZONE", "/sys")
    with limbeck.connect(tmp_path / "home") as aep:
        flow = aep.create_export("refused", made(aep, "refused", tmp_path, 1), "refused")
        with pytest.raises(
            LandingZoneError, match=r"/sys/dlz-destination: (Permission denied|Operation not permitted)"
        ):
            export(aep, flow)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 512 KiB."""
    with disk(tmp_path / "small", "size=512k"):
        yield tmp_path / "small"


def test_a_full_landing_zone_is_told_and_left_clean(
    tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMBECK_LANDING_ZONE", str(small_disk))
    with limbeck.connect(tmp_path / "home") as aep:
        dataset, _ = score_dataset(aep, "large")
        noise = random.Random(7).randbytes(600_000).hex()
        rows = [{f"_{aep.tenant}": {"userid": noise[at : at + 1000]}} for at in range(0, len(noise), 1000)]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "large.parquet")
        aep.upload(dataset, tmp_path / "large.parquet")
        flow = aep.create_export("large", dataset, "large")

        with pytest.raises(DiskFull, match="no space left on the disk of the landing zone"):
            export(aep, flow)

        assert [p.name for p in small_disk.rglob("*") if p.is_file()] == []
        assert aep.landing_zone("export").list("large") == []
        with pytest.raises(DiskFull, match="landing zone"):
            aep.landing_zone("upload").write("in", "big.bin", [os.urandom(300_000)] * 3)
        assert aep.landing_zone("upload").list("in") == []


def test_what_killed_exports_left_behind_is_swept_at_the_next_start(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with limbeck.connect(home) as aep:
        dataset = made(aep, "kept", tmp_path, 1)
        run = export(aep, aep.create_export("kept", dataset, "a/b"))
        area = home / "landing-zone" / "dlz-destination"
        for left in (f".export-{dataset.id}-{run.id}", f".export-{dataset.id}-{ids.new_uuid()}", ".mine"):
            (area / "a/b" / left).mkdir()
            (area / "a/b" / left / "part").write_bytes(b"x")
    with limbeck.connect(home):
        assert sorted(p.name for p in (area / "a/b").iterdir()) == sorted([".mine", dataset.id])
        assert len(listed(area, "a/b", dataset)) == 1


# -- the area, as files see it ----------------------------------------------------------------------------------------


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    zone = LandingZone(storage, tmp_path)
    file = storage.area("upload") / "in" / "a.csv"
    file.parent.mkdir()
    file.write_bytes(b"userId\n1\n")
    (found,) = zone.files("upload", "in")
    assert zone.copy("upload", found, tmp_path / "copy")
    with file.open("ab") as more:
        more.write(b"2\n")
    assert not zone.copy("upload", found, tmp_path / "copy")
    file.unlink()
    assert not zone.copy("upload", found, tmp_path / "copy")

"""Flows do the same wherever the landing zone lies; what they write is read by the library of the place."""

from __future__ import annotations

import io
import json
import random
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import pyarrow.parquet as pq
import pytest
import s3fs
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import ContainerClient

import limbeck
from limbeck.client import Client, Dataset
from limbeck.errors import InvalidInput, LandingZoneError, LimbeckError, NotFound
from tests import crash, emulators
from tests.behaviour import children, places
from tests.behaviour.flow_scores import csv, parquet, pickup, score_dataset, scores
from tests.behaviour.places import EXPORT, UPLOAD, Place
from tests.behaviour.test_activation import ID, World
from tests.behaviour.test_flow_export import export, raw_export
from tests.rest.api import Api, served

pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # Azure's library does that

ZONE = "/data/foundation/connectors/landingzone"
EXPLORE = "/data/foundation/flowservice/connectionSpecs/26f526f2-58f4-4712-961d-e41bf1ccc0e8/explore"
FRAME = pd.DataFrame({"userid": ["ä, b", "u2", "u3"], "score": [0.25, 1.5, 1e-9], "rank": [1, 2, 3]})


@pytest.fixture(scope="module", params=list(places.PLACES))
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with places.PLACES[request.param](tmp_path_factory.mktemp(request.param)) as opened:
        yield opened


@pytest.fixture(scope="module")
def aep(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with places.told(place.environ), limbeck.connect(tmp_path_factory.mktemp("home")) as client:
        yield client


def made(
    aep: Client, name: str, folder: Path, given: Sequence[Mapping[Any, Any]] = FRAME.to_dict("records")
) -> Dataset:
    dataset, _ = score_dataset(aep, name)
    rows = [{f"_{aep.tenant}": row} for row in given]
    (folder / "rows.json").write_text("\n".join(map(json.dumps, rows)))
    aep.upload(dataset, folder / "rows.json")
    return dataset


def read(name: str, content: bytes) -> pd.DataFrame:
    """The rows of an exported file, by pandas."""
    packed = "gzip" if name.endswith(".gz") else None
    if ".parquet" in name:
        found = pd.json_normalize(pq.read_table(io.BytesIO(content)).to_pylist())
    elif ".json" in name:
        found = pd.json_normalize(pd.read_json(io.BytesIO(content), lines=True, compression=packed).to_dict("records"))
    else:
        cells = pd.read_csv(io.BytesIO(content), compression=packed)
        ours = next(column for column in cells if str(cells[column][0]).startswith("{"))
        found = pd.json_normalize([json.loads(cell) for cell in cells[ours]])
    found.columns = [c.rpartition(".")[2] for c in found.columns]
    return found[list(FRAME.columns)].sort_values("rank", ignore_index=True)


@pytest.mark.parametrize("kind", ["parquet", "json", "csv"])
@pytest.mark.parametrize("packed", ["GZIP", "NONE"])
def test_what_is_exported_is_read_back_equal(aep: Client, place: Place, tmp_path: Path, kind: str, packed: str) -> None:
    name = f"{kind}_{packed}".lower()
    dataset = made(aep, name, tmp_path)

    run = export(aep, raw_export(aep, [dataset], path=f"cmle/{name}", datasetFileType=kind, compression=packed))

    ((path, content),) = place.exported(f"cmle/{name}").items()
    folder, file = path.removeprefix(f"cmle/{name}/{dataset.id}/").split("/")
    assert folder.startswith("exportTime=20")
    assert file.startswith(f"part-00000-{run.id}.")
    pd.testing.assert_frame_equal(read(file, content), FRAME, check_dtype=False)
    assert (run.rows, run.files, run.bytes) == (3, 1, len(content))


def test_exports_at_the_same_time_each_have_a_folder(aep: Client, place: Place, tmp_path: Path) -> None:
    dataset = made(aep, "often", tmp_path)
    flow = aep.create_export("often", dataset, "often")
    runs = [aep.wait_run(run) for run in [aep.run_flow(flow) for _ in range(3)]]
    found = [path.split("/")[-2:] for path in place.exported("often")]
    assert len({folder for folder, _ in found}) == 3
    in_time = sorted(runs, key=lambda run: str(run.completed))
    assert [name[len("part-00000-") :][:36] for _, name in sorted(found)] == [run.id for run in in_time]


def test_files_are_picked_up_once(aep: Client, place: Place) -> None:
    flow, dataset = pickup(aep, "picked")
    place.put("picked/1/exportTime=20260101000000/part-0.csv", csv(("u1", 1), ("u2", 0.5)))
    place.put("picked/1/exportTime=20260101000000/_SUCCESS", b"")
    place.put("picked/1/exportTime=20260101000000/_started_7", b"x")
    place.put("picked/2/a b+ü.parquet", parquet({"userId": "u3", "prediction": 0.75}))
    place.put("picked/.hidden/part-0.csv", csv(("no", 1)))
    place.put("picked-not/part-0.csv", csv(("no", 1)))

    run = aep.wait_run(aep.run_flow(flow))

    assert (run.status, run.rows) == ("success", 3)
    assert aep.wait_run(aep.run_flow(flow)).rows == 0
    place.put("picked/2/more.csv", csv(("u4", 2)))
    assert aep.wait_run(aep.run_flow(flow)).rows == 1
    assert scores(aep, dataset) == [("u1", 1.0), ("u2", 0.5), ("u3", 0.75), ("u4", 2.0)]


def test_an_audience_is_delivered_with_its_manifest(aep: Client, place: Place, tmp_path: Path) -> None:
    world = World(aep, tmp_path)
    world.tell("zone", {"userid": "u1"}, {"userid": "u2"})
    audience = world.audience("zone")
    flow = world.flow("out", {"who": ID}, audience)
    for _ in range(2):  # the second replaces the first's file
        run = aep.wait_run(aep.destinations.start(flow, audience))
    found = place.exported("out")
    (manifest,) = [json.loads(c) for n, c in found.items() if run.id in n]
    assert found[f"out/{audience.id}.csv"] == b"who\nu1\nu2\n"
    assert [(f["name"], f["size"], f["rows"]) for f in manifest["exportResults"]] == [(f"{audience.id}.csv", 10, 2)]
    assert len(found) == 3


def test_the_client_reads_and_writes_the_areas(aep: Client, place: Place, tmp_path: Path) -> None:
    zone = aep.landing_zone("upload")
    assert zone.list("mine") == []
    assert zone.write("mine/deep", "a b.csv", [b"hello ", b"there"]) == "mine/deep/a b.csv"
    assert zone.list("mine") == ["mine/deep"]
    assert zone.list("mine/deep") == ["mine/deep/a b.csv"]
    assert zone.read("mine/deep/a b.csv") == b"hello there"
    assert place.files.cat_file(f"{place.root}{UPLOAD}/mine/deep/a b.csv") == b"hello there"
    assert [p.read_bytes() for p in zone.download("mine", tmp_path)] == [b"hello there"]

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise LookupError

    with pytest.raises(LookupError):
        zone.write("mine/deep", "broken.csv", broken())
    assert zone.list("mine/deep") == ["mine/deep/a b.csv"]
    for absent in (lambda: zone.read("mine/none"), lambda: zone.download("none", tmp_path)):
        with pytest.raises(NotFound, match="none"):
            absent()
    with pytest.raises(InvalidInput):
        zone.read("../x")


def test_the_upload_area_is_explored(aep: Client, place: Place) -> None:
    place.put("explored/deep/a.csv", csv(("007", 0.5)))
    place.put("explored/b.json", b'{"a": 1}')

    def explore(**params: Any) -> Any:
        return aep._transport.call("GET", EXPLORE, params=params)

    assert "explored" in [f["name"] for f in explore(objectType="root")]
    listed = explore(objectType="folder", object="explored")
    assert [(f["type"], f["path"]) for f in listed] == [("file", "explored/b.json"), ("folder", "explored/deep")]
    shown = explore(objectType="file", object="explored/deep/a.csv", preview="true")
    assert shown["data"] == [{"userId": "007", "prediction": "0.5"}]
    assert explore(objectType="folder", object="nowhere") == []
    with pytest.raises(NotFound, match="nowhere"):
        explore(objectType="file", object="nowhere/a.csv")


def test_the_zone_tells_where_it_lies(aep: Client, place: Place) -> None:
    for kind, area in (("user_drop_zone", UPLOAD), ("dlz_destination", EXPORT)):
        told = aep._transport.call("GET", ZONE, params={"type": kind})
        opened = aep._transport.call("GET", f"{ZONE}/credentials", params={"type": kind})
        if place.kind in ("folder", "azure"):
            assert told == {"containerName": area, "containerTTL": "36500"}
            assert opened["containerName"] == area
            continue
        at = {"bucketName": "company", "dlzFolder": f"our/zone/{area}"}
        if place.kind == "sftp":
            at = {"host": "127.0.0.1", "port": str(place.port), "dlzFolder": f"/our/zone/{area}"}
        provider = {"s3": "Amazon S3", "gcs": "Google Cloud Storage", "sftp": "SFTP"}[place.kind]
        days = {"timeUnit": "days", "timeQuantity": 36500}
        assert told == {"dlzPath": at, "dataTTL": days, "dlzProvider": provider}
        assert (opened["dlzPath"], opened["dlzProvider"]) == (at, provider)


# -- a process that is killed -----------------------------------------------------------------------------------------


def run_flow(home: Path, flow: str, environ: dict[str, str]) -> None:
    """What a user does, in a process of its own."""
    with places.told(environ), limbeck.connect(home) as aep:
        aep.wait_run(aep.run_flow(flow))


def test_an_export_that_breaks_off_leaves_nothing_and_is_done_once(place: Place, tmp_path: Path) -> None:
    if not place.port:
        pytest.skip("a folder is written by renaming: test_flow_crashes")
    if place.kind == "gcs":
        pytest.skip("its emulator keeps a body that breaks off as if it were whole; Google refuses it")
    home, noise = tmp_path / "home", random.Random(7).randbytes(600_000).hex()
    with places.told(place.environ), limbeck.connect(home) as aep:
        dataset = made(aep, "cut", tmp_path, [{"userid": noise[at : at + 1000]} for at in range(0, len(noise), 1000)])
        flow = raw_export(aep, [dataset], path="cut")
    with emulators.line_that_breaks(place.port, 300_000) as (port, broken):
        child = children.start(run_flow, home, flow, place.through(port))
        broken.wait()
        child.kill()
        child.join()

    assert [path for path in place.exported("cut") if "/." not in f"/{path}"] == []
    with places.told(place.environ), limbeck.connect(home) as aep:
        run = aep.wait_run(max(aep.flow_runs(flow), key=lambda run: run.created).id)
    ((path, content),) = place.exported("cut").items()
    assert path.startswith(f"cut/{dataset.id}/exportTime=")
    assert (run.status, run.rows, run.bytes) == ("success", 1200, len(content))
    assert "".join(sorted(rows(content))) == "".join(sorted(noise[at : at + 1000] for at in range(0, len(noise), 1000)))


def rows(content: bytes) -> list[str]:
    """The user ids in a Parquet file."""
    return [next(v for v in row.values() if v)["userid"] for row in pq.read_table(io.BytesIO(content)).to_pylist()]


# -- who may do what --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def api(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with places.told(place.environ), served(tmp_path_factory.mktemp("home")) as opened:
        yield opened


def opened(api: Api, kind: str, action: str = "") -> dict[str, Any]:
    """What the credentials call tells."""
    how = {"method": "POST", "params": {"type": kind, "action": action}} if action else {"params": {"type": kind}}
    return dict(api.ok(str(how.pop("method", "GET")), f"{ZONE}/credentials", **how))


def test_signatures_of_azure_have_their_rights(api: Api, place: Place) -> None:
    if place.kind != "azure":
        pytest.skip("only Azure has signatures")
    place.files.pipe_file(f"{EXPORT}/signed.csv", b"x", overwrite=True)

    def client(told: dict[str, Any]) -> ContainerClient:
        assert told["SASUri"] == f"{place.url}/{told['containerName']}?{told['SASToken']}"
        return ContainerClient.from_container_url(told["SASUri"], retry_total=0)

    reading, writing = client(opened(api, "dlz_destination")), client(opened(api, "user_drop_zone"))
    assert reading.download_blob("signed.csv").readall() == b"x"
    assert "signed.csv" in [blob.name for blob in reading.list_blobs()]
    for act in (lambda: reading.upload_blob("new.csv", b"x"), lambda: reading.delete_blob("signed.csv")):
        with pytest.raises(HttpResponseError) as refused:
            act()
        assert refused.value.status_code == 403
    writing.upload_blob("written.csv", b"y", overwrite=True)
    assert place.files.cat_file(f"{UPLOAD}/written.csv") == b"y"
    assert writing.download_blob("written.csv").readall() == b"y"
    writing.delete_blob("written.csv")

    viewing = client(opened(api.as_("viewer"), "user_drop_zone"))
    with pytest.raises(HttpResponseError):
        viewing.upload_blob("new.csv", b"x")
    anew = opened(api, "user_drop_zone", "refresh")
    assert "written.csv" not in [blob.name for blob in client(anew).list_blobs()]
    assert datetime.fromisoformat(anew["expiryDate"]) > datetime.now(UTC) + timedelta(days=6)


def test_keys_of_amazon_are_temporary_where_its_token_service_is(api: Api, place: Place) -> None:
    if place.kind != "s3":
        pytest.skip("only Amazon has keys")
    for told in (opened(api, "user_drop_zone"), opened(api, "user_drop_zone", "refresh")):
        keys = told["credentials"]
        assert keys["awsAccessKeyId"] != place.variables["AWS_ACCESS_KEY_ID"]
        assert told["expiryTime"] > time.time() + 3600
        url = place.variables["AWS_ENDPOINT_URL"]
        how = {"key": keys["awsAccessKeyId"], "secret": keys["awsSecretAccessKey"], "token": keys["awsSessionToken"]}
        files = s3fs.S3FileSystem(**how, endpoint_url=url, skip_instance_cache=True)
        at = f"{told['dlzPath']['bucketName']}/{told['dlzPath']['dlzFolder']}"
        files.pipe_file(f"{at}/by-key.csv", b"x")
        assert place.files.cat_file(f"{place.root}{UPLOAD}/by-key.csv") == b"x"


def test_without_a_token_service_the_keys_are_the_platforms_and_no_readers(place: Place, tmp_path: Path) -> None:
    if place.kind != "s3":
        pytest.skip("only Amazon has keys")
    only_files = {**place.environ, "AWS_ENDPOINT_URL_S3": place.variables["AWS_ENDPOINT_URL"]}
    del only_files["AWS_ENDPOINT_URL"]
    with places.told(only_files), served(tmp_path / "home") as api:
        told = opened(api, "user_drop_zone")
        refused = api.as_("viewer").send("GET", f"{ZONE}/credentials")
    assert told["credentials"] == {
        "awsAccessKeyId": place.variables["AWS_ACCESS_KEY_ID"],
        "awsSecretAccessKey": place.variables["AWS_SECRET_ACCESS_KEY"],
        "awsSessionToken": "",
    }
    assert told["expiryTime"] is None
    assert (refused.status_code, "makes no keys that only read" in refused.text) == (403, True)


# -- a zone that cannot be used ---------------------------------------------------------------------------------------

KEY = emulators.AZURITE_KEY
NOWHERE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
WRONG: list[tuple[str, dict[str, str], type[LimbeckError], str]] = [
    ("s4://bucket", {}, InvalidInput, "a s4:// URL; it is a folder, s3://bucket"),
    (f"AccountKey={KEY};", {}, InvalidInput, "it has AccountName and AccountKey"),
    ("AccountName=ours;EndpointSuffix=core.windows.net", {}, InvalidInput, "it has AccountName and AccountKey"),
    ("az://container", {}, InvalidInput, "set AZURE_STORAGE_CONNECTION_STRING"),
    ("abfss://c@ours.dfs.core.windows.net", {"AZURE_STORAGE_ACCOUNT_NAME": "x"}, InvalidInput, "storage account ours"),
    ("abfss://c@ours.dfs.core.windows.net/in", {"AZURE_STORAGE_ACCOUNT_KEY": KEY}, InvalidInput, "no folder in it"),
    (f"s3://key:{KEY}@bucket", {}, InvalidInput, "keys stand in AWS_ACCESS_KEY_ID"),
    ("s3://bucket", {}, LandingZoneError, "no keys for s3://bucket: set AWS_ACCESS_KEY_ID"),
    ("s3://bucket/x", places.AWS | NOWHERE, LandingZoneError, "s3://bucket/x cannot be used.*AWS_ENDPOINT_URL_S3"),
    ("gs://", {}, InvalidInput, "gs://bucket/prefix; GOOGLE_APPLICATION_CREDENTIALS"),
    ("sftp://somebody@host", {}, InvalidInput, "sftp://user@host/folder"),
    (f"sftp://u:{quote(KEY, safe='')}@127.0.0.1:1/x", {}, LandingZoneError, "sftp://u@127.0.0.1:1/x cannot be used"),
    (
        f"AccountName=ours;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:1/ours",
        {},
        LandingZoneError,
        "127.0.0.1:1/ours cannot be used.*check the account's name and key",
    ),
]


@pytest.mark.parametrize(("text", "environ", "kind", "said"), WRONG)
def test_a_zone_that_cannot_be_used_is_told_at_the_start(
    tmp_path: Path, text: str, environ: dict[str, str], kind: type[LimbeckError], said: str
) -> None:
    nobody = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    with places.told({"LIMBECK_LANDING_ZONE": text, **nobody, **environ}), pytest.raises(kind, match=said) as refused:
        limbeck.connect(tmp_path / "home")
    told = "".join(traceback.format_exception(refused.value))
    assert KEY not in told
    assert places.AWS["AWS_SECRET_ACCESS_KEY"] not in told


def test_what_the_place_refuses_is_told_at_the_start(place: Place, tmp_path: Path) -> None:
    if place.kind == "azure":
        forged = KEY.replace("YSBr", "AAAA")
        wrong, said = place.text.replace(KEY, forged), "authenticate"
    elif place.kind == "s3":
        wrong, said = "s3://nobodys/zone", "there is no landing zone s3://nobodys"
    elif place.kind == "gcs":
        wrong, said = "gs://nobodys/zone", "there is no landing zone gs://nobodys"
    elif place.kind == "sftp":
        (tmp_path / ".ssh").mkdir()
        wrong, said = place.text, "Host key is not trusted.*that the host's key is known"
        place = replace(place, variables={"HOME": str(tmp_path)})
    else:
        pytest.skip("a folder is made")
    with places.told({**place.environ, "LIMBECK_LANDING_ZONE": wrong}), pytest.raises(LandingZoneError, match=said):
        limbeck.connect(tmp_path / "home")


def test_serve_takes_the_zone_as_an_option(tmp_path: Path) -> None:
    done = crash.run("-m", "limbeck", "serve", "--home", str(tmp_path / "home"), "--landing-zone", "s4://bucket")
    assert done.returncode == 2
    assert "the landing zone is a s4:// URL" in done.stderr

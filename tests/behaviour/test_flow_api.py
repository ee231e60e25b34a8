"""Flow Service, Data Prep and the landing zone as AEP's clients call them, embedded and through a server."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from limbeck.api import flowshapes
from limbeck.client import Client
from limbeck.client.landingzone import LandingZone
from limbeck.errors import Conflict, EtagMissing, InvalidInput, MissingExtra, NotFound, NotServed, StaleEtag
from limbeck.flow import FlowService, Metrics, Resource, Run
from limbeck.flow.model import Runner
from limbeck.scope import Sandbox
from limbeck.xdm.types import Field, Object, Scalar
from tests.behaviour.flow_scores import csv, idle, pickup, put, score_dataset, scores
from tests.platforms import embedded, served

FLOW = "/data/foundation/flowservice"
PREP = "/data/foundation/conversion/mappingSets"
ZONE = "/data/foundation/connectors/landingzone"
ADHOC = "/data/core/activation/disflowprovider/adhocrun"

STORE = "8a9c3494-9708-43d7-ae3f-cda01e5030e1"
SOURCE, TARGET = "23598e46-f560-407b-88d5-ea6207e49db0", "10440537-2a7b-4583-ac39-ed38d4b848e8"
INBOX = "26f526f2-58f4-4712-961d-e41bf1ccc0e8"


@pytest.fixture(scope="module", params=[embedded, served])
def aep(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    opened: Callable[[Path], AbstractContextManager[Client]] = request.param
    with opened(tmp_path_factory.mktemp("home")) as client:
        yield client


def get(aep: Client, path: str, **params: Any) -> Any:
    return aep._transport.call("GET", path, params=params)


def test_a_score_goes_out_and_comes_home(aep: Client, tmp_path: Path) -> None:
    flow, dataset = pickup(aep, "home")
    put(aep, "home/scores.csv", csv(("u1", 0.5), ("u2", 0.25)))
    assert aep.wait_run(aep.run_flow(flow)).rows == 2
    assert scores(aep, dataset) == [("u1", 0.5), ("u2", 0.25)]

    out = aep.create_export("away", dataset, "cmle/egress")
    assert aep.wait_run(aep.run_flow(out)).rows == 2
    zone = aep.landing_zone("export")
    (file,) = zone.download(max(zone.list(f"cmle/egress/{dataset.id}")), tmp_path)
    assert re.fullmatch(r"part-00000-.*\.gz\.parquet", file.name)
    assert aep.find_flow("away") == out
    assert aep.find_flow("nowhere") is None


def test_the_specs_have_their_fixed_ids(aep: Client) -> None:
    names = {s["name"]: s["id"] for s in get(aep, f"{FLOW}/connectionSpecs")["items"]}
    assert (names["activation-datalake"], names["Data Landing Zone"], names["landing-zone"]) == (SOURCE, TARGET, INBOX)
    assert names["datalake"] == "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
    (spec,) = get(aep, f"{FLOW}/flowSpecs", property="name==CloudStorageToAEP")["items"]
    assert spec["id"] == "9753525b-82c7-4dce-8a9b-5ccfce2b9876"
    fitting = [
        s["id"]
        for s in get(aep, f"{FLOW}/flowSpecs")["items"]
        if INBOX in s["sourceConnectionSpecIds"] and names["datalake"] in s["targetConnectionSpecIds"]
    ]
    assert fitting == [spec["id"]]
    assert get(aep, f"{FLOW}/flowSpecs/{spec['id']}")["items"] == [spec]
    (one,) = get(aep, f"{FLOW}/connectionSpecs/{TARGET}")["items"]
    assert one["providerId"] == "14e34fac-d307-11e9-bb65-2a2ae2dbcce4"


def test_a_run_shows_what_the_notebooks_read(aep: Client) -> None:
    flow, _ = pickup(aep, "read")
    put(aep, "read/scores.csv", csv(("u1", 0.5)))
    made = aep._transport.call("POST", f"{FLOW}/runs", json={"flowId": flow, "status": "active"})
    assert re.fullmatch(r"[0-9a-f-]{36}", made["id"])
    assert re.fullmatch(r'".+"', made["etag"])
    listed = get(aep, f"{FLOW}/runs", property=f"flowId=={flow}", limit=10, count="False")["items"]
    assert made["id"] in [r["id"] for r in listed]
    aep.wait_run(made["id"])

    (run,) = get(aep, f"{FLOW}/runs/{made['id']}")["items"]

    metrics = run["metrics"]
    assert run["flowId"] == flow
    assert metrics["durationSummary"]["startedAtUTC"] <= metrics["durationSummary"]["completedAtUTC"]
    assert metrics["recordSummary"]["outputRecordCount"] == metrics["recordSummary"]["inputRecordCount"] == 1
    assert metrics["fileSummary"]["inputFileCount"] == metrics["fileSummary"]["outputFileCount"] == 1
    assert metrics["sizeSummary"]["outputBytes"] > 0
    assert metrics["statusSummary"] == {"status": "success", "errors": []}
    where = ["metrics.statusSummary.status==success", f"flowId=={flow}"]
    assert made["id"] in [r["id"] for r in get(aep, f"{FLOW}/runs", property=where)["items"]]
    assert get(aep, f"{FLOW}/runs", property=[where[0].replace("success", "failed"), where[1]])["items"] == []


def test_a_run_has_no_metrics_before_it_ends(tmp_path: Path) -> None:
    with idle(tmp_path / "home") as (platform, sandbox):
        spec = {"connectionSpec": {"id": SOURCE}}
        schema = platform.registry.adhoc_schema(sandbox, "t", Object((Field("a", Scalar("string")),)))
        dataset = platform.lake.create_dataset(sandbox, "t", schema.id)
        read = {"params": {"datasets": [{"dataSetId": dataset.id}]}}
        source = platform.flows.create(sandbox, "sourceConnection", {**spec, **read}).id
        target = platform.flows.create(sandbox, "targetConnection", {"connectionSpec": {"id": TARGET}}).id
        ends = {"sourceConnectionIds": [source], "targetConnectionIds": [target]}
        body = {"flowSpec": {"id": "cd2fc47e-e838-4f38-a581-8fff2f99b63a"}, **ends}
        run = platform.flows.run(sandbox, platform.flows.create(sandbox, "flow", body).id)
        assert "metrics" not in flowshapes.run(run, sandbox, "")
        platform.flows.runs.start(run)
        assert "metrics" not in flowshapes.run(platform.flows.runs.get(sandbox, run.id), sandbox, "")
        platform.flows.work(run.id)
        assert "metrics" in flowshapes.run(platform.flows.runs.get(sandbox, run.id), sandbox, "")


def test_a_flow_tells_where_it_leads(aep: Client) -> None:
    dataset, _ = score_dataset(aep, "tells")
    flow = aep.create_export("tells", dataset, "tells")
    (body,) = get(aep, f"{FLOW}/flows/{flow}")["items"]
    assert (body["state"], body["name"], body["transformations"]) == ("enabled", "tells", [])
    inherited = body["inheritedAttributes"]
    assert inherited["properties"] == {"isDestinationFlow": True, "isSourceFlow": False}
    assert inherited["sourceConnections"][0]["id"] == body["sourceConnectionIds"][0]
    assert inherited["sourceConnections"][0]["connectionSpec"]["id"] == SOURCE
    assert inherited["targetConnections"][0]["connectionSpec"]["id"] == TARGET
    (source,) = get(aep, f"{FLOW}/sourceConnections/{body['sourceConnectionIds'][0]}")["items"]
    assert source["params"] == {"datasets": [{"dataSetId": dataset.id}]}
    destinations = get(aep, f"{FLOW}/flows", property="inheritedAttributes.properties.isDestinationFlow==true")
    assert flow in [f["id"] for f in destinations["items"]]
    assert "_links" in destinations


def test_a_change_needs_the_etag_of_what_was_read(aep: Client) -> None:
    dataset, _ = score_dataset(aep, "etags")
    path = f"{FLOW}/flows/{aep.create_export('etags', dataset, 'etags')}"
    patch = [{"op": "Replace", "path": "/name", "value": "renamed"}]
    (before,) = get(aep, path)["items"]
    assert re.fullmatch(r'"[0-9a-f-]{36}"', before["etag"])

    with pytest.raises(EtagMissing, match=re.escape(before["etag"])):
        aep._transport.call("PATCH", path, json=patch)
    changed = aep._transport.call("PATCH", path, json=patch, headers={"If-Match": before["etag"]})
    with pytest.raises(StaleEtag, match=re.escape(changed["etag"])):
        aep._transport.call("PATCH", path, json=patch, headers={"if-match": before["etag"]})

    (after,) = get(aep, path)["items"]
    assert (after["name"], after["etag"]) == ("renamed", changed["etag"])
    broken = [*patch, {"op": "replace", "path": "/flowSpec/id", "value": "x"}]
    with pytest.raises(InvalidInput, match="no flow spec 'x'"):
        aep._transport.call("PATCH", path, json=broken, headers={"If-Match": after["etag"]})
    worse = [{"op": "remove", "path": "/nothing/here"}]
    with pytest.raises(InvalidInput, match="patch operation 0"):
        aep._transport.call("PATCH", path, json=worse, headers={"If-Match": after["etag"]})
    assert get(aep, path)["items"] == [after]


def test_flows_are_enabled_and_disabled_by_an_action(aep: Client) -> None:
    path = f"{FLOW}/flows/{aep.create_export('actions', score_dataset(aep, 'actions')[0], 'x')}"
    for op, state in (("disable", "disabled"), ("enable", "enabled")):
        answer = aep._transport.call("POST", f"{path}/action", params={"op": op})
        (body,) = get(aep, path)["items"]
        assert (body["state"], body["etag"]) == (state, answer["etag"])
    with pytest.raises(InvalidInput, match="op=enable or disable"):
        aep._transport.call("POST", f"{path}/action", params={"op": "stop"})


def test_lists_are_paged_by_a_token(aep: Client) -> None:
    names = [f"paged {n}" for n in range(5)]
    for name in names:
        aep._transport.call("POST", f"{FLOW}/connections", json={"name": name, "connectionSpec": {"id": TARGET}})
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = get(aep, f"{FLOW}/connections", limit=2, **token)
        assert len(page["items"]) <= 2
        found += [c["name"] for c in page["items"] if c["name"] in names]
        if "next" not in page["_links"]:
            break
        token = {"continuationToken": page["_links"]["next"]["href"].split("=")[1]}
    assert found == names
    last_first = get(aep, f"{FLOW}/connections", orderBy="-name")["items"]
    assert [c["name"] for c in last_first if c["name"] in names] == names[::-1]
    with pytest.raises(InvalidInput, match="continuationToken is 'x'"):
        get(aep, f"{FLOW}/connections", continuationToken="x")
    with pytest.raises(InvalidInput, match="property is '=name'"):
        get(aep, f"{FLOW}/connections", property="=name")
    assert len(get(aep, f"{FLOW}/connections", property="name")["items"]) >= len(names)


def test_runs_are_paged_while_new_ones_come(aep: Client) -> None:
    flow = aep.create_export("paged runs", score_dataset(aep, "paged runs")[0], "paged runs")
    made = [aep.wait_run(aep.run_flow(flow)).id for _ in range(4)][::-1]
    of_flow = {"property": [f"flowId=={flow}", "metrics.recordSummary.outputRecordCount>=0"], "limit": 2}
    page = get(aep, f"{FLOW}/runs", **of_flow)
    assert [r["id"] for r in page["items"]] == made[:2]
    newer = aep.wait_run(aep.run_flow(flow)).id
    token = page["_links"]["next"]["href"].split("=")[1]
    rest = get(aep, f"{FLOW}/runs", **of_flow, continuationToken=token)
    assert ([r["id"] for r in rest["items"]], rest["_links"]) == (made[2:], {})
    succeeded = [f"flowId=={flow}", "metrics.statusSummary.status==success", "metrics.statusSummary.status==failed"]
    assert [r["id"] for r in get(aep, f"{FLOW}/runs", property=succeeded)["items"]] == [newer, *made]
    none = [f"flowId=={flow}", "metrics.recordSummary.outputRecordCount>0"]
    assert get(aep, f"{FLOW}/runs", property=none)["items"] == []


def test_what_a_flow_needs_stays_until_the_flow_goes(aep: Client) -> None:
    flow, _ = pickup(aep, "needed")
    (body,) = get(aep, f"{FLOW}/flows/{flow}")["items"]
    parts = [
        f"{FLOW}/sourceConnections/{body['sourceConnectionIds'][0]}",
        f"{FLOW}/targetConnections/{body['targetConnectionIds'][0]}",
        f"{PREP}/{body['transformations'][0]['params']['mappingId']}",
    ]
    for part in parts:
        with pytest.raises(Conflict, match=r'flow "needed" .* delete the flow first'):
            aep._transport.call("DELETE", part)
    for part in (f"{FLOW}/flows/{flow}", *parts):
        assert aep._transport.call("DELETE", part) == {}
        with pytest.raises(NotFound):
            get(aep, part)
    assert aep.flow_runs(flow) == []


def test_unknown_things_are_not_found(aep: Client) -> None:
    for path in (f"{FLOW}/flows/x", f"{FLOW}/runs/x", f"{PREP}/x", f"{FLOW}/pipelines", f"{FLOW}/connections/x/test"):
        with pytest.raises(NotFound):
            get(aep, path)
    with pytest.raises(NotFound, match="no flow 'x'"):
        aep.run_flow("x")


def test_mapping_sets_have_ids_and_versions_of_their_own(aep: Client) -> None:
    _, schema = score_dataset(aep, "versions")
    mapping = aep.create_mapping(schema, {"prediction": f"_{aep.tenant}.score"})
    assert re.fullmatch(r"[0-9a-f]{32}", mapping)
    found = get(aep, f"{PREP}/{mapping}")
    assert (found["version"], found["mappings"][0]["source"]) == (0, "prediction")
    body = {**found, "mappings": [{"source": "p", "destination": f"_{aep.tenant}.score"}]}
    assert aep._transport.call("PUT", f"{PREP}/{mapping}", json=body)["version"] == 1
    assert get(aep, f"{PREP}/{mapping}/mappings")["data"][0]["source"] == "p"
    assert mapping in [m["id"] for m in get(aep, PREP)["data"]]
    worse = {**body, "mappings": [{"source": "p", "destination": f"_{aep.tenant}.scores"}]}
    with pytest.raises(InvalidInput, match="did you mean"):
        aep._transport.call("PUT", f"{PREP}/{mapping}", json=worse)
    assert get(aep, f"{PREP}/{mapping}")["version"] == 1


def test_a_run_on_demand_exports_the_datasets_that_are_named(aep: Client) -> None:
    dataset, _ = score_dataset(aep, "named")
    flow = aep.create_export("named", dataset, "named")

    def ask(body: Any) -> Any:
        headers = {"Accept": "application/vnd.adobe.adhoc.dataset.activation+json; version=1"}
        return aep._transport.call("POST", ADHOC, json={"activationInfo": body}, headers=headers)

    (told,) = ask({"destinations": [{"flowId": flow, "datasets": [{"id": dataset.id}]}]})["destinations"]
    (one,) = told["datasets"]
    assert (one["id"], one["flowId"]) == (dataset.id, flow)
    assert re.fullmatch(r"http://.+/data/foundation/flowservice/runs/[0-9a-f-]{36}", one["statusURL"])
    assert aep.wait_run(one["statusURL"].rpartition("/")[2]).files == 1
    other, _ = pickup(aep, "not an export")
    for body, said in (
        ({"destinations": [{"flowId": flow, "datasets": [{"id": "x"}]}]}, "does not export dataset 'x'"),
        ({"destinations": [{"flowId": other, "datasets": [{"id": "x"}]}]}, "exports no datasets"),
        ({"destinations": [{"flowId": flow, "datasets": []}]}, "each with its datasets"),
        ({"destinations": []}, "each with its datasets"),
        ({"destinations": "x"}, "not understood"),
    ):
        with pytest.raises(InvalidInput, match=said):
            ask(body)
    assert len(aep.flow_runs(flow)) == 1


def test_the_credentials_lead_to_the_folders(aep: Client) -> None:
    for kind, container in (("user_drop_zone", "dlz-user-container"), ("dlz_destination", "dlz-destination")):
        told = get(aep, f"{ZONE}/credentials", type=kind)
        assert (told["containerName"], told["storageAccountName"]) == (container, "limbeckdlz")
        if told["SASToken"]:
            assert re.fullmatch(rf"http://127.0.0.1:\d+/limbeckdlz/{container}", told["SASUri"].partition("?")[0])
            assert told["SASUri"].endswith(f"?{told['SASToken']}")
            assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", told["expiryDate"])
        else:
            assert re.fullmatch(rf"file:///.*/landing-zone/{container}", told["SASUri"])
        assert get(aep, ZONE, type=kind)["containerName"] == container
        again = aep._transport.call("POST", f"{ZONE}/credentials", params={"type": kind, "action": "refresh"})
        assert again.keys() == told.keys()
    assert get(aep, f"{ZONE}/credentials")["containerName"] == "dlz-user-container"
    with pytest.raises(InvalidInput, match="user_drop_zone and dlz_destination, not 'x'"):
        get(aep, f"{ZONE}/credentials", type="x")
    with pytest.raises(InvalidInput, match="action=refresh"):
        aep._transport.call("POST", f"{ZONE}/credentials", params={"action": "revoke"})


def test_the_upload_area_is_explored(aep: Client) -> None:
    put(aep, "explored/deep/a.csv", csv(("007", 0.5)))
    explore = f"{FLOW}/connectionSpecs/{INBOX}/explore"
    assert "explored" in [f["name"] for f in get(aep, explore, objectType="root")]
    (deep,) = get(aep, explore, objectType="folder", object="explored")
    assert (deep["type"], deep["path"]) == ("folder", "explored/deep")
    (file,) = get(aep, explore, objectType="folder", object="explored/deep")
    assert (file["type"], file["name"], file["canPreview"]) == ("file", "a.csv", True)
    shown = get(aep, explore, objectType="file", object=file["path"], fileType="delimited", preview="true")
    assert [c["name"] for c in shown["schema"]["columns"]] == ["userId", "prediction"]
    assert (shown["format"], shown["data"]) == ("flat", [{"userId": "007", "prediction": "0.5"}])
    with pytest.raises(InvalidInput, match="not inside the landing zone"):
        get(aep, explore, objectType="file", object="../../../limbeck.db")
    with pytest.raises(NotFound, match=r"no file 'explored/b.csv'"):
        get(aep, explore, objectType="file", object="explored/b.csv")
    with pytest.raises(NotServed):
        get(aep, f"{FLOW}/connectionSpecs/{TARGET}/explore")


def test_exportable_datasets_are_listed_in_pages(aep: Client) -> None:
    score_dataset(aep, "exportable too")
    dataset, _ = score_dataset(aep, "exportable")
    for spec in (SOURCE, TARGET):
        path = f"{FLOW}/connectionSpecs/{spec}/configs"
        first = get(aep, path, outputType="activationDatasets", outputField="datasets", start=0, limit=1)
        assert (len(first["items"]), first["pageInfo"]["hasNext"]) == (1, True)
        rest = get(aep, path, start=1, limit=1000)
        assert dataset.id in [d["id"] for d in rest["items"]]
        assert rest["pageInfo"]["hasNext"] is False


# -- what a higher floor plugs in --------------------------------------------------------------------------------------


class Recorder(Runner):
    """A runner that keeps what it was called with."""

    def __init__(self) -> None:
        self.called: list[tuple[Sandbox, Resource, Run]] = []

    def run(self, sandbox: Sandbox, flow: Resource, run: Run) -> Metrics:
        self.called.append((sandbox, flow, run))
        return Metrics(output_records=7, messages=("one was left out",))


def delivery(flows: FlowService, sandbox: Sandbox) -> str:
    """A flow that delivers audiences to files, and its id."""
    spec, store = {"connectionSpec": {"id": TARGET}}, {"connectionSpec": {"id": STORE}}
    source = flows.create(sandbox, "sourceConnection", {**store, "data": {"format": "CSV"}, "params": {}}).id
    target = flows.create(sandbox, "targetConnection", {**spec, "params": {"path": "out", "fileType": "CSV"}}).id
    ends = {"sourceConnectionIds": [source], "targetConnectionIds": [target], "transformations": []}
    body = {"name": "delivery", "flowSpec": {"id": "cd2fc47e-e838-4f38-a581-8fff2f99b63a"}, **ends}
    return flows.create(sandbox, "flow", body).id


def test_audiences_are_delivered_once_a_runner_is_plugged_in(tmp_path: Path) -> None:
    with idle(tmp_path / "home") as (platform, sandbox):
        parts = (platform.store, platform.lake, platform.registry, platform.ingest, platform.zone)
        without = FlowService(*parts, {})
        with pytest.raises(NotServed, match="flows of the kind activation are not served"):
            delivery(without, sandbox)
        with pytest.raises(NotServed):
            without.run_audiences(sandbox, [("x", ["a"])])
        assert without.resources.find(sandbox, "flow") == []

        recorder = Recorder()
        flows = FlowService(*parts, {"activation": recorder})
        (run,) = flows.run_audiences(sandbox, [(delivery(flows, sandbox), ["a", "b"])])
        flows.work(run.id)
        flows.work(run.id)

        ((where, flow, seen),) = recorder.called
        assert (where, flow.body["name"], seen.payload["audiences"]) == (sandbox, "delivery", ["a", "b"])
        ended = flows.runs.get(sandbox, run.id)
        assert (ended.status, ended.metrics.output_records) == ("success", 7)
        shown = flowshapes.run(ended, sandbox, "")["metrics"]["statusSummary"]
        assert shown == {"status": "success", "errors": [{"code": "", "message": "one was left out", "details": {}}]}


# -- other stores ------------------------------------------------------------------------------------------------------

S3 = {
    "credentials": {"awsAccessKeyId": "k", "awsSecretAccessKey": "s", "awsSessionToken": "t"},
    "dlzPath": {"bucketName": "b", "dlzFolder": "f"},
    "dlzProvider": "Amazon S3",
}


@pytest.mark.parametrize(("told", "library", "extra"), [(S3, "s3fs", "s3")])
def test_a_store_whose_library_is_absent_names_the_extra(told: dict[str, Any], library: str, extra: str) -> None:
    if importlib.util.find_spec(library) is not None:
        pytest.skip(f"{library} is installed")
    with pytest.raises(MissingExtra, match=re.escape(f'pip install "limbeck[{extra}]"')):
        LandingZone.of(told)

import time
from urllib.request import Request, urlopen

from journey import poll

from aepp import dataprep, flowservice
from service.world import OURS, PEOPLE, books, create, equal, people, people_schema, refused, user

flows = flowservice.FlowService()
ZONE_SOURCE, ZONE_TARGET = "26f526f2-58f4-4712-961d-e41bf1ccc0e8", "10440537-2a7b-4583-ac39-ed38d4b848e8"
BLOB, S3 = "6d6b59bf-fb58-4107-9064-4d246c0e5bb2", "4fce964d-3f37-408f-9778-e597338a21ee"
LAKE, FROM_LAKE = "c604ff05-7f1a-43c0-8e18-33bf874cb11c", "23598e46-f560-407b-88d5-ea6207e49db0"
LATER = str(int(time.time()) + 10**8)


def rename(name):
    return [{"op": "Replace", "path": "/name", "value": name}]


def only(shown):
    """The one item; releases differ in whether they take it out of the answer."""
    items = shown.get("items", [shown]) if isinstance(shown, dict) else shown
    equal(len(items), 1)
    return items[0]


# -- specs
specs = flows.getConnectionSpecsMap()
equal((specs["landing-zone"], specs["datalake"], specs["activation-datalake"]), (ZONE_SOURCE, LAKE, FROM_LAKE))
equal({s["id"] for s in flows.getConnectionSpecs()}, set(specs.values()))
equal(flows.getConnectionSpecIdFromName("Data Landing Zone"), ZONE_TARGET)
equal(only(flows.getConnectionSpec(ZONE_TARGET))["name"], "Data Landing Zone")
to_lake = flows.getFlowSpecIdFromNames("CloudStorageToAEP", "landing-zone", "datalake")
equal(flows.getFlowSpec(to_lake)["name"], "CloudStorageToAEP")
equal([s["id"] for s in flows.getFlowSpecs("name==CloudStorageToAEP")], [to_lake])
equal(flows.getResource(f"{flows.endpoint}/flowSpecs/{to_lake}", params={})["items"][0]["id"], to_lake)
datasets = {d["id"] for d in flows.getExportableDatasets(ZONE_TARGET)}
assert people in datasets, datasets
equal({d["id"] for d in flows.getExportableDatasetsDLZ()}, datasets)

# -- the landing zone
equal(flows.getLandingZoneContainer()["containerName"], "dlz-user-container")
equal(flows.getLandingZoneContainerName("dlz_destination"), "dlz-destination")
equal(flows.getLandingZoneStorageName(), "dlz-user-container")
equal(flows.getLandingZoneStorageTTL(), flows.getLandingZoneContainerTTL())
credentials = flows.getLandingZoneCredential()
equal(flows.getLandingZoneNamespace(), credentials["storageAccountName"])
equal(flows.getLandingZoneStorageAccountName(), credentials["storageAccountName"])
assert flows.getLandingZoneSASToken().startswith("s"), flows.getLandingZoneSASToken()
uri = flows.getLandingZoneSASUri()
host, _, token = uri.partition("?")
text = "userId,prediction\n" + "".join(f"{user(n)},{n / 100}\n" for n in range(PEOPLE))
put = Request(f"{host}/in/scores.csv?{token}", text.encode(), {"x-ms-blob-type": "BlockBlob"}, method="PUT")
equal(urlopen(put).status, 201)
equal([(e["name"], e["type"]) for e in flows.exploreLandingZone("folder", object="in")], [("scores.csv", "file")])
equal([e["name"] for e in flows.exploreLandingZone()], ["in"])
content = flows.getLandingZoneContent(file="in/scores.csv")
equal([c["name"] for c in content["schema"]["columns"]], ["userId", "prediction"])
equal(content["data"][3]["userId"], user(3))

# -- connections
base = flows.createConnection(name="base", connectionSpec={"id": ZONE_TARGET, "version": "1.0"})["id"]
equal(only(flows.getConnection(base))["connectionSpec"]["id"], ZONE_TARGET)
equal(flows.connectionTest(base)["state"], "enabled")
if hasattr(flows, "patchConnection"):
    flows.patchConnection(base, rename("renamed"))
    equal(flows.getConnection(base)["name"], "renamed")
if hasattr(flows, "createConnectionToUPS"):
    profile = flows.createConnectionToUPS("Profile")["id"]
    equal(flows.getConnection(profile)["connectionSpec"]["id"], "8a9c3494-9708-43d7-ae3f-cda01e5030e1")
other = flows.createBaseConnectionDLZTarget("other")["id"]
assert {base, other} <= {c["id"] for c in flows.getConnections(limit=1)}
equal(flows.deleteConnection(other), 204)

# -- from the lake to the landing zone
source = flows.createSourceConnectionDataLake("from the lake", format="parquet", dataset_ids=[people])
target = flows.createTargetConnectionDatasetToDataLandingZone("to the zone", base, "out", "PARQUET", "GZIP")["id"]
flows.updateSourceConnection(source["id"], source["etag"], rename("from here"))
source = source["id"]
equal(flows.getSourceConnection(source)["name"], "from here")
equal(flows.getSourceConnection(source)["params"]["datasets"], [{"dataSetId": people}])
flows.updateTargetConnection(target, flows.getTargetConnection(target)["etag"], rename("to there"))
equal(flows.getTargetConnection(target)["name"], "to there")
assert source in {s["id"] for s in flows.getSourceConnections()}
assert target in {t["id"] for t in flows.getTargetConnections()}
export = flows.createFlowDataLakeToDataLandingZone("export", source, target, LATER)["id"]
equal(flows.getFlow(export)["sourceConnectionIds"], [source])
assert export in {f["id"] for f in flows.getFlows()}
equal([f["id"] for f in flows.getFlows(filterSourceIds=[source])], [export])
assert export in {f["id"] for f in flows.getFlows(onlyDestinations=True)}
assert export not in {f["id"] for f in flows.getFlows(onlySources=True)}
flows.updateFlow(export, flows.getFlow(export)["etag"], rename("renamed"))
equal(flows.getFlow(export)["name"], "renamed")
flows.postFlowAction(export, "disable")
equal(flows.getFlow(export)["state"], "disabled")
flows.postFlowAction(export, "enable")
equal(flows.getFlow(export)["state"], "enabled")


def counted(flow):
    last = poll(lambda: flows.getRuns(prop=f"flowId=={flow}"), lambda runs: runs and "metrics" in runs[0])
    return last[0]["metrics"]["recordSummary"]["outputRecordCount"]


run = flows.createRun(export)["id"]
equal(counted(export), PEOPLE)
shown = only(flows.getRun(run))
equal((shown["id"], shown["flowId"]), (run, export))

whole = flows.exportDatasetToDLZ([people], path="whole", exportMode="DAILY_FULL_EXPORT", scheduleStart=LATER)
equal(flows.getFlow(whole["id"])["scheduleParams"]["startTime"], LATER)

# -- from the landing zone to the lake
scores = create(books, name="Flow scores", schemaId=people_schema)
inbox = flows.createSourceConnectionDataLandingZone(
    "inbox", path="dlz-user-container/in", type="folder", recursive=True
)
lake = flows.createTargetConnectionDataLake("lake", datasetId=scores, schemaId=people_schema)["id"]
rules = [("userId", "userid"), ("prediction", "propensity")]
prep = dataprep.DataPrep()
mapping = prep.createMappingSet(
    people_schema, [{"sourceType": "ATTRIBUTE", "source": s, "destination": f"{OURS}.{d}"} for s, d in rules]
)["id"]
how = {"transformation_mapping_id": mapping, "transformation_name": "Mapping"}
pickup = flows.createFlowDataLandingZoneToDataLake("pick-up", inbox["id"], lake, str(int(time.time())), **how)["id"]
equal(counted(pickup), PEOPLE)
equal([f["id"] for f in flows.getFlows(filterMappingSetIds=[mapping])], [pickup])
assert pickup in {f["id"] for f in flows.getFlows(onlySources=True)}

manager = flowservice.FlowManager(pickup)
summary = manager.summary()
equal((summary["id"], summary["name"], summary["flowSpecs"]["name"]), (pickup, "pick-up", "CloudStorageToAEP"))
equal(manager.getFlowSpec()["id"], to_lake)
equal(manager.getSourceConnection()["id"], inbox["id"])
equal(manager.getTargetConnection()["id"], lake)
equal(only(manager.getConnectionSpec())["id"], ZONE_SOURCE)
equal(only(manager.getTargetConnectionSpec())["id"], ZONE_SOURCE)  # aepp asks for that of the source
assert len(manager.getRuns()) >= 1
manager.updateFlow(rename("picked up"))
equal(flows.getFlow(pickup)["name"], "picked up")
better = prep.createMappingSet(
    people_schema, [{"sourceType": "ATTRIBUTE", "source": "userId", "destination": f"{OURS}.userid"}]
)["id"]
flowservice.FlowManager(pickup).updateFlowMapping(better)
equal(flows.getFlow(pickup)["transformations"][0]["params"]["mappingId"], better)

once = flows.createFlow(to_lake, "once", inbox["id"], lake, str(int(time.time())), schedule_frequency="once", **how)
equal(flows.getFlow(once["id"])["scheduleParams"]["interval"], 0)

# -- none leads into Profile: that reads the lake
if hasattr(flows, "getUPSFlows"):
    equal((flows.getUPSFlows(True), flows.getUISFlows(True)), ([], []))
    equal(flows.getUPSFlow(scores), {"error": "not found"})
    equal(flows.getUISFlow(scores), {"error": "not found"})
    for runs_of in (flows.getUPSFlowRuns, flows.getUISFlowRuns):
        try:
            runs_of(scores)
        except Exception as error:
            equal(str(error), "Could not find any flow runs")
        else:
            raise AssertionError("there are runs of a flow that there is not")

# -- targets that other places have
zone = flows.createTargetConnectionDataLandingZone("zone", path="dlz-destination/there", type="folder")["id"]
equal(flows.getTargetConnection(zone)["params"]["path"], "dlz-destination/there")
plain = flows.createTargetConnection("plain", LAKE, scores, format="json")["id"]
equal(flows.getTargetConnection(plain)["params"]["dataSetId"], scores)
direct = flows.createSourceConnection(
    {
        "name": "direct",
        "connectionSpec": {"id": FROM_LAKE, "version": "1.0"},
        "params": {"datasets": [{"dataSetId": people}]},
    }
)["id"]
equal(flows.getSourceConnection(direct)["name"], "direct")

# -- and gone
for flow in (export, pickup, once["id"], whole["id"]):
    equal(flows.deleteFlow(flow), 204)
equal(flows.deleteSourceConnection(direct), 204)
equal(flows.deleteTargetConnection(plain), 204)
assert direct not in {s["id"] for s in flows.getSourceConnections()}
refused(flows.connector.getData(f"{flows.endpoint}/flows/{export}"), export)

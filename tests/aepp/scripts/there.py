"""Steps 1 to 3: schema, dataset, batches, queries, and the export of a table to the landing zone."""

import time

from journey import configure, found, given, poll, tell

from aepp import catalog, destinationinstanceservice, flowservice, ingestion, queryservice, schema

configure()
name, people = given["name"], given["people"]

# -- 1 schema
registry = schema.Schema()
tenant = registry.getTenantId()
fields = {"userid": {"title": "User", "description": "Who it is", "type": "string"}}
fields["propensity"] = {"title": "Propensity", "description": "How likely", "type": "number"}
own = {"type": "object", "properties": {f"_{tenant}": {"type": "object", "properties": fields}}}
group = registry.createFieldGroup(
    {
        "type": "object",
        "title": f"{name} fields",
        "description": "Of the notebook",
        "allOf": [{"$ref": "#/definitions/customFields"}],
        "meta:containerId": "tenant",
        "meta:resourceType": "mixins",
        "meta:xdmType": "object",
        "definitions": {"customFields": own},
        "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
    }
)
demographic = "https://ns.adobe.com/xdm/context/profile-person-details"
made = registry.createProfileSchema(name, mixinIds=[group["$id"], demographic], description="People")
identity = {
    "@type": "xdm:descriptorIdentity",
    "xdm:sourceSchema": made["$id"],
    "xdm:sourceVersion": 1,
    "xdm:sourceProperty": f"/_{tenant}/userid",
    "xdm:namespace": "ECID",
    "xdm:property": "xdm:id",
    "xdm:isPrimary": True,
}
descriptor = registry.createDescriptor(identity)
union = registry.enableSchemaForRealTime(made["meta:altId"])
again = registry.enableSchemaForRealTime(made["meta:altId"])
found["versions"] = [made["version"], union["version"], again["version"], union["meta:immutableTags"]]
found["titles"] = [s["title"] for s in registry.getSchemas() if s["$id"] == made["$id"]]
found["groups"] = [g["title"] for g in registry.getFieldGroups() if g["$id"] == group["$id"]]
whole = registry.getSchema(made["$id"], full=True)
found["whole"] = sorted(whole["properties"][f"_{tenant}"]["properties"])
flat = registry.getSchema(made["meta:altId"], full=True, flat=True)
found["flat"] = sorted(p for p in flat["properties"] if p.startswith(("person/g", f"_{tenant}/")))
told = registry.getSchema(made["$id"], full=True, desc=True)["meta:descriptors"]
found["descriptors"] = [d["@id"] == descriptor["@id"] for d in told]
found["listed"] = [d["xdm:sourceSchema"] for d in registry.getDescriptors() if d["@id"] == descriptor["@id"]]
found["schema"] = made["$id"]
found["tenant"] = tenant

# -- 1 dataset
books = catalog.Catalog()
create = getattr(books, "createDataSets", None) or books.createDataSet
dataset = create(name=f"[{name}] People", schemaId=made["$id"], profileEnabled=True, identityEnabled=True)[0].split(
    "/"
)[-1]
found["patched"] = [books.enableDatasetProfile(dataset), books.enableDatasetIdentity(dataset)]
table = books.getDataSet(dataset)[dataset]["tags"]["adobe/pqs/table"][0]
found["table"], found["dataset"] = table, dataset
found["among"] = dataset in books.getDataSets()

# -- 1 batches, each one array on one line
loading = ingestion.DataIngestion()
for part in range(2):
    rows = [
        {
            "_id": f"{n}",
            f"_{tenant}": {"userid": f"{n:038d}", "propensity": None},
            "person": {"name": {"firstName": f"First {n}"}, "gender": "female" if n % 2 else "male"},
        }
        for n in range(part, people, 2)
    ]
    batch = loading.createBatch(datasetId=dataset, format="json")["id"]
    loading.uploadSmallFile(batchId=batch, datasetId=dataset, filePath=f"batch-synthetic-{batch}", data=rows)
    loading.uploadSmallFileFinish(batchId=batch)


def open_batches():
    unfinished = ("loading", "loaded", "staging")
    known = [books.getBatches(limit=10, n_results=10, output="raw", dataSet=dataset, status=s) for s in unfinished]
    return [batch for page in known for batch in page]


poll(open_batches, lambda batches: not batches)
every = books.getBatches(limit=10, n_results=10, output="raw", dataSet=dataset)
found["batches"] = sorted(b["status"] for b in every.values())

# -- 2 queries: on a connection, and as jobs
queries = queryservice.QueryService()
connection = queries.connection()
connection["dbname"] = f"prod:{table}"
talking = queryservice.InteractiveQuery2(connection)
found["count"] = int(talking.query(f"SELECT count(1) AS people FROM {table}")["people"][0])
json_rows = talking.query(f"SET auto_to_json=true; SELECT person FROM {table} ORDER BY _id LIMIT 1;\n")
found["row"] = json_rows["person"][0]
talking.query(f"SET aqp=true; ANALYZE TABLE {table} TABLESAMPLE SAMPLERATE 50", output="raw")
found["rate"] = float(talking.query(f"SELECT sampling_rate FROM (SELECT sample_meta('{table}'))")["sampling_rate"][0])
found["history"] = len(talking.query(f"SELECT * FROM (SELECT history_meta('{table}'))"))
if given["pygresql"]:
    other = queryservice.InteractiveQuery(connection)
    counted = other.query(f"SELECT person.gender, count(1) AS n FROM {table} GROUP BY person.gender ORDER BY n")
    found["genders"] = sorted(counted["gender"])

columns = f"_{tenant}.userid AS userId, length(person.gender) AS f"
ctas = f"CREATE TABLE {given['features']} AS SELECT {columns} FROM {table} WHERE mod(int(_id), $every) = 0"
block = f"$$ BEGIN {ctas}; EXCEPTION WHEN OTHER THEN SELECT 'ERROR'; END $$;"
template = queries.createQueryTemplate({"sql": block, "name": f"{name} features", "queryParameters": {}})
job = queries.createQuery(
    data={
        "name": f"{name} job",
        "description": "",
        "dbName": "prod:all",
        "templateId": template["id"],
        "queryParameters": {"every": "2"},
    }
)
ended = poll(lambda: queries.getQuery(job["id"]), lambda q: q["state"] in ("SUCCESS", "FAILED"))
found["job"] = [ended["state"], ended["errors"], ended["elapsedTime"] >= 0]
wrong = queries.createQuery(data={"name": "wrong", "description": "", "dbName": "prod:all", "sql": "SELECT x FROM y_z"})
failed = poll(lambda: queries.getQuery(wrong["id"]), lambda q: q["state"] in ("SUCCESS", "FAILED"))
found["wrong"] = [failed["state"], bool(failed["errors"][0]["message"])]
features = list(books.getDataSets(name=given["features"]))
found["features"] = len(features)

# -- 3 export
flows = flowservice.FlowService()
specs = flows.getConnectionSpecsMap()
names = ("activation-datalake", "datalake", "landing-zone", "Data Landing Zone", "Streaming Connection")
found["specs"] = [n in specs for n in names]
zone = {"id": specs["Data Landing Zone"], "version": "1.0"}
source = flows.createSourceConnectionDataLake(name=f"{name} from", dataset_ids=[features[0]], format="parquet")
base = flows.createConnection(data={"name": f"{name} base", "auth": None, "connectionSpec": zone})
params = {"mode": "Server-to-server", "compression": "gzip", "datasetFileType": "parquet", "path": "cmle/egress"}
aim = {"name": f"{name} to", "baseConnectionId": base["id"], "params": params, "connectionSpec": zone}
target = flows.createTargetConnection(data=aim)
flow = flows.createFlow(
    flow_spec_id="cd2fc47e-e838-4f38-a581-8fff2f99b63a",
    obj={
        "name": f"{name} export",
        "flowSpec": {"id": "cd2fc47e-e838-4f38-a581-8fff2f99b63a", "version": "1.0"},
        "sourceConnectionIds": [source["id"]],
        "targetConnectionIds": [target["id"]],
        "transformations": [],
        "scheduleParams": {"interval": 1, "timeUnit": "day", "startTime": int(time.time()) + 31_536_000},
    },
)
adhoc = destinationinstanceservice.DestinationInstanceService().createAdHocDatasetExport({flow["id"]: [features[0]]})
run_id = adhoc["destinations"][0]["datasets"][0]["statusURL"].rpartition("/")[2]


def runs():
    return flows.getRuns(prop=f"flowId=={flow['id']}")


found["accepted"] = [r["id"] for r in runs()] == [run_id]
(done,) = poll(runs, lambda shown: "metrics" in shown[0])
metrics = done["metrics"]
found["exported"] = metrics["recordSummary"]["outputRecordCount"]
found["took"] = metrics["durationSummary"]["completedAtUTC"] >= metrics["durationSummary"]["startedAtUTC"] > 0
found["size"] = metrics["sizeSummary"]["outputBytes"] > 0 and metrics["fileSummary"]["outputFileCount"]
state = flows.getFlow(flow["id"])
state = state["items"][0] if "items" in state else state
soon = [{"op": "Replace", "path": "/scheduleParams", "value": {**state["scheduleParams"], "interval": 2}}]
found["updated"] = flows.updateFlow(flow["id"], state["etag"], soon)["id"] == flow["id"]
found["stale"] = flows.updateFlow(flow["id"], state["etag"], soon).get("id")
found["paused"] = (
    flows.postFlowAction(flow["id"], "disable")["id"] == flow["id"] if hasattr(flows, "postFlowAction") else True
)
found["zones"] = [flows.getLandingZoneCredential(dlz_type=t) for t in ("user_drop_zone", "dlz_destination")]
found["exportable"] = features[0]
tell()

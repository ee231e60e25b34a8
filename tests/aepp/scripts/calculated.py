"""Data Prep and flows by aepp: expressions, mapping sets and their versions, schedules, exports of what is new."""

import time

from journey import configure, found, poll, tell

from aepp import catalog, dataprep, flowservice, ingestion, schema

configure()
registry, prep, flows = schema.Schema(), dataprep.DataPrep(), flowservice.FlowService()
tenant = f"_{registry.getTenantId()}"
fields = {"userid": {"type": "string"}, "propensity": {"type": "number"}}
own = {"type": "object", "properties": {tenant: {"type": "object", "properties": fields}}}
group = registry.createFieldGroup(
    {
        "type": "object",
        "title": "Calculated",
        "allOf": [{"$ref": "#/definitions/customFields"}],
        "definitions": {"customFields": own},
        "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
    }
)
made = registry.createProfileSchema("Calculated", mixinIds=[group["$id"]], description="Calculated")["$id"]
create = getattr(catalog.Catalog(), "createDataSets", None) or catalog.Catalog().createDataSet
dataset = create(name="Calculated", schemaId=made)[0].split("/")[-1]

# -- the language
found["functions"] = [f["name"] for f in prep.getMappingSetFunctions()]
found["operators"] = [o["name"] for o in prep.getMappingSetOperators()]
found["valid"] = prep.validateExpression("upper(name)", sampleData='{"name": "a"}', sampleDataType="JSON")
found["invalid"] = prep.validateExpression("uper(name)")

# -- mapping sets
user = {"sourceType": "EXPRESSION", "source": "lower(trim(person.id))", "destination": f"{tenant}.userid"}
likely = {"sourceType": "EXPRESSION", "source": "clicks / sends", "destination": f"{tenant}.propensity"}
mapping = prep.createMappingSet(made, [user, likely], validate=True)["id"]
found["refused"] = prep.createMappingSet(made, [{**user, "source": "lower("}])
tried = {"outputSchema": {"schemaRef": {"id": made}}, "mappings": [user, likely]}
found["preview"] = prep.previewDataOutput({"person": {"id": " A "}, "clicks": 1, "sends": 4}, tried)
second = prep.getMappingSetMappings(mapping)["data"][1]["id"]
found["one"] = prep.getMappingSetMapping(mapping, second)["source"]
changed = prep.updateMappingSetMapping(mapping, second, {**likely, "source": "clicks / sends * 2"})
found["same"] = changed["id"] == second
found["deleted"] = prep.deleteMappingSetMapping(mapping, second)
prep.createMappingSetMapping(mapping, {**likely, "source": "clicks / sends"})
found["version"] = prep.getMappingSet(mapping)["version"]
found["listed"] = [m["id"] == mapping for m in prep.getMappingSets(prop=f"xdmSchema=={made}")]

# -- an incremental export by a schedule, which is changed
inbox = ingestion.DataIngestion()


def add(*rows):
    batch = inbox.createBatch(datasetId=dataset, format="json")["id"]
    told = [{tenant: {"userid": u, "propensity": p}} for u, p in rows]
    inbox.uploadSmallFile(batchId=batch, datasetId=dataset, filePath="rows.json", data=told)
    inbox.uploadSmallFileFinish(batchId=batch)
    books = catalog.Catalog()
    poll(lambda: books.getBatches(output="raw", dataSet=dataset), lambda b: b[batch]["status"] == "success")


def ended(run):
    def ask():
        answer = flows.getRun(run)
        return (answer["items"] if isinstance(answer, dict) else answer)[0]

    return poll(ask, lambda told: "metrics" in told)


def exported():
    return ended(flows.createRun(export)["id"])["metrics"]["recordSummary"]["outputRecordCount"]


zone = {"id": "10440537-2a7b-4583-ac39-ed38d4b848e8", "version": "1.0"}
base = flows.createConnection(data={"name": "base", "auth": None, "connectionSpec": zone})["id"]
found["state"] = flows.connector.getData(f"{flows.endpoint}/connections/{base}/test")["state"]
source = flows.createSourceConnectionDataLake(name="from", dataset_ids=[dataset], format="parquet")["id"]
target = {"name": "to", "baseConnectionId": base, "params": {"path": "out"}, "connectionSpec": zone}
later = int(time.time()) + 10**8
export = flows.createFlow(
    "cd2fc47e-e838-4f38-a581-8fff2f99b63a",
    obj={
        "name": "export",
        "flowSpec": {"id": "cd2fc47e-e838-4f38-a581-8fff2f99b63a", "version": "1.0"},
        "sourceConnectionIds": [source],
        "targetConnectionIds": [flows.createTargetConnection(data=target)["id"]],
        "transformations": [],
        "scheduleParams": {"startTime": later, "timeUnit": "day", "exportMode": "FIRST_FULL_THEN_INCREMENTAL"},
    },
)["id"]
add(("u1", 0.5), ("u2", 0.25))
found["exports"] = [exported()]
add(("u3", 1.0))
found["exports"] += [exported(), exported()]
etag = flows.getFlow(export)["etag"]
monthly = {"startTime": str(later), "frequency": "month", "interval": "1", "exportMode": "FIRST_FULL_THEN_INCREMENTAL"}
flows.updateFlow(export, etag, [{"op": "Replace", "path": "/scheduleParams", "value": monthly}])
found["monthly"] = flows.getFlow(export)["scheduleParams"]["frequency"]
found["runs"] = len(flows.getRuns(limit=2, n_results=10, prop=f"flowId=={export}"))
tell()

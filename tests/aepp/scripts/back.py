"""Steps 6 and 7: scores come back from the landing zone onto profiles; an audience is made of them."""

import time

from journey import configure, found, given, poll, tell

from aepp import catalog, customerprofile, dataprep, flowservice, queryservice, schema, segmentation

configure()
tenant = schema.Schema().getTenantId()
books, flows = catalog.Catalog(), flowservice.FlowService()
create = getattr(books, "createDataSets", None) or books.createDataSet
scores = create(name=f"{given['name']} scores", schemaId=given["schema"], profileEnabled=True, identityEnabled=True)
scores = scores[0].split("/")[-1]

source = flows.createSourceConnectionDataLandingZone(
    name="from the zone", format="delimited", path=f"dlz-user-container/{given['path']}", type="folder", recursive=True
)
target = flows.createTargetConnectionDataLake(name="to the lake", datasetId=scores, schemaId=given["schema"])
mappings = [
    {"sourceType": "ATTRIBUTE", "source": "userId", "destination": f"_{tenant}.userid"},
    {"sourceType": "ATTRIBUTE", "source": "prediction", "destination": f"_{tenant}.propensity"},
]
mapping = dataprep.DataPrep().createMappingSet(schemaId=given["schema"], mappingList=mappings, validate=True)
flow = flows.createFlowDataLandingZoneToDataLake(
    name="scores",
    source_connection_id=source["id"],
    target_connection_id=target["id"],
    schedule_start_time=str(int(time.time())),
    schedule_frequency="minute",
    schedule_interval=15,
    transformation_mapping_id=mapping["id"],
    transformation_name="Mapping",
)


def runs():
    return flows.getRuns(prop=f"flowId=={flow['id']}")


done = poll(runs, lambda shown: shown and "metrics" in shown[-1])[-1]["metrics"]
found["run"] = [done["statusSummary"]["status"], done["recordSummary"]["outputRecordCount"]]

# -- 7 who is likely
rule = f"_{tenant}.propensity >= 0.2 and _{tenant}.propensity <= 0.93"
segments = segmentation.Segmentation()
audience = segments.createSegment(
    {
        "name": f"{given['name']} likely",
        "profileInstanceId": "ups",
        "description": "By their score",
        "expression": {"type": "PQL", "format": "pql/text", "value": rule},
        "schema": {"name": "_xdm.context.profile"},
        "payloadSchema": "string",
        "ttlInDays": 60,
    }
)
found["among"] = [s["name"] for s in segments.getSegments() if s["id"] == audience["id"]]
job = segments.createJob([audience["id"]])
ended = poll(lambda: segments.getJob(job["id"]), lambda j: j["status"] in ("SUCCEEDED", "FAILED"))
found["job"] = ended["status"]
found["members"] = ended["metrics"]["segmentedProfileCounter"][audience["id"]]
found["took"] = ended["metrics"]["totalTime"]["totalTimeInMs"] >= 0
connection = queryservice.QueryService().connection()
table = books.getDataSet(scores)[scores]["tags"]["adobe/pqs/table"][0]
talking = queryservice.InteractiveQuery2(connection)
likely = talking.query(f"SELECT count(1) AS n FROM {table} WHERE _{tenant}.propensity BETWEEN 0.2 AND 0.93")
found["counted"] = int(likely["n"][0])
person = customerprofile.Profile().getEntity(entityId=given["person"], entityIdNS="ecid")
(entity,) = [p["entity"] for p in person.values()]
found["score"] = entity[f"_{tenant}"].get("propensity")
found["name"] = entity["person"]["name"]["firstName"]
found["in"] = audience["id"] in entity.get("segmentMembership", {}).get("ups", {})
tell()

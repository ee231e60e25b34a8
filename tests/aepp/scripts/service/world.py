"""What the scripts of services share: ten people, four of whom did something, in two datasets of Profile."""

from journey import given, poll

from aepp import catalog, ingestion, schema

PEOPLE, ACTIVE, EACH = 10, 4, 3
"""How many people there are, how many of them have events, and how many each."""

PERSON = "https://ns.adobe.com/xdm/context/profile-person-details"
PROFILE, EVENT = "https://ns.adobe.com/xdm/context/profile", "https://ns.adobe.com/xdm/context/experienceevent"


def equal(got, wanted):
    """Fail with both values if they differ."""
    assert got == wanted, f"got    {got!r}\nwanted {wanted!r}"


def refused(answer, *said):
    """Fail unless an answer is an error that says so; aepp gives back the body."""
    text = str(answer)
    assert answer.get("status", 0) >= 400, text
    assert all(part in text for part in said), text
    assert "id" not in answer, text


def user(number):
    """The ECID of a person; one of noughts only would stand for nobody."""
    return f"{number + 1:038d}"


def create(books, **how):
    """The id of a new dataset; the method's name differs between releases."""
    method = getattr(books, "createDataSets", None) or books.createDataSet
    (made,) = method(**how)
    return made.split("/")[-1]


def send(dataset, rows, name="rows"):
    """Bring rows into a dataset; the id of the batch, which has succeeded."""
    batch = loading.createBatch(datasetId=dataset)["id"]
    loading.uploadSmallFile(batchId=batch, datasetId=dataset, filePath=name, data=rows)
    loading.uploadSmallFileFinish(batchId=batch)
    ended(batch)
    return batch


def ended(batch, status="success"):
    """Wait until a batch has ended; what it has become."""
    last = poll(lambda: books.getBatch(batch)[batch], lambda b: b["status"] in ("success", "failed", "aborted"))
    equal(last["status"], status)
    return last


def _schema(create, class_id, *more):
    group = registry.createFieldGroup(
        {
            "type": "object",
            "title": f"{create.__name__} fields",
            "description": "Of a script",
            "allOf": [{"$ref": "#/definitions/customFields"}],
            "meta:intendedToExtend": [class_id],
            "definitions": {
                "customFields": {
                    "type": "object",
                    "properties": {OURS: {"type": "object", "properties": FIELDS}},
                }
            },
        }
    )
    made = create(f"{given['name']} {create.__name__}", mixinIds=[group["$id"], *more], description="Of a script")
    for field, namespace in (("userid", "ECID"), ("email", "Email")):
        registry.createDescriptor(
            {
                "@type": "xdm:descriptorIdentity",
                "xdm:sourceSchema": made["$id"],
                "xdm:sourceVersion": 1,
                "xdm:sourceProperty": f"/{OURS}/{field}",
                "xdm:namespace": namespace,
                "xdm:property": "xdm:id",
                "xdm:isPrimary": namespace == "ECID",
            }
        )
    registry.enableSchemaForRealTime(made["meta:altId"])
    return made["$id"]


registry, books, loading = schema.Schema(), catalog.Catalog(), ingestion.DataIngestion()
OURS = f"_{registry.getTenantId()}"
FIELDS = {name: {"type": "string", "title": name} for name in ("userid", "email")} | {
    "propensity": {"type": "number", "title": "How likely"}
}
people_schema = _schema(registry.createProfileSchema, PROFILE, PERSON)
event_schema = _schema(registry.createExperienceEventSchema, EVENT)
people = create(books, name="Service people", schemaId=people_schema, profileEnabled=True, identityEnabled=True)
events = create(books, name="Service events", schemaId=event_schema, profileEnabled=True, identityEnabled=True)
people_batch = send(
    people,
    [
        {
            "_id": f"{n}",
            OURS: {"userid": user(n), "propensity": n / PEOPLE, **({"email": f"p{n}@x.org"} if n < 5 else {})},
            "person": {"name": {"firstName": f"First {n}"}, "gender": "female" if n % 2 else "male"},
        }
        for n in range(PEOPLE)
    ],
)
events_batch = send(
    events,
    [
        {
            "_id": f"e{n}-{k}",
            "timestamp": f"2026-02-0{k + 1}T00:00:00Z",
            "eventType": "click" if k else "view",
            OURS: {"userid": user(n)},
        }
        for n in range(ACTIVE)
        for k in range(EACH)
    ],
)
people_table, events_table = (
    books.getDataSet(dataset)[dataset]["tags"]["adobe/pqs/table"][0] for dataset in (people, events)
)

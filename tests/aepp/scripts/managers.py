"""The managers of aepp: resources are made, changed, shown, compared and carried to another sandbox."""

from journey import configure, found, given, poll, tell

import aepp
from aepp import (
    catalog,
    classmanager,
    datatypemanager,
    fieldgroupmanager,
    ingestion,
    schema,
    schemamanager,
    synchronizer,
)

configure()
registry = schema.Schema()
tenant = f"_{registry.getTenantId()}"
PROFILE = "https://ns.adobe.com/xdm/context/profile"
PERSON = "https://ns.adobe.com/xdm/context/person"
DEMOGRAPHIC = "https://ns.adobe.com/xdm/context/profile-person-details"


def paths(frame):
    return sorted(frame["path"])


# -- a data type
money = datatypemanager.DataTypeManager(title="Money", schemaAPI=registry, description="An amount")
money.addField("amount", "double", title="Amount")
money.createDataType()
money.addField("currency", "string", title="Currency", pattern="^[A-Z]{3}$")
money.updateDataType()
money = datatypemanager.DataTypeManager(money.id, schemaAPI=registry)
found["money"] = [money.dataType["version"], paths(money.to_dataframe()), money.to_dict()]
person = datatypemanager.DataTypeManager(PERSON, schemaAPI=registry)
found["person"] = [person.title, "name.firstName" in paths(person.to_dataframe()), person.to_dict()["name"]["lastName"]]

# -- a field group
group = fieldgroupmanager.FieldGroupManager(title="Buyers", fg_class=["profile"], schemaAPI=registry)
group.addField(tenant, "object")
group.addField(f"{tenant}.score", "double", title="Score", minimum=0, maximum=1)
group.addField(f"{tenant}.userid", "string", title="User")
group.addField(f"{tenant}.tier", "string", enumValues={"gold": "Gold", "iron": "Iron"}, enumType=True)
group.addField(f"{tenant}.tags", "string", array=True)
group.addField(f"{tenant}.counts", "map", mapType="integer")
group.addField(f"{tenant}.orders", "array", objectComponents={"id": "string", "at": "date-time"})
group.addField(f"{tenant}.spent", "dataType", ref=money.id)
group.addField(f"{tenant}.children", "dataType", ref=PERSON, array=True)
found["group"] = group.createFieldGroup()["version"]
group.addField(f"{tenant}.deep", "object", objectComponents={"one": "long", "two": "boolean"})
found["updated"] = group.updateFieldGroup()["version"]
patch = [{"op": "replace", "path": "/description", "value": "Who buys"}]
found["patched"] = group.patchFieldGroup(patch)["description"]
group = registry.FieldGroupManager(group.id)
found["fields"] = paths(group.to_dataframe())
found["typed"] = group.getDataTypePaths()
found["searched"] = [sorted(one)[0] for one in group.searchField("score")]
found["attributes"] = len(group.searchAttribute({"type": "string"}))
found["som"] = group.to_som().get(f"{tenant}.tier") is not None
found["pydantic"] = "class" in group.to_pydantic()

# -- a class
things = classmanager.ClassManager(title="Things", schemaAPI=registry)
made = things.createClass()
made = registry.createClass(title="More things", class_template="https://ns.adobe.com/xdm/data/time-series")
things = classmanager.ClassManager(made["$id"], schemaAPI=registry)
found["class"] = [things.title, paths(things.to_dataframe())]

# -- a schema
buyers = schemamanager.SchemaManager(title="Buyers", schemaAPI=registry, schemaClass=PROFILE)
buyers.addFieldGroup(group.id)
buyers.addFieldGroup(DEMOGRAPHIC)
found["schema"] = buyers.createSchema()["version"]
user, score = f"{tenant}.userid", f"{tenant}.score"
operations = [
    buyers.createDescriptorOperation("xdm:descriptorIdentity", user, identityNSCode="ECID", identityPrimary=True),
    buyers.createDescriptorOperation("xdm:alternateDisplayInfo", score, alternateTitle="Chance"),
    buyers.createDescriptorOperation("xdm:descriptorDeprecated", f"{tenant}.tags"),
    buyers.createDescriptorOperation("xdm:descriptorTimeSeriesGranularity", granularity="hour"),
]
descriptors = [buyers.createDescriptor(one) for one in operations]
changed = {**operations[1], "xdm:title": {"en_us": "Likelihood"}}
found["title"] = buyers.updateDescriptor(descriptors[1]["@id"], changed)["xdm:title"]["en_us"]
found["descriptors"] = sorted(d["@type"] for d in buyers.getDescriptors())
buyers.setDescription("Those who buy")
found["described"] = [buyers.updateSchema()[key] for key in ("version", "description")]
buyers = schemamanager.SchemaManager(buyers.id, schemaAPI=registry)
frame = buyers.to_dataframe(queryPath=True, required=True, full=True)
found["frame"] = [sorted(set(frame["fieldGroup"])), "person.name.firstName" in paths(frame)]
found["paths"] = sorted(registry.getSchemaPaths(buyers.id))
found["dictionary"] = sorted(buyers.to_dict()[tenant])

# -- a dataset of it, in which a sample lies
books, loading = catalog.Catalog(), ingestion.DataIngestion()
dataset = books.createDataSet(name="Buyers", schemaId=buyers.id)[0].split("/")[-1]
found["datasets"] = list(buyers.getDatasets()) == [dataset]
sample = registry.getSchemaSample(buyers.id)
found["sample"] = sorted(sample[tenant])
batch = loading.createBatch(datasetId=dataset, format="json")["id"]
loading.uploadSmallFile(batchId=batch, datasetId=dataset, filePath="sample.json", data=[sample])
loading.uploadSmallFileFinish(batchId=batch)
poll(lambda: books.getBatch(batch)[batch]["status"], lambda status: status == "success")
observed = catalog.ObservableSchemaManager(books.getDataSetObservableSchema(dataset))
seen = buyers.compareObservableSchema(observed)
found["unseen"] = sorted(seen[seen["availability"] != "schema_dataset"]["path"])

# -- more of it
more = fieldgroupmanager.FieldGroupManager(title="More", fg_class=["profile"], schemaAPI=registry)
more.addField(tenant, "object")
more.addField(f"{tenant}.more", "string")
more.createFieldGroup()
found["added"] = len(registry.addFieldGroupToSchema(buyers.id, [more.id])["allOf"])
copy = registry.copyFieldGroup(registry.getFieldGroup(more.id, full=False), title="More again")
found["copied"] = registry.createFieldGroup(copy)["title"]

# -- to another sandbox
elsewhere = aepp.importConfigFile("config.json", connectInstance=True, sandbox=given["other"])
here = aepp.importConfigFile("config.json", connectInstance=True)
sync = synchronizer.Synchronizer(targets=[given["other"]], config=here, baseSandbox=given["sandbox"])
sync.syncComponent("Buyers", componentType="schema")
there = schema.Schema(config=elsewhere)
there.getSchemas()
twin = schemamanager.SchemaManager(there.data.schemas_altId["Buyers"], schemaAPI=there)
buyers = schemamanager.SchemaManager(buyers.id, schemaAPI=registry)
found["twin"] = [twin.id != buyers.id, paths(twin.to_dataframe()) == paths(buyers.to_dataframe())]
compared = registry.compareDFschemas(buyers.to_dataframe(), twin.to_dataframe())
found["compared"] = [compared["fieldGroups"]["aligned"], compared["paths"]["aligned"], compared["type_issues"]]
found["carried"] = sorted(d["@type"] for d in twin.getDescriptors())

tell()

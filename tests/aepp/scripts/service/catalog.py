import json

from aepp import catalog, schemamanager
from service.world import (
    OURS,
    PEOPLE,
    books,
    create,
    ended,
    equal,
    events,
    loading,
    people,
    people_batch,
    people_schema,
    people_table,
    refused,
    user,
)

# -- datasets
made = create(books, name="Catalog", schemaId=people_schema)


def tags():
    return books.getDataSet(made)[made]["tags"]


equal(books.enableDatasetProfile(made), [f"@/dataSets/{made}"])
equal(tags()["unifiedProfile"], ["enabled:true"])
books.enableDatasetUpsert(made)
equal(tags()["unifiedProfile"], ["enabled:true", "isUpsert:true"])
books.disableDatasetProfile(made)
equal(tags()["unifiedProfile"], ["enabled:false"])
books.enableDatasetIdentity(made)
equal(tags()["unifiedIdentity"], ["enabled:true"])
books.disableDatasetIdentity(made)
equal(tags()["unifiedIdentity"], ["enabled:false"])
books.disableDatasetValidationContext(made)
equal(tags()["acp_validationContext"], ["disabled"])
equal(set(books.getDataSets()), {people, events, made})
equal(books.data.ids["Catalog"], made)
equal(books.data.table_names["Service people"], [people_table])
equal(books.getProfileSnapshotDatasets(), {})
seen = books.getDataSetObservableSchema(people)["observableSchema"]
observable = catalog.ObservableSchemaManager(seen)
paths = {f"{OURS}.{name}" for name in ("email", "propensity", "userid")} | {"person.gender", "person.name.firstName"}
assert paths <= set(observable.to_dataframe()["path"]), observable.to_dataframe()
try:
    (gender,) = observable.searchField("gender")
    assert "gender" in str(gender), gender
except AttributeError as error:  # before 0.6.0 aepp has forgotten a method of its own
    equal("__cleanPath__" in str(error), True)
equal(set(observable.to_dict()[OURS]), {"email", "propensity", "userid"})
whole = schemamanager.SchemaManager(people_schema)
available = observable.compareSchemaAvailability(whole).set_index("path")["availability"]
equal(available["person.gender"], "schema_dataset")
equal(available["person.birthDate"], "schema_only")
if hasattr(observable, "searchAttribute"):
    equal(observable.searchAttribute({"type": "number"}), ["propensity"])
if hasattr(books, "putDataset"):
    ref = {"id": people_schema, "contentType": "application/vnd.adobe.xed+json;version=1"}
    books.putDataset(made, {"name": "Catalog again", "schemaRef": ref, "tags": {"mine": ["yes"]}})
    equal((books.getDataSet(made)[made]["name"], tags()["mine"]), ("Catalog again", ["yes"]))
    books.patchDataset(made, {"tags": {"mine": ["no"]}})
    equal(tags()["mine"], ["no"])
    books.patchDatasetV2(made, {"description": "merged"})
    equal(books.getDataSet(made)[made]["description"], "merged")
    told = books.getDatasetsInfos().set_index("id")
    equal((told.at[people, "datalake_rows"], told.at[people, "qs_table"]), (PEOPLE, people_table))
    equal((told.at[people, "profileEnabled"], told.at[made, "profileEnabled"]), (True, False))
equal(books.deleteDataSet(made), 200)
refused(books.getDataSet(made), made)

# -- batches
wrong = loading.createBatch(people)["id"]
loading.uploadSmallFile(wrong, people, "rows", [{"_id": "x", OURS: {"propensity": ["no number"], "userid": user(1)}}])
loading.uploadSmallFileFinish(wrong)
ended(wrong, "failed")
equal(set(books.getBatches(dataSet=people)), {people_batch, wrong})
equal(list(books.getBatches(dataSet=people, status="success", output="dataframe").index), [people_batch])
equal(books.getBatch(people_batch)[people_batch]["metrics"]["outputRecordCount"], PEOPLE)
failed = books.getFailedBatchesDF(dataSet=people)
equal((list(failed.index), failed.at[wrong, "dataSetId"]), ([wrong], people))
assert failed.at[wrong, "errorCode"], failed
equal(len(books.getMapperErrors(dataSet=people)), 0)
equal(books.findActiveBatch(people_batch), people_batch)
equal([batch["id"] for batch in books.getLastBatches(people)], [wrong])
assert "@/batches" in books.getResources()
(view,) = books.getDataSetViews(people)
equal(books.getDataSetView(people, view), books.getDataSetViews(people))
equal(len(books.getDataSetViewFiles(people, view)), 1)
equal(set(books.getResource(f"{books.endpoint}/batches", params={"dataSet": people})), {people_batch, wrong})

# -- messages of streams, which aepp takes apart itself
equal(books.jsonStreamMessages('{"a": 1}\n{"b": 2}'), [{"a": 1}, {"b": 2}])
streamed = r"{\"body\":\"{\"xdm\":1}\",\"header\":\"{\"h\":2}\",\"_errors\":\"{\"e\":3}\"}"
equal(json.loads(books.decodeStreamBatch(streamed))["body"], {"xdm": 1})

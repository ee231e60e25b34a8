import json

from journey import poll

from aepp import dataaccess, ingestion
from service.world import OURS, books, create, ended, equal, people_schema, refused, user

loading, files = ingestion.DataIngestion(), dataaccess.DataAccess()
dataset = create(books, name="Ingestion", schemaId=people_schema)


def rows(*numbers):
    return [{"_id": f"{n}", OURS: {"userid": user(n)}} for n in numbers]


def is_there(batch, name="part"):
    """Whether a file has come; aepp gives back headers only of what has not, and before 0.6.0 fails over them."""
    try:
        return loading.headFileStatus(batch, dataset, name) == {}
    except TypeError:
        return False


batch = loading.createBatch(dataset, format="json", multiline=True, enableDiagnostic=True)
equal((batch["status"], batch["relatedObjects"]), ("loading", [{"type": "dataSet", "id": dataset}]))
batch = batch["id"]
equal(loading.uploadSmallFile(batch, dataset, "part", rows(1, 2)), {})
equal((is_there(batch), is_there(batch, "other")), (True, False))
loading.uploadSmallFileFinish(batch)
equal(ended(batch)["metrics"]["outputRecordCount"], 2)

large = loading.createBatch(dataset, format="json")["id"]
text = "\n".join(map(json.dumps, rows(3, 4, 5))).encode()
half, last = len(text) // 2, len(text) - 1
loading.uploadLargeFileStartEnd(large, dataset, "part", "INITIALIZE")
equal(loading.uploadLargeFilePart(large, dataset, "part", text[half:], f"bytes {half}-{last}/{len(text)}"), {})
equal(loading.uploadLargeFilePart(large, dataset, "part", text[:half], f"bytes 0-{half - 1}/{len(text)}"), {})
loading.uploadLargeFileStartEnd(large, dataset, "part", "COMPLETE")
assert is_there(large)
loading.uploadSmallFileFinish(large)
equal(ended(large)["metrics"]["outputRecordCount"], 3)
taken = [
    files.getFiles(f["dataSetFileId"])["data"][0]["length"] for b in (batch, large) for f in files.getBatchFiles(b)
]
equal([size > 0 for size in taken], [True, True])

replayed = loading.replayBatch(dataset, [large])["id"]
loading.uploadSmallFile(replayed, dataset, "part", rows(7))
shown = loading.getPreviewBatchDataset(replayed, dataset)
equal([row["_id"] for row in shown["data"]], ["7"])
loading.uploadSmallFileFinish(replayed)
ended(replayed)
equal(books.findActiveBatch(large), replayed)
loading.deleteBatch(replayed)
poll(lambda: files.getPreview(dataset), lambda told: sorted(row["_id"] for row in told) == ["1", "2"])

aborted = loading.createBatch(dataset)["id"]
loading.uploadSmallFileFinish(aborted, action="ABORT")
ended(aborted, "aborted")
refused(loading.uploadSmallFile(aborted, dataset, "part", rows(6)), "aborted")
equal(set(books.getBatches(dataSet=dataset, status="success")), {batch})

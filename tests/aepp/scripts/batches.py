"""What becomes of batches: files of them, a batch that replaces others, one that is taken back."""

from journey import configure, found, given, poll, tell

from aepp import catalog, dataaccess, ingestion

configure()
books, inlet, files = catalog.Catalog(), ingestion.DataIngestion(), dataaccess.DataAccess()
dataset = given["dataset"]


def send(batch, *persons):
    inlet.uploadSmallFile(batch, dataset, "rows", [{"_id": f"{batch}-{p}", "personID": p} for p in persons])
    preview = inlet.getPreviewBatchDataset(batch, dataset)
    inlet.uploadSmallFileFinish(batch, action="COMPLETE")
    ended = poll(lambda: books.getBatch(batch)[batch], lambda batch_: batch_["status"] in ("success", "failed"))
    return preview, ended["status"]


def people():
    return sorted(row["personID"] for row in files.getPreview(dataset))


first = inlet.createBatch(dataset)["id"]
preview, _ = send(first, "a", "b")
second = inlet.createBatch(dataset)["id"]
send(second, "c")
(file,) = files.getBatchFiles(first)
(told,) = files.getFiles(file["dataSetFileId"])["data"]
bytes_ = files.getFiles(file["dataSetFileId"], path=told["name"]).getvalue()
before = people()

replaced = inlet.replayBatch(dataset, [first, second])["id"]
_, status = send(replaced, "x", "y")
after = people()
active = [books.findActiveBatch(batch) for batch in (first, second, replaced)]
inlet.deleteBatch(replaced)

partial = inlet.createBatch(dataset, enableDiagnostic=True, partialIngestionPercentage=50)["id"]
rows = [{"_id": "1", "personID": "z"}, {"_id": "2", "personID": {}}]
inlet.uploadSmallFile(partial, dataset, "rows", rows)
inlet.uploadSmallFileFinish(partial)
part = poll(lambda: books.getBatch(partial)[partial], lambda batch_: batch_["status"] in ("success", "failed"))
(failed,) = files.getBatchFailed(partial)
(error,) = files.getBatchFailed(partial, path=failed["name"])
meta = [entry["name"] for entry in files.getBatchMeta(partial)["data"]]
found.update(
    preview=[row["personID"] for row in preview["data"]],
    length=[told["length"], len(bytes_)],
    magic=bytes_[:4].decode(),
    people=[before, after, people()],
    status=[status, *(books.getBatch(batch)[batch]["status"] for batch in (first, second, replaced))],
    active=[batch == replaced for batch in active],
    last=[batch["id"] == replaced for batch in books.getLastBatches(dataset)],
    partial=[part["status"], part["metrics"]["recordsFailed"], error["_row"], error["_errors"][0]["column"], meta],
    resources="@/dataSets" in books.getResources(),
    views=list(books.getDataSetViews(dataset)) == [dataset],
    view=list(books.getDataSetView(dataset, dataset)) == [dataset],
    files=[entry["batchId"] == partial for entry in books.getDataSetViewFiles(dataset, dataset).values()],
)
tell()

"""Data Access: the Parquet files of a dataset's batches, and its first rows (REST contract, section 13)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, JSONResponse, Response

from limbeck import clock
from limbeck.api import shapes
from limbeck.api.context import Caller, Reading
from limbeck.errors import NotFound
from limbeck.lake import DataFile

router = APIRouter(prefix="/data/foundation/export")

BASE = "/data/foundation/export/files"

ROWS = 100
"""Of a preview."""

Start = Annotated[int, Query(ge=0)]
Limit = Annotated[int | None, Query(ge=1)]


@router.get("/batches/{batch_id}/files")
def list_files(caller: Reading, batch_id: str, start: Start = 0, limit: Limit = None) -> dict[str, Any]:
    """GET /batches/{id}/files: the files a batch added to its dataset, all of them without *limit*."""
    batch = caller.platform.lake.batches.get(caller.sandbox, batch_id)
    found = [
        {
            "dataSetFileId": shapes.file_id(file),
            "dataSetViewId": batch.dataset_id,
            "version": "1.0.0",
            "created": clock.millis(batch.created),
            "updated": clock.millis(batch.updated),
            "isValid": True,
            "_links": {"self": {"href": f"{BASE}/{shapes.file_id(file)}"}},
        }
        for file in caller.platform.lake.files_of_batch(batch)
    ]
    shown = found[start : None if limit is None else start + limit]
    return {"data": shown, "_page": {"limit": limit or len(found), "count": len(found)}}


@router.get("/files/{file_id}")
@router.head("/files/{file_id}")
def get_file(caller: Reading, file_id: str, path: str | None = None) -> Response:
    """GET /files/{id}: what it holds; with *path* its bytes, or those that the header `Range` names. HEAD likewise."""
    file = _find(caller, file_id)
    name = file.path.rpartition("/")[2]
    if path is None:
        href = f"{BASE}/{file_id}?path={name}"
        return JSONResponse({"data": [{"name": name, "length": file.bytes, "_links": {"self": {"href": href}}}]})
    if path != name:
        raise NotFound(f"file {file_id} holds {name}, not {path!r}")
    return FileResponse(caller.platform.lake.folder.path(file.path), media_type="application/octet-stream")


@router.get("/datasets/{dataset_id}/preview")
def preview_dataset(caller: Reading, dataset_id: str) -> dict[str, Any]:
    """GET /datasets/{id}/preview: the first rows of a dataset as it is now."""
    lake = caller.platform.lake
    dataset = lake.datasets.get(caller.sandbox, dataset_id)
    if not dataset.schema.type.fields:
        return {"data": []}
    table = lake.table(dataset, "previewed")
    with caller.platform.engine.session([table], ordered=True) as session:
        found = session.reader(f"SELECT * FROM previewed LIMIT {ROWS}").read_all()
    return {"data": shapes.rows(found.to_pylist(maps_as_pydicts="strict"))}


def _find(caller: Caller, file_id: str) -> DataFile:
    dataset_id, _, name = file_id.partition("-")
    caller.platform.lake.datasets.get(caller.sandbox, dataset_id)
    found = caller.platform.lake.file(f"{dataset_id}/{name}.parquet")
    if found is None:
        raise NotFound(f"no file {file_id!r}")
    return found

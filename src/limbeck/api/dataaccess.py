"""Data Access: the Parquet files of a dataset's batches (REST contract, section 13)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, JSONResponse, Response

from limbeck import clock
from limbeck.api.context import Caller, Reading
from limbeck.errors import NotFound
from limbeck.lake import DataFile

router = APIRouter(prefix="/data/foundation/export")

BASE = "/data/foundation/export/files"


@router.get("/batches/{batch_id}/files")
def list_files(caller: Reading, batch_id: str) -> dict[str, Any]:
    """GET /batches/{id}/files: the files a batch added to its dataset."""
    batch = caller.platform.lake.batches.get(caller.sandbox, batch_id)
    found = [
        {
            "dataSetFileId": _id_of(file),
            "dataSetViewId": batch.dataset_id,
            "version": "1.0.0",
            "created": clock.millis(batch.created),
            "updated": clock.millis(batch.updated),
            "isValid": True,
            "_links": {"self": {"href": f"{BASE}/{_id_of(file)}"}},
        }
        for file in caller.platform.lake.files_of_batch(batch)
    ]
    return {"data": found, "_page": {"limit": len(found), "count": len(found)}}


@router.head("/files/{file_id}", include_in_schema=False)
@router.get("/files/{file_id}", responses={200: {"content": {"application/octet-stream": {}}}})
def get_file(caller: Reading, file_id: str, path: str | None = None) -> Response:
    """GET and HEAD /files/{id}: what it holds; with *path* its bytes, or how many they are."""
    file = _find(caller, file_id)
    name = file.path.rpartition("/")[2]
    if path is None:
        href = f"{BASE}/{file_id}?path={name}"
        return JSONResponse({"data": [{"name": name, "length": file.bytes, "_links": {"self": {"href": href}}}]})
    if path != name:
        raise NotFound(f"file {file_id} holds {name}, not {path!r}")
    return FileResponse(caller.platform.lake.folder.path(file.path), media_type="application/octet-stream")


def _find(caller: Caller, file_id: str) -> DataFile:
    dataset_id, _, name = file_id.partition("-")
    caller.platform.lake.datasets.get(caller.sandbox, dataset_id)
    found = caller.platform.lake.file(f"{dataset_id}/{name}.parquet")
    if found is None:
        raise NotFound(f"no file {file_id!r}")
    return found


def _id_of(file: DataFile) -> str:
    return file.path.removesuffix(".parquet").replace("/", "-")

"""Data Access: the files of batches, what they set aside, first rows of datasets (REST contract, section 13)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse

from limbeck import clock
from limbeck.api import shapes
from limbeck.api.context import Caller, Reading
from limbeck.errors import NotFound
from limbeck.ingest.diagnostics import MetaFile
from limbeck.lake import DataFile

router = APIRouter(prefix="/data/foundation/export")

BASE = "/data/foundation/export/files"

ROWS = 100
"""Of a preview."""

ROW_ERRORS = "row_errors/"
FOLDERS = ("row_errors", "input_files")
"""What is kept of batches, if anything is."""

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
    return _page(found, start, limit)


@router.get("/batches/{batch_id}/failed", response_model=None)
def list_failed_rows(
    caller: Reading, request: Request, batch_id: str, path: str | None = None, start: Start = 0, limit: Limit = None
) -> Any:
    """GET /batches/{id}/failed: the files with the rows that were set aside; with *path* the rows of one."""
    files = _kept_of(caller, batch_id)
    rows = {PurePosixPath(f.name).name: f for f in files if f.name.startswith(ROW_ERRORS)}
    at = f"/data/foundation/export/batches/{batch_id}/failed"
    if path is None:
        return _page([_entry(at, name, f.bytes) for name, f in rows.items()], start, limit)
    name = path.removeprefix(ROW_ERRORS)
    if name not in rows:
        raise NotFound(f"no rows of batch {batch_id} were set aside in {path!r}")
    return _lines(caller, request, batch_id, rows[name].name)


@router.get("/batches/{batch_id}/meta", response_model=None)
def list_meta(
    caller: Reading, request: Request, batch_id: str, path: str | None = None, start: Start = 0, limit: Limit = None
) -> Any:
    """GET /batches/{id}/meta: what is kept of a batch to be looked at; with *path* what lies there."""
    files = _kept_of(caller, batch_id)
    at = f"/data/foundation/export/batches/{batch_id}/meta"
    if any(f.name == path for f in files):
        return _lines(caller, request, batch_id, str(path))
    if path is not None:
        inside = [f for f in files if f.name.startswith(f"{path.rstrip('/')}/")]
        if not inside and path.rstrip("/") not in FOLDERS:
            raise NotFound(f"nothing called {path!r} is kept of batch {batch_id}")
        names = [_entry(at, f.name, f.bytes, PurePosixPath(f.name).name) for f in inside]
        return _page(names, start, limit)
    sizes: dict[str, int] = {}
    for file in files:
        top = file.name.partition("/")[0]
        sizes[top] = sizes.get(top, 0) + file.bytes
    return _page([_entry(at, name, size) for name, size in sizes.items()], start, limit)


@router.get("/files/{file_id}", responses={200: {"content": {"application/octet-stream": {}}}})
@router.head("/files/{file_id}", include_in_schema=False)
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


def _kept_of(caller: Caller, batch_id: str) -> list[MetaFile]:
    return caller.platform.ingest.diagnostics.files(caller.platform.lake.batches.get(caller.sandbox, batch_id).id)


def _entry(at: str, path: str, length: int, name: str | None = None) -> dict[str, Any]:
    return {"name": name or path, "length": length, "_links": {"self": {"href": f"{at}?path={quote(path, safe='/')}"}}}


def _page(found: Sequence[Any], start: int, limit: int | None) -> dict[str, Any]:
    shown = list(found[start : None if limit is None else start + limit])
    return {"data": shown, "_page": {"limit": limit or len(found), "count": len(found)}}


def _lines(caller: Caller, request: Request, batch_id: str, name: str) -> Response:
    """Return a file of JSON lines; as one JSON to who takes nothing else: aepp would ask for lines for ever."""
    path = caller.platform.ingest.diagnostics.path(batch_id, name)
    if request.headers.get("accept", "") != "application/json":
        return FileResponse(path, media_type="application/x-ndjson")
    return StreamingResponse(_as_one(path), media_type="application/json")


def _as_one(path: Path) -> Iterator[str]:
    yield '{"data": ['
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            yield f"{', ' if number else ''}{line.rstrip()}"
    yield "]}"


def _find(caller: Caller, file_id: str) -> DataFile:
    dataset_id, _, name = file_id.partition("-")
    caller.platform.lake.datasets.get(caller.sandbox, dataset_id)
    found = caller.platform.lake.file(f"{dataset_id}/{name}.parquet")
    if found is None:
        raise NotFound(f"no file {file_id!r}")
    return found

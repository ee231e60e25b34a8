"""Batch Ingestion: open a batch, put files into it, complete it (REST contract, section 6)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from limbeck.api import flowshapes, shapes
from limbeck.api.bodies import body_of
from limbeck.api.context import Caller, Reading, Writing
from limbeck.api.document import FILE as FILE_BODY
from limbeck.errors import InvalidInput, NotFound
from limbeck.ingest.parts import Span
from limbeck.ingest.preview import Csv
from limbeck.lake import Batch

router = APIRouter(prefix="/data/foundation/import")

FILE = "/batches/{batch_id}/datasets/{dataset_id}/files/{name:path}"


Part = Annotated[str | None, Header(alias="Content-Range")]


class Replay(BaseModel):
    """Which batches a new one takes the place of."""

    predecessors: list[str] = Field(min_length=1)
    reason: Literal["replace"] = "replace"


class CreateBatch(BaseModel):
    """Body of POST /batches; keys we do not know are kept."""

    model_config = ConfigDict(populate_by_name=True, extra="allow")

    dataset_id: str = Field(alias="datasetId")
    input_format: dict[str, Any] = Field(alias="inputFormat", default={"format": "json"})
    tags: dict[str, Any] = {}
    replay: Replay | None = None
    diagnostics: bool | None = Field(alias="enableErrorDiagnostics", default=None)
    percentage: int = Field(alias="partialIngestionPercentage", default=0, ge=0, le=100)


@router.post("/batches", status_code=201)
@router.patch("/batches", status_code=201)
def create_batch(caller: Writing, body: CreateBatch) -> dict[str, Any]:
    """POST /batches: a batch in status `loading`. A replay comes by PATCH, too, with a `$` before each id."""
    dataset = caller.platform.lake.datasets.get(caller.sandbox, body.dataset_id)
    kept = {key: value for key, value in (body.model_extra or {}).items() if key not in shapes.BATCH_KEYS}
    kept |= {"tags": body.tags}
    if body.diagnostics is not None:
        kept["enableErrorDiagnostics"] = body.diagnostics
    if body.percentage:
        kept["partialIngestionPercentage"] = body.percentage
    if body.replay is not None:
        before = dict.fromkeys(batch_id.removeprefix("$") for batch_id in body.replay.predecessors)
        kept["replay"] = {"predecessors": list(before), "reason": body.replay.reason}
    made = caller.platform.ingest.open(dataset, body.input_format, caller.principal.client_id, kept)
    return shapes.batch(made, caller.sandbox)


@router.put(FILE, openapi_extra=FILE_BODY)
async def upload_file(caller: Writing, request: Request, batch_id: str, dataset_id: str, name: str) -> JSONResponse:
    """PUT …/files/{name}: one file of the batch, streamed to the staging folder."""
    body = body_of(request)

    def upload() -> None:
        caller.platform.ingest.upload(_batch(caller, batch_id, dataset_id), name, body)

    await run_in_threadpool(upload)
    return JSONResponse({})


@router.post(FILE, status_code=201)
def act_on_file(caller: Writing, batch_id: str, dataset_id: str, name: str, action: str) -> Response:
    """POST …/files/{name}?action=INITIALIZE or COMPLETE: begin and end a file that comes in parts."""
    batch = _batch(caller, batch_id, dataset_id)
    match action.upper():
        case "INITIALIZE":
            caller.platform.ingest.begin_parts(batch, name)
        case "COMPLETE":
            caller.platform.ingest.join_parts(batch, name)
        case _:
            raise InvalidInput(f"a file takes action=INITIALIZE or COMPLETE, not {action!r}")
    return JSONResponse({}, 201)


@router.patch(FILE, openapi_extra=FILE_BODY)
async def upload_part(
    caller: Writing, request: Request, batch_id: str, dataset_id: str, name: str, span: Part = None
) -> JSONResponse:
    """PATCH …/files/{name}: the bytes that the header `Content-Range` names, in any order."""
    body, parsed = body_of(request), Span.parse(span)

    def upload() -> None:
        caller.platform.ingest.put_part(_batch(caller, batch_id, dataset_id), name, parsed, body)

    await run_in_threadpool(upload)
    return JSONResponse({})


@router.head(FILE)
def size_of_file(caller: Reading, batch_id: str, dataset_id: str, name: str) -> Response:
    """HEAD …/files/{name}: how many bytes of it have come."""
    size = caller.platform.ingest.size(_batch(caller, batch_id, dataset_id), name)
    return Response(headers={"Content-Length": str(size)})


@router.post("/batches/{batch_id}")
def act_on_batch(caller: Writing, batch_id: str, action: str) -> Response:
    """POST /batches/{id}?action=COMPLETE, ABORT, FAIL or REVERT; each may be repeated."""
    batch = caller.platform.lake.batches.get(caller.sandbox, batch_id)
    match action.upper():
        case "COMPLETE":
            caller.platform.ingest.complete(batch)
            caller.platform.worker.wake()
        case "ABORT":
            caller.platform.ingest.abort(batch)
        case "FAIL":
            caller.platform.ingest.fail(batch)
        case "REVERT":
            caller.platform.ingest.revert(batch)
            caller.platform.worker.wake()
        case _:
            raise InvalidInput(f"a batch takes action=COMPLETE, ABORT, FAIL or REVERT, not {action!r}")
    return JSONResponse({})


@router.get("/batches/{batch_id}/datasets/{dataset_id}/preview")
def preview_batch(
    caller: Reading,
    batch_id: str,
    dataset_id: str,
    delimiter: str | None = None,
    quote: str = '"',
    escape: str = '"',
    charset: str = "utf-8",
    header: bool = True,
    nrow: Annotated[int, Query(ge=1, le=100)] = 5,
) -> dict[str, Any]:
    """GET …/preview: the first rows of the files that have come so far, as texts."""
    batch = _batch(caller, batch_id, dataset_id)
    delimiter = delimiter or str(batch.input_format.get("delimiter", ","))
    csv = Csv(delimiter, quote, escape, charset, header)
    return flowshapes.preview(caller.platform.ingest.preview(batch, csv, nrow))


def _batch(caller: Caller, batch_id: str, dataset_id: str) -> Batch:
    batch = caller.platform.lake.batches.get(caller.sandbox, batch_id)
    if batch.dataset_id != dataset_id:
        raise NotFound(f"batch {batch_id} does not belong to dataset {dataset_id}")
    return batch

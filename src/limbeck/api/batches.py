"""Batch Ingestion: open a batch, put files into it, complete it (REST contract, section 6)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from limbeck.api import shapes
from limbeck.api.bodies import body_of
from limbeck.api.context import Writing
from limbeck.errors import InvalidInput, NotFound

router = APIRouter(prefix="/data/foundation/import")


class CreateBatch(BaseModel):
    """Body of POST /batches; keys we do not know are accepted."""

    model_config = ConfigDict(populate_by_name=True)

    dataset_id: str = Field(alias="datasetId")
    input_format: dict[str, Any] = Field(alias="inputFormat", default={"format": "json"})


@router.post("/batches", status_code=201)
def create_batch(caller: Writing, body: CreateBatch) -> dict[str, Any]:
    """POST /batches: a batch in status `loading`."""
    dataset = caller.platform.lake.datasets.get(caller.sandbox, body.dataset_id)
    made = caller.platform.ingest.open(dataset, body.input_format, caller.principal.client_id)
    return shapes.batch(made, caller.principal.org_id)


@router.put("/batches/{batch_id}/datasets/{dataset_id}/files/{name:path}")
async def upload_file(caller: Writing, request: Request, batch_id: str, dataset_id: str, name: str) -> JSONResponse:
    """PUT …/files/{name}: one file of the batch, streamed to the staging folder."""
    body = body_of(request)

    def upload() -> None:
        batch = caller.platform.lake.batches.get(caller.sandbox, batch_id)
        if batch.dataset_id != dataset_id:
            raise NotFound(f"batch {batch_id} does not belong to dataset {dataset_id}")
        caller.platform.ingest.upload(batch, name, body)

    await run_in_threadpool(upload)
    return JSONResponse({})


@router.post("/batches/{batch_id}")
def act_on_batch(caller: Writing, batch_id: str, action: str) -> Response:
    """POST /batches/{id}?action=COMPLETE or ABORT; both may be repeated."""
    batch = caller.platform.lake.batches.get(caller.sandbox, batch_id)
    match action.upper():
        case "COMPLETE":
            caller.platform.ingest.complete(batch)
            caller.platform.worker.wake()
        case "ABORT":
            caller.platform.ingest.abort(batch)
        case _:
            raise InvalidInput(f"a batch takes action=COMPLETE or ABORT, not {action!r}")
    return JSONResponse({})

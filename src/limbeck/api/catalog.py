"""Catalog: datasets and the status of batches (REST contract, section 5)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from limbeck.api import shapes
from limbeck.api.context import Caller, Reading, Writing
from limbeck.errors import InvalidInput
from limbeck.lake import Dataset

router = APIRouter(prefix="/data/foundation/catalog")


class SchemaRef(BaseModel):
    """The schema a dataset's rows follow."""

    id: str


class CreateDataset(BaseModel):
    """Body of POST /dataSets; keys we do not know are accepted."""

    model_config = ConfigDict(populate_by_name=True)

    name: str
    schema_ref: SchemaRef = Field(alias="schemaRef")
    tags: dict[str, list[str]] = {}


@router.post("/dataSets", status_code=201)
def create_dataset(caller: Writing, body: CreateDataset) -> list[str]:
    """POST /dataSets: AEP body in, `Lake.create_dataset`, `["@/dataSets/{id}"]` out."""
    made = caller.platform.lake.create_dataset(
        caller.sandbox,
        body.name,
        caller.platform.registry.schema(caller.sandbox, body.schema_ref.id).id,
        tags=_trimmed(body.tags),
        created_by=caller.principal.client_id,
    )
    return [f"@/dataSets/{made.id}"]


@router.get("/dataSets")
def list_datasets(
    caller: Reading, name: str | None = None, start: int = 0, limit: int = 100
) -> dict[str, dict[str, Any]]:
    """GET /dataSets: an object keyed by id, optionally of the datasets called exactly *name*."""
    found = caller.platform.lake.datasets.all(caller.sandbox, name)
    return {d.id: _shape(caller, d) for d in found[start : start + limit]}


@router.get("/dataSets/{dataset_id}")
def get_dataset(caller: Reading, dataset_id: str) -> dict[str, dict[str, Any]]:
    """GET /dataSets/{id}: an object with the one key *id*."""
    found = caller.platform.lake.datasets.get(caller.sandbox, dataset_id)
    return {found.id: _shape(caller, found)}


@router.patch("/dataSets/{dataset_id}")
def patch_dataset(caller: Writing, dataset_id: str, operations: list[dict[str, Any]]) -> list[str]:
    """PATCH /dataSets/{id}: JSON Patch `add` and `replace` on `/tags/…`."""
    found = caller.platform.lake.datasets.get(caller.sandbox, dataset_id)
    tags = {k: list(v) for k, v in found.tags.items()}
    for operation in operations:
        path = str(operation.get("path", ""))
        if str(operation.get("op", "")).lower() not in ("add", "replace") or not path.startswith("/tags/"):
            raise InvalidInput(f"a dataset takes add and replace on /tags/…, not {operation}")
        key = path.removeprefix("/tags/").replace("~1", "/").replace("~0", "~")
        tags[key] = [str(v) for v in operation.get("value", [])]
    caller.platform.lake.datasets.set_tags(caller.sandbox, dataset_id, _trimmed(tags))
    return [f"@/dataSets/{dataset_id}"]


@router.delete("/dataSets/{dataset_id}")
def delete_dataset(caller: Writing, dataset_id: str) -> list[str]:
    """DELETE /dataSets/{id}: the dataset with its batches and snapshots."""
    caller.platform.lake.datasets.drop(caller.sandbox, dataset_id)
    return [f"@/dataSets/{dataset_id}"]


@router.get("/batches")
def list_batches(
    caller: Reading,
    data_set: Annotated[str | None, Query(alias="dataSet")] = None,
    status: str | None = None,
    start: int = 0,
    limit: int = 100,
) -> dict[str, dict[str, Any]]:
    """GET /batches: an object keyed by batch id, newest first, `{}` past the end."""
    found = caller.platform.lake.batches.find(
        caller.sandbox, dataset_id=data_set, status=status, start=start, limit=limit
    )
    return {b.id: shapes.batch(b, caller.principal.org_id) for b in found}


@router.get("/batches/{batch_id}")
@router.get("/batch/{batch_id}", include_in_schema=False)
def get_batch(caller: Reading, batch_id: str) -> dict[str, dict[str, Any]]:
    """GET /batches/{id}: an object with the one key *id*."""
    found = caller.platform.lake.batches.get(caller.sandbox, batch_id)
    return {found.id: shapes.batch(found, caller.principal.org_id)}


def _shape(caller: Caller, dataset: Dataset) -> dict[str, Any]:
    lake = caller.platform.lake
    newest = lake.batches.find(caller.sandbox, dataset_id=dataset.id, limit=1)
    return shapes.dataset(dataset, caller.principal.org_id, lake.measure(dataset), newest[0] if newest else None)


def _trimmed(tags: dict[str, list[str]]) -> dict[str, list[str]]:
    """Take out the blanks that clients write into `"enabled: true"`."""
    return {k: [v.replace(" ", "") if k.startswith("unified") else v for v in vs] for k, vs in tags.items()}

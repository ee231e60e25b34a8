"""Catalog: datasets and the status of batches (REST contract, section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from limbeck.api import shapes
from limbeck.api.context import Caller, Reading, Writing
from limbeck.api.etags import IfMatch, show
from limbeck.api.lists import filtered, ordered
from limbeck.errors import InvalidInput, NotFound, NotServed
from limbeck.lake import DataFile, Dataset
from limbeck.registry import json_patch

router = APIRouter(prefix="/data/foundation/catalog")

Keyed = dict[str, dict[str, Any]]

EVERY = 1_000_000
"""More batches than a list has to go through."""

OWN = ("name", "tags")
"""Keys of a dataset that mean something here; others are kept as they were sent."""

Start = Annotated[int, Query(ge=0)]
Limit = Annotated[int, Query(ge=1, le=100_000)]
OrderBy = Annotated[str | None, Query(alias="orderBy")]


class SchemaRef(BaseModel):
    """The schema a dataset's rows follow."""

    id: str


class CreateDataset(BaseModel):
    """Body of POST /dataSets; keys we do not know are kept."""

    model_config = ConfigDict(populate_by_name=True, extra="allow")

    name: str
    schema_ref: SchemaRef = Field(alias="schemaRef")
    tags: dict[str, list[str]] = {}


@router.post("/dataSets", status_code=201)
def create_dataset(caller: Writing, body: CreateDataset) -> list[str]:
    """POST /dataSets: AEP body in, `Lake.create_dataset`, `["@/dataSets/{id}"]` out."""
    _require_served(body.model_extra or {})
    made = caller.platform.lake.create_dataset(
        caller.sandbox,
        body.name,
        caller.platform.registry.schema(caller.sandbox, body.schema_ref.id).id,
        tags=_trimmed(body.tags),
        created_by=caller.principal.client_id,
        body=_kept(body.model_extra or {}),
    )
    return [f"@/dataSets/{made.id}"]


@router.get("/dataSets")
def list_datasets(
    caller: Reading,
    request: Request,
    name: str | None = None,
    start: Start = 0,
    limit: Limit = 100,
    order: OrderBy = None,
    properties: str | None = None,
) -> Keyed:
    """GET /dataSets: an object keyed by id; every other parameter is a key of the datasets with its value."""
    found = caller.platform.lake.datasets.all(caller.sandbox, name)
    conditions = _conditions(request, ("name", "start", "limit", "orderBy", "properties", "requestDataSource"))
    if not conditions and not order:
        return {d.id: _cut(_shape(caller, d), properties) for d in found[start : start + limit]}
    shown = _listed([{**_shape(caller, d), "id": d.id} for d in found], conditions, order)
    return {item.pop("id"): _cut(item, properties) for item in shown[start : start + limit]}


@router.get("/dataSets/{dataset_id}")
def get_dataset(caller: Reading, dataset_id: str, response: Response, properties: str | None = None) -> Keyed:
    """GET /dataSets/{id}: an object with the one key *id*."""
    found = caller.platform.lake.datasets.get(caller.sandbox, dataset_id)
    show(response, found.etag)
    shown = _shape(caller, found)
    if "observableSchema" in (properties or ""):
        shown |= {"observableSchema": shapes.observable_schema(caller.platform.lake.observed(found))}
    return {found.id: _cut(shown, properties)}


@router.patch("/dataSets/{dataset_id}")
def patch_dataset(
    caller: Writing, dataset_id: str, change: list[dict[str, Any]] | dict[str, Any], etag: IfMatch = None
) -> list[str]:
    """PATCH /dataSets/{id}: JSON Patch on name, description, tags and what else was sent; or keys to replace."""
    if isinstance(change, dict):
        return merge_dataset(caller, dataset_id, change, etag)
    found = caller.platform.lake.datasets.get(caller.sandbox, dataset_id)
    before = {**found.body, "name": found.name, "tags": {k: list(v) for k, v in found.tags.items()}}
    return _change(caller, dataset_id, json_patch.apply(before, change), etag or found.etag)


@router.put("/dataSets/{dataset_id}")
def replace_dataset(caller: Writing, dataset_id: str, body: CreateDataset, etag: IfMatch = None) -> list[str]:
    """PUT /dataSets/{id}: another name, other tags; the schema stays what it is."""
    found = caller.platform.lake.datasets.get(caller.sandbox, dataset_id)
    if caller.platform.registry.schema(caller.sandbox, body.schema_ref.id).id != found.schema.id:
        raise InvalidInput(f"dataset {dataset_id} has the schema {found.schema.id}, which cannot be changed")
    return _change(caller, dataset_id, {**(body.model_extra or {}), "name": body.name, "tags": body.tags}, etag)


@router.patch("/v2/dataSets/{dataset_id}")
def merge_dataset(caller: Writing, dataset_id: str, body: dict[str, Any], etag: IfMatch = None) -> list[str]:
    """PATCH /v2/dataSets/{id}: the keys that are sent replace those that are there."""
    found = caller.platform.lake.datasets.get(caller.sandbox, dataset_id)
    before = {**found.body, "name": found.name, "tags": found.tags}
    return _change(caller, dataset_id, {**before, **body}, etag or found.etag)


@router.delete("/dataSets/{dataset_id}")
def delete_dataset(caller: Writing, dataset_id: str, etag: IfMatch = None) -> list[str]:
    """DELETE /dataSets/{id}: the dataset with its batches and snapshots."""
    caller.platform.lake.datasets.drop(caller.sandbox, dataset_id, etag=etag)
    return [f"@/dataSets/{dataset_id}"]


@router.get("/dataSets/{dataset_id}/views")
def list_views(caller: Reading, dataset_id: str) -> Keyed:
    """GET /dataSets/{id}/views: a dataset has one view, of the same id: what it holds now."""
    found = caller.platform.lake.datasets.get(caller.sandbox, dataset_id)
    return {found.id: shapes.view(found, caller.principal.org_id)}


@router.get("/dataSets/{dataset_id}/views/{view_id}")
def get_view(caller: Reading, dataset_id: str, view_id: str) -> Keyed:
    """GET /dataSets/{id}/views/{view}: an object with the one key *view*."""
    found = list_views(caller, dataset_id)
    if view_id not in found:
        raise NotFound(f"dataset {dataset_id} has no view {view_id!r}; its one view has the same id")
    return found


@router.get("/dataSets/{dataset_id}/views/{view_id}/files")
def list_files_of_view(caller: Reading, dataset_id: str, view_id: str) -> Keyed:
    """GET /dataSets/{id}/views/{view}/files: the files that a dataset consists of now, keyed by id."""
    get_view(caller, dataset_id, view_id)
    found = caller.platform.lake.datasets.get(caller.sandbox, dataset_id)
    return _files(caller, dataset_id, caller.platform.lake.files(found))


@router.get("/dataSetFiles")
def list_files(
    caller: Reading,
    batch_id: Annotated[str | None, Query(alias="batchId")] = None,
    dataset_id: Annotated[str | None, Query(alias="dataSetId")] = None,
    start: Start = 0,
    limit: Limit = 100,
) -> Keyed:
    """GET /dataSetFiles: the files that a batch added, or that a dataset consists of now, keyed by id."""
    lake = caller.platform.lake
    if batch_id is not None:
        batch = lake.batches.get(caller.sandbox, batch_id)
        dataset_id, found = batch.dataset_id, lake.files_of_batch(batch)
    elif dataset_id is not None:
        found = lake.files(lake.datasets.get(caller.sandbox, dataset_id))
    else:
        raise InvalidInput("name a batch with batchId, or a dataset with dataSetId")
    return _files(caller, dataset_id, found[start : start + limit])


@router.get("/lastBatches")
def list_last_batches(
    caller: Reading,
    request: Request,
    dataset_id: Annotated[str | None, Query(alias="dataSetId")] = None,
    start: Start = 0,
    limit: Limit = 20,
    order: OrderBy = None,
    properties: str | None = None,
) -> list[dict[str, Any]]:
    """GET /lastBatches: the newest batch of a dataset, or of each that has one, newest first."""
    lake = caller.platform.lake
    datasets = lake.datasets
    wanted = datasets.all(caller.sandbox) if dataset_id is None else [datasets.get(caller.sandbox, dataset_id)]
    newest = sorted(filter(None, (lake.batches.newest(d.id) for d in wanted)), key=lambda b: b.id, reverse=True)
    shown = [shapes.batch(b, caller.sandbox) for b in newest]
    conditions = _conditions(request, ("dataSetId", "start", "limit", "orderBy", "properties"))
    return [_cut(item, properties) for item in _listed(shown, conditions, order)[start : start + limit]]


@router.get("")
def list_resources(_caller: Reading) -> list[str]:
    """GET /: the resources that can be listed."""
    return [f"@{route}" for route in ("/batches", "/dataSetFiles", "/dataSets", "/lastBatches")]


@router.get("/batches")
def list_batches(
    caller: Reading,
    request: Request,
    data_set: Annotated[str | None, Query(alias="dataSet")] = None,
    status: str | None = None,
    start: Start = 0,
    limit: Limit = 100,
    order: OrderBy = None,
    properties: str | None = None,
) -> Keyed:
    """GET /batches: an object keyed by batch id, newest first, `{}` past the end."""
    batches = caller.platform.lake.batches
    conditions = _conditions(request, ("dataSet", "status", "start", "limit", "orderBy", "properties"))
    if not conditions and not order:
        found = batches.find(caller.sandbox, dataset_id=data_set, status=status, start=start, limit=limit)
        return {b.id: _cut(shapes.batch(b, caller.sandbox), properties) for b in found}
    found = batches.find(caller.sandbox, dataset_id=data_set, status=status, limit=EVERY)
    shown = _listed([shapes.batch(b, caller.sandbox) for b in found], conditions, order)
    return {item["id"]: _cut(item, properties) for item in shown[start : start + limit]}


@router.get("/batches/{batch_id}")
@router.get("/batch/{batch_id}", include_in_schema=False)
def get_batch(caller: Reading, batch_id: str) -> Keyed:
    """GET /batches/{id}: an object with the one key *id*."""
    found = caller.platform.lake.batches.get(caller.sandbox, batch_id)
    return {found.id: shapes.batch(found, caller.sandbox)}


def _files(caller: Caller, dataset_id: str, found: Sequence[DataFile]) -> Keyed:
    return {shapes.file_id(f): shapes.dataset_file(f, dataset_id, caller.principal.org_id) for f in found}


def _shape(caller: Caller, dataset: Dataset) -> dict[str, Any]:
    lake = caller.platform.lake
    return shapes.dataset(dataset, caller.principal.org_id, lake.measure(dataset), lake.batches.newest(dataset.id))


def _change(caller: Caller, dataset_id: str, body: Mapping[str, Any], etag: str | None) -> list[str]:
    _require_served(body)
    name, tags = body.get("name"), body.get("tags", {})
    if not isinstance(name, str):
        raise InvalidInput(f"a dataset's name is a text, not {name!r}")
    if not isinstance(tags, Mapping) or not all(isinstance(values, list) for values in tags.values()):
        raise InvalidInput(f"a dataset's tags are lists by their names, not {tags!r}")
    trimmed = _trimmed({key: [str(v) for v in values] for key, values in tags.items()})
    caller.platform.lake.datasets.change(
        caller.sandbox, dataset_id, name=name, tags=trimmed, body=_kept(body), etag=etag
    )
    return [f"@/dataSets/{dataset_id}"]


def _require_served(body: Mapping[str, Any]) -> None:
    """Raise `NotServed` for what would be promised and not done."""
    house = body.get("extensions", {}).get("adobe_lakeHouse", {}) if isinstance(body.get("extensions"), dict) else {}
    if isinstance(house, dict) and "rowExpiration" in house:
        raise NotServed("rows do not expire in this version; delete batches, or the dataset")


def _kept(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in (*OWN, *shapes.DATASET_KEYS)}


def _conditions(request: Request, known: Sequence[str]) -> list[str]:
    """Return what the parameters beside *known* say of a list's items."""
    found = []
    for key, value in request.query_params.multi_items():
        if key in known:
            continue
        bounds = {"createdAfter": "created>", "createdBefore": "created<"}
        found += [value] if key == "property" else [f"{bounds[key]}{value}" if key in bounds else f"{key}=={value}"]
    return found


def _listed(items: list[dict[str, Any]], conditions: Sequence[str], order: str | None) -> list[dict[str, Any]]:
    found = filtered(items, conditions)
    if not order:
        return found
    direction, _, key = order.rpartition(":")
    return ordered(found, f"-{key}" if direction.lower() == "desc" else key)


def _cut(item: dict[str, Any], properties: str | None) -> dict[str, Any]:
    if not properties:
        return item
    wanted = [key.strip() for key in properties.split(",")]
    return {key: value for key, value in item.items() if key in wanted}


def _trimmed(tags: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Take out the blanks that clients write into `"enabled: true"`; the table's name is not theirs to give."""
    kept = {key: values for key, values in tags.items() if key != "adobe/pqs/table"}
    return {k: [v.replace(" ", "") if k.startswith("unified") else v for v in vs] for k, vs in kept.items()}

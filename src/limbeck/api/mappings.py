"""Data Prep: mapping sets, their mappings, and the language of calculated fields (REST contract, section 8.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from limbeck.api import flowshapes
from limbeck.api.context import Caller, Reading, Writing
from limbeck.api.etags import IfMatch, show
from limbeck.api.lists import filtered, ordered
from limbeck.errors import ExpressionError, InvalidInput
from limbeck.flow import Resource, mappings
from limbeck.flow.expressions import Expression
from limbeck.flow.expressions.operators import OPERATORS
from limbeck.flow.expressions.sample import sampled
from limbeck.flow.expressions.table import FUNCTIONS

router = APIRouter(prefix="/data/foundation/conversion")

MOST_ROWS = 1000
"""Rows of one preview."""

Properties = Annotated[list[str] | None, Query(alias="property")]
OrderBy = Annotated[str | None, Query(alias="orderBy")]

Edit = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Preview(BaseModel):
    """Body of POST /mappingSets/preview: one row or several, and the mapping set that is tried."""

    data: dict[str, Any] | list[dict[str, Any]]
    mapping_set: dict[str, Any] = Field(alias="mappingSet")


class Validate(BaseModel):
    """Body of POST /languages/el/validate."""

    expression: str
    mapping_set_id: str | None = Field(None, alias="mappingSetId")
    sample_data: str | dict[str, Any] | None = Field(None, alias="sampleData")
    sample_type: str = Field("JSON", alias="sampleDataType")


# -- mapping sets ----------------------------------------------------------------------------------------------


@router.post("/mappingSets", status_code=201)
def create_mapping_set(caller: Writing, body: dict[str, Any]) -> dict[str, Any]:
    """POST /mappingSets: each mapping is checked against the output schema before anything is stored."""
    first = mappings.first_version(body, caller.principal.client_id)
    return flowshapes.mapping_set(caller.platform.flows.create(caller.sandbox, "mappingSet", first))


@router.get("/mappingSets")
def list_mapping_sets(
    caller: Reading,
    name: str | None = None,
    prop: Properties = None,
    start: int = 0,
    limit: int = 100,
    order: OrderBy = None,
) -> dict[str, Any]:
    """GET /mappingSets: oldest first, of a name, or by `property=xdmSchema==…` and others."""
    found = caller.platform.flows.resources.find(caller.sandbox, "mappingSet")
    kept = filtered([flowshapes.mapping_set(r) for r in found], prop)
    kept = [m for m in kept if name is None or m.get("name") == name]
    return flowshapes.mapping_page(ordered(kept, order) if order else kept, max(0, start), max(1, limit))


@router.post("/mappingSets/preview")
def preview_mapping_set(caller: Reading, body: Preview) -> list[dict[str, Any]]:
    """POST /mappingSets/preview: what becomes of rows, by the same code that takes them out of files."""
    rows = [body.data] if isinstance(body.data, dict) else body.data
    if not 0 < len(rows) <= MOST_ROWS:
        raise InvalidInput(f"data has {len(rows)} rows; a preview takes 1 to {MOST_ROWS}")
    schema = caller.platform.registry.schema(caller.sandbox, mappings.schema_id(body.mapping_set))
    mappings.check(body.mapping_set, schema)
    found = caller.platform.ingest.tried(schema, rows, mappings.sources(body.mapping_set))
    return [flowshapes.mapped_row(row) for row in found]


@router.get("/mappingSets/{mapping_set_id}")
def get_mapping_set(caller: Reading, mapping_set_id: str, response: Response) -> dict[str, Any]:
    """GET /mappingSets/{id}."""
    found = _found(caller, mapping_set_id)
    show(response, found.etag)
    return flowshapes.mapping_set(found)


@router.put("/mappingSets/{mapping_set_id}")
def replace_mapping_set(
    caller: Writing, mapping_set_id: str, body: dict[str, Any], etag: IfMatch = None
) -> dict[str, Any]:
    """PUT /mappingSets/{id}: the next version."""
    return flowshapes.mapping_set(_edited(caller, mapping_set_id, lambda _: body, etag))


@router.delete("/mappingSets/{mapping_set_id}", status_code=204)
def delete_mapping_set(caller: Writing, mapping_set_id: str, etag: IfMatch = None) -> Response:
    """DELETE /mappingSets/{id}, unless a flow needs it."""
    caller.platform.flows.delete(caller.sandbox, "mappingSet", mapping_set_id, etag)
    return Response(status_code=204)


# -- mappings --------------------------------------------------------------------------------------------------


@router.get("/mappingSets/{mapping_set_id}/mappings")
def list_mappings(caller: Reading, mapping_set_id: str) -> dict[str, Any]:
    """GET /mappingSets/{id}/mappings."""
    return {"data": list(_found(caller, mapping_set_id).body["mappings"])}


@router.post("/mappingSets/{mapping_set_id}/mappings", status_code=201)
def add_mapping(caller: Writing, mapping_set_id: str, body: dict[str, Any], etag: IfMatch = None) -> dict[str, Any]:
    """POST /mappingSets/{id}/mappings: the set's next version has one more."""
    changed = _edited(caller, mapping_set_id, lambda b: {**b, "mappings": [*b["mappings"], body]}, etag)
    return dict(changed.body["mappings"][-1])


@router.get("/mappingSets/{mapping_set_id}/mappings/{mapping_id}")
def get_mapping(caller: Reading, mapping_set_id: str, mapping_id: str, response: Response) -> dict[str, Any]:
    """GET /mappingSets/{id}/mappings/{id}, with the etag of the set."""
    found = _found(caller, mapping_set_id)
    show(response, found.etag)
    return dict(mappings.one(found.body, mapping_id))


@router.put("/mappingSets/{mapping_set_id}/mappings/{mapping_id}")
def replace_mapping(
    caller: Writing, mapping_set_id: str, mapping_id: str, body: dict[str, Any], etag: IfMatch = None
) -> dict[str, Any]:
    """PUT /mappingSets/{id}/mappings/{id}: the set's next version has this one in its place."""

    def edit(before: Mapping[str, Any]) -> Mapping[str, Any]:
        known = mappings.one(before, mapping_id)
        new = {**body, "id": mapping_id}
        return {**before, "mappings": [new if m is known else m for m in before["mappings"]]}

    return dict(mappings.one(_edited(caller, mapping_set_id, edit, etag).body, mapping_id))


@router.delete("/mappingSets/{mapping_set_id}/mappings/{mapping_id}", status_code=204)
def delete_mapping(caller: Writing, mapping_set_id: str, mapping_id: str, etag: IfMatch = None) -> Response:
    """DELETE /mappingSets/{id}/mappings/{id}: the set's next version is without it."""

    def edit(before: Mapping[str, Any]) -> Mapping[str, Any]:
        known = mappings.one(before, mapping_id)
        return {**before, "mappings": [m for m in before["mappings"] if m is not known]}

    _edited(caller, mapping_set_id, edit, etag)
    return Response(status_code=204)


# -- expressions -----------------------------------------------------------------------------------------------


@router.get("/languages/el/functions")
def list_functions(_caller: Reading) -> list[dict[str, Any]]:
    """GET /languages/el/functions: what expressions may call."""
    return [flowshapes.function(f) for f in FUNCTIONS]


@router.get("/languages/el/operators")
def list_operators(_caller: Reading) -> list[dict[str, Any]]:
    """GET /languages/el/operators."""
    return [flowshapes.operator(f) for f in OPERATORS]


@router.post("/languages/el/validate")
def validate_expression(caller: Reading, body: Validate) -> dict[str, Any]:
    """POST /languages/el/validate: whether a text is an expression, and what it gives for a sample row."""
    if body.mapping_set_id is not None:
        _found(caller, body.mapping_set_id)
    try:
        expression = Expression.of(body.expression)
    except ExpressionError as error:
        return flowshapes.invalid_expression(error)
    if body.sample_data is None:
        return flowshapes.valid_expression(expression)
    if body.sample_type.upper() != "JSON":
        raise InvalidInput(f"sampleDataType is {body.sample_type!r}; sampleData is a row of JSON")
    value, fails = sampled(caller.platform.engine, expression, body.sample_data)
    return {**flowshapes.valid_expression(expression), "result": value, "fails": fails}


def _edited(caller: Caller, mapping_set_id: str, edit: Edit, etag: str | None) -> Resource:
    """Make the next version of a mapping set."""
    who = caller.principal.client_id
    return caller.platform.flows.replace(
        caller.sandbox, "mappingSet", mapping_set_id, lambda b: mappings.next_version(b, edit(b), who), etag
    )


def _found(caller: Caller, mapping_set_id: str) -> Resource:
    return caller.platform.flows.resources.get(caller.sandbox, "mappingSet", mapping_set_id)

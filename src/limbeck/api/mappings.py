"""Data Prep: mapping sets (REST contract, section 8.5)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from limbeck.api import flowshapes
from limbeck.api.context import Caller, Reading, Writing
from limbeck.api.etags import IfMatch, show
from limbeck.flow import Resource
from limbeck.flow.expressions.operators import OPERATORS
from limbeck.flow.expressions.table import FUNCTIONS

router = APIRouter(prefix="/data/foundation/conversion")


@router.post("/mappingSets", status_code=201)
def create_mapping_set(caller: Writing, body: dict[str, Any]) -> dict[str, Any]:
    """POST /mappingSets: each destination is checked against the output schema before anything is stored."""
    who = caller.principal.client_id
    made = caller.platform.flows.create(
        caller.sandbox, "mappingSet", {**body, "version": 0, "createdBy": who, "modifiedBy": who}
    )
    return flowshapes.mapping_set(made)


@router.get("/mappingSets")
def list_mapping_sets(caller: Reading, start: int = 0, limit: int = 100) -> dict[str, Any]:
    """GET /mappingSets: oldest first."""
    found = caller.platform.flows.resources.find(caller.sandbox, "mappingSet")
    shown = [flowshapes.mapping_set(r) for r in found[start : start + limit]]
    return {"data": shown, "_page": {"count": len(shown), "limit": limit}, "_links": {}}


@router.get("/mappingSets/{mapping_set_id}")
def get_mapping_set(caller: Reading, mapping_set_id: str, response: Response) -> dict[str, Any]:
    """GET /mappingSets/{id}."""
    found = _found(caller, mapping_set_id)
    show(response, found.etag)
    return flowshapes.mapping_set(found)


@router.get("/mappingSets/{mapping_set_id}/mappings")
def list_mappings(caller: Reading, mapping_set_id: str) -> dict[str, Any]:
    """GET /mappingSets/{id}/mappings."""
    return {"data": list(_found(caller, mapping_set_id).body["mappings"])}


@router.put("/mappingSets/{mapping_set_id}")
def replace_mapping_set(
    caller: Writing, mapping_set_id: str, body: dict[str, Any], etag: IfMatch = None
) -> dict[str, Any]:
    """PUT /mappingSets/{id}: the next version."""
    before = _found(caller, mapping_set_id).body
    kept = {"version": before["version"] + 1, "createdBy": before["createdBy"]}
    new = {**body, **kept, "modifiedBy": caller.principal.client_id}
    changed = caller.platform.flows.replace(caller.sandbox, "mappingSet", mapping_set_id, new, etag)
    return flowshapes.mapping_set(changed)


@router.delete("/mappingSets/{mapping_set_id}", status_code=204)
def delete_mapping_set(caller: Writing, mapping_set_id: str, etag: IfMatch = None) -> Response:
    """DELETE /mappingSets/{id}, unless a flow needs it."""
    caller.platform.flows.delete(caller.sandbox, "mappingSet", mapping_set_id, etag)
    return Response(status_code=204)


@router.get("/languages/el/functions")
def list_functions(_caller: Reading) -> list[dict[str, Any]]:
    """GET /languages/el/functions: what expressions may call."""
    return [flowshapes.function(f) for f in FUNCTIONS]


@router.get("/languages/el/operators")
def list_operators(_caller: Reading) -> list[dict[str, Any]]:
    """GET /languages/el/operators."""
    return [flowshapes.operator(f) for f in OPERATORS]


def _found(caller: Caller, mapping_set_id: str) -> Resource:
    return caller.platform.flows.resources.get(caller.sandbox, "mappingSet", mapping_set_id)

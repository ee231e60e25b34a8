"""Segmentation beside definitions and jobs: previews, estimates and schedules (profile contract, 5.4 and 5.5)."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from limbeck.api import shapes
from limbeck.api.context import Reading, Writing
from limbeck.api.etags import IfMatch, show
from limbeck.registry import json_patch

router = APIRouter(prefix="/data/core/ups")

PAGE = 100


class AskedPreview(BaseModel):
    """Body of POST /preview; keys we do not know are accepted."""

    rule: str = Field(alias="predicateExpression")
    type: Literal["pql/text"] = Field("pql/text", alias="predicateType")
    model: Literal["_xdm.context.profile"] = Field("_xdm.context.profile", alias="predicateModel")


# -- previews --------------------------------------------------------------------------------------------------


@router.post("/preview", status_code=201)
def create_preview(caller: Reading, body: AskedPreview) -> dict[str, Any]:
    """POST /preview: count the people whom a rule is about, as a job; nothing but the counts is kept, for a day."""
    made = caller.platform.previews.create(caller.sandbox, body.rule)
    caller.platform.worker.wake()
    return shapes.preview(made)


@router.get("/preview/{preview_id}")
def get_preview(caller: Reading, preview_id: str) -> dict[str, Any]:
    """GET /preview/{id}: its state, and once it is RESULT_READY some of the people."""
    return shapes.preview(caller.platform.previews.get(caller.sandbox, preview_id))


@router.delete("/preview/{preview_id}")
def delete_preview(caller: Writing, preview_id: str) -> dict[str, Any]:
    """DELETE /preview/{id}."""
    caller.platform.previews.delete(caller.sandbox, preview_id)
    return {}


@router.get("/estimate/{preview_id}")
def get_estimate(caller: Reading, preview_id: str) -> dict[str, Any]:
    """GET /estimate/{id of a preview}: exact counts, once the state is RESULT_READY."""
    found = caller.platform.previews.get(caller.sandbox, preview_id)
    namespaces = {n.code: n.id for n in caller.platform.registry.namespaces.all(caller.sandbox)}
    return shapes.estimate(found, namespaces)


# -- schedules -------------------------------------------------------------------------------------------------


@router.post("/config/schedules")
def create_schedule(caller: Writing, body: dict[str, Any]) -> dict[str, Any]:
    """POST /config/schedules: evaluate audiences at the times of a Quartz expression; inactive unless it says else."""
    made = caller.platform.segment_schedules.create(caller.sandbox, body)
    return shapes.segment_schedule(made, caller.sandbox)


@router.get("/config/schedules")
def list_schedules(caller: Reading, start: int = 0, limit: int = PAGE) -> dict[str, Any]:
    """GET /config/schedules: newest first."""
    found = caller.platform.segment_schedules.all(caller.sandbox)
    shown = [shapes.segment_schedule(schedule, caller.sandbox) for schedule in found]
    return shapes.children(shown, max(0, start), max(1, limit), "/config/schedules")


@router.get("/config/schedules/{schedule_id}")
def get_schedule(caller: Reading, schedule_id: str, response: Response) -> dict[str, Any]:
    """GET /config/schedules/{id}."""
    found = caller.platform.segment_schedules.get(caller.sandbox, schedule_id)
    show(response, found.etag)
    return shapes.segment_schedule(found, caller.sandbox)


@router.patch("/config/schedules/{schedule_id}", status_code=204)
def change_schedule(
    caller: Writing, schedule_id: str, operations: list[dict[str, Any]], etag: IfMatch = None
) -> Response:
    """PATCH /config/schedules/{id}: JSON Patch, on /state and /schedule most of all."""
    found = caller.platform.segment_schedules.get(caller.sandbox, schedule_id)
    changed = json_patch.apply(dict(found.body), operations)
    caller.platform.segment_schedules.change(caller.sandbox, schedule_id, changed, etag or found.etag)
    return Response(status_code=204)


@router.delete("/config/schedules/{schedule_id}", status_code=204)
def delete_schedule(caller: Writing, schedule_id: str, etag: IfMatch = None) -> Response:
    """DELETE /config/schedules/{id}: its jobs stay."""
    caller.platform.segment_schedules.delete(caller.sandbox, schedule_id, etag)
    return Response(status_code=204)

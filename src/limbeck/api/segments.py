"""Segmentation: definitions of audiences, and the jobs that evaluate them (profile contract, sections 5.1 and 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from limbeck.api import shapes
from limbeck.api.context import Caller, Reading, Writing
from limbeck.api.etags import IfMatch, show
from limbeck.api.lists import by_aep, filtered, ordered
from limbeck.audience import Audience
from limbeck.errors import InvalidInput, NotFound

router = APIRouter(prefix="/data/core/ups")

PAGE = 100

NEWEST = "creationTime:desc"

OF_SEGMENT = "segments~segmentId=="
"""Begins a condition of jobs."""

Properties = Annotated[list[str] | None, Query(alias="property")]


class Expression(BaseModel):
    """A rule."""

    type: str = "PQL"
    format: str = "pql/text"
    value: str


class SegmentDefinition(BaseModel):
    """Body of POST /segment/definitions; keys we do not know are kept."""

    model_config = ConfigDict(extra="allow")

    name: str
    expression: Expression
    description: str = ""


class SegmentChange(BaseModel):
    """Body of PATCH /segment/definitions/{id}; keys we do not know are kept."""

    model_config = ConfigDict(extra="allow")

    name: str = ""
    expression: Expression | None = None


class Named(BaseModel):
    """An audience of a body that names several."""

    id: str


class Several(BaseModel):
    """Body of POST /segment/definitions/bulk-get, as AEP documents it."""

    ids: list[Named]


class Wanted(BaseModel):
    """An audience of a job."""

    segment_id: str = Field(alias="segmentId")


@router.post("/segment/definitions")
def create_definition(caller: Writing, body: SegmentDefinition) -> dict[str, Any]:
    """POST /segment/definitions: the rule is checked against the union schema before anything is stored."""
    made = caller.platform.audiences.create(caller.sandbox, body.name, _rule(body.expression), _kept(body))
    return _shape(caller, made)


@router.get("/segment/definitions")
def list_definitions(
    caller: Reading,
    request: Request,
    name: str | None = None,
    start: int = 0,
    page: int | None = None,
    limit: int = PAGE,
    sort: str = NEWEST,
    conditions: Properties = None,
) -> dict[str, Any]:
    """GET /segment/definitions: newest first, or as *sort* says; a page after the end is empty.

    Parameters such as `evaluationInfo.batch.enabled=true` are conditions, too.
    """
    limit, order = max(1, min(limit, PAGE)), by_aep(sort)
    asked = [
        f"{key}=={value}" for key, value in request.query_params.multi_items() if key.startswith("evaluationInfo.")
    ]
    named = [a for a in caller.platform.audiences.definitions.all(caller.sandbox) if name in (None, a.name)]
    found = ordered(filtered(_shapes(caller, named), [*(conditions or []), *asked]), order)
    first = max(0, start if page is None else page * limit)
    shown = found[first : first + limit]
    return {
        "segments": shown,
        "page": {
            "totalCount": len(found),
            "totalPages": max(1, -(-len(found) // limit)),
            "sortField": order.lstrip("-"),
            "sort": "desc" if order.startswith("-") else "asc",
            "pageSize": len(shown),
            "limit": limit,
        },
        "link": {},
    }


@router.post("/segment/definitions/bulk-get", status_code=207)
def get_several(caller: Reading, body: list[str | Named] | Several) -> dict[str, Any]:
    """POST /segment/definitions/bulk-get: definitions by their ids; instead of one that there is not, its error."""
    wanted = body.ids if isinstance(body, Several) else body
    ids = [one if isinstance(one, str) else one.id for one in wanted]
    known = {shape["id"]: shape for shape in _shapes(caller, [a for a in _known(caller).values() if a.id in ids])}
    absent = {i: NotFound(f"no audience {i!r} in sandbox {caller.sandbox.name}") for i in ids if i not in known}
    return {"results": known | {i: shapes.error(error, "") for i, error in absent.items()}}


@router.get("/segment/definitions/{audience_id}")
def get_definition(caller: Reading, audience_id: str, response: Response) -> dict[str, Any]:
    """GET /segment/definitions/{id}."""
    found = caller.platform.audiences.definitions.get(caller.sandbox, audience_id)
    show(response, found.etag)
    return _shape(caller, found)


@router.patch("/segment/definitions/{audience_id}")
@router.put("/segment/definitions/{audience_id}", include_in_schema=False)
def change_definition(caller: Writing, audience_id: str, body: SegmentChange, etag: IfMatch = None) -> dict[str, Any]:
    """PATCH /segment/definitions/{id}: the keys that are sent replace those that are there."""
    before = caller.platform.audiences.definitions.get(caller.sandbox, audience_id)
    rule = before.rule if body.expression is None else _rule(body.expression)
    kept = {**before.body, **{k: v for k, v in (body.model_extra or {}).items() if k != "id"}}
    name = before.name if "name" not in body.model_fields_set else body.name
    changed = caller.platform.audiences.change(caller.sandbox, audience_id, name, rule, kept, etag)
    return _shape(caller, changed)


@router.delete("/segment/definitions/{audience_id}")
def delete_definition(caller: Writing, audience_id: str, etag: IfMatch = None) -> dict[str, Any]:
    """DELETE /segment/definitions/{id}: with its membership; refused while a flow or another audience uses it."""
    users = caller.platform.uses_of_audience(caller.sandbox, audience_id)
    if users:
        raise InvalidInput(f"audience {audience_id} is used by {', '.join(users)}; take it out of there first")
    caller.platform.audiences.definitions.delete(caller.sandbox, audience_id, etag)
    return {}


@router.post("/segment/jobs")
def create_job(
    caller: Writing,
    body: list[Wanted],
    at: Annotated[datetime | None, Header(alias="x-evaluation-time")] = None,
) -> dict[str, Any]:
    """POST /segment/jobs: evaluate audiences now, or as at the instant of the header `x-evaluation-time`."""
    moment = None if at is None else (at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC))
    made = caller.platform.segment_jobs.start(caller.sandbox, [w.segment_id for w in body], moment)
    caller.platform.worker.wake()
    return shapes.segment_job(made, _known(caller))


@router.get("/segment/jobs")
def list_jobs(
    caller: Reading,
    status: str | None = None,
    start: int = 0,
    limit: int = PAGE,
    sort: str = NEWEST,
    conditions: Properties = None,
) -> dict[str, Any]:
    """GET /segment/jobs: newest first, or as *sort* says; `property=segments~segmentId==…` for those of an audience."""
    mine = [c.removeprefix(OF_SEGMENT) for c in conditions or [] if c.startswith(OF_SEGMENT)]
    others = [c for c in conditions or [] if not c.startswith(OF_SEGMENT)]
    jobs = [j for j in caller.platform.segment_jobs.all(caller.sandbox) if status in (None, j.status)]
    jobs = [j for j in jobs if all(audience_id in j.audience_ids for audience_id in mine)]
    known = _known(caller)
    found = ordered(filtered([shapes.segment_job(job, known) for job in jobs], others), by_aep(sort))
    return shapes.children(found, max(0, start), max(1, limit), "/segment/jobs")


@router.get("/segment/jobs/{job_id}")
def get_job(caller: Reading, job_id: str) -> dict[str, Any]:
    """GET /segment/jobs/{id}: ends as SUCCEEDED or FAILED, with all counters in either case."""
    return shapes.segment_job(caller.platform.segment_jobs.get(caller.sandbox, job_id), _known(caller))


@router.delete("/segment/jobs/{job_id}")
def cancel_job(caller: Writing, job_id: str) -> dict[str, Any]:
    """DELETE /segment/jobs/{id}: cancel a job that waits."""
    caller.platform.segment_jobs.cancel(caller.sandbox, job_id)
    return {}


def _rule(expression: Expression) -> str:
    if expression.type != "PQL" or expression.format != "pql/text":
        raise InvalidInput(
            f"an expression of type {expression.type!r} and format {expression.format!r} is not served; "
            "send type PQL, format pql/text"
        )
    return expression.value


def _kept(body: SegmentDefinition) -> dict[str, Any]:
    return body.model_dump(exclude={"name", "expression"})


def _shape(caller: Caller, audience: Audience) -> dict[str, Any]:
    return shapes.segment(audience, caller.sandbox, caller.platform.audiences.definitions.membership(audience.id))


def _shapes(caller: Caller, found: Sequence[Audience]) -> list[dict[str, Any]]:
    members = {m.audience_id: m for m in caller.platform.audiences.definitions.memberships(caller.sandbox)}
    return [shapes.segment(audience, caller.sandbox, members.get(audience.id)) for audience in found]


def _known(caller: Caller) -> dict[str, Audience]:
    return {audience.id: audience for audience in caller.platform.audiences.definitions.all(caller.sandbox)}

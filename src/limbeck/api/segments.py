"""Segmentation: definitions of audiences, and the jobs that evaluate them (REST contract, section 10.1)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, ConfigDict, Field

from limbeck.api import shapes
from limbeck.api.context import Caller, Reading, Writing
from limbeck.api.etags import IfMatch, show
from limbeck.audience import Audience
from limbeck.errors import InvalidInput

router = APIRouter(prefix="/data/core/ups")

PAGE = 100


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
    caller: Reading, name: str | None = None, start: int = 0, page: int | None = None, limit: int = PAGE
) -> dict[str, Any]:
    """GET /segment/definitions: newest first; a page after the end is empty."""
    limit = max(1, min(limit, PAGE))
    found = [a for a in caller.platform.audiences.definitions.all(caller.sandbox) if name in (None, a.name)]
    first = max(0, start if page is None else page * limit)
    shown = found[first : first + limit]
    pages = max(1, -(-len(found) // limit))
    return {
        "segments": [_shape(caller, a) for a in shown],
        "page": {
            "totalCount": len(found),
            "totalPages": pages,
            "sortField": "creationTime",
            "sort": "desc",
            "pageSize": len(shown),
            "limit": limit,
        },
        "link": {},
    }


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
def list_jobs(caller: Reading, status: str | None = None, start: int = 0, limit: int = PAGE) -> dict[str, Any]:
    """GET /segment/jobs: newest first."""
    found = [j for j in caller.platform.segment_jobs.all(caller.sandbox) if status in (None, j.status)]
    first = max(0, start)
    page, known = found[first : first + max(1, limit)], _known(caller)
    return {
        "_page": {"totalCount": len(found), "pageSize": len(page)},
        "children": [shapes.segment_job(job, known) for job in page],
        "_links": {"next": {}},
    }


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


def _known(caller: Caller) -> dict[str, Audience]:
    return {audience.id: audience for audience in caller.platform.audiences.definitions.all(caller.sandbox)}

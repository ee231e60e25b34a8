"""Query Service: queries as jobs, templates, schedules, and where the wire is (REST contract, section 7.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from limbeck.api import shapes
from limbeck.api.context import Caller, Reading, Writing
from limbeck.api.etags import IfMatch, show
from limbeck.api.lists import page
from limbeck.errors import InvalidInput, NotFound
from limbeck.query import runs

BASE = "/data/foundation/query"

router = APIRouter(prefix=BASE)

Properties = Annotated[list[str] | None, Query(alias="property")]
Limit = Annotated[int, Query(ge=1, le=1000)]
Start = Annotated[int, Query(ge=0)]
Order = Annotated[str, Query(alias="orderby")]
NEWEST = "-created"


class Target(BaseModel):
    """The dataset that the rows of a query go to."""

    dataset_name: str = Field(alias="datasetName")
    schema_title: str = Field("", alias="targetSchemaTitle")


class AskedQuery(BaseModel):
    """Body of POST /queries, and the query of a schedule."""

    model_config = ConfigDict(extra="allow")

    name: str = ""
    description: str = ""
    db_name: str = Field("", alias="dbName")
    sql: str = ""
    template_id: str = Field("", alias="templateId")
    parameters: dict[str, Any] = Field(default_factory=dict, alias="queryParameters")
    ctas: Target | None = Field(None, alias="ctasParameters")
    insert_into: Target | None = Field(None, alias="insertIntoParameters")

    def request(self, caller: Caller) -> runs.Request:
        """Return what is to be run; raise `InvalidInput` for a body that contradicts itself."""
        if bool(self.sql.strip()) == bool(self.template_id):
            raise InvalidInput("a query has either sql or templateId")
        if self.ctas and self.insert_into:
            raise InvalidInput("a query has ctasParameters or insertIntoParameters, not both")
        name = self.db_name or f"{caller.sandbox.name}:all"
        into = self.ctas or self.insert_into
        asked = runs.Request(name, self.sql, self.name, self.description, self.template_id)
        values = {key: str(value) for key, value in self.parameters.items()}
        target = {} if into is None else {"into": into.dataset_name, "schema": into.schema_title}
        return replace(asked, parameters=values, makes=self.ctas is not None, **target)


class QueryChange(BaseModel):
    """Body of PATCH /queries/{id}."""

    op: str


class AskedSchedule(BaseModel):
    """Body of POST /schedules."""

    query: AskedQuery
    schedule: dict[str, Any]


class ScheduleChange(BaseModel):
    """Body of PATCH /schedules/{id}."""

    body: list[dict[str, Any]]


@router.get("/connection_parameters")
def connection_parameters(caller: Reading, request: Request) -> dict[str, Any]:
    """GET /connection_parameters: address, user, password and database name for a client of PostgreSQL."""
    address: tuple[str, int] | None = request.app.state.pg
    if address is None:
        raise NotFound("the PostgreSQL wire is not served here; limbeck serve --pg HOST:PORT serves it")
    token = caller.platform.access.token_for(caller.principal)
    return shapes.connection_parameters(address, caller.principal.org_id, token, caller.sandbox.name)


# -- queries ---------------------------------------------------------------------------------------------------


@router.post("/queries", status_code=202)
def create_query(caller: Reading, body: AskedQuery) -> dict[str, Any]:
    """POST /queries: run a query as a job."""
    made = caller.platform.query_runs.submit(caller.sandbox, caller.principal, body.request(caller))
    caller.platform.query_worker.wake()
    return shapes.query_run(made)


@router.get("/queries")
def list_queries(
    caller: Reading,
    conditions: Properties = None,
    limit: Limit = 100,
    start: Start = 0,
    order: Order = NEWEST,
    without_deleted: Annotated[bool, Query(alias="excludeSoftDeleted")] = True,
) -> dict[str, Any]:
    """GET /queries: the history, newest first."""
    found = [r for r in caller.platform.query_runs.all(caller.sandbox) if not (without_deleted and r.deleted)]
    shown = [shapes.query_run(r) for r in found]
    return page("queries", shown, f"{BASE}/queries", limit=limit, start=start, order=order, conditions=conditions or [])


@router.get("/queries/{query_id}")
def get_query(caller: Reading, query_id: str) -> dict[str, Any]:
    """GET /queries/{id}."""
    return shapes.query_run(caller.platform.query_runs.get(caller.sandbox, query_id))


@router.patch("/queries/{query_id}", status_code=202)
def change_query(caller: Writing, query_id: str, body: QueryChange) -> dict[str, Any]:
    """PATCH /queries/{id}: cancel it, or leave it out of lists."""
    if body.op == "cancel":
        caller.platform.query_runs.cancel(caller.sandbox, query_id)
    elif body.op == "soft_delete":
        caller.platform.query_runs.delete(caller.sandbox, query_id, softly=True)
    else:
        raise InvalidInput(f"op is {body.op!r}; it is cancel or soft_delete")
    return {"message": f"{body.op} of query {query_id} was taken", "statusCode": 202}


@router.delete("/queries/{query_id}", status_code=202)
def delete_query(caller: Writing, query_id: str) -> dict[str, Any]:
    """DELETE /queries/{id}: forget one that has ended."""
    caller.platform.query_runs.delete(caller.sandbox, query_id)
    return {"message": f"query {query_id} was deleted", "statusCode": 202}


# -- templates -------------------------------------------------------------------------------------------------


@router.post("/query-templates", status_code=201)
def create_template(caller: Writing, body: dict[str, Any]) -> dict[str, Any]:
    """POST /query-templates."""
    made = caller.platform.query.templates.create(caller.sandbox, body, caller.principal.client_id)
    return shapes.query_template(made)


@router.get("/query-templates")
def list_templates(
    caller: Reading, conditions: Properties = None, limit: Limit = 50, start: Start = 0, order: Order = NEWEST
) -> dict[str, Any]:
    """GET /query-templates."""
    shown = [shapes.query_template(t) for t in caller.platform.query.templates.all(caller.sandbox)]
    path = f"{BASE}/query-templates"
    return page("templates", shown, path, limit=limit, start=start, order=order, conditions=conditions or [])


@router.get("/query-templates/{template_id}")
def get_template(caller: Reading, template_id: str, response: Response) -> dict[str, Any]:
    """GET /query-templates/{id}."""
    found = caller.platform.query.templates.get(caller.sandbox, template_id)
    show(response, found.etag)
    return shapes.query_template(found)


@router.put("/query-templates/{template_id}")
def replace_template(caller: Writing, template_id: str, body: dict[str, Any], etag: IfMatch = None) -> dict[str, Any]:
    """PUT /query-templates/{id}."""
    who = caller.principal.client_id
    return shapes.query_template(caller.platform.query.templates.replace(caller.sandbox, template_id, body, who, etag))


@router.delete("/query-templates/{template_id}", status_code=202)
def delete_template(caller: Writing, template_id: str, etag: IfMatch = None) -> dict[str, Any]:
    """DELETE /query-templates/{id}."""
    caller.platform.query.templates.delete(caller.sandbox, template_id, etag)
    return {"message": f"query template {template_id} was deleted", "statusCode": 202}


# -- schedules -------------------------------------------------------------------------------------------------


@router.post("/schedules", status_code=202)
def create_schedule(caller: Writing, body: AskedSchedule) -> dict[str, Any]:
    """POST /schedules: run a query at the times of a cron expression."""
    schedules, asked = caller.platform.query_schedules, body.query.model_dump(by_alias=True, exclude_unset=True)
    made = schedules.create(caller.sandbox, caller.principal, asked, body.query.request(caller), body.schedule)
    caller.platform.worker.wake()
    return {**shapes.query_schedule(made), "state": "REGISTERING"}


@router.get("/schedules")
def list_schedules(
    caller: Reading, conditions: Properties = None, limit: Limit = 100, start: Start = 0, order: Order = NEWEST
) -> dict[str, Any]:
    """GET /schedules."""
    shown = [shapes.query_schedule(s) for s in caller.platform.query_schedules.all(caller.sandbox)]
    path = f"{BASE}/schedules"
    return page("schedules", shown, path, limit=limit, start=start, order=order, conditions=conditions or [])


@router.get("/schedules/{schedule_id}")
def get_schedule(caller: Reading, schedule_id: str, response: Response) -> dict[str, Any]:
    """GET /schedules/{id}."""
    found = caller.platform.query_schedules.get(caller.sandbox, schedule_id)
    show(response, found.etag)
    return shapes.query_schedule(found)


@router.patch("/schedules/{schedule_id}", status_code=202)
def change_schedule(caller: Writing, schedule_id: str, body: ScheduleChange, etag: IfMatch = None) -> dict[str, Any]:
    """PATCH /schedules/{id}: replace /state (enable, disable), /schedule, or a part of it."""
    before = caller.platform.query_schedules.get(caller.sandbox, schedule_id)
    enabled: bool | None = None
    timing: dict[str, Any] | None = None
    for operation in body.body:
        path, value = str(operation.get("path")), operation.get("value")
        if str(operation.get("op")).lower() != "replace":
            raise InvalidInput(f"op is {operation.get('op')!r}; of schedules, parts are replaced")
        if path == "/state" and value in ("enable", "disable"):
            enabled = value == "enable"
        elif path == "/schedule" and isinstance(value, dict):
            timing = value
        elif path.startswith("/schedule/"):
            timing = {**(timing or before.timing), path.removeprefix("/schedule/"): value}
        else:
            raise InvalidInput(f"path {path!r} with value {value!r} cannot be replaced; /state and /schedule can")
    changed = caller.platform.query_schedules.change(
        caller.sandbox, schedule_id, enabled=enabled, timing=timing, etag=etag
    )
    caller.platform.worker.wake()
    return {"message": f"schedule {changed.id} was changed", "statusCode": 202}


@router.delete("/schedules/{schedule_id}", status_code=202)
def delete_schedule(caller: Writing, schedule_id: str, etag: IfMatch = None) -> dict[str, Any]:
    """DELETE /schedules/{id}."""
    caller.platform.query_schedules.delete(caller.sandbox, schedule_id, etag)
    return {"message": f"schedule {schedule_id} was deleted", "statusCode": 202}


@router.post("/schedules/{schedule_id}/runs", status_code=202)
def run_schedule(caller: Writing, schedule_id: str) -> dict[str, Any]:
    """POST /schedules/{id}/runs: run its query now."""
    made = caller.platform.query_schedules.run_now(caller.sandbox, schedule_id)
    caller.platform.query_worker.wake()
    return shapes.schedule_run(made, schedule_id)


@router.get("/schedules/{schedule_id}/runs")
def list_schedule_runs(
    caller: Reading,
    schedule_id: str,
    conditions: Properties = None,
    limit: Limit = 100,
    start: Start = 0,
    order: Order = NEWEST,
) -> dict[str, Any]:
    """GET /schedules/{id}/runs, newest first."""
    found = caller.platform.query_schedules.runs(caller.sandbox, schedule_id)
    shown = [shapes.schedule_run(r, schedule_id) for r in found]
    path = f"{BASE}/schedules/{schedule_id}/runs"
    return page("runsSchedules", shown, path, limit=limit, start=start, order=order, conditions=conditions or [])


@router.get("/schedules/{schedule_id}/runs/{run_id}")
def get_schedule_run(caller: Reading, schedule_id: str, run_id: str) -> dict[str, Any]:
    """GET /schedules/{id}/runs/{id}."""
    found = {r.id: r for r in caller.platform.query_schedules.runs(caller.sandbox, schedule_id)}
    if run_id not in found:
        raise NotFound(f"schedule {schedule_id} has no run {run_id!r}")
    return shapes.schedule_run(found[run_id], schedule_id)

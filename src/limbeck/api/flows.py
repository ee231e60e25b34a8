"""Flow Service: specs, connections, flows, runs, and runs on demand (REST contract, sections 8.2 and 8.6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, cast

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from limbeck.api import flowshapes
from limbeck.api.context import Caller, Reading, Writing
from limbeck.api.etags import IfMatch, show
from limbeck.api.lists import filtered, ordered
from limbeck.errors import InvalidInput, NotFound, NotServed
from limbeck.flow import Resource, Run
from limbeck.flow.model import ResourceKind
from limbeck.flow.specs import CONNECTIONS, FLOWS, LANDING_ZONE_SOURCE, connection_spec, flow_spec
from limbeck.flow.storage import Entry
from limbeck.ingest.preview import preview

router = APIRouter()

BASE = "/data/foundation/flowservice"

KINDS: dict[str, ResourceKind] = {
    "connections": "connection",
    "sourceConnections": "sourceConnection",
    "targetConnections": "targetConnection",
    "flows": "flow",
}

KindName = Annotated[str, Path(json_schema_extra={"enum": list(KINDS)})]

PAGE = 100

Properties = Annotated[list[str] | None, Query(alias="property")]
Token = Annotated[str | None, Query(alias="continuationToken")]
OrderBy = Annotated[str | None, Query(alias="orderBy")]


class CreateRun(BaseModel):
    """Body of POST /runs; keys we do not know are accepted."""

    flow_id: str = Field(alias="flowId")


class DatasetRef(BaseModel):
    """A dataset to export now."""

    id: str


class Destination(BaseModel):
    """A flow and the datasets that it shall export now."""

    model_config = ConfigDict(populate_by_name=True)

    flow_id: str = Field(alias="flowId")
    datasets: list[DatasetRef] = []


class AdhocRun(BaseModel):
    """Body of POST /adhocrun."""

    activation_info: dict[str, Any] = Field(alias="activationInfo")


# -- specs -----------------------------------------------------------------------------------------------------


@router.get(f"{BASE}/connectionSpecs")
def list_connection_specs(_caller: Reading, prop: Properties = None) -> dict[str, Any]:
    """GET /connectionSpecs: all of them, on one page."""
    return {"items": filtered([flowshapes.connection_spec(s) for s in CONNECTIONS], prop)}


@router.get(f"{BASE}/connectionSpecs/{{spec_id}}")
def get_connection_spec(_caller: Reading, spec_id: str) -> dict[str, Any]:
    """GET /connectionSpecs/{id}."""
    return {"items": [flowshapes.connection_spec(connection_spec(spec_id))]}


@router.get(f"{BASE}/flowSpecs")
def list_flow_specs(_caller: Reading, prop: Properties = None) -> dict[str, Any]:
    """GET /flowSpecs: all of them, or those called as `property=name==…` says."""
    return {"items": filtered([flowshapes.flow_spec(s) for s in FLOWS], prop)}


@router.get(f"{BASE}/flowSpecs/{{spec_id}}")
def get_flow_spec(_caller: Reading, spec_id: str) -> dict[str, Any]:
    """GET /flowSpecs/{id}."""
    return {"items": [flowshapes.flow_spec(flow_spec(spec_id))]}


@router.get(f"{BASE}/connectionSpecs/{{spec_id}}/configs")
def list_exportable_datasets(caller: Reading, spec_id: str, start: int = 0, limit: int = PAGE) -> dict[str, Any]:
    """GET /connectionSpecs/{id}/configs: the datasets that can be exported."""
    connection_spec(spec_id)
    found = caller.platform.lake.datasets.all(caller.sandbox)
    start = max(0, start)
    end = min(start + max(1, limit), len(found))
    items = [{"id": d.id, "name": d.name} for d in found[start:end]]
    return {"items": items, "pageInfo": {"start": start, "end": end, "total": len(found), "hasNext": end < len(found)}}


@router.get(f"{BASE}/connectionSpecs/{{spec_id}}/explore")
def explore(
    caller: Reading,
    spec_id: str,
    object_type: Annotated[str, Query(alias="objectType")] = "root",
    object_path: Annotated[str, Query(alias="object")] = "",
) -> Any:
    """GET /connectionSpecs/{id}/explore: what lies in the upload area, or the first rows of a file there."""
    if connection_spec(spec_id).id != LANDING_ZONE_SOURCE:
        raise NotServed(f"connection spec {spec_id} cannot be explored; {LANDING_ZONE_SOURCE} can")
    zone = caller.platform.zone
    if object_type == "file":
        with zone.local("upload", object_path) as path:
            return flowshapes.preview(preview(caller.platform.engine, path))
    return [_entry(found) for found in zone.entries("upload", "" if object_type == "root" else object_path)]


def _entry(found: Entry) -> dict[str, Any]:
    return {
        "type": "folder" if found.is_folder else "file",
        "name": found.name,
        "path": found.path,
        "canPreview": not found.is_folder,
        "canFetchSchema": not found.is_folder,
    }


# -- runs ------------------------------------------------------------------------------------------------------


@router.get(f"{BASE}/runs")
def list_runs(
    caller: Reading, prop: Properties = None, limit: int = PAGE, token: Token = None, order: OrderBy = None
) -> dict[str, Any]:
    """GET /runs: newest first, of the flows that `property=flowId==…` names."""
    wanted = [p.partition("==")[2] for p in prop or [] if p.startswith("flowId==")]
    found = caller.platform.flows.runs.find(caller.sandbox, wanted or None)
    specs = {f.id: f.spec_id for f in caller.platform.flows.resources.find(caller.sandbox, "flow")}
    shown = [flowshapes.run(r, caller.sandbox, specs.get(r.flow_id, "")) for r in found]
    return _page(filtered(shown, prop), limit, token, order, "/runs")


@router.get(f"{BASE}/runs/{{run_id}}")
def get_run(caller: Reading, run_id: str) -> dict[str, Any]:
    """GET /runs/{id}."""
    found = caller.platform.flows.runs.get(caller.sandbox, run_id)
    flow = caller.platform.flows.resources.get(caller.sandbox, "flow", found.flow_id)
    return {"items": [flowshapes.run(found, caller.sandbox, flow.spec_id)]}


@router.post(f"{BASE}/runs", status_code=201)
def create_run(caller: Writing, body: CreateRun) -> dict[str, Any]:
    """POST /runs: run a flow now."""
    made = caller.platform.flows.run(caller.sandbox, body.flow_id)
    caller.platform.worker.wake()
    return {"id": made.id, "etag": flowshapes.run(made, caller.sandbox, "")["etag"]}


@router.post("/data/core/activation/disflowprovider/adhocrun")
def run_on_demand(caller: Writing, body: AdhocRun, request: Request) -> dict[str, Any]:
    """POST /adhocrun: export datasets now, or deliver audiences; which of them, the body tells."""
    if "destinations" in body.activation_info:
        return _export_now(caller, body.activation_info["destinations"], request)
    return _deliver_now(caller, body.activation_info, request)


def _export_now(caller: Caller, raw: Any, request: Request) -> dict[str, Any]:
    destinations = _parsed(raw)
    wanted = [(d.flow_id, [s.id for s in d.datasets]) for d in destinations]
    runs = caller.platform.flows.run_datasets(caller.sandbox, wanted)
    caller.platform.worker.wake()
    told = [
        {"datasets": [{"id": s.id, "statusURL": _status_url(request, run), "flowId": d.flow_id} for s in d.datasets]}
        for d, run in zip(destinations, runs, strict=True)
    ]
    return {"destinations": told}


def _deliver_now(caller: Caller, raw: dict[str, Any], request: Request) -> dict[str, Any]:
    """Deliver audiences; 501 as long as no runner of that kind is plugged into the Flow Service."""
    if not raw or not all(isinstance(ids, list) and ids for ids in raw.values()):
        raise InvalidInput(f"activationInfo lists the audiences of each flow, {{flowId: [audienceId]}}, not {raw!r}")
    wanted = [(flow_id, [str(i) for i in ids]) for flow_id, ids in raw.items()]
    runs = caller.platform.flows.run_audiences(caller.sandbox, wanted)
    caller.platform.worker.wake()
    told = [(audience_id, run) for (_, ids), run in zip(wanted, runs, strict=True) for audience_id in ids]
    return {"order": [{"segment": i, "order": run.id, "statusURL": _status_url(request, run)} for i, run in told]}


def _parsed(raw: Any) -> list[Destination]:
    try:
        found = [Destination.model_validate(d) for d in raw]
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"activationInfo.destinations is not understood: {error}") from error
    if not found or not all(d.datasets for d in found):
        raise InvalidInput(
            "activationInfo.destinations names flows, each with its datasets: {flowId, datasets: [{id}]}"
        )
    return found


def _status_url(request: Request, run: Run) -> str:
    return f"{str(request.base_url).rstrip('/')}{BASE}/runs/{run.id}"


# -- connections and flows -------------------------------------------------------------------------------------


@router.post(f"{BASE}/flows/{{flow_id}}/action")
def act_on_flow(caller: Writing, flow_id: str, op: str) -> dict[str, Any]:
    """POST /flows/{id}/action?op=enable or disable."""
    states = {"enable": "enabled", "disable": "disabled"}
    if op not in states:
        raise InvalidInput(f"a flow takes op=enable or disable, not {op!r}")
    changed = caller.platform.flows.set_state(caller.sandbox, flow_id, states[op])
    caller.platform.worker.wake()
    return {"id": changed.id, "etag": changed.etag}


@router.get(f"{BASE}/connections/{{connection_id}}/test")
def test_connection(caller: Reading, connection_id: str) -> dict[str, Any]:
    """GET /connections/{id}/test: whether what it leads to can be reached."""
    caller.platform.flows.resources.get(caller.sandbox, "connection", connection_id)
    caller.platform.zone.storage.check("upload")
    return {"state": "enabled"}


@router.post(f"{BASE}/{{kind}}", status_code=201)
def create_resource(caller: Writing, kind: KindName, body: dict[str, Any]) -> dict[str, Any]:
    """POST /connections, /sourceConnections, /targetConnections or /flows."""
    made = caller.platform.flows.create(caller.sandbox, _kind(kind), body)
    caller.platform.worker.wake()
    return {"id": made.id, "etag": made.etag}


@router.get(f"{BASE}/{{kind}}")
def list_resources(
    caller: Reading,
    kind: KindName,
    prop: Properties = None,
    limit: int = PAGE,
    token: Token = None,
    order: OrderBy = None,
) -> dict[str, Any]:
    """GET /{kind}: oldest first."""
    shape = _shape(caller, _kind(kind))
    found = [shape(r) for r in caller.platform.flows.resources.find(caller.sandbox, _kind(kind))]
    return _page(filtered(found, prop), limit, token, order, f"/{kind}")


@router.get(f"{BASE}/{{kind}}/{{resource_id}}")
def get_resource(caller: Reading, kind: KindName, resource_id: str, response: Response) -> dict[str, Any]:
    """GET /{kind}/{id}: `items` with the one object."""
    found = caller.platform.flows.resources.get(caller.sandbox, _kind(kind), resource_id)
    show(response, found.etag)
    return {"items": [_shape(caller, _kind(kind))(found)]}


@router.patch(f"{BASE}/{{kind}}/{{resource_id}}")
def patch_resource(
    caller: Writing, kind: KindName, resource_id: str, operations: list[dict[str, Any]], etag: IfMatch = None
) -> dict[str, Any]:
    """PATCH /{kind}/{id}: JSON Patch under the etag of `If-Match`."""
    changed = caller.platform.flows.patch(caller.sandbox, _kind(kind), resource_id, operations, etag)
    caller.platform.worker.wake()
    return {"id": changed.id, "etag": changed.etag}


@router.delete(f"{BASE}/{{kind}}/{{resource_id}}", status_code=204)
def delete_resource(caller: Writing, kind: KindName, resource_id: str, etag: IfMatch = None) -> Response:
    """DELETE /{kind}/{id}."""
    caller.platform.flows.delete(caller.sandbox, _kind(kind), resource_id, etag)
    return Response(status_code=204)


def _kind(kind: str) -> ResourceKind:
    if kind not in KINDS:
        raise NotFound(f"the Flow Service has {', '.join(KINDS)}, connectionSpecs, flowSpecs and runs, not {kind!r}")
    return KINDS[kind]


def _shape(caller: Caller, kind: ResourceKind) -> Callable[[Resource], dict[str, Any]]:
    if kind != "flow":
        return lambda r: flowshapes.resource(r, caller.sandbox)
    ends = cast("tuple[ResourceKind, ...]", ("sourceConnection", "targetConnection"))
    known = {r.id: r for end in ends for r in caller.platform.flows.resources.find(caller.sandbox, end)}
    return lambda r: flowshapes.flow(r, caller.sandbox, known)


# -- lists -----------------------------------------------------------------------------------------------------


def _page(
    items: Sequence[dict[str, Any]], limit: int, token: str | None, order: str | None, path: str
) -> dict[str, Any]:
    if order:
        items = ordered(items, order)
    return flowshapes.page(items, _start(items, token), max(1, limit), path)


_TOKEN = re.compile(r"(?P<start>\d{1,9})(\.(?P<before>.+))?")


def _start(items: Sequence[dict[str, Any]], token: str | None) -> int:
    """Return where the page of a token begins: behind the last item of the page before, wherever that is now."""
    if token is None:
        return 0
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise InvalidInput(f"continuationToken is {token!r}; take it from _links.next.href of the page before")
    places = (n for n, item in enumerate(items, 1) if item["id"] == found["before"])
    return next(places, int(found["start"]))

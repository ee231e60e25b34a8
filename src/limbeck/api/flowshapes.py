"""AEP's spelling of flows, their parts and their runs: what `shapes.py` is to the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from limbeck import clock
from limbeck.errors import ExpressionError
from limbeck.flow import Resource, Run, mappings
from limbeck.flow.expressions import Expression
from limbeck.flow.expressions.model import Function
from limbeck.flow.expressions.syntax import PRECEDENCE
from limbeck.flow.specs import LANDING_ZONE_TARGET, PROFILE_STORE, ConnectionSpec, FlowSpec
from limbeck.ingest.formats.mapped import shown as path_shown
from limbeck.ingest.preview import Preview
from limbeck.ingest.trial import Mapped
from limbeck.scope import Sandbox

VERSION = "1.0"


def connection_spec(value: ConnectionSpec) -> dict[str, Any]:
    """Return a connection spec (section 8.2); `isServed` is ours."""
    return {
        "id": value.id,
        "name": value.name,
        "providerId": value.provider_id,
        "version": VERSION,
        "isServed": value.is_served,
    }


def flow_spec(value: FlowSpec) -> dict[str, Any]:
    """Return a flow spec (section 8.2)."""
    return {
        "id": value.id,
        "name": value.name,
        "providerId": value.provider_id,
        "version": VERSION,
        "sourceConnectionSpecIds": list(value.sources),
        "targetConnectionSpecIds": list(value.targets),
    }


def resource(value: Resource, where: Sandbox) -> dict[str, Any]:
    """Return a connection as the Flow Service shows it: what was sent, and what it became."""
    return {
        "state": "enabled",
        **value.body,
        "id": value.id,
        "etag": value.etag,
        "version": value.etag,
        "createdAt": clock.millis(value.created),
        "updatedAt": clock.millis(value.updated),
        "sandboxId": where.id,
        "sandboxName": where.name,
        "imsOrgId": where.org_id,
    }


def flow(value: Resource, where: Sandbox, connections: Mapping[str, Resource]) -> dict[str, Any]:
    """Return a flow with what it inherits from its source and target connection (section 8.2)."""
    sources = [_inherited(connections, i) for i in value.body["sourceConnectionIds"]]
    targets = [_inherited(connections, i) for i in value.body["targetConnectionIds"]]
    for source in sources:
        if source["connectionSpec"]["id"] == PROFILE_STORE:
            source["typeInfo"] = {"type": "ProfileFragments", "id": "ups"}
    leads_out = any(t["connectionSpec"]["id"] == LANDING_ZONE_TARGET for t in targets)
    inherited = {
        "properties": {"isDestinationFlow": leads_out, "isSourceFlow": not leads_out},
        "sourceConnections": sources,
        "targetConnections": targets,
    }
    return {"transformations": [], **resource(value, where), "inheritedAttributes": inherited}


def _inherited(connections: Mapping[str, Resource], connection_id: str) -> dict[str, Any]:
    found = connections.get(connection_id)
    spec = found.body.get("connectionSpec") if found is not None else {"id": "", "version": VERSION}
    return {"id": connection_id, "connectionSpec": spec}


def run(value: Run, where: Sandbox, flow_spec_id: str) -> dict[str, Any]:
    """Return a run (section 8.2); it has metrics once it has ended."""
    updated = clock.millis(value.completed or value.started or value.created)
    shape: dict[str, Any] = {
        "id": value.id,
        "flowId": value.flow_id,
        "flowSpec": {"id": flow_spec_id, "version": VERSION},
        "providerRefId": value.id,
        "etag": f'"{value.id}-{updated}"',
        "createdAt": clock.millis(value.created),
        "updatedAt": updated,
        "sandboxId": where.id,
        "imsOrgId": where.org_id,
        "activities": [_attempt(number, tried) for number, tried in enumerate(value.payload.get("tries", ()), 1)],
    }
    return shape | ({"metrics": _metrics(value)} if value.is_ended else {})


def _attempt(number: int, tried: Mapping[str, Any]) -> dict[str, Any]:
    """Return an attempt that did not lead to the end."""
    failed = {"status": "failed", "errors": [{"code": "", "message": tried["error"], "details": {}}]}
    return {
        "id": f"attempt-{number}",
        "name": f"attempt {number}",
        "updatedAtUTC": tried["at"],
        "statusSummary": failed,
    }


def _metrics(value: Run) -> dict[str, Any]:
    found = value.metrics
    failures = [dict(e) for e in value.errors]
    told = [{"code": "", "message": m, "details": {}} for m in found.messages]
    return {
        "durationSummary": {
            "startedAtUTC": _millis(value.started or value.created),
            "completedAtUTC": _millis(value.completed),
        },
        "sizeSummary": {"inputBytes": found.input_bytes, "outputBytes": found.output_bytes},
        "recordSummary": {
            "inputRecordCount": found.input_records,
            "outputRecordCount": found.output_records,
            "skippedRecordCount": found.skipped_records,
            "failedRecordCount": found.failed_records,
        },
        "fileSummary": {"inputFileCount": found.input_files, "outputFileCount": found.output_files, "activities": []},
        "statusSummary": {"status": value.status, "errors": [*failures, *told]},
    }


def _millis(moment: datetime | None) -> int:
    return 0 if moment is None else clock.millis(moment)


def mapping_set(value: Resource) -> dict[str, Any]:
    """Return a mapping set as Data Prep shows it (section 8.5)."""
    return {
        "version": 0,
        "createdBy": "",
        "modifiedBy": "",
        **mappings.shown(value.body),
        "id": value.id,
        "xdmSchema": mappings.schema_id(value.body),
        "createdDate": clock.millis(value.created),
        "modifiedDate": clock.millis(value.updated),
    }


def mapping_page(items: Sequence[dict[str, Any]], start: int, limit: int) -> dict[str, Any]:
    """Return a page of mapping sets."""
    shown, following = list(items[start : start + limit]), start + limit
    more = following < len(items)
    links = {"next": {"href": f"/mappingSets?start={following}&limit={limit}"}} if more else {}
    told = {
        "count": len(shown),
        "limit": limit,
        "start": start,
        "total": len(items),
        "next": following if more else None,
    }
    return {"data": shown, "_page": told, "_links": links}


def mapped_row(value: Mapped) -> dict[str, Any]:
    """Return what a mapping makes of a row of a preview."""
    errors = [{"path": p.path, "found": p.found, "wanted": p.wanted} for p in value.problems]
    return {"data": dict(value.document), "errors": errors}


def valid_expression(value: Expression) -> dict[str, Any]:
    """Return what is told of an expression: what it gives, and what it reads."""
    columns = [path_shown(path) for path in value.columns]
    return {"valid": True, "expression": value.text, "returnType": value.kind, "columns": columns, "errors": []}


def invalid_expression(error: ExpressionError) -> dict[str, Any]:
    """Return what is wrong with a text that is no expression; positions count from 0."""
    return {"valid": False, "errors": [{"message": str(error), "position": error.position}]}


def function(value: Function) -> dict[str, Any]:
    """Return a function of expressions (section 8.5): how it is called, and what its example gives."""
    arguments = [
        {"name": p.name, "type": p.kind or "same", "required": not p.is_optional, "repeats": p.repeats}
        for p in value.parameters
    ]
    return {
        "name": value.name,
        "aliases": list(value.aliases),
        "category": value.category,
        "description": value.says,
        "syntax": value.syntax,
        "arguments": arguments,
        "returnType": value.gives or "same",
        "exampleUsage": value.example,
        "exampleResult": None if value.result is ... else value.result,
    }


def operator(value: Function) -> dict[str, Any]:
    """Return an operator of expressions (section 8.5)."""
    shown = {key: v for key, v in function(value).items() if key not in ("aliases", "syntax")}
    return {**shown, "precedence": PRECEDENCE[value.name]}


def preview(value: Preview) -> dict[str, Any]:
    """Return the first rows of a file of the landing zone (section 8.2)."""
    columns = [{"name": name, "type": kind, "xdm": {}} for name, kind in value.columns]
    return {"format": "flat", "schema": {"columns": columns}, "data": [dict(r) for r in value.rows]}


def page(items: Sequence[Any], start: int, limit: int, path: str) -> dict[str, Any]:
    """Return some of *items*; the token of the next page is the only thing its link says (section 2.6)."""
    shown, following = list(items[start : start + limit]), start + limit
    more = following < len(items)
    links = {"next": {"href": f"{path}?continuationToken={following}.{shown[-1]['id']}"}} if more else {}
    return {"items": shown, "_links": links}

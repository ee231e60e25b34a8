"""AEP's spelling of our values. Nothing else in the platform knows these keys."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from limbeck import clock
from limbeck.access.permissions import PERMISSIONS, ROLES
from limbeck.access.sandboxes import DEFAULT_SANDBOX, Described
from limbeck.access.service import Credential
from limbeck.audience import Audience, Membership, Preview, SegmentJob, SegmentSchedule, Status
from limbeck.errors import LimbeckError
from limbeck.identity import Identity
from limbeck.lake import Batch, DataFile, Dataset, Measure
from limbeck.profile import Event, Profile
from limbeck.query.runs import QueryRun
from limbeck.query.schedules import Schedule
from limbeck.query.templates import Template
from limbeck.registry.history import Change
from limbeck.registry.namespaces import Namespace
from limbeck.scope import DEFAULT_MERGE_POLICY, Principal, Sandbox
from limbeck.store import audit
from limbeck.xdm.json_schema import emit
from limbeck.xdm.types import Object

FLOW_STYLE = (
    "/data/foundation/flowservice",
    "/data/foundation/connectors",
    "/data/core/activation",
)
"""Services whose errors have keys of their own."""

REGISTRY_STYLE = "/data/foundation/schemaregistry"


def error(failure: LimbeckError, request_id: str, path: str = "") -> dict[str, Any]:
    """Return the body of an error answer: service style, the gateway's keys, and those of the service (section 2.5)."""
    body = _error(failure, request_id)
    if path.startswith(FLOW_STYLE):
        body |= {"errorMessage": str(failure), "errorDetails": failure.code}
    if path.startswith(REGISTRY_STYLE):
        subs = [{"code": failure.code, "detail": str(change)} for change in failure.details.get("changes") or ()]
        told = {"registryRequestId": request_id, "timestamp": iso(clock.now()), "detailed-message": str(failure)}
        body["report"] = {**told, "sub-errors": subs}
    return body


def _error(failure: LimbeckError, request_id: str) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "status": failure.status,
        "title": failure.title,
        "detail": str(failure),
        "error_code": failure.code,
        "message": failure.message,
        "sqlstate": failure.sqlstate,
        "details": {k: v for k, v in failure.details.items() if v is not None},
        "requestId": request_id,
    }


def caller(who: Principal, sandboxes: Sequence[Sandbox]) -> dict[str, Any]:
    """Return who calls, and where: an extension of ours, in AEP's spelling of such things."""
    return {
        "imsOrgId": who.org_id,
        "clientId": who.client_id,
        "roles": sorted(who.roles),
        "sandboxes": [{"name": sandbox.name, "type": sandbox.type} for sandbox in sandboxes],
    }


def sandbox(value: Described) -> dict[str, Any]:
    """Return a sandbox as the sandbox service shows it (section 3.4)."""
    where = value.sandbox
    return {
        "id": where.id,
        "name": where.name,
        "title": value.title,
        "state": "active",
        "type": where.type,
        "region": "LOCAL",
        "isDefault": where.name == DEFAULT_SANDBOX,
        "eTag": value.etag,
        "createdDate": iso(value.created),
        "lastModifiedDate": iso(value.updated),
        "createdBy": value.created_by,
        "modifiedBy": value.created_by,
    }


def role(name: str, org_id: str) -> dict[str, Any]:
    """Access Control's role; what it allows holds in every sandbox that a credential may work in."""
    return {
        "id": name,
        "name": name,
        "description": ROLES[name],
        "roleType": "system-defined",
        "permissionSets": [p.name for p in PERMISSIONS if p.is_given_to(name)],
        "sandboxes": ["*"],
        "subjectAttributes": {"labels": []},
        "imsOrgId": org_id,
    }


def subject(value: Credential, role_id: str) -> dict[str, Any]:
    """Access Control's subject: a credential that has a role, and where."""
    return {
        "roleId": role_id,
        "subjectType": "apikey",
        "subjectId": value.client_id,
        "sandboxes": ["*"] if value.sandboxes is None else sorted(value.sandboxes),
    }


def audit_event(value: audit.Event, where: Sandbox) -> dict[str, Any]:
    """Audit's event; what belongs to no sandbox has no `sandboxName`."""
    return {
        "id": value.id,
        "timestamp": iso(value.at),
        "imsOrgId": where.org_id,
        **({} if value.sandbox == audit.ORGANISATION else {"sandboxName": where.name}),
        "eventType": "Core",
        "authId": value.client_id,
        "userEmail": value.client_id,
        "action": _capital(value.action),
        "assetType": _capital(value.asset_type),
        "assetId": value.asset_id,
        "assetName": value.asset_name,
        "status": value.status,
        "failureCode": value.failure_code,
        "requestId": value.request_id,
        "region": "local",
    }


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def registry_stats(where: Sandbox, found: Mapping[str, Sequence[Any]], unions: int, recent: int) -> dict[str, Any]:
    """Return what a registry holds (section 3.5): counts, the newest resources, and how often classes are used."""
    every = [body for bodies in found.values() for body in bodies]
    usage: dict[str, int] = {}
    for schema in found["schemas"]:
        usage[schema["meta:class"]] = usage.get(schema["meta:class"], 0) + 1
    return {
        "imsOrg": where.org_id,
        "tenantId": where.tenant,
        "counts": {
            "schemas": len(found["schemas"]),
            "mixins": len(found["fieldgroups"]),
            "datatypes": len(found["datatypes"]),
            "classes": len(found["classes"]),
            "unions": unions,
        },
        "recentlyCreatedResources": _newest(every, "repo:createdDate", recent),
        "recentlyUpdatedResources": _newest(every, "repo:lastModifiedDate", recent),
        "classUsage": usage,
    }


def _newest(bodies: Sequence[Any], key: str, count: int) -> list[dict[str, Any]]:
    newest = sorted(bodies, key=lambda body: int(body["meta:registryMetadata"][key]), reverse=True)
    return [
        {**_reference(body), "meta:resourceType": body["meta:resourceType"], "meta:updated": _moment(body, key)}
        for body in newest[:count]
    ]


def _moment(body: Any, key: str) -> str:
    return iso(clock.from_millis(body["meta:registryMetadata"][key]))


def _reference(body: Any) -> dict[str, Any]:
    return {key: body[key] for key in ("$id", "meta:altId", "version", "title")}


def registry_page(
    bodies: Sequence[Any], forms: frozenset[str], order: str = "created", limit: int | None = None, start: int = 0
) -> dict[str, Any]:
    """Return some of the registry's resources (section 4.2); all that are left without *limit*."""
    end = len(bodies) if limit is None else min(start + limit, len(bodies))
    shown = [_reference(b) if forms & {"id", "link"} else b for b in bodies[start:end]]
    page = {"orderby": order, "next": str(end) if end < len(bodies) else None, "count": len(shown)}
    return {"results": shown, "_page": page, "_links": {"next": None}}


def descriptors(bodies: Sequence[Any], forms: frozenset[str], grouped: bool) -> dict[str, Any]:
    """Return descriptors: as a list (version 2), or *grouped* by their types; as links or ids if that is asked for."""
    link = {"link", "id"} & forms
    shown = [{**{k: b[k] for k in ("@id", "@type", "xdm:sourceSchema") if k in b}} if link else b for b in bodies]
    if grouped:
        return {kind: [s for s in shown if s["@type"] == kind] for kind in dict.fromkeys(b["@type"] for b in bodies)}
    return {"results": shown, "_page": {"next": None, "count": len(shown)}, "_links": {}}


def registry_change(value: Change, where: Sandbox) -> dict[str, Any]:
    """Return what led to a version of a resource (section 4.2)."""
    kind = "mixins" if value.kind == "fieldgroups" else value.kind
    about = {"id": value.resource_id, "xdmType": kind}
    return {
        **about,
        "version": value.version,
        "updatedUser": value.changed_by,
        "clientId": value.changed_by,
        "updatedTime": iso(value.at),
        "imsOrg": where.org_id,
        "sandBoxId": where.id,
        "updates": [{**about, "action": s.action, "path": s.path, "value": s.value} for s in value.steps],
    }


DATASET_KEYS = frozenset(
    {"id", "imsOrg", "sandboxId", "version", "created", "updated", "createdUser", "schemaRef", "files", "state"}
    | {"viewId", "namespace", "classification", "extensions", "lastBatchId", "lastBatchStatus", "observableSchema"}
)
"""Keys of a dataset that are told here, whatever was sent."""


def observable_schema(fields: Object) -> dict[str, Any]:
    """Return the fields that have held values as JSON Schema (section 5.1)."""
    return emit(fields) if fields.fields else {"type": "object", "properties": {}}


def namespace(value: Namespace) -> dict[str, Any]:
    """Return a namespace of identities (section 10.3)."""
    own = value.created is not None
    shape = {
        "id": value.id,
        "code": value.code,
        "name": value.name,
        "description": value.description,
        "idType": value.type,
        "namespaceType": "Custom" if own else "Standard",
        "custom": own,
        "status": "ACTIVE",
    }
    times = {"createTime": value.created, "updateTime": value.updated}
    return shape | {key: clock.millis(moment) for key, moment in times.items() if moment is not None}


def dataset(value: Dataset, org_id: str, measure: Measure, last_batch: Batch | None) -> dict[str, Any]:
    """Return a dataset as Catalog shows it (section 5.1)."""
    shape: dict[str, Any] = {
        "fileDescription": {"persisted": True, "containerFormat": "parquet", "format": "parquet"},
        **value.body,
        "name": value.name,
        "tags": {**{k: list(v) for k, v in value.tags.items()}, "adobe/pqs/table": [value.table]},
        "imsOrg": org_id,
        "sandboxId": value.sandbox_id,
        "version": f"1.0.{value.snapshot}",
        "created": clock.millis(value.created),
        "updated": clock.millis(value.updated),
        "createdUser": value.created_by,
        "schemaRef": {"id": value.schema.id, "contentType": "application/vnd.adobe.xed+json;version=1"},
        "viewId": value.id,
        "files": f"@/dataSetFiles?dataSetId={value.id}",
        "state": "DRAFT",
        "namespace": "ACP",
        "classification": {"dataBehavior": value.schema.behaviour, "managedBy": "CUSTOMER"},
        "extensions": {"adobe_lakeHouse": {"metrics": {"rowCount": measure.rows, "storageSize": measure.bytes}}},
    }
    if last_batch is not None:
        shape |= {"lastBatchId": last_batch.id, "lastBatchStatus": last_batch.status}
    return shape


def view(value: Dataset, org_id: str) -> dict[str, Any]:
    """Return the one view of a dataset: what it holds now (section 5.1)."""
    return {
        "id": value.id,
        "name": value.name,
        "imsOrg": org_id,
        "dataSetId": value.id,
        "version": f"1.0.{value.snapshot}",
        "created": clock.millis(value.created),
        "updated": clock.millis(value.updated),
        "createdUser": value.created_by,
        "files": f"@/dataSets/{value.id}/views/{value.id}/files",
    }


def file_id(value: DataFile) -> str:
    """Return the id of a file of a dataset."""
    return value.path.removesuffix(".parquet").replace("/", "-")


def dataset_file(value: DataFile, dataset_id: str, org_id: str) -> dict[str, Any]:
    """Return a file of a dataset as Catalog shows it (section 5.2); one of several batches names none."""
    told = {
        "id": file_id(value),
        "imsOrg": org_id,
        "dataSetId": dataset_id,
        "dataSetViewId": dataset_id,
        "version": "1.0.0",
        "created": value.published,
        "updated": value.published,
        "isValid": True,
        "records": value.rows,
        "size": value.bytes,
    }
    return told if value.batch_id is None else {**told, "batchId": value.batch_id}


def rows(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of a dataset as JSON has them; what is NULL is absent."""
    return [_json(dict(row)) for row in found]


def series(
    metric: str,
    filters: Sequence[Mapping[str, Any]],
    granularity: str,
    found: Mapping[str, Mapping[datetime, int]],
    grouped: bool,
) -> dict[str, Any]:
    """Return a series of Observability Insights (section 12), of each dataset if it is *grouped*, else of all."""
    sums: dict[str, dict[str, int]] = {}
    for dataset_id, points in found.items():
        mine = sums.setdefault(dataset_id if grouped else "", {})
        for moment, value in points.items():
            mine[iso(moment)] = mine.get(iso(moment), 0) + value
    datapoints = [
        {"groupBy": {"dataSetId": key} if grouped else {}, "dps": dict(sorted(dps.items()))}
        for key, dps in sums.items()
    ]
    return {"metric": metric, "filters": list(filters), "datapoints": datapoints, "granularity": granularity}


BATCH_KEYS = frozenset(
    {
        "id",
        "imsOrg",
        "sandboxId",
        "status",
        "created",
        "updated",
        "completed",
        "createdUser",
        "relatedObjects",
        "version",
    }
    | {"inputFormat", "metrics", "errors"}
)
"""Keys of a batch that are told here, whatever was sent."""


def batch(value: Batch, where: Sandbox) -> dict[str, Any]:
    """Return a batch as Catalog and Batch Ingestion show it (section 5.2)."""
    shape: dict[str, Any] = {
        **value.body,
        "id": value.id,
        "imsOrg": where.org_id,
        "sandboxId": where.id,
        "status": value.status,
        "created": clock.millis(value.created),
        "updated": clock.millis(value.updated),
        "createdUser": value.created_by,
        "relatedObjects": [{"type": "dataSet", "id": value.dataset_id}],
        "version": "1.0.0",
        "tags": dict(value.tags),
        "inputFormat": dict(value.input_format),
        "metrics": dict(value.metrics),
        "errors": [dict(e) for e in value.errors],
    }
    if value.completed is not None:
        shape["completed"] = clock.millis(value.completed)
    return shape


def segment(value: Audience, where: Sandbox, membership: Membership | None) -> dict[str, Any]:
    """Return an audience as a segment definition (section 10.1)."""
    batch_only = {"batch": {"enabled": True}, "continuous": {"enabled": False}, "synchronous": {"enabled": False}}
    shape = {
        "schema": {"name": "_xdm.context.profile"},
        "profileInstanceId": "ups",
        **value.body,
        "id": value.id,
        "name": value.name,
        "imsOrgId": where.org_id,
        "sandbox": _sandbox_of(where),
        "expression": {"type": "PQL", "format": "pql/text", "value": value.rule},
        "evaluationInfo": batch_only,
        "mergePolicyId": DEFAULT_MERGE_POLICY,
        "dataGovernancePolicy": {"excludeOptOut": True},
        "lifecycleState": "published",
        "creationTime": clock.millis(value.created),
        "updateTime": clock.millis(value.updated),
        "updateEpoch": clock.millis(value.updated) // 1000,
        "_etag": value.etag,
    }
    if membership is not None:
        shape["metrics"] = {
            "data": {"totalProfiles": membership.realized, "evaluatedAt": clock.millis(membership.evaluated)}
        }
    return shape


def children(items: Sequence[dict[str, Any]], start: int, limit: int, path: str) -> dict[str, Any]:
    """Return one page of a list of Segmentation, with the way to the next (sections 5.3 and 5.5).

    aepp steps `start` by one as long as there is `_links.href`: there is none.
    """
    shown = items[start : start + limit]
    more = start + limit < len(items)
    following = {"href": f"{path}?start={start + limit}&limit={limit}"} if more else {}
    return {
        "_page": {"totalCount": len(items), "pageSize": len(shown)},
        "children": list(shown),
        "_links": {"next": following},
    }


def preview(value: Preview) -> dict[str, Any]:
    """Return a preview (section 5.4): some of the people, each by all identities that are theirs."""
    results = [
        {xid(person[0].namespace, person[0].value): {"endCustomerIds": _identity_map(person)}}
        for person in value.people
    ]
    return {
        "state": value.state,
        "previewId": value.id,
        "previewQueryId": value.id,
        "previewQueryStatus": value.state,
        "previewExecutionId": value.id,
        "results": results,
        "page": {"offset": 0, "size": len(results)},
        "links": {"estimate": {"href": f"/estimate/{value.id}"}},
    }


def estimate(value: Preview, namespaces: Mapping[str, int]) -> dict[str, Any]:
    """Return how many people a rule is about (section 5.4): everybody was asked, so nothing is estimated."""
    by_namespace = [
        {"namespaceId": namespaces.get(code, code), "profilesMatchedSoFar": count}
        for code, count in sorted(value.by_namespace.items())
    ]
    return {
        "state": value.state,
        "estimatedSize": value.matched,
        "profilesMatchedSoFar": value.matched,
        "numRowsToRead": value.everybody,
        "profilesReadSoFar": value.everybody,
        "totalRows": value.everybody,
        "estimatedNamespaceDistribution": by_namespace,
        "standardError": 0,
        "confidenceInterval": "95%",
        "error": {"description": value.error, "traceback": ""},
        "_links": {"preview": {"href": f"/preview/{value.id}"}},
    }


def segment_schedule(value: SegmentSchedule, where: Sandbox) -> dict[str, Any]:
    """Return a schedule of segment jobs (section 5.5)."""
    return {
        **value.body,
        "id": value.id,
        "imsOrgId": where.org_id,
        "sandbox": _sandbox_of(where),
        "frequency": "daily",
        "createEpoch": clock.millis(value.created) // 1000,
        "updateEpoch": clock.millis(value.updated) // 1000,
        "_etag": value.etag,
    }


def _sandbox_of(where: Sandbox) -> dict[str, Any]:
    named = where.name == DEFAULT_SANDBOX
    return {"sandboxId": where.id, "sandboxName": where.name, "type": where.type, "default": named}


def segment_job(value: SegmentJob, known: Mapping[str, Audience]) -> dict[str, Any]:
    """Return a segment job (section 10.1); its counters are there in every state."""
    none = dict.fromkeys(value.audience_ids, 0)
    metrics = {"totalTime": {"totalTimeInMs": 0}, "segmentedProfileCounter": none, **value.metrics}
    metrics["totalProfilesByMergePolicy"] = {DEFAULT_MERGE_POLICY: value.metrics.get("totalProfiles", 0)}
    segments = [
        {
            "segmentId": i,
            "segment": {
                "id": i,
                "expression": {"type": "PQL", "format": "pql/text", "value": known[i].rule} if i in known else None,
                "mergePolicyId": DEFAULT_MERGE_POLICY,
            },
        }
        for i in value.audience_ids
    ]
    return {
        "id": value.id,
        "status": value.status,
        "source": "api" if value.schedule_id is None else "scheduler",
        "properties": {} if value.schedule_id is None else {"scheduleId": value.schedule_id, "runId": value.id},
        "segments": segments,
        "metrics": metrics,
        "errors": [dict(e) for e in value.errors],
        "schema": {"name": "_xdm.context.profile"},
        "evaluatedAt": clock.millis(value.evaluated),
        "creationTime": clock.millis(value.created),
        "updateTime": clock.millis(value.updated),
        "updateEpoch": clock.millis(value.updated) // 1000,
        "_links": {
            "cancel": {"href": f"/segment/jobs/{value.id}"},
            "checkStatus": {"href": f"/segment/jobs/{value.id}"},
        },
    }


def profile(value: Profile, statuses: Sequence[Status], entity_id: str, namespace: str) -> dict[str, Any]:
    """Return a profile keyed by its XID (section 10.2), with the source and time of each attribute beside it."""
    entity = {**_json(value.merged.entity), "identityMap": _identity_map(value.identities)}
    if statuses:
        entity["segmentMembership"] = {"ups": {s.audience_id: _status(s) for s in statuses}}
    origins = {p: {"datasetId": o.dataset_id, "time": iso(o.time)} for p, o in value.merged.origins.items()}
    return {
        xid(namespace, entity_id): {
            "entityId": entity_id,
            "mergePolicy": {"id": DEFAULT_MERGE_POLICY},
            "sources": list(value.sources),
            "identityGraph": [xid(i.namespace, i.value) for i in value.identities],
            "entity": entity,
            "lastModifiedAt": iso(value.last_modified),
            "attributeSources": origins,
        }
    }


def events(values: Sequence[Event], entity_id: str) -> dict[str, Any]:
    """Return a person's events (section 10.2)."""
    children = [
        {
            "relatedEntityId": entity_id,
            "entityId": e.id,
            "timestamp": clock.millis(e.timestamp.replace(tzinfo=UTC)),
            "entity": _json({k: v for k, v in e.entity.items() if v is not None}),
            "sources": [e.dataset_id],
        }
        for e in values
    ]
    page = {"orderby": "timestamp", "start": "", "count": len(children), "next": ""}
    return {"_page": page, "children": children, "_links": {"next": {"href": ""}}}


NOBODY: dict[str, Any] = {"entity": {}, "sources": [""], "lastModifiedAt": "1970-01-01T00:00:00Z"}
"""What stands for an identity that nobody has, where several were asked for (profile contract, section 3.3)."""


def picked(entity: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """Return of an entity what lies at dotted paths; all of it without paths."""
    if not paths:
        return dict(entity)
    found: dict[str, Any] = {}
    for path in paths:
        value: Any = entity
        for step in path.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is not None:
            *above, last = path.split(".")
            place = found
            for step in above:
                place = place.setdefault(step, {})
            place[last] = value
    return found


def merge_policy(where: Sandbox) -> dict[str, Any]:
    """Return the one merge policy of a sandbox (section 10.2)."""
    return {
        "id": DEFAULT_MERGE_POLICY,
        "name": "Default Timebased",
        "imsOrgId": where.org_id,
        "sandbox": _sandbox_of(where),
        "schema": {"name": "_xdm.context.profile"},
        "version": 1,
        "identityGraph": {"type": "pdg"},
        "attributeMerge": {"type": "timestampOrdered"},
        "isActiveOnEdge": False,
        "default": True,
        "updateEpoch": 0,
    }


def identity_of(text: str) -> Identity | None:
    """Return the identity that an XID stands for, None if it is none of ours."""
    try:
        namespace, _, value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition("|")
    except ValueError:
        return None
    return Identity(namespace, value) if value and xid(namespace, value) == text else None


def xid(namespace: str, value: str) -> str:
    """Return an identity's XID: opaque, safe in a URL, the same for the same identity."""
    return base64.urlsafe_b64encode(f"{namespace}|{value}".encode()).decode().rstrip("=")


def _identity_map(identities: Sequence[Identity]) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for identity in identities:
        found.setdefault(identity.namespace, []).append({"id": identity.value})
    return found


def _status(value: Status) -> dict[str, str]:
    return {"status": value.status, "lastQualificationTime": iso(value.since.replace(tzinfo=UTC)), "version": "1"}


def _json(value: Any) -> Any:
    """Return an XDM value as JSON has it; what is NULL is absent."""
    match value:
        case dict():
            return {k: _json(v) for k, v in value.items() if v is not None}
        case list():
            return [_json(v) for v in value]
        case datetime():
            return iso(value.replace(tzinfo=UTC))
        case date():
            return value.isoformat()
    return value


def iso(moment: datetime) -> str:
    """Return a moment as AEP's JSON has it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def query_run(value: QueryRun) -> dict[str, Any]:
    """Return a run of a query (section 7.1)."""
    base = f"/data/foundation/query/queries/{value.id}"
    request = value.request
    asked: dict[str, Any] = {
        "dbName": request.db_name,
        "sql": value.sql,
        "name": request.name,
        "description": request.description,
    }
    if request.template_id:
        asked |= {"templateId": request.template_id}
    if request.parameters:
        asked |= {"queryParameters": dict(request.parameters)}
    return {
        "id": value.id,
        "state": value.state,
        "request": asked,
        "isInsertInto": bool(request.into) and not request.makes,
        "isCTAS": request.makes,
        "isSoftDeleted": value.deleted,
        "rowCount": value.rows,
        "errors": [dict(e) for e in value.errors],
        "version": 1,
        "elapsedTime": value.elapsed_ms,
        "created": iso(value.created),
        "updated": iso(value.updated),
        "client": "API",
        "clientId": value.client_id,
        "userId": value.client_id,
        "_links": {
            "self": {"href": base, "method": "GET"},
            "soft_delete": {"href": base, "method": "PATCH", "body": '{"op": "soft_delete"}'},
            "cancel": {"href": base, "method": "PATCH", "body": '{"op": "cancel"}'},
        },
    }


def query_template(value: Template) -> dict[str, Any]:
    """Return a query template (section 7.1)."""
    base = f"/data/foundation/query/query-templates/{value.id}"
    return {
        **value.body,
        "id": value.id,
        "name": value.name,
        "sql": value.sql,
        "version": value.version,
        "created": iso(value.created),
        "updated": iso(value.updated),
        "userId": value.created_by,
        "lastUpdatedBy": value.changed_by,
        "_links": {
            "self": {"href": base, "method": "GET"},
            "delete": {"href": base, "method": "DELETE"},
            "update": {"href": base, "method": "PUT", "body": '{"sql": "new sql", "name": "new name"}'},
        },
    }


def query_schedule(value: Schedule) -> dict[str, Any]:
    """Return a scheduled query (section 7.1)."""
    base = f"/data/foundation/query/schedules/{value.id}"
    return {
        "id": value.id,
        "state": "ENABLED" if value.enabled else "DISABLED",
        "query": dict(value.query),
        "schedule": dict(value.timing),
        "version": value.version,
        "created": iso(value.created),
        "updated": iso(value.updated),
        "userId": value.client_id,
        "_links": {
            "self": {"href": base, "method": "GET"},
            "runs": {"href": f"{base}/runs", "method": "GET"},
            "delete": {"href": base, "method": "DELETE"},
        },
    }


def schedule_run(value: QueryRun, schedule_id: str) -> dict[str, Any]:
    """Return a run of a scheduled query: the query that it ran, under the schedule (section 7.1)."""
    base = f"/data/foundation/query/schedules/{schedule_id}/runs/{value.id}"
    return {
        **query_run(value),
        "scheduleId": schedule_id,
        "queryId": value.id,
        "_links": {"self": {"href": base, "method": "GET"}},
    }


def connection_parameters(address: tuple[str, int], org_id: str, token: str, sandbox: str) -> dict[str, Any]:
    """How to reach the PostgreSQL wire."""
    host, port = address
    return {
        "dbName": f"{sandbox}:all",
        "host": host,
        "port": port,
        "username": org_id,
        "token": token,
        "websocketHost": host,
    }

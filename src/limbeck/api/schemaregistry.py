"""Schema Registry: schemas, field groups, classes, data types, descriptors (REST contract, section 4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from limbeck.api import shapes
from limbeck.api.accept import Form, Wanted
from limbeck.api.context import Caller, Reading, Writing
from limbeck.api.etags import IfMatch, show
from limbeck.api.lists import filtered, ordered
from limbeck.errors import InvalidInput, NotFound
from limbeck.registry import views

router = APIRouter(prefix="/data/foundation/schemaregistry")

Body = dict[str, Any]

KINDS = {"mixins": "fieldgroups"}
"""Older names of resource kinds."""

OWN = ("schemas", "fieldgroups", "datatypes", "classes")
RECENT = 10

_BETWEEN = re.compile(r",(?=[\w.:$@-]+(?:[=!<>~]|$))")
"""A comma behind which another condition begins, rather than more of a value."""

ContainerName = Annotated[str, Path(json_schema_extra={"enum": ["tenant", "global"]})]
KindName = Annotated[str, Path(json_schema_extra={"enum": [*OWN, *KINDS, "behaviors"]})]
Properties = Annotated[list[str] | None, Query(alias="property")]
Order = Annotated[str | None, Query(alias="orderby")]
Limit = Annotated[int | None, Query(ge=1)]
Start = Annotated[str | None, Query()]


@router.get("/stats")
def stats(caller: Reading) -> Body:
    """GET /stats: the tenant id, under whose name custom fields live, and what there is."""
    registry = caller.platform.registry
    found = {kind: registry.list(caller.sandbox, kind) for kind in OWN}
    unions = registry.unions(caller.sandbox)
    return shapes.registry_stats(caller.sandbox, found, len(unions), RECENT)


# -- descriptors -----------------------------------------------------------------------------------------------------


@router.post("/tenant/descriptors", status_code=201)
def create_descriptor(caller: Writing, body: Body) -> Body:
    """POST /tenant/descriptors."""
    return caller.platform.registry.create_descriptor(caller.sandbox, body)


@router.get("/tenant/descriptors")
def list_descriptors(caller: Reading, wanted: Wanted, conditions: Properties = None, order: Order = None) -> Body:
    """GET /tenant/descriptors: all of them on one page; by their types unless version 2 of the form is asked for."""
    found = filtered(caller.platform.registry.descriptors(caller.sandbox), _each(conditions))
    grouped = not ("v2" in wanted or wanted.is_plain)
    return shapes.descriptors(ordered(found, order) if order else found, wanted.forms, grouped)


@router.get("/tenant/descriptors/{descriptor_id}")
def get_descriptor(caller: Reading, descriptor_id: str, response: Response) -> Body:
    """GET /tenant/descriptors/{@id}."""
    found, etag = caller.platform.registry.descriptor(caller.sandbox, descriptor_id)
    show(response, etag)
    return found


@router.put("/tenant/descriptors/{descriptor_id}")
def replace_descriptor(caller: Writing, descriptor_id: str, body: Body, etag: IfMatch = None) -> Body:
    """PUT /tenant/descriptors/{@id}."""
    return caller.platform.registry.replace_descriptor(caller.sandbox, descriptor_id, body, etag)[0]


@router.delete("/tenant/descriptors/{descriptor_id}", status_code=204)
def delete_descriptor(caller: Writing, descriptor_id: str, etag: IfMatch = None) -> Response:
    """DELETE /tenant/descriptors/{@id}."""
    caller.platform.registry.delete_descriptor(caller.sandbox, descriptor_id, etag)
    return Response(status_code=204)


# -- unions, samples, exchange, history ----------------------------------------------------------------------------


@router.get("/tenant/unions")
def list_unions(caller: Reading, wanted: Wanted) -> Body:
    """GET /tenant/unions: a union schema for each class that has schemas in Profile."""
    return shapes.registry_page(caller.platform.registry.unions(caller.sandbox), wanted.forms)


@router.get("/tenant/unions/{union_id:path}")
def get_union(caller: Reading, union_id: str, wanted: Wanted) -> Body:
    """GET /tenant/unions/{id}: by `$id` or `meta:altId`."""
    for found in caller.platform.registry.unions(caller.sandbox):
        if union_id in (found["$id"], found["meta:altId"]):
            return _formed(caller, found, found, wanted)
    raise NotFound(f"no union schema {union_id!r}: no schema of its class is in Profile")


@router.get("/rpc/sampledata/{resource_id:path}")
def get_sample(caller: Reading, resource_id: str) -> Body:
    """GET /rpc/sampledata/{id}: a record that fits a schema."""
    return caller.platform.registry.sample(caller.sandbox, resource_id)


@router.get("/rpc/export/{resource_id:path}")
def export_resource(caller: Reading, resource_id: str) -> list[Body]:
    """GET /rpc/export/{id}: a resource of the tenant, and those it is made of."""
    return caller.platform.registry.export(caller.sandbox, resource_id)


@router.post("/rpc/import", status_code=201)
@router.post("/rpc/export", status_code=201, include_in_schema=False)
def import_resource(caller: Writing, body: list[Body]) -> list[Body]:
    """POST /rpc/import: store what an export gave; AEP's own client sends it to /rpc/export."""
    who = caller.principal.client_id
    return caller.platform.registry.import_(caller.sandbox, body, created_by=who)


@router.get("/rpc/auditlog/{resource_id:path}")
def list_changes(caller: Reading, resource_id: str) -> list[Body]:
    """GET /rpc/auditlog/{id}: what happened to a resource, newest first."""
    found = caller.platform.registry.changes(caller.sandbox, resource_id)
    return [shapes.registry_change(change, caller.sandbox) for change in found]


# -- resources -----------------------------------------------------------------------------------------------------


@router.get("/{container}/{kind}")
def list_resources(
    caller: Reading,
    container: ContainerName,
    kind: KindName,
    wanted: Wanted,
    conditions: Properties = None,
    order: Order = None,
    limit: Limit = None,
    start: Start = None,
) -> Body:
    """GET /{container}/{kind}: oldest first, on one page unless a limit is given."""
    found = caller.platform.registry.list(caller.sandbox, _kind(kind), _container(container))
    found = filtered(found, conditions)
    shown = ordered(found, order) if order else found
    return shapes.registry_page(shown, wanted.forms, order or "created", limit, _offset(start))


@router.post("/tenant/{kind}", status_code=201)
def create_resource(caller: Writing, kind: KindName, body: Body) -> Body:
    """POST /tenant/{kind}: a schema, field group, class or data type."""
    who = caller.principal.client_id
    return caller.platform.registry.create(caller.sandbox, _kind(kind), body, created_by=who)


@router.get("/{container}/{kind}/{resource_id:path}")
def get_resource(
    caller: Reading, container: ContainerName, kind: KindName, resource_id: str, wanted: Wanted, response: Response
) -> Body:
    """GET /{container}/{kind}/{id}: by `$id` or `meta:altId`, looked up in both containers, in the form asked for."""
    _container(container)
    registry = caller.platform.registry
    stored = registry.get(caller.sandbox, _kind(kind), resource_id)
    if "meta:registryMetadata" in stored:
        show(response, stored["meta:registryMetadata"]["eTag"])
    _require_version(stored, wanted)
    whole = {"full", "flat"} & wanted.forms
    return _formed(
        caller, stored, registry.resolved(caller.sandbox, _kind(kind), resource_id) if whole else stored, wanted
    )


@router.patch("/tenant/{kind}/{resource_id:path}")
def patch_resource(
    caller: Writing, kind: KindName, resource_id: str, operations: list[Body], etag: IfMatch = None
) -> Body:
    """PATCH /tenant/{kind}/{id}: JSON Patch, additive once data may exist."""
    who = caller.principal.client_id
    registry = caller.platform.registry
    return registry.patch(caller.sandbox, _kind(kind), resource_id, operations, etag=etag, changed_by=who)


@router.put("/tenant/{kind}/{resource_id:path}")
def replace_resource(caller: Writing, kind: KindName, resource_id: str, body: Body, etag: IfMatch = None) -> Body:
    """PUT /tenant/{kind}/{id}: the next version, additive once data may exist."""
    who = caller.principal.client_id
    registry = caller.platform.registry
    return registry.replace(caller.sandbox, _kind(kind), resource_id, body, etag=etag, changed_by=who)


@router.delete("/tenant/{kind}/{resource_id:path}", status_code=204)
def delete_resource(caller: Writing, kind: KindName, resource_id: str, etag: IfMatch = None) -> Response:
    """DELETE /tenant/{kind}/{id}, unless something is made of it."""
    caller.platform.registry.delete(caller.sandbox, _kind(kind), resource_id, etag)
    return Response(status_code=204)


def _formed(caller: Caller, stored: Body, body: Body, wanted: Form) -> Body:
    """Return a resource in the form that was asked for."""
    found = body
    if "desc" in wanted or wanted.deprecated:
        told = _descriptors(caller, stored)
        found = views.with_deprecated(found, told) if wanted.deprecated else found
        found = {**found, "meta:descriptors": told} if "desc" in wanted else found
    found = views.flat(found) if "flat" in wanted else found
    return views.without_text(found) if "notext" in wanted else found


def _descriptors(caller: Caller, stored: Body) -> list[Body]:
    registry = caller.platform.registry
    if stored["meta:resourceType"] == "schemas":
        return registry.descriptors(caller.sandbox, stored["$id"])
    return [d for d in registry.descriptors(caller.sandbox) if d["xdm:sourceSchema"] == stored["$id"]]


def _require_version(stored: Body, wanted: Form) -> None:
    """Raise `NotFound` for a version that a resource does not have; minor ones are those up to the newest."""
    if wanted.version is None:
        return
    major, _, minor = wanted.version.partition(".")
    has_major, _, has_minor = str(stored["version"]).partition(".")
    if major != has_major or (minor and int(minor) > int(has_minor or 0)):
        raise NotFound(f'"{stored["$id"]}" has no version {wanted.version}; it is at {stored["version"]}')


def _each(conditions: Sequence[str] | None) -> list[str]:
    """Return conditions one by one; of descriptors, several may stand in one parameter, with commas between."""
    return [one for condition in conditions or [] for one in _BETWEEN.split(condition)]


def _offset(start: str | None) -> int:
    if start is not None and not start.isdecimal():
        raise InvalidInput(f"start is {start!r}; take it from _page.next of the page before")
    return int(start or 0)


def _kind(kind: str) -> str:
    found = KINDS.get(kind, kind)
    if found not in (*OWN, "behaviors"):
        raise NotFound(f"the Schema Registry has no resource kind {kind!r}")
    return found


def _container(container: str) -> Literal["tenant", "global"]:
    if container == "tenant":
        return "tenant"
    if container == "global":
        return "global"
    raise NotFound(f"the Schema Registry has the containers tenant and global, not {container!r}")

"""Schema Registry: schemas, field groups, classes, descriptors (REST contract, section 4)."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter

from limbeck.api.context import Reading, Writing
from limbeck.errors import NotFound

router = APIRouter(prefix="/data/foundation/schemaregistry")

KINDS = {"mixins": "fieldgroups"}
"""Older names of resource kinds."""


@router.get("/stats")
def stats(caller: Reading) -> dict[str, Any]:
    """GET /stats: the tenant id, under whose name custom fields live."""
    kinds = ("schemas", "fieldgroups", "datatypes", "classes")
    counts = {k: len(caller.platform.registry.list(caller.sandbox, k, "tenant")) for k in kinds}
    return {
        "imsOrg": caller.principal.org_id,
        "tenantId": caller.sandbox.tenant,
        "counts": counts,
        "recentlyCreatedResources": [],
        "recentlyUpdatedResources": [],
        "classUsage": {},
    }


@router.post("/tenant/descriptors", status_code=201)
def create_descriptor(caller: Writing, body: dict[str, Any]) -> dict[str, Any]:
    """POST /tenant/descriptors."""
    return caller.platform.registry.create_descriptor(caller.sandbox, body)


@router.get("/tenant/descriptors")
def list_descriptors(caller: Reading) -> dict[str, Any]:
    """GET /tenant/descriptors: all of them on one page."""
    found = caller.platform.registry.descriptors(caller.sandbox)
    return {"results": found, "_page": {"next": None, "count": len(found)}, "_links": {}}


@router.get("/{container}/{kind}")
def list_resources(caller: Reading, container: str, kind: str) -> dict[str, Any]:
    """GET /{container}/{kind}: whole resources, on one page."""
    found = caller.platform.registry.list(caller.sandbox, _kind(kind), _container(container))
    page = {"orderby": "updated", "next": None, "count": len(found)}
    return {"results": found, "_page": page, "_links": {"next": None}}


@router.post("/tenant/{kind}", status_code=201)
def create_resource(caller: Writing, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST /tenant/{kind}: a schema, field group, class or data type."""
    return caller.platform.registry.create(caller.sandbox, _kind(kind), body)


@router.get("/{container}/{kind}/{resource_id:path}")
def get_resource(caller: Reading, container: str, kind: str, resource_id: str) -> dict[str, Any]:
    """GET /{container}/{kind}/{id}: by `$id` or `meta:altId`, looked up in both containers."""
    _container(container)
    return caller.platform.registry.get(caller.sandbox, _kind(kind), resource_id)


@router.patch("/tenant/{kind}/{resource_id:path}")
def patch_resource(caller: Writing, kind: str, resource_id: str, operations: list[dict[str, Any]]) -> dict[str, Any]:
    """PATCH /tenant/{kind}/{id}: JSON Patch, additive once data may exist."""
    return caller.platform.registry.patch(caller.sandbox, _kind(kind), resource_id, operations)


def _kind(kind: str) -> str:
    found = KINDS.get(kind, kind)
    if found not in ("classes", "fieldgroups", "schemas", "datatypes"):
        raise NotFound(f"the Schema Registry has no resource kind {kind!r}")
    return found


def _container(container: str) -> Literal["tenant", "global"]:
    if container == "tenant":
        return "tenant"
    if container == "global":
        return "global"
    raise NotFound(f"the Schema Registry has the containers tenant and global, not {container!r}")

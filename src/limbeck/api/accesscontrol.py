"""Access Control: what roles and credentials may do; to be read only (REST contract, sections 3.6 and 13)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from limbeck.access.permissions import PERMISSIONS, RESOURCE_TYPES, ROLES, allowed
from limbeck.api import shapes
from limbeck.api.context import Administering, Reading
from limbeck.errors import NotFound

router = APIRouter(prefix="/data/foundation/access-control")


@router.get("/acl/reference")
def list_permissions(_caller: Reading) -> dict[str, Any]:
    """GET /acl/reference: the permissions, each with what it allows, and the types of resources."""
    return {
        "permissions": {p.name: {p.resource_type: list(p.actions)} for p in PERMISSIONS},
        "resource-types": list(RESOURCE_TYPES),
    }


@router.post("/acl/effective-policies")
def list_effective(caller: Reading, body: list[str]) -> dict[str, Any]:
    """POST /acl/effective-policies: what the caller may do with `/resource-types/{name}`, has of `/permissions/{name}`.

    What there is not is allowed to nobody: an empty list.
    """
    names = [url.rpartition("/")[2] for url in body]
    return {"policies": {name: allowed(caller.principal, name) for name in names}}


@router.get("/administration/roles")
def list_roles(caller: Reading) -> dict[str, Any]:
    """GET /administration/roles: admin, editor and viewer, on one page; `roles` is for aepp before 0.4."""
    found = [shapes.role(name, caller.principal.org_id) for name in ROLES]
    return {"items": found, "roles": found, "_links": {}}


@router.get("/administration/roles/{role_id}")
def get_role(caller: Reading, role_id: str) -> dict[str, Any]:
    """GET /administration/roles/{id}."""
    return shapes.role(_role(role_id), caller.principal.org_id)


@router.get("/administration/roles/{role_id}/subjects")
def list_subjects(caller: Administering, role_id: str) -> dict[str, Any]:
    """GET /administration/roles/{id}/subjects: the credentials that have a role, without those that were revoked."""
    role = _role(role_id)
    having = [c for c in caller.platform.access.credentials() if role in c.roles and c.revoked is None]
    return {"items": [shapes.subject(c, role) for c in having], "_links": {"page": {"href": ""}}}


def _role(role_id: str) -> str:
    if role_id not in ROLES:
        raise NotFound(f"no role {role_id!r}; there are {', '.join(ROLES)}")
    return role_id

"""What the roles allow, resource by resource (REST contract, section 3.6).

The calls themselves ask `require_write` and `require_admin`; a test compares them with this table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from limbeck.scope import Principal

ROLES: Mapping[str, str] = {
    "admin": "Reads and changes everything, sandboxes too.",
    "editor": "Reads everything and changes data.",
    "viewer": "Reads everything and changes nothing.",
}
"""Each role in words."""

_CHANGED_BY: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        ("schemas", "datasets", "identity-namespaces", "segments", "queries", "sources", "destinations"),
        frozenset({"admin", "editor"}),
    ),
    "sandboxes": frozenset({"admin"}),
    "profiles": frozenset(),
}
"""Who changes resources of a type; whoever has a role reads them."""

RESOURCE_TYPES = tuple(sorted(_CHANGED_BY))


@dataclass(frozen=True, slots=True)
class Permission:
    """Something that may be allowed."""

    name: str
    resource_type: str
    manages: bool
    """Whether it allows changes, beside reading."""

    @property
    def actions(self) -> Sequence[str]:
        """What it allows to do with the resources."""
        return ("read", "write", "delete") if self.manages else ("read",)

    def is_given_to(self, role: str) -> bool:
        """Return whether a role has it."""
        return not self.manages or role in _CHANGED_BY[self.resource_type]


PERMISSIONS = tuple(
    Permission(f"{'manage' if manages else 'view'}-{kind}", kind, manages)
    for kind in RESOURCE_TYPES
    for manages in (False, True)
    if _CHANGED_BY[kind] or not manages
)


def allowed(principal: Principal, name: str) -> list[str]:
    """Return which of `view` and `manage` a credential may do with the resource type, or has of the permission, *name*.

    Nothing, if there is no such name. Who is bound to sandboxes does not manage them.
    """
    found = [p for p in PERMISSIONS if name in (p.name, p.resource_type) and _has(principal, p)]
    return ["view", *(["manage"] if any(p.manages for p in found) else [])] if found else []


def _has(principal: Principal, permission: Permission) -> bool:
    if permission.resource_type == "sandboxes" and permission.manages and principal.sandboxes is not None:
        return False
    return any(permission.is_given_to(role) for role in principal.roles)

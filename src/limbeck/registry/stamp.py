"""What the registry writes into a resource: ids, version, owner, times (REST contract, sections 2.7 and 4.2)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from limbeck import ids
from limbeck.clock import millis, now
from limbeck.errors import InvalidInput
from limbeck.registry.resolve import Body, Node
from limbeck.scope import Sandbox
from limbeck.xdm import standard
from limbeck.xdm.json_schema import kind as kind_of

_SYSTEM_KEYS = frozenset(
    {"$id", "meta:altId", "meta:resourceType", "version", "imsOrg", "meta:containerId", "meta:tenantNamespace"}
    | {"meta:registryMetadata", "meta:sandboxId", "meta:sandboxType"}
)


_DERIVED_KEYS = frozenset({"refs", "meta:class", "meta:extends", "meta:extensible", "meta:abstract"})


def stamped(kind: str, body: Node, sandbox: Sandbox, created_by: str, id: str | None = None) -> Body:
    """Return a new resource's *body* with everything the registry adds; AEP's keys come in AEP's order.

    It gets an `$id` of its own unless it has *id*.
    """
    resource_type = "mixins" if kind == "fieldgroups" else kind
    id = id or f"https://ns.adobe.com/{sandbox.tenant}/{resource_type}/{ids.registry_hash()}"
    sent = {key: value for key, value in body.items() if key not in _SYSTEM_KEYS}
    moment = millis(now())
    return {
        "$id": id,
        "meta:altId": standard.alt_id(id),
        "meta:resourceType": resource_type,
        "version": "1.0",
        "title": sent.pop("title"),
        "type": sent.pop("type", "object"),
        **with_xdm_types(sent),
        "imsOrg": sandbox.org_id,
        "meta:extensible": kind != "schemas",
        "meta:abstract": kind != "schemas",
        "meta:containerId": "tenant",
        "meta:tenantNamespace": f"_{sandbox.tenant}",
        "meta:registryMetadata": {
            "repo:createdDate": moment,
            "repo:lastModifiedDate": moment,
            "xdm:createdClientId": created_by,
            "xdm:lastModifiedClientId": created_by,
            "eTag": secrets.token_hex(16),
        },
        "meta:sandboxId": sandbox.id,
        "meta:sandboxType": sandbox.type,
    }


def restored(old: Node, body: Node) -> Body:
    """Return *body*, sent to be put in the place of *old*, with the keys that are the registry's as they were."""
    written = [key for key in old if key in _SYSTEM_KEYS | _DERIVED_KEYS]
    sent = {key: value for key, value in body.items() if key not in written}
    return {**{key: old[key] for key in written}, "type": "object", **sent}


def restamped(old: Node, new: Body, changed_by: str) -> Body:
    """Return the changed body *new* as the next version of *old*; raise `InvalidInput` if it changes our keys."""
    for key in sorted(_SYSTEM_KEYS):
        if old.get(key) != new.get(key):
            raise InvalidInput(f'"{key}" is written by the registry and cannot be changed')
    major, _, minor = str(old["version"]).partition(".")
    metadata = {
        **old["meta:registryMetadata"],
        "repo:lastModifiedDate": millis(now()),
        "xdm:lastModifiedClientId": changed_by,
        "eTag": secrets.token_hex(16),
    }
    return {
        **with_xdm_types(new),
        "version": f"{major}.{int(minor or 0) + 1}",
        "meta:registryMetadata": metadata,
    }


def with_composition(body: Body, class_id: str, behaviour_id: str, parts: list[str]) -> Body:
    """Return a schema's body with the keys that tell what it is made of."""
    extends = [*parts, behaviour_id]
    if class_id == standard.PROFILE:
        extends.append(standard.AUDITABLE)
    return {
        **body,
        "refs": parts,
        "meta:class": class_id,
        "meta:extends": list(dict.fromkeys(extends)),
    }


def with_xdm_types(node: Node) -> Body:
    """Return *node* with `meta:xdmType` on every field below it."""
    out = dict(node)
    for key in ("properties", "definitions"):
        if isinstance(children := node.get(key), Mapping):
            out[key] = {name: _typed(child) for name, child in children.items()}
    for key in ("items", "additionalProperties"):
        if key in node:
            out[key] = _typed(node[key])
    return out


def _typed(node: Any) -> Any:
    if not isinstance(node, Mapping):
        return node
    out = with_xdm_types(node)
    if "type" in node and "meta:xdmType" not in node:
        out["meta:xdmType"] = kind_of(node)
    return out

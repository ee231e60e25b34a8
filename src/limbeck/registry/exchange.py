"""Taking a resource with all it is made of from one sandbox to another (REST contract, section 4.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from limbeck.errors import InvalidInput, NameTaken
from limbeck.registry.catalogue import KINDS, Catalogue, Entry
from limbeck.registry.resolve import Body, Node

ORDER = ("datatypes", "classes", "fieldgroups", "schemas")
"""What comes later may be made of what comes earlier."""


def gathered(entry: Entry, catalogue: Catalogue) -> list[Body]:
    """Return a resource of the tenant and those that it refers to, each after what it is made of."""
    found: dict[str, Entry] = {}

    def follow(node: Any) -> None:
        if isinstance(node, list):
            for child in node:
                follow(child)
        elif isinstance(node, Mapping):
            for key, value in node.items():
                if key == "$ref" or key == "meta:intendedToExtend":
                    for ref in value if isinstance(value, list) else [value]:
                        _add(catalogue.find(str(ref)))
                else:
                    follow(value)

    def _add(other: Entry | None) -> None:
        if other is not None and other.etag is not None and other.id not in found:
            found[other.id] = other
            follow(other.body)

    _add(entry)
    return [dict(e.body) for kind in ORDER for e in found.values() if e.kind == kind]


def sorted_in(bodies: Sequence[Node], catalogue: Catalogue) -> list[tuple[str, Node]]:
    """Return what is to be imported with its kinds, each after what it is made of.

    Raise `InvalidInput` for what is no resource of this tenant, `NameTaken` for one that is there already with other
    content; one that is there as it is sent is left out.
    """
    found: dict[str, tuple[str, Node]] = {}
    for number, body in enumerate(bodies):
        kind = str(body.get("meta:resourceType")).replace("mixins", "fieldgroups")
        id = str(body.get("$id"))
        if kind not in KINDS or not _is_own(id, str(body.get("meta:resourceType")), catalogue.sandbox.tenant):
            told = f"entry {number} is no resource of the tenant {catalogue.sandbox.tenant}"
            raise InvalidInput(f"{told}: send what GET /rpc/export/{{id}} gave, with $id and meta:resourceType")
        stored = catalogue.find(id)
        there = found[id][1] if id in found else None if stored is None else stored.body
        if there is not None and _content(there) != _content(body):
            raise NameTaken(f'"{id}" exists already in sandbox "{catalogue.sandbox.name}", with other content')
        if there is None:
            found[id] = kind, body
    return sorted(found.values(), key=lambda one: ORDER.index(one[0]))


def _is_own(id: str, resource_type: str, tenant: str) -> bool:
    return (
        re.fullmatch(rf"https://ns\.adobe\.com/{re.escape(tenant)}/{re.escape(resource_type)}/[\w-]+", id) is not None
    )


def _content(body: Node) -> Body:
    own = ("meta:registryMetadata", "meta:sandboxId", "meta:sandboxType", "imsOrg", "version", "refs", "meta:extends")
    return {key: value for key, value in body.items() if key not in own}

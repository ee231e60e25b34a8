"""Descriptors: what a schema's fields mean, kept beside it (profile contract, 1.4; REST contract, 4.3)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, select

from limbeck import ids
from limbeck.clock import millis, now
from limbeck.errors import InvalidSchema, NotFound, nearest
from limbeck.registry.catalogue import Catalogue, Entry
from limbeck.registry.compose import fields_of
from limbeck.registry.resolve import Body, Node
from limbeck.store import audit, etags, tables
from limbeck.xdm.types import Array, Identity, Map, Object, Scalar, Type

IDENTITY = "xdm:descriptorIdentity"
PRIMARY_KEY = "xdm:descriptorPrimaryKey"
RELATIONSHIP = "xdm:descriptorRelationship"

IDENTITY_MAP = "/identityMap"
"""The one path that is an identity without being a string: each of its entries names its own namespace."""

_TYPES = [
    IDENTITY,
    "xdm:descriptorOneToOne",
    RELATIONSHIP,
    "xdm:descriptorReferenceIdentity",
    PRIMARY_KEY,
    "xdm:descriptorVersion",
    "xdm:descriptorTimestamp",
    "xdm:descriptorTimeSeriesGranularity",
    "xdm:descriptorDeprecated",
    "xdm:descriptorLabel",
    "xdm:alternateDisplayInfo",
]

_OF_THE_WHOLE = ("xdm:descriptorLabel", "xdm:descriptorTimeSeriesGranularity")
"""Those that may be about a resource rather than a field."""

_ADDED_KEYS = ("@id", "imsOrg", "version", "meta:containerId", "meta:sandboxId", "meta:sandboxType")


def create(body: Mapping[str, Any], catalogue: Catalogue, descriptor_id: str | None = None) -> Body:
    """Store a descriptor and return it with what the registry adds; raise `InvalidSchema` if it cannot hold."""
    sent = {key: value for key, value in body.items() if key not in _ADDED_KEYS}
    source = _checked_source(sent, catalogue)
    sent["xdm:sourceSchema"] = source.id
    others = stored(catalogue, [source.id])
    _check_not_there(sent, others)
    if sent["@type"] == IDENTITY:
        _check_identity(sent, source, others, catalogue)
    out = _stamped(sent, catalogue) | ({"@id": descriptor_id} if descriptor_id else {})
    catalogue.connection.execute(
        tables.descriptors.insert().values(
            sandbox_id=catalogue.sandbox.id,
            id=out["@id"],
            type=out["@type"],
            source_schema=source.id,
            body=json.dumps(out),
            etag=etags.new(),
            created=millis(now()),
        )
    )
    action = "create" if descriptor_id is None else "update"
    audit.record(catalogue.connection, action, "descriptor", out["@id"], catalogue.sandbox.id)
    return out


def load(descriptor_id: str, catalogue: Catalogue) -> tuple[Body, str]:
    """Return the descriptor with this `@id` and its etag; raise `NotFound` if there is none."""
    columns = tables.descriptors.c
    row = catalogue.connection.execute(
        select(columns.body, columns.etag).where(*_mine(descriptor_id, catalogue))
    ).first()
    if row is None:
        raise NotFound(f'there is no descriptor "{descriptor_id}" in sandbox "{catalogue.sandbox.name}"')
    return json.loads(row.body), row.etag


def replace(descriptor_id: str, body: Mapping[str, Any], etag: str | None, catalogue: Catalogue) -> None:
    """Put *body* in the place of a descriptor; raise `StaleEtag`, and what `create` raises."""
    _remove(descriptor_id, etag, catalogue)
    create(body, catalogue, descriptor_id)


def delete(descriptor_id: str, etag: str | None, catalogue: Catalogue) -> None:
    """Forget the descriptor with this `@id`; raise `NotFound` if there is none, `StaleEtag` if it has another etag."""
    _remove(descriptor_id, etag, catalogue)
    audit.record(catalogue.connection, "delete", "descriptor", descriptor_id, catalogue.sandbox.id)


def _remove(descriptor_id: str, etag: str | None, catalogue: Catalogue) -> None:
    etags.require(f'descriptor "{descriptor_id}"', load(descriptor_id, catalogue)[1], etag)
    catalogue.connection.execute(tables.descriptors.delete().where(*_mine(descriptor_id, catalogue)))


def _mine(descriptor_id: str, catalogue: Catalogue) -> tuple[ColumnElement[bool], ...]:
    columns = tables.descriptors.c
    return columns.sandbox_id == catalogue.sandbox.id, columns.id == descriptor_id


def stored(catalogue: Catalogue, sources: Iterable[str] | None = None) -> list[Body]:
    """Return the sandbox's descriptors, or those of the resources *sources* (`$id`s), oldest first."""
    columns = tables.descriptors.c
    query = select(columns.body).where(columns.sandbox_id == catalogue.sandbox.id)
    if sources is not None:
        query = query.where(columns.source_schema.in_(list(sources)))
    rows = catalogue.connection.execute(query.order_by(columns.created, columns.id))
    return [json.loads(body) for body in rows.scalars()]


def identities(descriptors: Iterable[Node]) -> tuple[Identity, ...]:
    """Return the identities that *descriptors* state of fields; those of an `identityMap` stand in its entries."""
    return tuple(
        Identity(_dotted(d["xdm:sourceProperty"]), str(d["xdm:namespace"]), _is_primary(d))
        for d in descriptors
        if d["@type"] == IDENTITY and d["xdm:sourceProperty"] != IDENTITY_MAP
    )


def _checked_source(body: Body, catalogue: Catalogue) -> Entry:
    """Return the resource that *body* describes, *body*'s type and paths being checked."""
    if (stated := body.get("@type")) not in _TYPES:
        raise InvalidSchema(
            f'"@type" is {stated!r}; {nearest(str(stated), _TYPES) or "known are " + ", ".join(_TYPES)}'
        )
    source = _resource(body, "xdm:sourceSchema", catalogue)
    if "xdm:destinationSchema" in body:
        _resource(body, "xdm:destinationSchema", catalogue)
    fields = fields_of(source.body, catalogue)
    if "xdm:sourceProperty" not in body and stated not in _OF_THE_WHOLE:
        raise InvalidSchema(f'a descriptor "{stated}" needs an "xdm:sourceProperty", such as "/person/gender"')
    paths = body.get("xdm:sourceProperty", [])
    for path in paths if isinstance(paths, list) else [paths]:
        if _at(fields, str(path)) is None:
            raise InvalidSchema(f'"xdm:sourceProperty" is "{path}"; there is no such field in "{source.id}"')
    return source


def _resource(body: Body, key: str, catalogue: Catalogue) -> Entry:
    found = catalogue.find(str(body.get(key)))
    if found is None:
        raise InvalidSchema(f'"{key}" is {body.get(key)!r}; there is no such resource in this sandbox')
    return found


def _at(t: Type | None, path: str) -> Type | None:
    """Return the type at `/a/b`, passing through lists; a part below a map is a key."""
    for part in filter(None, path.removeprefix("/").split("/")):
        while isinstance(t, Array):
            t = t.items
        if isinstance(t, Map):
            t = t.values
        else:
            field = t.get(part) if isinstance(t, Object) else None
            t = None if field is None else field.type
    return t


def _check_not_there(body: Body, others: list[Body]) -> None:
    for other in others:
        if {key: value for key, value in other.items() if key not in _ADDED_KEYS} == body:
            raise InvalidSchema(f'the same descriptor exists already, with "@id" {other["@id"]}')


def _check_identity(body: Body, source: Entry, others: list[Body], catalogue: Catalogue) -> None:
    if source.kind != "schemas":
        raise InvalidSchema(f'"xdm:sourceSchema" is a {source.kind} resource; identities belong to schemas')
    path = body.get("xdm:sourceProperty")
    if not isinstance(path, str) or not path.startswith("/"):
        raise InvalidSchema(f'"xdm:sourceProperty" is {path!r}; an identity lies at a path like "/a/b"')
    if body.get("xdm:namespace") in (None, ""):
        raise InvalidSchema('an identity descriptor needs an "xdm:namespace", such as "ECID" or "Email"')
    found = fields_of(source.body, catalogue).find(_dotted(path))
    of_map = path == IDENTITY_MAP and found is not None and isinstance(found.type, Map)
    if not of_map and (found is None or not isinstance(found.type, Scalar) or found.type.name != "string"):
        raise InvalidSchema(f'the identity field "{path}" must be a string outside lists and maps')
    primary = next((o for o in others if o["@type"] == IDENTITY and _is_primary(o)), None)
    if _is_primary(body) and primary is not None:
        raise InvalidSchema(
            f'the schema has a primary identity already, "{primary["xdm:sourceProperty"]}"; there can be one only'
        )


def _is_primary(body: Node) -> bool:
    return body.get("xdm:isPrimary") is True


def _dotted(path: str) -> str:
    return path.removeprefix("/").replace("/", ".")


def _stamped(body: Body, catalogue: Catalogue) -> Body:
    sandbox = catalogue.sandbox
    return {
        "@id": ids.registry_hash(),
        **body,
        "imsOrg": sandbox.org_id,
        "version": "1",
        "meta:containerId": sandbox.id,
        "meta:sandboxId": sandbox.id,
        "meta:sandboxType": sandbox.type,
    }

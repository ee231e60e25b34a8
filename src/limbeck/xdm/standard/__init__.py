"""XDM's standard resources as the registry's global container serves them (REST contract, section 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from limbeck.xdm.json_schema import emit
from limbeck.xdm.standard import event, profile, shared
from limbeck.xdm.standard.build import DataType, FieldGroup, leaf, tree
from limbeck.xdm.standard.datatypes import DATA_TYPES
from limbeck.xdm.standard.ids import ADHOC, AUDITABLE, EXPERIENCE_EVENT, PROFILE, RECORD, TIME_SERIES
from limbeck.xdm.types import Array, Map, Object, Scalar, Type

__all__ = [
    "ADHOC",
    "AUDITABLE",
    "EXPERIENCE_EVENT",
    "PROFILE",
    "RECORD",
    "TIME_SERIES",
    "alt_id",
    "resources",
]

Body = dict[str, Any]


def alt_id(id: str) -> str:
    """Return the `meta:altId` that belongs to an `$id`.

    >>> alt_id("https://ns.adobe.com/xdm/context/profile")
    '_xdm.context.profile'
    """
    return "_" + urlsplit(id).path.strip("/").replace("/", ".")


@cache
def resources() -> Mapping[str, Mapping[str, Body]]:
    """Return the standard bodies by kind (`behaviors`, `classes` …) and `$id`. Not to be changed."""
    groups = (*shared.GROUPS, *profile.GROUPS, *event.GROUPS)
    return {
        "behaviors": _by_id(_behaviours()),
        "classes": _by_id(_classes()),
        "fieldgroups": _by_id(list(map(_field_group, groups))),
        "datatypes": _by_id(list(map(_data_type, DATA_TYPES))),
    }


def _by_id(bodies: list[Body]) -> dict[str, Body]:
    return {body["$id"]: body for body in bodies}


def _behaviours() -> list[Body]:
    row_id = leaf(Scalar("string"), "Row identifier")
    event_id = leaf(Scalar("string"), "Event identifier", required=True)
    timestamp = leaf(Scalar("date-time"), "When it happened", required=True)
    return [
        _behaviour(RECORD, "Record", "What is known of a thing.", tree({"_id": row_id})),
        _behaviour(
            TIME_SERIES,
            "Time Series",
            "What happened, and when.",
            tree({"_id": event_id, "timestamp": timestamp}),
        ),
        _behaviour(ADHOC, "Ad Hoc", "Fields for one dataset only.", None),
    ]


def _behaviour(id: str, title: str, description: str, fields: Object | None) -> Body:
    body = _head(id, "behaviors", title, description) | {"meta:abstract": True, "meta:extensible": True}
    return body if fields is None else body | _content(fields)


def _classes() -> list[Body]:
    return [
        _class(
            PROFILE,
            "XDM Individual Profile",
            "The attributes of a person.",
            [RECORD, AUDITABLE],
            profile.PROFILE_FIELDS,
        ),
        _class(
            EXPERIENCE_EVENT,
            "XDM ExperienceEvent",
            "Something that happened to a person.",
            [TIME_SERIES],
            event.EVENT_FIELDS,
        ),
    ]


def _class(id: str, title: str, description: str, extends: list[str], fields: Object) -> Body:
    body = _head(id, "classes", title, description) | _content(fields)
    return body | {
        "allOf": [{"$ref": extends[0]}, *body["allOf"]],
        "meta:abstract": True,
        "meta:extensible": True,
        "meta:extends": extends,
    }


def _field_group(group: FieldGroup) -> Body:
    return (
        _head(group.id, "mixins", group.title, group.description)
        | _content(group.type)
        | {"meta:abstract": True, "meta:extensible": True, "meta:intendedToExtend": list(group.extends)}
    )


def _data_type(found: DataType) -> Body:
    head = _head(found.id, "datatypes", found.title, found.description)
    return head | _content(found.type) | {"meta:abstract": True, "meta:extensible": True}


def _head(id: str, resource_type: str, title: str, description: str) -> Body:
    return {
        "$id": id,
        "meta:altId": alt_id(id),
        "meta:resourceType": resource_type,
        "version": "1",
        "title": title,
        "type": "object",
        "description": description,
        "meta:xdmType": "object",
        "meta:containerId": "global",
        "meta:tenantNamespace": "_xdm",
    }


def _content(fields: Object) -> Body:
    node = emit(fields)
    del node["type"], node["meta:xdmType"]
    node["properties"] = _referring_each(fields, node["properties"])
    return {"definitions": {"fields": node}, "allOf": [{"$ref": "#/definitions/fields"}]}


_REFS = {found.type: found.id for found in DATA_TYPES}


def _referring(t: Type, node: Body) -> Body:
    """Return the *node* of a type with references in the places of data types."""
    match t:
        case Object() if t in _REFS:
            text: Body = {key: node[key] for key in ("title", "description") if key in node}
            return {**text, "$ref": _REFS[t], "type": "object", "meta:xdmType": "object"}
        case Object():
            return node | {"properties": _referring_each(t, node["properties"])}
        case Array(items):
            return node | {"items": _referring(items, node["items"])}
        case Map(values):
            return node | {"additionalProperties": _referring(values, node["additionalProperties"])}
    return node


def _referring_each(t: Object, nodes: Body) -> Body:
    return {f.name: _referring(f.type, nodes[f.name]) for f in t.fields}

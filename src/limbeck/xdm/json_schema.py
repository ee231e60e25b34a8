"""XDM's JSON Schema as types, and back (profile contract, section 1.3).

Only resolved nodes are read here: `$ref` and `allOf` are the registry's business.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, get_args

from limbeck.errors import InvalidInput, InvalidSchema, nearest
from limbeck.xdm import patterns
from limbeck.xdm.names import check_names
from limbeck.xdm.types import INTEGER_BOUNDS, Array, Field, Map, Object, Scalar, ScalarName, Type

Node = Mapping[str, Any]
"""A JSON Schema object."""

MAX_DEPTH = 32
"""Levels of nesting a schema may have."""

_XDM_TYPES: dict[str, ScalarName] = {name: name for name in get_args(ScalarName)} | {
    "double": "number",
    "integer": "int",
}
_JSON_TYPES = ("object", "array", "string", "number", "integer", "boolean")
_STRING_FORMATS: dict[str, ScalarName] = {"date": "date", "date-time": "date-time"}


def parse(node: Node, path: str = "") -> Type:
    """Return the type that a resolved JSON Schema node describes; *path* (dotted) is named in errors.

    `meta:xdmType` decides where it is present; otherwise `type` with `format` and the bounds of integers
    do. An `enum` closes the set of values, `meta:enum` alone does not. Raise `InvalidSchema` for a node that
    is none of XDM's types.
    """
    if not isinstance(node, Mapping):
        raise InvalidSchema(f'{_place(path)} is {node!r}; a field is described by an object with a "type"')
    if path.count(".") >= MAX_DEPTH:
        raise InvalidSchema(f'field "{path}" lies deeper than {MAX_DEPTH} levels; flatten the structure')
    match kind(node, path):
        case "object":
            return _object(node, path)
        case "map":
            return Map(parse(_map_values(node, path), f"{path}.*"))
        case "array":
            if "items" not in node:
                raise InvalidSchema(f'{_place(path)} is an array without "items"; say what it holds')
            return Array(parse(node["items"], path))
        case name:
            return _scalar(node, _XDM_TYPES[name], path)


def parse_object(node: Node, path: str = "") -> Object:
    """Return the object type that *node* describes; raise `InvalidSchema` if it describes another type."""
    found = parse(node, path)
    if not isinstance(found, Object):
        raise InvalidSchema(f'{_place(path)} is not an object; give it "properties"')
    return found


def _place(path: str) -> str:
    return f'field "{path}"' if path else "the schema"


def kind(node: Node, path: str = "") -> str:
    """Return what *node* describes: `object`, `map`, `array` or the name of a scalar."""
    stated = node.get("meta:xdmType")
    found = _json_kind(node, path) if stated is None else _stated_kind(stated, path)
    is_map = isinstance(node.get("additionalProperties"), Mapping) and not node.get("properties")
    return "map" if found == "object" and is_map else found


def _json_kind(node: Node, path: str) -> str:
    json_type = _json_type(node, path)
    if json_type == "string":
        return _STRING_FORMATS.get(str(node.get("format")), "string")
    return _integer_kind(node, path) if json_type == "integer" else json_type


def _stated_kind(stated: object, path: str) -> str:
    known = _XDM_TYPES | {name: name for name in ("object", "array", "map")}
    if str(stated) not in known:
        raise InvalidSchema(
            f'{_place(path)} has the unknown meta:xdmType "{stated}"; '
            + (nearest(str(stated), list(known)) or f"known are {', '.join(known)}")
        )
    return known[str(stated)]


def _json_type(node: Node, path: str) -> str:
    stated = node.get("type", "object" if "properties" in node else None)
    if isinstance(stated, list):
        stated = next((t for t in stated if t != "null"), None)
    if stated not in _JSON_TYPES:
        raise InvalidSchema(f"{_place(path)} has the type {stated!r}; known are {', '.join(_JSON_TYPES)}")
    return str(stated)


def _integer_kind(node: Node, path: str) -> ScalarName:
    low, high = _bound(node, "minimum", path), _bound(node, "maximum", path)
    if low is None or high is None:
        return "long"
    # AEP's documentation gives 2^7, 2^15 and 2^31 themselves as maxima: one more than the type holds.
    holding = (n for n, (least, most) in INTEGER_BOUNDS.items() if low >= least and high <= most + 1)
    return next(holding, "long")


def _object(node: Node, path: str) -> Object:
    properties = node.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        raise InvalidSchema(f'{_place(path)} is an object without "properties"; name at least one field')
    check_names(properties, _place(path))
    required = node.get("required", [])
    if not isinstance(required, list):
        raise InvalidSchema(f'{_place(path)} has "required": {required!r}; it must be a list of field names')
    below = f"{path}." if path else ""
    return Object(tuple(_field(n, d, f"{below}{n}", n in required) for n, d in properties.items()))


def _field(name: str, node: Node, path: str, required: bool) -> Field:
    parsed = parse(node, path)
    return Field(name, parsed, required, str(node.get("title", "")), str(node.get("description", "")))


def _map_values(node: Node, path: str) -> Node:
    values = node.get("additionalProperties")
    if not isinstance(values, Mapping):
        raise InvalidSchema(f'{_place(path)} is a map without "additionalProperties"; say what its values are')
    return values


def _scalar(node: Node, name: ScalarName, path: str) -> Scalar:
    if name == "string":
        return _string(node, path)
    if node.get("enum") is not None:
        raise InvalidSchema(f'{_place(path)} is a {name} with "enum"; only strings can be enumerated')
    if name in INTEGER_BOUNDS or name == "number":
        return _number(node, name, path)
    return Scalar(name)


def _string(node: Node, path: str) -> Scalar:
    enum = node.get("enum")
    return Scalar(
        "string",
        format=None if node.get("format") is None else str(node["format"]),
        enum=None if enum is None else _enum(enum, path),
        pattern=_pattern(node.get("pattern"), path),
        min_length=_length(node, "minLength", path),
        max_length=_length(node, "maxLength", path),
    )


def _enum(values: object, path: str) -> tuple[str, ...]:
    if not isinstance(values, list) or not values or not all(isinstance(v, str) for v in values):
        raise InvalidSchema(f'{_place(path)} has the "enum" {values!r}; it must be a list of strings')
    return tuple(values)


def _pattern(text: object, path: str) -> str | None:
    if text is None:
        return None
    try:
        return patterns.check(str(text))
    except InvalidInput as error:
        raise InvalidSchema(f'{_place(path)} has a wrong "pattern": {error}') from error


def _number(node: Node, name: ScalarName, path: str) -> Scalar:
    low, high = _bound(node, "minimum", path), _bound(node, "maximum", path)
    if bounds := INTEGER_BOUNDS.get(name):
        low = low if low is not None and low > bounds[0] else None
        high = high if high is not None and high < bounds[1] else None
    return Scalar(name, minimum=low, maximum=high)


def _bound(node: Node, key: str, path: str) -> float | None:
    value = node.get(key)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (is_number and abs(value) <= sys.float_info.max):
        raise InvalidSchema(f'{_place(path)} has "{key}": {value!r}; it must be a number')
    return value


def _length(node: Node, key: str, path: str) -> int | None:
    value = _bound(node, key, path)
    if value is not None and (value < 0 or value != int(value)):
        raise InvalidSchema(f'{_place(path)} has "{key}": {value!r}; it must be a number of characters')
    return None if value is None else int(value)


def emit(t: Type) -> dict[str, Any]:
    """Return the JSON Schema node of a type, with `meta:xdmType` on every level; `parse` reads it back."""
    match t:
        case Object(fields):
            return _emit_object(fields)
        case Array(items):
            return {"type": "array", "items": emit(items), "meta:xdmType": "array"}
        case Map(values):
            return {"type": "object", "additionalProperties": emit(values), "meta:xdmType": "map"}
        case _:
            return _emit_scalar(t)


def _emit_object(fields: tuple[Field, ...]) -> dict[str, Any]:
    node: dict[str, Any] = {"type": "object", "properties": {f.name: _emit_field(f) for f in fields}}
    if required := [f.name for f in fields if f.required]:
        node["required"] = required
    return node | {"meta:xdmType": "object"}


def _emit_field(f: Field) -> dict[str, Any]:
    text = {"title": f.title, "description": f.description}
    return {key: value for key, value in text.items() if value} | emit(f.type)


def _emit_scalar(t: Scalar) -> dict[str, Any]:
    least, most = INTEGER_BOUNDS.get(t.name, (None, None))
    node = {
        "type": _emit_type(t.name),
        "format": t.name if t.name in _STRING_FORMATS else t.format,
        "enum": None if t.enum is None else list(t.enum),
        "pattern": t.pattern,
        "minLength": t.min_length,
        "maxLength": t.max_length,
        "minimum": least if t.minimum is None else t.minimum,
        "maximum": most if t.maximum is None else t.maximum,
        "meta:xdmType": t.name,
    }
    return {key: value for key, value in node.items() if value is not None}


def _emit_type(name: ScalarName) -> str:
    if name in INTEGER_BOUNDS:
        return "integer"
    return "string" if name in _STRING_FORMATS else name

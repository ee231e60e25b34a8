"""Other forms of a resource, made from the one in which it is stored (REST contract, section 4.1). Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from limbeck.registry.resolve import Body, Node
from limbeck.xdm.types import Array, Field, Map, Object, Scalar, Type

_TEXT = ("title", "description")

DEPRECATED = "xdm:descriptorDeprecated"


def flat(body: Node) -> Body:
    """Return a resource whose references are followed with its leaves only, under their paths: `person/gender`."""
    return {**body, "properties": dict(_leaves(body, ""))}


def _leaves(node: Node, prefix: str) -> Iterable[tuple[str, Node]]:
    for name, child in node.get("properties", {}).items():
        path = f"{prefix}{name}"
        if "properties" in child:
            yield from _leaves(child, f"{path}/")
        else:
            yield path, child


def without_text(node: Any) -> Any:
    """Return a resource without titles and descriptions; fields that are called so stay."""
    if isinstance(node, list):
        return [without_text(child) for child in node]
    if not isinstance(node, Mapping):
        return node
    return {
        key: _named(value) if key in ("properties", "definitions") else without_text(value)
        for key, value in node.items()
        if key not in _TEXT
    }


def _named(children: Any) -> Any:
    return {n: without_text(c) for n, c in children.items()} if isinstance(children, Mapping) else children


def with_deprecated(body: Node, descriptors: Iterable[Node]) -> Body:
    """Return a resource whose references are followed with `meta:status` on the fields that are called deprecated."""
    out = dict(body)
    for descriptor in descriptors:
        if descriptor["@type"] == DEPRECATED:
            paths = descriptor["xdm:sourceProperty"]
            for path in paths if isinstance(paths, list) else [paths]:
                out = _marked(out, path.strip("/").split("/"))
    return out


def _marked(node: Node, path: list[str]) -> Body:
    head, *rest = path
    children = node.get("properties", {})
    if head not in children:
        return dict(node)
    child = _marked(children[head], rest) if rest else {**children[head], "meta:status": "deprecated"}
    return {**node, "properties": {**children, head: child}}


# -- samples -----------------------------------------------------------------------------------------------------


def sample(fields: Object, seed: str) -> dict[str, Any]:
    """Return a record as JSON that has the fields of a schema and fits it; the same *seed* gives the same one.

    Texts that have to match a pattern are left out.
    """
    found = {f.name: _value(f.type, f, random.Random(f"{seed}/{f.name}")) for f in fields.fields if not _is_odd(f)}
    return {name: value for name, value in found.items() if value != {}}


def _value(t: Type, field: Field, chance: random.Random) -> Any:
    match t:
        case Object():
            return sample(t, str(chance.random()))
        case Array(items):
            return [_value(items, field, chance)]
        case Map(values):
            return {"key": _value(values, field, chance)}
        case _:
            return _scalar(t, field, chance)


def _is_odd(field: Field) -> bool:
    t = field.type
    while isinstance(t, Array | Map):
        t = t.items if isinstance(t, Array) else t.values
    return isinstance(t, Scalar) and t.pattern is not None


def _scalar(t: Scalar, field: Field, chance: random.Random) -> Any:
    moment = datetime.fromtimestamp(chance.randrange(1_600_000_000, 1_800_000_000), UTC)
    match t.name:
        case "boolean":
            return chance.random() < 0.5
        case "number":
            return _between(t, chance, 0, 1000) if t.minimum or t.maximum else round(chance.uniform(0, 1000), 2)
        case "byte" | "short" | "int" | "long":
            return _between(t, chance, 0, 100)
        case "date":
            return moment.date().isoformat()
        case "date-time":
            return moment.isoformat().replace("+00:00", "Z")
    return _text(t, field, chance)


def _between(t: Scalar, chance: random.Random, low: int, high: int) -> int:
    least = low if t.minimum is None else int(-(-t.minimum // 1))
    most = max(least, high) if t.maximum is None else int(t.maximum // 1)
    return chance.randint(min(least, most), most)


_FORMATS = {
    "email": "jane.doe@example.com",
    "uri": "https://example.com/page",
    "uri-reference": "/page",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
    "time": "12:30:00Z",
    "uuid": "6e6f7420-6120-4c65-8e74-6f6e2d69642e",
}


def _text(t: Scalar, field: Field, chance: random.Random) -> str:
    if t.enum:
        return chance.choice(t.enum)
    if t.format in _FORMATS:
        return _FORMATS[t.format]
    text = f"{field.name.strip('_') or 'text'} {chance.randrange(1000)}"
    text = text.ljust(t.min_length or 0, "x")
    return text if t.max_length is None else text[: t.max_length]

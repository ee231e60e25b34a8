"""Following references: from a stored resource to one plain tree of fields. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from limbeck.errors import InvalidSchema
from limbeck.xdm.json_schema import MAX_DEPTH, kind

Body = dict[str, Any]
Node = Mapping[str, Any]

Lookup = Callable[[str], Node | None]
"""Gives the resource of an `$id`, or None if there is none."""

MAX_FIELDS = 10_000
"""Fields a schema may have when all references are followed."""

_STRUCTURE = frozenset(
    {"type", "format", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum"}
    | {"properties", "required", "items", "additionalProperties", "meta:enum", "meta:xdmType"}
)
"""What a node takes over from a member of its `allOf`; the rest describes that resource only."""

_TEXT = frozenset({"title", "description"})
"""What a field takes over from its `$ref`, beside the structure, unless it has its own."""


def resolve(body: Node, lookup: Lookup) -> Body:
    """Return *body* with every `$ref` and `allOf` followed and merged into `properties` and `required`.

    Objects at one path merge field by field; leaves at one path must have one type, and the first definition
    stands. Raise `InvalidSchema`, naming reference or path, for an unknown or circular reference, for two
    types at one path and for more than `MAX_FIELDS` fields.
    """
    return _Resolver(lookup).node(body, _Place(body))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node stands: in which resource, at which path, reached through which references."""

    root: Node
    path: str = ""
    trail: tuple[str, ...] = ()

    def below(self, name: str) -> _Place:
        return replace(self, path=f"{self.path}.{name}" if self.path else name)

    def full_name(self, ref: str) -> str:
        return f"{self.root.get('$id', '')}{ref}" if ref.startswith("#") else ref


class _Resolver:
    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._fields = 0

    def node(self, node: object, place: _Place) -> Body:
        if not isinstance(node, Mapping):
            raise InvalidSchema(f'field "{place.path}" is {node!r}; it must be an object with a "type"')
        self._count(place)
        _check_structure(node, place.path)
        out = {key: value for key, value in node.items() if key not in ("$ref", "allOf", "definitions")}
        out |= self._children(node, place)
        for part in self._parts(node, place):
            out = merged(out, part, place.path)
        return out

    def _count(self, place: _Place) -> None:
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise InvalidSchema(f"the schema has more than {MAX_FIELDS} fields; leave out field groups")
        if place.path.count(".") >= MAX_DEPTH or len(place.trail) > MAX_DEPTH:
            raise InvalidSchema(f'"{place.path}" is nested deeper than {MAX_DEPTH} levels; flatten the schema')

    def _children(self, node: Node, place: _Place) -> Body:
        out: Body = {}
        if isinstance(properties := node.get("properties"), Mapping):
            out["properties"] = {n: self.node(child, place.below(n)) for n, child in properties.items()}
        for key in ("items", "additionalProperties"):
            if isinstance(child := node.get(key), Mapping):
                out[key] = self.node(child, place.below("*"))
        return out

    def _parts(self, node: Node, place: _Place) -> Iterator[Body]:
        """Yield the resolved nodes whose structure *node* takes over."""
        if "$ref" in node:
            yield self._referred(str(node["$ref"]), place)
        for member in members(node):
            yield {k: v for k, v in self.node(member, place).items() if k in _STRUCTURE}

    def _referred(self, ref: str, place: _Place) -> Body:
        name = place.full_name(ref)
        if name in place.trail:
            raise InvalidSchema(f'"{name}" refers to itself: {" → ".join((*place.trail, name))}')
        target = pointed_to(place.root, ref) if ref.startswith("#") else self._lookup(ref)
        if target is None:
            raise InvalidSchema(f'"$ref": "{ref}" leads to nothing; create that resource first')
        root = place.root if ref.startswith("#") else target
        found = self.node(target, replace(place, root=root, trail=(*place.trail, name)))
        return {k: v for k, v in found.items() if k in _STRUCTURE or k in _TEXT}


def _check_structure(node: Node, path: str) -> None:
    """Raise `InvalidSchema` for what could not be merged with another definition of the same path."""
    required = node.get("required", [])
    if not isinstance(node.get("properties", {}), Mapping):
        raise InvalidSchema(f'"properties" at "{path}" is {node["properties"]!r}; it must be an object of fields')
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise InvalidSchema(f'"required" at "{path}" is {required!r}; it must be a list of names of fields')


def members(node: Node) -> list[Node]:
    """Return the members of *node*'s `allOf`; raise `InvalidSchema` if it is not a list of objects."""
    found = node.get("allOf", [])
    if not isinstance(found, list) or not all(isinstance(m, Mapping) for m in found):
        raise InvalidSchema('"allOf" must be a list of objects')
    return found


def pointed_to(root: Node, pointer: str) -> Node | None:
    """Return the node of *root* that `#/a/b` points to, or None."""
    found: Any = root
    for part in pointer.removeprefix("#").strip("/").split("/"):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None


def merged(one: Body, other: Body, path: str = "") -> Body:
    """Return the resolved nodes *one* and *other*, which stand at one *path*, as one; *one* goes first.

    Raise `InvalidSchema` naming path and both types if they differ.
    """
    kinds = {_kind(node, path) for node in (one, other)} - {None}
    if len(kinds) > 1:
        raise InvalidSchema(
            f'two types for "{path}": {_kind(one, path)} and {_kind(other, path)}; one path has one type'
        )
    out = other | one
    for key in ("items", "additionalProperties"):
        if isinstance(one.get(key), Mapping) and isinstance(other.get(key), Mapping):
            out[key] = merged(one[key], other[key], f"{path}.*")
    if "properties" in one and "properties" in other:
        out["properties"] = _merged_fields(one["properties"], other["properties"], path)
    if required := {*one.get("required", ()), *other.get("required", ())}:
        out["required"] = [name for name in out.get("properties", ()) if name in required]
    return out


def _kind(node: Body, path: str) -> str | None:
    stated = any(key in node for key in ("type", "meta:xdmType", "properties"))
    return kind(node, path) if stated else None


def _merged_fields(one: Body, other: Body, path: str) -> Body:
    out = dict(one)
    for name, node in other.items():
        below = f"{path}.{name}" if path else name
        out[name] = merged(out[name], node, below) if name in out else node
    return out

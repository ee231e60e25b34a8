"""Other forms of a resource, made from the one in which it is stored (REST contract, section 4.1). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from limbeck.registry.resolve import Body, Node

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
    if isinstance(items := node.get("items"), Mapping):
        return {**node, "items": _marked(items, path)}
    head, *rest = path
    children = node.get("properties", {})
    if head not in children:
        return dict(node)
    child = _marked(children[head], rest) if rest else {**children[head], "meta:status": "deprecated"}
    return {**node, "properties": {**children, head: child}}

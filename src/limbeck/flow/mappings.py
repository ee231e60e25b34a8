"""Mapping sets: which column of a file fills which field of a schema (REST contract, section 8.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from limbeck.errors import InvalidInput, NotServed, nearest
from limbeck.flow.model import Resource
from limbeck.xdm.types import Object, Schema

Body = Mapping[str, Any]


def schema_id(body: Body) -> str:
    """Return the id of the schema that a mapping set fills; raise `InvalidInput` if it names none."""
    try:
        return str(body["outputSchema"]["schemaRef"]["id"])
    except (KeyError, TypeError):
        raise InvalidInput("a mapping set names the schema it fills: outputSchema.schemaRef.id is missing") from None


def check(body: Body, schema: Schema) -> None:
    """Check each mapping against the schema that it fills.

    Raise `InvalidInput`, naming the path and the nearest known one, for a destination that the schema lacks, that
    stands there twice or inside another; `NotServed` for a source that is not a column.
    """
    found = list(_pairs(body))
    if not found:
        raise InvalidInput("a mapping set needs mappings: {sourceType: ATTRIBUTE, source, destination}")
    for _, path in found:
        _require_field(path, schema.type)
    paths = sorted(path for _, path in found)
    for path, following in pairwise(paths):
        if following == path:
            raise InvalidInput(f'two mappings lead to "{path}"; keep one')
    for path in paths:
        inside = next((p for p in paths if p.startswith(f"{path}.")), None)
        if inside is not None:
            raise InvalidInput(f'mappings lead to "{path}" and to "{inside}" inside it; keep one')


def columns(mapping_set: Resource) -> dict[str, str]:
    """Return a mapping set as dotted XDM paths to columns."""
    return {path: column for column, path in _pairs(mapping_set.body)}


def _pairs(body: Body) -> Iterator[tuple[str, str]]:
    """Yield the column and the dotted path of each mapping."""
    listed = body.get("mappings")
    for number, mapping in enumerate(listed if isinstance(listed, list) else []):
        if not isinstance(mapping, Mapping):
            raise InvalidInput(f"mapping {number} is {mapping!r}; it is an object with source and destination")
        kind = str(mapping.get("sourceType", "ATTRIBUTE")).upper()
        if kind != "ATTRIBUTE":
            raise NotServed(f"mapping {number} has the sourceType {kind}; this version maps columns only: ATTRIBUTE")
        source, path = mapping.get("source"), mapping.get("destination")
        if not source or not path or not isinstance(source, str) or not isinstance(path, str):
            raise InvalidInput(f"mapping {number} needs source, a column, and destination, a dotted path: {mapping}")
        yield source, path


def _require_field(path: str, root: Object) -> None:
    found = root.find(path)
    if found is None:
        known = [p for p, _ in root.leaves()]
        same_name = [p for p in known if p.rpartition(".")[2] == path.rpartition(".")[2]]
        hint = f'did you mean "{same_name[0]}"?' if same_name else nearest(path, known)
        raise InvalidInput(f'a mapping leads to "{path}", which the schema does not have; {hint}'.rstrip("; "))

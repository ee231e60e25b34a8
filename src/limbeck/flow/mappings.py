"""Mapping sets: which column of a file, or which expression, fills which field (REST contract, section 8.5)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from limbeck.errors import ExpressionError, InvalidInput, NotFound, nearest
from limbeck.flow.expressions import Expression
from limbeck.ingest.formats.mapped import path_of
from limbeck.ingest.formats.mapped import shown as shown_path
from limbeck.xdm.types import Field, Object, Schema

Body = Mapping[str, Any]


def schema_id(body: Body) -> str:
    """Return the id of the schema that a mapping set fills; raise `InvalidInput` if it names none."""
    try:
        return str(body["outputSchema"]["schemaRef"]["id"])
    except (KeyError, TypeError):
        raise InvalidInput("a mapping set names the schema it fills: outputSchema.schemaRef.id is missing") from None


def input_schema_id(body: Body) -> str | None:
    """Return the id of the schema that the sources of a mapping set have, if it names one."""
    found = body.get("inputSchema")
    named = found.get("schemaRef") if isinstance(found, Mapping) else None
    return str(named["id"]) if isinstance(named, Mapping) and named.get("id") else None


def check_columns(body: Body, schema: Schema) -> None:
    """Raise `InvalidInput` for a column that the schema of the sources does not have."""
    for source, path in _pairs(body):
        for column in source.columns if isinstance(source, Expression) else [path_of(source)]:
            way = [step for step in column if isinstance(step, str)]
            if schema.type.find(".".join(way)) is None and schema.type.find(way[0]) is None:
                hint = nearest(way[0], [f.name for f in schema.type.fields])
                told = f'"{path}" is filled from "{shown_path(column)}", which the input schema does not have; {hint}'
                raise InvalidInput(told.rstrip("; "))


def check(body: Body, schema: Schema) -> None:
    """Check each mapping against the schema that it fills.

    Raise `InvalidInput`, naming the path and the nearest known one, for a destination that the schema lacks, that
    stands there twice or inside another, and for an expression that is none or gives what the field cannot take.
    """
    found = list(_pairs(body))
    if not found:
        raise InvalidInput("a mapping set needs mappings: {sourceType: ATTRIBUTE or EXPRESSION, source, destination}")
    for source, path in found:
        field = _field(path, schema.type)
        if isinstance(source, Expression):
            with _named(source.text, path):
                source.require_fit(field.type)
    paths = sorted(path for _, path in found)
    for path, following in pairwise(paths):
        if following == path:
            raise InvalidInput(f'two mappings lead to "{path}"; keep one')
    for path in paths:
        inside = next((p for p in paths if p.startswith(f"{path}.")), None)
        if inside is not None:
            raise InvalidInput(f'mappings lead to "{path}" and to "{inside}" inside it; keep one')


# -- versions --------------------------------------------------------------------------------------------------

_EARLIER = "earlierVersions"
"""Where a mapping set keeps what its earlier versions were; it is not shown."""


def first_version(body: Body, who: str) -> dict[str, Any]:
    """Return a mapping set as it is made; *who* makes it."""
    return {**_identified(body, {}), "version": 0, "createdBy": who, "modifiedBy": who}


def next_version(before: Body, body: Body, who: str) -> dict[str, Any]:
    """Return a mapping set that is *before*, and becomes *body*; flows may go on with the earlier version."""
    version = before.get("version", 0)
    kept = {str(version): {key: before[key] for key in ("outputSchema", "mappings")}}
    told = {"version": version + 1, "createdBy": before.get("createdBy", ""), "modifiedBy": who}
    return {**_identified(body, before), **told, _EARLIER: {**before.get(_EARLIER, {}), **kept}}


def at_version(mapping_set: Body, version: Any) -> Body:
    """Return what a mapping set is at a version, a number or its text; None is the newest.

    Raise `InvalidInput` if there is no such version.
    """
    newest = mapping_set.get("version", 0)
    if version is None or str(version) == str(newest):
        return mapping_set
    found: Body | None = mapping_set.get(_EARLIER, {}).get(str(version))
    if found is None:
        raise InvalidInput(f"the mapping set has no version {version!r}; its newest is {newest}")
    return found


def shown(mapping_set: Body) -> dict[str, Any]:
    """Return what is shown of a mapping set."""
    return {key: value for key, value in mapping_set.items() if key != _EARLIER}


def one(mapping_set: Body, mapping_id: str) -> Mapping[str, Any]:
    """Return one mapping of a set; raise `NotFound` if it has none such."""
    found: Mapping[str, Any] | None = next((m for m in mapping_set["mappings"] if m.get("id") == mapping_id), None)
    if found is None:
        raise NotFound(f"the mapping set has no mapping {mapping_id!r}")
    return found


def _identified(body: Body, before: Body) -> dict[str, Any]:
    """Return a mapping set whose mappings have ids; those that *before* had are kept."""
    known = {m.get("id") for m in before.get("mappings", [])}
    listed = body.get("mappings")
    named = [
        {**m, "id": m["id"] if m.get("id", "") in known else secrets.token_hex(16)} if isinstance(m, Mapping) else m
        for m in (listed if isinstance(listed, list) else [])
    ]
    return {**{k: v for k, v in body.items() if k not in (_EARLIER, "id")}, "mappings": named}


# -- mappings --------------------------------------------------------------------------------------------------


def sources(body: Body) -> dict[str, str | Expression]:
    """Return a mapping set as dotted XDM paths to columns, and to expressions over them."""
    return {path: source for source, path in _pairs(body)}


KINDS = ("ATTRIBUTE", "EXPRESSION")


def _pairs(body: Body) -> Iterator[tuple[str | Expression, str]]:
    """Yield the column or expression and the dotted path of each mapping."""
    listed = body.get("mappings")
    for number, mapping in enumerate(listed if isinstance(listed, list) else []):
        if not isinstance(mapping, Mapping):
            raise InvalidInput(f"mapping {number} is {mapping!r}; it is an object with source and destination")
        source, path = mapping.get("source"), mapping.get("destination")
        if not source or not path or not isinstance(source, str) or not isinstance(path, str):
            raise InvalidInput(f"mapping {number} needs source, a column, and destination, a dotted path: {mapping}")
        kind = str(mapping.get("sourceType", "ATTRIBUTE")).upper()
        if kind not in KINDS:
            raise InvalidInput(f"mapping {number} has the sourceType {kind}; known are {' and '.join(KINDS)}")
        if kind == "ATTRIBUTE":
            yield source, path
        else:
            with _named(source, path):
                yield Expression.of(source), path


@contextmanager
def _named(text: str, path: str) -> Iterator[None]:
    """Let the error of an expression tell where it stands."""
    try:
        yield
    except ExpressionError as error:
        told = f'the expression for "{path}" cannot be used: {error}, at character {error.position + 1} of {text}'
        raise ExpressionError(told, position=error.position, expression=text, destination=path) from error


def _field(path: str, root: Object) -> Field:
    found = root.find(path)
    if found is None:
        known = [p for p, _ in root.leaves()]
        same_name = [p for p in known if p.rpartition(".")[2] == path.rpartition(".")[2]]
        hint = f'did you mean "{same_name[0]}"?' if same_name else nearest(path, known)
        raise InvalidInput(f'a mapping leads to "{path}", which the schema does not have; {hint}'.rstrip("; "))
    return found

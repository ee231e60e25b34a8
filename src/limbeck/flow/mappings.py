"""Mapping sets: which column of a file, or which expression, fills which field (REST contract, section 8.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from limbeck.errors import ExpressionError, InvalidInput, nearest
from limbeck.flow.expressions import Expression
from limbeck.xdm.types import Field, Object, Schema

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

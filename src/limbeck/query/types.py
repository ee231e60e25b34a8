"""What the resolver knows about the type of an expression: an XDM type, or None where it does not know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlglot import exp

from limbeck.xdm.sql import duckdb_type
from limbeck.xdm.types import Array, Field, Map, Object, Scalar, ScalarName, Type

STRING, BOOLEAN = Scalar("string"), Scalar("boolean")
INT, LONG, NUMBER = Scalar("int"), Scalar("long"), Scalar("number")
DATE, TIMESTAMP = Scalar("date"), Scalar("date-time")

BINARY = Scalar("string", format="binary")
"""Bytes; tables have none."""


@dataclass(frozen=True, slots=True)
class KeyedMap(Map):
    """A map whose keys are no strings; tables have none."""

    keys: Type


INTEGERS: tuple[ScalarName, ...] = ("byte", "short", "int", "long")
_NUMBERS: tuple[ScalarName, ...] = (*INTEGERS, "number")

_CASTS: dict[exp.DType, ScalarName] = {
    exp.DType.TEXT: "string",
    exp.DType.VARCHAR: "string",
    exp.DType.CHAR: "string",
    exp.DType.BOOLEAN: "boolean",
    exp.DType.TINYINT: "byte",
    exp.DType.SMALLINT: "short",
    exp.DType.INT: "int",
    exp.DType.BIGINT: "long",
    exp.DType.FLOAT: "number",
    exp.DType.DOUBLE: "number",
    exp.DType.DECIMAL: "number",
    exp.DType.DATE: "date",
    exp.DType.TIMESTAMP: "date-time",
    exp.DType.TIMESTAMPTZ: "date-time",
    exp.DType.TIMESTAMPNTZ: "date-time",
    exp.DType.DATETIME: "date-time",
}
"""The scalar types that a cast may name."""


def scalar_name(t: Type | None) -> ScalarName | None:
    """Return the name of a scalar type of tables, None for every other."""
    return t.name if isinstance(t, Scalar) and t != BINARY else None


def is_string(t: Type | None) -> bool:
    """Return whether *t* is known to be a string."""
    return scalar_name(t) == "string"


def is_integer(t: Type | None) -> bool:
    """Return whether *t* is known to be one of the integer types."""
    return scalar_name(t) in INTEGERS


def is_numeric(t: Type | None) -> bool:
    """Return whether *t* is known to be a number of any kind."""
    return scalar_name(t) in _NUMBERS


def widest(types: Iterable[Type | None]) -> Type | None:
    """Return the type that holds values of all *types*, ignoring unknown ones.

    >>> widest([INT, None, LONG]).name
    'long'
    """
    known = [t for t in types if t is not None]
    if not known:
        return None
    numbers = [t.name for t in known if isinstance(t, Scalar) and t.name in _NUMBERS]
    return Scalar(max(numbers, key=_NUMBERS.index)) if len(numbers) == len(known) else known[0]


def map_of(keys: Type, values: Type) -> Map:
    """Return the type of a map."""
    return Map(values) if is_string(keys) else KeyedMap(values, keys)


def key_of(t: Map) -> Type:
    """Return the type of a map's keys."""
    return t.keys if isinstance(t, KeyedMap) else STRING


def engine_type(t: Type) -> str:
    """Return the engine's spelling of a type, those that only expressions have among them."""
    match t:
        case KeyedMap(values, keys):
            return f"MAP({engine_type(keys)}, {engine_type(values)})"
        case Array(items):
            return f"{engine_type(items)}[]"
        case _:
            return "BLOB" if t == BINARY else duckdb_type(t)


def of_cast(target: exp.DataType) -> Type | None:
    """Return the type that a cast to *target* gives; None if casts to it are not served."""
    inner = [e for e in target.expressions if isinstance(e, exp.DataType | exp.ColumnDef)]
    match target.this:
        case exp.DType.ARRAY if len(inner) == 1:
            items = _inner(inner[0])
            return None if items is None else Array(items)
        case exp.DType.MAP if len(inner) == 2:
            values = _inner(inner[1])
            keys = _inner(inner[0])
            return None if keys is None or values is None else map_of(keys, values)
        case exp.DType.STRUCT:
            fields = [(e.name, _inner(e)) for e in inner]
            known = tuple(Field(name, t) for name, t in fields if t is not None and name)
            return Object(known) if known and len(known) == len(fields) else None
        case exp.DType.BINARY:
            return BINARY
        case _:
            name = _CASTS.get(target.this)
            return None if name is None else Scalar(name)


def _inner(node: exp.Expr) -> Type | None:
    kind = node.args.get("kind") if isinstance(node, exp.ColumnDef) else node
    return of_cast(kind) if isinstance(kind, exp.DataType) else None


def typed(node: exp.Expr, t: Type | None) -> exp.Expr:
    """Note the type of *node* and return it."""
    node.meta["xdm"] = t
    return node


def type_of(node: exp.Expr | None) -> Type | None:
    """Return the type noted for *node*."""
    found: Type | None = node.meta.get("xdm") if node is not None else None
    return found

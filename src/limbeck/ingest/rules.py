"""What a schema asks of the rows of a batch, beyond what its field types say."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from limbeck import clock
from limbeck.xdm.types import Array, Field, Map, Object, Scalar, Schema, Type

MANGLED = r"[+-]?[0-9]([.,][0-9]+)?[eE][+-][0-9]{1,3}|[+-]?[0-9]+[.,]0+"
"""What spreadsheets and data frames make of an identity that they took for a number: `1.23457E+37`, `4711.0`."""


@dataclass(frozen=True, slots=True)
class Identifier(Scalar):
    """A string that identifies somebody: it is never made from a number, which may have lost digits.

    Nor may it be the text that is left when a number was written out again (`MANGLED`).
    """


def rows_of(schema: Schema, now: datetime) -> Object:
    """Return the type that each row of a batch must have.

    Identities become `Identifier`; the `timestamp` of an event may not lie after *now*, stated as its `maximum` in
    milliseconds (profile contract, sections 1.1 and 1.5).
    """
    identities = {i.path for i in schema.identities} | {"identityMap.*[].id"}
    marked = _fields(schema.type, "", identities)
    if schema.behaviour != "time-series":
        return marked
    return Object(tuple(_not_after(f, clock.millis(now)) if f.name == "timestamp" else f for f in marked.fields))


def _not_after(f: Field, latest: int) -> Field:
    if isinstance(f.type, Scalar) and f.type.name == "date-time":
        return replace(f, type=replace(f.type, maximum=latest))
    return f


def _marked(t: Type, path: str, identities: Collection[str]) -> Type:
    match t:
        case Scalar():
            strict = t.name == "string" and path in identities
            return Identifier("string", t.format, t.enum, t.pattern, t.min_length, t.max_length) if strict else t
        case Object():
            return _fields(t, f"{path}.", identities)
        case Array(items):
            return Array(_marked(items, f"{path}[]", identities))
        case Map(values):
            return Map(_marked(values, f"{path}.*", identities))


def _fields(t: Object, below: str, identities: Collection[str]) -> Object:
    return Object(tuple(replace(f, type=_marked(f.type, f"{below}{f.name}", identities)) for f in t.fields))

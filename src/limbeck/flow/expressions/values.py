"""What an expression is made of: kinds of values, and SQL that turns one kind into another or fails.

SQL fails by a cast that cannot be done, which the engine's TRY turns into "no value" for that row alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from limbeck.engine.sql import literal
from limbeck.errors import ExpressionError
from limbeck.ingest.columns import DATE, INTEGER, NUMBER, from_text
from limbeck.xdm.types import Scalar

Kind = Literal["text", "number", "integer", "boolean", "date", "list", "map", "any", "null"]
"""`any` is what a column holds: it is turned into what is wanted row by row. Dates are moments of UTC."""

SQL_TYPES: dict[Kind, str] = {
    "text": "VARCHAR",
    "number": "DOUBLE",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
    "date": "TIMESTAMP",
    "list": "JSON[]",
    "map": "MAP(VARCHAR, JSON)",
    "any": "JSON",
    "null": "JSON",
}

FAILED = "CAST('failed' AS BOOLEAN)"
"""The condition that fails its row."""

_ISO = literal("%Y-%m-%dT%H:%M:%S.%gZ")
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Value:
    """A part of an expression as SQL."""

    sql: str
    kind: Kind
    position: int
    is_simple: bool = False
    """Whether the SQL costs nothing, so that it may be repeated."""
    text: str = ""
    """The SQL of a column as text, where there is a shorter way than over JSON."""
    constant: Any = field(default=_ABSENT)

    @property
    def is_constant(self) -> bool:
        """Whether it stands in the expression as it is: then `constant` has it."""
        return self.constant is not _ABSENT


class Names:
    """Makes names for values that are used more than once."""

    def __init__(self) -> None:
        self._used = 0

    def let(self, value: str, body: Callable[[str], str]) -> str:
        """Return the SQL of *body* over a value that is computed once."""
        self._used += 1
        name = f"limbeck_let_{self._used}"
        return f"list_transform([{value}], lambda {name}: {body(name)})[1]"


def require(condition: str, value: str) -> str:
    """Return the SQL of *value* where *condition* holds, NULL where that is NULL; elsewhere the row fails."""
    return f"CASE WHEN ({condition}) IS NULL THEN NULL WHEN {condition} THEN {value} WHEN {FAILED} THEN NULL END"


def required(condition: str, value: str, needs: int) -> str:
    """Return the template of `require` for a function that gives NULL if one of its first *needs* arguments is NULL."""
    absent = " OR ".join(f"{{{n}}} IS NULL" for n in range(needs))
    return f"CASE WHEN {absent} THEN NULL WHEN {condition} THEN {value} WHEN {FAILED} THEN NULL END"


def convert(value: Value, kind: Kind, names: Names) -> str:
    """Return the SQL of *value* as *kind*; raise `ExpressionError` where no value of its kind could be such."""
    if value.kind == kind:
        return value.sql
    if value.kind == "null":
        return f"CAST(NULL AS {SQL_TYPES[kind]})"
    if kind == "any":
        return to_json(value, names)
    if value.kind == "any":
        return _of_any(value, kind, names)
    how = _CONVERSIONS.get((value.kind, kind))
    if how is None:
        hint = _HINTS.get(kind, "")
        raise ExpressionError(f"found {NOUNS[value.kind]} where {NOUNS[kind]} is wanted{hint}", position=value.position)
    return how(value.sql, names)


NOUNS: dict[Kind, str] = {
    "text": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "date": "a date",
    "list": "a list",
    "map": "a map",
    "any": "anything",
    "null": "null",
}
_HINTS: dict[Kind, str] = {
    "text": "; to_string makes one",
    "number": "; to_decimal makes one",
    "integer": "; to_integer makes one",
    "boolean": "; compare it, or use to_boolean",
    "date": "; date makes one",
}


def _of_any(value: Value, kind: Kind, names: Names) -> str:
    if kind == "list":
        return f"CAST({_of_type(value, 'ARRAY', names)} AS JSON[])"
    if kind == "map":
        return f"CAST({_of_type(value, 'OBJECT', names)} AS MAP(VARCHAR, JSON))"
    text = value.text or f"({value.sql} ->> '$')"
    return text if kind == "text" else text_to(text, kind, names)


def _of_type(value: Value, kind: str, names: Names) -> str:
    if value.is_simple:
        return require(f"json_type({value.sql}) = '{kind}'", value.sql)
    return names.let(value.sql, lambda x: require(f"json_type({x}) = '{kind}'", x))


def text_to(text: str, kind: Kind, names: Names) -> str:
    """Return the SQL that reads a value of *kind* from a text; a text that is none fails its row."""
    match kind:
        case "number":
            return f"CAST(regexp_extract({text}, {literal(f'^({NUMBER})$')}) AS DOUBLE)"
        case "integer":
            return f"CAST(regexp_extract({text}, {literal(rf'^({INTEGER})([.]0*)?$')}, 1) AS BIGINT)"
        case "boolean":
            return f"CAST(regexp_extract(lower({text}), '^(true|false)$') AS BOOLEAN)"
        case _:
            return names.let(text, _moment)


def _moment(text: str) -> str:
    day = f"WHEN regexp_full_match({text}, {literal(DATE)}) THEN CAST({text} AS TIMESTAMP)"
    moment = from_text(text, Scalar("date-time"))
    return f"CASE WHEN {text} IS NULL THEN NULL {day} ELSE {_sure(moment)} END"


def _sure(moment: str) -> str:
    """Return the SQL of a moment that is not NULL; a NULL fails its row."""
    return f"CAST(coalesce(CAST({moment} AS VARCHAR), 'failed') AS TIMESTAMP)"


def iso(moment: str) -> str:
    """Return the SQL of a date as text, in milliseconds of UTC."""
    return f"strftime({moment}, {_ISO})"


def to_json(value: Value, names: Names) -> str:
    """Return the SQL of a value as JSON; a number that is not finite fails its row."""
    match value.kind:
        case "any":
            return value.sql
        case "null":
            return "CAST(NULL AS JSON)"
        case "date":
            return f"to_json({iso(value.sql)})"
        case "number":
            return names.let(value.sql, lambda x: require(f"isfinite({x})", f"to_json({x})"))
        case _:
            return f"to_json({value.sql})"


_CONVERSIONS: dict[tuple[Kind, Kind], Callable[[str, Names], str]] = {
    ("integer", "number"): lambda sql, _: f"CAST({sql} AS DOUBLE)",
    ("number", "integer"): lambda sql, names: text_to(f"CAST({sql} AS VARCHAR)", "integer", names),
    ("integer", "date"): lambda sql, _: f"CAST(make_timestamp_ms({sql}) AS TIMESTAMP)",
    ("text", "date"): lambda sql, names: text_to(sql, "date", names),
    ("integer", "text"): lambda sql, _: f"CAST({sql} AS VARCHAR)",
    ("number", "text"): lambda sql, _: f"CAST({sql} AS VARCHAR)",
    ("boolean", "text"): lambda sql, _: f"CAST({sql} AS VARCHAR)",
    ("date", "text"): lambda sql, _: iso(sql),
}
"""Kinds that become others by themselves."""


def common(values: list[Value]) -> Kind:
    """Return the kind that all of some values have, or can have without being read as something else."""
    kinds = {v.kind for v in values} - {"null"}
    if len(kinds) == 1:
        return kinds.pop()
    return "number" if kinds == {"integer", "number"} else "any"

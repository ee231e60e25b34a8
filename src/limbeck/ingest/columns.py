"""XDM's rules as SQL over columns: texts to values, and which values break a rule (profile contract, 1.3).

`limbeck.ingest.validate` says the same in Python, a row at a time; the property tests hold the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from limbeck.engine.sql import literal, quoted, type_of
from limbeck.ingest.rules import MANGLED, Identifier
from limbeck.xdm.arrow import arrow_type
from limbeck.xdm.types import INTEGER_BOUNDS, Array, Map, Object, Scalar, Type

NUMBER = r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?"
INTEGER = r"[+-]?[0-9]{1,18}"
DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}([.][0-9]+)?"
DATE_TIME = DATE + "[Tt ]" + _CLOCK + r"([Zz]|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?"
"""RFC 3339; the zone may be absent, which means UTC."""
_IN_UTC = DATE + "[T ]" + _CLOCK + "Z?"
"""What most moments look like: the engine reads them in a third of the time, since it looks up no zone."""
MILLIS = r"-?[0-9]{1,15}"

_MANGLED_END = r"([.,]0+|[eE][+-][0-9]{1,3})\z"
"""How `MANGLED` ends: looked at from the end, it is soon seen not to be there."""

_FIRST, _LAST = "'0001-01-01'", "'9999-12-31 23:59:59.999'"


def sql_type(t: Type) -> str:
    """Return DuckDB's spelling of the type in which data files hold *t*."""
    return type_of(arrow_type(t))


def any_of(conditions: Iterable[str]) -> str:
    """Return the disjunction of *conditions*; "false" if there are none."""
    return " OR ".join(f"({c})" for c in conditions if c != "false") or "false"


def from_text(text: str, s: Scalar) -> str:
    """Return the SQL that turns *text* (VARCHAR) into a value of *s*, NULL where it is none."""
    match s.name:
        case "string":
            return text
        case "boolean":
            return f"CASE lower({text}) WHEN 'true' THEN true WHEN 'false' THEN false END"
        case "number":
            return _when((_is(text, NUMBER), f"TRY_CAST({text} AS DOUBLE)"))
        case "date":
            return _when((_is(text, DATE), f"TRY_CAST({text} AS DATE)"))
        case "date-time":
            in_utc = f"TRY_CAST({text} AS TIMESTAMP)"
            zoned = f"TRY_CAST(upper({text}) AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
            millis = f"make_timestamp_ms(CAST({text} AS BIGINT))"
            moment = _when((_is(text, _IN_UTC), in_utc), (_is(text, DATE_TIME), zoned), (_is(text, MILLIS), millis))
            return f"CAST(date_trunc('millisecond', {moment}) AS TIMESTAMP_MS)"
        case _:
            return _integer(text, s)


def _integer(text: str, s: Scalar) -> str:
    number = f"TRY_CAST({text} AS DOUBLE)"
    whole = f"{_is(text, NUMBER)} AND {number} = trunc({number})"
    value = _when((_is(text, INTEGER), f"CAST({text} AS BIGINT)"), (whole, f"TRY_CAST({number} AS BIGINT)"))
    return f"TRY_CAST({value} AS {sql_type(s)})"


def _is(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, {literal(pattern)})"


def _when(*branches: tuple[str, str]) -> str:
    return f"CASE {' '.join(f'WHEN {condition} THEN {value}' for condition, value in branches)} END"


def _constraints(value: str, s: Scalar) -> Sequence[str]:
    """Return the conditions that break a rule of *s*; the maximum of a date-time is in milliseconds."""
    match s.name:
        case "string":
            return _text_constraints(value, s)
        case "boolean":
            return ()
        case "date":
            return (f"{value} NOT BETWEEN DATE {_FIRST} AND DATE '9999-12-31'",)
        case "date-time":
            span = f"{value} NOT BETWEEN TIMESTAMP {_FIRST} AND TIMESTAMP {_LAST}"
            return (span,) if s.maximum is None else (span, f"{value} > make_timestamp_ms({int(s.maximum)})")
        case "number":
            return (f"NOT isfinite({value})", *_limits(value, s.minimum, s.maximum))
        case "byte" | "short" | "int":
            return _limits(value, s.minimum, s.maximum)
        case "long":
            return (*_limits(value, *INTEGER_BOUNDS["long"]), *_limits(value, s.minimum, s.maximum))


def _limits(value: str, low: float | None, high: float | None) -> Sequence[str]:
    below = () if low is None else (f"{value} < {_number(low)}",)
    above = () if high is None else (f"{value} > {_number(high)}",)
    return (*below, *above)


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**62 else f"{value!r}::DOUBLE"


def _text_constraints(value: str, s: Scalar) -> list[str]:
    found = []
    if s.enum is not None:
        found.append(f"{value} NOT IN ({', '.join(map(literal, s.enum)) or 'NULL'})")
    if s.pattern is not None:
        found.append(f"NOT regexp_matches({value}, {literal(s.pattern)})")
    if s.min_length is not None:
        found.append(f"length({value}) < {s.min_length}")
    if s.max_length is not None:
        found.append(f"length({value}) > {s.max_length}")
    if s.format == "email":
        found.append(f"NOT {_is(value, '[^@]*@[^@]*')}")
    if isinstance(s, Identifier):
        found.append(_when((f"regexp_matches({value}, {literal(_MANGLED_END)})", _is(value, MANGLED))))
    return found


def misfit(value: str, t: Type, depth: int = 0) -> str:
    """Return the SQL that is true where *value*, which already has the columns' type of *t*, breaks a rule.

    NULL is absent: it breaks only a `required` of the object around it.
    """
    match t:
        case Scalar():
            return any_of(_constraints(value, t))
        case Object(fields):
            absent = any_of(f"{member(value, f.name)} IS NULL" for f in fields if f.required)
            missing = absent if absent == "false" else f"{value} IS NOT NULL AND ({absent})"
            return any_of([missing, *(misfit(member(value, f.name), f.type, depth) for f in fields)])
        case Array(items):
            return some(value, lambda item: misfit(item, items, depth + 1), depth)
        case Map(values):
            return some(f"map_values({value})", lambda item: misfit(item, values, depth + 1), depth)


def member(value: str, name: str) -> str:
    """Return the SQL of the field *name* of a structure."""
    return f"struct_extract({value}, {literal(name)})"


def pack(members: Iterable[tuple[str, str]]) -> str:
    """Return the SQL of a structure made of (name, value) pairs."""
    return f"struct_pack({', '.join(f'{quoted(name)} := {value}' for name, value in members)})"


def some(items: str, condition: Callable[[str], str], depth: int) -> str:
    """Return the SQL that is true where *condition* holds for an item of a list; *depth* counts lists around."""
    inside = condition(item(depth))
    return "false" if inside == "false" else f"len(list_filter({items}, lambda {item(depth)}: {inside})) > 0"


def each(items: str, value: Callable[[str], str], depth: int) -> str:
    """Return the SQL of a list of what *value* makes of each item."""
    return f"list_transform({items}, lambda {item(depth)}: {value(item(depth))})"


def each_value(entries: str, value: Callable[[str], str], depth: int) -> str:
    """Return the SQL of a map with what *value* makes of each value of the map *entries*."""
    pairs = each(
        f"map_entries({entries})",
        lambda entry: pack((("key", f"{entry}.key"), ("value", value(f"{entry}.value")))),
        depth,
    )
    return f"map_from_entries({pairs})"


def item(depth: int) -> str:
    """Return the name of an item inside *depth* lists; no column is called so."""
    return f"limbeck_item_{depth}"

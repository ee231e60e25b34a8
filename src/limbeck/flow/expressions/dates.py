"""Functions of dates, which are moments of UTC in milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from zoneinfo import available_timezones

from sqlglot import exp

from limbeck.engine.sql import literal
from limbeck.errors import ExpressionError, FeatureNotSupported, nearest
from limbeck.flow.expressions.model import Function, constant, fill
from limbeck.flow.expressions.values import FAILED, Names, Value, convert
from limbeck.query.dialect import rendered
from limbeck.query.functions import formats

_PARTS = {
    "year": ("year", "yyyy", "YYYY", "yy"),
    "quarter": ("quarter", "qq", "q"),
    "month": ("month", "MM", "M"),
    "day": ("day", "dd", "d"),
    "dayofyear": ("dayofyear", "dy"),
    "week": ("week", "ww", "w"),
    "isodow": ("weekday", "dw"),
    "hour": ("hour", "hh", "hh24"),
    "minute": ("minute", "mi", "n"),
    "second": ("second", "ss", "s"),
    "millisecond": ("millisecond", "SSS"),
}
_COMPONENTS = {name: part for part, names in _PARTS.items() for name in names}
_UNITS = {
    "year": "to_years",
    "month": "to_months",
    "week": "to_weeks",
    "day": "to_days",
    "hour": "to_hours",
    "minute": "to_minutes",
    "second": "to_seconds",
}

_NOW = "CAST(date_trunc('millisecond', now() AT TIME ZONE 'UTC') AS TIMESTAMP)"


def _pattern(value: Value) -> str:
    return constant(value, "the pattern of a date")


def _written(names: Names, arguments: Sequence[Value], position: int) -> Value:
    date, pattern = arguments
    sql = names.let(convert(date, "date", names), lambda x: _java(formats.writing, x, pattern))
    return Value(sql, "text", position)


def _java(how: Callable[[exp.Expr, exp.Expr], exp.Expr], text: str, pattern: Value) -> str:
    """Return the SQL that reads or writes a date by a pattern of Java's."""
    try:
        return rendered(how(exp.column(text), exp.Literal.string(_pattern(pattern))))
    except FeatureNotSupported as error:
        raise ExpressionError(error.message, position=pattern.position) from error


def _date(names: Names, arguments: Sequence[Value], position: int) -> Value:
    text, *how = arguments
    if not how or text.kind == "date":
        return Value(convert(text, "date", names), "date", position)
    other = convert(how[1], "date", names) if len(how) > 1 else f"CASE WHEN {FAILED} THEN NULL END"

    def read(x: str) -> str:
        found = names.let(
            _java(formats.reading, x, how[0]), lambda y: f"CASE WHEN {y} IS NULL THEN {other} ELSE {y} END"
        )
        return f"CASE WHEN {x} IS NOT NULL THEN CAST({found} AS TIMESTAMP) END"

    return Value(names.let(convert(text, "text", names), read), "date", position)


def _part(names: Names, arguments: Sequence[Value], position: int) -> Value:
    component = constant(arguments[0], "the component of a date", list(_COMPONENTS))
    part = f"date_part({literal(_COMPONENTS[component])}, {convert(arguments[1], 'date', names)})"
    return Value(f"{part} % 1000" if _COMPONENTS[component] == "millisecond" else part, "integer", position)


def _added(names: Names, arguments: Sequence[Value], position: int) -> Value:
    date, amount, unit = arguments
    name = constant(unit, "the unit", [*_UNITS, *(f"{u}s" for u in _UNITS)]).removesuffix("s")
    step = f"{_UNITS[name]}(CAST({convert(amount, 'integer', names)} AS INTEGER))"
    return Value(f"CAST({convert(date, 'date', names)} + {step} AS TIMESTAMP)", "date", position)


def _made(names: Names, arguments: Sequence[Value], position: int) -> Value:
    *parts, zone = arguments
    wall = "make_timestamp({0}, {1}, {2}, {3}, {4}, {5} + CAST({6} AS DOUBLE) / 1000000000)"
    converted = [convert(p, "integer", names) for p in parts]
    local = fill(wall, converted, [True] * len(converted), names)
    return Value(f"timezone('UTC', timezone({literal(_zone(zone))}, {local}))", "date", position)


def _zone(value: Value) -> str:
    """Return the name of a time zone, which has to stand in the expression itself."""
    found = constant(value, "the time zone")
    if found not in available_timezones():
        hint = nearest(found, sorted(available_timezones()))
        raise ExpressionError(
            f'"{found}" is no time zone such as Europe/Berlin. {hint}'.rstrip(), position=value.position
        )
    return found


FUNCTIONS = (
    Function("now", "Date", "", "date", _NOW, "This moment, the same for all rows of a run.", "now()", ...),
    Function("timestamp", "Date", "", "integer", f"epoch_ms({_NOW})", "This moment in milliseconds since 1970.",
             "timestamp()", ...),
    Function("date", "Date", "text:any pattern:text? default:date?", "date", _date,
             "The moment that a text says: as RFC 3339, in milliseconds since 1970, or in a pattern of Java's; the "
             "default if it says none so, without which the row fails.",
             'date("23.10.2019 11:24", "dd.MM.yyyy HH:mm")', "2019-10-23T11:24:00.000Z"),
    Function("format", "Date", "date:date pattern:text", "text", _written,
             "A date as text, in a pattern of Java's; numbers are milliseconds since 1970.",
             'dformat(1571829875000, "yyyy-MM-dd\'T\'HH:mm:ss.SSSX")', "2019-10-23T11:24:35.000Z",
             ("dformat", "format_date")),
    Function("date_part", "Date", "component:text date:date", "integer", _part,
             f"A part of a date: {', '.join(n for names in _PARTS.values() for n in names)}.",
             'date_part("YYYY", date("2019-10-17T11:55:12Z"))', 2019),
    Function("add_to_date", "Date", "date:date amount:integer unit:text", "date", _added,
             f"A date moved by so many units: {', '.join(_UNITS)}.", 'add_to_date(date("2020-01-31"), 1, "month")',
             "2020-02-29T00:00:00.000Z"),
    Function("make_date_time", "Date",
             "year:integer month:integer day:integer hour:integer minute:integer second:integer nanosecond:integer "
             "zone:text", "date", _made, "The moment at which a clock in a time zone shows this.",
             'make_date_time(2019, 10, 17, 11, 55, 12, 0, "America/Los_Angeles")', "2019-10-17T18:55:12.000Z"),
    Function("zone_date_to_utc", "Date", "date:date", "date", "{0}",
             "The moment of a date that names its zone, in UTC.", 'zone_date_to_utc("2019-10-17T11:55:12+02:00")',
             "2019-10-17T09:55:12.000Z"),
)  # fmt: skip

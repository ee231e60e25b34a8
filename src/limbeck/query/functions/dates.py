"""Dates and times; a timestamp has no zone and holds UTC (SQL contract, section 4.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sqlglot import exp

from limbeck.errors import FeatureNotSupported
from limbeck.query.casts import moment, wanted
from limbeck.query.dialect import position
from limbeck.query.functions.formats import reading, writing
from limbeck.query.functions.model import Function, is_true, one, template
from limbeck.query.types import DATE, INT, LONG, NUMBER, STRING, TIMESTAMP, is_numeric, type_of
from limbeck.xdm.types import Field, Object


def _part(text: str) -> Function:
    return one(f"CAST({text} AS INTEGER)", INT, "t")


_ZONES = {
    "EST": "Etc/GMT+5",
    "EDT": "Etc/GMT+4",
    "CST": "Etc/GMT+6",
    "CDT": "Etc/GMT+5",
    "MST": "Etc/GMT+7",
    "MDT": "Etc/GMT+6",
    "PST": "Etc/GMT+8",
    "PDT": "Etc/GMT+7",
}
"""Short names stand for a fixed distance from UTC (SQL contract, section 4.1)."""

_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d\d))?")


def _zoned(text: str, sign: str) -> Callable[[Sequence[exp.Expr]], exp.Expr]:
    """*text* is for zones with a name; those at a fixed distance are `{0} sign distance`."""

    def build(arguments: Sequence[exp.Expr]) -> exp.Expr:
        when, zone = arguments
        if not isinstance(zone, exp.Literal):
            return template(text, when, zone)
        found = _OFFSET.fullmatch(zone.name)
        if found is None:
            name = "UTC" if zone.name in ("Z", "GMT0") else _ZONES.get(zone.name.upper(), zone.name)
            return template(text, when, exp.Literal.string(name))
        minutes = int(found[1] + "1") * (int(found[2]) * 60 + int(found[3] or 0))
        return template(f"({{0}} {sign} to_minutes({minutes}))", when)

    return build


def _to_timestamp(arguments: Sequence[exp.Expr]) -> exp.Expr:
    value = arguments[0]
    if len(arguments) == 2 and type_of(value) in (STRING, None):
        return reading(value, arguments[1])
    if is_numeric(type_of(value)):
        return moment(value)
    return template("CAST({0} AS TIMESTAMP)", wanted(value, "t"))


def _to_date(arguments: Sequence[exp.Expr]) -> exp.Expr:
    return template("CAST({0} AS DATE)", _to_timestamp(arguments))


def _seconds(arguments: Sequence[exp.Expr]) -> exp.Expr:
    if not arguments:
        return template(f"CAST(floor(epoch({_NOW})) AS BIGINT)")
    if len(arguments) == 1 and type_of(arguments[0]) == STRING:
        arguments = [arguments[0], exp.Literal.string(_PLAIN)]
    return template("CAST(floor(epoch({0})) AS BIGINT)", _to_timestamp(arguments))


def _from_seconds(arguments: Sequence[exp.Expr]) -> exp.Expr:
    return writing(moment(arguments[0]), arguments[1] if len(arguments) == 2 else exp.Literal.string(_PLAIN))


def _cut(units: dict[str, str], text: str, unit: int) -> Callable[[Sequence[exp.Expr]], exp.Expr]:
    """Cut a moment to a unit, which argument number *unit* names; NULL for a name that is none."""
    cases = " ".join(f"WHEN '{name}' THEN '{meant}'" for name, meant in units.items())
    named = f"CASE upper({{{unit}}}) {cases} END"
    return lambda arguments: template(text.replace("{unit}", named), *arguments)


def _months_between(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """Whole months if both are the same day or the last of a month, else 31 days make one; to 8 digits."""
    exact = len(arguments) == 3 and not is_true(arguments[2])
    return template(_MONTHS if exact else f"round({_MONTHS}, 8)", *arguments[:2])


def _date_part(arguments: Sequence[exp.Expr]) -> exp.Expr:
    part = arguments[0].name.lower() if isinstance(arguments[0], exp.Literal | exp.Var | exp.Column) else ""
    found = _PARTS.get(part, _PARTS.get(part.removesuffix("s")))
    if found is None:
        raise FeatureNotSupported(f'"{part}" is no part of a moment', position=position(arguments[0]))
    return template(f"CAST({found} AS INTEGER)", wanted(arguments[1], "t"))


def _window(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """The span of time that a moment falls into; spans that overlap would give several rows."""
    if len(arguments) == 3:
        raise FeatureNotSupported("window is served for spans that do not overlap", position=position(arguments[2]))
    start = "time_bucket(CAST({1} AS INTERVAL), {0}, TIMESTAMP '1970-01-01')"
    return template(f'struct_pack("start" := {start}, "end" := {start} + CAST({{1}} AS INTERVAL))', *arguments)


_PLAIN = "yyyy-MM-dd HH:mm:ss"
_NOW = "CAST(now() AT TIME ZONE 'UTC' AS TIMESTAMP)"
_UNITS = {
    **dict.fromkeys(("YEAR", "YYYY", "YY"), "year"),
    **dict.fromkeys(("MONTH", "MON", "MM"), "month"),
    "QUARTER": "quarter",
    "WEEK": "week",
}
_UNITS_OF_TIME = {
    **_UNITS,
    **dict.fromkeys(("DAY", "DD"), "day"),
    **{unit.upper(): unit for unit in ("hour", "minute", "second", "millisecond", "microsecond")},
}
_DIFF = "((year({0}) - year({1})) * 12 + month({0}) - month({1}))"
_OF_MONTH = "(day({0}) * 86400 + floor(epoch({0})) - epoch(date_trunc('day', {0})))"
_MONTHS = (
    "CASE WHEN day({0}) = day({1}) OR (CAST({0} AS DATE) = last_day({0}) AND CAST({1} AS DATE) = last_day({1})) "
    f"THEN CAST({_DIFF} AS DOUBLE) "
    f"ELSE {_DIFF} + ({_OF_MONTH} - {_OF_MONTH.replace('{0}', '{1}')}) / 2678400 END"
)
_PARTS = {
    **{name: f"{name}({{0}})" for name in ("year", "quarter", "month", "week", "day", "hour", "minute", "second")},
    **dict.fromkeys(("doy", "dayofyear"), "dayofyear({0})"),
    **dict.fromkeys(("dow", "dayofweek"), "(dayofweek({0}) + 1)"),
    **dict.fromkeys(("dow_iso", "dayofweek_iso"), "isodow({0})"),
    "yearofweek": "isoyear({0})",
}
_DAYS = ", ".join(
    f"'{day[:n]}'"
    for day in ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
    for n in (2, 3, len(day))
)
_NEXT_DAY = (
    f"CAST(CAST({{0}} AS DATE) + CAST(((list_position([{_DAYS}], upper({{1}})) - 1) // 3 + 7 - isodow({{0}})) % 7 + 1 "
    "AS INTEGER) AS DATE)"
)
_ADD_DAYS = "CAST(CAST({0} AS DATE) %s CAST({1} AS INTEGER) AS DATE)"
_DATEDIFF = one("CAST(date_diff('day', CAST({1} AS DATE), CAST({0} AS DATE)) AS INTEGER)", INT, "t", 2)
_MAKE_DATE = (
    "CAST(try_strptime(lpad(CAST({0} AS VARCHAR), 4, '0') || '-' || CAST({1} AS VARCHAR) || '-' || "
    "CAST({2} AS VARCHAR), '%Y-%m-%d') AS DATE)"
)
_DT = "(to_days({0}) + to_hours({1}) + to_minutes({2}) + to_seconds({3}))"
_SPAN = Object((Field("start", TIMESTAMP), Field("end", TIMESTAMP)))

FUNCTIONS = {
    "now": one(_NOW, TIMESTAMP, count=0),
    "current_timestamp": one(_NOW, TIMESTAMP, count=0),
    "current_date": one(f"CAST({_NOW} AS DATE)", DATE, count=0),
    "year": _part("year({0})"),
    "quarter": _part("quarter({0})"),
    "month": _part("month({0})"),
    "day": _part("day({0})"),
    "dayofmonth": _part("day({0})"),
    "dayofyear": _part("dayofyear({0})"),
    "dayofweek": _part("dayofweek({0}) + 1"),
    "weekday": _part("isodow({0}) - 1"),
    "weekofyear": _part("week({0})"),
    "hour": _part("hour({0})"),
    "minute": _part("minute({0})"),
    "second": _part("second({0})"),
    "date_part": Function({2: ""}, INT, build=_date_part),
    "dayname": one("strftime({0}, '%a')", STRING, "t"),
    "monthname": one("strftime({0}, '%b')", STRING, "t"),
    "to_date": Function({1: "", 2: ""}, DATE, build=_to_date),
    "to_timestamp": Function({1: "", 2: ""}, TIMESTAMP, build=_to_timestamp),
    "date_format": Function({2: ""}, STRING, wants="ts", build=lambda arguments: writing(*arguments)),
    "from_utc_timestamp": Function(
        {2: ""}, TIMESTAMP, wants="ts", build=_zoned("(({0} AT TIME ZONE 'UTC') AT TIME ZONE {1})", "+")
    ),
    "to_utc_timestamp": Function(
        {2: ""}, TIMESTAMP, wants="ts", build=_zoned("(({0} AT TIME ZONE {1}) AT TIME ZONE 'UTC')", "-")
    ),
    "last_day": one("last_day({0})", DATE, "t"),
    "next_day": one(_NEXT_DAY, DATE, "ts", 2),
    "date_add": one(_ADD_DAYS % "+", DATE, "tn", 2),
    "dateadd": one(_ADD_DAYS % "+", DATE, "tn", 2),
    "date_sub": one(_ADD_DAYS % "-", DATE, "tn", 2),
    "datediff": _DATEDIFF,
    "date_diff": _DATEDIFF,
    "add_months": one("CAST(CAST({0} AS DATE) + to_months(CAST({1} AS INTEGER)) AS DATE)", DATE, "tn", 2),
    "months_between": Function({2: "", 3: ""}, NUMBER, wants="tt-", build=_months_between),
    "date_trunc": Function(
        {2: ""}, TIMESTAMP, wants="st", build=_cut(_UNITS_OF_TIME, "CAST(date_trunc({unit}, {1}) AS TIMESTAMP)", 0)
    ),
    "trunc": Function({2: ""}, DATE, wants="ts", build=_cut(_UNITS, "CAST(date_trunc({unit}, {0}) AS DATE)", 1)),
    "unix_timestamp": Function({0: "", 1: "", 2: ""}, LONG, build=_seconds),
    "to_unix_timestamp": Function({1: "", 2: ""}, LONG, build=_seconds),
    "from_unixtime": Function({1: "", 2: ""}, STRING, wants="ns", build=_from_seconds),
    "window": Function({2: "", 3: ""}, _SPAN, wants="ts", build=_window),
    "make_date": one(_MAKE_DATE, DATE, "n", 3),
    "make_timestamp": one("make_timestamp({*})", TIMESTAMP, "n", 6),
    "make_ym_interval": Function(
        {0: "to_months(0)", 1: "to_years({0})", 2: "(to_years({0}) + to_months({1}))"}, None, wants="n"
    ),
    "make_dt_interval": one(_DT, None, "n", 4),
    "timestamp_seconds": Function({1: ""}, TIMESTAMP, wants="n", build=lambda arguments: moment(arguments[0])),
    "timestamp_millis": one("make_timestamp(CAST({0} AS BIGINT) * 1000)", TIMESTAMP, "n"),
    "timestamp_micros": one("make_timestamp(CAST({0} AS BIGINT))", TIMESTAMP, "n"),
    "unix_date": one("CAST(date_diff('day', DATE '1970-01-01', {0}) AS INTEGER)", INT, "t"),
    "unix_seconds": one("CAST(floor(epoch({0})) AS BIGINT)", LONG, "t"),
    "unix_millis": one("epoch_ms({0})", LONG, "t"),
    "unix_micros": one("epoch_us({0})", LONG, "t"),
    "date_from_unix_date": one("CAST(DATE '1970-01-01' + CAST({0} AS INTEGER) AS DATE)", DATE, "n"),
}

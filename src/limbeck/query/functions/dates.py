"""Dates and times; a timestamp has no zone and holds UTC."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sqlglot import exp

from limbeck.errors import FeatureNotSupported
from limbeck.query.casts import wanted
from limbeck.query.dialect import position
from limbeck.query.functions.model import Function, one, template
from limbeck.query.types import DATE, INT, LONG, STRING, TIMESTAMP


def _part(text: str) -> Function:
    return one(f"CAST({text} AS INTEGER)", INT, "t")


_LETTERS = {
    "yyyy": "%Y",
    "y": "%Y",
    "yy": "%y",
    "MMMM": "%B",
    "MMM": "%b",
    "MM": "%m",
    "M": "%-m",
    "dd": "%d",
    "d": "%-d",
    "HH": "%H",
    "H": "%-H",
    "hh": "%I",
    "h": "%-I",
    "mm": "%M",
    "ss": "%S",
    "SSS": "%g",
    "a": "%p",
    "EEEE": "%A",
    "EEE": "%a",
    "E": "%a",
    "D": "%-j",
}
"""Java's pattern letters as the engine has them."""

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


def _pattern(node: exp.Expr) -> exp.Expr:
    """Return a pattern of Java's letters, which has to be a text in the statement, in the engine's."""
    if not (isinstance(node, exp.Literal) and node.is_string):
        raise FeatureNotSupported("a date's pattern is a text in quotes", position=position(node))
    made = []
    for found in re.finditer(r"'([^']*)'|(([A-Za-z])\3*)|([^A-Za-z'])", node.name):
        quoted, letters, other = found[1], found[2], found[4]
        if letters and letters not in _LETTERS:
            raise FeatureNotSupported(f'the pattern letters "{letters}" are not served', position=position(node))
        made.append(_LETTERS[letters] if letters else (quoted or other or "").replace("%", "%%"))
    return exp.Literal.string("".join(made))


def _patterned(text: str) -> Callable[[Sequence[exp.Expr]], exp.Expr]:
    return lambda arguments: template(text, arguments[0], _pattern(arguments[1]))


def _zoned(text: str) -> Callable[[Sequence[exp.Expr]], exp.Expr]:
    def build(arguments: Sequence[exp.Expr]) -> exp.Expr:
        zone = arguments[1]
        if isinstance(zone, exp.Literal):
            zone = exp.Literal.string(_ZONES.get(zone.name.upper(), zone.name))
        return template(text, arguments[0], zone)

    return build


def _to_timestamp(arguments: Sequence[exp.Expr]) -> exp.Expr:
    if len(arguments) == 1:
        return template("CAST({0} AS TIMESTAMP)", wanted(arguments[0], "t"))
    return _patterned("try_strptime({0}, {1})")([wanted(arguments[0], "s"), arguments[1]])


def _to_date(arguments: Sequence[exp.Expr]) -> exp.Expr:
    return template("CAST({0} AS DATE)", _to_timestamp(arguments))


_NOW = "CAST(now() AT TIME ZONE 'UTC' AS TIMESTAMP)"

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
    "to_date": Function({1: "", 2: ""}, DATE, build=_to_date),
    "to_timestamp": Function({1: "", 2: ""}, TIMESTAMP, build=_to_timestamp),
    "date_format": Function({2: ""}, STRING, wants="ts", build=_patterned("strftime({0}, {1})")),
    "from_utc_timestamp": Function(
        {2: ""}, TIMESTAMP, wants="ts", build=_zoned("(({0} AT TIME ZONE 'UTC') AT TIME ZONE {1})")
    ),
    "to_utc_timestamp": Function(
        {2: ""}, TIMESTAMP, wants="ts", build=_zoned("(({0} AT TIME ZONE {1}) AT TIME ZONE 'UTC')")
    ),
    "last_day": one("last_day({0})", DATE, "t"),
    "date_add": one("CAST(CAST({0} AS DATE) + {1} AS DATE)", DATE, "t-", 2),
    "date_sub": one("CAST(CAST({0} AS DATE) - {1} AS DATE)", DATE, "t-", 2),
    "datediff": one("CAST(date_diff('day', {1}, {0}) AS INTEGER)", INT, "t", 2),
    "add_months": one("CAST({0} + to_months(CAST({1} AS INTEGER)) AS DATE)", DATE, "t-", 2),
    "date_trunc": one("date_trunc({0}, {1})", TIMESTAMP, "st", 2),
    "unix_timestamp": Function(
        {0: f"CAST(floor(epoch({_NOW})) AS BIGINT)", 1: "CAST(floor(epoch({0})) AS BIGINT)"}, LONG, wants="t"
    ),
    "to_unix_timestamp": one("CAST(floor(epoch({0})) AS BIGINT)", LONG, "t"),
    "from_unixtime": one("strftime(make_timestamp(CAST({0} AS BIGINT) * 1000000), '%Y-%m-%d %H:%M:%S')", STRING, "n"),
    "make_date": one("make_date({0}, {1}, {2})", DATE, "n", 3),
}

"""Dates and times; a timestamp has no zone and holds UTC."""

from __future__ import annotations

from limbeck.query.functions.model import Function, one
from limbeck.query.types import DATE, INT, LONG, STRING, TIMESTAMP


def _part(text: str) -> Function:
    return one(f"CAST({text} AS INTEGER)", INT, "t")


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
    "to_date": one("CAST({0} AS DATE)", DATE, "t"),
    "to_timestamp": one("CAST({0} AS TIMESTAMP)", TIMESTAMP, "t"),
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
    "from_unixtime": one(
        "strftime(make_timestamp(CAST({0} AS BIGINT) * 1000000), '%Y-%m-%d %H:%M:%S')", STRING, "n"
    ),
    "make_date": one("make_date({0}, {1}, {2})", DATE, "n", 3),
}

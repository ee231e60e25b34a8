"""Points of time, the calendar, and `occurs` (profile contract, section 4.6). UTC throughout.

A point is an interval: it has a start, and an end that is no part of it; an instant has no end.
"""

from __future__ import annotations

import datetime as dt

from sqlglot import exp

from limbeck.audience.pql import tree as t
from limbeck.audience.pql.spelling import joined, text

_MILLISECONDS = {
    "millisecond": 1,
    "second": 1000,
    "minute": 60_000,
    "hour": 3_600_000,
    "day": 86_400_000,
    "week": 7 * 86_400_000,
}
_MONTHS = {"month": 1, "year": 12, "decade": 120, "century": 1200, "millennium": 12_000}
_LONGEST_MONTHS = 12 * 20_000
_LONGEST_MILLISECONDS = _LONGEST_MONTHS * 31 * _MILLISECONDS["day"]
"""No two dates of the years 1 to 9999 are further apart: a longer span says the same, and DuckDB can reckon with it."""

_ORDERS: dict[str, type[exp.Binary]] = {"<": exp.LT, "<=": exp.LTE, ">": exp.GT, ">=": exp.GTE}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}

Point = tuple[exp.Expr, exp.Expr | None]


def local(now: dt.datetime) -> dt.datetime:
    """Return *now* in UTC, without its zone."""
    return now.astimezone(dt.UTC).replace(tzinfo=None) if now.tzinfo else now


def begin(now: dt.datetime, word: t.Word | t.Unit) -> dt.datetime:
    """Return the instant `now`, or the start of `today` and the like, or of the unit of the calendar *now* lies in.

    A week starts on Monday; a decade, century and millennium in a year that 10, 100, 1000 divides.
    """
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    near = {
        "now": now,
        "yesterday": day - dt.timedelta(days=1),
        "tomorrow": day + dt.timedelta(days=1),
        "millisecond": now.replace(microsecond=now.microsecond // 1000 * 1000),
        "second": now.replace(microsecond=0),
        "minute": now.replace(second=0, microsecond=0),
        "hour": now.replace(minute=0, second=0, microsecond=0),
        "today": day,
        "day": day,
        "week": day - dt.timedelta(days=day.weekday()),
        "month": day.replace(day=1),
    }
    if word in near:
        return near[word]
    years = _MONTHS[word] // 12
    return day.replace(year=max(1, day.year // years * years), month=1, day=1)


def instant(moment: dt.datetime) -> exp.Expr:
    """Return a point of time as a TIMESTAMP."""
    return exp.cast(text(moment.isoformat(sep=" ")), "TIMESTAMP")


def shifted(moment: exp.Expr, count: int, unit: t.Unit) -> exp.Expr:
    """Return *moment*, one operand, moved by *count* units; months and longer in the calendar, clamped."""
    if count == 0:
        return moment
    kind = exp.Add if count > 0 else exp.Sub
    return exp.Paren(this=kind(this=moment, expression=_interval(abs(count), unit)))


def _interval(count: int, unit: t.Unit) -> exp.Expr:
    if unit in _MONTHS:
        size, name = min(count * _MONTHS[unit], _LONGEST_MONTHS), "MONTH"
    else:
        size, name = min(count * _MILLISECONDS[unit], _LONGEST_MILLISECONDS), "MILLISECOND"
    return exp.Interval(this=text(str(size)), unit=exp.var(name))


def calendar(now: dt.datetime, which: t.Which, unit: t.Unit) -> Point:
    """Return this, the last or the next unit of the calendar."""
    steps = {"last": -1, "this": 0, "next": 1}[which]
    this = instant(begin(now, unit))
    return shifted(this, steps, unit), shifted(this, steps + 1, unit)


def near(now: dt.datetime, word: t.Word) -> Point:
    """Return now, an instant, or one of the days around it."""
    start = instant(begin(now, word))
    return start, None if word == "now" else shifted(start, 1, "day")


def against(time: exp.Expr, relation: str, point: Point) -> exp.Expr:
    """Return whether *time* is on, before or after *point*."""
    start, end = point
    if relation == "before":
        return _compared(time, "<", start)
    if relation == "after":
        return _compared(time, ">=", end) if end else _compared(time, ">", start)
    return _within(time, start, end) if end else exp.EQ(this=time, expression=start)


def between(time: exp.Expr, first: Point, last: Point) -> exp.Expr:
    """Return whether *time* is neither before *first* nor after *last*."""
    start, end = last
    until = _compared(time, "<", end) if end else _compared(time, "<=", start)
    return joined("and", [_compared(time, ">=", first[0]), until])


def span(time: exp.Expr, test: t.Span, start: exp.Expr) -> exp.Expr:
    """Return whether *time* lies as far from *start*, the start of the point, as *test* says."""
    sides = [-1, 1] if test.side == "from" else [-1 if test.side == "before" else 1]
    found = joined("or", [_one_side(time, test, start, side) for side in sides])
    return exp.Not(this=exp.Paren(this=found)) if test.compare == "!=" else found


def _one_side(time: exp.Expr, test: t.Span, start: exp.Expr, side: int) -> exp.Expr:
    far = shifted(start, side * test.count, test.unit)
    if test.compare in ("=", "!="):
        return _within(time, far, shifted(far, 1, test.unit))
    edge = _compared(time, test.compare if side > 0 else _MIRRORED[test.compare], far)
    if test.compare in (">", ">="):
        return edge
    return joined("and", [edge, _compared(time, ">=" if side > 0 else "<=", start)])


def _within(time: exp.Expr, start: exp.Expr, end: exp.Expr) -> exp.Expr:
    return joined("and", [_compared(time, ">=", start), _compared(time, "<", end)])


def _compared(left: exp.Expr, sign: str, right: exp.Expr) -> exp.Expr:
    return _ORDERS[sign](this=left, expression=right)

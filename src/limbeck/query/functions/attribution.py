"""ATTRIBUTION_FIRST_TOUCH, ATTRIBUTION_LAST_TOUCH and their variants that expire (SQL contract, section 3.5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from sqlglot import exp

from limbeck.query.functions.frames import BEFORE, WHOLE, Over, rows
from limbeck.query.functions.model import Function, Types, is_true, template
from limbeck.query.types import NUMBER, STRING, TIMESTAMP, type_of, typed
from limbeck.xdm.types import Field, Object, Type

Which = Literal["first", "last"]
Windowed = Callable[[Sequence[exp.Expr], Over], exp.Expr]


def _result(types: Types) -> Type | None:
    value = types[2]
    if value is None:
        return None
    fields = (Field("name", STRING), Field("value", value), Field("timestamp", TIMESTAMP), Field("fraction", NUMBER))
    return Object(fields)


def _touch(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """What a row that is a touch gives, NULL for others."""
    text = """CASE WHEN {0} IS NOT NULL AND {2} IS NOT NULL
 THEN {{'name': CAST({1} AS VARCHAR), 'value': {2}, 'timestamp': {0}, 'fraction': CAST(1 AS DOUBLE)}} END"""
    return typed(template(text, *(a.copy() for a in arguments[:3])), _result([type_of(a) for a in arguments]))


def _known(arguments: Sequence[exp.Expr], found: exp.Expr) -> exp.Expr:
    """*found*, but NULL for a row without a time."""
    text = "CASE WHEN {0} IS NOT NULL THEN {1} END"
    return typed(template(text, arguments[0].copy(), found), _result([type_of(a) for a in arguments]))


def _plain(which: Which) -> Windowed:
    def build(arguments: Sequence[exp.Expr], over: Over) -> exp.Expr:
        return _known(arguments, over.pick(which, _touch(arguments)))

    return build


# -- expiry by a condition ----------------------------------------------------------------------------------


def _segment(arguments: Sequence[exp.Expr], over: Over) -> Over:
    """The window divided where the condition is true: behind such a row, or before it."""
    before = len(arguments) == 5 and is_true(arguments[4])
    frame = BEFORE if before else rows("UNBOUNDED", "1 PRECEDING")
    count = over.call("count(*) FILTER (WHERE {0} AND {1} IS NOT NULL)", arguments[3], arguments[0], spec=frame)
    return over.within(over.below(count))


def _first_if(arguments: Sequence[exp.Expr], over: Over) -> exp.Expr:
    """The first touch of the row's segment, no later than the row."""
    frame = over.until_here()
    touch = _touch(arguments)
    found = template("CASE WHEN false THEN {0} END", touch) if frame is None else None
    return _known(arguments, found or _segment(arguments, over).pick("first", touch, frame))


def _last_if(arguments: Sequence[exp.Expr], over: Over) -> exp.Expr:
    """The last touch of the row's segment, wherever the frame ends."""
    return _known(arguments, _segment(arguments, over).pick("last", _touch(arguments), WHOLE))


# -- expiry by time -----------------------------------------------------------------------------------------


def _first_timeout(arguments: Sequence[exp.Expr], over: Over) -> exp.Expr:
    """The first touch of the frame that is not older than so many seconds, nor later than the row."""
    moment, touch = arguments[0], over.below(_touch(arguments))
    number = over.number()
    entry = template("{{'row': {1}, 'touch': {0}}}", touch.copy(), number.copy())
    if over.holds_all_before and over.is_by(moment):
        text = "arg_min({0}, {1}) FILTER (WHERE {2} IS NOT NULL)"
        found = over.call(text, entry, number, touch, spec=_span(arguments, back=True), order=_by(moment))
        last = "true" if over.rows_after is None else f"({{0}}).row <= {{1}} + {over.rows_after}"
        return _known(arguments, template(f"CASE WHEN {last} THEN ({{0}}).touch END", found, number.copy()))
    listed = over.call("list({0}) FILTER (WHERE {1} IS NOT NULL)", entry, touch)
    inside = """list_min(list_filter({0}, LAMBDA "_t" : "_t".touch."timestamp" BETWEEN
 {1} - to_seconds(CAST({2} AS BIGINT)) AND {1})).touch"""
    return _known(arguments, template(inside, listed, moment.copy(), arguments[3].copy()))


def _last_timeout(arguments: Sequence[exp.Expr], over: Over) -> exp.Expr:
    """The last touch of the partition from the row's time to so many seconds later, wherever the frame ends."""
    touch = over.below(_touch(arguments))
    text = "arg_max({0}, {1}) FILTER (WHERE {0} IS NOT NULL)"
    spec = _span(arguments, back=False)
    return _known(arguments, over.call(text, touch, over.number(), spec=spec, order=_by(arguments[0])))


def _span(arguments: Sequence[exp.Expr], back: bool) -> exp.WindowSpec:
    seconds = template("to_seconds(CAST({0} AS BIGINT))", arguments[3].copy())
    here, there = ("end", "start") if back else ("start", "end")
    side = "PRECEDING" if back else "FOLLOWING"
    return exp.WindowSpec(kind="RANGE", **{here: "CURRENT ROW", there: seconds, f"{there}_side": side})


def _by(moment: exp.Expr) -> exp.Order:
    return exp.Order(expressions=[exp.Ordered(this=moment.copy(), desc=False, nulls_first=True)])


def _function(windowed: Windowed, wants: str, *counts: int, test: int | None = None) -> Function:
    return Function(dict.fromkeys(counts, ""), _result, "window", wants, windowed=windowed, test=test)


FUNCTIONS = {
    "attribution_first_touch": _function(_plain("first"), "ts-", 3),
    "attribution_last_touch": _function(_plain("last"), "ts-", 3),
    "attribution_first_touch_exp_if": _function(_first_if, "ts-", 4, 5, test=3),
    "attribution_last_touch_exp_if": _function(_last_if, "ts-", 4, 5, test=3),
    "attribution_first_touch_exp_timeout": _function(_first_timeout, "ts-n", 4),
    "attribution_last_touch_exp_timeout": _function(_last_timeout, "ts-n", 4),
}

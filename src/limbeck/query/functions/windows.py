"""Functions that stand before OVER only, Adobe's among them (SQL contract, section 3)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from limbeck.errors import SqlSyntaxError
from limbeck.query.dialect import position
from limbeck.query.functions.model import Function, Result, first_type, is_true, template
from limbeck.query.types import INT, NUMBER, typed

_UNITS = {"days": "day", "hours": "hour", "minutes": "minute", "seconds": "second"}


def _window(text: str, result: Result, *counts: int, wrap: str = "") -> Function:
    return Function(dict.fromkeys(counts, text), result, "window", wrap=wrap)


def _picking(name: str) -> Function:
    """The first or last value of the frame; a second argument true leaves NULL out."""

    def build(arguments: Sequence[exp.Expr]) -> exp.Expr:
        nulls = " IGNORE NULLS" if len(arguments) == 2 and is_true(arguments[1]) else ""
        return template(f"{name}({{0}}{nulls})", arguments[0])

    return Function({1: "", 2: ""}, first_type, "window", build=build)


def _unit(arguments: Sequence[exp.Expr]) -> str:
    if len(arguments) < 3:
        return "second"
    node = arguments[2]
    unit = _UNITS.get(node.name.lower()) if isinstance(node, exp.Literal) and node.is_string else None
    if unit is None:
        raise SqlSyntaxError(
            "the unit is one of 'days', 'hours', 'minutes', 'seconds'", position=position(node), hint=None
        )
    return unit


def _previous_match(arguments: Sequence[exp.Expr], window: exp.Window) -> exp.Expr:
    """Time since the latest match: the greatest matching time of the frame, in whole units, truncated."""
    moment, last = arguments[0].copy(), _matching("max", arguments, window)
    text = f"CAST(date_sub('{_unit(arguments)}', {{0}}, {{1}}) AS INTEGER)"
    return typed(template(text, last, moment), INT)


def _next_match(arguments: Sequence[exp.Expr], window: exp.Window) -> exp.Expr:
    """Minus the time until the nearest match: the least matching time of the frame."""
    moment, nearest = arguments[0].copy(), _matching("min", arguments, window)
    text = f"CAST(- date_sub('{_unit(arguments)}', {{0}}, {{1}}) AS INTEGER)"
    return typed(template(text, moment, nearest), INT)


def _matching(aggregate: str, arguments: Sequence[exp.Expr], window: exp.Window) -> exp.Expr:
    window.set("this", template(f"{aggregate}({{0}}) FILTER (WHERE {{1}})", *arguments[:2]))
    return window


_INT = "CAST({0} AS INTEGER)"
_MATCH = {2: "", 3: ""}

FUNCTIONS = {
    "row_number": _window("row_number()", INT, 0, wrap=_INT),
    "rank": _window("rank()", INT, 0, wrap=_INT),
    "dense_rank": _window("dense_rank()", INT, 0, wrap=_INT),
    "percent_rank": _window("percent_rank()", NUMBER, 0),
    "cume_dist": _window("cume_dist()", NUMBER, 0),
    "ntile": _window("ntile({0})", INT, 1, wrap=_INT),
    "lag": _window("lag({*})", first_type, 1, 2, 3),
    "lead": _window("lead({*})", first_type, 1, 2, 3),
    "first_value": _picking("first_value"),
    "last_value": _picking("last_value"),
    "nth_value": _window("nth_value({0}, {1})", first_type, 2),
    "time_between_previous_match": Function(_MATCH, INT, "window", "t--", windowed=_previous_match),
    "time_between_next_match": Function(_MATCH, INT, "window", "t--", windowed=_next_match),
}

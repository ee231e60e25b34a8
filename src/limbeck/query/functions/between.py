"""TIME_BETWEEN_PREVIOUS_MATCH and TIME_BETWEEN_NEXT_MATCH (SQL contract, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from limbeck.errors import SqlSyntaxError
from limbeck.query.dialect import position
from limbeck.query.functions.frames import Over
from limbeck.query.functions.model import Function, template
from limbeck.query.types import INT, type_of, typed

_UNITS = {"days": "day", "hours": "hour", "minutes": "minute", "seconds": "second"}


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


def _previous(arguments: Sequence[exp.Expr], over: Over) -> exp.Expr:
    """Time since the latest match of the frame up to this row, in whole units, truncated."""
    unit, frame = _unit(arguments), over.until_here()
    if frame is None:
        return _never()
    match = _match("max", "last", arguments, over, frame)
    return typed(template(f"TRY_CAST(date_sub('{unit}', {{0}}, {{1}}) AS INTEGER)", match, arguments[0].copy()), INT)


def _next(arguments: Sequence[exp.Expr], over: Over) -> exp.Expr:
    """Minus the time until the nearest match of the frame from this row on."""
    unit, frame = _unit(arguments), over.from_here()
    if frame is None:
        return _never()
    match = _match("min", "first", arguments, over, frame)
    return typed(template(f"TRY_CAST(- date_sub('{unit}', {{1}}, {{0}}) AS INTEGER)", match, arguments[0].copy()), INT)


def _match(extreme: str, which: str, arguments: Sequence[exp.Expr], over: Over, frame: exp.WindowSpec) -> exp.Expr:
    """The time of a match: in the order of time the extreme one, which the engine finds faster."""
    moment, condition = arguments[:2]
    if over.is_by(moment):
        return over.call(f"{extreme}({{0}}) FILTER (WHERE {{1}})", moment, condition, spec=frame)
    matching = typed(template("CASE WHEN {1} THEN {0} END", moment.copy(), condition.copy()), type_of(moment))
    return over.pick("last" if which == "last" else "first", matching, frame)


def _never() -> exp.Expr:
    return typed(template("CAST(NULL AS INTEGER)"), INT)


_FORMS = {2: "", 3: ""}

FUNCTIONS = {
    "time_between_previous_match": Function(_FORMS, INT, "window", "t--", windowed=_previous, test=1),
    "time_between_next_match": Function(_FORMS, INT, "window", "t--", windowed=_next, test=1),
}

"""PREVIOUS and NEXT (SQL contract, section 3.4)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from limbeck.errors import SqlSyntaxError
from limbeck.query.dialect import position
from limbeck.query.functions.frames import Over
from limbeck.query.functions.model import Function, Types, is_true, template
from limbeck.query.types import LONG, type_of, typed
from limbeck.xdm.types import Field, Object, Type


def _result(types: Types) -> Type | None:
    return None if types[0] is None else Object((Field("value", types[0]),))


def _previous(arguments: Sequence[exp.Expr], over: Over) -> exp.Expr:
    return _shifted("lag", arguments, over, over.holds_all_before)


def _next(arguments: Sequence[exp.Expr], over: Over) -> exp.Expr:
    return _shifted("lead", arguments, over, over.holds_all_after)


def _shifted(function: str, arguments: Sequence[exp.Expr], over: Over, inside: bool) -> exp.Expr:
    """The key of a row some steps away; *inside*: wherever that is, it lies in the frame."""
    key, steps = arguments[0], _steps(arguments)
    nulls = " IGNORE NULLS" if len(arguments) == 3 and is_true(arguments[2]) else ""
    value = template("CASE WHEN {0} IS NOT NULL THEN {{'value': {0}}} END", key.copy())
    found = over.shifted(f"{function}({{0}}, {steps}{nulls})", value)
    result = _result([type_of(key)])
    if inside:
        return typed(found, result)
    number = over.number()
    counted = template("CASE WHEN {1} IS NOT NULL THEN {0} END", number, key.copy()) if nulls else number
    place = typed(over.shifted(f"{function}({{0}}, {steps}{nulls})", counted), LONG)
    first, last = over.call("min({0})", number), over.call("max({0})", number)
    return typed(template("CASE WHEN {1} BETWEEN {2} AND {3} THEN {0} END", found, place, first, last), result)


def _steps(arguments: Sequence[exp.Expr]) -> int:
    if len(arguments) < 2:
        return 1
    node = arguments[1]
    if not (isinstance(node, exp.Literal) and node.is_int and int(node.name) > 0):
        raise SqlSyntaxError("the shift is a whole number from 1", position=position(node), hint=None)
    return int(node.name)


_FORMS = {1: "", 2: "", 3: ""}

FUNCTIONS = {
    "previous": Function(_FORMS, _result, "window", windowed=_previous),
    "next": Function(_FORMS, _result, "window", windowed=_next),
}

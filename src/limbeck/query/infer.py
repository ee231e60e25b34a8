"""Types of expressions from the types of their parts."""

from __future__ import annotations

from sqlglot import exp

from limbeck.query.types import (
    BOOLEAN,
    DATE,
    INT,
    LONG,
    NUMBER,
    STRING,
    TIMESTAMP,
    is_numeric,
    scalar_name,
    type_of,
    widest,
)
from limbeck.xdm.types import Array, Type

_INT_MAX = 2**31 - 1

_BOOLEANS = (exp.Predicate, exp.And, exp.Or, exp.Not, exp.Boolean)
_BITWISE = (exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor)
_DAYS = frozenset({"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"})


def infer(node: exp.Expr) -> Type | None:
    """Return the type of *node*, whose parts have theirs; None where it cannot be known."""
    match node:
        case exp.Literal():
            return _literal(node)
        case exp.Case():
            return widest([*(type_of(i.args["true"]) for i in node.args["ifs"]), type_of(node.args.get("default"))])
        case exp.DPipe():
            left = type_of(node.this)
            return left if isinstance(left, Array) else STRING
        case exp.Trim():
            return STRING
        case exp.Add() | exp.Sub() | exp.Mul() | exp.Mod():
            return _arithmetic(node)
        case exp.Interval():
            return None
        case exp.Div():
            return NUMBER
        case exp.IntDiv():
            return LONG
    if isinstance(node, _BOOLEANS):
        return BOOLEAN
    if isinstance(node, _BITWISE):
        return widest([type_of(node.this), type_of(node.expression)])
    return type_of(node.this) if isinstance(node.this, exp.Expr) else None


def _literal(node: exp.Literal) -> Type:
    if node.is_string:
        return STRING
    if node.is_int:
        return INT if int(node.name) <= _INT_MAX else LONG
    return NUMBER


def _arithmetic(node: exp.Binary) -> Type | None:
    left, right = type_of(node.this), type_of(node.expression)
    names = (scalar_name(left), scalar_name(right))
    if names == ("date", "date"):
        return LONG
    if names == ("date-time", "date-time"):
        return None
    if "date-time" in names:
        return TIMESTAMP
    if "date" in names:
        return DATE if is_numeric(left) or is_numeric(right) or _is_of_days(node.expression) else TIMESTAMP
    if None in names:
        return None
    return widest([left, right])


def _is_of_days(node: exp.Expr) -> bool:
    """Whether *node* is an interval that leaves a date a date."""
    return isinstance(node, exp.Interval) and str(node.args.get("unit") or "").upper().removesuffix("S") in _DAYS

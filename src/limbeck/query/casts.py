"""Casts, asked for and implied, with Spark's meaning (SQL contract, section 4.1)."""

from __future__ import annotations

import re

from sqlglot import exp

from limbeck.errors import DatatypeMismatch, FeatureNotSupported
from limbeck.query.dialect import position, template, written
from limbeck.query.infer import infer
from limbeck.query.types import (
    INTEGERS,
    NUMBER,
    STRING,
    TIMESTAMP,
    is_integer,
    is_numeric,
    is_string,
    of_cast,
    scalar_name,
    type_of,
    typed,
)
from limbeck.xdm.sql import duckdb_type
from limbeck.xdm.types import ScalarName, Type

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Between)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.IntDiv)

OPERATORS: frozenset[type[exp.Expr]] = frozenset({*_COMPARISONS, *_ARITHMETIC})
"""Operators that cast their operands."""

_TO_TIMESTAMP = "coalesce(TRY_CAST({0} AS TIMESTAMPTZ) AT TIME ZONE 'UTC', try_strptime({0}, '%m-%d-%Y %H:%M:%S'))"
"""An offset in the text counts; without one it is UTC."""

_EXACT = "TRY_CAST(trunc(TRY_CAST({0} AS DECIMAL(38, 9))) AS %s)"


def operator(node: exp.Expr) -> exp.Expr:
    """Return a comparison, IN or arithmetic whose parts are bound, its operands cast to what they meet."""
    if isinstance(node, _ARITHMETIC):
        return typed(_arithmetic(node), infer(node))
    keys = [k for k in ("this", "expression", "low", "high") if isinstance(node.args.get(k), exp.Expr)]
    operands = [node.args[k] for k in keys] + list(node.args.get("expressions") or [])
    common = _common([type_of(o) for o in operands])
    if common is not None:
        for key in keys:
            node.set(key, _compared(node.args[key], common))
        if node.args.get("expressions"):
            node.set("expressions", [_compared(o, common) for o in node.expressions])
    return typed(node, infer(node))


def _common(types: list[Type | None]) -> Type | None:
    """What strings among the operands of a comparison are cast to, or None if nothing is to be cast."""
    others = [t for t in types if t is not None and not is_string(t)]
    if not any(map(is_string, types)) or not others or scalar_name(others[0]) is None:
        return None
    if all(map(is_integer, others)):
        return next(t for t in others if is_integer(t))
    return NUMBER if all(map(is_numeric, others)) else others[0]


def _compared(node: exp.Expr, common: Type) -> exp.Expr:
    if not is_string(type_of(node)):
        return node
    if scalar_name(common) == "date-time":
        return wanted(node, "t")
    if is_integer(common):
        return typed(template("TRY_CAST({0} AS BIGINT)", node), common)
    return typed(template(f"TRY_CAST({{0}} AS {duckdb_type(common)})", node), common)


def _arithmetic(node: exp.Expr) -> exp.Expr:
    for key in ("this", "expression"):
        if is_string(type_of(node.args[key])):
            node.set(key, wanted(node.args[key], "n"))
    left, right = node.this, node.args["expression"]
    if isinstance(node, exp.Div):
        return template("({0} / {1})", left, _not_zero(right))
    if isinstance(node, exp.Mod):
        return template("({0} % {1})", left, _not_zero(right))
    if isinstance(node, exp.IntDiv):
        whole = is_integer(type_of(left)) and is_integer(type_of(right))
        text = "CAST({0} // {1} AS BIGINT)" if whole else "CAST(trunc({0} / {1}) AS BIGINT)"
        return template(text, left, _not_zero(right))
    return node


def _not_zero(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Literal) and not node.is_string and float(node.name) != 0:
        return node
    return template("nullif({0}, 0)", node)


def wanted(node: exp.Expr, letter: str) -> exp.Expr:
    """Return *node* cast to what a function wants, if its type is known to be another."""
    name = scalar_name(type_of(node))
    if letter == "s" and name not in (None, "string"):
        return typed(template("CAST({0} AS VARCHAR)", node), STRING)
    if letter == "n" and name == "string":
        return typed(template("TRY_CAST({0} AS DOUBLE)", node), NUMBER)
    if letter == "t" and name == "string":
        return typed(template(_TO_TIMESTAMP, node), TIMESTAMP)
    return node


def cast(node: exp.Expr, target: exp.DataType) -> exp.Expr:
    """Return *node* cast to *target*; NULL where that fails."""
    wished = of_cast(target)
    if wished is None:
        raise FeatureNotSupported(f"a cast to {written(target)} is not served", position=position(target))
    name = scalar_name(wished)
    if name in INTEGERS:
        return typed(_to_integer(node, name, duckdb_type(wished)), wished)
    if name == "date-time" and is_string(type_of(node)):
        _check_order(node)
        return wanted(node, "t")
    if name == "date-time" and is_numeric(type_of(node)):
        return typed(template("make_timestamp(CAST({0} * 1000000 AS BIGINT))", node), TIMESTAMP)
    spelled = _decimal(target) if target.this == exp.DType.DECIMAL else duckdb_type(wished)
    if target.this == exp.DType.FLOAT:
        spelled = "FLOAT"
    braced = spelled.replace("{", "{{").replace("}", "}}")
    return typed(template(f"TRY_CAST({{0}} AS {braced})", node), wished)


def _check_order(node: exp.Expr) -> None:
    """A date in American order is a moment only with a time behind it."""
    if isinstance(node, exp.Literal) and re.fullmatch(r"\d\d-\d\d-\d{4}", node.name):
        raise DatatypeMismatch(
            f"'{node.name}' is no timestamp", position=position(node), hint="write it as yyyy-MM-dd, or add a time"
        )


def _decimal(target: exp.DataType) -> str:
    sizes = [int(e.name) for e in target.expressions]
    precision, scale = ([*sizes, 0])[:2] if sizes else (10, 0)
    return f"DECIMAL({precision}, {scale})"


def _to_integer(node: exp.Expr, name: ScalarName | None, spelled: str) -> exp.Expr:
    """Spark cuts off what stands behind the point, the engine would round."""
    have = type_of(node)
    if is_string(have):
        return template(_EXACT % spelled, node)
    if scalar_name(have) == "number":
        return template(f"TRY_CAST(trunc({{0}}) AS {spelled})", node)
    if scalar_name(have) == "date-time":
        return template(f"TRY_CAST(floor(epoch({{0}})) AS {spelled})", node)
    return template(f"TRY_CAST({{0}} AS {spelled})", node)

"""Casts, asked for and implied, with Spark's meaning (SQL contract, section 4.1)."""

from __future__ import annotations

import re

from sqlglot import exp

from limbeck.errors import DatatypeMismatch, FeatureNotSupported
from limbeck.query.dialect import position, template, written
from limbeck.query.infer import infer
from limbeck.query.types import (
    BINARY,
    DATE,
    INTEGERS,
    NUMBER,
    STRING,
    TIMESTAMP,
    engine_type,
    is_integer,
    is_numeric,
    is_string,
    of_cast,
    scalar_name,
    type_of,
    typed,
)
from limbeck.xdm.sql import duckdb_type
from limbeck.xdm.types import Array, Map, Object, ScalarName, Type

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Between)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.IntDiv)

OPERATORS: frozenset[type[exp.Expr]] = frozenset({*_COMPARISONS, *_ARITHMETIC, exp.DPipe})
"""Operators that cast their operands."""

_TO_TIMESTAMP = (
    "coalesce(TRY_CAST({0} AS TIMESTAMPTZ) AT TIME ZONE 'UTC', try_strptime({0}, '%m-%d-%Y %H:%M:%S'), "
    "try_strptime({0}, ['%Y-%m', '%Y', '%Y-%m-%d %H:%M', '%Y-%m-%dT%H:%M']))"
)
"""An offset in the text counts; without one it is UTC."""

_NULLS = {"s": "text", "b": "binary", "n": "double", "t": "timestamp"}
"""What NULL is where a function wants a type."""

_NUMBER = (
    "CASE WHEN typeof({0}) NOT IN ('DOUBLE', 'FLOAT') OR {0} = 0 OR (abs({0}) >= 0.001 AND abs({0}) < 10000000) "
    "THEN CAST({0} AS VARCHAR) ELSE spark_number(CAST({0} AS VARCHAR)) END"
)
"""Java's E begins elsewhere than the engine's."""

_BOOLEAN = (
    "CASE WHEN lower(trim({0})) IN ('t', 'true', 'y', 'yes', '1') THEN true "
    "WHEN lower(trim({0})) IN ('f', 'false', 'n', 'no', '0') THEN false END"
)

_EXACT = "CASE WHEN NOT contains(lower({0}), 'e') THEN TRY_CAST(trunc(TRY_CAST({0} AS DECIMAL(38, 9))) AS %s) END"
"""An integer is written without an exponent."""


def operator(node: exp.Expr) -> exp.Expr:
    """Return a comparison, IN or arithmetic whose parts are bound, its operands cast to what they meet."""
    if isinstance(node, _ARITHMETIC):
        return typed(_arithmetic(node), infer(node))
    if isinstance(node, exp.DPipe):
        return typed(_joined(node), infer(node))
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
    if infer(node) == DATE:
        return template(f"CAST({{0}} {'-' if isinstance(node, exp.Sub) else '+'} {{1}} AS DATE)", left, right)
    if isinstance(node, exp.Mod):
        return template("({0} % {1})", left, _not_zero(right))
    if isinstance(node, exp.IntDiv):
        whole = is_integer(type_of(left)) and is_integer(type_of(right))
        text = "CAST({0} // {1} AS BIGINT)" if whole else "CAST(trunc({0} / {1}) AS BIGINT)"
        return template(text, left, _not_zero(right))
    return node


def _joined(node: exp.DPipe) -> exp.Expr:
    """Lists are joined as lists, all else as texts."""
    if isinstance(infer(node), Array):
        return node
    return template("({0} || {1})", *(wanted(node.args[key], "s") for key in ("this", "expression")))


def _not_zero(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Literal) and not node.is_string and float(node.name) != 0:
        return node
    return template("nullif({0}, 0)", node)


def wanted(node: exp.Expr, letter: str) -> exp.Expr:
    """Return *node* cast to what a function wants, if its type is known to be another."""
    if isinstance(node, exp.Null) and letter in _NULLS:
        return cast(node, exp.DataType.build(_NULLS[letter]))
    name = scalar_name(type_of(node))
    if letter == "s":
        return text(node)
    if letter == "b":
        return blob(node)
    if letter == "n" and name == "string":
        return typed(template("TRY_CAST({0} AS DOUBLE)", node), NUMBER)
    if letter == "t" and name == "string":
        return typed(template(_TO_TIMESTAMP, node), TIMESTAMP)
    return node


def text(node: exp.Expr) -> exp.Expr:
    """Return *node* as a string, if it is a scalar or bytes and no string."""
    kind = type_of(node)
    if kind == BINARY:
        return typed(template("spark_decode({0}, 'UTF-8')", node), STRING)
    if scalar_name(kind) in (None, "string"):
        return node
    return typed(template(_NUMBER if scalar_name(kind) == "number" else "CAST({0} AS VARCHAR)", node), STRING)


def blob(node: exp.Expr) -> exp.Expr:
    """Return *node* as bytes, those of UTF-8 for a text."""
    return node if type_of(node) == BINARY else typed(template("encode({0})", text(node)), BINARY)


def cast(node: exp.Expr, target: exp.DataType) -> exp.Expr:
    """Return *node* cast to *target*; NULL where that fails."""
    wished = of_cast(target)
    if wished is None:
        raise FeatureNotSupported(f"a cast to {written(target)} is not served", position=position(target))
    name = scalar_name(wished)
    if wished == BINARY:
        return blob(node)
    if name == "string" and type_of(node) is not None and not isinstance(type_of(node), Array | Map | Object):
        return text(node)
    if name == "boolean" and is_string(type_of(node)):
        return typed(template(_BOOLEAN, node), wished)
    if name == "number" and is_string(type_of(node)) and target.this != exp.DType.DECIMAL:
        node = typed(template(r"regexp_replace(trim({0}), '(\d)[dDfF]$', '\1')", node), STRING)
    if name == "date" and is_string(type_of(node)):
        return typed(template("CAST({0} AS DATE)", wanted(node, "t")), wished)
    if name in INTEGERS:
        return typed(_to_integer(node, name, duckdb_type(wished)), wished)
    if name == "date-time" and is_string(type_of(node)):
        _check_order(node)
        return wanted(node, "t")
    if name == "date-time" and is_numeric(type_of(node)):
        return moment(node)
    if name == "number" and scalar_name(type_of(node)) == "date-time":
        node = template("epoch({0})", node)
    spelled = _decimal(target) if target.this == exp.DType.DECIMAL else engine_type(wished)
    if target.this == exp.DType.FLOAT:
        spelled = "FLOAT"
    braced = spelled.replace("{", "{{").replace("}", "}}")
    return typed(template(f"TRY_CAST({{0}} AS {braced})", node), wished)


def moment(seconds: exp.Expr) -> exp.Expr:
    """Return the timestamp so many seconds, a number, after 1970."""
    whole = is_integer(type_of(seconds))
    text_ = "CAST({0} AS BIGINT) * 1000000" if whole else "CAST({0} * 1000000 AS BIGINT)"
    return typed(template(f"make_timestamp({text_})", seconds), TIMESTAMP)


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

"""The names that unnamed columns of a result get (SQL contract, section 1.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from sqlglot import exp

from limbeck.query.dialect import written

_SPARK_NAMES = {"cardinality": "size"}


def label(node: exp.Expr) -> str:
    """Return the name of a column that is given by the unresolved expression *node*.

    Functions in lower case, strings without quotes; a path to a struct's field is called like the field, in
    lower case, a column as it was typed.
    """
    if isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier):
        return _name(node) if len(node.parts) == 1 else _name(node).lower()
    if isinstance(node, exp.Dot) and _is_path(node):
        return str(node.expression.name).lower()
    return _text(node)


def _name(node: exp.Column) -> str:
    return str(node.name)


def _is_path(node: exp.Expr) -> bool:
    while isinstance(node, exp.Dot) and isinstance(node.expression, exp.Identifier):
        node = node.this
    return isinstance(node, exp.Column)


def _text(node: exp.Expr) -> str:
    writer = _WRITERS.get(type(node))
    if writer is not None:
        return writer(node)
    if isinstance(node, exp.Binary):
        return f"({_text(node.this)} {_OPERATORS.get(type(node), node.key)} {_text(node.expression)})"
    return written(node)


def _call(node: Any) -> str:
    name = node.name.lower()
    inner = ["1" if isinstance(e, exp.Star) else _text(e) for e in node.expressions]
    return f"{_SPARK_NAMES.get(name, name)}({', '.join(inner)})"


def _column(node: Any) -> str:
    return ".".join(part.name for part in node.parts)


def _literal(node: Any) -> str:
    return cast("str", node.this)


def _bracket(node: Any) -> str:
    return f"{_text(node.this)}[{', '.join(map(_text, node.expressions))}]"


def _window(node: Any) -> str:
    """What stands behind OVER is as it was written."""
    return _text(node.this) + written(node)[len(written(node.this)) :]


def _distinct(node: Any) -> str:
    return "DISTINCT " + ", ".join(map(_text, node.expressions))


_WRITERS: dict[type[exp.Expr], Callable[[Any], str]] = {
    exp.Anonymous: _call,
    exp.Column: _column,
    exp.Identifier: lambda node: cast("str", node.name),
    exp.Dot: lambda node: f"{_text(node.this)}.{_text(node.expression)}",
    exp.Bracket: _bracket,
    exp.Literal: _literal,
    exp.Distinct: _distinct,
    exp.Window: _window,
    exp.Paren: lambda node: _text(node.this),
    exp.Alias: lambda node: _text(node.this),
    exp.Neg: lambda node: f"(- {_text(node.this)})",
    exp.Cast: lambda node: f"CAST({_text(node.this)} AS {written(node.args['to'])})",
}

_OPERATORS: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.EQ: "=",
    exp.NEQ: "!=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.And: "AND",
    exp.Or: "OR",
    exp.DPipe: "||",
    exp.IntDiv: "div",
    exp.NullSafeEQ: "<=>",
    exp.Like: "LIKE",
    exp.ILike: "ILIKE",
    exp.Is: "IS",
}

"""Which queries merely pick columns and rows: the engine reads them again quicker than it keeps what they give."""

from __future__ import annotations

from sqlglot import exp

_PARTS = (
    *(exp.Select, exp.Union, exp.From, exp.Table, exp.TableAlias, exp.Identifier, exp.Where),
    *(exp.Alias, exp.Column, exp.Dot, exp.Literal, exp.Null, exp.Boolean, exp.Cast, exp.DataType, exp.Paren),
    *(exp.And, exp.Or, exp.Not, exp.Is, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE),
)


def is_plain(query: exp.Expr) -> bool:
    """Whether a query computes nothing: no function, no window, no groups, no joins, all rows of a UNION ALL."""
    return all(isinstance(node, _PARTS) and not node.args.get("distinct") for node in query.walk())

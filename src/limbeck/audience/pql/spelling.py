"""Small pieces of DuckDB's SQL as sqlglot expressions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from sqlglot import exp

_ATOMS = (exp.Column, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Func, exp.Exists, exp.Array)
_CONNECTORS = {"and": exp.And, "or": exp.Or}


def wrapped(made: exp.Expr) -> exp.Expr:
    """Return *made* in parentheses, unless nothing can come between its parts."""
    return made if isinstance(made, _ATOMS) and not isinstance(made, exp.Connector) else exp.Paren(this=made)


def joined(operator: Literal["and", "or"], parts: Iterable[exp.Expr]) -> exp.Expr:
    """Return the conjunction or disjunction of *parts*."""
    first, *rest = [exp.Paren(this=part) if isinstance(part, exp.Connector) else part for part in parts]
    made = first
    for part in rest:
        made = _CONNECTORS[operator](this=made, expression=part)
    return made


def named(table: str, column: str) -> exp.Expr:
    """Return a column of a table."""
    return exp.column(exp.to_identifier(column, quoted=True), table=table)


def function(name: str, *arguments: exp.Expr) -> exp.Expr:
    """Return a call of a function by DuckDB's name for it."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def number(value: int) -> exp.Expr:
    """Return a whole number."""
    return exp.Literal.number(value)


def text(value: str) -> exp.Expr:
    """Return a string."""
    return exp.Literal.string(value)


def is_null(made: exp.Expr) -> exp.Expr:
    """Return whether *made*, one operand, is NULL."""
    return exp.Is(this=made, expression=exp.null())


def or_false(made: exp.Expr) -> exp.Expr:
    """Return *made*, a condition, with false for NULL."""
    return exp.Coalesce(this=made, expressions=[exp.false()])


def exists(table: str, alias: str, where: exp.Expr) -> exp.Expr:
    """Return whether *table* has a row that meets *where*."""
    rows = exp.select(number(1)).from_(exp.alias_(exp.to_table(table), alias, table=True))
    return exp.Exists(this=rows.where(where, copy=False))

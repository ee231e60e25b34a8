"""Aggregates; each may also stand before OVER."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from limbeck.query.functions.model import Function, Result, Types, first_type, is_true, template
from limbeck.query.types import BOOLEAN, LONG, NUMBER, is_integer, scalar_name
from limbeck.xdm.types import Array, Type

_NO_NULLS = 'coalesce(list_filter({0}, LAMBDA "_x" : "_x" IS NOT NULL), [])'
_NO_NAN = "nullif({0}, CAST('NaN' AS DOUBLE))"


def _aggregate(text: str, result: Result, wants: str = "", count: int = 1, wrap: str = "") -> Function:
    return Function({count: text}, result, "aggregate", wants, wrap)


def _sum(types: Types) -> Type | None:
    return LONG if is_integer(types[0]) else (NUMBER if scalar_name(types[0]) else None)


def _list(types: Types) -> Type | None:
    return None if types[0] is None else Array(types[0])


def _picking(name: str) -> Function:
    """The first or last row met; a second argument true leaves NULL out."""

    def build(arguments: Sequence[exp.Expr]) -> exp.Expr:
        if len(arguments) == 2 and is_true(arguments[1]):
            return template(f"{name}({{0}}) FILTER (WHERE {{0}} IS NOT NULL)", arguments[0])
        return template(f"{name}({{0}})", arguments[0])

    return Function({1: "", 2: ""}, first_type, "aggregate", build=build)


FUNCTIONS = {
    "count": _aggregate("count({0})", LONG),
    "count_if": _aggregate("count(CASE WHEN {0} THEN 1 END)", LONG),
    "sum": _aggregate("sum({0})", _sum, "n"),
    "avg": _aggregate("avg({0})", NUMBER, "n"),
    "mean": _aggregate("avg({0})", NUMBER, "n"),
    "min": _aggregate("min({0})", first_type),
    "max": _aggregate("max({0})", first_type),
    "first": _picking("first"),
    "last": _picking("last"),
    "any_value": _aggregate("first({0})", first_type),
    "stddev": _aggregate("stddev_samp({0})", NUMBER, "n"),
    "stddev_samp": _aggregate("stddev_samp({0})", NUMBER, "n"),
    "stddev_pop": _aggregate("stddev_pop({0})", NUMBER, "n"),
    "variance": _aggregate("var_samp({0})", NUMBER, "n"),
    "var_samp": _aggregate("var_samp({0})", NUMBER, "n"),
    "var_pop": _aggregate("var_pop({0})", NUMBER, "n"),
    "corr": _aggregate("corr({0}, {1})", NUMBER, "n", 2, _NO_NAN),
    "covar_pop": _aggregate("covar_pop({0}, {1})", NUMBER, "n", 2),
    "covar_samp": _aggregate("covar_samp({0}, {1})", NUMBER, "n", 2),
    "kurtosis": _aggregate("kurtosis_pop({0})", NUMBER, "n"),
    "percentile": _aggregate("quantile_cont({0}, {1})", NUMBER, "n-", 2),
    "approx_count_distinct": _aggregate("approx_count_distinct({0})", LONG),
    "collect_list": _aggregate("list({0})", _list, wrap=_NO_NULLS),
    "collect_set": _aggregate("list(DISTINCT {0})", _list, wrap=_NO_NULLS),
    "max_by": _aggregate("arg_max({0}, {1})", first_type, count=2),
    "min_by": _aggregate("arg_min({0}, {1})", first_type, count=2),
    "bool_and": _aggregate("bool_and({0})", BOOLEAN),
    "bool_or": _aggregate("bool_or({0})", BOOLEAN),
    "every": _aggregate("bool_and({0})", BOOLEAN),
    "some": _aggregate("bool_or({0})", BOOLEAN),
    "grouping": _aggregate("grouping({0})", LONG),
}

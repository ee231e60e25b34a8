"""Aggregates; each may also stand before OVER."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from limbeck.query.functions.model import ANY, Function, Result, Types, first_type, is_true, template
from limbeck.query.types import BOOLEAN, LONG, NUMBER, is_integer, scalar_name
from limbeck.xdm.types import Array, Scalar, Type

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


def _quantile(name: str, text: str) -> Function:
    """At one share or at a list of them; how exact it may be is of no matter, for it is exact."""

    def build(arguments: Sequence[exp.Expr]) -> exp.Expr:
        return template(text, arguments[0], arguments[1])

    def result(types: Types) -> Type | None:
        kind = NUMBER if name == "percentile" else types[0]
        return Array(kind) if kind is not None and isinstance(types[1], Array) else kind

    counts = (2,) if name == "percentile" else (2, 3)
    return Function(dict.fromkeys(counts, ""), result, "aggregate", wants="n-", build=build)


_APPROXIMATE = _quantile("approx_percentile", "quantile_disc({0}, {1})")
_REGRESSION = ("regr_slope", "regr_intercept", "regr_r2")

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
    "std": _aggregate("stddev_samp({0})", NUMBER, "n"),
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
    "percentile": _quantile("percentile", "quantile_cont(CAST({0} AS DOUBLE), {1})"),
    "median": _aggregate("quantile_cont(CAST({0} AS DOUBLE), 0.5)", NUMBER, "n"),
    "approx_percentile": _APPROXIMATE,
    "percentile_approx": _APPROXIMATE,
    "mode": _aggregate("mode({0})", first_type),
    "bit_and": _aggregate("bit_and({0})", first_type),
    "bit_or": _aggregate("bit_or({0})", first_type),
    "bit_xor": _aggregate("bit_xor({0})", first_type),
    "regr_count": _aggregate("CAST(regr_count({0}, {1}) AS BIGINT)", LONG, "n", 2),
    **{name: _aggregate(f"{name}({{0}}, {{1}})", NUMBER, "n", 2) for name in _REGRESSION},
    "approx_count_distinct": _aggregate("approx_count_distinct({0})", LONG),
    "collect_list": _aggregate("list({0})", _list, wrap=_NO_NULLS),
    "collect_set": _aggregate("list(DISTINCT {0})", _list, wrap=_NO_NULLS),
    "max_by": _aggregate("arg_max({0}, {1})", first_type, count=2),
    "min_by": _aggregate("arg_min({0}, {1})", first_type, count=2),
    "bool_and": _aggregate("bool_and({0})", BOOLEAN),
    "bool_or": _aggregate("bool_or({0})", BOOLEAN),
    "every": _aggregate("bool_and({0})", BOOLEAN),
    "some": _aggregate("bool_or({0})", BOOLEAN),
    "grouping": _aggregate("CAST(grouping({0}) AS TINYINT)", Scalar("byte")),
    "grouping_id": Function({ANY: "grouping({*})"}, LONG, "aggregate"),
}

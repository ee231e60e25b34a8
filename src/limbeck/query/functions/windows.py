"""Functions that stand before OVER only; Adobe's are in modules of their own."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from limbeck.query.functions.model import Function, Result, first_type, is_true, template
from limbeck.query.types import INT, NUMBER


def _window(text: str, result: Result, *counts: int, wrap: str = "") -> Function:
    return Function(dict.fromkeys(counts, text), result, "window", wrap=wrap)


def _picking(name: str) -> Function:
    """The first or last value of the frame; a second argument true leaves NULL out."""

    def build(arguments: Sequence[exp.Expr]) -> exp.Expr:
        nulls = " IGNORE NULLS" if len(arguments) == 2 and is_true(arguments[1]) else ""
        return template(f"{name}({{0}}{nulls})", arguments[0])

    return Function({1: "", 2: ""}, first_type, "window", build=build)


_INT = "CAST({0} AS INTEGER)"

BY_DISTANCE = frozenset({"row_number", "ntile", "lag", "lead"})
"""Functions that tell apart rows which are equal in order, whatever the frame."""

BY_PEERS = frozenset({"rank", "dense_rank", "percent_rank", "cume_dist"})
"""Functions that never do."""

FUNCTIONS = {
    "row_number": _window("row_number()", INT, 0, wrap=_INT),
    "rank": _window("rank()", INT, 0, wrap=_INT),
    "dense_rank": _window("dense_rank()", INT, 0, wrap=_INT),
    "percent_rank": _window("percent_rank()", NUMBER, 0),
    "cume_dist": _window("cume_dist()", NUMBER, 0),
    "ntile": _window("ntile({0})", INT, 1, wrap=_INT),
    "lag": _window("lag({*})", first_type, 1, 2, 3),
    "lead": _window("lead({*})", first_type, 1, 2, 3),
    "first_value": _picking("first_value"),
    "last_value": _picking("last_value"),
    "nth_value": _window("nth_value({0}, {1})", first_type, 2),
}

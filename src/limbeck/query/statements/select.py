"""Queries, and how many rows of them are shown (SQL contract, section 1.3)."""

from __future__ import annotations

from contextlib import ExitStack

import pyarrow as pa
from sqlglot import exp

from limbeck.errors import RowCapReached
from limbeck.query.result import Result, presented
from limbeck.query.statements.context import Kind, Statement

DEFAULT_CAP = 50_000
HIGHEST_LIMIT = 100_000


def run(statement: Statement) -> Result:
    """Run a query: 50,000 rows without LIMIT, as many as LIMIT says up to 100,000, all with LIMIT 0."""
    with ExitStack() as stack:
        plan = statement.plan
        limit, cap = _capped(plan.limit)
        session = stack.enter_context(statement.opened(plan))
        reader = session.reader(plan.limited(limit))
        return Result(reader.schema, reader, stack.pop_all(), cap)


def _capped(rows: int | None) -> tuple[int | None, int | None]:
    """Return the LIMIT that the engine is given, and at how many rows the result is cut; None for not at all."""
    if rows is None:
        return DEFAULT_CAP + 1, DEFAULT_CAP
    if rows > HIGHEST_LIMIT:
        raise RowCapReached(
            f"LIMIT {rows} is above {HIGHEST_LIMIT:,}, the most rows a query may give; export the dataset, or "
            "write LIMIT 0 for all rows"
        )
    return rows or None, None


def _columns(statement: Statement) -> pa.Schema:
    plan = statement.plan
    with statement.opened(plan) as session:
        return presented(session.describe(plan.limited(plan.limit)))


KINDS: dict[type, Kind] = {
    tree: Kind(run, "SELECT", columns=_columns)
    for tree in (exp.Select, exp.Union, exp.Except, exp.Intersect, exp.Subquery, exp.Values)
}

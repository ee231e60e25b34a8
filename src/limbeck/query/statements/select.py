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
        reading = statement.resolve(statement.tree)
        cap = _capped(reading.tree)
        session = stack.enter_context(statement.opened(reading))
        reader = session.reader(reading.sql)
        return Result(reader.schema, reader, stack.pop_all(), cap)


def _capped(query: exp.Expr) -> int | None:
    """Return at how many rows the result is cut, None for not at all; a LIMIT 0 is taken off."""
    limit = query.args.get("limit")
    if limit is None:
        if isinstance(query, exp.Query):
            query.set("limit", exp.Limit(expression=exp.Literal.number(DEFAULT_CAP + 1)))
        return DEFAULT_CAP
    rows = int(limit.expression.name)
    if rows > HIGHEST_LIMIT:
        raise RowCapReached(
            f"LIMIT {rows} is above {HIGHEST_LIMIT:,}, the most rows a query may give; export the dataset, or "
            "write LIMIT 0 for all rows"
        )
    if rows == 0:
        query.set("limit", None)
    return None


def _columns(statement: Statement) -> pa.Schema:
    reading = statement.resolve(statement.tree)
    with statement.opened(reading) as session:
        return presented(session.describe(reading.sql))


KINDS: dict[type, Kind] = {
    tree: Kind(run, "SELECT", columns=_columns)
    for tree in (exp.Select, exp.Union, exp.Except, exp.Intersect, exp.Subquery, exp.Values)
}

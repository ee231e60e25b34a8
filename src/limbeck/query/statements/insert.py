"""INSERT INTO (SQL contract, section 2.3)."""

from __future__ import annotations

import pyarrow.parquet as pq
from sqlglot import exp

from limbeck.engine.sql import quoted
from limbeck.errors import FeatureNotSupported, SqlSyntaxError, UndefinedColumn, UndefinedTable, nearest
from limbeck.lake import Dataset
from limbeck.query.checks import check_parts
from limbeck.query.dialect import position
from limbeck.query.result import Result, presented
from limbeck.query.statements.context import Kind, Statement
from limbeck.query.statements.fit import fitted
from limbeck.xdm.arrow import from_arrow


def run(statement: Statement) -> Result:
    """Append the rows of a query or of VALUES to a table; columns meet by position, or as they are listed."""
    node = statement.tree
    if node.args.get("overwrite"):
        raise FeatureNotSupported("INSERT OVERWRITE is not served for tables")
    check_parts(node, frozenset({"this", "expression"}))
    dataset = _target(statement)
    listed = _listed(node, dataset)
    query = node.args["expression"].pop()
    reading = statement.resolve(query)
    with statement.opened(reading) as session:
        if len(reading.columns) > len(listed):
            raise SqlSyntaxError(
                f"INSERT has {len(reading.columns)} values for {len(listed)} columns of {dataset.table}"
            )
        names = ", ".join(map(quoted, listed[: len(reading.columns)]))
        named = f"SELECT * FROM ({reading.sql}\n) AS _q({names})"
        have = from_arrow(presented(session.describe(named)))
        files = session.write_parquet(fitted(named, have, dataset.schema.type))
        rows = sum(pq.read_metadata(file).num_rows for file in files)
        statement.lake.append(dataset, files, "insert", statement.author)
    result = Result.of({"rows": [rows]})
    result.affected = rows
    return result


def _target(statement: Statement) -> Dataset:
    table = statement.tree.this.this if isinstance(statement.tree.this, exp.Schema) else statement.tree.this
    if not isinstance(table, exp.Table) or table.args.get("db"):
        raise FeatureNotSupported("INSERT INTO takes the name of a table", position=position(statement.tree))
    found = statement.catalogue.dataset(table.name)
    if found is None:
        known = statement.catalogue.names()
        hint = nearest(table.name, known) or None
        raise UndefinedTable(f'table "{table.name}" does not exist', position=position(table), hint=hint)
    if found.sample_of:
        raise FeatureNotSupported(f"{found.table} is a sample; rows go into tables", position=position(table))
    return found


def _listed(node: exp.Expr, dataset: Dataset) -> list[str]:
    """Return the columns the values go into: those in parentheses, else all in schema order."""
    columns = {f.name.lower(): f.name for f in dataset.schema.type.fields}
    if not isinstance(node.this, exp.Schema):
        return list(columns.values())
    listed = []
    for part in node.this.expressions:
        if part.name.lower() not in columns:
            hint = nearest(part.name, list(columns.values())) or None
            raise UndefinedColumn(f'{dataset.table} has no column "{part.name}"', position=position(part), hint=hint)
        listed.append(columns[part.name.lower()])
    return listed


KINDS: dict[type, Kind] = {exp.Insert: Kind(run, "INSERT", writes=True)}

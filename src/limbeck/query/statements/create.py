"""CREATE TABLE … AS (SQL contract, section 2.2)."""

from __future__ import annotations

import pyarrow as pa
from sqlglot import exp

from limbeck.errors import DuplicateTable, FeatureNotSupported, SqlSyntaxError
from limbeck.query.checks import check_parts
from limbeck.query.dialect import position
from limbeck.query.result import Result, presented
from limbeck.query.statements.context import Kind, Statement
from limbeck.query.statements.fit import fitted
from limbeck.xdm.arrow import from_arrow
from limbeck.xdm.names import check_names
from limbeck.xdm.types import Schema

SCHEMA = pa.schema([("Created Table DataSet Id", pa.string())])
"""What CREATE TABLE answers with."""

_PROPERTIES = frozenset({"schema", "rowvalidation", "label"})


def run(statement: Statement) -> Result:
    """Make a dataset with the rows of a query; its schema is made from the columns or named by its title."""
    node = statement.tree
    name = _name(node)
    check_parts(node, frozenset({"this", "kind", "expression", "exists", "properties"}))
    properties = _properties(node)
    existing = statement.find(name)
    if existing is not None:
        if not node.args.get("exists"):
            raise DuplicateTable(f'table "{name}" exists already', hint="write CREATE TABLE IF NOT EXISTS")
        return _made(existing.id)
    query = _query(node)
    reading = statement.resolve(query)
    check_names([column.name for column in reading.columns], "the result")
    with statement.opened(reading) as session:
        have = from_arrow(presented(session.describe(reading.sql)))
        schema = _named_schema(statement, properties)
        want = have if schema is None else schema.type
        files = session.write_parquet(fitted(reading.sql, have, want))
        if schema is None:
            schema = statement.registry.adhoc_schema(statement.sandbox, name, have, created_by=statement.author)
        made = statement.lake.create_table(statement.sandbox, name, schema.id, files, statement.author)
    return _made(made.id)


def _made(dataset_id: str) -> Result:
    return Result.of({SCHEMA.names[0]: [dataset_id]})


def _name(node: exp.Expr) -> str:
    table = node.this
    if node.args.get("kind") != "TABLE" or not isinstance(table, exp.Table) or node.args.get("replace"):
        raise FeatureNotSupported("of CREATE, only CREATE TABLE [IF NOT EXISTS] name AS query is served")
    if table.args.get("db"):
        raise FeatureNotSupported("a table's name has no schema before it here", position=position(table))
    if "__" in table.name:
        raise SqlSyntaxError("a table's name has no two underscores in a row", position=position(table))
    return table.name


def _query(node: exp.Expr) -> exp.Expr:
    query: exp.Expr | None = node.args.get("expression")
    if query is None:
        raise FeatureNotSupported("CREATE TABLE without AS and a query is not served", position=position(node))
    unwrapped = query.unnest() if isinstance(query, exp.Subquery) else query
    if isinstance(unwrapped, exp.Select):
        for item in unwrapped.expressions:
            if not isinstance(item, exp.Alias | exp.Column | exp.Dot | exp.Star):
                raise SqlSyntaxError("the column needs a name: write AS name behind it", position=position(item))
    query.pop()
    return query


def _properties(node: exp.Expr) -> dict[str, str]:
    found: dict[str, str] = {}
    properties = node.args.get("properties")
    for item in properties.expressions if properties is not None else []:
        key = item.name.lower() if isinstance(item, exp.Property) else item.key
        if key not in _PROPERTIES:
            raise FeatureNotSupported(f"WITH ({key} = …) is not served", position=position(item))
        found[key] = item.args["value"].name
    if "label" in found:
        raise FeatureNotSupported("WITH (label = …) is not served: tables are not enabled for Profile here")
    return found


def _named_schema(statement: Statement, properties: dict[str, str]) -> Schema | None:
    title = properties.get("schema")
    if title is None:
        return None
    return statement.registry.find(statement.sandbox, title)


KINDS: dict[type, Kind] = {exp.Create: Kind(run, "CREATE TABLE", writes=True, columns=lambda _: SCHEMA)}

"""DROP TABLE (SQL contract, section 2.3)."""

from __future__ import annotations

from sqlglot import exp

from limbeck.access.service import LOCAL
from limbeck.errors import FeatureNotSupported, Forbidden, UndefinedTable, nearest
from limbeck.lake import Dataset
from limbeck.query.dialect import position
from limbeck.query.result import Result
from limbeck.query.statements.context import Kind, Statement


def run(statement: Statement) -> Result:
    """Drop a table that CREATE TABLE made, for whoever made it."""
    node = statement.tree
    tables = node.args.get("tables") or []
    if node.args.get("kind") != "TABLE" or len(tables) != 1 or tables[0].args.get("db"):
        raise FeatureNotSupported("of DROP, only DROP TABLE [IF EXISTS] name is served", position=position(node))
    name = tables[0].name
    found = statement.catalogue.dataset(name)
    if found is not None:
        _check_own(statement, found)
        statement.lake.datasets.drop(statement.sandbox, found.id)
    elif not node.args.get("exists"):
        known = statement.catalogue.names()
        hint = nearest(name, known) or None
        raise UndefinedTable(f'table "{name}" does not exist', position=position(tables[0]), hint=hint)
    return Result.nothing()


def _check_own(statement: Statement, dataset: Dataset) -> None:
    operations = {snapshot.operation for snapshot in statement.lake.history(dataset)}
    if "create table as" not in operations:
        raise Forbidden(f"{dataset.table} was not made by CREATE TABLE; delete the dataset in the catalogue")
    who = statement.author
    if who and who != LOCAL and dataset.created_by != who:
        raise Forbidden(f"{dataset.table} was made by another credential; only that one may drop it")


KINDS: dict[type, Kind] = {exp.Drop: Kind(run, "DROP TABLE", writes=True)}

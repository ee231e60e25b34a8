"""DROP TABLE (SQL contract, section 2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from limbeck import crash
from limbeck.errors import DependentObjects, Forbidden, WrongObject
from limbeck.lake import Dataset
from limbeck.query import logical
from limbeck.query.logical import Member
from limbeck.query.result import Result
from limbeck.query.statements import target
from limbeck.query.statements.context import Kind, Parser, Statement
from limbeck.query.statements.create import MADE
from limbeck.query.words import Words


@dataclass(frozen=True, slots=True)
class DropTable:
    """DROP TABLE [IF EXISTS] name."""

    parts: tuple[str, ...]
    if_exists: bool


def _drop(words: Words) -> DropTable | None:
    if not words.take("DROP", "TABLE"):
        return None
    if_exists = words.take("IF", "EXISTS")
    parts = words.path()
    words.end()
    return DropTable(parts, if_exists)


def run(statement: Statement) -> Result:
    """Drop a table that CREATE TABLE made, for whoever made it; of several logical schemas that refer to it, leave one.

    In that case only the reference of the schema that is named goes.
    """
    command: DropTable = statement.command
    name = target.found_name(statement, command.parts)
    if name is not None and name.lower() in statement.session.temp:
        statement.session.drop(name)
        return Result.nothing()
    seen = name is not None and name.lower() in map(str.lower, statement.catalogue.names())
    if command.if_exists and not seen:
        return Result.nothing()
    found = target.table(statement, command.parts)
    if found.sample_of:
        raise WrongObject(f'"{found.table}" is a sample', hint=f"DROP TABLESAMPLE {found.table}")
    _check_own(statement, found)
    member = Member("table", found.id)

    def also(connection: Connection) -> None:
        logical.forget(connection, statement.sandbox, member)
        crash.point("query.drop-table.before-commit")

    if not only_reference(statement, command.parts, member):
        statement.lake.datasets.drop(statement.sandbox, found.id, also=also)
    return Result.nothing()


def only_reference(statement: Statement, parts: Sequence[str], member: Member) -> bool:
    """Drop the reference of the logical schema that *parts* name, if others refer to *member*, too; say if it was so.

    Raise `DependentObjects` if *parts* leave open which schema is meant.
    """
    with statement.objects.writing() as connection:
        referring = logical.referring(connection, statement.sandbox, member)
        if len(referring) < 2:
            return False
        named = _named(statement, parts)
        mine = [schema for schema in referring if schema.name.lower() in named]
        if len(mine) != 1:
            names = ", ".join(schema.name for schema in referring)
            raise DependentObjects(f'"{parts[-1]}" is in several schemas: {names}', hint="write database.schema.name")
        logical.remove(connection, statement.sandbox, mine[0].name.split("."), member)
    return True


def _named(statement: Statement, parts: Sequence[str]) -> set[str]:
    """Return the full lower-case names of the schemas that *parts* may mean."""
    schemas = statement.catalogue.schemas()
    if len(parts) == 1:
        return {s.full_name.lower() for s in schemas} if statement.session.view.within else set()
    before = ".".join(parts[:-1]).lower()
    return {s.full_name.lower() for s in schemas if before in (s.full_name.lower(), s.name.lower(), s.database.lower())}


def _check_own(statement: Statement, dataset: Dataset) -> None:
    made_by_sql = MADE.items() <= dataset.tags.items() or any(
        snapshot.operation == "create table as" for snapshot in statement.lake.history(dataset)
    )
    if not made_by_sql:
        raise Forbidden(f"{dataset.table} was not made by CREATE TABLE; delete the dataset in the catalogue")
    target.check_owner(statement, dataset.table, dataset.created_by)


PARSERS: dict[str, Parser] = {"DROP": _drop}

KINDS: dict[type, Kind] = {DropTable: Kind(run, "DROP TABLE", writes=True)}

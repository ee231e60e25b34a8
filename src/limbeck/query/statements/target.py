"""The table or view that a statement makes, changes or drops (SQL contract, sections 2.2 to 2.4)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from limbeck.errors import Forbidden, NotFound, SqlError, SqlSyntaxError, UndefinedTable, WrongObject, nearest
from limbeck.lake import Dataset
from limbeck.query.objects import VIEW, QueryObject
from limbeck.query.statements.context import Statement
from limbeck.scope import LOCAL

Parts = Sequence[str]


def new(statement: Statement, parts: Parts) -> tuple[str, tuple[str, str] | None]:
    """Return the name that something new gets, and the logical schema, if any, that shall refer to it.

    Raise `SqlSyntaxError` for a name that tables cannot have, `NotFound` for an unknown schema.
    """
    name = parts[-1]
    if not re.fullmatch(r"\w+", name):
        raise SqlSyntaxError(f'"{name}" is no name for a table: letters, digits and underscores make one')
    if "__" in name:
        raise SqlSyntaxError(f'"{name}": a table\'s name has no two underscores in a row')
    within = statement.session.view.within
    if len(parts) == 1:
        if within is None:
            return name, None
        parts = (*within.split("."), name)
    return name, _schema(statement, [part.lower() for part in parts[:-1]])


def _schema(statement: Statement, parts: Parts) -> tuple[str, str] | None:
    ours = {statement.sandbox.name.lower(), f"{statement.sandbox.name.lower()}:all", "all"}
    if parts[-1] == "public" and set(parts[:-1]) <= ours:
        return None
    schemas = statement.catalogue.schemas()
    if len(parts) == 1:
        found = [s for s in schemas if parts[0] in (s.name.lower(), s.database.lower())]
    else:
        found = [s for s in schemas if s.full_name.lower() == ".".join(parts)]
    if not found:
        raise NotFound(f'schema "{".".join(parts)}" does not exist; CREATE SCHEMA database.schema makes one')
    if len(found) > 1:
        raise SqlError(f'"{parts[0]}" may be {" or ".join(s.full_name for s in found)}; write database.schema.table')
    return found[0].database, found[0].name


def found_name(statement: Statement, parts: Parts) -> str | None:
    """Return the name of the table or view that *parts* stand for, as the session sees them; None if there is none."""
    return parts[0] if len(parts) == 1 else statement.catalogue.qualified(parts)


def table(statement: Statement, parts: Parts) -> Dataset:
    """Return the dataset behind a table; raise `UndefinedTable`, or `WrongObject` for what is no table of the lake."""
    name = found_name(statement, parts)
    if name is not None and name.lower() in statement.session.temp:
        raise WrongObject(f'"{name}" is a temporary table; it takes INSERT and DROP only')
    if name is not None and (dataset := statement.catalogue.dataset(name)) is not None:
        return dataset
    if name is not None and statement.catalogue.view(name) is not None:
        raise WrongObject(f'"{name}" is a view, not a table')
    raise undefined(statement, parts, "table")


def view(statement: Statement, parts: Parts) -> QueryObject:
    """Return a view; raise `UndefinedTable`, or `WrongObject` for a table."""
    name = found_name(statement, parts)
    if name is not None and statement.catalogue.view(name) is not None:
        found = statement.objects.named(statement.sandbox, VIEW, name)
        if found is not None:
            return found
    if name is not None and statement.catalogue.table(name) is not None:
        raise WrongObject(f'"{name}" is a table, not a view')
    raise undefined(statement, parts, "view")


def undefined(statement: Statement, parts: Parts, kind: str) -> UndefinedTable:
    """Return the error for a name that stands for nothing."""
    hint = nearest(parts[-1], statement.catalogue.names()) or None
    return UndefinedTable(f'{kind} "{".".join(parts)}" does not exist', hint=hint)


def check_owner(statement: Statement, name: str, created_by: str) -> None:
    """Raise `Forbidden` unless who acts has made it, or acts for the process itself."""
    who = statement.author
    if who and who != LOCAL and created_by != who:
        raise Forbidden(f"{name} was made by another credential; only that one may drop or replace it")

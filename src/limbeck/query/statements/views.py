"""CREATE VIEW, DROP VIEW and SHOW VIEWS (SQL contract, sections 1.7 and 2.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from limbeck import crash
from limbeck.errors import DuplicateTable, FeatureNotSupported, NameTaken, SqlError
from limbeck.query import logical, objects
from limbeck.query.dialect import parse
from limbeck.query.logical import Member
from limbeck.query.objects import VIEW
from limbeck.query.plans import Answers, Noting
from limbeck.query.resolve import resolve
from limbeck.query.result import Result, text_columns
from limbeck.query.statements import target
from limbeck.query.statements.context import Kind, Parser, Statement
from limbeck.query.statements.drop import only_reference
from limbeck.query.words import Words
from limbeck.xdm.names import check_names

TYPE = "ADLS"
"""Where what views read lies: there is no accelerated store."""


@dataclass(frozen=True, slots=True)
class CreateView:
    """CREATE [OR REPLACE] VIEW name AS query."""

    parts: tuple[str, ...]
    replace: bool
    query: str
    """With spaces before it, so that it stands where it stands in the statement."""


@dataclass(frozen=True, slots=True)
class DropView:
    """DROP VIEW [IF EXISTS] name."""

    parts: tuple[str, ...]
    if_exists: bool


@dataclass(frozen=True, slots=True)
class ShowViews:
    """SHOW VIEWS."""


def _create(words: Words) -> CreateView | None:
    words.expect("CREATE")
    replace = words.take("OR", "REPLACE")
    if not words.take("VIEW"):
        return None
    parts = words.path()
    words.expect("AS")
    return CreateView(parts, replace, words.query())


def _drop(words: Words) -> DropView | None:
    if not words.take("DROP", "VIEW"):
        return None
    if_exists = words.take("IF", "EXISTS")
    parts = words.path()
    words.end()
    return DropView(parts, if_exists)


def _show(words: Words) -> ShowViews | None:
    if not words.take("SHOW", "VIEWS"):
        return None
    words.end()
    return ShowViews()


def _run_create(statement: Statement) -> Result:
    """Keep a query under a name; it is checked now, and read anew whenever the view is."""
    command: CreateView = statement.command
    if statement.approximate:
        raise FeatureNotSupported("a view reads tables: write WITHAPPROXIMATE in the query that reads the view")
    name, within = target.new(statement, command.parts)
    body = _body(statement, command.query, name)
    with statement.objects.writing() as connection:
        try:
            _store(connection, statement, name, within, body)
        except NameTaken as taken:
            hint = None if command.replace else "write CREATE OR REPLACE VIEW to change it"
            raise DuplicateTable(f'relation "{name}" exists already', hint=hint) from taken
    return Result.nothing()


def _body(statement: Statement, query: str, name: str) -> dict[str, Any]:
    """Return what is kept of a view; raise what is wrong with its query."""
    noting = Noting(statement.catalogue.behind())
    resolved = resolve(query, parse(query), noting)
    check_names([column.name for column in resolved.columns], f'view "{name}"')
    if name.lower() in _views(noting.answers):
        raise SqlError(f'view "{name}" would read itself')
    reads = noting.answers
    tables = sorted(key.lower() for key, found in reads.tables.items() if found is not None)
    views = sorted(key.lower() for key, found in reads.views.items() if found is not None)
    return {"sql": query.strip(), "reads": {"tables": tables, "views": views}}


def _views(answers: Answers) -> Iterator[str]:
    yield from (name.lower() for name, found in answers.views.items() if found is not None)
    for inner in answers.behind:
        yield from _views(inner)


def _store(
    connection: Connection, statement: Statement, name: str, within: tuple[str, str] | None, body: dict[str, Any]
) -> None:
    sandbox = statement.sandbox
    if statement.lake.datasets.exists(connection, sandbox, name):
        raise NameTaken(f'table "{name}" exists already')
    found = objects.find(connection, sandbox, VIEW, name) if statement.command.replace else None
    if found is not None:
        target.check_owner(statement, found.name, found.created_by)
        found = objects.change(connection, found, body)
    else:
        found = objects.create(connection, sandbox, VIEW, body, name=name, created_by=statement.author)
    if within is not None:
        logical.add(connection, sandbox, within, Member("view", found.id))
    crash.point("query.create-view.before-commit")


def _run_drop(statement: Statement) -> Result:
    """Drop a view; what reads it says so when it is read."""
    command: DropView = statement.command
    name = target.found_name(statement, command.parts)
    if command.if_exists and (name is None or name.lower() not in map(str.lower, statement.catalogue.names())):
        return Result.nothing()
    found = target.view(statement, command.parts)
    target.check_owner(statement, found.name, found.created_by)
    member = Member("view", found.id)
    if not only_reference(statement, command.parts, member):
        with statement.objects.writing() as connection:
            objects.remove(connection, found)
            logical.forget(connection, statement.sandbox, member)
    return Result.nothing()


COLUMNS = ("Db Name", "Schema Name", "Name", "Id", "Dataset Dependencies", "Views Dependencies", "TYPE")


def _run_show(statement: Statement) -> Result:
    """List the views that the session sees, once for each logical schema that refers to them."""
    rows = []
    schemas = statement.catalogue.schemas()
    for view in statement.catalogue.views():
        reads = view.body["reads"]
        told = (view.name, view.id, ", ".join(reads["tables"]), ", ".join(reads["views"]), TYPE)
        places = [(s.database, s.name) for s in schemas if Member("view", view.id) in s.members]
        rows += [(*place, *told) for place in places or [("", "")]]
    return Result.texts(COLUMNS, rows)


PARSERS: dict[str, Parser] = {"CREATE": _create, "DROP": _drop, "SHOW": _show}

KINDS: dict[type, Kind] = {
    CreateView: Kind(_run_create, "CREATE VIEW", writes=True),
    DropView: Kind(_run_drop, "DROP VIEW", writes=True),
    ShowViews: Kind(_run_show, "SHOW", columns=lambda _: text_columns(COLUMNS)),
}

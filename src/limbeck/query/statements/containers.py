"""Logical databases and schemas, and what they refer to (SQL contract, sections 1.7, 2.3 and 2.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from limbeck.errors import FeatureNotSupported, NotFound, SqlSyntaxError
from limbeck.query import logical, objects
from limbeck.query.logical import DATABASE, LogicalSchema, Member
from limbeck.query.result import Result, text_columns
from limbeck.query.statements import target
from limbeck.query.statements.context import Kind, Parser, Statement
from limbeck.query.words import Words

TABLE, VIEW = "Data Lake Table", "View"
"""What a schema's members are called."""

LAKE = "ADLS"
"""The kind of all groups: there is no accelerated store."""


@dataclass(frozen=True, slots=True)
class CreateDatabase:
    """CREATE DATABASE [IF NOT EXISTS] name."""

    name: str
    if_not_exists: bool


@dataclass(frozen=True, slots=True)
class CreateSchema:
    """CREATE SCHEMA [IF NOT EXISTS] database.name."""

    parts: tuple[str, ...]
    if_not_exists: bool


@dataclass(frozen=True, slots=True)
class DropDatabase:
    """DROP DATABASE [IF EXISTS] name."""

    name: str
    if_exists: bool


@dataclass(frozen=True, slots=True)
class DropSchema:
    """DROP SCHEMA [IF EXISTS] database.name [RESTRICT | CASCADE]."""

    parts: tuple[str, ...]
    if_exists: bool
    cascade: bool


@dataclass(frozen=True, slots=True)
class AlterSchema:
    """ALTER {TABLE | VIEW} name {ADD | SET | REMOVE} SCHEMA database.schema."""

    kind: Literal["table", "view"]
    parts: tuple[str, ...]
    action: str
    schema: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShowDatabases:
    """SHOW DATABASES."""


@dataclass(frozen=True, slots=True)
class ShowSchemas:
    """SHOW SCHEMAS."""


@dataclass(frozen=True, slots=True)
class ShowDatagroups:
    """SHOW DATAGROUPS [FOR 'table']."""

    table: str | None


def _create(words: Words) -> Any:
    words.expect("CREATE")
    if words.take("DATABASE"):
        if_not_exists = words.take("IF", "NOT", "EXISTS")
        name = words.spelled()
        _check_plain(name)
        if words.take("WITH"):
            _accelerated(*words.parenthesised())
        words.end()
        return CreateDatabase(name, if_not_exists)
    if words.take("SCHEMA"):
        if_not_exists = words.take("IF", "NOT", "EXISTS")
        parts = words.path()
        words.end()
        return CreateSchema(parts, if_not_exists)
    return None


def _accelerated(options: str, start: int) -> None:
    """Check `TYPE = QSACCEL, ACCOUNT = acp_query_batch`: accepted, since the lake answers for the accelerated store."""
    words = Words(" " * start + options)
    while True:
        token = words.next()
        if token.word not in ("TYPE", "ACCOUNT"):
            raise FeatureNotSupported(f"WITH ({token.text} = …) is not served", position=token.start + 1)
        words.expect("=")
        words.next()
        if not words.take(","):
            words.end()
            return


def _check_plain(name: str) -> None:
    if "." in name or name.lower() in ("public", "all"):
        raise SqlSyntaxError(f'"{name}" cannot be the name of a database or schema')


def _drop(words: Words) -> Any:
    words.expect("DROP")
    kind = words.one_of("DATABASE", "SCHEMA")
    if not kind:
        return None
    if_exists = words.take("IF", "EXISTS")
    parts = words.path()
    cascade = kind == "SCHEMA" and words.one_of("RESTRICT", "CASCADE") == "CASCADE"
    words.end()
    if kind == "SCHEMA":
        return DropSchema(parts, if_exists, cascade)
    return DropDatabase(".".join(parts), if_exists)


def _alter(words: Words) -> Any:
    words.expect("ALTER")
    kind = words.one_of("TABLE", "VIEW")
    if not kind:
        return None
    parts = words.path()
    action = words.one_of("ADD", "SET", "REMOVE")
    if not action or not words.take("SCHEMA"):
        return None
    schema = words.path()
    words.end()
    return AlterSchema("table" if kind == "TABLE" else "view", parts, action, schema)


def _show(words: Words) -> Any:
    words.expect("SHOW")
    if words.take("DATAGROUPS"):
        table = words.next().value if words.take("FOR") else None
        words.end()
        return ShowDatagroups(table)
    what = words.one_of("DATABASES", "SCHEMAS", "SCHEMA")
    if not what:
        return None
    words.end()
    return ShowDatabases() if what == "DATABASES" else ShowSchemas()


def _run_create_database(statement: Statement) -> Result:
    command: CreateDatabase = statement.command
    with statement.objects.writing() as connection:
        known = objects.find(connection, statement.sandbox, DATABASE, command.name)
        if known is None or not command.if_not_exists:
            objects.create(connection, statement.sandbox, DATABASE, {}, name=command.name, created_by=statement.author)
    return Result.nothing()


def _run_create_schema(statement: Statement) -> Result:
    command: CreateSchema = statement.command
    database, name = _full(statement, command.parts)
    _check_plain(name)
    with statement.objects.writing() as connection:
        known = objects.find(connection, statement.sandbox, logical.SCHEMA, f"{database}.{name}")
        if known is None or not command.if_not_exists:
            logical.create_schema(connection, statement.sandbox, database, name, statement.author)
    return Result.nothing()


def _run_drop_database(statement: Statement) -> Result:
    command: DropDatabase = statement.command
    with statement.objects.writing() as connection:
        found = objects.find(connection, statement.sandbox, DATABASE, command.name)
        if found is not None:
            target.check_owner(statement, f"database {found.name}", found.created_by)
            logical.drop_database(connection, statement.sandbox, found)
        elif not command.if_exists:
            raise NotFound(f'database "{command.name}" does not exist')
    return Result.nothing()


def _run_drop_schema(statement: Statement) -> Result:
    command: DropSchema = statement.command
    parts = _full(statement, command.parts)
    with statement.objects.writing() as connection:
        found = objects.find(connection, statement.sandbox, logical.SCHEMA, ".".join(parts))
        if found is not None:
            target.check_owner(statement, f"schema {found.name}", found.created_by)
            logical.drop_schema(connection, statement.sandbox, found, cascade=command.cascade)
        elif not command.if_exists:
            raise NotFound(f'schema "{".".join(parts)}" does not exist')
    return Result.nothing()


def _run_alter(statement: Statement) -> Result:
    """Have a schema refer to a table or view, or no longer; SET has no other refer to it.

    What is added is found wherever it is: a session on one schema takes in what others have.
    """
    command: AlterSchema = statement.command
    member = _member(statement, command)
    schema = _full(statement, command.schema)
    sandbox = statement.sandbox
    with statement.objects.writing() as connection:
        if command.action == "REMOVE":
            logical.remove(connection, sandbox, schema, member)
            return Result.nothing()
        logical.find(connection, sandbox, schema)
        if command.action == "SET":
            logical.forget(connection, sandbox, member)
        logical.add(connection, sandbox, schema, member)
    return Result.nothing()


def _member(statement: Statement, command: AlterSchema) -> Member:
    if command.kind == "table":
        return Member("table", target.table(statement, command.parts).id)
    return Member("view", target.view(statement, command.parts).id)


def _full(statement: Statement, parts: tuple[str, ...]) -> tuple[str, str]:
    """Return database and name of a schema; alone, the name is one in the session's database."""
    if len(parts) == 2:
        return parts[0], parts[1]
    within = statement.session.view.within
    if len(parts) == 1 and within is not None:
        return within.partition(".")[0], parts[0]
    raise SqlSyntaxError(f'"{".".join(parts)}": a schema is written as database.schema')


def _run_show_databases(statement: Statement) -> Result:
    within = statement.session.view.within
    names = logical.databases(statement.objects, statement.sandbox)
    seen = [n for n in names if within is None or n.lower() == within.partition(".")[0]]
    return Result.texts(("name",), [(name,) for name in seen])


def _run_show_schemas(statement: Statement) -> Result:
    return Result.texts(("database", "schema"), [(s.database, s.name) for s in statement.catalogue.schemas()])


COLUMNS = ("Database", "Schema", "GroupType", "ChildType", "ChildName", "ChildId")


def _run_show_datagroups(statement: Statement) -> Result:
    command: ShowDatagroups = statement.command
    wanted = None if command.table is None else command.table.lower()
    rows = [
        (schema.database, schema.name, LAKE, kind, name, member)
        for schema in statement.catalogue.schemas()
        for kind, name, member in children(statement, schema)
        if wanted in (None, name.lower())
    ]
    return Result.texts(COLUMNS, rows)


def children(statement: Statement, schema: LogicalSchema) -> list[tuple[str, str, str]]:
    """Return kind, name and id of what *schema* refers to."""
    tables = {d.id: d.table for d in statement.catalogue.datasets()}
    views = {v.id: v.name for v in statement.catalogue.views()}
    found = [(TABLE, tables[m.id], m.id) for m in schema.members if m.id in tables]
    return [*found, *((VIEW, views[m.id], m.id) for m in schema.members if m.id in views)]


PARSERS: dict[str, Parser] = {"CREATE": _create, "DROP": _drop, "ALTER": _alter, "SHOW": _show}

KINDS: dict[type, Kind] = {
    CreateDatabase: Kind(_run_create_database, "CREATE DATABASE", writes=True),
    CreateSchema: Kind(_run_create_schema, "CREATE SCHEMA", writes=True),
    DropDatabase: Kind(_run_drop_database, "DROP DATABASE", writes=True),
    DropSchema: Kind(_run_drop_schema, "DROP SCHEMA", writes=True),
    AlterSchema: Kind(_run_alter, "ALTER SUCCESS", writes=True),
    ShowDatabases: Kind(_run_show_databases, "SHOW", columns=lambda _: text_columns(("name",))),
    ShowSchemas: Kind(_run_show_schemas, "SHOW", columns=lambda _: text_columns(("database", "schema"))),
    ShowDatagroups: Kind(_run_show_datagroups, "SHOW", columns=lambda _: text_columns(COLUMNS)),
}

"""CREATE TABLE, and SELECT … INTO (SQL contract, section 2.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection
from sqlglot import exp

from limbeck.errors import DuplicateTable, FeatureNotSupported, SqlSyntaxError
from limbeck.lake import Dataset
from limbeck.lake.model import Tags
from limbeck.query import logical
from limbeck.query.constraints import descriptor
from limbeck.query.declared import Declared, listed, shape
from limbeck.query.dialect import parse, position
from limbeck.query.generators import GENERATORS
from limbeck.query.logical import Member
from limbeck.query.result import Result, presented
from limbeck.query.statements import target
from limbeck.query.statements.context import Kind, Parser, Statement
from limbeck.query.statements.fit import fitted
from limbeck.query.words import Words, tokens
from limbeck.xdm.arrow import from_arrow
from limbeck.xdm.names import check_names
from limbeck.xdm.types import Object, Schema

SCHEMA = pa.schema([("Created Table DataSet Id", pa.string())])
"""What CREATE TABLE answers with."""

MADE: Tags = {"limbeck/made-by": ["CREATE TABLE"]}
"""The tag of datasets that CREATE TABLE made, and DROP TABLE may drop."""

PROFILE, UPSERT = "enabled:true", "isUpsert:true"
"""What the tag `unifiedProfile` holds for the labels 'PROFILE' and 'UPSERT'."""


@dataclass(frozen=True, slots=True)
class Options:
    """What stands behind WITH."""

    schema: str | None = None
    """The title of an existing schema."""
    labels: tuple[str, ...] = ()
    """Values of the tag `unifiedProfile`."""


@dataclass(frozen=True, slots=True)
class CreateTable:
    """CREATE [TEMP] TABLE [IF NOT EXISTS] name …; without columns and query, the first INSERT shapes it."""

    parts: tuple[str, ...]
    temporary: bool
    if_not_exists: bool
    options: Options
    columns: tuple[Declared, ...] = ()
    query: str | None = None
    """With spaces before it, so that it stands where it stands in the statement."""


def _create(words: Words) -> CreateTable | None:
    words.expect("CREATE")
    temporary = bool(words.one_of("TEMP", "TEMPORARY"))
    if not words.take("TABLE"):
        return None
    if_not_exists = words.take("IF", "NOT", "EXISTS")
    parts = words.path()
    columns = listed(words) if words.peek() == "(" else ()
    options = _options(words) if words.take("WITH") else Options()
    if words.peek() == "TRANSFORM":
        raise FeatureNotSupported("TRANSFORM is not served: models are not", position=words.next().start + 1)
    query = None
    if not columns and not (if_not_exists and words.ended()):
        words.expect("AS")
        query = words.query()
    words.end()
    return CreateTable(parts, temporary, if_not_exists, options, columns, query)


def _options(words: Words) -> Options:
    words.expect("(")
    schema: str | None = None
    labels: tuple[str, ...] = ()
    while True:
        token = words.next()
        words.expect("=")
        value = words.next()
        match token.word, value.value.upper():
            case "SCHEMA", _:
                schema = value.value
            case "LABEL", "PROFILE":
                labels = (PROFILE, UPSERT)
            case "LABEL", "UPSERT":
                labels = (UPSERT,)
            case ("ROWVALIDATION", "TRUE" | "FALSE") | ("DISTRIBUTION", "REPLICATE"):
                pass
            case _:
                raise FeatureNotSupported(
                    f"WITH ({token.text} = {value.text}) is not served",
                    position=token.start + 1,
                    hint="known are schema, rowvalidation, label = 'PROFILE' | 'UPSERT', DISTRIBUTION = REPLICATE",
                )
        if not words.take(","):
            words.expect(")")
            return Options(schema, labels)


def _run(statement: Statement) -> Result:
    command: CreateTable = statement.command
    query = None if command.query is None else parse(command.query)
    made = _made(statement, command, query)
    return Result.nothing() if made is None else Result.of({SCHEMA.names[0]: [made]})


def _run_into(statement: Statement) -> Result:
    """Run `SELECT … INTO t`, which is read as CREATE TABLE … AS, and gives no rows."""
    node = statement.tree
    table, query = node.this, node.args.get("expression")
    written = next(tokens(statement.sql)).word == "CREATE"  # and `_create` did not know it
    if written or not isinstance(table, exp.Table) or not isinstance(query, exp.Query):
        raise FeatureNotSupported(
            "of CREATE there are CREATE [TEMP] TABLE, [OR REPLACE] VIEW, DATABASE, SCHEMA, NAMESPACE and FIELDGROUP"
        )
    parts = tuple(part.name for part in table.parts)
    temporary = node.find(exp.TemporaryProperty) is not None
    _made(statement, CreateTable(parts, temporary, False, Options(), query=statement.sql), query.pop())
    return Result.nothing()


def _made(statement: Statement, command: CreateTable, query: exp.Expr | None) -> str | None:
    """Make the table, or find the one that is there; return its dataset's id, None for a temporary table."""
    name, within = target.new(statement, command.parts)
    if name.lower() in statement.session.temp:
        return _existing(command, name, None)
    existing = None if command.temporary else statement.find(name)
    if existing is not None:
        return _existing(command, name, existing.id)
    if command.temporary:
        _temporary(statement, command, name, query)
        return None
    try:
        return _table(statement, command, name, within, query).id
    except DuplicateTable:
        taken = statement.find(name)  # somebody was faster
        if taken is None:
            raise
        return _existing(command, name, taken.id)


def _existing(command: CreateTable, name: str, dataset_id: str | None) -> str | None:
    if not command.if_not_exists:
        raise DuplicateTable(f'table "{name}" exists already', hint="write CREATE TABLE IF NOT EXISTS")
    return dataset_id


def _temporary(statement: Statement, command: CreateTable, name: str, query: exp.Expr | None) -> None:
    if command.options != Options() or any(column.role for column in command.columns):
        raise FeatureNotSupported("a temporary table has no schema, labels or constraints")
    if query is None and not command.columns:
        raise SqlSyntaxError("a temporary table needs columns, or AS and a query")
    scratch = statement.services.scratch
    if query is None:
        kind = shape(command.columns)
        check_names([field.name for field in kind.fields], name)
        statement.session.keep(name, kind, (), scratch)
        return
    reading = statement.resolve(_named(query), command.query)
    with statement.opened(reading) as session:
        kind = from_arrow(presented(session.describe(reading.sql)))
        statement.session.keep(name, kind, session.write_parquet(fitted(reading.sql, kind, kind)), scratch)


def _table(
    statement: Statement, command: CreateTable, name: str, within: tuple[str, str] | None, query: exp.Expr | None
) -> Dataset:
    title = command.options.schema
    named = None if title is None else statement.registry.find(statement.sandbox, title)
    if query is None:
        kind = shape(command.columns)
        check_names([field.name for field in kind.fields], name)
        _check_roles(command.columns)
        if named is not None:
            fitted("SELECT 1", kind, named.type)
        return _publish(statement, command, name, within, named or kind, None)
    reading = statement.resolve(_named(query), command.query)
    check_names([column.name for column in reading.columns], "the result")
    with statement.opened(reading) as session:
        have = from_arrow(presented(session.describe(reading.sql)))
        files = session.write_parquet(fitted(reading.sql, have, have if named is None else named.type))
        return _publish(statement, command, name, within, named or have, files)


def _publish(
    statement: Statement,
    command: CreateTable,
    name: str,
    within: tuple[str, str] | None,
    schema: Schema | Object,
    files: Any,
) -> Dataset:
    """Have the table appear with its schema, constraints, rows and its place in a logical schema, in one step."""
    sandbox, labels = statement.sandbox, command.options.labels
    if isinstance(schema, Schema) and PROFILE in labels:
        put_into_profile(statement, schema.id)

    def also(connection: Connection, dataset_id: str) -> None:
        if within is not None:
            logical.add(connection, sandbox, within, Member("table", dataset_id))

    return statement.lake.create_table(
        sandbox,
        name,
        _schema(statement, name, command.columns, schema, PROFILE in labels),
        files,
        statement.author,
        tags={**MADE, **({"unifiedProfile": labels} if labels else {})},
        also=also,
    )


def _schema(
    statement: Statement, name: str, columns: tuple[Declared, ...], schema: Schema | Object, in_profile: bool
) -> Callable[[Connection], str]:
    """Return what stores the schema and the constraints of its columns in a transaction, and gives its `$id`."""
    registry, sandbox = statement.registry, statement.sandbox

    def store(connection: Connection) -> str:
        known = schema
        if isinstance(known, Object):
            known = registry.adhoc_schema(
                sandbox, name, known, in_profile=in_profile, created_by=statement.author, connection=connection
            )
        for body in _descriptors(known.id, columns):
            registry.create_descriptor(sandbox, body, connection=connection)
        return known.id

    return store


def _descriptors(schema_id: str, columns: tuple[Declared, ...]) -> list[dict[str, Any]]:
    keys = [c for c in columns if c.role == "primary key"]
    space = next((c.namespace for c in keys if c.namespace), "")
    found = [descriptor("primary key", schema_id, [c.name for c in keys], space)] if keys else []
    return [
        *found,
        *(descriptor(c.role, schema_id, [c.name], c.namespace) for c in columns if c.role and c not in keys),
    ]


def _check_roles(columns: tuple[Declared, ...]) -> None:
    names = {c.name.lower() for c in columns}
    for column in columns:
        if column.role in ("identity", "primary identity") and not column.namespace:
            raise SqlSyntaxError(f"column \"{column.name}\": {column.role.upper()} needs NAMESPACE '…'")
        if column.namespace.lower() in names:
            raise SqlSyntaxError(f'NAMESPACE "{column.namespace}" is the name of a column')


def put_into_profile(statement: Statement, schema_id: str) -> None:
    """Have a schema take part in Profile; one that does stays as it is."""
    body = statement.registry.get(statement.sandbox, "schemas", schema_id)
    tags = body.get("meta:immutableTags", [])
    if "union" not in tags:
        change = [{"op": "add", "path": "/meta:immutableTags", "value": [*tags, "union"]}]
        statement.registry.patch(statement.sandbox, "schemas", schema_id, change, changed_by=statement.author)


def _named(query: exp.Expr) -> exp.Expr:
    """Return *query*, whose columns all have names; raise `SqlSyntaxError` for an aggregate or the like without one."""
    first = query
    while isinstance(first, exp.SetOperation | exp.Subquery):
        first = first.this
    for item in first.expressions if isinstance(first, exp.Select) else []:
        if not isinstance(item, exp.Alias | exp.Aliases | exp.Column | exp.Dot | exp.Star) and not _gives_rows(item):
            raise SqlSyntaxError("the column needs a name: write AS name behind it", position=position(item))
    return query


def _gives_rows(item: exp.Expr) -> bool:
    return isinstance(item, exp.Anonymous) and item.name.lower() in GENERATORS


def _columns(statement: Statement) -> pa.Schema:
    return pa.schema([]) if statement.command.temporary else SCHEMA


PARSERS: dict[str, Parser] = {"CREATE": _create}

KINDS: dict[type, Kind] = {
    CreateTable: Kind(_run, "CREATE TABLE", writes=True, columns=_columns),
    exp.Create: Kind(_run_into, "CREATE TABLE", writes=True),
}

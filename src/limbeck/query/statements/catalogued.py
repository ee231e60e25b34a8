"""Queries to pg_catalog and information_schema, and of session functions (SQL contract, section 1.7)."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Literal

import pyarrow as pa
from sqlglot import exp

from limbeck.engine import Session as EngineSession
from limbeck.engine import Table
from limbeck.errors import SqlError, UndefinedColumn, nearest
from limbeck.query.constraints import constraints
from limbeck.query.dialect import parse
from limbeck.query.objects import QueryObject
from limbeck.query.parameters import Parameter
from limbeck.query.pg_catalog import relations
from limbeck.query.pg_catalog.shapes import COLUMN_TYPES
from limbeck.query.pg_catalog.translate import Translated, Value, parameters, recognised, translated
from limbeck.query.pg_catalog.types import BUILTINS, OID_PARAMETER, ON_THE_WIRE
from limbeck.query.pg_catalog.world import Described, Key, World
from limbeck.query.result import WIRE_TYPE, Result, presented
from limbeck.query.scope import flattened
from limbeck.query.statements.context import Kind, Parser, Statement
from limbeck.query.words import Words
from limbeck.xdm.types import Array, Field, Object, Scalar, ScalarName, Type


@dataclass(frozen=True, slots=True)
class CatalogueQuery:
    """A SELECT of PostgreSQL that reads the catalogue."""

    tree: exp.Expr


def _run(statement: Statement) -> Result:
    query = _translated(statement)
    world = _world(statement)
    relations.check(query, world)
    for name, value in query.sets:
        statement.session.variables.put(name, value)
    with ExitStack() as stack:
        tables = [Table(name, rows.schema, rows=rows) for name, rows in relations.built(query, world)]
        services = statement.services
        session = stack.enter_context(
            services.engine.session(tables, timeout=services.timeout, interrupt=statement.interrupt)
        )
        reader = _read(session, query.sql)
        return Result(_marked(reader.schema, query), reader, stack.pop_all())


def _columns(statement: Statement) -> pa.Schema:
    query = _translated(statement)
    world = _world(statement)
    tables = [Table(name, rows.schema, rows=rows) for name, rows in relations.built(query, world)]
    with statement.services.engine.session(tables) as session:
        return _marked(_read(session, f"SELECT * FROM ({query.sql}) LIMIT 0").schema, query)


_UNKNOWN_COLUMN = re.compile(r'Binder Error: (?:Referenced column|.* does not have a column named) "([^"]*)"')


def _read(session: EngineSession, sql: str) -> pa.RecordBatchReader:
    """Begin to read; only the engine knows which columns there are."""
    try:
        return session.reader(sql)
    except SqlError as error:
        unknown = _UNKNOWN_COLUMN.match(error.message)
        if unknown is None:
            raise
        hint = nearest(unknown[1], list(COLUMN_TYPES)) or None
        raise UndefinedColumn(f'column "{unknown[1]}" does not exist', hint=hint) from error


def _translated(statement: Statement) -> Translated:
    values = (_value(p.value if isinstance(p, Parameter) else p) for p in statement.params)
    return translated(statement.sql, tuple(values))


def _value(value: object) -> Value:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return tuple(map(_value, value)) if isinstance(value, list | tuple) else str(value)


def _marked(schema: pa.Schema, query: Translated) -> pa.Schema:
    """Note which type of PostgreSQL a column has where its values alone do not tell."""
    return pa.schema([_column(field, field.name in query.characters) for field in presented(schema)])


def _column(field: pa.Field, is_character: bool) -> pa.Field:
    oid = BUILTINS["char"].oid if is_character and field.type == pa.string() else ON_THE_WIRE.get(field.type)
    return field if oid is None else field.with_metadata({WIRE_TYPE: str(oid)})


# -- what the catalogue tells of ----------------------------------------------------------------------------------


def _world(statement: Statement) -> World:
    session = statement.session
    facts = (
        session.facts if session.facts.database else replace(session.facts, database=f"{statement.sandbox.name}:all")
    )
    return World(
        facts,
        session.variables,
        lambda: _described(statement),
        lambda: _keys(statement),
        lambda id_: _bytes(statement, id_),
    )


def _described(statement: Statement) -> list[Described]:
    flat, catalogue = statement.session.view.flat, statement.catalogue
    tables = [
        Described(
            d.id, d.table, "r", flattened(d.schema.type) if flat else d.schema.type, "" if d.name == d.table else d.name
        )
        for d in catalogue.datasets()
    ]
    temporary = [
        Described(f"temp {t.name}", t.name, "r", t.type, temporary=True) for t in statement.session.temp.values()
    ]
    views = [
        Described(v.id, v.name, "v", _type_of(statement, v), definition=str(v.body["sql"])) for v in catalogue.views()
    ]
    return [*tables, *temporary, *views]


def _type_of(statement: Statement, view: QueryObject) -> Object:
    """The columns of a view; none if what it reads is gone."""
    sql = f'SELECT * FROM "{view.name}"'
    try:
        found = statement.resolve(parse(sql), sql).columns
    except SqlError:
        return Object(())
    return Object(tuple(Field(c.name, c.type or Scalar("string")) for c in found))


def _keys(statement: Statement) -> list[Key]:
    found = constraints(statement.registry, statement.sandbox, statement.catalogue.datasets())
    kinds: dict[str, Literal["p", "f"]] = {"primary key": "p", "foreign key": "f"}
    return [Key(kinds[c.kind], c.table, c.columns, c.other, c.other_columns) for c in found if c.kind in kinds]


def _bytes(statement: Statement, dataset_id: str) -> int:
    found = next((d for d in statement.catalogue.datasets() if d.id == dataset_id), None)
    return statement.lake.measure(found).bytes if found is not None else 0


# -- parameters ---------------------------------------------------------------------------------------------------

_SCALARS: dict[str, ScalarName] = {
    **dict.fromkeys(("int8", "bigint"), "long"),
    **dict.fromkeys(("int4", "int", "integer", "cardinal_number"), "int"),
    **dict.fromkeys(("int2", "smallint"), "short"),
    **dict.fromkeys(("bool", "boolean"), "boolean"),
}


def _parameters(statement: Statement) -> list[Type]:
    command: CatalogueQuery = statement.command
    found = parameters(command.tree)
    return [_parameter(found.get(number, "text")) for number in range(1, max(found, default=0) + 1)]


def _parameter(name: str) -> Type:
    item = name.removesuffix("[]")
    scalar = OID_PARAMETER if item in ("oid", "xid") else Scalar(_SCALARS.get(item, "string"))
    return Array(scalar) if name.endswith("[]") else scalar


def _select(words: Words) -> Any:
    tree = recognised(words.sql)
    return None if tree is None else CatalogueQuery(tree)


PARSERS: dict[str, Parser] = dict.fromkeys(("SELECT", "WITH", "TABLE", "("), _select)

KINDS: dict[type, Kind] = {CatalogueQuery: Kind(_run, "SELECT", columns=_columns, parameters=_parameters)}

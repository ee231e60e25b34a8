"""SHOW of tables and of their keys and identities (SQL contract, section 1.7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from limbeck.lake import Dataset
from limbeck.query.constraints import Constraint, constraints
from limbeck.query.result import Result, text_columns
from limbeck.query.statements import containers
from limbeck.query.statements.context import Kind, Parser, Statement
from limbeck.query.statements.create import PROFILE, UPSERT
from limbeck.query.words import Words
from limbeck.xdm.types import Array, Map, Object, ScalarName, Type

_NAMES: dict[ScalarName, str] = {
    "string": "text",
    "boolean": "boolean",
    "byte": "tinyint",
    "short": "smallint",
    "int": "integer",
    "long": "bigint",
    "number": "double precision",
    "date": "date",
    "date-time": "timestamp",
}


@dataclass(frozen=True, slots=True)
class ShowTables:
    """SHOW TABLES."""


@dataclass(frozen=True, slots=True)
class ShowPrimaryKeys:
    """SHOW PRIMARY KEYS."""


@dataclass(frozen=True, slots=True)
class ShowForeignKeys:
    """SHOW FOREIGN KEYS."""


@dataclass(frozen=True, slots=True)
class ShowIdentities:
    """SHOW IDENTITIES."""


_COMMANDS = {
    ("TABLES",): ShowTables(),
    ("PRIMARY", "KEYS"): ShowPrimaryKeys(),
    ("FOREIGN", "KEYS"): ShowForeignKeys(),
    ("IDENTITIES",): ShowIdentities(),
}


def _show(words: Words) -> object | None:
    words.expect("SHOW")
    for said, command in _COMMANDS.items():
        if words.take(*said):
            words.end()
            return command
    return None


TABLES = ("name", "dataSetId", "dataSet", "description", "resolved", "labels")
MEMBERS = ("name", "type")
PRIMARY_KEYS = ("tableName", "columnName", "datatype", "namespace")
FOREIGN_KEYS = ("tableName", "columnName", "datatype", "referencedTableName", "referencedColumnName", "namespace")
IDENTITIES = ("tableName", "columnName", "datatype", "namespace", "ifPrimary")


def _tables(statement: Statement) -> Result:
    """List the tables that the session sees; inside a logical schema, what it refers to."""
    if statement.session.view.within is not None:
        children = (c for s in statement.catalogue.schemas() for c in containers.children(statement, s))
        return Result.texts(MEMBERS, list(dict.fromkeys((name, kind) for kind, name, _ in children)))
    found = statement.catalogue.datasets()
    return Result.texts(TABLES, [(d.table, d.id, d.name, "", "true", _labels(d)) for d in found])


def _labels(dataset: Dataset) -> str:
    values = dataset.tags.get("unifiedProfile", ())
    found = [name for value, name in ((UPSERT, "'UPSERT'"), (PROFILE, "'PROFILE'")) if value in values]
    return ", ".join(found) or "false"


def _primary_keys(statement: Statement) -> Result:
    rows = [(c.table, path, kind, c.namespace) for c, _, path, kind in _columns(statement, "primary key")]
    return Result.texts(PRIMARY_KEYS, rows)


def _foreign_keys(statement: Statement) -> Result:
    found = _columns(statement, "foreign key")
    rows = [(c.table, path, kind, c.other, c.other_columns[n], c.namespace) for c, n, path, kind in found]
    return Result.texts(FOREIGN_KEYS, rows)


def _identities(statement: Statement) -> Result:
    found = _columns(statement, "primary identity", "identity")
    rows = [(c.table, path, kind, c.namespace, str(c.kind == "primary identity").lower()) for c, _, path, kind in found]
    return Result.texts(IDENTITIES, rows)


def _columns(statement: Statement, *kinds: str) -> Iterator[tuple[Constraint, int, str, str]]:
    """Yield each column of the constraints of these kinds, with its number there, its path and its type's name."""
    datasets = statement.catalogue.datasets()
    types = {d.table: d.schema.type for d in datasets}
    for found in constraints(statement.registry, statement.sandbox, datasets):
        if found.kind in kinds:
            for number, path in enumerate(found.columns):
                field = types[found.table].find(path)
                yield found, number, path, "" if field is None else _name(field.type)


def _name(t: Type) -> str:
    match t:
        case Object():
            return "struct"
        case Array():
            return "array"
        case Map():
            return "map"
        case _:
            return _NAMES[t.name]


PARSERS: dict[str, Parser] = {"SHOW": _show}

KINDS: dict[type, Kind] = {
    ShowTables: Kind(
        _tables, "SHOW", columns=lambda s: text_columns(TABLES if s.session.view.within is None else MEMBERS)
    ),
    ShowPrimaryKeys: Kind(_primary_keys, "SHOW", columns=lambda _: text_columns(PRIMARY_KEYS)),
    ShowForeignKeys: Kind(_foreign_keys, "SHOW", columns=lambda _: text_columns(FOREIGN_KEYS)),
    ShowIdentities: Kind(_identities, "SHOW", columns=lambda _: text_columns(IDENTITIES)),
}

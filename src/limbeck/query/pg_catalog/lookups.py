"""Small relations behind PostgreSQL's functions: from an OID to a name, a definition, a description, a size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa

from limbeck.query.pg_catalog.rows import SCHEMAS, Row, pg_description, pg_roles, table
from limbeck.query.pg_catalog.shapes import SHAPES
from limbeck.query.pg_catalog.types import BUILTINS
from limbeck.query.pg_catalog.world import World, identifier, indexes, names
from limbeck.query.variables import FULL_VERSION

PREFIX = "limbeck."

_TEXTS = {"_oid": pa.uint32(), "_text": pa.string()}
_NUMBERED = {"_oid": pa.uint32(), "_n": pa.int32(), "_text": pa.string()}


def _session(world: World) -> Iterator[Row]:
    facts = world.facts
    yield {
        "_database": facts.database,
        "_user": facts.user,
        "_process": facts.process,
        "_path": world.path,
        "_version": FULL_VERSION,
    }


def _settings(world: World) -> Iterator[Row]:
    for name, value in world.variables.all().items():
        yield {"_name": name.lower(), "_text": value}


def _formats(world: World) -> Iterator[Row]:
    """What format_type says of a type, and the name it has in the catalogue."""
    for builtin in BUILTINS.values():
        yield {"_oid": builtin.oid, "_text": builtin.sql, "_name": builtin.name}
        if builtin.array:
            yield {"_oid": builtin.array, "_text": f"{builtin.sql}[]", "_name": f"_{builtin.name}"}
    shown = {own.oid: world.relation_type(identifier(own.name)) for own in world.types}
    for own in world.types:
        text = f"{shown[own.item]}[]" if own.item else shown[own.oid]
        yield {"_oid": own.oid, "_text": text, "_name": own.name}


def _names(world: World) -> Iterator[Row]:
    """Relations as `regclass` shows them, and their schema and name as they are looked up."""
    for relation in [*world.relations, *(index for index, _ in indexes(world))]:
        name = relation.name.lower()
        text = world.relation_type(identifier(name))
        yield {"_oid": relation.oid, "_text": text, "_schema": "public", "_name": name}
    for shape in SHAPES.values():
        text = shape.name if shape.schema == "pg_catalog" else shape.key
        yield {"_oid": shape.oid, "_text": text, "_schema": shape.schema, "_name": shape.name}


def _schemas(world: World) -> Iterator[Row]:
    for name, oid in SCHEMAS.items():
        yield {"_oid": oid, "_text": name}


def _roles(world: World) -> Iterator[Row]:
    for role in pg_roles(world):
        yield {"_oid": role["oid"], "_text": role["rolname"]}


def _definitions(world: World) -> Iterator[Row]:
    """Views, keys, and indexes: the whole is number 0, an index's columns are 1, 2 …"""
    for relation in world.relations:
        if relation.kind == "v" and relation.source is not None:
            yield {"_oid": relation.oid, "_n": 0, "_text": relation.source.definition}
    for constraint in world.constraints:
        yield {"_oid": constraint.oid, "_n": 0, "_text": constraint.definition}
    for index, constraint in indexes(world):
        columns = [c.name for c in index.columns]
        on = f"public.{identifier(constraint.relation.name)} USING btree ({names(columns)})"
        yield {"_oid": index.oid, "_n": 0, "_text": f"CREATE UNIQUE INDEX {identifier(index.name)} ON {on}"}
        for number, column in enumerate(columns, 1):
            yield {"_oid": index.oid, "_n": number, "_text": identifier(column)}


def _descriptions(world: World) -> Iterator[Row]:
    for row in pg_description(world):
        yield {"_oid": row["objoid"], "_n": row["objsubid"], "_text": row["description"]}


def _sizes(world: World) -> Iterator[Row]:
    for relation in world.relations:
        if relation.kind == "r" and relation.source is not None:
            yield {"_oid": relation.oid, "_bytes": world.bytes_of(relation.source.id)}


_BUILDERS: dict[str, tuple[Callable[[World], Iterable[Row]], dict[str, pa.DataType]]] = {
    "session": (
        _session,
        {
            **{name: pa.string() for name in ("_database", "_user", "_version")},
            "_process": pa.int32(),
            "_path": pa.list_(pa.string()),
        },
    ),
    "settings": (_settings, {"_name": pa.string(), "_text": pa.string()}),
    "formats": (_formats, _TEXTS | {"_name": pa.string()}),
    "names": (_names, _TEXTS | {"_schema": pa.string(), "_name": pa.string()}),
    "schemas": (_schemas, _TEXTS),
    "roles": (_roles, _TEXTS),
    "definitions": (_definitions, _NUMBERED),
    "descriptions": (_descriptions, _NUMBERED),
    "sizes": (_sizes, {"_oid": pa.uint32(), "_bytes": pa.int64()}),
}


def built(name: str, world: World) -> pa.Table:
    """Return the rows of `limbeck.NAME`."""
    rows, columns = _BUILDERS[name]
    return table(pa.schema(list(columns.items())), rows(world), nulls=True)

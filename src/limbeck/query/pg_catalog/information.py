"""The rows of information_schema: tables and views of the sandbox, names in their own spelling (SQL contract, 1.7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache

import pyarrow as pa

from limbeck.query.pg_catalog.rows import Row, table
from limbeck.query.pg_catalog.shapes import Shape
from limbeck.query.pg_catalog.types import BUILTINS, Builtin
from limbeck.query.pg_catalog.world import OWNER, TEMP_OID, Attribute, Constraint, Relation, World

_PRECISIONS = {"int2": (16, 2, 0), "int4": (32, 2, 0), "int8": (64, 2, 0), "float8": (53, 2, None)}


def _shown(world: World) -> Iterator[tuple[Relation, Row]]:
    """Tables and views, each with the three names that stand for it."""
    for relation in world.relations:
        if relation.source is not None:
            schema = "pg_temp_1" if relation.namespace == TEMP_OID else "public"
            yield relation, _table(world, relation, schema)


def _table(world: World, relation: Relation, schema: str = "public") -> dict[str, str]:
    return {"table_catalog": world.facts.database, "table_schema": schema, "table_name": relation.name}


def columns(world: World) -> Iterator[Row]:
    """Yield one row for each top-level column; what has parts is text, as it is on the wire."""
    for relation, named in _shown(world):
        for number, column in enumerate(relation.columns, 1):
            kind = _type(column)
            precision, radix, scale = _PRECISIONS.get(kind.name, (None, None, None))
            yield {
                **named,
                "column_name": column.name,
                "ordinal_position": number,
                "is_nullable": "YES",
                "data_type": kind.sql,
                "character_octet_length": 1_073_741_824 if kind.name == "text" else None,
                "numeric_precision": precision,
                "numeric_precision_radix": radix,
                "numeric_scale": scale,
                "datetime_precision": {"timestamp": 3, "date": 0}.get(kind.name),
                "udt_catalog": world.facts.database,
                "udt_schema": "pg_catalog",
                "udt_name": kind.name,
                "dtd_identifier": str(number),
                "is_self_referencing": "NO",
                "is_identity": "NO",
                "identity_cycle": "NO",
                "is_generated": "NEVER",
                "is_updatable": "NO",
            }


@cache
def _by_oid() -> dict[int, Builtin]:
    return {b.oid: b for b in BUILTINS.values()}


def _type(column: Attribute) -> Builtin:
    return _by_oid().get(column.type, BUILTINS["text"])


def tables(world: World) -> Iterator[Row]:
    """Yield tables and views."""
    for relation, named in _shown(world):
        base = "LOCAL TEMPORARY" if relation.namespace == TEMP_OID else "BASE TABLE"
        yield {
            **named,
            "table_type": "VIEW" if relation.kind == "v" else base,
            "is_insertable_into": "YES" if relation.kind == "r" else "NO",
            "is_typed": "NO",
        }


def views(world: World) -> Iterator[Row]:
    """Yield views with their text."""
    for relation, named in _shown(world):
        if relation.kind == "v" and relation.source is not None:
            yield {
                **named,
                "view_definition": relation.source.definition,
                "check_option": "NONE",
                **dict.fromkeys(("is_updatable", "is_insertable_into", "is_trigger_updatable"), "NO"),
                **dict.fromkeys(("is_trigger_deletable", "is_trigger_insertable_into"), "NO"),
            }


def schemata(world: World) -> Iterator[Row]:
    """Yield the schemas."""
    for name in ("information_schema", "pg_catalog", "public"):
        yield {"catalog_name": world.facts.database, "schema_name": name, "schema_owner": OWNER}


def _constraint(world: World, found: Constraint) -> dict[str, str]:
    where = {"constraint_catalog": world.facts.database, "constraint_schema": "public"}
    return where | {"constraint_name": found.name}


def table_constraints(world: World) -> Iterator[Row]:
    """Yield primary and foreign keys."""
    for found in world.constraints:
        yield {
            **_constraint(world, found),
            **_table(world, found.relation),
            "constraint_type": "FOREIGN KEY" if found.other else "PRIMARY KEY",
            "is_deferrable": "NO",
            "initially_deferred": "NO",
            "enforced": "NO",
        }


def key_column_usage(world: World) -> Iterator[Row]:
    """Yield the columns of keys."""
    for found in world.constraints:
        for place, number in enumerate(found.numbers, 1):
            yield {
                **_constraint(world, found),
                **_table(world, found.relation),
                "column_name": found.relation.columns[number - 1].name,
                "ordinal_position": place,
                "position_in_unique_constraint": place if found.other else None,
            }


def constraint_column_usage(world: World) -> Iterator[Row]:
    """Yield the columns that a key makes unique or refers to."""
    for found in world.constraints:
        relation, numbers = found.relation, found.numbers
        if found.other is not None:
            relation, numbers = found.other, found.other_numbers
        for number in numbers:
            named = _table(world, relation) | {"column_name": relation.columns[number - 1].name}
            yield {**named, **_constraint(world, found)}


def referential_constraints(world: World) -> Iterator[Row]:
    """Yield foreign keys with the primary key that they refer to."""
    for found in world.constraints:
        if found.other is not None:
            unique = next((c for c in world.constraints if c.relation is found.other and c.index), None)
            yield {
                **_constraint(world, found),
                "unique_constraint_catalog": world.facts.database if unique else None,
                "unique_constraint_schema": "public" if unique else None,
                "unique_constraint_name": unique.name if unique else None,
                "match_option": "NONE",
                "update_rule": "NO ACTION",
                "delete_rule": "NO ACTION",
            }


def _catalog_name(world: World) -> Iterator[Row]:
    yield {"catalog_name": world.facts.database}


BUILDERS: dict[str, Callable[[World], Iterable[Row]]] = {
    "columns": columns,
    "constraint_column_usage": constraint_column_usage,
    "information_schema_catalog_name": _catalog_name,
    "key_column_usage": key_column_usage,
    "referential_constraints": referential_constraints,
    "schemata": schemata,
    "table_constraints": table_constraints,
    "tables": tables,
    "views": views,
}
"""Those that have rows; the others are empty."""


def built(shape: Shape, world: World) -> pa.Table:
    """Return the rows of a relation of information_schema."""
    return table(shape.arrow, BUILDERS[shape.name](world) if shape.name in BUILDERS else (), nulls=True)

"""The rows of pg_catalog (SQL contract, section 1.7). What is not said of an object is false, 0, or NULL for text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from limbeck.query.pg_catalog import types
from limbeck.query.pg_catalog.shapes import SHAPES, Shape
from limbeck.query.pg_catalog.types import BUILTINS
from limbeck.query.pg_catalog.world import (
    CATALOG_OID,
    INFORMATION_OID,
    OWNER,
    OWNER_OID,
    PUBLIC_OID,
    TEMP_OID,
    Relation,
    World,
    indexes,
)

Row = Mapping[str, Any]

HEAP_OID, BTREE_OID, TABLESPACE_OID, COLLATION_OID, UTF8 = 2, 403, 1663, 100, 6

SCHEMAS = {
    "pg_catalog": CATALOG_OID,
    "information_schema": INFORMATION_OID,
    "public": PUBLIC_OID,
    "pg_temp_1": TEMP_OID,
}


def table(schema: pa.Schema, rows: Iterable[Row], *, nulls: bool = False) -> pa.Table:
    """Return *rows* as a table; what a row leaves out is NULL if *nulls*, else false or 0 where it can be."""
    found = list(rows)
    columns = []
    for field in schema:
        absent = None if nulls else _absent(field.type)
        columns.append(pa.array([row.get(field.name, absent) for row in found], field.type))
    return pa.Table.from_arrays(columns, schema=schema)


def _absent(kind: pa.DataType) -> bool | int | None:
    if pt.is_boolean(kind):
        return False
    return 0 if pt.is_integer(kind) or pt.is_floating(kind) else None


# -- relations ----------------------------------------------------------------------------------------------------


def pg_class(world: World) -> Iterator[Row]:
    """Yield tables, views, composite types, indexes, and the catalogue's own relations."""
    primary = {c.relation.oid for c in world.constraints if c.index}
    foreign = {r.oid for c in world.constraints if c.other is not None for r in (c.relation, c.other)}
    for relation in world.relations:
        yield _class(relation) | {"relhasindex": relation.oid in primary, "relhastriggers": relation.oid in foreign}
    for index, _ in indexes(world):
        yield _class(index)
    for shape in SHAPES.values():
        yield {
            "oid": shape.oid,
            "relname": shape.name,
            "relnamespace": SCHEMAS[shape.schema],
            "relkind": shape.kind,
            "relnatts": len(shape.columns),
            **_STORED,
        }


_STORED = {"relowner": OWNER_OID, "relpersistence": "p", "relreplident": "n", "relispopulated": True, "reltuples": -1}


def _class(relation: Relation) -> dict[str, Any]:
    temporary = relation.namespace == TEMP_OID
    return _STORED | {
        "oid": relation.oid,
        "relname": relation.name.lower(),
        "relnamespace": relation.namespace,
        "reltype": relation.row_type,
        "relam": {"r": HEAP_OID, "i": BTREE_OID}.get(relation.kind, 0),
        "relfilenode": relation.oid if relation.kind in "ri" else 0,
        "relpersistence": "t" if temporary else "p",
        "relkind": relation.kind,
        "relnatts": len(relation.columns),
        "relhasrules": relation.kind == "v",
    }


def pg_attribute(world: World) -> Iterator[Row]:
    """Yield the columns of relations, their names in lower case."""
    for relation in [*world.relations, *(index for index, _ in indexes(world))]:
        for number, column in enumerate(relation.columns, 1):
            yield _attribute(relation.oid, number, column.name.lower(), column.type)


@cache
def _own_attributes() -> pa.Table:
    """The columns of the catalogue's own relations."""
    rows = (
        _attribute(shape.oid, number, name, types.oid(kind))
        for shape in SHAPES.values()
        for number, (name, kind) in enumerate(shape.columns, 1)
    )
    return table(SHAPES["pg_catalog.pg_attribute"].arrow, rows)


def _attribute(relation: int, number: int, name: str, kind: int) -> dict[str, Any]:
    builtin = _BY_OID.get(kind)
    return {
        "attrelid": relation,
        "attname": name,
        "atttypid": kind,
        "attstattarget": -1,
        "attlen": builtin.length if builtin else -1,
        "attnum": number,
        "attndims": 0 if builtin else int(kind in _ARRAYS),
        "attcacheoff": -1,
        "atttypmod": -1,
        "attbyval": builtin is not None and builtin.by_value,
        "attalign": builtin.alignment if builtin else "i",
        "attstorage": "x" if builtin is None or builtin.length < 0 else "p",
        "attcompression": "",
        "attidentity": "",
        "attgenerated": "",
        "attislocal": True,
        "attcollation": COLLATION_OID if builtin and builtin.category == "S" else 0,
    }


_BY_OID = {b.oid: b for b in BUILTINS.values()}
_ARRAYS = {b.array for b in BUILTINS.values()}


def pg_description(world: World) -> Iterator[Row]:
    """Yield what is said of tables and columns."""
    for relation in world.relations:
        said = [relation.source.description if relation.source else "", *(c.description for c in relation.columns)]
        for number, text in enumerate(said):
            if text:
                yield {
                    "objoid": relation.oid,
                    "classoid": SHAPES["pg_catalog.pg_class"].oid,
                    "objsubid": number,
                    "description": text,
                }


# -- types --------------------------------------------------------------------------------------------------------


def pg_type(world: World) -> Iterator[Row]:
    """Yield built-in types, those of rows and structs, and arrays."""
    for builtin in BUILTINS.values():
        yield _type(builtin.oid, builtin.name, CATALOG_OID) | {
            "typlen": builtin.length,
            "typbyval": builtin.by_value,
            "typtype": builtin.kind,
            "typcategory": builtin.category,
            "typispreferred": builtin.preferred,
            "typarray": builtin.array,
            "typinput": f"{builtin.name}in",
            "typoutput": f"{builtin.name}out",
            "typalign": builtin.alignment,
            "typstorage": "x" if builtin.length < 0 else "p",
            "typcollation": COLLATION_OID if builtin.category == "S" else 0,
        }
        if builtin.array:
            yield _array(builtin.array, f"_{builtin.name}", CATALOG_OID, builtin.oid)
    for own in world.types:
        if own.item:
            yield _array(own.oid, own.name, PUBLIC_OID, own.item)
        else:
            yield _type(own.oid, own.name, PUBLIC_OID) | {
                "typtype": own.kind,
                "typcategory": "C" if own.kind == "c" else "U",
                "typarray": own.array,
                "typrelid": own.relation,
                "typinput": "record_in" if own.kind == "c" else "textin",
                "typoutput": "record_out" if own.kind == "c" else "textout",
            }


def _type(oid: int, name: str, namespace: int) -> dict[str, Any]:
    return {
        "oid": oid,
        "typname": name,
        "typnamespace": namespace,
        "typowner": OWNER_OID,
        "typlen": -1,
        "typisdefined": True,
        "typdelim": ",",
        "typsubscript": "-",
        "typreceive": "-",
        "typsend": "-",
        "typmodin": "-",
        "typmodout": "-",
        "typanalyze": "-",
        "typalign": "d",
        "typstorage": "x",
        "typtypmod": -1,
    }


def _array(oid: int, name: str, namespace: int, item: int) -> dict[str, Any]:
    own = {"typtype": "b", "typcategory": "A", "typelem": item, "typinput": "array_in", "typoutput": "array_out"}
    return _type(oid, name, namespace) | own


# -- keys ---------------------------------------------------------------------------------------------------------


def pg_constraint(world: World) -> Iterator[Row]:
    """Yield primary and foreign keys."""
    for found in world.constraints:
        foreign = found.other is not None
        yield {
            "oid": found.oid,
            "conname": found.name,
            "connamespace": PUBLIC_OID,
            "contype": found.key.kind,
            "convalidated": True,
            "conrelid": found.relation.oid,
            "conindid": _index_of(world, found.other) if found.other else found.index,
            "confrelid": found.other.oid if found.other else 0,
            "confupdtype": "a" if foreign else " ",
            "confdeltype": "a" if foreign else " ",
            "confmatchtype": "s" if foreign else " ",
            "conislocal": True,
            "connoinherit": True,
            "conkey": found.numbers,
            "confkey": found.other_numbers if foreign else None,
        }


def _index_of(world: World, relation: Relation) -> int:
    return next((c.index for c in world.constraints if c.index and c.relation is relation), 0)


def pg_index(world: World) -> Iterator[Row]:
    """Yield the index of each primary key."""
    for index, constraint in indexes(world):
        count = len(index.columns)
        yield {
            "indexrelid": index.oid,
            "indrelid": constraint.relation.oid,
            "indnatts": count,
            "indnkeyatts": count,
            **dict.fromkeys(("indisunique", "indisprimary", "indimmediate", "indisvalid", "indisready"), True),
            "indislive": True,
            "indkey": constraint.numbers,
            "indcollation": [0] * count,
            "indclass": [0] * count,
            "indoption": [0] * count,
        }


# -- the rest -----------------------------------------------------------------------------------------------------


def pg_namespace(world: World) -> Iterator[Row]:
    """Yield the schemas; the one of temporary tables where the session has any."""
    temporary = any(r.namespace == TEMP_OID for r in world.relations)
    for name, oid in SCHEMAS.items():
        if oid != TEMP_OID or temporary:
            yield {"oid": oid, "nspname": name, "nspowner": OWNER_OID}


def pg_database(world: World) -> Iterator[Row]:
    """Yield the database of the session."""
    yield {
        "oid": world.oid(f"database {world.facts.database}"),
        "datname": world.facts.database,
        "datdba": OWNER_OID,
        "encoding": UTF8,
        "datlocprovider": "c",
        "datallowconn": True,
        "datconnlimit": -1,
        "dattablespace": TABLESPACE_OID,
        "datcollate": "C",
        "datctype": "C",
    }


def pg_roles(world: World) -> Iterator[Row]:
    """Yield the owner of everything, and who asks."""
    for name, oid, super_ in ((OWNER, OWNER_OID, True), (world.user, world.user_oid, False)):
        if name:
            yield {
                "rolname": name,
                "oid": oid,
                "rolsuper": super_,
                "rolinherit": True,
                "rolcanlogin": not super_,
                "rolconnlimit": -1,
                "rolpassword": "********",
            }


def pg_user(world: World) -> Iterator[Row]:
    """Yield the roles as users."""
    for role in pg_roles(world):
        yield {"usename": role["rolname"], "usesysid": role["oid"], "usesuper": role["rolsuper"], "passwd": "********"}


def pg_settings(world: World) -> Iterator[Row]:
    """Yield the session's settings."""
    for name, value in world.variables.all().items():
        yield {
            "name": name,
            "setting": value,
            "category": "Session",
            "short_desc": "",
            "context": "user",
            "vartype": "string",
            "source": "default",
            "boot_val": value,
            "reset_val": value,
        }


def pg_tables(world: World) -> Iterator[Row]:
    """Yield the tables."""
    for relation in world.relations:
        if relation.kind == "r":
            schema = "pg_temp_1" if relation.namespace == TEMP_OID else "public"
            yield {"schemaname": schema, "tablename": relation.name.lower(), "tableowner": OWNER}


def pg_views(world: World) -> Iterator[Row]:
    """Yield the views."""
    for relation in world.relations:
        if relation.kind == "v" and relation.source is not None:
            yield {
                "schemaname": "public",
                "viewname": relation.name.lower(),
                "viewowner": OWNER,
                "definition": relation.source.definition,
            }


def _fixed(*rows: Row) -> Callable[[World], Iterable[Row]]:
    return lambda world: rows


BUILDERS: dict[str, Callable[[World], Iterable[Row]]] = {
    "pg_catalog.pg_am": _fixed(
        {"oid": HEAP_OID, "amname": "heap", "amtype": "t"}, {"oid": BTREE_OID, "amname": "btree", "amtype": "i"}
    ),
    "pg_catalog.pg_attribute": pg_attribute,
    "pg_catalog.pg_class": pg_class,
    "pg_catalog.pg_collation": _fixed(
        {"oid": COLLATION_OID, "collname": "default", "collnamespace": CATALOG_OID, "collprovider": "d"},
        {"oid": 950, "collname": "C", "collnamespace": CATALOG_OID, "collprovider": "c"},
    ),
    "pg_catalog.pg_constraint": pg_constraint,
    "pg_catalog.pg_database": pg_database,
    "pg_catalog.pg_description": pg_description,
    "pg_catalog.pg_index": pg_index,
    "pg_catalog.pg_language": _fixed({"oid": 14, "lanname": "sql", "lanowner": OWNER_OID, "lanpltrusted": True}),
    "pg_catalog.pg_namespace": pg_namespace,
    "pg_catalog.pg_roles": pg_roles,
    "pg_catalog.pg_settings": pg_settings,
    "pg_catalog.pg_tables": pg_tables,
    "pg_catalog.pg_tablespace": _fixed({"oid": TABLESPACE_OID, "spcname": "pg_default", "spcowner": OWNER_OID}),
    "pg_catalog.pg_type": pg_type,
    "pg_catalog.pg_user": pg_user,
    "pg_catalog.pg_views": pg_views,
}
"""Those that have rows; the others are empty."""


def built(shape: Shape, world: World) -> pa.Table:
    """Return the rows of a relation of pg_catalog."""
    found = table(shape.arrow, BUILDERS[shape.key](world) if shape.key in BUILDERS else ())
    return pa.concat_tables([found, _own_attributes()]) if shape.name == "pg_attribute" else found

"""The relations of pg_catalog and information_schema: their names, OIDs and columns, as `relations.txt` lists them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import pyarrow as pa

from limbeck.query.pg_catalog import types

PG_CATALOG, INFORMATION_SCHEMA = "pg_catalog", "information_schema"


@dataclass(frozen=True, slots=True)
class Shape:
    """One relation of the catalogue."""

    schema: str
    name: str
    oid: int
    kind: str
    """`r` for a table, `v` for a view."""
    columns: tuple[tuple[str, str], ...]
    """Names, and names of their types in PostgreSQL."""

    @property
    def key(self) -> str:
        """Its name with the schema before it."""
        return f"{self.schema}.{self.name}"

    @property
    def arrow(self) -> pa.Schema:
        """Its columns as they are held."""
        return pa.schema([pa.field(name, types.arrow(kind)) for name, kind in self.columns])


def _read(text: str) -> dict[str, Shape]:
    """A line with name, OID and kind, then indented ones with columns and their types between commas."""
    found: dict[str, Shape] = {}
    for block in text.replace("\n ", " ").splitlines():
        key, oid, kind, columns = block.split(maxsplit=3)
        schema, _, name = key.partition(".")
        pairs = (column.split() for column in columns.split(","))
        found[key] = Shape(schema, name, int(oid), kind, tuple((column, type_) for column, type_ in pairs))
    return found


SHAPES = _read(files(__package__).joinpath("relations.txt").read_text("utf-8"))
"""By the name with the schema before it."""

COLUMN_TYPES = {name: kind for shape in SHAPES.values() for name, kind in shape.columns}
"""The type of each column that any relation has: PostgreSQL tells them apart by a prefix."""

INFORMATION_SCHEMA_OIDS = range(13_300, 13_400)
"""OIDs of its relations, the only ones that are not visible without the schema's name."""


def find(schema: str, name: str) -> Shape | None:
    """Return the relation called *name*, in pg_catalog if *schema* is empty, or None."""
    return SHAPES.get(f"{schema or PG_CATALOG}.{name}".lower())

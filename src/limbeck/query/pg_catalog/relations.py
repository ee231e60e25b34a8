"""The relations that a query to the catalogue reads, and what it takes for granted."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from limbeck.errors import UndefinedTable, nearest
from limbeck.query.pg_catalog import information, lookups, rows
from limbeck.query.pg_catalog.shapes import PG_CATALOG, SHAPES
from limbeck.query.pg_catalog.translate import Translated, parts
from limbeck.query.pg_catalog.world import World


def built(query: Translated, world: World) -> Iterator[tuple[str, pa.Table]]:
    """Yield each relation that *query* reads, by its name."""
    for name in query.relations:
        if name.startswith(lookups.PREFIX):
            yield name, lookups.built(name.removeprefix(lookups.PREFIX), world)
        else:
            shape = SHAPES[name]
            module = rows if shape.schema == PG_CATALOG else information
            yield name, module.built(shape, world)


def check(query: Translated, world: World) -> None:
    """Raise `UndefinedTable` or `NotFound` if *query* names what is not there."""
    for kind, text in query.named:
        if kind == "regclass":
            _check_relation(text, world)
    for name in query.settings:
        world.variables.get(name)


def _check_relation(text: str, world: World) -> None:
    _, name = parts(text)
    known = [row["_name"] for row in lookups.built("names", world).to_pylist()]
    if name not in known:
        raise UndefinedTable(f'relation "{text}" does not exist', hint=nearest(name, known) or None)

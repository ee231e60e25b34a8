"""Fields that the server adds to the tables of the lake (SQL contract, section 5.3)."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from limbeck.engine import BATCH
from limbeck.query.dialect import template
from limbeck.query.scope import Column
from limbeck.query.types import INT, STRING, TIMESTAMP, typed
from limbeck.xdm.types import Field, Object

_BATCH, _METADATA, _SOURCE = "_ACP_BATCHID", "_acp_system_metadata", "acp_sourceBatchId"
_PARTS = {"_ACP_YEAR": "year", "_ACP_MONTH": "month", "_ACP_DAY": "day"}
_TIME = "timestamp"

SHOWN = frozenset({_BATCH, _METADATA, f"{_METADATA}.{_SOURCE}"})
"""Those that `*` gives where system columns are not dropped; the others are found by name only."""


def columns(table: Object, flat: bool) -> tuple[Column, ...]:
    """Return the fields of a table of type *table*, without those that it has columns of the same name for.

    *flat*: structs are told by their fields.
    """
    own = {f.name.lower(): f.type for f in table.fields}
    source = Object((Field(_SOURCE, STRING),))
    found = [Column(f"{_METADATA}.{_SOURCE}", STRING) if flat else Column(_METADATA, source), Column(_BATCH, STRING)]
    if own.get(_TIME) == TIMESTAMP:
        found += [Column(name, INT) for name in _PARTS]
    return tuple(c for c in found if c.name.lower() not in own)


def needs_batch(column: Column) -> bool:
    """Return whether the rows have to tell their batch for this field."""
    return column.name not in _PARTS


def expression(column: Column, take: Callable[[Column], exp.Expr]) -> exp.Expr:
    """Return a field as an expression; *take* makes one of a column that the engine sees."""
    if column.name in _PARTS:
        part = _PARTS[column.name]
        return typed(template(f"CAST({part}({{0}}) AS INTEGER)", take(Column(_TIME, TIMESTAMP))), column.type)
    batch = take(Column(BATCH, STRING))
    if column.name == _METADATA:
        return typed(template(f'struct_pack("{_SOURCE}" := {{0}})', batch), column.type)
    return batch

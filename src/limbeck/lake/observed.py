"""Which fields of a dataset have held a value, by the statistics of its files (REST contract, section 5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from limbeck.xdm.types import Array, Map, Object, Type


def observed(fields: Object, paths: Sequence[Path]) -> Object:
    """Return the part of *fields* of which at least one leaf has a value in one of the Parquet files *paths*."""
    seen: set[str] = set()
    for path in paths:
        metadata = pq.read_metadata(path)
        for group in range(metadata.num_row_groups):
            rows = metadata.row_group(group)
            columns = (rows.column(number) for number in range(rows.num_columns))
            seen |= {_dotted(c.path_in_schema) for c in columns if _has_values(c)}
    found = _kept(fields, "", seen)
    return found if isinstance(found, Object) else Object(())


def _has_values(column: pq.ColumnChunkMetaData) -> bool:
    statistics = column.statistics
    if statistics is None or not statistics.has_null_count:
        return bool(column.num_values)
    return bool(statistics.null_count < column.num_values)


def _dotted(path: str) -> str:
    """Return a leaf's path without what Parquet puts between a list or map and its entries."""
    return ".".join(part for part in path.split(".") if part not in ("list", "element", "key_value", "value", "key"))


def _kept(t: Type, path: str, seen: set[str]) -> Type | None:
    if not isinstance(t, Object):
        inside = f"{path}."
        lists = isinstance(t, Array | Map)
        return t if path in seen or (lists and any(s.startswith(inside) for s in seen)) else None
    fields = []
    for field in t.fields:
        found = _kept(field.type, f"{path}.{field.name}" if path else field.name, seen)
        if found is not None:
            fields.append(replace(field, type=found))
    return Object(tuple(fields)) if fields else None

"""Which fields of a dataset have held a value, by the statistics of its files (REST contract, section 5.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from limbeck.xdm.types import Object, Type


def observed(fields: Object, paths: Sequence[Path]) -> Object:
    """Return the part of *fields* of which at least one leaf has a value in one of the Parquet files *paths*."""
    seen: set[tuple[str, ...]] = set()
    for path in paths:
        metadata = pq.read_metadata(path)
        leaves = list(_leaves(metadata.schema.to_arrow_schema(), ()))
        for group in range(metadata.num_row_groups):
            rows = metadata.row_group(group)
            seen |= {leaf for number, leaf in enumerate(leaves) if _has_values(rows.column(number))}
    found = _kept(fields, (), seen)
    return found if isinstance(found, Object) else Object(())


def _leaves(fields: Iterable[pa.Field], below: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield for each column of a Parquet file the path of its field, or of the list or map around it."""
    for field in fields:
        path = (*below, field.name)
        if pt.is_struct(field.type):
            yield from _leaves(field.type, path)
        elif pt.is_nested(field.type):
            inside = [field.type.field(number) for number in range(field.type.num_fields)]
            yield from (path for _ in _leaves(inside, ()))
        else:
            yield path


def _has_values(column: pq.ColumnChunkMetaData) -> bool:
    statistics = column.statistics
    if statistics is None or not statistics.has_null_count:
        return bool(column.num_values)
    return bool(statistics.null_count < column.num_values)


def _kept(t: Type, path: tuple[str, ...], seen: set[tuple[str, ...]]) -> Type | None:
    if not isinstance(t, Object):
        return t if path in seen else None
    fields = []
    for field in t.fields:
        found = _kept(field.type, (*path, field.name), seen)
        if found is not None:
            fields.append(replace(field, type=found))
    return Object(tuple(fields)) if fields else None

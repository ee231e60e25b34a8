"""PostgreSQL's types for ours (SQL contract, sections 1.5 and 5.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.types as pt

from limbeck.errors import InvalidText
from limbeck.pgwire.codec import Field
from limbeck.query.result import WIRE_TYPE

BOOL, BYTEA, INT8, INT2, INT4, TEXT, OID, JSON = 16, 17, 20, 21, 23, 25, 26, 114
FLOAT4, FLOAT8, UNKNOWN, BPCHAR, VARCHAR = 700, 701, 705, 1042, 1043
DATE, TIME, TIMESTAMP, TIMESTAMPTZ, NUMERIC, UUID, NAME, JSONB = 1082, 1083, 1114, 1184, 1700, 2950, 19, 3802

EPOCH_DAYS = 10_957
"""Days from 1970-01-01 to 2000-01-01, where PostgreSQL counts from."""
EPOCH_US = EPOCH_DAYS * 86_400_000_000

ARRAYS = {
    1000: BOOL,
    1001: BYTEA,
    1003: NAME,
    1005: INT2,
    1007: INT4,
    1009: TEXT,
    1014: BPCHAR,
    1015: VARCHAR,
    1016: INT8,
    1021: FLOAT4,
    1022: FLOAT8,
    1028: OID,
    1115: TIMESTAMP,
    1182: DATE,
    1185: TIMESTAMPTZ,
    1231: NUMERIC,
    2951: UUID,
}
"""The types of arrays, and those of their elements."""

SIZES = {BOOL: 1, INT2: 2, INT4: 4, INT8: 8, OID: 4, FLOAT4: 4, FLOAT8: 8, DATE: 4, TIMESTAMP: 8}

_OIDS: tuple[tuple[Callable[[pa.DataType], bool], int], ...] = (
    (pt.is_boolean, BOOL),
    (pt.is_int8, INT2),
    (pt.is_int16, INT2),
    (pt.is_uint8, INT2),
    (pt.is_int32, INT4),
    (pt.is_uint16, INT4),
    (pt.is_int64, INT8),
    (pt.is_uint32, INT8),
    (pt.is_float32, FLOAT4),
    (pt.is_float64, FLOAT8),
    (pt.is_decimal, NUMERIC),
    (pt.is_uint64, NUMERIC),
    (pt.is_date32, DATE),
    (pt.is_timestamp, TIMESTAMP),
    (pt.is_binary, BYTEA),
    (pt.is_null, TEXT),
)
"""The first that matches decides; strings and everything complex are text, so that clients look no types up."""


def oid_of(field: pa.Field) -> int:
    """Return the type that a column has on the wire: the one that it says, or what follows from its Arrow type."""
    said = (field.metadata or {}).get(WIRE_TYPE)
    return int(said) if said else next((oid for matches, oid in _OIDS if matches(field.type)), TEXT)


def fields(schema: pa.Schema, formats: Sequence[int]) -> list[Field]:
    """Return the columns of a result in these formats, one for each column."""
    found = []
    for column, form in zip(schema, formats, strict=True):
        oid = oid_of(column)
        found.append(Field(column.name, oid, SIZES.get(oid, -1), _modifier(column.type), form))
    return found


def _modifier(kind: pa.DataType) -> int:
    return (kind.precision << 16 | kind.scale) + 4 if pt.is_decimal(kind) else -1


def spread(formats: Sequence[int], count: int) -> list[int]:
    """Return a format for each of *count* values: none is all text, one is for all alike.

    >>> spread([1], 3)
    [1, 1, 1]
    """
    if len(formats) <= 1:
        return [*(formats or (0,))] * count
    if len(formats) != count:
        raise InvalidText(f"{len(formats)} formats for {count} values")
    return list(formats)

"""Spelling names, texts and Arrow types in DuckDB's SQL."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.types as pt

from limbeck.errors import DatatypeMismatch


def quoted(name: str) -> str:
    """Return *name* as an SQL identifier.

    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def quoted_list(names: Iterable[str]) -> str:
    """Return *names* as a comma-separated list of identifiers."""
    return ", ".join(map(quoted, names))


def literal(text: str) -> str:
    """Return *text* as an SQL string literal.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


_SCALARS = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.large_string(): "VARCHAR",
    pa.string_view(): "VARCHAR",
    pa.binary(): "BLOB",
    pa.date32(): "DATE",
    pa.null(): "INTEGER",
    pa.timestamp("s"): "TIMESTAMP_S",
    pa.timestamp("ms"): "TIMESTAMP_MS",
    pa.timestamp("us"): "TIMESTAMP",
    pa.timestamp("ns"): "TIMESTAMP_NS",
}


def type_of(kind: pa.DataType) -> str:
    """Return DuckDB's spelling of an Arrow type; raise `DatatypeMismatch` for one that tables do not hold."""
    if kind in _SCALARS:
        return _SCALARS[kind]
    if pt.is_struct(kind):
        return f"STRUCT({', '.join(f'{quoted(f.name)} {type_of(f.type)}' for f in kind)})"
    if pt.is_map(kind):
        return f"MAP({type_of(kind.key_type)}, {type_of(kind.item_type)})"
    if pt.is_list(kind) or pt.is_large_list(kind):
        return f"{type_of(kind.value_type)}[]"
    if pt.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if pt.is_timestamp(kind):
        return "TIMESTAMPTZ"
    raise DatatypeMismatch(f"a table column cannot hold Arrow type {kind}")

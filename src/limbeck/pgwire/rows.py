"""Batches of rows as the bytes of messages: DataRow, and CopyData in its three formats.

Each column becomes a column of byte strings, and Arrow joins them row by row: no loop in Python sees a row, and the
interpreter's lock is free meanwhile. Decimals in binary are the exception.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from limbeck.pgwire.codec import copy_data
from limbeck.pgwire.text import is_complex, json, text
from limbeck.pgwire.types import (
    BOOL,
    BYTEA,
    DATE,
    EPOCH_DAYS,
    EPOCH_US,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    NUMERIC,
    TIMESTAMP,
    oid_of,
)

MAX_BATCH = 16 * 1024 * 1024
"""A batch of more bytes is encoded in halves, so that one message buffer stays small."""

Encoder = Callable[[pa.RecordBatch], pa.Array]


def encoded(batch: pa.RecordBatch, encode: Encoder) -> Iterator[memoryview]:
    """Yield the messages of a batch's rows, many in one piece."""
    if batch.num_rows > 1 and batch.nbytes > MAX_BATCH:
        half = batch.num_rows // 2
        yield from encoded(batch.slice(0, half), encode)
        yield from encoded(batch.slice(half), encode)
    elif batch.num_rows:
        yield _bytes_of(encode(batch))


def data_rows(schema: pa.Schema, formats: Sequence[int], as_json: bool = False) -> Encoder:
    """Return what makes DataRow messages of a batch; *as_json* writes values with parts as JSON."""
    columns = [_column(kind, form, as_json) for kind, form in zip(schema.types, formats, strict=True)]
    count = struct.pack("!H", len(columns))
    return lambda batch: _framed(b"D", _tuples(batch, columns, count))


def copy_binary(schema: pa.Schema) -> Encoder:
    """Return what makes CopyData messages of a COPY in binary."""
    columns = [_column(kind, 1, False) for kind in schema.types]
    count = struct.pack("!H", len(columns))
    return lambda batch: _framed(b"d", _tuples(batch, columns, count))


def binary_copy(chunks: Iterator[memoryview]) -> Iterator[bytes | memoryview]:
    """Yield the rows of a COPY in binary with its signature, in one message with the first row, and its end."""
    before = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    for chunk in chunks:
        if before:
            end = 1 + int.from_bytes(chunk[1:5], "big")
            yield copy_data(before + chunk[5:end])
            before, chunk = b"", chunk[end:]
        yield chunk
    yield copy_data(before + b"\xff\xff")


def copy_text(delimiter: str, null: str) -> Encoder:
    """Return what makes CopyData messages of a COPY in text: a line a row, special characters escaped."""
    return lambda batch: _lines(batch, delimiter, lambda c: pc.fill_null(_escaped(c, delimiter), null))


def copy_csv(delimiter: str, null: str, quote: str) -> Encoder:
    """Return what makes CopyData messages of a COPY in CSV: quotes where they are needed, and round empty strings."""
    special = f"[{_class(delimiter)}{_class(quote)}\\r\\n]|^{_literal(null)}$" + ("|^$" if null == "" else "")

    def cell(column: pa.Array) -> pa.Array:
        doubled = pc.binary_join_element_wise(quote, pc.replace_substring(column, quote, quote * 2), quote, "")
        return pc.fill_null(pc.if_else(pc.match_substring_regex(column, special), doubled, column), null)

    return lambda batch: _lines(batch, delimiter, cell)


def _class(character: str) -> str:
    return f"\\x{{{ord(character):x}}}"


def _literal(word: str) -> str:
    return "".join(map(_class, word))


def _lines(batch: pa.RecordBatch, delimiter: str, cell: Callable[[pa.Array], pa.Array]) -> pa.Array:
    cells = [cell(text(column)) for column in batch.columns]
    line = pc.binary_join_element_wise(*cells, delimiter)
    return _framed(b"d", [pc.cast(pc.binary_join_element_wise(line, "\n", ""), pa.binary())])


def _escaped(column: pa.Array, delimiter: str) -> pa.Array:
    pairs = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\b", "\\b"), ("\f", "\\f"), ("\v", "\\v"))
    for found, escape in (*pairs, *([] if delimiter == "\t" else [(delimiter, f"\\{delimiter}")])):
        column = pc.replace_substring(column, found, escape)
    return column


# -- joining ------------------------------------------------------------------------------------------------------


def _tuples(batch: pa.RecordBatch, columns: Sequence[Callable[[pa.Array], pa.Array]], count: bytes) -> list[Any]:
    """The parts of each row: how many values, then length and bytes of each, -1 for NULL."""
    parts: list[Any] = [pa.scalar(count, pa.binary())]
    for column, encode in zip(batch.columns, columns, strict=True):
        values = encode(column)
        parts += [_big_endian(pc.fill_null(pc.binary_length(values), -1), ">i4"), pc.fill_null(values, b"")]
    return parts


def _framed(tag: bytes, parts: list[Any]) -> pa.Array:
    """Messages of these parts: tag, length, and the parts one after the other."""
    lengths: Any = 4
    for part in parts:
        size = (
            len(part.as_py()) if isinstance(part, pa.Scalar) else pc.binary_length(part).to_numpy(zero_copy_only=False)
        )
        lengths = lengths + size
    nothing = pa.scalar(b"", pa.binary())
    return pc.binary_join_element_wise(pa.scalar(tag, pa.binary()), _big_endian(lengths, ">i4"), *parts, nothing)


def _bytes_of(messages: pa.Array) -> memoryview:
    _, offsets, data = messages.buffers()
    ends = np.frombuffer(offsets, np.int32)[messages.offset : messages.offset + len(messages) + 1]
    return memoryview(data)[ends[0] : ends[-1]]


def _big_endian(numbers: Any, layout: str) -> pa.Array:
    """Numbers without NULL as byte strings."""
    plain = numbers.to_numpy(zero_copy_only=False) if isinstance(numbers, pa.Array) else numbers
    data = plain.astype(layout)
    width = pa.binary(data.itemsize)
    return pa.Array.from_buffers(width, len(data), [None, pa.py_buffer(data.tobytes())]).cast(pa.binary())


# -- columns ------------------------------------------------------------------------------------------------------


def _column(kind: pa.DataType, form: int, as_json: bool) -> Callable[[pa.Array], pa.Array]:
    """Return what makes byte strings of a column's values, NULL for NULL."""
    if as_json and is_complex(kind):
        return lambda column: pc.cast(json(column), pa.binary())
    binary = _BINARY.get(oid_of(kind)) if form else None
    return binary or (lambda column: pc.cast(text(column), pa.binary()))


def _fixed(layout: str, numbers: Callable[[pa.Array], Any] = lambda column: column) -> Callable[[pa.Array], pa.Array]:
    def encode(column: pa.Array) -> pa.Array:
        made = _big_endian(numbers(column), layout)
        return pc.if_else(column.is_valid(), made, None) if column.null_count else made

    return encode


def _plain(column: pa.Array) -> pa.Array:
    return pc.fill_null(column, 0) if column.null_count else column


def _booleans(column: pa.Array) -> pa.Array:
    return pc.cast(pc.fill_null(column, False), pa.uint8())


def _days(column: pa.Array) -> Any:
    return _plain(pc.cast(column, pa.int32())).to_numpy(zero_copy_only=False) - EPOCH_DAYS


def _microseconds(column: pa.Array) -> Any:
    moments = _plain(pc.cast(pc.cast(column, pa.timestamp("us")), pa.int64()))
    return moments.to_numpy(zero_copy_only=False) - EPOCH_US


def _numerics(column: pa.Array) -> pa.Array:
    scale = column.type.scale if pt.is_decimal(column.type) else 0
    return pa.array([None if v is None else _numeric(Decimal(v), scale) for v in column.to_pylist()], pa.binary())


def _numeric(value: Decimal, scale: int) -> bytes:
    """PostgreSQL's numeric: digits to the base 10,000, the exponent of the first, sign, digits behind the point."""
    digits = str(abs(int(value.scaleb(scale))))
    digits += "0" * (-scale % 4)
    digits = digits.zfill(-(-len(digits) // 4) * 4)
    groups = [int(digits[n : n + 4]) for n in range(0, len(digits), 4)]
    weight = len(groups) - -(-scale // 4) - 1
    while groups and groups[0] == 0:
        groups, weight = groups[1:], weight - 1
    while groups and groups[-1] == 0:
        groups.pop()
    sign = 0x4000 if value < 0 else 0
    return struct.pack(f"!hhHH{len(groups)}H", len(groups), weight if groups else 0, sign, scale, *groups)


_BINARY: dict[int, Callable[[pa.Array], pa.Array]] = {
    BOOL: _fixed("u1", _booleans),
    INT2: _fixed(">i2", _plain),
    INT4: _fixed(">i4", _plain),
    INT8: _fixed(">i8", _plain),
    FLOAT4: _fixed(">f4", _plain),
    FLOAT8: _fixed(">f8", _plain),
    DATE: _fixed(">i4", _days),
    TIMESTAMP: _fixed(">i8", _microseconds),
    NUMERIC: _numerics,
    BYTEA: lambda column: pc.cast(column, pa.binary()),
}

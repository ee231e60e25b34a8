"""Batches of rows as the bytes of messages: DataRow, and CopyData in its three formats.

A message is a row of parts. Parts of a fixed width that stand side by side are packed into one by NumPy, the others
are columns of byte strings, and Arrow joins all of them row by row: no loop in Python sees a row, and the interpreter's
lock is free meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from limbeck.pgwire import arrays
from limbeck.pgwire.codec import copy_data
from limbeck.pgwire.text import digits, is_complex, json, text
from limbeck.pgwire.types import (
    ARRAYS,
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
    OID,
    TIMESTAMP,
    oid_of,
)

MAX_BATCH = 16 * 1024 * 1024
"""A batch of more bytes is encoded in halves, so that one message buffer stays small."""

WORTHWHILE = 1024
"""Rows of a batch that are worth another thread."""

AHEAD = 2
"""Batches whose messages are made while one is sent."""

_POOL = ThreadPoolExecutor(AHEAD, thread_name_prefix="limbeck-rows")

Encoder = Callable[[pa.RecordBatch], memoryview]

Fixed: TypeAlias = tuple[str, Any]
"""A part of each row that has one width: its layout as NumPy spells it, and the numbers, or the one of all rows."""
Part: TypeAlias = Fixed | pa.Array
"""A part of each row; an array is of binary type and has no NULL."""


def encoded(batch: pa.RecordBatch, encode: Encoder) -> Iterator[memoryview]:
    """Yield the messages of a batch's rows, many in one piece."""
    if batch.num_rows > 1 and batch.nbytes > MAX_BATCH:
        half = batch.num_rows // 2
        yield from encoded(batch.slice(0, half), encode)
        yield from encoded(batch.slice(half), encode)
    elif batch.num_rows:
        yield encode(batch)


def streamed(batches: Iterable[pa.RecordBatch], encode: Encoder) -> Iterator[memoryview]:
    """Yield the messages of many batches in order: the next ones are made on other processors while one is sent.

    An error of *batches* comes when what was there before it has been given.
    """
    making: deque[Future[list[memoryview]]] = deque()
    failure: Exception | None = None
    rest = iter(batches)
    while failure is None:
        try:
            batch = next(rest, None)
        except Exception as error:
            failure, batch = error, None
        if batch is None:
            break
        if batch.num_rows < WORTHWHILE or batch.nbytes > MAX_BATCH:
            while making:
                yield from making.popleft().result()
            yield from encoded(batch, encode)
            continue
        making.append(_POOL.submit(_made, batch, encode))
        if len(making) > AHEAD:
            yield from making.popleft().result()
    while making:
        yield from making.popleft().result()
    if failure is not None:
        raise failure


def _made(batch: pa.RecordBatch, encode: Encoder) -> list[memoryview]:
    return list(encoded(batch, encode))


def data_rows(schema: pa.Schema, formats: Sequence[int], as_json: bool = False) -> Encoder:
    """Return what makes DataRow messages of a batch; *as_json* writes values with parts as JSON."""
    columns = [_column(field, form, as_json) for field, form in zip(schema, formats, strict=True)]
    return lambda batch: _messages(b"D", _tuples(batch, columns), batch.num_rows)


def copy_binary(schema: pa.Schema) -> Encoder:
    """Return what makes CopyData messages of a COPY in binary."""
    columns = [_column(field, 1, False) for field in schema]
    return lambda batch: _messages(b"d", _tuples(batch, columns), batch.num_rows)


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


def _lines(batch: pa.RecordBatch, delimiter: str, cell: Callable[[pa.Array], pa.Array]) -> memoryview:
    cells = [cell(text(column)) for column in batch.columns]
    line = pc.cast(pc.binary_join_element_wise(*cells, delimiter), pa.binary())
    return _messages(b"d", [line, ("u1", ord("\n"))], batch.num_rows)


def _escaped(column: pa.Array, delimiter: str) -> pa.Array:
    pairs = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\b", "\\b"), ("\f", "\\f"), ("\v", "\\v"))
    for found, escape in (*pairs, *([] if delimiter == "\t" else [(delimiter, f"\\{delimiter}")])):
        column = pc.replace_substring(column, found, escape)
    return column


# -- joining ------------------------------------------------------------------------------------------------------


def _tuples(batch: pa.RecordBatch, columns: Sequence[Callable[[pa.Array], Part]]) -> list[Part]:
    """The parts of each row: how many values, then length and bytes of each, -1 for NULL."""
    parts: list[Part] = [(">u2", len(columns))]
    for column, encode in zip(batch.columns, columns, strict=True):
        value = encode(column)
        if isinstance(value, pa.Array):
            parts += [(">i4", _sizes(value, -1)), pc.fill_null(value, b"") if value.null_count else value]
        else:
            parts += [(">i4", np.dtype(value[0]).itemsize), value]
    return parts


def _messages(tag: bytes, parts: Sequence[Part], count: int) -> memoryview:
    """Messages of these parts, one after the other: tag, length, and the parts."""
    lengths: Any = 4
    for part in parts:
        lengths = lengths + (_sizes(part, 0) if isinstance(part, pa.Array) else np.dtype(part[0]).itemsize)
    joined: list[Any] = []
    beside: list[Fixed] = [("u1", tag[0]), (">u4", lengths)]
    for part in parts:
        if isinstance(part, pa.Array):
            joined += [_byte_strings(_packed(beside, count)), part] if beside else [part]
            beside = []
        else:
            beside.append(part)
    if not joined:
        return memoryview(_packed(beside, count).view(np.uint8))
    joined += [_byte_strings(_packed(beside, count))] if beside else []
    return _bytes_of(pc.binary_join_element_wise(*joined, pa.scalar(b"", pa.binary())))


def _packed(parts: Sequence[Fixed], count: int) -> Any:
    """Parts of a fixed width as one array of records without gaps."""
    made = np.empty(count, [(f"f{n}", layout) for n, (layout, _) in enumerate(parts)])
    for n, (_, numbers) in enumerate(parts):
        made[f"f{n}"] = numbers
    return made


def _byte_strings(records: Any) -> pa.Array:
    """Records, or numbers, as byte strings."""
    width = records.dtype.itemsize
    offsets = np.arange(0, width * (len(records) + 1), width, dtype=np.int32)
    return pa.Array.from_buffers(pa.binary(), len(records), [None, pa.py_buffer(offsets), pa.py_buffer(records)])


def _sizes(values: pa.Array, null: int) -> Any:
    found = pc.binary_length(values)
    return (pc.fill_null(found, null) if values.null_count else found).to_numpy(zero_copy_only=False)


def _bytes_of(messages: pa.Array) -> memoryview:
    _, offsets, data = messages.buffers()
    ends = np.frombuffer(offsets, np.int32)[messages.offset : messages.offset + len(messages) + 1]
    return memoryview(data)[ends[0] : ends[-1]]


# -- columns ------------------------------------------------------------------------------------------------------


def _column(field: pa.Field, form: int, as_json: bool) -> Callable[[pa.Array], Part]:
    """Return what makes the bytes of a column's values, NULL for NULL."""
    oid = oid_of(field)
    if oid in ARRAYS:
        return arrays.encoder(oid, form)
    if as_json and is_complex(field.type):
        return lambda column: pc.cast(json(column), pa.binary())
    binary = _BINARY.get(oid) if form else None
    return binary or (lambda column: pc.cast(text(column), pa.binary()))


def _fixed(layout: str, numbers: Callable[[pa.Array], Any]) -> Callable[[pa.Array], Part]:
    def encode(column: pa.Array) -> Part:
        if not column.null_count:
            return layout, numbers(column)
        made = _byte_strings(numbers(column).astype(layout))
        return pc.if_else(column.is_valid(), made, None)

    return encode


def _plain(column: pa.Array) -> Any:
    """A column of numbers as NumPy's, with any number for NULL."""
    return (pc.fill_null(column, 0) if column.null_count else column).to_numpy(zero_copy_only=False)


def _booleans(column: pa.Array) -> Any:
    return _plain(pc.cast(column, pa.uint8()))


def _days(column: pa.Array) -> Any:
    return _plain(pc.cast(column, pa.int32())) - EPOCH_DAYS


def _microseconds(column: pa.Array) -> Any:
    return _plain(pc.cast(pc.cast(column, pa.timestamp("us")), pa.int64())) - EPOCH_US


def _numerics(column: pa.Array) -> pa.Array:
    """PostgreSQL's numeric: how many digits to the base 10,000, the first one's exponent, sign, scale, the digits."""
    precision, scale = (column.type.precision, column.type.scale) if pt.is_decimal(column.type) else (20, 0)
    whole = -(-(precision - scale) // 4)
    numbers = pc.fill_null(digits(column), "0")
    groups = _groups(pc.ascii_ltrim(numbers, "-"), 4 * whole + scale, -scale % 4)
    used = groups != 0
    some, last = used.any(1), groups.shape[1] - used[:, ::-1].argmax(1)
    first = np.where(some, used.argmax(1), last)
    head = (last - first, np.where(some, whole - 1 - first, 0), _negative(numbers) * 0x4000, scale)
    made = _packed([*((">i2", number) for number in head), (f"({groups.shape[1]},)>u2", groups)], len(column))
    places = np.arange(groups.shape[1])
    kept = (places >= first[:, None]) & (places < last[:, None])
    mask = np.hstack([np.ones((len(column), 8), bool), kept.repeat(2, axis=1)])
    data = made.view(np.uint8).reshape(mask.shape)[mask]
    offsets = np.concatenate([[0], np.cumsum(8 + 2 * (last - first))]).astype(np.int32)
    found = pa.Array.from_buffers(pa.binary(), len(column), [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    return pc.if_else(column.is_valid(), found, None) if column.null_count else found


def _negative(numbers: pa.Array) -> Any:
    return pc.starts_with(numbers, "-").to_numpy(zero_copy_only=False)


def _groups(numbers: pa.Array, width: int, behind: int) -> Any:
    """Digits, with zeros before them up to *width* and *behind* zeros after them, in groups of four: rows × groups."""
    padded = pc.binary_join_element_wise(pc.ascii_lpad(numbers, width, "0"), "0" * behind, "")
    cells = np.frombuffer(_bytes_of(padded), np.uint8).reshape(len(numbers), (width + behind) // 4, 4)
    return (cells - np.uint8(ord("0"))) @ np.array([1000, 100, 10, 1])


_BINARY: dict[int, Callable[[pa.Array], Part]] = {
    BOOL: _fixed("u1", _booleans),
    INT2: _fixed(">i2", _plain),
    INT4: _fixed(">i4", _plain),
    OID: _fixed(">u4", _plain),
    INT8: _fixed(">i8", _plain),
    FLOAT4: _fixed(">f4", _plain),
    FLOAT8: _fixed(">f8", _plain),
    DATE: _fixed(">i4", _days),
    TIMESTAMP: _fixed(">i8", _microseconds),
    NUMERIC: _numerics,
    BYTEA: lambda column: pc.cast(column, pa.binary()),
}

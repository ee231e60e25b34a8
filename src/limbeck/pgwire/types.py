"""PostgreSQL's types for ours: columns of results, and parameters in text and in binary (SQL contract, 1.5 and 5.1)."""

from __future__ import annotations

import datetime as dt
import math
import struct
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import pyarrow as pa
import pyarrow.types as pt

from limbeck.errors import FeatureNotSupported, InvalidText
from limbeck.pgwire.codec import Field
from limbeck.query.service import Parameter
from limbeck.xdm.types import Scalar, ScalarName, Type

BOOL, BYTEA, INT8, INT2, INT4, TEXT, JSON = 16, 17, 20, 21, 23, 25, 114
FLOAT4, FLOAT8, UNKNOWN, BPCHAR, VARCHAR = 700, 701, 705, 1042, 1043
DATE, TIME, TIMESTAMP, TIMESTAMPTZ, NUMERIC, UUID, NAME, JSONB = 1082, 1083, 1114, 1184, 1700, 2950, 19, 3802

EPOCH_DAYS = 10_957
"""Days from 1970-01-01 to 2000-01-01, where PostgreSQL counts from."""
EPOCH_US = EPOCH_DAYS * 86_400_000_000

_SIZES = {BOOL: 1, INT2: 2, INT4: 4, INT8: 8, FLOAT4: 4, FLOAT8: 8, DATE: 4, TIMESTAMP: 8}

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


def oid_of(kind: pa.DataType) -> int:
    """Return the type that a column of Arrow type *kind* has on the wire."""
    return next((oid for matches, oid in _OIDS if matches(kind)), TEXT)


def fields(schema: pa.Schema, formats: Sequence[int]) -> list[Field]:
    """Return the columns of a result in these formats, one for each column."""
    found = []
    for column, form in zip(schema, formats, strict=True):
        oid = oid_of(column.type)
        found.append(Field(column.name, oid, _SIZES.get(oid, -1), _modifier(column.type), form))
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


# -- parameters ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a parameter of one type is read."""

    type: Type
    text: Callable[[str], object]
    binary: Callable[[bytes], object]


def _layout(code: str) -> Callable[[bytes], object]:
    return lambda raw: struct.unpack(f"!{code}", raw)[0]


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word in ("t", "true", "y", "yes", "on", "1"):
        return True
    if word in ("f", "false", "n", "no", "off", "0"):
        return False
    raise ValueError(text)


def _moment(text: str) -> dt.datetime:
    found = dt.datetime.fromisoformat(text.strip())
    return found if found.tzinfo is None else found.astimezone(dt.UTC).replace(tzinfo=None)


def _binary_date(raw: bytes) -> dt.date:
    return dt.date.fromordinal(dt.date(2000, 1, 1).toordinal() + int(struct.unpack("!i", raw)[0]))


def _binary_moment(raw: bytes) -> dt.datetime:
    return dt.datetime(2000, 1, 1) + dt.timedelta(microseconds=int(struct.unpack("!q", raw)[0]))


def _binary_numeric(raw: bytes) -> Decimal:
    count, weight, sign, scale = struct.unpack_from("!hhHH", raw)
    if sign == 0xC000:
        return Decimal("NaN")
    digits = struct.unpack_from(f"!{count}H", raw, 8)
    whole = sum(Decimal(d).scaleb(4 * (weight - n)) for n, d in enumerate(digits))
    return (-Decimal(whole) if sign == 0x4000 else Decimal(whole)).quantize(Decimal(1).scaleb(-scale))


def _jsonb(raw: bytes) -> str:
    return raw.removeprefix(b"\1").decode()


def _scalar(name: ScalarName) -> Scalar:
    return Scalar(name)


_STRING = _Kind(_scalar("string"), str, bytes.decode)

_KINDS: dict[int, _Kind] = {
    BOOL: _Kind(_scalar("boolean"), _boolean, _layout("?")),
    INT2: _Kind(_scalar("short"), int, _layout("h")),
    INT4: _Kind(_scalar("int"), int, _layout("i")),
    INT8: _Kind(_scalar("long"), int, _layout("q")),
    FLOAT4: _Kind(_scalar("number"), float, _layout("f")),
    FLOAT8: _Kind(_scalar("number"), float, _layout("d")),
    NUMERIC: _Kind(_scalar("number"), Decimal, _binary_numeric),
    DATE: _Kind(_scalar("date"), dt.date.fromisoformat, _binary_date),
    TIMESTAMP: _Kind(_scalar("date-time"), _moment, _binary_moment),
    TIMESTAMPTZ: _Kind(_scalar("date-time"), _moment, _binary_moment),
    UUID: _Kind(_scalar("string"), str, lambda raw: str(uuid.UUID(bytes=raw))),
    JSONB: _Kind(_scalar("string"), str, _jsonb),
    **dict.fromkeys((TEXT, VARCHAR, BPCHAR, NAME, JSON, UNKNOWN), _STRING),
}

_PARAMETER_OIDS: dict[ScalarName, int] = {
    "string": TEXT,
    "boolean": BOOL,
    "byte": INT2,
    "short": INT2,
    "int": INT4,
    "long": INT8,
    "number": FLOAT8,
    "date": DATE,
    "date-time": TIMESTAMP,
}


def parameter_type(oid: int) -> Type | None:
    """Return the type of a parameter that a client declares; None if it leaves the type to us."""
    return None if oid in (0, UNKNOWN) else _kind(oid).type


def parameter_oid(kind: Type) -> int:
    """Return the type that a parameter of *kind* is declared with where the client left it open."""
    return _PARAMETER_OIDS[kind.name] if isinstance(kind, Scalar) else TEXT


def parameter(number: int, oid: int, form: int, raw: bytes | None) -> Parameter:
    """Return the value of a parameter; raise `InvalidText` if *raw* is none of its type."""
    kind = _kind(oid)
    if raw is None:
        return Parameter(None, kind.type)
    try:
        value = kind.binary(raw) if form else kind.text(raw.decode())
    except (ValueError, OverflowError, struct.error, InvalidOperation) as error:
        shown = raw[:40].decode("utf-8", "backslashreplace") if form == 0 else f"{len(raw)} bytes"
        raise InvalidText(f"parameter ${number}: {shown!r} is no value of type {oid}") from error
    if isinstance(value, int) and not isinstance(value, bool):
        _check_range(number, oid, value)
    return Parameter(float(value) if isinstance(value, Decimal) and not _is_exact(value) else value, kind.type)


def _check_range(number: int, oid: int, value: int) -> None:
    bits = _SIZES[oid] * 8 - 1
    if not -(2**bits) <= value < 2**bits:
        raise InvalidText(f"parameter ${number}: {value} does not fit into {bits + 1} bits")


def _is_exact(value: Decimal) -> bool:
    return math.isfinite(value)


def _kind(oid: int) -> _Kind:
    found = _KINDS.get(oid)
    if found is None:
        raise FeatureNotSupported(f"parameters of type {oid} are not served", hint="send it as text, and cast it")
    return found

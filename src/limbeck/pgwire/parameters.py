"""Values of parameters, in text and in binary (SQL contract, section 5.1)."""

from __future__ import annotations

import datetime as dt
import math
import re
import struct
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from limbeck.errors import FeatureNotSupported, InvalidText
from limbeck.pgwire.types import (
    ARRAYS,
    BOOL,
    BPCHAR,
    BYTEA,
    DATE,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    JSON,
    JSONB,
    NAME,
    NUMERIC,
    OID,
    SIZES,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    UNKNOWN,
    UUID,
    VARCHAR,
)
from limbeck.query.pg_catalog.types import OID_PARAMETER
from limbeck.query.service import Parameter
from limbeck.xdm.types import Array, Scalar, ScalarName, Type


def is_said(oid: int) -> bool:
    """Return whether a client that declares a parameter with *oid* says its type."""
    return oid not in (0, UNKNOWN)


def type_of(oid: int) -> Type | None:
    """Return the type of a parameter that is declared with *oid*; None where it is left to us, and for bytes."""
    return _type(oid) if is_said(oid) else None


def oid_of(kind: Type) -> int:
    """Return the type that a parameter of *kind* is declared with where the client left it open."""
    if isinstance(kind, Array) and isinstance(kind.items, Scalar):
        return _ARRAY_OIDS[oid_of(kind.items)]
    if kind == OID_PARAMETER:
        return OID
    return _OIDS[kind.name] if isinstance(kind, Scalar) else TEXT


_ARRAY_OIDS = {item: array for array, item in ARRAYS.items()}


def value(number: int, oid: int, form: int, raw: bytes | None) -> Parameter:
    """Return the value of parameter *number*; raise `InvalidText` if *raw* is none of its type."""
    kind = _type(oid)
    if raw is None:
        return Parameter(None, kind)
    try:
        found = _array(number, ARRAYS[oid], form, raw) if oid in ARRAYS else _plain(number, oid, form, raw)
    except (ValueError, OverflowError, struct.error, InvalidOperation) as error:
        shown = raw[:40].decode("utf-8", "backslashreplace") if form == 0 else f"{len(raw)} bytes"
        raise InvalidText(f"parameter ${number}: {shown!r} is no value of type {oid}") from error
    return Parameter(found, kind)


def _type(oid: int) -> Type | None:
    if oid not in ARRAYS:
        return _kind(oid).type
    items = _kind(ARRAYS[oid]).type
    return None if items is None else Array(items)


def _kind(oid: int) -> _Kind:
    found = _KINDS.get(oid)
    if found is None:
        raise FeatureNotSupported(f"parameters of type {oid} are not served", hint="send it as text, and cast it")
    return found


def _plain(number: int, oid: int, form: int, raw: bytes) -> object:
    kind = _kind(oid)
    found = kind.binary(raw) if form else kind.text(raw.decode())
    if isinstance(found, int) and not isinstance(found, bool):
        _check_range(number, oid, found)
    return float(found) if isinstance(found, Decimal) and not math.isfinite(found) else found


def _check_range(number: int, oid: int, found: int) -> None:
    bits = SIZES[oid] * 8 - 1
    if not -(2**bits) <= found < 2**bits:
        raise InvalidText(f"parameter ${number}: {found} does not fit into {bits + 1} bits")


# -- arrays -------------------------------------------------------------------------------------------------------

_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|((?:[^"{},\\]|\\.)+?))\s*([,}])', re.DOTALL)


def _array(number: int, oid: int, form: int, raw: bytes) -> list[object]:
    items: Sequence[bytes | None]
    items = _binary_items(oid, raw) if form else [None if i is None else i.encode() for i in _items(raw.decode())]
    return [None if item is None else _plain(number, oid, form, item) for item in items]


def _items(text: str) -> list[str | None]:
    """The items of `{1,NULL,"a b"}`."""
    text = text.strip()
    if text[:1] != "{" or text[-1:] != "}":
        raise ValueError(text)
    if not text[1:-1].strip():
        return []
    if re.match(r"\{\s*\{", text):
        raise FeatureNotSupported("parameters that are arrays of arrays are not served")
    found: list[str | None] = []
    at, end = 1, ","
    while end == ",":
        item = _ITEM.match(text, at)
        if item is None:
            raise ValueError(text)
        quoted, bare, end = item.groups()
        said = bare if quoted is None else quoted
        found.append(None if quoted is None and bare.upper() == "NULL" else re.sub(r"\\(.)", r"\1", said, flags=re.S))
        at = item.end()
    if at != len(text):
        raise ValueError(text)
    return found


def _binary_items(oid: int, raw: bytes) -> list[bytes | None]:
    dimensions, _, element = struct.unpack_from("!iiI", raw)
    if dimensions == 0:
        return []
    if dimensions != 1:
        raise FeatureNotSupported("parameters that are arrays of arrays are not served")
    if element != oid:
        raise ValueError(f"elements of type {element}")
    count, at = struct.unpack_from("!i", raw, 12)[0], 20
    found: list[bytes | None] = []
    for _ in range(count):
        size = struct.unpack_from("!i", raw, at)[0]
        at += 4
        found.append(None if size < 0 else raw[at : at + size])
        at += max(size, 0)
    if at != len(raw):
        raise ValueError("a length that is wrong")
    return found


# -- plain values -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a parameter of one type is read."""

    type: Type | None
    """None for bytes, which the lake has no type for."""
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


def _bytes(text: str) -> bytes:
    """`\\x` and hexadecimal digits, or the older form with octal escapes."""
    if text.startswith("\\x"):
        return bytes.fromhex(text[2:])
    return re.sub(rb"\\(\\|[0-3][0-7]{2})|\\", _octet, text.encode())


def _octet(found: re.Match[bytes]) -> bytes:
    if found[1] is None:
        raise ValueError("a single backslash")
    return b"\\" if found[1] == b"\\" else bytes([int(found[1], 8)])


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
    OID: _Kind(_scalar("long"), int, _layout("I")),
    FLOAT4: _Kind(_scalar("number"), float, _layout("f")),
    FLOAT8: _Kind(_scalar("number"), float, _layout("d")),
    NUMERIC: _Kind(_scalar("number"), Decimal, _binary_numeric),
    DATE: _Kind(_scalar("date"), dt.date.fromisoformat, _binary_date),
    TIMESTAMP: _Kind(_scalar("date-time"), _moment, _binary_moment),
    TIMESTAMPTZ: _Kind(_scalar("date-time"), _moment, _binary_moment),
    UUID: _Kind(_scalar("string"), str, lambda raw: str(uuid.UUID(bytes=raw))),
    JSONB: _Kind(_scalar("string"), str, _jsonb),
    BYTEA: _Kind(None, _bytes, bytes),
    **dict.fromkeys((TEXT, VARCHAR, BPCHAR, NAME, JSON, UNKNOWN), _STRING),
}

_OIDS: dict[ScalarName, int] = {
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

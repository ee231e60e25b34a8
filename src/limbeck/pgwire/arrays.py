"""Lists as PostgreSQL's arrays, in text and in binary, for columns that say so: those of the catalogue, a few rows."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from limbeck.pgwire.types import ARRAYS, BOOL, INT2, INT4, INT8, OID

_LAYOUTS = {BOOL: "!?", INT2: "!h", INT4: "!i", INT8: "!q", OID: "!I"}


def encoder(oid: int, form: int) -> Callable[[pa.Array], pa.Array]:
    """Return what makes the bytes of a column of lists, as arrays of type *oid*."""
    item = ARRAYS[oid]
    write: Callable[[Sequence[Any]], bytes] = (lambda items: _binary(items, item)) if form else _text
    return lambda column: pa.array([None if v is None else write(v) for v in column.to_pylist()], pa.binary())


def _text(items: Sequence[Any]) -> bytes:
    """`{1,NULL,"a b"}`."""
    return ("{" + ",".join(map(_item, items)) + "}").encode()


def _item(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "t" if value else "f"
    text = str(value)
    if text and text.upper() != "NULL" and re.fullmatch(r'[^\s"\\{},]+', text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _binary(items: Sequence[Any], item: int) -> bytes:
    """Dimensions, whether there are NULLs, the items' type, their number and first index, then each with its length."""
    if not items:
        return struct.pack("!iiI", 0, 0, item)
    head = struct.pack("!iiIii", 1, int(None in items), item, len(items), 1)
    return head + b"".join(_sized(value, item) for value in items)


def _sized(value: Any, item: int) -> bytes:
    if value is None:
        return struct.pack("!i", -1)
    data = struct.pack(_LAYOUTS[item], value) if item in _LAYOUTS else str(value).encode()
    return struct.pack("!i", len(data)) + data

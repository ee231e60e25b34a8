"""The xpath functions: a path's value in an XML text (see `xpath`)."""

from __future__ import annotations

import math
from collections.abc import Callable

import pyarrow as pa

from limbeck.engine import Native
from limbeck.query.natives.xpath import Context, Node, compiled, document, to_boolean, to_number, to_string


def _value(text: str, path: str) -> list[Node] | str | float | bool:
    return compiled(path)(Context(document(text)))


def _texts(text: str, path: str) -> list[str | None]:
    """The text of each text and attribute that is found; NULL for each element."""
    found = _value(text, path)
    nodes = found if isinstance(found, list) else []
    return [None if node.kind == "element" else node.text for node in nodes]


def _number(text: str, path: str) -> float:
    return to_number(_value(text, path))


def _integer(bits: int) -> Callable[[str, str], int]:
    def run(text: str, path: str) -> int:
        found = _number(text, path)
        return 0 if math.isnan(found) else int(max(-(2 ** (bits - 1)), min(found, 2 ** (bits - 1) - 1)))

    return run


def _string(text: str, path: str) -> str:
    return to_string(_value(text, path))


def _boolean(text: str, path: str) -> bool:
    return to_boolean(_value(text, path))


def _native(name: str, result: tuple[str, pa.DataType], function: Callable[[str, str], object]) -> Native:
    return Native.by_row(name, "VARCHAR VARCHAR", result, function)


NATIVES = (
    _native("spark_xpath", ("VARCHAR[]", pa.list_(pa.string())), _texts),
    _native("spark_xpath_string", ("VARCHAR", pa.string()), _string),
    _native("spark_xpath_boolean", ("BOOLEAN", pa.bool_()), _boolean),
    _native("spark_xpath_double", ("DOUBLE", pa.float64()), _number),
    _native("spark_xpath_float", ("FLOAT", pa.float32()), _number),
    _native("spark_xpath_long", ("BIGINT", pa.int64()), _integer(64)),
    _native("spark_xpath_int", ("INTEGER", pa.int32()), _integer(32)),
    _native("spark_xpath_short", ("SMALLINT", pa.int16()), _integer(16)),
)

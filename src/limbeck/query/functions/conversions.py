"""Casts that are written as calls (SQL contract, section 4.1)."""

from __future__ import annotations

from sqlglot import exp

from limbeck.query.casts import cast
from limbeck.query.functions.model import Function
from limbeck.query.types import of_cast


def _cast_to(name: str) -> Function:
    target = exp.DataType.build(name, dialect="spark")
    return Function({1: ""}, of_cast(target), build=lambda arguments: cast(arguments[0], target))


_NAMES = (
    *("bigint", "binary", "boolean", "date", "decimal", "double", "float", "int"),
    *("smallint", "string", "timestamp", "tinyint"),
)

FUNCTIONS = {name: _cast_to(name) for name in _NAMES}

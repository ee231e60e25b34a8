"""XDM types as Arrow types, and back (profile contract, section 1.3).

Physical columns are nullable throughout: `required` is a rule about rows, which may be relaxed later, and
old files must still fit.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.types as pt

from limbeck.errors import InvalidSchema
from limbeck.xdm.names import check_names
from limbeck.xdm.types import Array, Field, Map, Object, Scalar, ScalarName, Type

_SCALARS: dict[ScalarName, pa.DataType] = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "byte": pa.int8(),
    "short": pa.int16(),
    "int": pa.int32(),
    "long": pa.int64(),
    "number": pa.float64(),
    "date": pa.date32(),
    "date-time": pa.timestamp("ms"),
}


_FAMILIES: tuple[tuple[Callable[[pa.DataType], bool], ScalarName], ...] = (
    (pt.is_boolean, "boolean"),
    (pt.is_int8, "byte"),
    (pt.is_int16, "short"),
    (pt.is_int32, "int"),
    (pt.is_integer, "long"),
    (pt.is_floating, "number"),
    (pt.is_string, "string"),
    (pt.is_large_string, "string"),
    (pt.is_string_view, "string"),
    (pt.is_null, "string"),
    (pt.is_date, "date"),
    (pt.is_timestamp, "date-time"),
)
"""The first that matches decides."""


def arrow_type(t: Type) -> pa.DataType:
    """Return the Arrow type that holds values of *t*.

    A date-time is `timestamp[ms]` without zone, holding UTC; a date is `date32`; lists and maps are the
    32-bit kinds.
    """
    match t:
        case Object(fields):
            return pa.struct([pa.field(f.name, arrow_type(f.type)) for f in fields])
        case Array(items):
            return pa.list_(arrow_type(items))
        case Map(values):
            return pa.map_(pa.string(), arrow_type(values))
        case _:
            return _SCALARS[t.name]


def arrow_schema(o: Object) -> pa.Schema:
    """Return the Arrow schema of rows that are objects of type *o*, one column for each top-level field."""
    return pa.schema([pa.field(f.name, arrow_type(f.type)) for f in o.fields])


def from_arrow(schema: pa.Schema) -> Object:
    """Return the XDM type of rows with this Arrow schema, as a query's result becomes an ad-hoc schema.

    Unsigned integers and decimals without fraction become `long`, decimals with one `number`, timestamps of
    any unit or zone `date-time`, dictionaries the type of their values; a column of NULLs only is a `string`.
    Raise `InvalidSchema`, naming the column, for a type XDM does not have and for names that are empty or
    differ in case only.
    """
    return _object(schema, "the result")


def _object(fields: pa.Schema | pa.StructType, where: str) -> Object:
    check_names([f.name for f in fields], where)
    if len(fields) == 0:
        raise InvalidSchema(f"{where} has no fields; select at least one")
    below = "" if isinstance(fields, pa.Schema) else f"{where}."
    return Object(tuple(Field(f.name, _xdm_type(f.type, f"{below}{f.name}")) for f in fields))


def _xdm_type(kind: pa.DataType, path: str) -> Type:
    if pt.is_struct(kind):
        return _object(kind, path)
    if pt.is_map(kind):
        return _map(kind, path)
    if _is_list(kind):
        return Array(_xdm_type(kind.value_type, path))
    if pt.is_dictionary(kind):
        return _xdm_type(kind.value_type, path)
    return Scalar(_scalar(kind, path))


def _map(kind: pa.MapType, path: str) -> Map:
    if _scalar(kind.key_type, path) != "string":
        raise InvalidSchema(
            f'column "{path}" is a map with keys of type {kind.key_type}; XDM has maps with string keys only: '
            "cast the keys"
        )
    return Map(_xdm_type(kind.item_type, path))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind))


def _scalar(kind: pa.DataType, path: str) -> ScalarName:
    if pt.is_decimal(kind):
        return "long" if kind.scale == 0 else "number"
    for matches, name in _FAMILIES:
        if matches(kind):
            return name
    raise InvalidSchema(
        f'column "{path}" has type {kind}, which XDM does not have; cast it to a string, a number, a boolean, '
        "a date or a timestamp"
    )

"""Columns of values as columns of text, without a loop over the rows (SQL contract, section 1.5)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

_SPECIAL = r"[,(){}\[\]\"]"
_ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\b", "\\b"), ("\f", "\\f"))
_CONTROLS = "[\\x00-\\x1f]"
_HEX = np.frombuffer(b"".join(b"%02x" % n for n in range(256)), np.uint16)


def text(column: pa.Array) -> pa.Array:
    """Return a column as the wire's text: strings, NULL where it is NULL."""
    kind = column.type
    for matches, write in _WRITERS:
        if matches(kind):
            return write(column)
    return pa.array([None if v is None else str(v) for v in column.to_pylist()], pa.string())


def is_complex(kind: pa.DataType) -> bool:
    """Return whether values of *kind* have parts."""
    return bool(pt.is_nested(kind))


# -- plain values -------------------------------------------------------------------------------------------------


def _boolean(column: pa.Array) -> pa.Array:
    return pc.if_else(column, "t", "f")


def _cast(column: pa.Array) -> pa.Array:
    return pc.cast(column, pa.string())


def _double(column: pa.Array) -> pa.Array:
    """Shortest digits that give the number back, with a point: `1.0`."""
    found = pc.cast(column, pa.string())
    numbers = pc.fill_null(column, 0.5).to_numpy(zero_copy_only=False)
    if (numbers == np.floor(numbers)).any():
        whole = pc.match_substring_regex(found, r"^-?\d+$")
        found = pc.if_else(whole, pc.binary_join_element_wise(found, ".0", ""), found)
    if not np.isfinite(numbers).all():
        for theirs, ours in (("nan", "NaN"), ("inf", "Infinity"), ("-inf", "-Infinity")):
            found = pc.if_else(pc.equal(found, theirs), ours, found)
    return found


def digits(column: pa.Array) -> pa.Array:
    """Return a column of decimals as whole numbers: what is behind the point with it, and no point."""
    if not pt.is_decimal(column.type):
        return _cast(column)
    same = column.cast(pa.decimal128(column.type.precision, column.type.scale))
    kind = pa.decimal128(same.type.precision, 0)
    return _cast(pa.Array.from_buffers(kind, len(same), same.buffers(), offset=same.offset))


def _decimal(column: pa.Array) -> pa.Array:
    """All digits behind the point and never an exponent, which Arrow writes for small numbers."""
    scale = column.type.scale
    if scale <= 0:
        return _cast(column)
    number = digits(column)
    sign = pc.if_else(pc.starts_with(number, "-"), "-", "")
    number = pc.ascii_lpad(pc.ascii_ltrim(number, "-"), scale + 1, "0")
    whole, part = pc.utf8_slice_codeunits(number, 0, -scale), pc.utf8_slice_codeunits(number, -scale)
    return pc.binary_join_element_wise(sign, whole, ".", part, "")


def _timestamp(column: pa.Array) -> pa.Array:
    """The digits of a second's fraction that are needed, none for a whole second."""
    found = pc.cast(column, pa.string())
    if column.type.unit == "s":
        return found
    return pc.ascii_rtrim(pc.ascii_rtrim(found, "0"), ".")


def _binary(column: pa.Array) -> pa.Array:
    """`\\x` and two digits for each byte."""
    _, ends, data = column.cast(pa.binary()).buffers()
    offsets = np.frombuffer(ends, np.int32)[column.offset : column.offset + len(column) + 1]
    raw = np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]]
    buffers = [None, pa.py_buffer((offsets - offsets[0]) * 2), pa.py_buffer(_HEX[raw])]
    return _where(
        column, pc.binary_join_element_wise("\\x", pa.Array.from_buffers(pa.string(), len(column), buffers), "")
    )


# -- values with parts --------------------------------------------------------------------------------------------


def _struct(column: pa.Array) -> pa.Array:
    """`(a,NULL,"(1.0)")`: what holds a comma, a bracket or a quote is put in quotes, without escapes."""
    parts = [pc.fill_null(_wrapped(text(part)), "NULL") for part in column.flatten()]
    inner = pc.binary_join_element_wise(*parts, ",") if parts else pa.array([""] * len(column))
    return _where(column, pc.binary_join_element_wise("(", inner, ")", ""))


def _list(column: pa.Array) -> pa.Array:
    """`{a,b,NULL}`, with structs bare."""
    items = pc.fill_null(text(_items(column)), "NULL")
    return _where(column, pc.binary_join_element_wise("{", _joined(column, items), "}", ""))


def _map(column: pa.Array) -> pa.Array:
    """`[k1 -> "v1",k2 -> "v2"]`: values with parts are put in quotes."""
    keys, items = column.keys, column.items
    values = text(items)
    values = pc.binary_join_element_wise('"', values, '"', "") if is_complex(items.type) else _wrapped(values)
    pairs = pc.binary_join_element_wise(text(keys), pc.fill_null(values, "NULL"), " -> ")
    return _where(column, pc.binary_join_element_wise("[", _joined(column, pairs), "]", ""))


def _wrapped(values: pa.Array) -> pa.Array:
    quoted = pc.binary_join_element_wise('"', values, '"', "")
    return pc.if_else(pc.match_substring_regex(values, _SPECIAL), quoted, values)


def _items(column: pa.Array) -> pa.Array:
    """All items of a list column, those that no row shows included: what `offsets` count in."""
    return column.values


def _joined(column: pa.Array, items: pa.Array) -> pa.Array:
    """The items of each row, which are texts without NULL, with commas between them."""
    return pc.binary_join(pa.ListArray.from_arrays(column.offsets, items), ",")


def _where(column: pa.Array, found: pa.Array) -> pa.Array:
    return pc.if_else(column.is_valid(), found, None) if column.null_count else found


_WRITERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], pa.Array]], ...] = (
    (pt.is_string, lambda column: column),
    (pt.is_large_string, _cast),
    (pt.is_string_view, _cast),
    (pt.is_boolean, _boolean),
    (pt.is_integer, _cast),
    (pt.is_floating, _double),
    (pt.is_decimal, _decimal),
    (pt.is_date, _cast),
    (pt.is_timestamp, _timestamp),
    (pt.is_binary, _binary),
    (pt.is_struct, _struct),
    (pt.is_map, _map),
    (pt.is_list, _list),
)


# -- JSON ---------------------------------------------------------------------------------------------------------


def json(column: pa.Array) -> pa.Array:
    """Return a column as JSON text: fields in the schema's order, those that are NULL left out."""
    kind = column.type
    if pt.is_struct(kind):
        return _json_object(column)
    if pt.is_map(kind):
        pairs = _pairs(_json_string(text(column.keys)), json(column.items))
        return _where(column, pc.binary_join_element_wise("{", _joined(column, pairs), "}", ""))
    if pt.is_list(kind):
        items = pc.fill_null(json(_items(column)), "null")
        return _where(column, pc.binary_join_element_wise("[", _joined(column, items), "]", ""))
    if pt.is_boolean(kind):
        return pc.if_else(column, "true", "false")
    if pt.is_integer(kind) or pt.is_decimal(kind):
        return text(column)
    if pt.is_floating(kind):
        return pc.if_else(pc.is_finite(column), text(column), "null")
    return _json_string(text(column))


def _json_object(column: pa.Array) -> pa.Array:
    parts = [
        pc.binary_join_element_wise(f",{_quoted_name(field.name)}:", json(part), "")
        for field, part in zip(column.type, column.flatten(), strict=True)
    ]
    nothing = pa.array([""] * len(column))
    inner = pc.binary_join_element_wise(nothing, *parts, "", null_handling="replace", null_replacement="")
    return _where(column, pc.binary_join_element_wise("{", pc.utf8_ltrim(inner, ","), "}", ""))


def _pairs(keys: pa.Array, values: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(keys, pc.fill_null(values, "null"), ":")


def _quoted_name(name: str) -> str:
    return str(_json_string(pa.array([name]))[0].as_py())


def _json_string(values: pa.Array) -> pa.Array:
    for found, escape in _ESCAPES:
        values = pc.replace_substring(values, found, escape)
    if pc.any(pc.match_substring_regex(values, _CONTROLS)).as_py():
        for number in range(0x20):
            values = pc.replace_substring(values, chr(number), f"\\u{number:04x}")
    return pc.binary_join_element_wise('"', values, '"', "")

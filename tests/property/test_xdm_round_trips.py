"""What one form of a type says, the other says too."""

import string

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.xdm.arrow import arrow_schema, from_arrow
from limbeck.xdm.json_schema import emit, parse
from limbeck.xdm.sql import duckdb_type
from limbeck.xdm.types import INTEGER_BOUNDS, Array, Field, Map, Object, Scalar

NAMES = st.text(string.ascii_letters + "_0\"'ä .", min_size=1, max_size=6)
PLAIN = st.sampled_from(["boolean", "date", "date-time"]).map(Scalar)
LENGTHS = st.none() | st.integers(0, 20)
STRINGS = st.builds(
    Scalar,
    st.just("string"),
    format=st.sampled_from([None, "uri", "email"]),
    enum=st.none() | st.lists(st.text(max_size=4), min_size=1, max_size=3).map(tuple),
    pattern=st.sampled_from([None, "^a+$"]),
    min_length=LENGTHS,
    max_length=LENGTHS,
)


def _numbers(name, values):
    bounds = st.none() | values
    return st.builds(Scalar, st.just(name), minimum=bounds, maximum=bounds)


NUMBERS = _numbers("number", st.floats(allow_nan=False, allow_infinity=False))
INTEGERS = st.one_of(
    *(_numbers(name, st.integers(least + 1, most - 1)) for name, (least, most) in INTEGER_BOUNDS.items())
)


def _object(fields):
    return Object(tuple(fields))


def _fields(types):
    field = st.builds(Field, NAMES, types, st.booleans())
    return st.lists(field, min_size=1, max_size=4, unique_by=lambda f: f.name.lower())


def _containers(inner):
    return st.one_of(inner.map(Array), inner.map(Map), _fields(inner).map(_object))


TYPES = st.recursive(st.one_of(PLAIN, STRINGS, NUMBERS, INTEGERS), _containers, max_leaves=12)
ROWS = _fields(TYPES).map(_object)


def _bare(t):
    """The type without what a column cannot show."""
    match t:
        case Object(fields):
            return Object(tuple(Field(f.name, _bare(f.type)) for f in fields))
        case Array(items):
            return Array(_bare(items))
        case Map(values):
            return Map(_bare(values))
        case _:
            return Scalar(t.name)


@given(TYPES)
@settings(max_examples=60)
def test_json_schema(t):
    assert parse(emit(t)) == t


@given(TYPES)
@settings(max_examples=40)
def test_json_schema_of_bare_types_needs_no_xdm_type(t):
    """`type`, `format` and bounds alone tell the type, as in schemas written elsewhere."""
    bare = _bare(t)
    assert parse(_without_xdm_type(emit(bare))) == bare


def _without_xdm_type(node):
    if not isinstance(node, dict):
        return node
    return {key: _without_xdm_type(value) for key, value in node.items() if key != "meta:xdmType"}


@given(ROWS)
@settings(max_examples=60)
def test_arrow(rows):
    assert from_arrow(arrow_schema(rows)) == _bare(rows)


@given(ROWS)
@settings(max_examples=15)
def test_duckdb_casts_empty_rows_into_the_type(rows):
    """A table cast to the spelled types comes back, through Arrow, as the type they spell."""
    empty = pa.table({f.name: pa.nulls(1) for f in rows.fields})
    casts = ", ".join(f"CAST({_quoted(f.name)} AS {duckdb_type(f.type)}) AS {_quoted(f.name)}" for f in rows.fields)
    with duckdb.connect() as connection:
        connection.register("rows", empty)
        assert from_arrow(connection.sql(f"SELECT {casts} FROM rows").to_arrow_table().schema) == _bare(rows)


def _quoted(name):
    return '"' + name.replace('"', '""') + '"'

"""XDM types as Arrow and SQL types; Arrow schemas of query results as XDM."""

import duckdb
import pyarrow as pa
import pytest

from limbeck.errors import InvalidSchema
from limbeck.xdm.arrow import arrow_schema, arrow_type, from_arrow
from limbeck.xdm.sql import duckdb_type, spark_type
from limbeck.xdm.types import Array, Field, Map, Object, Scalar

NESTED = Object(
    (
        Field("order", Object((Field('odd "na`me', Scalar("long")), Field("at", Scalar("date-time"))))),
        Field("items", Array(Object((Field("SKU", Scalar("string")), Field("n", Scalar("byte")))))),
        Field("map", Map(Array(Scalar("boolean")))),
    )
)


@pytest.mark.parametrize(
    ("name", "arrow"),
    [
        ("string", pa.string()),
        ("boolean", pa.bool_()),
        ("byte", pa.int8()),
        ("short", pa.int16()),
        ("int", pa.int32()),
        ("long", pa.int64()),
        ("number", pa.float64()),
        ("date", pa.date32()),
        ("date-time", pa.timestamp("ms")),
    ],
)
def test_scalars(name, arrow):
    assert arrow_type(Scalar(name)) == arrow


def test_columns_are_nullable_even_where_rows_must_have_a_value():
    schema = arrow_schema(Object((Field("a", Scalar("string"), required=True),)))
    assert schema.field("a").nullable


@pytest.mark.parametrize(
    ("arrow", "name"),
    [
        (pa.uint8(), "long"),
        (pa.uint64(), "long"),
        (pa.decimal128(38, 0), "long"),
        (pa.decimal256(50, 0), "long"),
        (pa.decimal128(10, 2), "number"),
        (pa.float16(), "number"),
        (pa.float32(), "number"),
        (pa.large_string(), "string"),
        (pa.string_view(), "string"),
        (pa.dictionary(pa.uint8(), pa.string()), "string"),
        (pa.null(), "string"),
        (pa.date64(), "date"),
        (pa.timestamp("ns"), "date-time"),
        (pa.timestamp("us", "Europe/Vienna"), "date-time"),
    ],
)
def test_wider_arrow_types_of_query_results(arrow, name):
    assert from_arrow(pa.schema([("a", arrow)])) == Object((Field("a", Scalar(name)),))


def test_all_list_kinds_are_arrays():
    kinds = [pa.list_(pa.int64()), pa.large_list(pa.int64()), pa.list_(pa.int64(), 3)]
    schema = pa.schema([(f"c{i}", kind) for i, kind in enumerate(kinds)])
    assert {f.type for f in from_arrow(schema).fields} == {Array(Scalar("long"))}


@pytest.mark.parametrize(
    ("arrow", "path"),
    [
        (pa.binary(), '"a"'),
        (pa.time64("us"), '"a"'),
        (pa.duration("s"), '"a"'),
        (pa.month_day_nano_interval(), '"a"'),
        (pa.map_(pa.int64(), pa.string()), '"a"'),
        (pa.struct([("b", pa.list_(pa.struct([("c", pa.binary())])))]), '"a.b.c"'),
        (pa.struct([]), "a has no fields"),
    ],
)
def test_types_without_xdm_type_name_their_column(arrow, path):
    with pytest.raises(InvalidSchema) as caught:
        from_arrow(pa.schema([("fine", pa.int64()), ("a", arrow)]))
    assert path in str(caught.value)


def test_names_that_sql_cannot_tell_apart():
    for names in (["a", "A"], ["a", "a"]):
        with pytest.raises(InvalidSchema, match="cannot tell apart"):
            from_arrow(pa.schema([(name, pa.int64()) for name in names]))
    with pytest.raises(InvalidSchema, match="no name"):
        from_arrow(pa.schema([("", pa.int64())]))


def test_duckdb_types_hold_what_arrow_types_hold():
    columns = ", ".join(f'"{f.name}" {duckdb_type(f.type)}' for f in NESTED.fields)
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE t ({columns})")
    found = from_arrow(connection.sql("SELECT * FROM t").to_arrow_table().schema)
    assert found == NESTED


def test_spark_types():
    assert spark_type(NESTED) == (
        'STRUCT<`order`: STRUCT<`odd "na``me`: BIGINT, `at`: TIMESTAMP_NTZ>, '
        "`items`: ARRAY<STRUCT<`SKU`: STRING, `n`: TINYINT>>, `map`: MAP<STRING, ARRAY<BOOLEAN>>>"
    )

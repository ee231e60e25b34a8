"""XDM types in the words of the engines' SQL (SQL contract, section 5.1)."""

from __future__ import annotations

from limbeck.xdm.types import Array, Map, Object, ScalarName, Type

_DUCKDB: dict[ScalarName, str] = {
    "string": "VARCHAR",
    "boolean": "BOOLEAN",
    "byte": "TINYINT",
    "short": "SMALLINT",
    "int": "INTEGER",
    "long": "BIGINT",
    "number": "DOUBLE",
    "date": "DATE",
    "date-time": "TIMESTAMP",
}

_SPARK: dict[ScalarName, str] = _DUCKDB | {"string": "STRING", "int": "INT", "date-time": "TIMESTAMP_NTZ"}


def duckdb_type(t: Type) -> str:
    """Return DuckDB's spelling of a type. A date-time is a TIMESTAMP without zone that holds UTC.

    >>> from limbeck.xdm.types import Field, Scalar
    >>> duckdb_type(Array(Object((Field("a", Scalar("long")),))))
    'STRUCT("a" BIGINT)[]'
    """
    match t:
        case Object(fields):
            inner = ", ".join(f"{_double_quoted(f.name)} {duckdb_type(f.type)}" for f in fields)
            return f"STRUCT({inner})"
        case Array(items):
            return f"{duckdb_type(items)}[]"
        case Map(values):
            return f"MAP(VARCHAR, {duckdb_type(values)})"
        case _:
            return _DUCKDB[t.name]


def spark_type(t: Type) -> str:
    """Return Spark's spelling of a type. A date-time is a TIMESTAMP_NTZ that holds UTC.

    >>> from limbeck.xdm.types import Field, Scalar
    >>> spark_type(Object((Field("a", Map(Scalar("string"))),)))
    'STRUCT<`a`: MAP<STRING, STRING>>'
    """
    match t:
        case Object(fields):
            inner = ", ".join(f"{_back_quoted(f.name)}: {spark_type(f.type)}" for f in fields)
            return f"STRUCT<{inner}>"
        case Array(items):
            return f"ARRAY<{spark_type(items)}>"
        case Map(values):
            return f"MAP<STRING, {spark_type(values)}>"
        case _:
            return _SPARK[t.name]


def _double_quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _back_quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"

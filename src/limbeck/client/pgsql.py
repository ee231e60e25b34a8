"""SQL over the PostgreSQL wire, for AEP, which has no other way to the rows of a query (SQL contract, section 1)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any

import pyarrow as pa

from limbeck.client.model import Rows
from limbeck.errors import LimbeckError, MissingExtra, RowCapReached, SqlError, every_kind

CAP = 50_000
"""Rows that Query Service gives at most without LIMIT; it does not tell when it has cut (section 1.3)."""

CONNECT_S = 30

PORTION = 8192

_QUERY = re.compile(r"(\s|--[^\n]*\n|/\*.*?\*/|\()*(select|with|values|show|explain|from)\b", re.IGNORECASE | re.DOTALL)
_LIMITED = re.compile(r"\blimit\s+(\d+|all)(\s+offset\s+\d+)?[\s;)]*\Z", re.IGNORECASE)

_TYPES: Mapping[int, pa.DataType] = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    700: pa.float32(),
    701: pa.float64(),
    1082: pa.date32(),
    1114: pa.timestamp("ms"),
    1700: pa.float64(),
}
"""By PostgreSQL's type; everything else, nested values among it, is text."""


def run(parameters: Mapping[str, Any], sql: str) -> Rows:
    """Run one statement where *parameters*, AEP's `connection_parameters`, lead, and stream its rows.

    Raise `MissingExtra` without psycopg, and the error that the server's SQLSTATE stands for; at the end
    `RowCapReached` if the rows may have been cut off.
    """
    psycopg = _psycopg()
    stack = ExitStack()
    try:
        with _told(psycopg):
            connection = stack.enter_context(
                psycopg.connect(
                    host=parameters["host"],
                    port=parameters["port"],
                    dbname=parameters["dbName"],
                    user=parameters["username"],
                    password=parameters["token"],
                    autocommit=True,
                    connect_timeout=CONNECT_S,
                )
            )
            cursor = stack.enter_context(connection.cursor())
            if _QUERY.match(sql):
                rows = cursor.stream(sql)
                first = list(islice(rows, 1))
                if first:
                    return _streamed(psycopg, stack, cursor, first, rows, _LIMITED.search(sql) is None)
            cursor.execute(sql)  # a stream without rows does not tell its columns
            return _whole(stack, cursor)
    except BaseException:
        stack.close()
        raise


def _whole(stack: ExitStack, cursor: Any) -> Rows:
    """The rows of a statement that is no query, or has none: few, or none but their number."""
    with stack:
        if cursor.description is None:
            batch = pa.RecordBatch.from_pydict({"rows": [max(0, cursor.rowcount)]})
            return Rows(batch.schema, iter([batch]))
        schema = _schema(cursor)
        return Rows(schema, iter([_batch(schema, cursor.fetchall())]))


def _streamed(
    psycopg: Any, stack: ExitStack, cursor: Any, first: list[Sequence[Any]], rest: Iterator[Sequence[Any]], cut: bool
) -> Rows:
    schema = _schema(cursor)

    def batches() -> Iterator[pa.RecordBatch]:
        count, portion = 0, first
        with stack, _told(psycopg):
            while portion:
                count += len(portion)
                yield _batch(schema, portion)
                portion = list(islice(rest, PORTION))
        if cut and count >= CAP:
            raise RowCapReached(f"the result was cut after {count} rows: add a LIMIT, or export the dataset")

    return Rows(schema, batches())


def _schema(cursor: Any) -> pa.Schema:
    return pa.schema([(c.name, _TYPES.get(c.type_code, pa.string())) for c in cursor.description])


def _batch(schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [_array(values, kind) for values, kind in zip(columns, schema.types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_floating(kind):
        values = [None if v is None else float(v) for v in values]
    return pa.array(values, kind)


@contextmanager
def _told(psycopg: Any) -> Iterator[None]:
    """Turn psycopg's errors into ours, by SQLSTATE."""
    try:
        yield
    except psycopg.Error as error:
        state, diagnosis = getattr(error, "sqlstate", None), getattr(error, "diag", None)
        message = getattr(diagnosis, "message_primary", None) or str(error).strip()
        raise next((k for k in every_kind() if k.sqlstate == state and k is not LimbeckError), SqlError)(
            message
        ) from error


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise MissingExtra.of("psycopg", "aep") from error
    return psycopg

"""The wire's pure parts: messages, parameters and rows as bytes, commands."""

from __future__ import annotations

import datetime as dt
import struct
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.errors import FeatureNotSupported, InvalidText, ProtocolViolation, SqlSyntaxError
from limbeck.pgwire import codec, parameters, rows, types
from limbeck.pgwire.commands import command
from limbeck.pgwire.copies import CopyOut
from limbeck.pgwire.cursors import Fetch
from limbeck.pgwire.server import _options
from limbeck.query.database import Database
from limbeck.query.statements import kinds
from limbeck.query.statements.settings import Set, Show
from limbeck.query.statements.show import ShowTables

INT8, FLOAT8, TEXT, DATE, TIMESTAMP, NUMERIC = 20, 701, 25, 1082, 1114, 1700


# -- messages -----------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(tag=st.binary(min_size=1, max_size=1), body=st.binary(max_size=200))
def test_bytes_are_a_message_or_a_violation(tag: bytes, body: bytes) -> None:
    for read in (lambda: codec.message(tag, body), lambda: codec.opening(body)):
        with suppress(ProtocolViolation):
            read()


@settings(deadline=None)
@given(name=st.text(), sql=st.text(), oids=st.lists(st.integers(0, 2**32 - 1), max_size=5))
def test_a_message_is_read_as_it_was_written(name: str, sql: str, oids: list[int]) -> None:
    name, sql = name.replace("\0", ""), sql.replace("\0", "")
    try:
        body = name.encode() + b"\0" + sql.encode() + b"\0"
    except UnicodeEncodeError:
        return
    body += struct.pack(f"!H{len(oids)}I", len(oids), *oids)
    assert codec.message(b"P", body) == codec.Parse(name, sql, tuple(oids))
    for wrong in (body[:-1], body + b"\0"):
        with pytest.raises(ProtocolViolation):
            codec.message(b"P", wrong)


def test_a_message_has_a_length_that_can_be() -> None:
    assert codec.length(b"Q\0\0\0\4", 10) == 0
    for header in (b"Q\0\0\0\3", b"Q\0\0\0\x0f", b"Q\xff\xff\xff\xff"):
        with pytest.raises(ProtocolViolation):
            codec.length(header, 10)


# -- parameters ---------------------------------------------------------------------------------------------------

LAYOUTS = {16: "?", 21: "h", 23: "i", INT8: "q", FLOAT8: "d"}


@pytest.mark.parametrize(
    ("oid", "raw", "value"),
    [
        (16, b"t", True),
        (16, b"off", False),
        (INT8, b"-5", -5),
        (FLOAT8, b"1e3", 1000.0),
        (NUMERIC, b"1.50", 1.5),
        (TEXT, "ü".encode(), "ü"),
        (DATE, b"1999-12-31", dt.date(1999, 12, 31)),
        (TIMESTAMP, b"2024-03-01 10:00:00.25", dt.datetime(2024, 3, 1, 10, 0, 0, 250_000)),
        (1184, b"2024-03-01 12:00:00+02", dt.datetime(2024, 3, 1, 10)),
        (INT8, None, None),
    ],
)
def test_parameters_in_text(oid: int, raw: bytes | None, value: object) -> None:
    assert parameters.value(1, oid, 0, raw).value == value


@pytest.mark.parametrize(
    ("oid", "form", "raw"),
    [
        (INT8, 0, b"x"),
        (INT8, 1, b"123"),
        (21, 0, b"70000"),
        (16, 0, b"maybe"),
        (DATE, 0, b"31.12."),
        (TEXT, 0, b"\xff"),
    ],
)
def test_bytes_that_are_no_value(oid: int, form: int, raw: bytes) -> None:
    with pytest.raises(InvalidText):
        parameters.value(1, oid, form, raw)


def test_types_that_are_not_taken() -> None:
    with pytest.raises(FeatureNotSupported):
        parameters.value(1, 600, 0, b"(1,2)")


# -- rows ---------------------------------------------------------------------------------------------------------


def read(messages: bytes) -> list[list[bytes | None]]:
    """The values of DataRow messages, one after the other."""
    found, at = [], 0
    while at < len(messages):
        assert messages[at : at + 1] == b"D"
        end = at + 1 + struct.unpack_from("!I", messages, at + 1)[0]
        count, place = struct.unpack_from("!H", messages, at + 5)[0], at + 7
        row: list[bytes | None] = []
        for _ in range(count):
            size = struct.unpack_from("!i", messages, place)[0]
            place += 4 + max(size, 0)
            row.append(None if size < 0 else messages[place - size : place])
        assert place == end
        found.append(row)
        at = end
    return found


def rows_of(column: pa.Array, form: int) -> list[bytes | None]:
    batch = pa.record_batch({"c": column})
    made = b"".join(bytes(c) for c in rows.encoded(batch, rows.data_rows(batch.schema, [form])))
    return [row[0] for row in read(made)]


def optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.none() | values, max_size=20)


KINDS: list[tuple[pa.DataType, int, st.SearchStrategy[Any]]] = [
    (pa.bool_(), 16, st.booleans()),
    (pa.int8(), 21, st.integers(-128, 127)),
    (pa.int16(), 21, st.integers(-(2**15), 2**15 - 1)),
    (pa.int32(), 23, st.integers(-(2**31), 2**31 - 1)),
    (pa.int64(), INT8, st.integers(-(2**63), 2**63 - 1)),
    (pa.float64(), FLOAT8, st.floats(allow_nan=False)),
    (pa.string(), TEXT, st.text(st.characters(exclude_categories=["Cs"]))),
    (pa.date32(), DATE, st.dates()),
    (pa.timestamp("ms"), TIMESTAMP, st.datetimes().map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000))),
]


@pytest.mark.parametrize("form", [0, 1])
@pytest.mark.parametrize(("kind", "oid", "values"), KINDS, ids=[str(kind) for kind, _, _ in KINDS])
@settings(deadline=None)
@given(data=st.data())
def test_rows_are_read_as_the_parameters_they_could_be(
    kind: pa.DataType, oid: int, values: st.SearchStrategy[Any], form: int, data: st.DataObject
) -> None:
    wanted = data.draw(optional(values))
    column = pa.concat_arrays([pa.array(wanted[:1], kind), pa.array(wanted, kind)]).slice(min(1, len(wanted)))
    found = [parameters.value(1, oid, form, raw).value for raw in rows_of(column, form)]
    assert found == wanted
    assert types.oid_of(pa.field("c", kind)) == oid


@settings(deadline=None)
@given(values=optional(st.decimals(min_value=-(10**10), max_value=10**10, places=3)))
def test_decimals(values: list[Decimal | None]) -> None:
    column = pa.array(values, pa.decimal128(20, 3))
    for form in (0, 1):
        raw = rows_of(column, form)
        read = parameters._KINDS[NUMERIC].binary if form else lambda r: Decimal(r.decode())
        found = [None if r is None else read(r) for r in raw]
        assert found == values


def test_large_batches_are_sent_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_BATCH", 1000)
    batch = pa.record_batch({"c": pa.array(["x" * 300] * 10)})
    parts = [bytes(c) for c in rows.encoded(batch, rows.data_rows(batch.schema, [0]))]
    assert len(parts) > 1
    assert read(b"".join(parts)) == [[b"x" * 300]] * 10


# -- commands, names, options -------------------------------------------------------------------------------------


def test_commands_are_read_whatever_stands_around_them() -> None:
    assert kinds.command("/* a */ set -- b\n Auto_To_Json TO 'true'") == Set("auto_to_json", "true")
    assert command('FETCH FORWARD ALL IN "My c"') == Fetch("My c", "forward", None, False)
    assert kinds.command("show DateStyle") == Show("datestyle")
    assert kinds.command("show TABLES") == ShowTables()
    assert command("COPY t (a, b) TO STDOUT (FORMAT csv, DELIMITER ';', HEADER)") == CopyOut(
        "SELECT a, b FROM t", 5, "csv", True, ";", "", '"'
    )
    for none in ("SELECT 1", "SHOW TABLES", "", "-- nothing"):
        assert command(none) is None


@pytest.mark.parametrize("sql", ["FETCH", "COPY (SELECT 1 TO STDOUT", "DECLARE c FOR SELECT 1", "COMMIT NOW"])
def test_commands_that_are_none(sql: str) -> None:
    with pytest.raises(SqlSyntaxError) as caught:
        command(sql)
    assert caught.value.position is not None


@settings(deadline=None)
@given(st.text())
def test_every_text_is_a_command_or_none_or_wrong(text: str) -> None:
    for sql in (text, f"COPY {text}", f"SET {text}", f"FETCH {text}", f"DECLARE {text}", f"EXECUTE {text}"):
        with suppress(SqlSyntaxError, FeatureNotSupported):
            command(sql)


def test_names_of_databases() -> None:
    assert Database.of("dev:ev?flatten") == Database("dev", "ev", True)
    assert Database.of("dev") == Database("dev", "all", False)
    assert Database.of("") == Database("prod", "all", False)


def test_options_of_the_start() -> None:
    assert _options(r"-c a=1 -cb=2 --c-d=x\ y -e") == {"a": "1", "b": "2", "c_d": "x y"}

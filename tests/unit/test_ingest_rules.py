"""What each rule says about one value, in the words that users read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck.engine import Engine
from limbeck.errors import InvalidFile, InvalidInput, RowsRejected
from limbeck.ingest import InputFormat, StagedFile, convert
from limbeck.ingest.rules import Identifier, rows_of
from limbeck.ingest.validate import problems, shown
from limbeck.xdm.arrow import arrow_schema
from limbeck.xdm.types import Array, Field, Identity, Map, Object, Scalar, Schema, Type

IDENTITY_MAP = Map(Array(Object((Field("id", Scalar("string")), Field("primary", Scalar("boolean"))))))
PERSON = Object((Field("userid", Scalar("string")), Field("note", Scalar("string"))))
SCHEMA = Schema(
    "https://ns.adobe.com/acme/schemas/visits",
    "1.0",
    "Visits",
    "https://ns.adobe.com/xdm/context/experienceevent",
    "time-series",
    Object(
        (
            Field("timestamp", Scalar("date-time"), required=True),
            Field("_acme", PERSON),
            Field("identityMap", IDENTITY_MAP),
        )
    ),
    (Identity("_acme.userid", "ECID", primary=True),),
)
NOW = datetime(2024, 6, 1, tzinfo=UTC)


def wrong(found: object, wanted: Type, texts: bool = False) -> list[tuple[str, str]]:
    """(found, wanted) of each problem of one value."""
    row = json.dumps({"x": found})
    return [(p.found, p.wanted) for p in problems(row, Object((Field("x", wanted),)), texts)]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ("text", Scalar("string")),
        (344, Scalar("string")),
        ("", Scalar("string", enum=("", "a"))),
        ("12", Scalar("long")),
        (3.0, Scalar("int")),
        (2**53, Scalar("long")),
        (5, Scalar("number")),
        ("0.5", Scalar("number")),
        (True, Scalar("boolean")),
        ("2024-02-29", Scalar("date")),
        ("2023-01-21T00:01:18.909123", Scalar("date-time")),
        ("2023-01-21 00:01:18+0530", Scalar("date-time")),
        (1674259278909, Scalar("date-time")),
        ("ada@example.com", Scalar("string", format="email")),
        ([1, None], Array(Scalar("int"))),
        ({}, Map(Scalar("int"))),
        (None, Scalar("int")),
    ],
)
def test_what_fits(found: object, wanted: Type) -> None:
    assert wrong(found, wanted) == []


@pytest.mark.parametrize(
    ("found", "wanted", "said"),
    [
        (1.5, Scalar("string"), "a string in quotes"),
        (10**37, Scalar("string"), "does not keep every digit"),
        (True, Scalar("string"), "a string"),
        (3.5, Scalar("int"), "a whole number from -2147483648 to 2147483647"),
        (128, Scalar("byte"), "from -128 to 127"),
        (2**53 + 1, Scalar("long"), "from -9007199254740992 to 9007199254740992"),
        ("1,5", Scalar("number"), "a number"),
        ("true", Scalar("boolean"), "true or false"),
        (1, Scalar("boolean"), "true or false"),
        ("2023-02-29", Scalar("date"), "YYYY-MM-DD"),
        (20230201, Scalar("date"), "YYYY-MM-DD"),
        ("yesterday", Scalar("date-time"), "RFC 3339"),
        ("2024-01-01T24:00:00", Scalar("date-time"), "RFC 3339"),
        ("blue", Scalar("string", enum=("red", "green")), "one of red, green"),
        ("x", Scalar("string", pattern="^[0-9]+$"), "a text like ^[0-9]+$"),
        ("x", Scalar("string", min_length=2), "at least 2 characters"),
        ("xyz", Scalar("string", max_length=2), "at most 2 characters"),
        ("a@b@c", Scalar("string", format="email"), "one @"),
        (0, Scalar("int", minimum=1), "at least 1"),
        (9, Scalar("number", maximum=8.5), "at most 8.5"),
        ("x", Array(Scalar("string")), "a list"),
        ([], Map(Scalar("string")), "an object, as a map"),
        (5, PERSON, "an object"),
    ],
)
def test_what_does_not_fit_is_said(found: object, wanted: Type, said: str) -> None:
    ((shown_value, wish),) = wrong(found, wanted)
    assert shown_value == json.dumps(found)
    assert said in wish


def test_csv_has_booleans_as_texts() -> None:
    assert wrong("TRUE", Scalar("boolean"), texts=True) == []
    assert wrong("yes", Scalar("boolean"), texts=True) == [('"yes"', "true or false")]


def test_long_values_are_cut() -> None:
    assert len(shown("x" * 5000)) == 201


def test_identities_and_the_event_time_have_rules_of_their_own() -> None:
    wanted = rows_of(SCHEMA, NOW)
    userid, note = wanted.find("_acme.userid"), wanted.find("_acme.note")
    assert userid is not None
    assert note is not None
    assert (type(userid.type), type(note.type)) == (Identifier, Scalar)
    row = {
        "timestamp": "2024-06-01T00:00:00.001Z",
        "_acme": {"userid": 344, "note": 344},
        "identityMap": {"ECID": [{"id": 5}]},
    }
    found = [p.path for p in problems(json.dumps(row), wanted)]
    assert found == ["timestamp", "_acme.userid", "identityMap.ECID[0].id"]
    on_time = json.dumps({"timestamp": "2024-06-01T00:00:00Z"})
    assert problems(on_time, wanted) == []


def test_a_required_field_may_be_neither_null_nor_absent() -> None:
    for row in ("{}", '{"timestamp": null}'):
        (problem,) = problems(row, SCHEMA.type)
        assert (problem.path, problem.found) == ("timestamp", "nothing")


def test_keys_are_known_and_there_once() -> None:
    row = '{"timestamp": 0, "timestamp": 1, "_acme": {"usrid": "x"}}'
    twice, unknown = problems(row, SCHEMA.type)
    assert (twice.path, twice.found) == ("timestamp", "the same key more than once")
    assert (unknown.path, unknown.wanted) == ("_acme.usrid", 'a field of the schema; did you mean "userid"?')


# -- formats ---------------------------------------------------------------------------------------------------


def test_input_formats_are_read_as_aep_writes_them() -> None:
    assert InputFormat.parse({"format": "JSON", "isMultiLineJson": True}) == InputFormat("json", ",", True)
    assert InputFormat.parse({"format": "csv", "delimiter": ";"}) == InputFormat("csv", ";")
    with pytest.raises(InvalidInput, match='did you mean "parquet"'):
        InputFormat.parse({"format": "parket"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def converted(folder: Path, content: bytes, how: str, mapping: dict[str, str] | None = None) -> list[dict[str, object]]:
    """The rows that a file of this content becomes."""
    path = folder / "staged"
    path.write_bytes(content)
    engine = Engine(folder / "scratch", 256, 1, 2)
    made = convert(engine, [StagedFile("rows", path)], InputFormat.parse({"format": how}), SCHEMA, folder, mapping)
    return [row for p in made.paths for row in pq.read_table(p).to_pylist()]


def test_a_mapping_leads_csv_columns_to_nested_fields(folder: Path) -> None:
    content = b"\xef\xbb\xbfwhen,who,left out\n2024-01-01T00:00:00+02:00,007,x\n"
    (row,) = converted(folder, content, "csv", {"timestamp": "when", "_acme.userid": "who"})
    assert row["timestamp"] == datetime(2023, 12, 31, 22)
    assert row["_acme"] == {"userid": "007", "note": None}
    assert row["identityMap"] is None


def test_a_mapping_of_columns_that_are_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidFile, match=r'"rows" has no column "whom".*"_acme.userid"; did you mean "who"'):
        converted(folder, b"when,who\n0,1\n", "csv", {"timestamp": "when", "_acme.userid": "whom"})


def test_quoted_and_empty_cells_differ(folder: Path) -> None:
    rows = converted(folder, b'timestamp,_acme.note\n0,""\n0,\n0,"a ""b""\nc,"\n', "csv")
    assert [r["_acme"] and r["_acme"]["note"] for r in rows] == ["", None, 'a "b"\nc,']  # type: ignore[index]


def test_a_byte_order_mark_before_json_is_no_error(folder: Path) -> None:
    assert len(converted(folder, b'\xef\xbb\xbf[{"timestamp": 0}, {"timestamp": 1}]', "json")) == 2


def test_numbers_become_text_except_in_identities(folder: Path) -> None:
    (row,) = converted(folder, b'{"timestamp": 0, "_acme": {"userid": "344", "note": 344}}', "json")
    assert row["_acme"] == {"userid": "344", "note": "344"}
    for content, path in (
        (b'{"timestamp": 0, "_acme": {"userid": 344}}', "_acme.userid"),
        (b'{"timestamp": 0, "identityMap": {"ECID": [{"id": 344}]}}', r"identityMap.ECID\[0\].id"),
        (b'{"timestamp": 0, "_acme": {"note": 3.5}}', "_acme.note"),
    ):
        with pytest.raises(RowsRejected, match=f'field "{path}".*does not keep every digit'):
            converted(folder, content, "json")


@pytest.mark.parametrize(
    "content",
    [
        b'{"timestamp": 0}\r\n\r\n  \n{"timestamp": 1}\r\n',
        b'[{"timestamp": 0}]\n[]\n[{"timestamp": 1}]\n',
        b'{"timestamp": 0}\n[{"timestamp": 1}]',
        b' [\n{"timestamp": 0}\n,\n{"timestamp": 1}\n]\n\n',
    ],
)
def test_json_comes_as_lines_arrays_and_both(folder: Path, content: bytes) -> None:
    assert [r["timestamp"].second for r in converted(folder, content, "json")] == [0, 0]  # type: ignore[attr-defined]


def test_a_parquet_file_that_is_as_it_should_be_is_kept_byte_for_byte(folder: Path) -> None:
    path = folder / "staged"
    table = pa.Table.from_pylist([{"timestamp": datetime(2024, 1, 1)}], schema=arrow_schema(SCHEMA.type))
    pq.write_table(table, path, compression="zstd")
    how = InputFormat("parquet")
    (made,) = convert(Engine(folder / "s", 256, 1, 2), [StagedFile("x", path)], how, SCHEMA, folder).paths
    assert made.read_bytes() == path.read_bytes()
    made.unlink()
    assert path.exists()


def test_a_parquet_file_with_the_right_columns_and_a_broken_row_is_not_kept(folder: Path) -> None:
    path = folder / "staged"
    pq.write_table(pa.Table.from_pylist([{"timestamp": None}], schema=arrow_schema(SCHEMA.type)), path)
    with pytest.raises(RowsRejected, match="the field is required"):
        convert(Engine(folder / "s", 256, 1, 2), [StagedFile("x", path)], InputFormat("parquet"), SCHEMA, folder)
    assert [p.name for p in folder.glob("*.parquet")] == []


def test_integers_come_in_any_width_if_they_fit(folder: Path) -> None:
    wanted = Object(
        (Field("n", Scalar("short")), Field("d", Scalar("number")), Field("o", Object((Field("x", Scalar("long")),))))
    )
    schema = Schema("x", "1.0", "X", "x", "record", wanted)
    engine = Engine(folder / "s", 256, 1, 2)

    def rows(n: int) -> list[object]:
        columns = {
            "n": pa.array([n], pa.uint64()),
            "d": pa.array([1], pa.decimal128(9, 2)),
            "o": pa.array([{"x": 7}], pa.struct([("x", pa.int8())])),
        }
        pq.write_table(pa.table(columns), folder / "staged")
        made = convert(engine, [StagedFile("x", folder / "staged")], InputFormat("parquet"), schema, folder)
        return pq.read_table(made.paths[0]).to_pylist()

    assert rows(32767) == [{"n": 32767, "d": 1.0, "o": {"x": 7}}]
    with pytest.raises(RowsRejected, match=r'row 1, field "n": found 32768, wanted a whole number'):
        rows(32768)

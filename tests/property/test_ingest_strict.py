"""The quick way to read JSON gives the rows of the slow one, or goes it: the same rows, rejected in the same words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck import ids
from limbeck.engine import Engine, Interrupt
from limbeck.errors import LimbeckError, RowsRejected
from limbeck.ingest import InputFormat, StagedFile, convert
from limbeck.ingest.formats import strict
from limbeck.xdm.types import Array, Field, Map, Object, Scalar, Schema
from tests.property.test_ingest_rows import examples, mangled, nested, objects, schema_of, spelled, values

FRAGMENTS = [
    "-0", "-0.0", "0.5", "3.0", "1e2", "1E+2", "-1e-400", "1e400", "NaN", "Infinity", "-Infinity", "01", ".5", "5.",
    "nul", "999999999999999999", "1000000000000000000", "-9007199254740992", "9007199254740993", "9007199254740993.0",
    "123456789012345678901234567890", "1704067200000", "1.7e12", '"1704067200000"', '"+3"', '"3.0"', '" 3"', '"1e400"',
    '"2024-1-1"', '"2024-01-01"', '"2024-02-29T23:59:59.9999999Z"', '"2024-01-01t00:00:00.5+0530"',
    '"2024-01-01 00:00:00-23:59"', '"99999-01-01T00:00:00Z"', r'"\u0000"', r'"\ud800"', r'"\u0041\/\b"', '"a\tb"',
    '{"a":1,"a":1}', '{"a":null,"a":null}', '{"x":{"a":1},"x":{"a":1}}', '[{"a":1,"a":2}]', "[1,]", '{"a":1,}', "/**/1",
    "[null]", '{"x":null}', "{}", "[]",
]  # fmt: skip


@st.composite
def odd_rows(draw: st.DrawFn, t: Object) -> str:
    """The JSON text of a row, with a fragment of JSON, or of nearly JSON, in the place of some value."""
    row = draw(values(t, True))
    where = row
    while True:
        key = draw(st.sampled_from(sorted(where) if isinstance(where, dict) else range(len(where))))
        inner = where[key]
        if not isinstance(inner, (dict, list)) or not inner or draw(st.booleans()):
            break
        where = inner
    where[key] = "@@"
    return json.dumps(row, default=spelled).replace('"@@"', draw(st.sampled_from(FRAGMENTS)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("strict")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Engine:
    return Engine(folder / "scratch", 512, 2, 2)


@contextmanager
def slowly() -> Iterator[None]:
    """Know no quick way while the block lasts."""
    with patch.object(strict, "plain", lambda *_: None):
        yield


def outcome(engine: Engine, folder: Path, content: bytes, how: InputFormat, schema: Schema) -> Any:
    """The rows that come out of a file of this content, or all that is said about why there are none."""
    path = folder / ids.new_uuid()
    path.write_bytes(content)
    try:
        made = convert(engine, [StagedFile("rows", path)], how, schema, folder)
    except LimbeckError as error:
        return type(error), str(error), error.details
    return repr(pa.concat_tables([pq.read_table(p) for p in made.paths]).to_pylist())


def is_plain(engine: Engine, folder: Path, content: bytes, schema: Schema) -> bool:
    """Whether the decoder takes every row of a file of this content."""
    path = folder / ids.new_uuid()
    path.write_bytes(content)
    found = strict.plain([StagedFile("rows", path)], InputFormat("json"), schema.type)
    with engine.session(files=[str(path)]) as session:
        return found is not None and found.rows(session, Interrupt()) is not None


@settings(examples, max_examples=40)
@given(
    objects(nested).flatmap(
        lambda t: st.tuples(st.just(t), st.lists(st.one_of(mangled(t), odd_rows(t)), min_size=1, max_size=3))
    ),
    st.sampled_from(["\n", ",", " \n "]),
)
def test_the_quick_way_gives_what_the_slow_one_does(
    engine: Engine, folder: Path, drawn: tuple[Object, list[str]], between: str
) -> None:
    t, rows = drawn
    schema = schema_of(t, identities=["a", "a.a"])
    content = (f"[{between.join(rows)}]" if between == "," else between.join(rows)).encode()
    how = InputFormat("json", multi_line=between == " \n ")
    found = outcome(engine, folder, content, how, schema)
    with slowly():
        assert found == outcome(engine, folder, content, how, schema)


PLAIN = Object(
    (
        Field("_id", Scalar("string"), True),
        Field("timestamp", Scalar("date-time")),
        Field("web", Object((Field("hits", Scalar("int")), Field("share", Scalar("number"))))),
        Field("day", Scalar("date")),
        Field("items", Array(Object((Field("SKU", Scalar("string")), Field("seen", Scalar("boolean")))))),
        Field("identityMap", Map(Array(Object((Field("id", Scalar("string")),))))),
    )
)


def plain(**changed: str) -> str:
    """A row that fits `PLAIN`, as aepp and pandas write it; with other JSON in the place of some of its values."""
    row = {
        "_id": '"1"',
        "timestamp": '"2023-01-21T00:01:18.909123"',
        "web": '{"hits": 3.0, "share": 1}',
        "day": '"2024-02-29"',
        "items": '[{"SKU": 344, "seen": true}, null]',
        "identityMap": '{"ECID": [{"id": "12345678901234567890123456789012345678"}]}',
    } | changed
    return f"{{{', '.join(f'{json.dumps(name)}: {value}' for name, value in row.items())}}}"


@pytest.mark.parametrize(
    "row",
    [
        plain(),
        plain(timestamp="1674259278909", web="null", items="null"),
        plain(timestamp='"2023-01-21T00:01:18Z"', web='{"hits": "3", "share": "0.5"}', day="null"),
        '{"_id": "only"}',
    ],
)
def test_rows_that_are_plain_go_the_quick_way(engine: Engine, folder: Path, row: str) -> None:
    schema = Schema("x", "1.0", "X", "x", "record", PLAIN)
    assert is_plain(engine, folder, row.encode(), schema)
    assert is_plain(engine, folder, f"[{row}, {row}]".encode(), schema)
    found = outcome(engine, folder, row.encode(), InputFormat("json"), schema)
    with slowly():
        assert found == outcome(engine, folder, row.encode(), InputFormat("json"), schema)


@pytest.mark.parametrize(
    "row",
    [
        plain(_id="true"), plain(_id='{"a": 1}'), plain(_id="[1]"), plain(_id="1.5"), plain(_id="1000000000000000000"),
        plain(web='{"hits": 3.5}'), plain(web='{"hits": true}'), plain(web='{"hits": 3, "more": null}'),
        plain(items='{"SKU": "1"}'), plain(items='[{"SKU": "1", "seen": "true"}]'), plain(day='"2024-2-29"'),
        plain(identityMap='{"ECID": {"id": "1"}}'), plain(other="null"), "null", "[]", '"text"',
    ],
)  # fmt: skip
def test_rows_that_the_reader_would_bend_do_not(engine: Engine, folder: Path, row: str) -> None:
    schema = Schema("x", "1.0", "X", "x", "record", PLAIN)
    for content in (f"[{row}]", f"{plain()}\n{row}\n{plain()}"):
        assert not is_plain(engine, folder, content.encode(), schema)


@pytest.mark.parametrize("pad", ["", "x"])
def test_the_reader_may_cut_its_message_inside_a_character(engine: Engine, folder: Path, pad: str) -> None:
    row = f'{{"_id": "{pad}{"é" * 500}", "_id": "1"}}'
    kind, said, _ = outcome(
        engine, folder, row.encode(), InputFormat("json"), Schema("x", "1.0", "X", "x", "record", PLAIN)
    )
    assert kind is RowsRejected
    assert "the same key more than once" in said


@pytest.mark.parametrize(
    "content",
    [
        b"[]", b" [ ]\n", b"[" + plain().encode(), b"[" + plain().encode() + b",]", plain().encode() + b"\n\n \n",
        b"\xef\xbb\xbf" + plain().encode(), b'{"_id": "\xff"}', b'[{"_id": "\xff"}]', b"{}", b"{}\r{}", b"[{}]\n[{}]",
        b"{}\n[{}]\n{}", b"[{}]]", b"[{}] {}", plain().encode() + b" " + plain().encode(), plain().encode() * 2,
        plain().replace(",", ",\n").encode(), plain().encode() + b",\n" + plain().encode(),
    ],
)  # fmt: skip
@pytest.mark.parametrize("multi_line", [False, True])
def test_files_of_odd_layouts_are_read_alike(engine: Engine, folder: Path, content: bytes, multi_line: bool) -> None:
    schema = Schema("x", "1.0", "X", "x", "record", PLAIN)
    found = outcome(engine, folder, content, InputFormat("json", multi_line=multi_line), schema)
    with slowly():
        assert found == outcome(engine, folder, content, InputFormat("json", multi_line=multi_line), schema)


@pytest.mark.parametrize("layout", ["{}", "[{}]"])
def test_what_the_quick_way_has_written_goes_when_the_last_row_is_odd(
    engine: Engine, tmp_path: Path, layout: str
) -> None:
    rows = [*[plain()] * 3000, plain(web='{"hits": "3.0"}')]
    content = layout.format(("," if layout == "[{}]" else "\n").join(rows))
    source, folder = tmp_path / "rows", tmp_path / "out"
    source.write_text(content)
    folder.mkdir()
    schema = Schema("x", "1.0", "X", "x", "record", PLAIN)
    made = convert(engine, [StagedFile("rows", source)], InputFormat("json"), schema, folder)
    assert made.rows == len(rows)
    assert sorted(folder.iterdir()) == sorted(made.paths)
    assert pq.read_table(made.paths[0])["web"].to_pylist()[-1] == {"hits": 3, "share": None}


@pytest.mark.parametrize(("between", "around"), [(",", "[{}]"), ("\n", "{}")])
@pytest.mark.parametrize("files", [1, 3])
def test_rows_keep_their_order_over_row_groups_and_files(
    engine: Engine, tmp_path: Path, between: str, around: str, files: int
) -> None:
    count = 300_000 // files
    for number in range(files):
        rows = (f'{{"_id":"{i}"}}' for i in range(number * count, (number + 1) * count))
        (tmp_path / f"{number}").write_text(around.format(between.join(rows)))
    staged = [StagedFile("rows", tmp_path / f"{number}") for number in range(files)]
    made = convert(engine, staged, InputFormat("json"), Schema("x", "1.0", "X", "x", "record", PLAIN), tmp_path)
    found = pa.concat_tables([pq.read_table(path, columns=["_id"]) for path in made.paths])["_id"]
    assert pq.read_metadata(made.paths[0]).num_row_groups > 1
    assert found.to_pylist() == list(map(str, range(files * count)))

"""Rows of random schemas, written in each format, come back as they were; exactly those that break a rule are named.

The reference for what breaks a rule is `limbeck.ingest.validate`, which looks at one row at a time in Python.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limbeck import clock, ids
from limbeck.engine import Engine
from limbeck.errors import RowsRejected
from limbeck.ingest import InputFormat, StagedFile, convert
from limbeck.ingest.rules import rows_of
from limbeck.ingest.validate import problems
from limbeck.xdm.arrow import arrow_schema, arrow_type
from limbeck.xdm.types import Array, Field, Identity, Map, Object, Scalar, Schema, Type

examples = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Bench:
    """An engine and a folder for the files of all examples."""

    engine: Engine
    folder: Path

    def convert(self, content: bytes, how: InputFormat, schema: Schema) -> list[dict[str, Any]]:
        """The rows that come out of a file of this content."""
        path = self.folder / ids.new_uuid()
        path.write_bytes(content)
        made = convert(self.engine, [StagedFile("rows", path)], how, schema, self.folder)
        rows = [row for p in made.paths for row in pq.read_table(p).to_pylist()]
        assert made.rows == len(rows)
        return rows

    def rejected(self, content: bytes, how: InputFormat, schema: Schema) -> set[int]:
        """The numbers of the rows that are named as broken."""
        try:
            self.convert(content, how, schema)
        except RowsRejected as error:
            return {s["row"] for s in error.details["samples"] if s["file"] == "rows" and s["found"] and s["wanted"]}
        return set()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("ingest")
    return Bench(Engine(folder / "scratch", 512, 2, 2), folder)


# -- schemas ---------------------------------------------------------------------------------------------------

NAMES = ["a", "B", "c d", 'e"f', "g'h", "éi", "j.k", "l\\m", "$", "*", "raw", "lost", "x0"]
PLAIN_NAMES = ["a", "B", "c_d", "éi", "$", "raw", "good"]

scalars = st.one_of(
    st.sampled_from([Scalar(n) for n in ("boolean", "byte", "short", "int", "long", "number", "date", "date-time")]),
    st.sampled_from(
        [
            Scalar("string"),
            Scalar("string", enum=("red", "it's", "")),
            Scalar("string", pattern="^[a-c]+$"),
            Scalar("string", min_length=2, max_length=4),
            Scalar("string", format="email"),
            Scalar("int", minimum=-3, maximum=9),
            Scalar("number", minimum=-0.5),
        ]
    ),
)


def objects(inner: st.SearchStrategy[Type], names: Sequence[str] = NAMES) -> st.SearchStrategy[Object]:
    """Objects of one to four fields."""
    made = st.builds(Field, st.sampled_from(names), inner, st.sampled_from([False, False, False, True]))
    return st.lists(made, min_size=1, max_size=4, unique_by=lambda f: f.name).map(lambda f: Object(tuple(f)))


nested = st.recursive(
    scalars,
    lambda inner: st.one_of(objects(inner), inner.map(Array), inner.map(Map)),
    max_leaves=5,
)
flat = st.recursive(scalars, lambda inner: objects(inner, PLAIN_NAMES), max_leaves=5)


def schema_of(t: Object, identities: Sequence[str] = ()) -> Schema:
    found = tuple(Identity(path, "ECID") for path in identities)
    return Schema("https://ns.adobe.com/acme/schemas/x", "1.0", "X", "x", "record", t, found)


# -- rows ------------------------------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(
    lambda m: m.replace(microsecond=m.microsecond // 1000 * 1000, fold=0)
)
WHOLE = {"byte": 2**7, "short": 2**15, "int": 2**31, "long": 2**53}


def scalar_values(s: Scalar) -> st.SearchStrategy[Any]:
    """Values that fit *s*."""
    match s.name:
        case "string":
            return string_values(s)
        case "boolean":
            return st.booleans()
        case "number":
            return st.floats(allow_nan=False, allow_infinity=False, min_value=s.minimum)
        case "date":
            return st.dates()
        case "date-time":
            return moments
        case _:
            low, high = -WHOLE[s.name] + 1, WHOLE[s.name] - 1
            return st.integers(
                low if s.minimum is None else int(s.minimum), high if s.maximum is None else int(s.maximum)
            )


def string_values(s: Scalar) -> st.SearchStrategy[str]:
    if s.enum:
        return st.sampled_from(s.enum)
    if s.pattern:
        return st.text("abc", min_size=1, max_size=5)
    if s.format:
        return st.builds("{}@{}".format, st.text("xyz."), st.text("xyz."))
    return st.text(
        st.characters(codec="utf-8", exclude_characters="\0"), min_size=s.min_length or 0, max_size=s.max_length or 6
    )


def values(t: Type, required: bool = False) -> st.SearchStrategy[Any]:
    """Values that fit *t*; None too, unless it is required."""
    made: st.SearchStrategy[Any]
    match t:
        case Scalar():
            made = scalar_values(t)
        case Object(fields):
            made = st.fixed_dictionaries({f.name: values(f.type, f.required) for f in fields})
        case Array(items):
            made = st.lists(values(items), max_size=3)
        case Map(inner):
            made = st.dictionaries(texts, values(inner), max_size=3)
    return made if required else st.one_of(st.none(), made)


def some_rows(t: Object) -> st.SearchStrategy[tuple[Object, list[Any]]]:
    return st.tuples(st.just(t), st.lists(values(t, True), min_size=1, max_size=6))


def plain(value: Any, t: Type) -> Any:
    """A value as Arrow gave it, with maps as dictionaries."""
    match t:
        case _ if value is None:
            return None
        case Object(fields):
            return {f.name: plain(value[f.name], f.type) for f in fields}
        case Array(items):
            return [plain(v, items) for v in value]
        case Map(inner):
            return {k: plain(v, inner) for k, v in (value.items() if isinstance(value, dict) else value)}
        case _:
            return value


def spelled(value: Any) -> str:
    """A date or moment as JSON and CSV have it."""
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(value)


# -- formats ---------------------------------------------------------------------------------------------------


def lines(rows: Sequence[Any]) -> bytes:
    return "\n".join(json.dumps(r, default=spelled) for r in rows).encode()


def array(rows: Sequence[Any]) -> bytes:
    return json.dumps(rows, default=spelled, ensure_ascii=False).encode()


def pretty(rows: Sequence[Any]) -> bytes:
    return json.dumps(rows, default=spelled, indent=1).encode()


def objects_over_lines(rows: Sequence[Any]) -> bytes:
    return "\n".join(json.dumps(r, default=spelled, indent=2) for r in rows).encode()


def arrays_by_line(rows: Sequence[Any]) -> bytes:
    """The first row as an object, then an empty array, then the others as an array."""
    return b"\n".join([lines(rows[:1]), b"[]", array(rows[1:])])


def parquet(rows: Sequence[Any], schema: pa.Schema) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), sink)
    return sink.getvalue()


def wider(kind: pa.DataType) -> pa.DataType:
    """A type in which other writers put the same values."""
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(f.name, wider(f.type)) for f in reversed(list(kind))])
    if pa.types.is_map(kind):
        return pa.map_(pa.string(), wider(kind.item_type))
    if pa.types.is_list(kind):
        return pa.large_list(wider(kind.value_type))
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", tz="Europe/Vienna")
    return pa.large_string() if pa.types.is_string(kind) else kind


def for_arrow(value: Any, t: Type) -> Any:
    """A value as Arrow takes it: maps as pairs."""
    match t:
        case _ if value is None:
            return None
        case Object(fields):
            return {f.name: for_arrow(value[f.name], f.type) for f in fields}
        case Array(items):
            return [for_arrow(v, items) for v in value]
        case Map(inner):
            return [(k, for_arrow(v, inner)) for k, v in value.items()]
        case Scalar("date-time"):
            return value.replace(tzinfo=UTC)
        case _:
            return value


def cell(value: Any) -> str:
    """A value as a cell of CSV; NULL is a cell that is empty and not quoted."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, default=spelled).strip('"')
    return '"' + text.replace('"', '""') + '"'


def at(row: Any, path: str) -> Any:
    for name in path.split("."):
        row = None if row is None else row[name]
    return row


def csv(rows: Sequence[Mapping[str, str]], paths: Sequence[str], delimiter: str) -> bytes:
    """A CSV file of rows that give the finished cell for each path."""
    header = delimiter.join(f'"{p}"' for p in paths)
    return "\n".join([header, *(delimiter.join(r[p] for p in paths) for r in rows), ""]).encode()


def collapsed(value: Any, t: Type) -> Any:
    """What CSV can say of a value: an object without any value in it is absent."""
    if not isinstance(t, Object) or value is None:
        return value
    inner = {f.name: collapsed(value[f.name], f.type) for f in t.fields}
    return inner if any(v is not None for v in inner.values()) else None


# -- what fits comes back --------------------------------------------------------------------------------------


@examples
@given(
    objects(nested).flatmap(some_rows),
    st.sampled_from([lines, array, pretty, arrays_by_line, objects_over_lines]),
)
def test_json_comes_back(
    bench: Bench, drawn: tuple[Object, list[Any]], write: Callable[[Sequence[Any]], bytes]
) -> None:
    t, rows = drawn
    how = InputFormat("json", multi_line=write is objects_over_lines)
    found = bench.convert(write(rows), how, schema_of(t))
    assert sorted(repr(plain(r, t)) for r in found) == sorted(repr(plain(r, t)) for r in rows)


@examples
@given(objects(nested).flatmap(some_rows), st.booleans())
def test_parquet_comes_back(bench: Bench, drawn: tuple[Object, list[Any]], same: bool) -> None:
    t, rows = drawn
    exact = arrow_schema(t)
    other = pa.schema([pa.field(f.name, wider(f.type)) for f in reversed(list(exact))])
    content = parquet([for_arrow(r, t) for r in rows], exact if same else other)
    found = bench.convert(content, InputFormat("parquet"), schema_of(t))
    assert sorted(repr(plain(r, t)) for r in found) == sorted(repr(plain(r, t)) for r in rows)


@examples
@given(objects(flat, PLAIN_NAMES).flatmap(some_rows), st.sampled_from(",;|\t"))
def test_csv_comes_back(bench: Bench, drawn: tuple[Object, list[Any]], delimiter: str) -> None:
    t, rows = drawn
    paths = [path for path, _ in t.leaves()]
    kept = [r for r in rows if not problems(json.dumps(collapsed(r, t), default=spelled), t)]
    written = [{p: cell(at(r, p)) for p in paths} for r in kept]
    if len(paths) == 1:
        return
    found = bench.convert(csv(written, paths, delimiter), InputFormat("csv", delimiter), schema_of(t))
    wanted = [collapsed(r, t) for r in kept]
    assert sorted(repr(plain(r, t)) for r in found) == sorted(repr(plain(r, t)) for r in wanted)


# -- what does not fit is named --------------------------------------------------------------------------------

ODD_TEXTS = [
    "", "x", "a@b", "a@b@c", "red", "3", "3.0", "3.5", "-0", "1e2", "1e400", "0x1F", "1_0", " 1", "nan", "true", "TRUE",
    "128", "40000", "3000000000", "9007199254740993", "123456789012345678901234567890",
    "2024-02-29", "2023-02-29", "0000-01-01", "2024-01-01T00:00:00", "2024-01-01 23:59:60Z", "2024-01-01T24:00:00",
    "2024-01-01T00:00:00.123456789+05:30", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "20240101",
]  # fmt: skip
odd_values = st.one_of(
    st.sampled_from(ODD_TEXTS),
    st.sampled_from(
        [True, False, None, 0, 3, -4, 3.0, 3.5, 1e300, 300, 10**5, 10**10, 10**17, 10**18, 10**25, -(2**53)]
    ),
    st.sampled_from([[], {}, [1], ["a"], [None], {"a": 1}, {"a": None}, [[]], [{}], {"zz": "x"}]),
)


@st.composite
def mangled(draw: st.DrawFn, t: Object) -> str:
    """The JSON text of a row that fits, but for one place, perhaps."""
    row = draw(values(t, True))
    text = json.dumps(row, default=spelled)
    match draw(st.sampled_from(["whole", "value", "value", "key", "twice", "cut"])):
        case "value":
            name = draw(st.sampled_from(sorted(row)))
            return json.dumps(row | {name: draw(replaced(row[name]))}, default=spelled)
        case "key":
            return json.dumps(row | {draw(st.sampled_from(["zz", "b", "A"])): draw(odd_values)}, default=spelled)
        case "twice":
            name = json.dumps(next(iter(row)))
            return f"{{{name}: null, {text[1:]}"
        case "cut":
            return text[:-1]
    return text


@st.composite
def replaced(draw: st.DrawFn, value: Any) -> Any:
    """*value* with an odd one in the place of a part of it."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        key = draw(st.sampled_from(sorted(value)))
        return value | {key: draw(replaced(value[key]))}
    if isinstance(value, list) and value and draw(st.booleans()):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], draw(replaced(value[place])), *value[place + 1 :]]
    return draw(odd_values)


@settings(examples, max_examples=40)
@given(objects(nested).flatmap(lambda t: st.tuples(st.just(t), st.lists(mangled(t), min_size=1, max_size=8))))
def test_exactly_the_broken_json_rows_are_named(bench: Bench, drawn: tuple[Object, list[str]]) -> None:
    t, rows = drawn
    schema = schema_of(t, identities=["a", "a.a"])
    wanted = rows_of(schema, clock.now())
    broken = {i for i, row in enumerate(rows, 1) if problems(row, wanted)}
    assert bench.rejected("\n".join(rows).encode(), InputFormat("json"), schema) == broken


@settings(examples, max_examples=25)
@given(
    objects(flat, PLAIN_NAMES).flatmap(
        lambda t: st.tuples(
            st.just(t),
            st.lists(
                st.fixed_dictionaries(
                    {p: st.one_of(values(f.type), st.sampled_from([None, *ODD_TEXTS])) for p, f in t.leaves()}
                ),
                min_size=1,
                max_size=8,
            ),
        )
    )
)
def test_exactly_the_broken_csv_rows_are_named(bench: Bench, drawn: tuple[Object, list[dict[str, Any]]]) -> None:
    t, rows = drawn
    paths = [path for path, _ in t.leaves()]
    if len(paths) == 1:
        return
    texts_of = [{p: None if (v := r[p]) is None else cell(v)[1:-1].replace('""', '"') for p in paths} for r in rows]
    broken = {i for i, row in enumerate(texts_of, 1) if problems(json.dumps(gathered(row, t)), t, texts=True)}
    content = csv([{p: cell(r[p]) for p in paths} for r in rows], paths, ",")
    assert bench.rejected(content, InputFormat("csv"), schema_of(t)) == broken


def gathered(cells: Mapping[str, str | None], t: Object, below: str = "") -> dict[str, Any]:
    """A row of cells as nested objects; one without any cell is absent."""
    row: dict[str, Any] = {}
    for f in t.fields:
        path = f"{below}{f.name}"
        if isinstance(f.type, Object):
            inner = any(cells[p] is not None for p, _ in f.type.leaves(f"{path}."))
            row[f.name] = gathered(cells, f.type, f"{path}.") if inner else None
        else:
            row[f.name] = cells[path]
    return row


odd_moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda m: m.replace(fold=0))


def physical_row(t: Object) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({f.name: physical(f.type) for f in t.fields})


def physical(t: Type) -> st.SearchStrategy[Any]:
    """Values that the wider type of *t* holds, whether or not they fit *t*."""
    match t:
        case Scalar("byte" | "short" | "int" | "long"):
            return st.one_of(st.none(), values(t), st.integers(-(2**63), 2**63 - 1))
        case Scalar("string"):
            return st.one_of(st.none(), values(t), texts)
        case Scalar("number"):
            return st.one_of(st.none(), st.floats())
        case Scalar("date-time"):
            return st.one_of(st.none(), odd_moments)
        case Scalar():
            return values(t)
        case Object():
            return st.one_of(st.none(), physical_row(t))
        case Array(items):
            return st.one_of(st.none(), st.lists(physical(items), max_size=3))
        case Map(inner):
            return st.one_of(st.none(), st.dictionaries(texts, physical(inner), max_size=3))


@settings(examples, max_examples=25)
@given(objects(nested).flatmap(lambda t: st.tuples(st.just(t), st.lists(physical_row(t), min_size=1, max_size=8))))
def test_exactly_the_broken_parquet_rows_are_named(bench: Bench, drawn: tuple[Object, list[Any]]) -> None:
    t, rows = drawn
    broken = {i for i, row in enumerate(rows, 1) if problems(json.dumps(row, default=spelled), t)}
    content = parquet([for_arrow(r, t) for r in rows], pa.schema(list(wider(arrow_type(t)))))
    assert bench.rejected(content, InputFormat("parquet"), schema_of(t)) == broken


def test_rows_keep_their_numbers_in_files_of_many_parts(bench: Bench) -> None:
    t = Object((Field("n", Scalar("int", maximum=10**6)), Field("text", Scalar("string"))))
    count, bad = 60_000, {1, 2047, 2048, 2049, 30_000, 59_999, 60_000}
    rows = [{"n": i + 10**6 if i in bad else i, "text": "x" * 20} for i in range(1, count + 1)]
    cells = [{"n": str(r["n"]), "text": "x"} for r in rows]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=arrow_schema(t)), sink, row_group_size=5000)
    for content, how in (
        (lines(rows), InputFormat("json")),
        (array(rows), InputFormat("json")),
        (csv(cells, ["n", "text"], ","), InputFormat("csv")),
        (sink.getvalue(), InputFormat("parquet")),
    ):
        assert bench.rejected(content, how, schema_of(t)) == bad


def test_events_lie_in_the_past(bench: Bench) -> None:
    t = Object((Field("timestamp", Scalar("date-time"), True),))
    schema = Schema("x", "1.0", "X", "x", "time-series", t)
    late = clock.now() + timedelta(days=1)
    rows = [{"timestamp": "2020-01-01T00:00:00"}, {"timestamp": late.isoformat()}]
    assert bench.rejected(lines(rows), InputFormat("json"), schema) == {2}

"""What is ingested comes back equal, for every XDM type, from every format, through every driver.

A column for each scalar type and one of a random type is filled with the same random rows three times: as JSON, as
Parquet, and as CSV, which has no lists and maps. What drivers give is compared with what was written; values with
parts, which arrive as text, with the text that the contract wants (section 1.5), written one value at a time.
"""

from __future__ import annotations

import datetime as dt
import io
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limbeck.xdm.arrow import arrow_schema
from limbeck.xdm.types import Array, Field, Map, Object, Scalar, ScalarName, Type
from tests.conformance import fixtures
from tests.conformance.clients import CLIENTS, Rows
from tests.conformance.model import from_arrow, plain, wire_text
from tests.wire.conftest import Wire

few = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))

Read = Callable[[str], Rows]
IN_PROCESS = "in process"

# -- types and values ---------------------------------------------------------------------------------------------

NAMES = ["a", "B", "c_d", "éi", "X0"]
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
MOMENTS = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, fold=0)
)
BITS = {"byte": 7, "short": 15, "int": 31, "long": 53}
scalars = st.sampled_from([Scalar(name) for name in get_args(ScalarName)])


def objects(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Object]:
    fields = st.lists(
        st.builds(Field, st.sampled_from(NAMES), inner), min_size=1, max_size=3, unique_by=lambda f: f.name
    )
    return fields.map(lambda found: Object(tuple(found)))


nested = st.recursive(scalars, lambda inner: objects(inner) | inner.map(Array) | inner.map(Map), max_leaves=5)
flat = st.recursive(scalars, objects, max_leaves=4)


def scalar_values(name: ScalarName, *, inside: bool) -> st.SearchStrategy[Any]:
    """Values of a scalar type; *inside* of others, numbers whose text nobody argues about."""
    match name:
        case "boolean":
            return st.booleans()
        case "number":
            halves = st.integers(-(10**6), 10**6).map(lambda n: n / 2)
            return halves if inside else st.floats(allow_nan=False, allow_infinity=False)
        case "string":
            return TEXTS
        case "date":
            return st.dates()
        case "date-time":
            return MOMENTS
        case _:
            return st.integers(-(2 ** BITS[name]) + 1, 2 ** BITS[name] - 1)


def values(t: Type, *, inside: bool = False) -> st.SearchStrategy[Any]:
    """Values of a type, and None."""
    made: st.SearchStrategy[Any]
    match t:
        case Object(fields):
            made = st.tuples(*(values(f.type, inside=True) for f in fields)).map(
                lambda found: dict(zip([f.name for f in fields], found, strict=True))
            )
        case Array(items):
            made = st.lists(values(items, inside=True), max_size=3)
        case Map(inner):
            made = st.dictionaries(TEXTS, values(inner, inside=True), max_size=3).map(lambda d: fixtures.Map(d.items()))
        case _:
            made = scalar_values(t.name, inside=inside)
    return st.none() | made


def column(name: ScalarName) -> str:
    return f"c_{name.replace('-', '_')}"


@dataclass(frozen=True)
class Drawn:
    """A row type, and rows as dicts."""

    type: Object
    rows: list[dict[str, Any]]


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    fields = [Field(column(name), Scalar(name)) for name in get_args(ScalarName)]
    fields += [Field("Flat", draw(flat)), Field("Nested", draw(nested))]
    rows = st.fixed_dictionaries({f.name: values(f.type) for f in fields})
    return Drawn(Object((Field("row", Scalar("int")), *fields)), draw(st.lists(rows, min_size=1, max_size=5)))


# -- formats ------------------------------------------------------------------------------------------------------


def spelled(value: Any) -> Any:
    """A value as JSON has it."""
    match value:
        case fixtures.Map():
            return {key: spelled(inner) for key, inner in value}
        case dict():
            return {key: spelled(inner) for key, inner in value.items()}
        case list():
            return [spelled(inner) for inner in value]
        case dt.date():
            return value.isoformat()
        case _:
            return value


def as_json(rows: Sequence[dict[str, Any]], t: Object) -> bytes:
    return "\n".join(json.dumps(spelled(row)) for row in rows).encode()


def as_parquet(rows: Sequence[dict[str, Any]], t: Object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=arrow_schema(t)), sink)
    return sink.getvalue()


def leaves(t: Object) -> list[str]:
    """The columns that CSV has: paths without a list or a map on them."""
    return [path for path, f in t.leaves() if isinstance(f.type, Scalar)]


def as_csv(rows: Sequence[dict[str, Any]], t: Object) -> bytes:
    lines = [",".join(f'"{path}"' for path in leaves(t))]
    lines += [",".join(cell(at_path(row, path)) for path in leaves(t)) for row in rows]
    return "\n".join([*lines, ""]).encode()


def at_path(row: Any, path: str) -> Any:
    for name in path.split("."):
        row = None if row is None else row[name]
    return row


def cell(value: Any) -> str:
    """A cell; NULL is one that is empty and not quoted."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(spelled(value)).strip('"')
    return '"' + text.replace('"', '""') + '"'


def said_by_csv(value: Any, t: Type) -> Any:
    """What CSV can say of a value: no list, no map, and no object without any value in it."""
    if isinstance(t, Array | Map) or value is None:
        return None
    if isinstance(t, Object):
        inner = {f.name: said_by_csv(value[f.name], f.type) for f in t.fields}
        return inner if any(v is not None for v in inner.values()) else None
    return value


FORMATS = {"json": as_json, "parquet": as_parquet, "csv": as_csv}

# -- readers ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def readers(wire: Wire) -> Iterator[dict[str, Read]]:
    """A way to read for each client, on one connection each, and that of the query service in process."""

    def in_process(sql: str) -> Rows:
        table = wire.table(sql)
        columns = [[from_arrow(v, c.type) for v in c.to_pylist()] for c in table.columns]
        return list(zip(*columns, strict=True))

    with ExitStack() as opened:
        clients = {name: opened.enter_context(CLIENTS[name](wire)) for name in CLIENTS}
        yield {IN_PROCESS: in_process, **{name: client.run for name, client in clients.items()}}


# -- the round trip -----------------------------------------------------------------------------------------------

_numbers = itertools.count()


def ingested(wire: Wire, table: str, format: str, rows: list[dict[str, Any]], t: Object) -> None:
    """Add rows to a table as one batch, the way every batch goes."""
    ingest = wire.platform.ingest
    dataset = wire.platform.lake.datasets.by_table(wire.sandbox, table)
    assert dataset is not None
    batch = ingest.open(dataset, {"format": format})
    ingest.upload(batch, "rows", io.BytesIO(FORMATS[format](rows, t)))
    ingest.complete(batch)
    ingest.promote(batch.id)
    assert wire.platform.lake.batches.by_id(batch.id).status == "success"


@few
@given(drawn())
def test_what_is_ingested_comes_back(wire: Wire, readers: dict[str, Read], drawn: Drawn) -> None:
    t = drawn.type
    table = f"trip_{next(_numbers)}"
    schema = wire.platform.registry.adhoc_schema(wire.sandbox, table, t)
    wire.platform.lake.create_dataset(wire.sandbox, table, schema.id, table=table)
    wanted: list[tuple[Any, ...]] = []
    for format in FORMATS:
        rows = [{"row": len(wanted) + n, **row} for n, row in enumerate(drawn.rows)]
        ingested(wire, table, format, rows, t)
        said = [said_by_csv(row, t) for row in rows] if format == "csv" else rows
        wanted += [tuple(row[f.name] for f in t.fields) for row in said]
    for name, read in readers.items():
        found = read(f"SELECT * FROM {table} ORDER BY row")
        arrived = plain if name == IN_PROCESS else as_on_the_wire
        assert found == [tuple(map(arrived, row)) for row in wanted], name


def as_on_the_wire(value: Any) -> Any:
    """A value as a driver gives it."""
    return wire_text(value) if isinstance(value, list | dict) else value

"""COMPUTE STATISTICS beside a slow, obvious reference in Python, on random tables."""

from __future__ import annotations

import datetime as dt
import math
import statistics
from collections.abc import Iterator
from itertools import count
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limbeck.query.service import SqlSession
from tests.behaviour.query_tables import Home

FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

INNER = pa.struct([("N", pa.int64()), ("Text", pa.string())])
OUTER = pa.struct([("inner", INNER), ("flag", pa.bool_()), ("list", pa.list_(pa.int64()))])
SCHEMA = pa.schema(
    {
        "i": pa.int32(),
        "L": pa.int64(),
        "d": pa.float64(),
        "s": pa.string(),
        "at": pa.timestamp("ms"),
        "day": pa.date32(),
        "o": OUTER,
        "m": pa.map_(pa.string(), pa.int64()),
    }
)
LEAVES = {
    "i": "Integer",
    "l": "Long",
    "d": "Double",
    "s": "String",
    "at": "Timestamp",
    "day": "Date",
    "o.inner.n": "Long",
    "o.inner.text": "String",
    "o.flag": "Boolean",
}

SMALL, WIDE = st.integers(-5, 5), st.integers(-(2**53), 2**53)
TEXTS = st.sampled_from(["", "a", "A", "é", "0"])
INNERS = st.fixed_dictionaries({"N": st.none() | WIDE, "Text": st.none() | TEXTS})
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "i": st.none() | SMALL,
            "L": st.none() | WIDE,
            "d": st.none() | st.floats(-1e6, 1e6, width=32),
            "s": st.none() | TEXTS,
            "at": st.none() | st.just(dt.datetime(2024, 3, 1)),
            "day": st.none() | st.just(dt.date(2024, 3, 1)),
            "o": st.none()
            | st.fixed_dictionaries(
                {"inner": st.none() | INNERS, "flag": st.none() | st.booleans(), "list": st.just([1])}
            ),
            "m": st.just([("k", 1)]),
        }
    ),
    max_size=9,
)
NAMES = (f"t{n}" for n in count())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.make(tmp_path_factory.mktemp("statistics"))


@FEW
@given(rows=ROWS, above=st.none() | SMALL)
def test_statistics_are_those_of_the_reference(home: Home, rows: list[dict[str, Any]], above: int | None) -> None:
    name, session = next(NAMES), SqlSession()
    half = len(rows) // 2
    home.add(name, [pa.Table.from_pylist(part, schema=SCHEMA) for part in (rows[:half], rows[half:])])
    condition = "" if above is None else f"FILTERCONTEXT (i > {above})"
    home.query.run(home.sandbox, f"ANALYZE TABLE {name} {condition} COMPUTE STATISTICS AS s", session=session).close()
    with home.query.run(home.sandbox, "SELECT * FROM s", session=session) as result:
        found = {row.pop("columnName"): row for batch in result.batches() for row in batch.to_pylist()}
    seen = [row for row in rows if above is None or (row["i"] is not None and row["i"] > above)]
    assert list(found) == list(LEAVES)
    for leaf, kind in LEAVES.items():
        _check(found[leaf], list(_values(seen, leaf)), kind)


def _values(rows: list[dict[str, Any]], leaf: str) -> Iterator[Any]:
    for row in rows:
        value: Any = row
        for part in leaf.split("."):
            value = None if value is None else {key.lower(): v for key, v in value.items()}[part]
        yield value


def _check(found: dict[str, Any], values: list[Any], kind: str) -> None:
    there = [value for value in values if value is not None]
    assert found["dataType"] == kind
    assert found["nullCount"] == len(values) - len(there)
    assert abs(found["approxDistinctCount"] - len(set(there))) <= 1
    for key, value in _numbers(there, kind).items():
        if value is None:
            assert found[key] is None
        else:
            assert math.isclose(found[key], value, rel_tol=1e-9, abs_tol=1e-6), (key, found[key], value)


def _numbers(there: list[Any], kind: str) -> dict[str, float | None]:
    if kind not in ("Integer", "Long", "Double"):
        return dict.fromkeys(("mean", "max", "min", "standardDeviation"), 0.0)
    if not there:
        return dict.fromkeys(("mean", "max", "min", "standardDeviation"))
    spread = statistics.stdev(map(float, there)) if len(there) > 1 else None
    return {"mean": statistics.fmean(there), "max": max(there), "min": min(there), "standardDeviation": spread}

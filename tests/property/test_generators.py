"""Functions that give rows beside a slow, obvious reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.behaviour.query_tables import Home

FEW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

Row = tuple[int, list[int | None] | None, dict[str, int | None] | None, list[tuple[int | None, str] | None] | None]

NUMBERS = st.none() | st.integers(-9, 9)
TEXTS = st.text("ab'", max_size=2)
ROWS = st.lists(
    st.tuples(
        st.none() | st.lists(NUMBERS, max_size=3),
        st.none() | st.dictionaries(TEXTS, NUMBERS, max_size=3),
        st.none() | st.lists(st.none() | st.tuples(NUMBERS, TEXTS), max_size=3),
    ),
    min_size=1,
    max_size=4,
).map(lambda rows: [(n, *row) for n, row in enumerate(rows)])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.make(tmp_path_factory.mktemp("generators"))


def text(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def number(value: int | None) -> str:
    return "NULL" if value is None else str(value)


def source(rows: list[Row]) -> str:
    """The rows as a table `s` with columns n, l, m, st."""
    selects = []
    for n, items, entries, structs in rows:
        listed = "NULL" if items is None else f"array({', '.join(map(number, items))})"
        m = "NULL"
        if entries is not None:
            keys, values = (", ".join(map(f, part)) for f, part in ((text, entries), (number, entries.values())))
            m = f"map_from_arrays(CAST(array({keys}) AS array<string>), CAST(array({values}) AS array<int>))"
        made = "NULL"
        if structs is not None:
            inner = (f"struct({number(s[0])} AS a, {text(s[1])} AS b)" if s else "NULL" for s in structs)
            made = f"array({', '.join(inner)})"
        selects.append(
            f"SELECT {n} AS n, CAST({listed} AS array<int>) AS l, CAST({m} AS map<string,int>) AS m, "
            f"CAST({made} AS array<struct<a:int,b:string>>) AS st"
        )
    return f"({' UNION ALL '.join(selects)}) s"


def made(call: str, row: Row) -> Iterator[tuple[Any, ...]]:
    """What a call gives for a row."""
    _, items, entries, structs = row
    found: list[tuple[Any, ...]]
    match call.removesuffix("_outer"):
        case "explode(l)" | "posexplode(l)" | "explode_outer(l)" | "posexplode_outer(l)":
            found = [(i,) for i in items or []]
        case "inline(st)" | "inline_outer(st)":
            found = [s or (None, None) for s in structs or []]
        case _:
            found = list((entries or {}).items())
    width = len({"l": "x", "m": "kv", "t": "ab"}[call[-2]])
    positioned = call.startswith("pos")
    if positioned:
        found = [(n, *f) for n, f in enumerate(found)]
    yield from found or ([(None,) * (width + positioned)] if "_outer" in call else [])


CALLS = [
    f"{name}({argument})"
    for argument in "lm"
    for name in ("explode", "explode_outer", "posexplode", "posexplode_outer")
]
CALLS += ["inline(st)", "inline_outer(st)"]


def ordered(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: [(v is not None, str(type(v)), v if v is not None else 0) for v in row])


@FEW
@given(rows=ROWS, call=st.sampled_from(CALLS))
def test_in_a_list_and_in_a_lateral_view(home: Home, rows: list[Row], call: str) -> None:
    wanted = ordered([(row[0], *new) for row in rows for new in made(call, row)])
    assert ordered(home.rows(f"SELECT n, {call} FROM {source(rows)}")) == wanted
    plain, outer = call.replace("_outer", ""), "OUTER" if "_outer" in call else ""
    view = f"SELECT n, g.* FROM {source(rows)} LATERAL VIEW {outer} {plain} g"
    assert ordered(home.rows(view)) == wanted


@FEW
@given(rows=ROWS, first=st.sampled_from(CALLS[:4]), second=st.sampled_from(CALLS), at_least=st.integers(-9, 9))
def test_one_after_the_other(home: Home, rows: list[Row], first: str, second: str, at_least: int) -> None:
    """The second sees the columns of the first; the condition sees those of both; windows see all that is left."""
    outer = ["OUTER" if "_outer" in call else "" for call in (first, second)]
    plain = [call.replace("_outer", "") for call in (first, second)]
    names = "p, x" if first.startswith("pos") else "x"
    found = home.rows(
        f"""SELECT n, x, y, h.*, count(1) OVER (PARTITION BY n) FROM {source(rows)}
            LATERAL VIEW {outer[0]} {plain[0]} g AS {names} LATERAL VIEW explode(array(x, 1)) t AS y
            LATERAL VIEW {outer[1]} {plain[1]} h WHERE y >= {at_least}"""
    )
    joined = [
        (row[0], one[-1], y, *other)
        for row in rows
        for one in made(first, row)
        for y in (one[-1], 1)
        for other in made(second, row)
        if y is not None and y >= at_least
    ]
    assert ordered(found) == ordered([(*row, sum(1 for r in joined if r[0] == row[0])) for row in joined])

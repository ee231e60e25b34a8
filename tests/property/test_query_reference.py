"""Small random queries beside slow, obvious references in Python."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.behaviour.query_tables import Home

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

Row = tuple[int, int | None, str | None]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.make(tmp_path_factory.mktemp("reference"))


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return f"'{value}'" if isinstance(value, str) else str(value)


def values(rows: list[Row]) -> str:
    """The rows as a derived table with columns n, a, s."""
    listed = ", ".join(f"({n}, CAST({literal(a)} AS int), CAST({literal(s)} AS string))" for n, a, s in rows)
    return f"(VALUES {listed}) t(n, a, s)"


ROWS = st.lists(
    st.tuples(st.none() | st.integers(-2, 2), st.none() | st.sampled_from(["x", "y", "10", "-1"])),
    min_size=1,
    max_size=8,
).map(lambda pairs: [(n, a, s) for n, (a, s) in enumerate(pairs)])


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.lstrip("-").isdigit() else None


def leaf() -> st.SearchStrategy[tuple[str, Any]]:
    """A comparison as text, and what it gives for (a, s): true, false or None."""
    operators = {"<": lambda x, y: x < y, "=": lambda x, y: x == y, ">=": lambda x, y: x >= y}

    def compared(name: str, operator: str, other: int) -> tuple[str, Any]:
        def value(a: int | None, s: str | None) -> bool | None:
            left = a if name == "A" else _number(s)
            return None if left is None else operators[operator](left, other)

        return f"{name} {operator} {other}", value

    comparisons = st.builds(
        compared, st.sampled_from(["A", "S"]), st.sampled_from(sorted(operators)), st.integers(-2, 11)
    )
    nulls = st.sampled_from([("a IS NULL", lambda a, s: a is None), ("s IS NOT NULL", lambda a, s: s is not None)])
    return comparisons | nulls


def _not(inner: tuple[str, Any]) -> tuple[str, Any]:
    text, value = inner

    def negated(a: Any, s: Any) -> bool | None:
        found = value(a, s)
        return None if found is None else not found

    return f"NOT ({text})", negated


def _both(operator: str, left: tuple[str, Any], right: tuple[str, Any]) -> tuple[str, Any]:
    decisive = operator == "OR"

    def value(a: Any, s: Any) -> bool | None:
        found = [left[1](a, s), right[1](a, s)]
        if decisive in found:
            return decisive
        return None if None in found else not decisive

    return f"({left[0]} {operator} {right[0]})", value


CONDITIONS = st.recursive(
    leaf(),
    lambda inner: inner.map(_not) | st.builds(_both, st.sampled_from(["AND", "OR"]), inner, inner),
    max_leaves=5,
)


def nulls_first(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)


@FEW
@given(rows=ROWS, condition=CONDITIONS, descending=st.booleans())
def test_filtering_and_ordering(home: Home, rows: list[Row], condition: tuple[str, Any], descending: bool) -> None:
    text, holds = condition
    direction = "DESC" if descending else "ASC"
    found = home.rows(f"SELECT n, a FROM {values(rows)} WHERE {text} ORDER BY a {direction}, n")
    kept = [(n, a) for n, a, s in rows if holds(a, s) is True]
    ordered = sorted(sorted(kept), key=lambda row: nulls_first(row[1]))
    if descending:
        ordered = sorted(sorted(kept), key=lambda row: tuple(-int(part) for part in nulls_first(row[1])))
    assert found == ordered


@FEW
@given(rows=ROWS)
def test_grouping(home: Home, rows: list[Row]) -> None:
    found = home.rows(
        f"""SELECT s AS Key, count(*), count(a), sum(a), sum(a) / count(a), max(a), count(DISTINCT a)
            FROM {values(rows)} GROUP BY KEY ORDER BY key"""
    )
    wanted = []
    for key in sorted({s for _, _, s in rows}, key=lambda s: (s is not None, s or "")):
        mine = [a for _, a, s in rows if s == key]
        known = [a for a in mine if a is not None]
        total = sum(known) if known else None
        mean = sum(known) / len(known) if known else None
        wanted.append((key, len(mine), len(known), total, mean, max(known, default=None), len(set(known))))
    assert found == wanted


def joined(kind: str, left: list[Row], right: list[Row]) -> list[tuple[Any, ...]]:
    """What a join of some kind ON l.a = r.a gives, as (l.n, r.n)."""
    pairs = [(one[0], other[0]) for one in left for other in right if one[1] is not None and one[1] == other[1]]
    lone = [one[0] for one in left if one[0] not in {n for n, _ in pairs}]
    others = [other[0] for other in right if other[0] not in {n for _, n in pairs}]
    match kind:
        case "LEFT SEMI":
            return [(n, None) for n in dict.fromkeys(n for n, _ in pairs)]
        case "LEFT ANTI":
            return [(n, None) for n in lone]
    found: list[tuple[Any, ...]] = list(pairs)
    if kind in ("LEFT", "FULL"):
        found += [(n, None) for n in lone]
    if kind in ("RIGHT", "FULL"):
        found += [(None, n) for n in others]
    return found


def ordered(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: [nulls_first(value) for value in row])


@FEW
@given(left=ROWS, right=ROWS, kind=st.sampled_from(["INNER", "LEFT", "RIGHT", "FULL", "LEFT SEMI", "LEFT ANTI"]))
def test_joins(home: Home, left: list[Row], right: list[Row], kind: str) -> None:
    one, other = values(left).replace(" t(", " l("), values(right).replace(" t(", " r(")
    columns = "l.n, NULL" if kind.startswith("LEFT ") else "l.n, r.n"
    found = home.rows(f"SELECT {columns} FROM {one} {kind} JOIN {other} ON l.a = r.a")
    assert ordered(found) == ordered(joined(kind, left, right))
    if kind.startswith("LEFT "):
        return
    merged = home.rows(f"SELECT a, l.n, r.n FROM {one} {kind} JOIN {other} USING (a)")
    known = [{n: a for n, a, _ in rows} for rows in (left, right)]
    wanted = [(known[0][n] if n is not None else known[1][m], n, m) for n, m in joined(kind, left, right)]
    assert ordered(merged) == ordered(wanted)


def combined(operation: str, left: list[Any], right: list[Any]) -> list[Any]:
    counts = Counter(left), Counter(right)
    match operation.removesuffix(" ALL").removesuffix(" DISTINCT"):
        case "UNION":
            found = counts[0] + counts[1]
        case "INTERSECT":
            found = counts[0] & counts[1]
        case _:
            found = (
                counts[0] - counts[1] if operation.endswith("ALL") else counts[0] - Counter(dict.fromkeys(right, 99))
            )
    return list(found.elements()) if operation.endswith("ALL") else list(found)


OPERATIONS = [f"{name}{how}" for name in ("UNION", "INTERSECT", "EXCEPT", "MINUS") for how in ("", " ALL", " DISTINCT")]


@FEW
@given(branches=st.tuples(ROWS, ROWS, ROWS), operations=st.tuples(*[st.sampled_from(OPERATIONS)] * 2))
def test_set_operations(home: Home, branches: tuple[list[Row], ...], operations: tuple[str, str]) -> None:
    first, second, third = (f"SELECT a FROM {values(rows)}" for rows in branches)
    numbers = [[a for _, a, _ in rows] for rows in branches]
    found = home.rows(f"({first} {operations[0]} {second}) {operations[1]} {third} ORDER BY a")
    wanted = combined(operations[1], combined(operations[0], numbers[0], numbers[1]), numbers[2])
    assert found == ordered([(a,) for a in wanted])


@FEW
@given(
    rows=ROWS, form=st.sampled_from(["ROLLUP(a, s)", "CUBE(a, s)", "GROUPING SETS ((a), (s), ())", "a, s WITH ROLLUP"])
)
def test_grouping_sets(home: Home, rows: list[Row], form: str) -> None:
    sets = {"R": ["as", "a", ""], "C": ["as", "a", "s", ""], "G": ["a", "s", ""], "a": ["as", "a", ""]}[form[0]]
    found = home.rows(f"SELECT a, s, grouping(a), grouping(s), count(*) FROM {values(rows)} GROUP BY {form}")
    counts = Counter(
        (a if "a" in keys else None, s if "s" in keys else None, int("a" not in keys), int("s" not in keys))
        for keys in sets
        for _, a, s in rows
    )
    assert ordered(found) == ordered([(*key, count) for key, count in counts.items()])


SECOND = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


@FEW
@given(
    events=st.lists(
        st.tuples(st.sampled_from("uv"), st.none() | st.integers(0, 10**9), st.sampled_from(["TRUE", "FALSE", "NULL"])),
        min_size=1,
        max_size=10,
        unique_by=lambda event: event[1] if event[1] is not None else object(),
    ),
    unit=st.sampled_from(sorted(SECOND)),
)
def test_time_between_matches(home: Home, events: list[tuple[str, int | None, str]], unit: str) -> None:
    base = dt.datetime(2024, 1, 1)

    def moment(milliseconds: int | None) -> str:
        if milliseconds is None:
            return "CAST(NULL AS timestamp)"
        return f"CAST('{base + dt.timedelta(milliseconds=milliseconds)}' AS timestamp)"

    listed = ", ".join(
        f"({n}, '{user}', {moment(ms)}, CAST({match} AS boolean))" for n, (user, ms, match) in enumerate(events)
    )
    window = "PARTITION BY u ORDER BY t ROWS BETWEEN"
    found = home.rows(
        f"""SELECT n,
            TIME_BETWEEN_PREVIOUS_MATCH(t, m, '{unit}') OVER ({window} UNBOUNDED PRECEDING AND CURRENT ROW) AS p,
            TIME_BETWEEN_NEXT_MATCH(t, m, '{unit}') OVER ({window} CURRENT ROW AND UNBOUNDED FOLLOWING) AS q
            FROM (VALUES {listed}) e(n, u, t, m) ORDER BY n"""
    )
    wanted = []
    for n, (user, ms, _) in enumerate(events):
        matches = [other for who, other, m in events if who == user and m == "TRUE" and other is not None]
        before = [other for other in matches if ms is not None and other <= ms]
        after = [other for other in matches if ms is not None and other >= ms]
        length = SECOND[unit] * 1000
        previous = (ms - max(before)) // length if before and ms is not None else None
        following = -((min(after) - ms) // length) if after and ms is not None else None
        wanted.append((n, previous, following))
    assert found == wanted


NAMES = st.lists(st.sampled_from(["_acme", "Web", "userId", "order", "x y", "SELECT"]), min_size=1, max_size=5)


@FEW
@given(path=NAMES, flips=st.lists(st.booleans(), min_size=40, max_size=40))
def test_paths_ignore_case_and_results_keep_it(home: Home, path: list[str], flips: list[bool]) -> None:
    flip = iter(flips)

    def spelled(name: str) -> str:
        return f"`{''.join(c.swapcase() if next(flip, False) else c for c in name)}`"

    inner = "7"
    for name in reversed(path[1:]):
        inner = f"struct({inner} AS `{name}`)"
    written = [spelled(name) for name in path]
    found = home.sql(f"SELECT {'.'.join(written)}, r.* FROM (SELECT {inner} AS `{path[0]}`) r")
    assert found.column(0).to_pylist() == [7]
    assert found.schema.names[1] == path[0]
    assert found.schema.names[0] == (written[0].strip("`") if len(path) == 1 else path[-1].lower())

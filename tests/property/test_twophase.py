"""The plan that picks rows first, beside the query as it stands: the same rows, the same values, the same chances."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from limbeck.query.dialect import parse
from limbeck.query.plans import Plan
from limbeck.xdm.arrow import from_arrow
from tests.behaviour.query_tables import TENANT, TIME, Home, at
from tests.catalogues import Tables

START = at("2024-01-01")


def table(seed: int, users: int = 30) -> pa.Table:
    """Events of which many share their moment or have none; some users have several goals."""
    chance = random.Random(seed)
    rows = 8 * users
    return pa.table(
        {
            "_tenant": pa.array(
                [{"userid": chance.choice([None, *map(str, range(users))])} for _ in range(rows)], TENANT
            ),
            "t": pa.array(
                [chance.choice([None, *(START + dt.timedelta(hours=h) for h in range(20))]) for _ in range(rows)], TIME
            ),
            "kind": [chance.choice("gabcdefg"[: chance.choice([1, 8])] + "abc") for _ in range(rows)],
            "amount": pa.array([chance.choice([None, 1, 2, 3]) for _ in range(rows)], pa.int32()),
            "price": [chance.random() for _ in range(rows)],
            "n": pa.array(chance.sample(range(rows), rows), pa.int32()),
        }
    )


def is_planned(sql: str) -> bool:
    return "_picked" in Plan.of(sql, parse(sql), Tables("e", from_arrow(table(0).schema))).text


WHOLE = "PARTITION BY _tenant.userid"
FRAME = f"{WHOLE} ORDER BY t{{}} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"


def columns(seed: int) -> list[str]:
    """Any number of totals and running totals, as SQL."""
    chance = random.Random(seed)
    frame = FRAME.format(chance.choice(["", " DESC", ", amount DESC, kind"]))
    made = [
        "count(amount)",
        "SUM(CASE WHEN kind = 'a' THEN amount END)",
        "max(price)",
        "avg(amount)",
        "bool_or(kind = 'b')",
        "count(1) FILTER (WHERE amount > 1)",
        *(["TIME_BETWEEN_PREVIOUS_MATCH(t, kind IN ('a', 'b'), 'hours')"] * (" DESC" not in frame)),
    ]
    chosen = chance.sample(made, chance.randint(1, len(made)))
    found = [f"{call} OVER ({frame}) AS c{k}" for k, call in enumerate(chosen)]
    found.append(f"CASE WHEN min(amount) OVER ({WHOLE}) = 1 THEN count(1) OVER ({frame}) ELSE -1 END AS mixed")
    return found


def query(seed: int, total: str) -> str:
    return f"""SELECT n, _tenant.userid AS u, kind, {total} OVER ({WHOLE}) AS goals, {", ".join(columns(seed))},
        row_number() OVER ({WHOLE} ORDER BY randn()) AS r FROM e WHERE amount IS NULL OR amount < 3"""


@pytest.mark.parametrize("seed", range(3))
def test_rows_and_values_are_those_of_the_query_as_it_stands(tmp_path: Path, seed: int) -> None:
    home = Home.make(tmp_path)
    whole = table(seed)
    home.add("e", [whole.slice(0, 100), whole.slice(100)])
    total = ["sum(CASE WHEN kind = 'g' THEN 1 ELSE 0 END)", "count_if(kind = 'g')"][seed % 2]
    picks = "(goals = 1 AND kind = 'g') OR ((goals = 0) AND r = 1)"
    sql = f"SELECT *, n + 1 AS m FROM ({query(seed, total)}) WHERE {picks}"
    assert is_planned(sql)
    assert not is_planned(f"{sql} OR 1 = 0")
    found = home.sql(f"{sql} ORDER BY n LIMIT 0").to_pylist()
    rows = {row["n"]: row for row in home.sql(f"SELECT * FROM ({query(seed, total)}) LIMIT 0").to_pylist()}
    size, last = Counter(row["u"] for row in rows.values()), len(rows)
    assert last > 150
    for row in found:
        want: dict[str, Any] = {**rows[row["n"]], "m": row["n"] + 1, "r": row["r"]}
        assert row == want
        assert row["r"] == 1 if row["goals"] == 0 else 1 <= row["r"] <= size[row["u"]]
    goals = {row["u"]: row["goals"] for row in rows.values()}
    assert Counter(row["u"] for row in found) == Counter(u for u, count in goals.items() if count < 2)
    assert all(row["kind"] == "g" for row in found if row["goals"] == 1)


def test_every_row_is_picked_as_often_and_every_number_shown_as_often(tmp_path: Path) -> None:
    """3,000 users with four events each, the first a goal for half of them: each of four outcomes 375 times or more."""
    home, users = Home.make(tmp_path), 3000
    hours = [START + dt.timedelta(hours=h) for _ in range(users) for h in range(4)]
    kinds = ["g" if u % 2 and h == 0 else "a" for u in range(users) for h in range(4)]
    tenants = pa.array([{"userid": str(u)} for u in range(users) for _ in range(4)], TENANT)
    home.add("e", [pa.table({"_tenant": tenants, "t": pa.array(hours, TIME), "kind": kinds})])
    sql = f"""SELECT goals, hour(t), r, before FROM (SELECT t, kind, count_if(kind = 'g') OVER ({WHOLE}) AS goals,
        count(1) OVER ({FRAME.format("")}) AS before, row_number() OVER ({WHOLE} ORDER BY rand()) AS r FROM e)
        WHERE goals = 1 AND kind = 'g' OR goals = 0 AND r = 1 LIMIT 0"""
    found = home.rows(sql)
    picked = Counter(hour for goals, hour, _, _ in found if goals == 0)
    shown = Counter(r for goals, _, r, _ in found if goals == 1)
    assert all(before == hour + 1 for _, hour, _, before in found)
    assert sorted(picked) == [0, 1, 2, 3]
    assert sorted(shown) == [1, 2, 3, 4]
    # 375 each on average; 120 is more than seven standard deviations
    assert all(abs(count - 375) < 120 for count in [*picked.values(), *shown.values()])


RUNNING = f"count(1) OVER ({FRAME.format('')}) AS c"
RANK = f"row_number() OVER ({WHOLE} ORDER BY rand()) AS r"


@pytest.mark.parametrize(
    ("inner", "where", "planned"),
    [
        (f"SELECT kind, {RUNNING}, {RANK} FROM e", "r = 1", True),
        (f"SELECT kind, {RUNNING}, {RANK} FROM e", "1 = r AND kind <> 'a'", True),
        (f"SELECT kind, {RUNNING}, {RANK} FROM e", "r = 2", False),
        (f"SELECT kind, {RUNNING}, {RANK} FROM e", "r = 1 OR kind = 'a'", False),
        (f"SELECT kind, {RUNNING}, {RANK} FROM e", "r = 1 AND c > 1", False),
        (f"SELECT kind, {RUNNING}, {RANK} FROM e", "r = 1 AND r < 2", False),
        (f"SELECT kind, {RUNNING}, {RANK}, rand() AS x FROM e", "r = 1", False),
        (f"SELECT DISTINCT kind, {RUNNING}, {RANK} FROM e", "r = 1", False),
        (f"SELECT kind, {RUNNING}, {RANK} FROM e LIMIT 5", "r = 1", False),
        (f"SELECT kind, {RUNNING}, {RANK} FROM (SELECT * FROM e)", "r = 1", False),
        (f"SELECT kind, {RUNNING}, {RANK}, row_number() OVER ({WHOLE} ORDER BY rand()) AS s FROM e", "r = 1", False),
        (f"SELECT kind, {RUNNING}, {RANK}, sum(price) OVER ({FRAME.format('')}) AS s FROM e", "r = 1", False),
        (f"SELECT kind, {RUNNING}, {RANK}, lag(n) OVER ({WHOLE} ORDER BY t) AS s FROM e", "r = 1", False),
        (f"SELECT kind, {RUNNING}, {RANK}, count(1) OVER () AS s FROM e", "r = 1", False),
        (f"SELECT kind, {RUNNING}, {RANK}, (SELECT max(n) FROM e) AS s FROM e", "r = 1", False),
        (f"SELECT kind, {RUNNING}, count_if(kind = 'g') OVER ({WHOLE}) AS s FROM e", "s = 1 AND kind = 'g'", True),
        (f"SELECT kind, {RUNNING}, count_if(kind = 'g') OVER ({WHOLE}) AS s FROM e", "s = 1 AND kind = 'a'", False),
        (f"SELECT kind, {RUNNING}, count_if(kind = 'g') OVER ({WHOLE}) AS s FROM e", "s = 2 AND kind = 'g'", False),
    ],
)
def test_the_plan_is_taken_only_for_its_shape(inner: str, where: str, planned: bool) -> None:
    assert is_planned(f"SELECT * FROM ({inner}) WHERE {where}") == planned

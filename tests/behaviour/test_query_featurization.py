"""Case C44a of the SQL contract: the featurization query, as it stands, beside a slow reference."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.query_tables import EV_N, Home, at, events

GOAL = "web.formFilledOut"
KINDS = [
    "directMarketing.emailSent",
    "directMarketing.emailOpened",
    "directMarketing.emailClicked",
    "commerce.productViews",
    "decisioning.propositionInteract",
    "decisioning.propositionDismiss",
    "web.webinteraction.linkClicks",
]
FRAME = """OVER (PARTITION BY _tenant.userid ORDER BY timestamp
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"""

Event = tuple[str | None, dt.datetime | None, str | None]


def c44a(table: str) -> str:
    counts = [
        f"""    SUM(CASE WHEN eventType = '{kind}' THEN 1 ELSE 0 END) {FRAME} AS "count_E{n}","""
        for n, kind in enumerate(KINDS, 1)
    ]
    minutes = [
        f"""    TIME_BETWEEN_PREVIOUS_MATCH(timestamp, eventType = '{kind}', 'minutes') {FRAME}
        AS "minutes_since_E{n}","""
        for n, kind in enumerate(KINDS, 1)
    ]
    return "\n".join(
        [
            "SELECT * FROM (",
            "  SELECT _tenant.userid AS userId, eventType, timestamp,",
            f"    SUM(CASE WHEN eventType = '{GOAL}' THEN 1 ELSE 0 END)",
            '        OVER (PARTITION BY _tenant.userid) AS "converted",',
            *counts,
            *minutes,
            "    row_number() OVER (PARTITION BY _tenant.userid ORDER BY randn()) AS random_row",
            f"  FROM {table}",
            ")",
            f"WHERE (converted = 1 AND eventType = '{GOAL}') OR (converted = 0 AND random_row = 1)",
            "ORDER BY timestamp",
        ]
    )


def reference(rows: list[Event], user: str | None, number: int) -> tuple[Any, ...]:
    """The features of one event, by looking at every earlier one of its user."""
    mine = sorted((r for r in rows if r[0] == user), key=lambda r: r[1])  # type: ignore[arg-type, return-value]
    upto, moment = mine[: number + 1], mine[number][1]
    assert moment is not None
    counts = [sum(1 for _, _, kind in upto if kind == wanted) for wanted in KINDS]
    minutes = []
    for wanted in KINDS:
        times = [t for _, t, kind in upto if kind == wanted and t is not None]
        minutes.append(int((moment - max(times)).total_seconds() // 60) if times else None)
    return (*counts, *minutes)


def generated(seed: int, users: int = 40) -> list[Event]:
    """Some hundred events with moments of their own, to the millisecond; at most one goal a user."""
    chance = random.Random(seed)
    rows: list[Event] = []
    for user in range(users):
        moments = chance.sample(range(90 * 86_400_000), chance.randint(1, 20))
        kinds = [chance.choice([*KINDS, "advertising.impressions", None]) for _ in moments]
        if chance.random() < 0.4:
            kinds[chance.randrange(len(kinds))] = GOAL
        start = at("2024-01-01")
        rows += [(f"u{user}", start + dt.timedelta(milliseconds=m), k) for m, k in zip(moments, kinds, strict=True)]
    chance.shuffle(rows)
    return rows


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_c44a_gives_what_the_reference_gives(tmp_path: Path, seed: int) -> None:
    rows = generated(seed)
    home = Home.make(tmp_path)
    half = len(rows) // 2
    home.add("web_events", [events(rows[:half]), events(rows[half:])])
    found = home.sql(c44a("Web_Events"))
    types = dict(zip(found.schema.names, map(str, found.schema.types), strict=True))
    assert {types[f"count_E{n}"] for n in range(1, 8)} | {types["converted"]} == {"int64"}
    assert {types[f"minutes_since_E{n}"] for n in range(1, 8)} | {types["random_row"]} == {"int32"}
    assert found.schema.names[:4] == ["userId", "eventType", "timestamp", "converted"]
    listed = found.to_pylist()
    assert sorted(r["userId"] for r in listed) == sorted({str(r[0]) for r in rows})
    assert [r["timestamp"] for r in listed] == sorted(r["timestamp"] for r in listed)
    goals = {r[0] for r in rows if r[2] == GOAL}
    for row in listed:
        mine = sorted(r[1] for r in rows if r[0] == row["userId"])  # type: ignore[type-var]
        want = reference(rows, row["userId"], mine.index(row["timestamp"]))
        got = [row[f"count_E{n}"] for n in range(1, 8)] + [row[f"minutes_since_E{n}"] for n in range(1, 8)]
        assert tuple(got) == want
        assert row["converted"] == (row["userId"] in goals)
        assert row["eventType"] == GOAL or row["userId"] not in goals


def test_c44a_on_the_published_events_and_as_a_table(tmp_path: Path) -> None:
    home = Home.make(tmp_path)
    rows: list[Event] = [("u", at(moment), kind) for moment, kind in EV_N]
    home.add("ev_n", [events(rows)])
    home.sql(f"CREATE TABLE features AS {c44a('ev_n')}")
    (row,) = home.sql("SELECT * FROM features").to_pylist()
    number = [at(moment) for moment, _ in EV_N].index(row["timestamp"])
    got = [row[f"count_E{n}"] for n in range(1, 8)] + [row[f"minutes_since_E{n}"] for n in range(1, 8)]
    assert tuple(got) == reference(rows, "u", number)


def test_a_random_row_is_each_row_in_turn(tmp_path: Path) -> None:
    home = Home.make(tmp_path)
    users = 4000
    start = at("2024-01-01")
    home.add("e", [events([(f"u{u}", start + dt.timedelta(hours=h), "x") for u in range(users) for h in range(4)])])
    query = """SELECT timestamp FROM (SELECT timestamp,
        row_number() OVER (PARTITION BY _tenant.userid ORDER BY randn()) AS r FROM e) WHERE r = 1"""
    seen = Counter(hour for (hour,) in home.rows(query))
    assert len(seen) == 4
    # each of the four is drawn 1,000 times on average; 200 is more than seven standard deviations
    assert all(abs(count - users / 4) < 200 for count in seen.values())

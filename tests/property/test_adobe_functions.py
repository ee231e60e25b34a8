"""Adobe's functions beside slow, obvious references: random streams with ties and gaps, any frame, any surroundings.

The references look at one row at a time, at the rows of its partition in order, and at which of them its frame has.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from limbeck.lake.maintain import compact
from tests.behaviour.query_tables import TIME, Home, at

START = at("2024-03-01 00:00:00")
UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


@dataclass(frozen=True)
class Event:
    n: int
    u: str
    t: dt.datetime | None
    c: bool | None
    ch: str | None


def stream(seed: int) -> list[Event]:
    """Events as they come in: few moments for many events, so that many are equal in order."""
    chance = random.Random(seed)
    moments = [START + dt.timedelta(milliseconds=500 * chance.randrange(400)) for _ in range(12)]
    numbers = chance.sample(range(1000), 120)
    return [
        Event(
            n,
            chance.choice("abcdefgh"),
            chance.choice([None, *moments]),
            chance.choice([True, False, False, None]),
            chance.choice(["x", "y", "z", None, None]),
        )
        for n in numbers
    ]


def table(events: Sequence[Event]) -> pa.Table:
    return pa.table(
        {
            "n": pa.array([e.n for e in events], pa.int32()),
            "u": [e.u for e in events],
            "t": pa.array([e.t for e in events], TIME),
            "c": pa.array([e.c for e in events], pa.bool_()),
            "ch": pa.array([e.ch for e in events], pa.string()),
        }
    )


# -- frames -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Frame:
    """Bounds as rows or seconds away from the row, negative before it; None is open."""

    kind: str
    low: int | None
    high: int | None

    def text(self) -> str:
        if self.kind == "":
            return ""
        return f"{self.kind} BETWEEN {self._bound(self.low, 'PRECEDING')} AND {self._bound(self.high, 'FOLLOWING')}"

    def _bound(self, value: int | None, side: str) -> str:
        if value is None:
            return f"UNBOUNDED {side}"
        if value == 0:
            return "CURRENT ROW"
        length = f"INTERVAL {abs(value)} SECONDS" if self.kind == "RANGE" else str(abs(value))
        return f"{length} {'PRECEDING' if value < 0 else 'FOLLOWING'}"

    def rows(self, part: Sequence[Event], i: int) -> range:
        """Which rows of a partition in order the frame of row *i* has."""
        if self.kind == "ROWS":
            low = 0 if self.low is None else i + self.low
            return range(max(0, low), min(len(part), len(part) if self.high is None else i + self.high + 1))
        inside = [j for j, e in enumerate(part) if self._above(part, i, e) and self._under(part, i, e)]
        return range(inside[0], inside[-1] + 1) if inside else range(0)

    def _above(self, part: Sequence[Event], i: int, e: Event) -> bool:
        return self.low is None or _key(e) >= _key(part[i], self.low)

    def _under(self, part: Sequence[Event], i: int, e: Event) -> bool:
        return self.high is None or _key(e) <= _key(part[i], self.high)

    def until_here(self, part: Sequence[Event], i: int) -> list[int]:
        """The rows of the frame that are not behind row *i*; of RANGE, equal rows are none of those."""
        inside = self.rows(part, i)
        if self.kind == "ROWS":
            return [j for j in inside if j <= i]
        return [j for j in inside if _key(part[j]) <= _key(part[i])]

    def from_here(self, part: Sequence[Event], i: int) -> list[int]:
        inside = self.rows(part, i)
        if self.kind == "ROWS":
            return [j for j in inside if j >= i]
        return [j for j in inside if _key(part[j]) >= _key(part[i])]


def _key(e: Event, seconds: int = 0) -> dt.datetime:
    """Where an event stands in order: without a time before all others."""
    return dt.datetime.min if e.t is None else e.t + dt.timedelta(seconds=seconds)


FRAMES = [
    *(Frame("ROWS", low, 0) for low in (None, -3, -1)),
    *(Frame("ROWS", 0, high) for high in (None, 1, 4)),
    *(Frame("ROWS", low, high) for low, high in ((None, None), (-4, -2), (1, 3), (-2, 2), (None, -1), (2, None))),
    *(Frame("ROWS", low, high) for low, high in ((None, 2), (-2, None))),
    Frame("", None, 0),
    *(Frame("RANGE", low, high) for low, high in ((None, 0), (0, None), (-60, 0), (0, 60), (-90, 30), (-90, -30))),
    *(Frame("RANGE", low, high) for low, high in ((None, -30), (None, 30), (-30, None), (30, 90))),
]


# -- references ---------------------------------------------------------------------------------------------

Reference = Callable[[Sequence[Event], int, Frame], Any]


def session(begins: Callable[[Event, Event], bool]) -> Reference:
    def of(part: Sequence[Event], i: int, frame: Frame) -> Any:
        timed = [part[j] for j in frame.rows(part, i) if part[j].t is not None]
        if part[i] not in timed:
            return None
        found = {"timestamp_diff": 0, "num": 1, "is_new": True, "depth": 1}
        for before, e in pairwise(timed):
            if before is part[i]:
                break
            new = begins(before, e)
            found = {
                "timestamp_diff": gap(before, e),
                "num": found["num"] + new,
                "is_new": new,
                "depth": 1 if new else found["depth"] + 1,
            }
        return found

    return of


def gap(before: Event, e: Event, unit: str = "seconds") -> int:
    assert before.t is not None
    assert e.t is not None
    return int((e.t - before.t).total_seconds() / UNITS[unit])


def previous_match(unit: str) -> Reference:
    def of(part: Sequence[Event], i: int, frame: Frame) -> Any:
        found = [j for j in frame.until_here(part, i) if part[j].c and part[j].t]
        return gap(part[found[-1]], part[i], unit) if found and part[i].t else None

    return of


def next_match(unit: str) -> Reference:
    def of(part: Sequence[Event], i: int, frame: Frame) -> Any:
        found = [j for j in frame.from_here(part, i) if part[j].c and part[j].t]
        return -gap(part[i], part[found[0]], unit) if found and part[i].t else None

    return of


def shifted(direction: int, steps: int, skips: bool) -> Reference:
    def of(part: Sequence[Event], i: int, frame: Frame) -> Any:
        path = range(i + direction, len(part) if direction > 0 else -1, direction)
        counted = [j for j in path if part[j].ch is not None or not skips]
        if len(counted) < steps or counted[steps - 1] not in frame.rows(part, i):
            return None
        value = part[counted[steps - 1]].ch
        return None if value is None else {"value": value}

    return of


def touch(part: Sequence[Event], i: int, among: Sequence[int], last: bool) -> Any:
    found = [j for j in among if part[j].ch is not None and part[j].t is not None]
    if not found or part[i].t is None:
        return None
    e = part[found[-1 if last else 0]]
    return {"name": "Label", "value": e.ch, "timestamp": e.t, "fraction": 1.0}


def segment(part: Sequence[Event], i: int, before: bool) -> list[int]:
    number, numbers = 0, []
    for e in part:
        ends = bool(e.c) and e.t is not None
        number += ends and before
        numbers.append(number)
        number += ends and not before
    return [j for j, other in enumerate(numbers) if other == numbers[i]]


def first_if(before: bool) -> Reference:
    def of(part: Sequence[Event], i: int, frame: Frame) -> Any:
        mine = segment(part, i, before)
        return touch(part, i, [j for j in frame.until_here(part, i) if j in mine], last=False)

    return of


def around(part: Sequence[Event], i: int, among: Sequence[int], back: float, ahead: float) -> list[int]:
    """The rows of *among* in so many seconds before and after row *i*."""
    here = part[i].t
    if here is None:
        return []
    return [j for j in among if (t := part[j].t) and -back <= (t - here).total_seconds() <= ahead]


FUNCTIONS: dict[str, Reference] = {
    "SESS_TIMEOUT(t, 30)": session(lambda before, e: gap(before, e) > 30),
    "Sess_Start_If(t, c)": session(lambda _, e: bool(e.c)),
    "SESS_END_IF(t, c)": session(lambda before, _: bool(before.c)),
    "TIME_BETWEEN_PREVIOUS_MATCH(t, c)": previous_match("seconds"),
    "time_between_previous_match(t, c, 'Minutes')": previous_match("minutes"),
    "TIME_BETWEEN_NEXT_MATCH(t, c, 'seconds')": next_match("seconds"),
    "PREVIOUS(ch)": shifted(-1, 1, False),
    "PREVIOUS(ch, 2, true)": shifted(-1, 2, True),
    "NEXT(ch, 2)": shifted(1, 2, False),
    "NEXT(ch, 1, true)": shifted(1, 1, True),
    "ATTRIBUTION_FIRST_TOUCH(t, 'Label', ch)": lambda p, i, f: touch(p, i, f.rows(p, i), last=False),
    "ATTRIBUTION_LAST_TOUCH(t, 'Label', ch)": lambda p, i, f: touch(p, i, f.rows(p, i), last=True),
    "ATTRIBUTION_FIRST_TOUCH_EXP_IF(t, 'Label', ch, c)": first_if(before=False),
    "ATTRIBUTION_FIRST_TOUCH_EXP_IF(t, 'Label', ch, c, true)": first_if(before=True),
    "ATTRIBUTION_LAST_TOUCH_EXP_IF(t, 'Label', ch, c, false)": lambda p, i, _: touch(
        p, i, segment(p, i, before=False), last=True
    ),
    "ATTRIBUTION_LAST_TOUCH_EXP_IF(t, 'Label', ch, c, true)": lambda p, i, _: touch(
        p, i, segment(p, i, before=True), last=True
    ),
    "ATTRIBUTION_FIRST_TOUCH_EXP_TIMEOUT(t, 'Label', ch, 45)": lambda p, i, f: touch(
        p, i, around(p, i, f.rows(p, i), 45, 0), last=False
    ),
    "ATTRIBUTION_LAST_TOUCH_EXP_TIMEOUT(t, 'Label', ch, 9*5)": lambda p, i, _: touch(
        p, i, around(p, i, range(len(p)), 0, 45), last=True
    ),
}

RELATIONS = [
    "SELECT {} FROM e",
    "SELECT {} FROM (SELECT u, n, ch, c, t FROM e AS inner_e WHERE n >= 0)",
    """WITH x AS (SELECT * FROM e), y(u, v, ch, c, t) AS (SELECT u, n, ch, c, t FROM x)
        SELECT {} FROM (SELECT *, v AS n FROM y)""",
    "SELECT {} FROM e JOIN (SELECT DISTINCT u FROM e) d USING (u)",
    "SELECT {} FROM (SELECT DISTINCT u FROM e) d NATURAL JOIN e",
    "SELECT {} FROM (SELECT *, NEXT(ch) OVER (ORDER BY n).value AS other FROM e)",
]


@pytest.mark.parametrize("seed", range(4))
def test_functions_give_what_the_references_give(tmp_path: Path, seed: int) -> None:
    events, chance, home = stream(seed), random.Random(seed), Home.make(tmp_path)
    home.add("e", [table(events[:50]), table(events[50:70]), table(events[70:])])
    for relation in RELATIONS:
        frames = {call: chance.choice(FRAMES) for call in FUNCTIONS}
        columns = [
            f"{c} OVER (PARTITION BY u ORDER BY t {f.text()}) AS f{k}" for k, (c, f) in enumerate(frames.items())
        ]
        found = {row[0]: row[1:] for row in home.rows(relation.format(", ".join(["n", *columns])))}
        assert len(found) == len(events)
        for user in {e.u for e in events}:
            part = sorted((e for e in events if e.u == user), key=_key)
            for i, e in enumerate(part):
                for k, (call, frame) in enumerate(frames.items()):
                    assert found[e.n][k] == FUNCTIONS[call](part, i, frame), (relation, call, frame, part, i)


def test_results_repeat_though_rows_are_equal_in_order(tmp_path: Path) -> None:
    """Rows of groups and of UNION have no place in the order of ingestion; what they hold decides."""
    home, events = Home.make(tmp_path), stream(9)
    home.add("e", [table(events)])
    for relation in (
        "SELECT n, u, ch FROM e UNION SELECT n + 1000, u, ch FROM e",
        "SELECT max(n) AS n, u, ch FROM e GROUP BY u, ch, n % 7",
    ):
        query = f"SELECT n, PREVIOUS(n) OVER (PARTITION BY u ORDER BY 1).value FROM ({relation}) ORDER BY u, n"
        assert len({str(home.rows(query)) for _ in range(4)}) == 1


def test_windows_in_one_select_agree_on_the_order(tmp_path: Path) -> None:
    home, events = Home.make(tmp_path), stream(10)
    home.add("e", [table(events)])
    window = "(PARTITION BY u ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    found = home.rows(
        f"""SELECT n, row_number() OVER w, count(1) OVER w, SESS_START_IF(coalesce(t, TIMESTAMP '2020-01-01'), false)
            OVER w.depth, lag(n) OVER (w), PREVIOUS(n) OVER w.value FROM e WINDOW w AS {window}"""
    )
    for user in {e.u for e in events}:
        part = [e.n for e in sorted((e for e in events if e.u == user), key=_key)]
        for n, number, count, depth, lagged, previous in found:
            if n in part:
                before = part[part.index(n) - 1] if n != part[0] else None
                assert (number, count, depth, lagged, previous) == (*[part.index(n) + 1] * 3, before, before)


def test_compaction_keeps_the_order_of_rows_that_are_equal(tmp_path: Path) -> None:
    home, events = Home.make(tmp_path), stream(11)
    home.add("e", [table(events[k : k + 20]) for k in range(0, 120, 20)])
    query = "SELECT n, PREVIOUS(n) OVER (PARTITION BY u ORDER BY t).value, NEXT(ch) OVER (ORDER BY c) FROM e ORDER BY n"
    before = home.rows(query)
    dataset = home.lake.datasets.by_table(home.sandbox, "e")
    assert dataset is not None
    assert compact(home.store, home.lake, home.engine, dataset) == 6
    assert len(home.lake.files(dataset)) == 1
    assert home.rows(query) == before

"""A flow is due at the times that a slow count from its start gives; a late run stands for all that was missed."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from limbeck import clock
from limbeck.errors import InvalidInput
from limbeck.flow.schedule import UNITS, Schedule

STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(7)}
MOST = 400
"""Times that the reference counts."""


def counted(start: datetime, unit: str, interval: int) -> list[int]:
    """The first times from *start*, one after the other."""
    times = []
    for number in range(0, MOST * interval, interval):
        if unit in STEPS:
            at = start + number * STEPS[unit]
        else:
            at = start
            for _ in range(number * (12 if unit == "year" else 1)):
                following = at.replace(day=1) + timedelta(days=32)
                at = following.replace(day=min(start.day, monthrange(following.year, following.month)[1]))
        times.append(clock.millis(at))
        if at.year > 2200:
            break
    return times


starts = st.integers(0, 4_000_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))
last_days = st.builds(lambda y, m: datetime(y, m, monthrange(y, m)[1], 23, tzinfo=UTC), st.integers(1970, 2090),
                      st.integers(1, 12))  # fmt: skip
units = st.sampled_from(UNITS)


def schedule(start: datetime, unit: str, interval: int, end: int | None = None) -> Schedule:
    raw: dict[str, Any] = {"startTime": int(start.timestamp()), "frequency": unit, "interval": str(interval)}
    found = Schedule.parse(raw if end is None else {**raw, "endTime": str(end // 1000)})
    assert found is not None
    return found


@settings(max_examples=40, deadline=None)
@given(starts | last_days, units, st.integers(1, 5), st.lists(st.floats(0, 1), min_size=1, max_size=5), st.booleans())
@example(datetime(2020, 1, 31, tzinfo=UTC), "month", 1, [0.0, 0.1], False)
@example(datetime(2020, 2, 29, tzinfo=UTC), "year", 1, [0.0, 0.1], False)
def test_the_next_time_is_the_first_that_the_reference_counts(
    start: datetime, unit: str, interval: int, places: list[float], ends: bool
) -> None:
    times = counted(start, unit, interval)
    end = times[len(times) // 2] if ends else None
    found = schedule(start, unit, interval, end)
    for place in places:
        now = times[0] + int((times[-2] - times[0]) * place)
        expected = next(t for t in times if t > now)
        assert found.after(times[0], now) == (expected if end is None or expected < end else None)
        assert found.after(now, times[0]) == found.after(times[0], now)
    assert found.after(0, -1) == (times[0] if times[0] > 0 else times[1])


@settings(max_examples=30, deadline=None)
@given(starts | last_days, units, st.integers(1, 3), st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_a_worker_that_sleeps_makes_up_for_what_it_missed_once(
    start: datetime, unit: str, interval: int, places: list[float]
) -> None:
    times = counted(start, unit, interval)
    awake = sorted(times[0] + int((times[-2] - times[0]) * place) for place in places)
    found = schedule(start, unit, interval)
    due, ran = found.first(clock.millis(start)), []
    for now in awake:
        if due is not None and due <= now:
            ran.append(now)
            due = found.after(due, now)
    before = [-1, *awake]
    assert ran == [now for last, now in zip(before, awake, strict=False) if any(last < t <= now for t in times)]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"frequency": "fortnight"}, 'the frequency "fortnight"; known are minute, hour, day, week, month, year, once'),
        ({"frequency": "mnth"}, 'did you mean "month"'),
        ({"frequency": "month", "interval": -1}, "interval is -1; it is a whole number, 0 for once"),
        ({"frequency": "day", "interval": "1.5"}, "interval is '1.5'; it takes a whole number"),
        ({"frequency": "day", "interval": 1.5}, "interval is 1.5; it takes a whole number"),
        ({"frequency": "day", "interval": True}, "interval is True; it takes a whole number"),
        ({"startTime": 1_700_000_000_000}, "startTime is 1700000000000; it takes seconds since 1970"),
        ({"startTime": 10, "endTime": "9"}, "endTime '9' lies before startTime 10"),
        ("daily", "it is an object"),
    ],
)
def test_what_cannot_be_a_schedule_is_refused(raw: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Schedule.parse(raw)


def test_a_time_behind_the_calendar_never_comes() -> None:
    for unit in UNITS:
        found = schedule(datetime(2020, 1, 31, tzinfo=UTC), unit, 10**9)
        assert found.after(found.start, found.start) is None or unit == "minute"

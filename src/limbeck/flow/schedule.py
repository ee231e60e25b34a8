"""When a flow is due: once, or by an interval from its start (REST contract, section 8.3)."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limbeck import clock
from limbeck.errors import InvalidInput, nearest

_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000, "week": 7 * 86_400_000}
_MONTHS = {"month": 1, "year": 12}
UNITS = (*_MS, *_MONTHS)
_ALSO = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month", "yearly": "year"}

_YEAR_10000 = 253_402_300_800


@dataclass(frozen=True, slots=True)
class Schedule:
    """All times are milliseconds since 1970. The times of a flow are its start and every interval after it."""

    start: int
    unit: str | None
    """None: only once."""
    interval: int
    end: int | None

    @classmethod
    def parse(cls, raw: Any) -> Schedule | None:
        """Read AEP's `scheduleParams`, whose numbers may be texts; None if a flow runs only when it is asked to.

        Raise `InvalidInput` for a unit, an interval or a time that cannot be used.
        """
        if not raw:
            return None
        if not isinstance(raw, Mapping):
            raise InvalidInput(f"scheduleParams is {raw!r}; it is an object with startTime, interval and frequency")
        start, end, unit = _moment(raw, "startTime"), _moment(raw, "endTime"), _unit(raw)
        if start is not None and end is not None and end < start:
            raise InvalidInput(f"scheduleParams.endTime {raw['endTime']!r} lies before startTime {raw['startTime']!r}")
        return cls(start or 0, unit, 1 if unit is None else _interval(raw), end)

    def first(self, now: int) -> int | None:
        """Return when a flow that is made or enabled *now* is due, or None if it never is: at once after its start."""
        return self._unless_over(max(self.start, now))

    def after(self, due: int, now: int) -> int | None:
        """Return when a flow that was *due* is so again, later than *now*, or None.

        What was missed meanwhile is left out: the run that is late stands for it.
        """
        if self.unit is None:
            return None
        latest = max(due, now)
        number = max(0, self._number_before(latest))
        while (following := self._time(number)) is not None and following <= latest:
            number += 1
        return None if following is None else self._unless_over(following)

    def _number_before(self, moment: int) -> int:
        """Return the number of a time that is not later than *moment*, and near it."""
        if self.unit in _MS:
            return (moment - self.start) // (self.interval * _MS[self.unit])
        at, start = clock.from_millis(moment), clock.from_millis(self.start)
        months = (at.year - start.year) * 12 + at.month - start.month
        return months // (self.interval * _MONTHS[self.unit or ""]) - 1

    def _time(self, number: int) -> int | None:
        """Return the time of a number, from 0, or None behind the year 9999.

        Months are counted from the start: what begins on a 31st is due on the last day of shorter ones.
        """
        if self.unit in _MS:
            time = self.start + number * self.interval * _MS[self.unit]
            return time if time < _YEAR_10000 * 1000 else None
        start = clock.from_millis(self.start)
        months = start.year * 12 + start.month - 1 + number * self.interval * _MONTHS[self.unit or ""]
        year, month = months // 12, months % 12 + 1
        if year > 9999:
            return None
        day = min(start.day, monthrange(year, month)[1])
        return clock.millis(start.replace(year=year, month=month, day=day))

    def _unless_over(self, due: int) -> int | None:
        return None if self.end is not None and due >= self.end else due


def _unit(raw: Mapping[str, Any]) -> str | None:
    said = str(raw.get("frequency") or raw.get("timeUnit") or "once").lower()
    unit = _ALSO.get(said, said)
    if unit == "once":
        return None
    if unit not in UNITS:
        known = [*UNITS, "once"]
        raise InvalidInput(
            f'scheduleParams has the frequency "{said}"; known are {", ".join(known)}. {nearest(said, known)}'.rstrip()
        )
    once = "interval" in raw and _whole(raw, "interval") == 0  # as aepp asks for it
    return None if once else unit


def _interval(raw: Mapping[str, Any]) -> int:
    interval = _whole(raw, "interval") or 0 if "interval" in raw else 1
    if interval < 1:
        raise InvalidInput(f"scheduleParams.interval is {raw['interval']!r}; it is a whole number, 0 for once")
    return interval


def _moment(raw: Mapping[str, Any], name: str) -> int | None:
    seconds = _whole(raw, name)
    if seconds is not None and not 0 <= seconds < _YEAR_10000:
        raise InvalidInput(f"scheduleParams.{name} is {raw[name]!r}; it takes seconds since 1970")
    return None if seconds is None else seconds * 1000


def _whole(raw: Mapping[str, Any], name: str) -> int | None:
    value = raw.get(name)
    if value is None or value == "":
        return None
    try:
        whole = int(value)
    except (TypeError, ValueError, OverflowError):
        whole = None
    if whole is None or isinstance(value, bool) or (isinstance(value, float) and whole != value):
        raise InvalidInput(f"scheduleParams.{name} is {value!r}; it takes a whole number")
    return whole

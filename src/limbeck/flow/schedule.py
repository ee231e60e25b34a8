"""When a flow is due: once, or by an interval from its start (REST contract, section 8.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limbeck.errors import InvalidInput, nearest

_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000, "week": 7 * 86_400_000}
_UNITS = {**_MS, "hourly": _MS["hour"], "daily": _MS["day"], "weekly": _MS["week"]}
"""AEP's units and frequencies, in milliseconds."""


_YEAR_10000 = 253_402_300_800


@dataclass(frozen=True, slots=True)
class Schedule:
    """All times are milliseconds since 1970."""

    start: int
    period: int | None
    """None: only once."""
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
        start, end = _moment(raw, "startTime"), _moment(raw, "endTime")
        return cls(start or 0, _period(raw), end)

    def first(self, now: int) -> int | None:
        """Return when a flow that is made or enabled *now* is due, or None if it never is."""
        return self._unless_over(max(self.start, now))

    def after(self, due: int, now: int) -> int | None:
        """Return when a flow that was *due* is so again, later than *now*, or None; what was missed is left out."""
        if self.period is None:
            return None
        missed = max(0, now - due) // self.period
        return self._unless_over(due + (missed + 1) * self.period)

    def _unless_over(self, due: int) -> int | None:
        return None if self.end is not None and due >= self.end else due


def _period(raw: Mapping[str, Any]) -> int | None:
    unit = str(raw.get("frequency") or raw.get("timeUnit") or "once").lower()
    if unit == "once":
        return None
    if unit not in _UNITS:
        known = [*_MS, "once"]
        raise InvalidInput(
            f'scheduleParams has the frequency "{unit}"; known are {", ".join(known)}. {nearest(unit, known)}'.rstrip()
        )
    interval = _whole(raw, "interval") if "interval" in raw else 1
    if interval == 0:
        return None  # as aepp asks for an export once
    if interval is None or interval < 1:
        raise InvalidInput(f"scheduleParams.interval is {raw['interval']!r}; it is a whole number, 0 for once")
    return interval * _UNITS[unit]


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
        return int(value)
    except (TypeError, ValueError):
        raise InvalidInput(f"scheduleParams.{name} is {value!r}; it takes a whole number") from None

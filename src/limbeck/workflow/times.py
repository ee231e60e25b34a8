"""Spans of time in calendar units, and moments in a zone: what cutoffs, horizons and windows are made of.

Moments are in UTC and without a zone, as the platform stores them. Days and longer units are counted on the calendar of
a zone, so "30 days" after noon is noon, whether or not clocks were changed in between; hours are hours.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

TEXT = re.compile(r"(\d{1,5}) (hour|day|week|month|year)s?")
SHORT = {"hours": "h", "days": "d", "weeks": "w", "months": "m", "years": "y"}
GREENWICH = ZoneInfo("UTC")

_DAYS = {"hours": 1 / 24, "days": 1, "weeks": 7, "months": 31, "years": 366}
_MOST_DAYS = 100_000
"""So that every span around a date that may stand in a definition ends at a date, too."""


@dataclass(frozen=True, slots=True)
class Duration:
    """So many of a unit."""

    count: int
    unit: str
    """One of the keys of `SHORT`."""

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a text such as "28 days" or "1 month"; None if it is none, of no length, or longer than 270 years."""
        found = TEXT.fullmatch(text)
        if found is None or not 0 < int(found[1]) * _DAYS[f"{found[2]}s"] <= _MOST_DAYS:
            return None
        return cls(int(found[1]), f"{found[2]}s")

    def __str__(self) -> str:
        return f"{self.count} {self.unit if self.count > 1 else self.unit[:-1]}"

    def __mul__(self, times: int) -> Duration:
        return Duration(self.count * times, self.unit)

    @property
    def short(self) -> str:
        """A name for it: `36h`, `28d`, `3m`."""
        return f"{self.count}{SHORT[self.unit]}"

    @property
    def ending(self) -> str:
        """The ending of a feature's name: as `short`, but whole days of hours are told as days."""
        return f"{self.count // 24}d" if self.unit == "hours" and self.count % 24 == 0 else self.short

    @property
    def interval(self) -> str:
        """An SQL interval of this length, on the calendar of UTC."""
        return f"INTERVAL '{self.count}' {self.unit[:-1].upper()}"

    def after(self, moment: datetime, zone: ZoneInfo = GREENWICH) -> datetime:
        """Return the moment that is later by this; a month after the 31st is the last day of a shorter month."""
        return self._moved(moment, zone, 1)

    def before(self, moment: datetime, zone: ZoneInfo = GREENWICH) -> datetime:
        """Return the moment that is earlier by this."""
        return self._moved(moment, zone, -1)

    def _moved(self, moment: datetime, zone: ZoneInfo, sign: int) -> datetime:
        count = sign * self.count
        if self.unit == "hours":
            return moment + timedelta(hours=count)
        wall = moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
        match self.unit:
            case "days":
                wall += timedelta(days=count)
            case "weeks":
                wall += timedelta(weeks=count)
            case "months":
                wall = _by_months(wall, count)
            case _:
                wall = _by_months(wall, 12 * count)
        return in_utc(wall, zone)


def _by_months(wall: datetime, count: int) -> datetime:
    year, month = divmod(wall.year * 12 + wall.month - 1 + count, 12)
    day = min(wall.day, calendar.monthrange(year, month + 1)[1])
    return wall.replace(year=year, month=month + 1, day=day)


def in_utc(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return what a clock of *zone* shows as a moment."""
    return wall.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)


def sliding(first: datetime, last: datetime, every: Duration, zone: ZoneInfo) -> tuple[datetime, ...]:
    """Return the moments from *first* until *last*, both included, each a multiple of *every* after the first."""
    found, number = [first], 1
    while (moment := (every * number).after(first, zone)) <= last:
        found.append(moment)
        number += 1
    return tuple(found)

"""What makes synthetic data as untidy as real ones: second identities, bots, duplicates, late arrival.

Each is drawn from streams of its own, so none changes who people are and what they do, nor each other. None is there
unless `[generator]` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from limbeck.workflow.newsletter import DAY, HOUR, MINUTE, PAGE, Day, Flags, Random, Whole
from limbeck.workflow.world import Generator

SECOND = 0.3
"""Probability that a day of a person with two identities is known under the second."""
RHYTHM = (60, 360)
"""Minutes from one page view of a bot to its next: at least, and less than."""
LATE = 18 * HOUR
"""Mean time by which late events are later than an hour."""
LATEST = 5 * DAY
RETRY = 10 * MINUTE
"""Longest time after which an event is sent again."""

IDENTITIES, DUPLICATES, DELAYS = 11, 12, 13
"""What is drawn from streams of their own."""
Stream = Callable[[int, int], Random]
"""Gives the stream of a day, and of what is drawn from it."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of a block by number: people first, then second identities, then bots."""

    people: int
    split: Whole
    """Who has a second identity, ascending; the first of them has the identity with the number `people`."""
    every: Whole
    """Milliseconds from one page view of a bot to its next."""
    phase: Whole

    @classmethod
    def draw(cls, settings: Generator, people: int, random: Random) -> Accounts:
        """Draw who has a second identity, and the bots."""
        split = np.flatnonzero(random.random(people) < settings.identities)
        bots = round(settings.bots * people)
        every = random.integers(*RHYTHM, bots) * MINUTE
        return cls(people, split, every, random.integers(0, every))

    def under_second(self, random: Random) -> Flags:
        """Draw whether a day is known under the second identity, by person in `split`."""
        found: Flags = random.random(len(self.split)) < SECOND
        return found

    @property
    def owner(self) -> Whole:
        """The person whom each account belongs to, -1 for bots."""
        return np.concatenate([np.arange(self.people), self.split, np.full(len(self.every), -1)])

    @property
    def more(self) -> int:
        """How many accounts there are beside the people's first ones."""
        return len(self.split) + len(self.every)


def untidy(settings: Generator, accounts: Accounts, day: Day, stream: Stream) -> Day:
    """Return what becomes of the events of a day, in the order of their times."""
    if len(accounts.split):
        day = _split(accounts, day, stream(day.number, IDENTITIES))
    if len(accounts.every):
        day = _with_bots(accounts, day)
    if settings.duplicates:
        day = _repeated(day, settings.duplicates, stream(day.number, DUPLICATES))
    if settings.late:
        day = _late(day, settings.late, stream(day.number, DELAYS))
    return day


def _split(accounts: Accounts, day: Day, random: Random) -> Day:
    account = np.arange(accounts.people)
    second = accounts.under_second(random)
    account[accounts.split[second]] = accounts.people + np.flatnonzero(second)
    return replace(day, person=account[day.person])


def _with_bots(accounts: Accounts, day: Day) -> Day:
    """Add the page views of bots, as regular across midnight as at noon, each the page after the one before."""
    begin, first = day.number * DAY, accounts.people + len(accounts.split)
    if day.over:
        return day
    step = np.arange(DAY // (RHYTHM[0] * MINUTE) + 1)
    time = ((accounts.phase - begin) % accounts.every)[:, None] + step * accounts.every[:, None]
    bot, nth = np.nonzero(time < DAY)
    at = time[bot, nth]
    detail = (begin + at) // accounts.every[bot] % 1000
    parts = (day.person, first + bot), (day.time, at), (day.kind, np.full(len(bot), PAGE)), (day.detail, detail)
    person, time, kind, detail = (np.concatenate(part) for part in parts)
    order = np.lexsort((kind, person, time))
    return replace(day, person=person[order], time=time[order], kind=kind[order], detail=detail[order])


def _repeated(day: Day, share: float, random: Random) -> Day:
    """Let a *share* of the events come twice: the second time right after the first, and a little later."""
    again = random.random(len(day.time)) < share
    rows = np.repeat(np.arange(len(day.time)), 1 + again)
    copies = np.append(False, rows[1:] == rows[:-1]) if len(rows) else np.zeros(0, np.bool_)
    delay = np.where(copies, random.integers(1, RETRY, len(rows)), 0)
    columns = {name: getattr(day, name)[rows] for name in ("person", "time", "kind", "detail")}
    return replace(day, **columns, again=copies, delay=delay)


def _late(day: Day, share: float, random: Random) -> Day:
    """Let a *share* of the rows arrive hours to days late."""
    late = random.random(len(day.time)) < share
    delay = HOUR + random.exponential(LATE, len(day.time)).astype(np.int64)
    before = np.zeros(len(day.time), np.int64) if day.delay is None else day.delay
    return replace(day, delay=before + np.where(late, np.minimum(delay, LATEST), 0))

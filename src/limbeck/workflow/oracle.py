"""What is true of synthetic people at a cutoff: exact, given the state in which each of them is."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from math import cos, pi

import numpy as np

from limbeck.workflow.imperfections import IDENTITIES, SECOND, Accounts, Stream
from limbeck.workflow.newsletter import (
    COOLER,
    DAY,
    LATER,
    LESS,
    MORE,
    NOTHING,
    WARMER,
    Condition,
    Day,
    Flags,
    Numbers,
    People,
    Whole,
    chance,
    rates,
)
from limbeck.workflow.today import after_click, courses, without_click
from limbeck.workflow.treatment import TREATMENTS, Treatment
from limbeck.workflow.world import Generator

SATURDAY = 5
WEEK, WEEKEND = 7, 2
YEAR, HEIGHT = 365.25, (12, 15)
"""Days of a year, and month and day of its height."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is true of the accounts of a block, by account as `Accounts` numbers them."""

    probability: Numbers
    """Of a form under that account."""
    whole: Numbers
    """Of a form under any account of the person."""
    uplift: Numbers
    """Probability of a form under that account of who is treated at the cutoff, less that of who never is."""


def busy(settings: Generator, number: int) -> float:
    """Return the factor of visits on the day of this *number*; its mean over a week, a month and a year is 1."""
    factor = 1 + settings.weekend * WEEKEND / (WEEK - WEEKEND)
    if (settings.start.weekday() + number) % WEEK >= SATURDAY:
        factor = 1 - settings.weekend
    if not (settings.yearly or settings.monthly):
        return factor
    day = settings.start + timedelta(days=number)
    from_height = (day - date(day.year, *HEIGHT)).days / YEAR
    of_month = (day.day - 1) / monthrange(day.year, day.month)[1]
    return factor * (1 + settings.yearly * cos(2 * pi * from_height)) * (1 + settings.monthly * cos(2 * pi * of_month))


Moment = tuple[int, int]
"""The number of a day, and milliseconds since its midnight."""


@dataclass(frozen=True, slots=True)
class Oracle:
    """Knows how the block's people are made, and the *stream* of a day from which something is drawn."""

    settings: Generator
    people: People
    accounts: Accounts
    treatment: Treatment
    stream: Stream

    def at(self, day: Day, since: int, end: Moment) -> Known:
        """Return what is true of a form from *since*, milliseconds of a *day*, on, and before *end*.

        Known is the state in which the day found people, and what they have done on it before the moment. Who is
        treated later is not known, so the probability is that of both chances.
        """
        everybody, split = np.arange(self.accounts.people), self.accounts.split
        bots = np.zeros(len(self.accounts.every))
        view = _View(self, day, since, end)
        whole, uplift = view.of(everybody, 1.0, np.ones(len(everybody)))
        first, first_uplift = whole.copy(), uplift.copy()
        if not len(split):
            return Known(np.append(first, bots), np.append(whole, bots), np.append(uplift, bots))
        other = self._under_second(day, since)
        first[split], first_uplift[split] = view.of(split, 1 - SECOND, 1 - other)
        second, second_uplift = view.of(split, SECOND, other)
        return Known(
            np.concatenate([first, second, bots]),
            np.concatenate([whole, whole[split], bots]),
            np.concatenate([first_uplift, second_uplift, bots]),
        )

    def _under_second(self, day: Day, since: int) -> Numbers:
        """Return the probability that the day is known under the second identity: what was done on it tells."""
        told = np.zeros(self.accounts.people, np.bool_)
        told[day.person[day.time < since]] = True
        told |= self._treated(day, since)[0] & (day.number == self.treatment.day)
        drawn = self.accounts.under_second(self.stream(day.number, IDENTITIES))
        return np.where(told[self.accounts.split], drawn, SECOND)

    def _treated(self, day: Day, since: int) -> tuple[Flags, float]:
        return self.treatment.known(day.number, since, self.stream(day.number, TREATMENTS))


class _View:
    """What is true from one moment on, and before another one."""

    def __init__(self, oracle: Oracle, day: Day, since: int, end: Moment) -> None:
        settings, people = oracle.settings, oracle.people
        self._oracle, self._day, self._end = oracle, day, end
        until = end[1] if end[0] == day.number else DAY
        self._courses = courses(people, day, since, until, busy(settings, day.number), settings.evening)
        self._seen, hidden = oracle._treated(day, since)
        share = settings.treated * hidden
        self._share = share / (share + 1 - settings.treated) if share else 0.0
        """Probability that somebody who is not known to be treated is, or will be."""

    def of(self, who: Whole, counts: float, today: Numbers) -> tuple[Numbers, Numbers]:
        """Return probability and uplift of *who*, where a form counts by *counts*, one of the first day by *today*."""
        treatment = self._oracle.treatment
        does = treatment.does[who]

        def treated(since: int) -> Numbers:
            pushed = [1 - self._none(who, effect, since, counts, today) for effect in (MORE, LESS)]
            return np.select([does == MORE, does == LESS], pushed, plain)

        plain = 1 - self._none(who, NOTHING, 0, counts, today)
        if not self._oracle.settings.treated:
            return plain, np.zeros(len(who))
        given = treated(treatment.day)
        mixed = self._share * given + (1 - self._share) * plain
        return np.where(self._seen[who], given, mixed), treated(self._day.number) - plain

    def _none(self, who: Whole, effect: int, since: int, counts: float, today: Numbers) -> Numbers:
        """Return the probability of no form, where a treatment has an *effect* from the day numbered *since* on."""
        people, number = self._oracle.people, self._day.number
        later = tuple(
            self._condition(n, effect if n >= since else NOTHING, counts)
            for n in range(number + 1, self._end[0] + bool(self._end[1]))
        )
        future = 1 - chance(later, people.process)
        form = rates(people.process).form[effect if number >= since else NOTHING]
        kind, click, warmth = people.kind[who], self._day.before.click[who], self._day.before.warmth[who]
        found = np.zeros(len(who))
        left = np.ones(len(who))
        for course, after in zip(self._courses, (np.zeros_like(click), LATER[click]), strict=True):
            place, chances = (kind, after, WARMER[warmth]), course.chance[who]
            found += chances * (1 - today * course.form(form, place, who)) * future[place]
            left -= chances
        return found + left * future[kind, LATER[click], COOLER[warmth]]

    def _condition(self, number: int, effect: int, counts: float) -> Condition:
        """Return what a later day is like; of the last one, only what comes before the end counts."""
        settings, (last, until) = self._oracle.settings, self._end
        both = (1.0, 1.0) if number < last else (after_click(0, until), without_click(0, until, settings.evening))
        return Condition(busy(settings, number), effect, (counts * both[0], counts * both[1]))

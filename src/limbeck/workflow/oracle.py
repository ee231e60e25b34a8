"""What is true of synthetic people at a cutoff: exact, given the state in which each of them is."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from math import cos, pi

import numpy as np

from limbeck.workflow.definition import Generator
from limbeck.workflow.imperfections import SECOND, Accounts
from limbeck.workflow.newsletter import LESS, MORE, NOTHING, Condition, Numbers, People, State, Whole, chance
from limbeck.workflow.treatment import Treatment

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


@dataclass(frozen=True, slots=True)
class Oracle:
    """Knows how the block's people are made."""

    settings: Generator
    people: People
    accounts: Accounts
    treatment: Treatment

    def at(self, cutoff: int, state: State, within: int) -> Known:
        """Return what is true at the beginning of the day *cutoff*, when people are in *state*.

        Who is treated on that day or later is not known then, so their probability is that of both chances.
        """
        everybody, split = np.arange(self.accounts.people), self.accounts.split
        bots = np.zeros(len(self.accounts.every))
        whole, uplift = self._of(everybody, cutoff, state, within, 1.0)
        first, first_uplift = whole.copy(), uplift.copy()
        if not len(split):
            return Known(np.append(first, bots), np.append(whole, bots), np.append(uplift, bots))
        first[split], first_uplift[split] = self._of(split, cutoff, state, within, 1 - SECOND)
        second, second_uplift = self._of(split, cutoff, state, within, SECOND)
        return Known(
            np.concatenate([first, second, bots]),
            np.concatenate([whole, whole[split], bots]),
            np.concatenate([first_uplift, second_uplift, bots]),
        )

    def _of(self, who: Whole, cutoff: int, state: State, within: int, counts: float) -> tuple[Numbers, Numbers]:
        """Return probability and uplift of *who*, where a form counts with the probability *counts*."""
        place = self.people.kind[who], state.click[who], state.warmth[who]
        does, given = self.treatment.does[who], self.treatment.day

        def chances(effect: int, since: int) -> Numbers:
            days = range(cutoff, cutoff + within)
            conditions = (Condition(busy(self.settings, n), effect if n >= since else NOTHING, counts) for n in days)
            found: Numbers = chance(tuple(conditions), self.people.process)[place]
            return found

        def treated(since: int) -> Numbers:
            return np.select([does == MORE, does == LESS], [chances(MORE, since), chances(LESS, since)], plain)

        plain = chances(NOTHING, cutoff)
        if not self.settings.treated:
            return plain, np.zeros(len(who))
        full = treated(cutoff)
        if given < cutoff:
            return np.where(self.treatment.treated[who], full, plain), full - plain
        share = self.settings.treated
        return share * treated(given) + (1 - share) * plain, full - plain

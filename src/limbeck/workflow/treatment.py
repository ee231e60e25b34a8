"""A treatment that synthetic people are given by chance alone, and what it does to each.

A *persuadable* fills in the form more probably from then on, a *sleeping dog* less; a *sure thing* and a *lost cause*
do as they would have done. Which of them somebody is, follows interest: sure things have much, lost causes little.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from limbeck.workflow.newsletter import LESS, MINUTE, MORE, NOTHING, TREATMENT, Day, Flags, People, Random, Whole
from limbeck.workflow.world import Generator

EFFECTS = ("persuadable", "sure thing", "lost cause", "sleeping dog")
PERSUADABLE, SURE_THING, LOST_CAUSE, SLEEPING_DOG = range(len(EFFECTS))
_DOES = np.array([MORE, NOTHING, NOTHING, LESS])
TREATMENTS = 3
"""What is drawn from streams of its own."""
NEVER = 2**31
EARLY = 19 * MINUTE
"""Until when treatments are given: before the first form of a day can be."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """Who of a block is treated, and what it does to each."""

    day: int
    """Number of the day on which it is given; `NEVER` if it is not."""
    kind: Whole
    """Index into `EFFECTS`, by person."""
    treated: Flags

    @classmethod
    def draw(cls, settings: Generator, people: People, random: Random) -> Treatment:
        """Draw what the treatment does to *people*, and, apart from that, who is treated."""
        drawn = random.random((2, len(people.kind)))
        bent = 0.5 * people.interest + random.standard_normal(len(people.kind))
        kind = np.select([drawn[0] < 0.1, bent > 1, bent < -0.5], [SLEEPING_DOG, SURE_THING, LOST_CAUSE], PERSUADABLE)
        day = NEVER if settings.treatment is None else (settings.treatment - settings.start).days
        return cls(day, kind, drawn[1] < settings.treated)

    @property
    def does(self) -> Whole:
        """What the treatment does to each: indices into `newsletter.PUSH`."""
        return _DOES[self.kind]

    def effects(self, number: int) -> Whole | int:
        """Return what it does on the day of this number: nothing to those who are not treated yet."""
        return NOTHING if number < self.day else np.where(self.treated, self.does, NOTHING)

    def known(self, day: int, since: int, random: Random) -> tuple[Flags, float]:
        """Return who is known to be treated at *since* milliseconds of a day, whose stream is *random*.

        Beside it stands the probability that somebody who is treated is not known to be yet.
        """
        if day != self.day:
            return self.treated & (day > self.day), float(day < self.day)
        who, time = self._times(random)
        seen = np.zeros(len(self.treated), np.bool_)
        seen[who[time < since]] = True
        return seen, max(1 - since / EARLY, 0.0)

    def _times(self, random: Random) -> tuple[Whole, Whole]:
        """Return who is treated, and when on the day."""
        who = np.flatnonzero(self.treated)
        return who, random.integers(0, EARLY, len(who))

    def given(self, day: Day, random: Random) -> Day:
        """Return *day* with the events of the treatment, if it is the one."""
        if day.number != self.day:
            return day
        who, time = self._times(random)
        detail = np.zeros(len(who), np.int64)
        parts = (day.person, who), (day.time, time), (day.kind, np.full(len(who), TREATMENT)), (day.detail, detail)
        person, time, kind, detail = (np.concatenate(part) for part in parts)
        order = np.lexsort((kind, person, time))
        return replace(day, person=person[order], time=time[order], kind=kind[order], detail=detail[order])

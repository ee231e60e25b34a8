"""What synthetic people have done on a day until a moment of it, and what the rest of the day may bring.

A day has one of three courses (`newsletter`): a visit after a click, a visit without one, no visit. What has happened
by the moment makes some more probable than they were in the morning, and others impossible. That is reckoned by Bayes'
rule: times are sums of times that are drawn evenly, and the probability that such a sum is below a bound is known in
closed form (P. Hall 1927; J. O. Irwin 1927). Exact to the millisecond, in which times are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import factorial

import numpy as np

from limbeck.workflow.newsletter import (
    CLICKED,
    CLICKING,
    DAY,
    EMAIL_SENT,
    EVENING,
    FILLING,
    FORM,
    LANDING,
    LAST,
    MAILED,
    OPENED,
    PAGE,
    READ,
    Day,
    Flags,
    Numbers,
    People,
    Whole,
    rates,
)

Bounds = tuple[int, int]
NOT = 2 * DAY
"""The time of what did not happen."""


@dataclass(frozen=True, slots=True)
class Course:
    """A visit of a day, by person: how probable it is, and when its form would be."""

    chance: Numbers
    """Probability that this is the day's course, or will be."""
    before: Numbers
    """Probability that a form of it would have been before the moment."""
    until: Numbers
    """Probability that a form of it would be before the end."""
    over: Flags
    """Whether the form was filled in before the moment."""

    def form(self, rates: Numbers, place: tuple[Whole, ...], who: Whole) -> Numbers:
        """Return the probability that *who* of such a visit fills in the form from the moment on, before the end.

        The visits lead to it by the *rates* at a *place*.
        """
        filled, before, until = rates[place], self.before[who], self.until[who]
        return np.where(self.over[who], 0.0, filled * (until - before) / (1 - filled * before))


def courses(people: People, day: Day, since: int, until: int, busy: float, evening: float) -> tuple[Course, Course]:
    """Return the visits of a *day* after a click, and without one, as they are known at *since*.

    *since* and *until*, the end, are milliseconds of the day; *busy* and *evening* are as in `newsletter.live`.
    """
    seen = _Seen(day, since, len(people.kind))
    begun, clicked = (seen.first(PAGE) < NOT), (seen.first(CLICKED) < NOT)
    r, kind = rates(people.process), people.kind
    visit = np.minimum(busy * r.visit[kind, day.before.warmth], 1.0)
    click, no_click = _clicks(seen, r.sent[kind], r.opened[kind], r.clicked[kind])
    other = no_click * visit * (1 - _begun(since, evening))
    every = click + other + no_click * (1 - visit)
    landed = seen.first(PAGE) + FILLING[0]
    before, known = below(since, landed, _length(FILLING)), below(until, landed, _length(FILLING))
    over = seen.first(FORM) < NOT

    def course(sure: Flags, share: Numbers, later: Numbers) -> Course:
        return Course(np.where(begun, sure, share / every), before, np.where(begun, known, later), over)

    alone = np.full(len(kind), without_click(since, until, evening))
    return course(clicked, click, _after_click(seen, until)), course(~clicked, other, alone)


class _Seen:
    """When each person did something first, until a moment of the day."""

    def __init__(self, day: Day, since: int, people: int) -> None:
        past = day.time < since
        self.since, self._people = since, people
        self._person, self._time, self._kind = day.person[past], day.time[past], day.kind[past]

    def first(self, kind: int) -> Numbers:
        """Return the milliseconds of the day; `NOT` for those who did not."""
        found, mine = np.full(self._people, NOT, np.float64), self._kind == kind
        np.minimum.at(found, self._person[mine], self._time[mine])
        return found


def _clicks(seen: _Seen, sent: Numbers, opened: Numbers, clicked: Numbers) -> tuple[Numbers, Numbers]:
    """Return how probable it is to see what was seen and to click, before or after, and to see it and never click."""
    at, read = seen.first(EMAIL_SENT), seen.first(OPENED)
    unsent = 1 - below(seen.since, MAILED[0], _length(MAILED))
    unread = 1 - below(seen.since, at + READ[0], _length(READ))
    unclicked = 1 - below(seen.since, read + CLICKING[0], _length(CLICKING))
    stages = [(seen.first(CLICKED) < NOT), (read < NOT), (at < NOT)]
    whole = [np.ones_like(at), clicked * unclicked, opened * clicked * unread]
    never = [np.zeros_like(at), 1 - clicked, opened * (1 - clicked) * unread + 1 - opened]
    yes = sent * opened * clicked * unsent
    no = sent * (1 - opened * clicked) * unsent + 1 - sent
    return np.select(stages, whole, yes), np.select(stages, never, no)


def _after_click(seen: _Seen, until: int) -> Numbers:
    """Return the probability that the form of a visit after a click, which has not begun, would be before *until*."""
    since, at, read, click = seen.since, *(seen.first(kind) for kind in (EMAIL_SENT, OPENED, CLICKED))
    to_form = LANDING + FILLING[0]
    opens, clicks = np.maximum(at + READ[0], since), np.maximum(read + CLICKING[0], since)
    rest = _length(FILLING)
    found = [
        below(until, click + to_form, rest),
        below(until, clicks + to_form, read + CLICKING[1] - clicks, rest),
        below(until, opens + CLICKING[0] + to_form, at + READ[1] - opens, _length(CLICKING), rest),
    ]
    stages = [(time < NOT) for time in (click, read, at)]
    return np.select(stages, found, after_click(since, until))


def after_click(since: int, until: int) -> float:
    """Return the probability that the form is before *until* if the e-mail that leads to it is sent from *since* on."""
    sent = max(MAILED[0], since)
    begin = sent + READ[0] + CLICKING[0] + LANDING + FILLING[0]
    lengths = MAILED[1] - sent, _length(READ), _length(CLICKING), _length(FILLING)
    return float(below(until, begin, *lengths))


def without_click(since: int, until: int, evening: float) -> float:
    """Return the probability that the form of a visit without a click, begun from *since* on, is before *until*."""
    found = every = 0.0
    for share, (first, last) in ((1 - evening, (0, LAST)), (evening, EVENING)):
        begin = max(first, since)
        weight = share * max(last - begin, 0) / (last - first)
        found += weight * float(below(until, begin + FILLING[0], last - begin, _length(FILLING)))
        every += weight
    return found / every if every else 1.0


def _begun(since: int, evening: float) -> float:
    """Return the probability that a visit without a click begins before a moment."""
    anytime, late = below(since, 0, LAST), below(since, EVENING[0], _length(EVENING))
    return float((1 - evening) * anytime + evening * late)


def _length(bounds: Bounds) -> int:
    return bounds[1] - bounds[0]


def below(bound: int, begin: Numbers | float, *lengths: Numbers | float) -> Numbers:
    """Return the probability that times drawn evenly, each from none to its *length*, end before *bound*.

    The first starts at *begin*, each other where the one before it ended.
    """
    if bound >= DAY:
        return np.ones_like(np.asarray(begin, np.float64))
    spans = [np.maximum(np.asarray(length, np.float64), 1.0) for length in lengths]
    total = np.zeros(())
    for chosen in product((False, True), repeat=len(spans)):
        left = bound - np.asarray(begin, np.float64) - sum(s for s, taken in zip(spans, chosen, strict=True) if taken)
        total = total + (-1) ** sum(chosen) * np.maximum(left, 0.0) ** len(spans)
    found: Numbers = np.clip(total / (factorial(len(spans)) * np.prod(np.broadcast_arrays(*spans), axis=0)), 0.0, 1.0)
    return found

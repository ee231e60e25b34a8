"""The process behind synthetic newsletter customers: who they are, what they do day by day, how likely they subscribe.

Each person has a *class* that never changes: a level of interest, a level of engagement with e-mail, and how often mail
is sent, which consent decides. Beside it a *state* that changes day by day: the days since the last click in an e-mail
(0 to 14; 14 stands for longer, or never) and the *warmth*, which every day with page views raises by `WARMING` and
every day lowers by one, within 0 and 14. A day goes like this:

1. An e-mail is sent, is opened, is clicked, with the class's probabilities.
2. Who clicks, visits; who does not, visits with a probability that interest and warmth raise.
3. Who visits, may fill in the form: the more probable, the higher the interest, the later the last click, the warmer.

Everything else (advertising, which pages, products, links, propositions) follows interest and leads to nothing. A
person may fill in the form on several days, which changes nothing in what follows: were it the end, the pool of the
interested would drain, and later cutoffs would be another task than earlier ones. States begin in their stationary
distribution, so no day differs from another.

How busy all are is a `Process`. What one day is like may differ (`Condition`): weekends may be quiet, and a treatment
may make the form more or less probable.

Classes and states are few, so the probability of filling in the form within some days is computed exactly for each of
them, by recursion over the days: no sample is drawn for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]
Random = np.random.Generator

INTEREST = np.linspace(-2.5, 2.5, 11)
ENGAGEMENT = np.linspace(-1.5, 1.5, 7)
NEVER, SOMETIMES, OFTEN = CADENCES = range(3)
"""How often e-mails are sent: with refusal, without a stated choice, with consent."""

MEMORY = 14
"""Days after which a click and a visit are forgotten."""
WARMING = 5

KINDS = (
    "advertising.impressions",
    "directMarketing.emailSent",
    "directMarketing.emailOpened",
    "directMarketing.emailClicked",
    "web.webpagedetails.pageViews",
    "web.webinteraction.linkClicks",
    "commerce.productViews",
    "decisioning.propositionDisplay",
    "decisioning.propositionInteract",
    "decisioning.propositionDismiss",
    "web.formFilledOut",
)
TREATMENT = len(KINDS)
"""The number of what is done to people, which is no kind of its own unless there is a treatment."""
AD, EMAIL_SENT, OPENED, CLICKED, PAGE, LINK, PRODUCT, DISPLAY, INTERACT, DISMISS, FORM = range(len(KINDS))

DAY = 86_400_000
"""Milliseconds."""
HOUR, MINUTE = 3_600_000, 60_000
VISIT = 25 * MINUTE
"""Longest time from a visit's begin to its form."""
EVENING = 17 * HOUR, 22 * HOUR
"""Between these times evening visits begin."""
LAST = DAY - VISIT - MINUTE
"""Until when visits without a click begin."""
MAILED = 5 * HOUR, 12 * HOUR
"""Between these times e-mails are sent."""
READ = MINUTE, 10 * HOUR
"""So long after it was sent is an e-mail opened."""
CLICKING = MINUTE // 12, 5 * MINUTE
"""So long after it was opened is it clicked."""
LANDING = MINUTE // 30
"""From a click to the visit's begin."""
FILLING = VISIT - 5 * MINUTE, VISIT
"""So long after a visit's begin is the form filled in."""


@dataclass(frozen=True, slots=True)
class Process:
    """How busy people are. Probabilities are of a day; logits those of somebody in the middle of everything."""

    sent: tuple[float, float, float]
    """Probability that an e-mail is sent, by cadence."""
    opened: float
    """Logit."""
    clicked: float
    """Logit."""
    visit: float
    """Logit, of somebody cold, without a click."""
    form: float
    """Logit, of a visit of somebody cold, without a click in memory."""
    ads: float
    """How many are seen."""


PROCESSES = {
    "newsletter": Process(sent=(0.0, 0.08, 0.18), opened=-0.9, clicked=-1.6, visit=-3.5, form=-3.8, ads=0.04),
    "realistic": Process(sent=(0.0, 0.08, 0.18), opened=-0.9, clicked=-1.6, visit=-3.8, form=-3.8, ads=0.04),
    "tutorial": Process(sent=(0.0, 0.055, 0.1), opened=-0.9, clicked=-1.5, visit=-4.2, form=-3.35, ads=0.02),
}
"""By the preset of `[generator]`."""
NEWSLETTER = PROCESSES["newsletter"]


def _logistic(x: Numbers) -> Numbers:
    found: Numbers = 1 / (1 + np.exp(-x))
    return found


# -- classes and states -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rates:
    """Probabilities of a day, by class; where they depend on the state, by days since the click and warmth as well."""

    sent: Numbers
    opened: Numbers
    """Of an e-mail sent."""
    clicked: Numbers
    """Of an e-mail opened."""
    visit: Numbers
    """By class and warmth at the day's beginning, without a click."""
    form: Numbers
    """Of a visit, by what the treatment does, class, days since the click and warmth at the day's end."""


def class_of(interest: Whole, engagement: Whole, cadence: Whole) -> Whole:
    """Return the number of the class with these levels."""
    return (interest * len(ENGAGEMENT) + engagement) * len(CADENCES) + cadence


NOTHING, MORE, LESS = range(3)
PUSH = np.array([0.0, 1.2, -1.2])
"""What a treatment adds to the logit of the form, while it does nothing, more, and less."""


@cache
def rates(process: Process = NEWSLETTER) -> Rates:
    """Return the probabilities of all classes and states."""
    levels = np.meshgrid(INTEREST, ENGAGEMENT, process.sent, indexing="ij")
    interest, engagement, sent = (level.ravel() for level in levels)
    days = np.arange(MEMORY + 1.0)
    freshness = np.where(days < MEMORY, np.exp(-days / 6), 0.0)
    eagerness = process.form + 0.2 * interest[:, None, None] + 1.5 * freshness[:, None] + 0.15 * days
    return Rates(
        sent=sent,
        opened=_logistic(process.opened + engagement),
        clicked=_logistic(process.clicked + 0.5 * engagement + 0.4 * interest),
        visit=_logistic(process.visit + 0.15 * interest[:, None] + 0.2 * days),
        form=_logistic(eagerness + PUSH[:, None, None, None]),
    )


LATER = np.minimum(np.arange(MEMORY + 1) + 1, MEMORY)
COOLER = np.maximum(np.arange(MEMORY + 1) - 1, 0)
WARMER = np.minimum(COOLER + WARMING, MEMORY)
"""What a day makes of the days since a click, and of the warmth without and with a visit."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What one day is like, for one person."""

    busy: float = 1.0
    """Factor of the probability of a visit without a click."""
    effect: int = NOTHING
    """What a treatment does: index into `PUSH`."""
    counts: tuple[float, float] = (1.0, 1.0)
    """Probability that a form of this day counts: of a visit after a click, and of another."""


def probability(days: int) -> Numbers:
    """Return the probability that the form is filled in within *days* that are as usual: see `chance`."""
    return chance((Condition(),) * days)


KEPT = 128
"""How many tables of `chance` are kept: 0.4 MB each."""


@lru_cache(maxsize=KEPT)
def chance(days: tuple[Condition, ...], process: Process = NEWSLETTER) -> Numbers:
    """Return the probability that a form counts within *days*, by class and state before the first day.

    Exact: the recursion sums over all that can happen on a day, and the last day comes first.
    """
    r = rates(process)
    click = (r.sent * r.opened * r.clicked)[:, None, None]
    none = np.ones((len(r.sent), MEMORY + 1, MEMORY + 1))
    for day in reversed(days):
        visit = np.minimum(day.busy * r.visit[:, None, :], 1.0)
        after_click, after_visit = ((1 - counts * r.form[day.effect]) * none for counts in day.counts)
        unclicked = visit * after_visit[:, LATER][:, :, WARMER] + (1 - visit) * none[:, LATER][:, :, COOLER]
        none = click * after_click[:, :1, WARMER] + (1 - click) * unclicked
    return 1 - none


@cache
def _stationary(process: Process) -> Numbers:
    """Return the cumulative stationary distribution of the states, by class, over the states in one row."""
    r = rates(process)
    click = (r.sent * r.opened * r.clicked)[:, None, None]
    visit = r.visit[:, None, :]
    states = np.eye(MEMORY + 1)
    later, cooler, warmer = states[LATER].T, states[COOLER], states[WARMER]
    found = np.full((len(r.sent), MEMORY + 1, MEMORY + 1), 1 / (MEMORY + 1) ** 2)
    change = 1.0
    while change > 1e-9:
        moved = later @ (((1 - click) * visit * found) @ warmer + ((1 - click) * (1 - visit) * found) @ cooler)
        moved[:, 0] += (click * found).sum(axis=1) @ warmer
        change, found = float(np.abs(moved - found).max()), moved
    return np.cumsum(found.reshape(len(found), -1), axis=1)


# -- people -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class State:
    """Where each person stands at the beginning of a day."""

    click: Whole
    """Days since the last click in an e-mail."""
    warmth: Whole


@dataclass(frozen=True, slots=True)
class People:
    """A block of people. Choices are numbers of lists in `limbeck.workflow.synthetic`."""

    kind: Whole
    """Class."""
    interest: Numbers
    age: Whole
    consent: Whole
    """0 no, 1 yes, -1 not stated."""
    opted_out: Flags
    tier: Whole
    """-1 for nobody's."""
    has_profile: Flags
    begin: State
    process: Process = NEWSLETTER

    @classmethod
    def draw(cls, count: int, random: Random, process: Process = NEWSLETTER) -> People:
        """Draw *count* people: interest first, then what tells something of it, then the state they begin in."""
        interest = _level(random.standard_normal(count), INTEREST)
        z = INTEREST[interest]
        engagement = _level(0.3 * z + 0.75 * random.standard_normal(count), ENGAGEMENT)
        has_profile = random.random(count) < 0.94
        stated = random.random(count) < 0.85
        agrees = random.random(count) < _logistic(0.8 + 0.4 * z)
        consent = np.where(stated & has_profile, agrees, -1).astype(np.int64)
        opted_out = (random.random(count) < 0.03) & has_profile
        cadence = np.select([opted_out | (consent == 0), consent == 1], [NEVER, OFTEN], SOMETIMES)
        tier = np.digitize(0.5 * z + random.standard_normal(count), [0.3, 1.1, 1.9]) - 1
        age = np.clip(np.round(46 - 4 * z + 14 * random.standard_normal(count)), 18, 95).astype(np.int64)
        kind = class_of(interest, engagement, cadence)
        return cls(kind, z, age, consent, opted_out, tier, has_profile, _begin(kind, random, process), process)


def _level(values: Numbers, levels: Numbers) -> Whole:
    step = levels[1] - levels[0]
    found: Whole = np.clip(np.round((values - levels[0]) / step), 0, len(levels) - 1).astype(np.int64)
    return found


def _begin(kind: Whole, random: Random, process: Process) -> State:
    drawn = random.random(len(kind))
    state = np.empty(len(kind), np.int64)
    for one in np.unique(kind):
        mine = kind == one
        state[mine] = np.minimum(np.searchsorted(_stationary(process)[one], drawn[mine]), (MEMORY + 1) ** 2 - 1)
    return State(*np.divmod(state, MEMORY + 1))


# -- days ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Day:
    """The events of one day, in the order of their times."""

    number: int
    before: State
    """The people's state when the day began."""
    person: Whole
    time: Whole
    """Milliseconds since midnight."""
    kind: Whole
    """Index into `KINDS`."""
    detail: Whole
    """A number below 1000, drawn evenly, that names page, link or product."""
    again: Flags | None = None
    """Rows that repeat the one before; None if none does."""
    delay: Whole | None = None
    """Milliseconds until each row arrives; None if all do at once."""
    over: bool = False
    """Whether it comes after the last day, without events."""


def live(
    people: People,
    days: int,
    stream: Callable[[int], Random],
    busy: Callable[[int], float] = lambda _: 1.0,
    effects: Callable[[int], Whole | int] = lambda _: NOTHING,
    evening: float = 0.0,
) -> Iterator[Day]:
    """Yield the *days* of *people*; what happens on a day is drawn from the stream of its number alone.

    The share *evening* of the visits without a click is moved into the evening. How *busy* a day is, and the *effects*
    of a treatment on people that day, go by its number: see `Condition`. One more day comes at the end, without events:
    its `before` is the state in which the last one leaves everybody.
    """
    state = people.begin
    for number in range(days):
        events, after = _day(people, state, stream(number), busy(number), effects(number), evening)
        yield Day(number, state, *events)
        state = after
    nothing = np.empty(0, np.int64)
    yield Day(days, state, nothing, nothing, nothing, nothing, over=True)


def _day(
    people: People, state: State, random: Random, busy: float, effects: Whole | int, evening: float
) -> tuple[tuple[Whole, Whole, Whole, Whole], State]:
    r, kind = rates(people.process), people.kind
    drawn = random.random((5, len(kind)))
    sent = drawn[0] < r.sent[kind]
    opened = sent & (drawn[1] < r.opened[kind])
    clicked = opened & (drawn[2] < r.clicked[kind])
    visiting = clicked | (drawn[3] < busy * r.visit[kind, state.warmth])
    after = State(
        click=np.where(clicked, 0, LATER[state.click]),
        warmth=np.where(visiting, WARMER[state.warmth], COOLER[state.warmth]),
    )
    filled = visiting & (drawn[4] < r.form[effects, kind, after.click, after.warmth])
    found = _Events(random)
    at = _mails(found, sent, opened, clicked, random)
    begins = np.where(clicked, at, _moved(random.integers(0, LAST, len(kind)), evening))
    _visits(found, people, np.flatnonzero(visiting), begins, random)
    form = np.flatnonzero(filled)
    found.add(FORM, form, begins[form] + VISIT - random.integers(0, VISIT - FILLING[0], len(form)))
    seen = np.repeat(np.arange(len(kind)), random.poisson(people.process.ads, len(kind)))
    found.add(AD, seen, random.integers(0, DAY, len(seen)))
    return found.sorted(), after


def _moved(times: Whole, evening: float) -> Whole:
    """Return even times of a day so that the share *evening* of them is in the evening, and the others even still."""
    if not evening:
        return times
    bounds = np.array([0, *EVENING, LAST], np.float64)
    reached = (1 - evening) * bounds / LAST + evening * np.array([0, 0, 1, 1])
    found: Whole = np.interp(times / LAST, reached, bounds).astype(np.int64)
    return found


class _Events:
    """Events that are being collected."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._parts: list[tuple[Whole, Whole, Whole, Whole]] = []

    def add(self, kind: int, person: Whole, time: Whole) -> None:
        """Add an event of *kind* for each of *person*."""
        detail = self._random.integers(0, 1000, len(person))
        self._parts.append((person, time, np.full(len(person), kind), detail))

    def sorted(self) -> tuple[Whole, Whole, Whole, Whole]:
        """Return person, time, kind and detail in the order of the times."""
        person, time, kind, detail = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        order = np.lexsort((kind, person, time))
        return person[order], time[order], kind[order], detail[order]


def _mails(found: _Events, sent: Flags, opened: Flags, clicked: Flags, random: Random) -> Whole:
    """Add the day's e-mails, and return when the visit that follows a click begins."""
    at = random.integers(*MAILED, len(sent))
    read = at + random.integers(*READ, len(sent))
    click = read + random.integers(*CLICKING, len(sent))
    for kind, flags, times in ((EMAIL_SENT, sent, at), (OPENED, opened, read), (CLICKED, clicked, click)):
        people = np.flatnonzero(flags)
        found.add(kind, people, times[people])
    return click + LANDING


def _visits(found: _Events, people: People, who: Whole, begins: Whole, random: Random) -> None:
    """Add what the visitors *who* do; all of it lies before the form."""

    def during(rate: Numbers | float) -> tuple[Whole, Whole]:
        person = np.repeat(who, random.poisson(rate, len(who)))
        return person, begins[person] + random.integers(MINUTE // 6, VISIT - 6 * MINUTE, len(person))

    interest = people.interest[who]
    found.add(PAGE, who, begins[who])
    found.add(PAGE, *during(0.8 * np.exp(0.3 * interest)))
    found.add(LINK, *during(0.3))
    found.add(PRODUCT, *during(0.4 * np.exp(0.25 * interest)))
    person, time = during(0.35)
    found.add(DISPLAY, person, time)
    answer: Any = random.random(len(person))
    eager = 0.12 * np.exp(0.4 * people.interest[person])
    reaction = time + random.integers(MINUTE // 60, MINUTE, len(person))
    for kind, chosen in ((INTERACT, answer < eager), (DISMISS, answer > 0.8)):
        found.add(kind, person[chosen], reaction[chosen])

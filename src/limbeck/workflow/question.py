"""What a definition asks: which goal, of whom, and when (docs/definition.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from limbeck.workflow.times import GREENWICH, Duration, sliding
from limbeck.workflow.toml_text import Table

WANTED = "a time such as '28 days', '12 hours', '1 month'"
MOST = 1000
"""Cutoffs that slide."""


@dataclass(frozen=True, slots=True)
class Span:
    """Moments from a first one on, before a last one."""

    first: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Goal:
    """What is forecast: whether an event happens within a time after the cutoff."""

    event: str
    """SQL condition over the columns of the event sources."""
    within: Duration | None
    """None where `until` says when it is over."""
    eligible: str = "true"
    """SQL condition: who has such an event before the cutoff is scored."""
    eligible_within: Duration | None = None
    """How long before the cutoff that may be; None for ever."""
    excluded: str = ""
    """SQL condition: who has such an event before the cutoff is not scored."""
    count: int = 1
    """How many such events make a goal."""
    value: str = ""
    """SQL expression over an event whose sum must reach `least`; empty if none must."""
    least: float = 0.0
    paired: bool = False
    """Only events about the object of the pair count."""
    until: str = ""
    """Column of the pairing event that says when the time of the goal is over."""

    @property
    def time(self) -> str:
        """The time of the goal in words."""
        return f"until {self.until}" if self.within is None else f"within {self.within}"


@dataclass(frozen=True, slots=True)
class Entity:
    """Who is asked about: a pair of a person and an object, paired by an event at whose time the forecast is made."""

    pair: str
    """Column that names the object, in the pairing event and in the events about it."""
    where: str
    """SQL condition: the events that pair; the first of a pair counts."""


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """Features are known strictly before a cutoff, the label is what happens from it on."""

    train: tuple[datetime, ...]
    test: tuple[datetime, ...]
    """In the order of time."""
    score: datetime
    zone: str = "UTC"
    drawn: bool = False
    """Each person is one row of the training set, at a cutoff drawn from `train`."""
    spans: Mapping[str, Span] | None = None
    """Of pairs: when they were paired, by set; `train`, `test` and `score` are the beginnings then."""

    @property
    def all(self) -> tuple[datetime, ...]:
        """Return every cutoff once, in the order of time."""
        return tuple(sorted({*self.train, *self.test, self.score}))

    @property
    def clock(self) -> ZoneInfo:
        """Return the zone in which days begin."""
        return ZoneInfo(self.zone)


def goal(table: Table, entity: Entity | None) -> Goal:
    """Read `[goal]`."""
    until = table.text("until") if "until" in table else ""
    if until and entity is None:
        raise table.error("until", f"is {until!r}", "nothing: only pairs have it, and there is no section [entity]")
    if until and "within" in table:
        raise table.error("until", "stands beside within", "one of them")
    reached = table.table("value", optional=True)
    found = Goal(
        event=table.text("event"),
        within=None if until else duration(table, "within"),
        eligible=table.text("eligible", "true"),
        eligible_within=duration(table, "eligible_within") if "eligible_within" in table else None,
        excluded=table.text("excluded") if "excluded" in table else "",
        count=table.number("count", 1, 1, 1_000_000),
        value=reached.text("sum") if "value" in table else "",
        least=reached.amount("least") if "value" in table else 0.0,
        paired=entity is not None and table.flag("paired", default=True),
        until=until,
    )
    reached.close()
    table.close(("within", "eligible_within", "excluded", "value", "until", *(("paired",) if entity else ())))
    return found


def entity(table: Table) -> Entity:
    """Read `[entity]`."""
    found = Entity(table.text("pair"), table.text("where"))
    table.close()
    return found


def duration(table: Table, key: str, text: str | None = None, wanted: str = WANTED) -> Duration:
    """Return the span of time that stands at *key*."""
    found = table.text(key) if text is None else text
    read = Duration.parse(found)
    if read is None:
        raise table.error(key, f"is {found!r}", wanted)
    return read


# -- cutoffs ------------------------------------------------------------------------------------------------------


def cutoffs(table: Table, asked: Goal, entity: Entity | None) -> Cutoffs:
    """Read `[cutoffs]`."""
    zone = table.zone("zone")
    found = _moments(table, zone) if entity is None else _spans(table, zone)
    table.close(("zone",))
    _check_order(table, found, asked)
    return found


def _moments(table: Table, zone: ZoneInfo) -> Cutoffs:
    train, drawn = _dates(table, "train", zone, may_draw=True)
    several = isinstance(table.raw("test"), list | dict)
    test = _dates(table, "test", zone)[0] if several else (table.moment("test", zone),)
    return Cutoffs(train, test, table.moment("score", zone), str(zone), drawn)


def _dates(table: Table, key: str, zone: ZoneInfo, *, may_draw: bool = False) -> tuple[tuple[datetime, ...], bool]:
    """Return the dates at *key*, a list or those that slide, and whether one of them is drawn for each person."""
    if not isinstance(table.raw(key), dict):
        return table.moments(key, zone), False
    inner = table.table(key)
    first, until = _from_until(inner, zone)
    every = duration(inner, "every")
    drawn = may_draw and inner.flag("drawn", default=False)
    inner.close()
    found = sliding(first, until, every, zone)
    if len(found) > MOST:
        raise inner.error("every", f"makes {len(found)} cutoffs", f"at most {MOST} of them")
    return found, drawn


def _spans(table: Table, zone: ZoneInfo) -> Cutoffs:
    if zone != GREENWICH:
        raise table.error("zone", f"is {zone}", "UTC, for pairs have a cutoff each")
    spans = {}
    for name in ("train", "test", "score"):
        inner = table.table(name)
        spans[name] = Span(*_from_until(inner, zone))
        inner.close()
    return Cutoffs((spans["train"].first,), (spans["test"].first,), spans["score"].first, spans=spans)


def _from_until(table: Table, zone: ZoneInfo) -> tuple[datetime, datetime]:
    first, until = table.moment("from", zone), table.moment("until", zone)
    if until <= first:
        raise table.error("until", f"is {until:%Y-%m-%d}", f"a date after {first:%Y-%m-%d}, from which on it is meant")
    return first, until


def _check_order(table: Table, found: Cutoffs, asked: Goal) -> None:
    if len(set(found.train)) < len(found.train):
        raise table.error("train", "names a date twice", "dates that differ")
    for earlier, later in pairwise(found.test):
        if later <= earlier:
            told = "names a date twice" if later == earlier else f"has {later:%Y-%m-%d} after {earlier:%Y-%m-%d}"
            raise table.error("test", told, "dates that differ, in the order of time")
    last = found.spans["train"].until if found.spans else max(found.train)
    known = last if asked.within is None else asked.within.after(last, found.clock)
    if known > found.test[0]:
        begins = "is" if len(found.test) == 1 else "begins on"
        wanted = f"{known:%Y-%m-%d} or later: the label of the last training cutoff, {last:%Y-%m-%d}, "
        raise table.error("test", f"{begins} {found.test[0]:%Y-%m-%d}", wanted + "must be known when the test begins")
    if found.score < (end := found.test[-1]):
        cutoff = "the test cutoff" if len(found.test) == 1 else "the last test cutoff"
        raise table.error("score", f"is {found.score:%Y-%m-%d}", f"{cutoff}, {end:%Y-%m-%d}, or later")

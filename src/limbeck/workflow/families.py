"""Families of features: what `[features]` may declare (docs/definition.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from limbeck.errors import DefinitionError, nearest
from limbeck.workflow.question import Entity, duration
from limbeck.workflow.times import Duration
from limbeck.workflow.toml_text import Table

NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
RESERVED = frozenset({"entity_id", "object_id", "cutoff", "label"})
EVER = "ever"

FLAGGED = ("count", "days_since_last", "days_since_first", "days_active", "gap_mean", "gap_last")
"""Kinds whose value is `true`: they need no expression."""
OF_VALUES = ("count_distinct", "sum", "avg", "min", "max", "share", "last")
"""Kinds whose value is an SQL expression over an event."""
OF_CLOCK = ("weekday_share", "hour_share")
AGGREGATES = (*FLAGGED, *OF_VALUES, *OF_CLOCK, "trend")
"""Kinds that are computed from a person's events."""
KINDS = (*AGGREGATES, "expression", "attribute", "object")

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
"""In the order in which SQL's `dayofweek` counts them, from 1."""
_HOURS = re.compile(r"(\d{1,2})-(\d{1,2})")


@dataclass(frozen=True, slots=True)
class Feature:
    """A number, text or flag of a person at a cutoff."""

    name: str
    kind: str
    """One of `KINDS`."""
    of: str = ""
    """SQL expression over the columns that is aggregated; over features for `expression`; a profile's column
    for `attribute`, the pairing event's for `object`."""
    condition: str = ""
    window: Duration | None = None
    """Time before the cutoff that counts; None is all of it."""
    paired: bool = False
    """Only events about the object of the pair count."""


def features(table: Table, entity: Entity | None) -> Iterator[Feature]:
    """Read `[features]`."""
    names = table.keys()
    if not names:
        raise DefinitionError(f"{table.where()} is empty; a model needs at least one feature")
    for name in names:
        inner = table.table(name)
        if not NAME.fullmatch(name) or name in RESERVED:
            raise table.error(name, "is no feature name", "lower-case letters, digits and underscores")
        kinds = [kind for kind in KINDS if kind in inner]
        if len(kinds) != 1:
            near = next((hint for key in inner.keys() if (hint := nearest(key, list(KINDS)))), "")  # noqa: SIM118
            told = f"has {' and '.join(kinds)}" if kinds else "says not what it is"
            raise table.error(name, told, f"exactly one of {', '.join(KINDS)}", near)
        yield from _feature(name, kinds[0], inner, entity)


def _feature(name: str, kind: str, table: Table, entity: Entity | None) -> Iterator[Feature]:
    if kind not in AGGREGATES:
        if kind == "object" and entity is None:
            raise table.error(kind, f"is {table.raw(kind)!r}", "another kind: only pairs have an object")
        yield Feature(name, kind, table.text(kind))
        table.close()
        return
    of, condition = _of(kind, table), table.text("where", "true")
    paired = entity is not None and table.flag("paired", default=False)
    windows = list(_windows(kind, table))
    table.close(("where", "windows", *(("paired",) if entity else ())))
    for window in windows:
        yield Feature(name + (f"_{window.ending}" if window else ""), kind, of, condition, window, paired)


def _of(kind: str, table: Table) -> str:
    raw = table.raw(kind)
    if kind == "weekday_share":
        return _weekdays(table, table.texts(kind))
    if kind == "hour_share":
        return _hours(table, table.text(kind))
    if (kind in FLAGGED or kind == "trend") and raw is True:
        return ""
    if kind in FLAGGED:
        raise table.error(kind, f"is {raw!r}", "true")
    if not isinstance(raw, str):
        wanted = "true, or an SQL expression" if kind == "trend" else "an SQL expression"
        raise table.error(kind, f"is {raw!r}", f"{wanted} over the columns, as a text")
    return table.text(kind)


def _windows(kind: str, table: Table) -> Iterator[Duration | None]:
    default = (EVER,) if kind != "trend" else ()
    texts = table.texts("windows", default)
    for text in texts:
        if text == EVER and kind != "trend":
            yield None
        else:
            ever = "" if kind == "trend" else ", or 'ever'"
            yield duration(table, "windows", text, f"a time such as '28 days', '12 hours'{ever}")
    if not texts:
        raise table.error(
            "windows", "is absent", "a list of times such as ['28 days']: the recent one, and one as long before it"
        )


def _weekdays(table: Table, days: Sequence[str]) -> str:
    for day in days:
        if day not in WEEKDAYS:
            raise table.error(
                "weekday_share", f"names {day!r}", f"one or more of {', '.join(WEEKDAYS)}", nearest(day, list(WEEKDAYS))
            )
    if not days:
        raise table.error("weekday_share", "is an empty list", f"one or more of {', '.join(WEEKDAYS)}")
    return f"dayofweek({{local}}) IN ({', '.join(str(WEEKDAYS.index(day) + 1) for day in days)})"


def _hours(table: Table, text: str) -> str:
    found = _HOURS.fullmatch(text)
    first, last = (int(found[1]), int(found[2])) if found else (0, 0)
    if first == last or first > 23 or last > 24:
        raise table.error("hour_share", f"is {text!r}", "hours such as '18-24' or '22-6'")
    both = "AND" if first < last else "OR"
    return f"(hour({{local}}) >= {first} {both} hour({{local}}) < {last})"

"""Everybody, as SQL: one row a person with the leaves that are asked for, and one row an event.

A fragment is the latest record of one dataset about one identity. A person's value at a path is that of the newest
fragment which has one; at equal times the dataset with the higher id wins (profile contract, sections 3.1 and 3.2,
policy `pdg` + `timestampOrdered`). Columns are called by their dotted paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from limbeck.engine import Table
from limbeck.engine.sql import literal, quoted, type_of
from limbeck.identity import rows
from limbeck.identity.service import MEMBERS as MEMBERS_SCHEMA
from limbeck.profile.source import OWN, TIME, Source
from limbeck.xdm.arrow import arrow_type
from limbeck.xdm.types import Object

MOST_IDENTITIES = 50
MOST_EVENTS = 5000
"""A person with more is left out of evaluations (profile contract, section 5.3)."""

MEMBERS = "limbeck_members"
"""The relation of linked identities."""

COUNTED = "limbeck_counted"
"""Inside a statement, who has events, by identity, and how many."""


@dataclass(frozen=True, slots=True)
class People:
    """The relations that everybody's questions are asked of."""

    sources: tuple[Source, ...]
    profile: Object
    """The union schema of profiles."""
    event: Object
    """The union schema of events."""
    members: Path
    """Parquet of the linked identities."""

    def tables(self) -> list[Table]:
        """Return the relations for the engine."""
        return [Table(MEMBERS, MEMBERS_SCHEMA, (str(self.members),)), *(source.table for source in self.sources)]

    def persons(self, paths: Iterable[str]) -> str:
        """Return the SELECT of one row a person: `person`, `namespace` and `value` of one identity, and *paths*."""
        wanted = sorted(paths)
        found = [_fragments(s, self.profile, wanted) for s in self.sources if s.is_record]
        if counted := [_counted(s) for s in self.sources if not s.is_record]:
            found.append(_seen(self.profile, wanted))
        if not found:
            return _nobody(self.profile, wanted)
        leaves = "".join(f", arg_max({quoted(p)}, (time, dataset, namespace, value)) AS {quoted(p)}" for p in wanted)
        least = f"min({rows.pair('namespace', 'value')})"
        with_events = f"WITH {COUNTED} AS MATERIALIZED ({' UNION ALL '.join(counted)}) " if counted else ""
        left_out = _left_out(busy=bool(counted))
        return (
            f"{with_events}SELECT person, {least}.namespace AS namespace, {least}.value AS value{leaves} "
            f"FROM ({' UNION ALL '.join(found)}) WHERE person NOT IN ({left_out}) GROUP BY person"
        )

    def events(self, paths: Iterable[str]) -> str:
        """Return the SELECT of one row an event: `person`, `_id`, `timestamp`, *paths*; an `_id` is there once."""
        wanted = sorted({*paths, "_id", "timestamp"})
        found = [_events(s, self.event, wanted) for s in self.sources if not s.is_record]
        if not found:
            nulls = ", ".join(f"{_null(self.event, p)} AS {quoted(p)}" for p in wanted)
            return f"SELECT NULL::VARCHAR AS person, {nulls} WHERE false"
        return " UNION ALL ".join(found)


PERSON = f"coalesce(m.cluster, {rows.key('own')})"
JOIN_MEMBERS = f"LEFT JOIN {MEMBERS} AS m ON m.namespace = own.namespace AND m.value = own.value"


def _left_out(*, busy: bool) -> str:
    """Return the SELECT of the persons with too many identities or, if anybody has events, too many of those."""
    crowds = f"SELECT cluster FROM {MEMBERS} GROUP BY cluster HAVING count(*) > {MOST_IDENTITIES}"
    if not busy:
        return crowds
    return f"{crowds} UNION ALL SELECT person FROM {COUNTED} GROUP BY person HAVING sum(events) > {MOST_EVENTS}"


def _fragments(source: Source, union: Object, paths: Sequence[str]) -> str:
    """Return the SELECT of the last record of each identity, with its person and time."""
    values = "".join(f", {_value(source, union, p)} AS {quoted(p)}" for p in paths)
    names = "".join(f", {quoted(p)}" for p in paths)
    kept = f"SELECT {OWN} AS own, {TIME} AS time{values} FROM ({source.records()})"
    return (
        f"SELECT {PERSON} AS person, own.namespace AS namespace, own.value AS value, time, "
        f"{literal(source.dataset.id)} AS dataset{names} FROM ({kept}) AS kept {JOIN_MEMBERS}"
    )


def _counted(source: Source) -> str:
    """Return the SELECT of each identity with events, its person, and how many they are."""
    kept = f"SELECT {OWN} AS own, count(*) AS events FROM ({source.events()}) GROUP BY 1"
    return (
        f"SELECT {PERSON} AS person, own.namespace AS namespace, own.value AS value, events "
        f"FROM ({kept}) AS kept {JOIN_MEMBERS}"
    )


def _seen(union: Object, paths: Sequence[str]) -> str:
    """Return the SELECT of everybody with an event, without values."""
    nulls = "".join(f", {_null(union, p)} AS {quoted(p)}" for p in paths)
    return f"SELECT person, namespace, value, 0 AS time, '' AS dataset{nulls} FROM {COUNTED}"


def _events(source: Source, union: Object, paths: Sequence[str]) -> str:
    values = ", ".join(f"{_value(source, union, p)} AS {quoted(p)}" for p in paths)
    names = ", ".join(map(quoted, paths))
    kept = f"SELECT {OWN} AS own, {values} FROM ({source.events()})"
    return f"SELECT {PERSON} AS person, {names} FROM ({kept}) AS kept {JOIN_MEMBERS}"


def _value(source: Source, union: Object, path: str) -> str:
    known = source.dataset.schema.type.find(path)
    return ".".join(map(quoted, path.split("."))) if known is not None else _null(union, path)


def _null(union: Object, path: str) -> str:
    found = union.find(path)
    return "NULL" if found is None else f"NULL::{type_of(arrow_type(found.type))}"


def _nobody(union: Object, paths: Sequence[str]) -> str:
    nulls = "".join(f", {_null(union, p)} AS {quoted(p)}" for p in paths)
    return f"SELECT NULL::VARCHAR AS person, NULL::VARCHAR AS namespace, NULL::VARCHAR AS value{nulls} WHERE false"

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
from limbeck.lake import Dataset, Lake
from limbeck.lake.model import DataFile
from limbeck.xdm.arrow import arrow_type
from limbeck.xdm.types import Object

MOST_IDENTITIES = 50
MOST_EVENTS = 5000
"""A person with more is left out of evaluations (profile contract, section 5.3)."""

MEMBERS = "limbeck_members"
"""The relation of linked identities."""


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset of Profile as it stood at one snapshot."""

    dataset: Dataset
    files: tuple[DataFile, ...]
    table: Table

    @property
    def is_record(self) -> bool:
        """Whether its rows are records, not events."""
        return self.dataset.schema.behaviour == "record"

    @classmethod
    def of(cls, lake: Lake, dataset: Dataset) -> Source:
        """Return *dataset* with the files of its snapshot."""
        files = tuple(lake.files(dataset))
        table = lake.table(dataset, f"limbeck_{dataset.id}")
        return cls(dataset, files, Table(table.name, table.schema, table.files, table.exact, origin=True))


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
        fragments = [_fragments(s, self.profile, wanted) for s in self.sources if s.is_record]
        seen = [_seen(s, self.profile, wanted) for s in self.sources if not s.is_record]
        if not fragments and not seen:
            return _nobody(self.profile, wanted)
        leaves = "".join(f", arg_max({quoted(p)}, (time, dataset, namespace, value)) AS {quoted(p)}" for p in wanted)
        least = f"min({rows.pair('namespace', 'value')})"
        return (
            f"SELECT person, {least}.namespace AS namespace, {least}.value AS value{leaves} "
            f"FROM ({' UNION ALL '.join([*fragments, *seen])}) WHERE person NOT IN ({self._left_out()}) GROUP BY person"
        )

    def events(self, paths: Iterable[str]) -> str:
        """Return the SELECT of one row an event: `person`, `_id`, `timestamp`, *paths*; an `_id` is there once."""
        wanted = sorted({*paths, "_id", "timestamp"})
        found = [_events(s, self.event, wanted) for s in self.sources if not s.is_record]
        if not found:
            nulls = ", ".join(f"{_null(self.event, p)} AS {quoted(p)}" for p in wanted)
            return f"SELECT NULL::VARCHAR AS person, {nulls} WHERE false"
        return " UNION ALL ".join(found)

    def _left_out(self) -> str:
        crowds = f"SELECT cluster FROM {MEMBERS} GROUP BY cluster HAVING count(*) > {MOST_IDENTITIES}"
        counted = [_counted(s) for s in self.sources if not s.is_record]
        if not counted:
            return crowds
        together = f"({' UNION ALL '.join(counted)}) AS kept {JOIN_MEMBERS}"
        busy = f"SELECT {PERSON} AS person FROM {together} GROUP BY 1 HAVING sum(events) > {MOST_EVENTS}"
        return f"{crowds} UNION ALL {busy}"


def _fragments(source: Source, union: Object, paths: Sequence[str]) -> str:
    """Return the SELECT of the latest record of each identity, with its person and time."""
    own = rows.primary(source.dataset.schema)
    values = "".join(f", {_value(source, union, p)} AS {quoted(p)}" for p in paths)
    latest = "row_number() OVER (PARTITION BY own ORDER BY published DESC, file DESC, limbeck_row DESC)"
    found = (
        f"SELECT {own} AS own, published, file, limbeck_row{values} FROM {quoted(source.table.name)} "
        f"JOIN ({_published(source.files, source.table)}) USING (limbeck_file)"
    )
    names = "".join(f", {quoted(p)}" for p in paths)
    kept = f"SELECT * FROM ({found}) WHERE own IS NOT NULL QUALIFY {latest} = 1"
    return (
        f"SELECT {PERSON} AS person, own.namespace AS namespace, own.value AS value, published AS time, "
        f"{literal(source.dataset.id)} AS dataset{names} FROM ({kept}) AS kept {JOIN_MEMBERS}"
    )


def _seen(source: Source, union: Object, paths: Sequence[str]) -> str:
    """Return the SELECT of everybody with an event, without values."""
    nulls = "".join(f", {_null(union, p)} AS {quoted(p)}" for p in paths)
    return (
        f"SELECT {PERSON} AS person, own.namespace AS namespace, own.value AS value, 0 AS time, '' AS dataset{nulls} "
        f"FROM ({_counted(source)}) AS kept {JOIN_MEMBERS}"
    )


def _counted(source: Source) -> str:
    """Return the SELECT of each identity with an event, and of how many."""
    own = rows.primary(source.dataset.schema)
    return f"SELECT {own} AS own, count(*) AS events FROM {quoted(source.table.name)} GROUP BY 1 HAVING own IS NOT NULL"


def _events(source: Source, union: Object, paths: Sequence[str]) -> str:
    own = rows.primary(source.dataset.schema)
    values = ", ".join(f"{_value(source, union, p)} AS {quoted(p)}" for p in paths)
    latest = 'row_number() OVER (PARTITION BY "_id" ORDER BY published DESC, file DESC, limbeck_row DESC)'
    found = (
        f"SELECT {own} AS own, {values} FROM {quoted(source.table.name)} "
        f"JOIN ({_published(source.files, source.table)}) USING (limbeck_file) QUALIFY {latest} = 1"
    )
    names = ", ".join(map(quoted, paths))
    return f"SELECT {PERSON} AS person, {names} FROM ({found}) AS kept {JOIN_MEMBERS} WHERE own IS NOT NULL"


PERSON = "coalesce(m.cluster, own.namespace || ':' || own.value)"
JOIN_MEMBERS = f"LEFT JOIN {MEMBERS} AS m ON m.namespace = own.namespace AND m.value = own.value"


def _published(files: Sequence[DataFile], table: Table) -> str:
    """Return a relation that tells of each file when it was published, and its place among those of that time."""
    if not files:
        return "SELECT NULL::VARCHAR AS limbeck_file, NULL::BIGINT AS published, NULL::BIGINT AS file WHERE false"
    by_age = sorted(zip(files, table.files, strict=True), key=lambda pair: (pair[0].snapshot, pair[0].path))
    found = ", ".join(f"({literal(path)}, {file.published}, {n})" for n, (file, path) in enumerate(by_age))
    return f"SELECT * FROM (VALUES {found}) AS v(limbeck_file, published, file)"


def _value(source: Source, union: Object, path: str) -> str:
    known = source.dataset.schema.type.find(path)
    return ".".join(map(quoted, path.split("."))) if known is not None else _null(union, path)


def _null(union: Object, path: str) -> str:
    found = union.find(path)
    return "NULL" if found is None else f"NULL::{type_of(arrow_type(found.type))}"


def _nobody(union: Object, paths: Sequence[str]) -> str:
    nulls = "".join(f", {_null(union, p)} AS {quoted(p)}" for p in paths)
    return f"SELECT NULL::VARCHAR AS person, NULL::VARCHAR AS namespace, NULL::VARCHAR AS value{nulls} WHERE false"

"""A dataset of Profile, and its rows that count: the last record of an identity, the last row of an event.

Last is what was published last; of one publication, what stands last in its files in their order (profile contract,
sections 1.1 and 3.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from limbeck.engine import Table
from limbeck.engine.sql import literal, quoted
from limbeck.identity import Identity, rows
from limbeck.lake import Dataset, Lake
from limbeck.lake.model import DataFile

OWN, TIME = "limbeck_own", "limbeck_time"
"""Columns that stand beside a row's own: its primary identity, and the millisecond of its publication."""

_LAST = f"ORDER BY {TIME} DESC, limbeck_place DESC, limbeck_row DESC"


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
        """Return *dataset* with the files that came since it is in Profile."""
        files = lake.files_since(dataset, dataset.profile_since)
        table = lake.table_of(dataset, files, f"limbeck_{dataset.id}")
        return cls(dataset, tuple(files), replace(table, origin=True))

    def records(self, of: Sequence[Identity] | None = None) -> str:
        """Return the SELECT of the last record of each identity, or of each of some."""
        found = f"SELECT * FROM ({self._rows(of)}) WHERE {_known(of)}"
        return f"{found} QUALIFY row_number() OVER (PARTITION BY {OWN} {_LAST}) = 1"

    def events(self, of: Sequence[Identity] | None = None, named: Sequence[str] | None = None) -> str:
        """Return the SELECT of the last row of each event of everybody, or of some identities.

        *named* are all the events that may be theirs, from `named`: the engine skips what holds none of them.
        """
        rows_ = self._rows()
        if named is not None:
            rows_ += f' WHERE "_id" IN ({", ".join(map(literal, named))})'
        last = f'SELECT * FROM ({rows_}) QUALIFY row_number() OVER (PARTITION BY "_id" {_LAST}) = 1'
        return f"SELECT * FROM ({last}) WHERE {_known(of)}"

    def named(self, of: Sequence[Identity]) -> str:
        """Return the SELECT of the `_id` of each event of which a row, the last or not, is of one of *of*."""
        return f'SELECT DISTINCT "_id" FROM ({self._rows(of)}) WHERE {_known(of)}'

    def _rows(self, of: Sequence[Identity] | None = None) -> str:
        """Return the SELECT of all rows, at least of those of some identities, with whose they are and their age."""
        schema, name = self.dataset.schema, quoted(self.table.name)
        some = name if of is None else f"(SELECT * FROM {name} WHERE {rows.maybe(schema, of)})"
        columns = f"found.*, {rows.primary(schema)} AS {OWN}, {TIME}, limbeck_place"
        return f"SELECT {columns} FROM {some} AS found JOIN ({self._ages()}) USING (limbeck_file)"

    def _ages(self) -> str:
        """Return the SELECT of each file's time of publication, and of its place among those of that time."""
        if not self.files:
            return f"SELECT NULL::VARCHAR AS limbeck_file, NULL::BIGINT AS {TIME}, NULL AS limbeck_place WHERE false"
        pairs = zip(self.files, self.table.files, strict=True)
        by_age = sorted(pairs, key=lambda pair: (pair[0].snapshot, pair[0].path))
        found = ", ".join(f"({literal(path)}, {file.published}, {n})" for n, (file, path) in enumerate(by_age))
        return f"SELECT * FROM (VALUES {found}) AS v(limbeck_file, {TIME}, limbeck_place)"


def _known(identities: Sequence[Identity] | None) -> str:
    """Return the condition that a row is of somebody, or of one of *identities*."""
    if identities is None:
        return f"{OWN} IS NOT NULL"
    pairs = ", ".join(f"({literal(i.namespace)}, {literal(i.value)})" for i in identities)
    return f"({OWN}.namespace, {OWN}.value) IN ({pairs})"

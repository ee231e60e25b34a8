"""What came to a dataset after a snapshot that may have expired since: files, and the rows of merged files.

As long as a snapshot is kept, so are the files that tell what came after it. Later only the file that compaction made
of them may be left; its shares tell which of its rows are whose, and the feed when those came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from limbeck.lake.model import DataFile, Dataset
from limbeck.lake.scan import between, file_of
from limbeck.store import Store
from limbeck.store.tables import data_files, feed


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a file: those from each first to each last one, counted from 1."""

    file: DataFile
    spans: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Added:
    """What came to a dataset: whole files, and parts of others."""

    files: Sequence[DataFile]
    parts: Sequence[Part]

    @property
    def rows(self) -> int:
        """How many rows that is."""
        return sum(f.rows for f in self.files) + sum(b - a + 1 for p in self.parts for a, b in p.spans)


def added(store: Store, dataset: Dataset, since: int, until: int) -> Added:
    """Return the rows that came to *dataset* after snapshot *since* and are there at *until*.

    *until* has to be kept, *since* may have expired. Rows that were taken out by *until* are left out.
    """
    with store.read() as connection:
        files = between(connection, dataset, since, until)
        spanning = _spanning(connection, dataset, since, until)
        came = _came(connection, dataset) if spanning else {}
    parts = [Part(f, _spans(f, came, since)) for f in spanning]
    return Added(files, [part for part in parts if part.spans])


def _spanning(connection: Connection, dataset: Dataset, since: int, until: int) -> list[DataFile]:
    """Return the merged files with rows from before and after *since*, unless what they were made of is kept."""
    made_of = data_files.alias("made_of")
    is_kept = select(made_of.c.path).where(made_of.c.replaced_by == data_files.c.made_by).exists()
    query = select(data_files).where(
        data_files.c.dataset_id == dataset.id,
        data_files.c.first_snapshot <= since,
        data_files.c.last_snapshot > since,
        data_files.c.last_snapshot <= until,
        or_(data_files.c.removed_snapshot.is_(None), data_files.c.removed_snapshot > until),
        ~is_kept,
    )
    return [file_of(row) for row in connection.execute(query.order_by(data_files.c.path))]


def _came(connection: Connection, dataset: Dataset) -> Mapping[str, int]:
    """Return the snapshot that each batch came with."""
    mine = (feed.c.dataset_id == dataset.id, feed.c.batch_id.is_not(None))
    return {row.batch_id: row.snapshot for row in connection.execute(select(feed).where(*mine))}


def _spans(file: DataFile, came: Mapping[str, int], since: int) -> list[tuple[int, int]]:
    end, spans = 0, []
    for share in file.shares:
        begin, end = end + 1, end + share.rows
        if share.rows and came[share.batch_id or ""] > since:
            spans.append((begin, end))
    return spans

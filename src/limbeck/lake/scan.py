"""Which files make up a dataset, or what a range of snapshots added to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, func, or_, select

from limbeck import clock
from limbeck.errors import SnapshotExpired
from limbeck.lake.model import DataFile, Dataset, Measure, Share, Snapshot
from limbeck.store import Store
from limbeck.store.tables import data_files, snapshots


def files(
    store: Store, dataset: Dataset, since: int | None = None, until: int | None = None, from_earliest: bool = False
) -> list[DataFile]:
    """Return the files with the rows added after snapshot *since* (None: from the beginning) up to *until*.

    *from_earliest*: where *since* is no longer kept, reading starts with what the earliest snapshot that is kept added.

    Compaction is invisible: a compacted file is used where all it holds is wanted, the files it was made
    of elsewhere. Raise `SnapshotExpired` if an id names no snapshot that is still kept.
    """
    until = dataset.snapshot if until is None else until
    with store.read() as connection:
        if from_earliest and since is not None:
            earliest = select(func.min(snapshots.c.id)).where(snapshots.c.dataset_id == dataset.id)
            first = int(connection.execute(earliest).scalar_one())
            if since < first <= until:
                return between(connection, dataset, first - 1, until)
        for wanted in {since, until} - {None}:
            known = select(snapshots.c.id).where(snapshots.c.dataset_id == dataset.id, snapshots.c.id == wanted)
            if connection.execute(known).first() is None:
                raise SnapshotExpired(
                    f"table {dataset.table} has no snapshot {wanted}, or it is no longer kept; "
                    f"history_meta('{dataset.table}') lists those that are"
                )
        return between(connection, dataset, since or 0, until)


def files_since(store: Store, dataset: Dataset, snapshot: int) -> list[DataFile]:
    """Return the current files with the rows added after *snapshot*, whether that one is kept or not.

    For datasets in Profile, which are not compacted: of others a compacted file may span *snapshot*.
    """
    with store.read() as connection:
        return between(connection, dataset, snapshot, dataset.snapshot)


def between(connection: Connection, dataset: Dataset, since: int, until: int) -> list[DataFile]:
    """Return the files with the rows that came after *since* and are there at *until*; neither need be kept."""
    inside = and_(
        data_files.c.dataset_id == dataset.id,
        data_files.c.first_snapshot > since,
        data_files.c.last_snapshot <= until,
        or_(data_files.c.removed_snapshot.is_(None), data_files.c.removed_snapshot > until),
    )
    order = (data_files.c.first_snapshot, data_files.c.path)
    rows = connection.execute(select(data_files).where(inside).order_by(*order)).all()
    return [file_of(row) for row in _uncovered(rows)]


def files_where(store: Store, *conditions: ColumnElement[bool]) -> list[DataFile]:
    """Return the data files whose rows satisfy all *conditions*."""
    with store.read() as connection:
        rows = connection.execute(select(data_files).where(*conditions).order_by(data_files.c.path)).all()
    return [file_of(row) for row in rows]


_MEASURE = select(func.sum(data_files.c.rows), func.sum(data_files.c.bytes)).where(
    data_files.c.dataset_id == bindparam("dataset"),
    data_files.c.removed_snapshot.is_(None),
    data_files.c.replaced_by.is_(None),
)


def measure(store: Store, dataset: Dataset) -> Measure:
    """Return how many rows and bytes the files of the current snapshot have."""
    with store.read() as connection:
        found = connection.execute(_MEASURE, {"dataset": dataset.id}).one()
    return Measure(int(found[0] or 0), int(found[1] or 0))


def bytes_added(store: Store, dataset: Dataset) -> dict[int, int]:
    """Return the bytes of files by the snapshot that added them."""
    columns = data_files.c
    added = and_(columns.dataset_id == dataset.id, columns.made_by.is_(None))
    query = select(columns.last_snapshot, func.sum(columns.bytes)).where(added).group_by(columns.last_snapshot)
    with store.read() as connection:
        return {snapshot: int(size) for snapshot, size in connection.execute(query)}


def history(store: Store, dataset: Dataset) -> list[Snapshot]:
    """Return the snapshots that are kept, oldest first."""
    query = select(snapshots).where(snapshots.c.dataset_id == dataset.id).order_by(snapshots.c.id)
    with store.read() as connection:
        return [
            Snapshot(r.dataset_id, r.id, r.batch_id, r.operation, r.rows_added, clock.from_millis(r.created))
            for r in connection.execute(query)
        ]


def _uncovered(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Leave out the files whose rows stand in a compacted file of the same selection."""
    compactions = {row.made_by for row in rows} - {None}
    return [row for row in rows if row.replaced_by not in compactions]


def file_of(row: Row[Any]) -> DataFile:
    """Return the data file of a row of the store."""
    merged = tuple(Share(batch_id, rows) for batch_id, rows in json.loads(row.shares or "[]"))
    return DataFile(
        row.path, row.rows, row.bytes, row.fingerprint, row.batch_id, row.last_snapshot, row.created, merged
    )

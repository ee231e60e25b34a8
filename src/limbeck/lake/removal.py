"""What leaves a dataset with its batches: files that hold nothing else, and the rows of merged files.

A file that leaves is not deleted: snapshots before the one that removes it go on reading it, until they expire. A file
that compaction merged of several batches is replaced, in snapshots from then on, by one without the rows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from limbeck import clock
from limbeck.errors import CommitConflict
from limbeck.lake import batches
from limbeck.lake.model import DataFile, Share
from limbeck.lake.scan import file_of
from limbeck.store.tables import data_files


@dataclass(frozen=True, slots=True)
class Instead:
    """A file that was placed to stand where *path* stood, without the rows that leave."""

    path: str
    file: DataFile


@dataclass(frozen=True, slots=True)
class Removal:
    """Batches whose rows leave their dataset."""

    dataset_id: str
    batch_ids: tuple[str, ...]
    gone: frozenset[str]
    """The paths of the files with rows of them."""
    instead: tuple[Instead, ...]
    successor: str | None = None
    """The batch that replaces them, if one does."""


def holding(connection: Connection, dataset_id: str, batch_ids: Collection[str]) -> list[DataFile]:
    """Return the files of a dataset, read by the current snapshot or not, that hold rows of the batches."""
    mine = or_(data_files.c.batch_id.in_(batch_ids), data_files.c.shares.is_not(None))
    query = select(data_files).where(
        data_files.c.dataset_id == dataset_id, data_files.c.removed_snapshot.is_(None), mine
    )
    found = [file_of(row) for row in connection.execute(query.order_by(data_files.c.path))]
    return [f for f in found if any(share.batch_id in batch_ids for share in f.shares)]


def staying(file: DataFile, batch_ids: Collection[str]) -> tuple[Share, ...]:
    """Return what is left of a file's rows without those of the batches."""
    return tuple(share for share in file.shares if share.batch_id not in batch_ids)


def joined(shares: Sequence[Share]) -> tuple[Share, ...]:
    """Return the same with neighbours of one batch together."""
    found: list[Share] = []
    for share in shares:
        if found and found[-1].batch_id == share.batch_id:
            share = Share(share.batch_id, found.pop().rows + share.rows)
        found.append(share)
    return tuple(found)


def written(shares: Sequence[Share]) -> str:
    """Return shares as the store keeps them."""
    return json.dumps([[share.batch_id, share.rows] for share in joined(shares)])


def take_out(connection: Connection, removal: Removal, snapshot: int) -> None:
    """Have the rows of the batches leave with *snapshot*, which is being made, inside the caller's transaction.

    Raise `CommitConflict` if files were merged or batches taken out since the removal was prepared.
    """
    for batch_id in removal.batch_ids:
        _retire(connection, batch_id, removal.successor)
    found = {f.path for f in holding(connection, removal.dataset_id, removal.batch_ids)}
    if found != removal.gone:
        raise CommitConflict(f"files of dataset {removal.dataset_id} were merged meanwhile; repeat the request")
    gone = data_files.c.path.in_(removal.gone)
    rows = {row.path: row for row in connection.execute(select(data_files).where(gone))}
    connection.execute(update(data_files).where(gone).values(removed_snapshot=snapshot))
    for instead in removal.instead:
        _put(connection, instead, rows[instead.path], removal, snapshot)


def _retire(connection: Connection, batch_id: str, successor: str | None) -> None:
    found = batches.status_of(connection, batch_id)
    if found.status != "success":
        raise CommitConflict(f"batch {batch_id} is in status {found.status} by now; repeat the request")
    tags = {**found.tags, **({} if successor is None else {"acp_successor": [successor]})}
    body = json.dumps({**found.body, "tags": tags})
    batches.change(connection, batch_id, status="inactive", body=body)


def _put(connection: Connection, instead: Instead, row: Row[Any], removal: Removal, snapshot: int) -> None:
    """Name the file that stands where another stood, in the same compaction; snapshots before do not read it."""
    old = file_of(row)
    values = {
        "path": instead.file.path,
        "dataset_id": removal.dataset_id,
        "rows": instead.file.rows,
        "bytes": instead.file.bytes,
        "fingerprint": instead.file.fingerprint,
        "first_snapshot": row.first_snapshot,
        "last_snapshot": snapshot,
        "made_by": row.made_by,
        "replaced_by": row.replaced_by,
        "created": clock.millis(clock.now()),
        "shares": written(staying(old, removal.batch_ids)),
    }
    connection.execute(insert(data_files).values(values))

"""Publication: files become visible as the next snapshot, all or none.

Files are placed under final, unique names first. Nothing refers to them until one transaction of the store
adds their rows, the snapshot, its place in the feed and the caller's own changes. What a crash leaves behind
is files that no row names; `maintain.sweep` removes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, insert, select, update

from limbeck import clock, crash, ids
from limbeck.engine.sql import quoted, type_of
from limbeck.errors import CommitConflict, NotFound
from limbeck.files import Folder
from limbeck.lake.model import DataFile
from limbeck.lake.removal import Removal, take_out
from limbeck.store import Store
from limbeck.store.tables import data_files, datasets, feed, snapshots


@dataclass(frozen=True, slots=True)
class Publication:
    """What one dataset gains: *files* (already placed) of one batch or statement; and what it loses."""

    dataset_id: str
    files: tuple[DataFile, ...]
    batch_id: str | None
    """None for what only takes rows out."""
    operation: str = "append"
    expects: int | None = None
    """The snapshot this write was based on; None if it adds to whatever is there."""
    removal: Removal | None = None
    """What it loses by the same snapshot."""


def place(folder: Folder, dataset_id: str, sources: Sequence[Path]) -> tuple[DataFile, ...]:
    """Move finished Parquet files into the lake under unique names; they stay invisible."""
    placed = []
    for source in sources:
        footer = pq.read_metadata(source)
        described = DataFile(
            path=f"{dataset_id}/{ids.ulid()}.parquet",
            rows=footer.num_rows,
            bytes=source.stat().st_size,
            fingerprint=fingerprint(source),
        )
        folder.adopt(source, described.path)
        crash.point("lake.file-placed")
        placed.append(described)
    return tuple(placed)


def fingerprint(path: Path) -> str:
    """Return a text that two Parquet files share exactly if their column names and types are the same."""
    return fingerprint_of(pq.read_schema(path))


def fingerprint_of(schema: pa.Schema) -> str:
    """Return the fingerprint of files that hold exactly *schema*."""
    text = ", ".join(f"{quoted(f.name)} {type_of(f.type)}" for f in schema)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def publish(
    store: Store, publications: Sequence[Publication], also: Callable[[Connection], None] | None = None
) -> None:
    """Publish all *publications* and the caller's own changes in one transaction.

    A batch that is published already is left as it is, so a repeated call changes nothing. Raise
    `CommitConflict` if a dataset is not at the snapshot a publication expects or the files of what it loses are
    others by now, `NotFound` if it is gone.
    """
    crash.point("lake.publish.before")
    with store.write() as connection:
        for publication in publications:
            add_snapshot(connection, publication)
        if also is not None:
            also(connection)
        crash.point("lake.publish.before-commit")
    crash.point("lake.publish.committed")


def add_snapshot(connection: Connection, publication: Publication) -> int:
    """Add one publication inside the caller's transaction; return the id of its snapshot."""
    known = _published(connection, publication)
    if known is not None:
        return known
    snapshot = _next_snapshot(connection, publication)
    moment = clock.millis(clock.now())
    common = {
        "dataset_id": publication.dataset_id,
        "batch_id": publication.batch_id,
        "operation": publication.operation,
        "created": moment,
    }
    rows = sum(f.rows for f in publication.files)
    connection.execute(insert(snapshots).values(id=snapshot, rows_added=rows, **common))
    sandbox_id = select(datasets.c.sandbox_id).where(datasets.c.id == publication.dataset_id).scalar_subquery()
    connection.execute(insert(feed).values(sandbox_id=sandbox_id, snapshot=snapshot, **common))
    if publication.files:
        rows_of_files = [
            {
                "path": f.path,
                "dataset_id": publication.dataset_id,
                "batch_id": publication.batch_id,
                "rows": f.rows,
                "bytes": f.bytes,
                "fingerprint": f.fingerprint,
                "first_snapshot": snapshot,
                "last_snapshot": snapshot,
                "created": moment,
            }
            for f in publication.files
        ]
        connection.execute(insert(data_files), rows_of_files)
    if publication.removal is not None:
        take_out(connection, publication.removal, snapshot)
    return snapshot


def _published(connection: Connection, publication: Publication) -> int | None:
    if publication.batch_id is None:
        return None
    same = snapshots.c.batch_id == publication.batch_id
    query = select(snapshots.c.id).where(snapshots.c.dataset_id == publication.dataset_id, same)
    found: int | None = connection.execute(query).scalar()
    return found


def _next_snapshot(connection: Connection, publication: Publication) -> int:
    moved = (
        update(datasets)
        .where(datasets.c.id == publication.dataset_id)
        .values(snapshot=datasets.c.snapshot + 1, updated=clock.millis(clock.now()))
        .returning(datasets.c.snapshot)
    )
    snapshot: int | None = connection.execute(moved).scalar()
    if snapshot is None:
        raise NotFound(f"dataset {publication.dataset_id} was dropped while data for it was being written")
    if publication.expects is not None and publication.expects != snapshot - 1:
        raise CommitConflict(
            f"dataset {publication.dataset_id} is at snapshot {snapshot - 1}, this write was based on "
            f"{publication.expects}; read it again and repeat the write"
        )
    return snapshot

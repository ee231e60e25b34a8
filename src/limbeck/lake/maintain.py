"""Keeping the lake small: compaction, expiry of old snapshots, and sweeping what crashes left behind."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Set
from dataclasses import replace
from pathlib import Path

from sqlalchemy import delete, func, insert, select, update

from limbeck import clock, crash, ids
from limbeck.engine import Engine
from limbeck.engine.sql import quoted
from limbeck.files import Folder
from limbeck.lake.model import Dataset
from limbeck.lake.publish import place
from limbeck.lake.service import Lake
from limbeck.settings import Settings
from limbeck.store import Store
from limbeck.store.tables import data_files, datasets, memberships, snapshots, staged_files

ORPHAN_AGE_S = 24 * 3600
"""Files younger than this may belong to a write that is still going on, and are left alone."""

SMALL_BYTES = 32 * 1024 * 1024
"""Files below this size are worth merging."""


def compact(store: Store, lake: Lake, engine: Engine, dataset: Dataset) -> int:
    """Merge the current small files of *dataset*; return how many were merged.

    Readers notice nothing: snapshots, their ids and what lies between two of them stay the same. Datasets in Profile
    are left as they are: the age of a record is that of its file.
    """
    if dataset.in_profile:
        return 0
    small = [f for f in lake.files(dataset) if f.bytes < SMALL_BYTES]
    if len(small) < 2:
        return 0
    paths = [f.path for f in small]
    table = lake.table(dataset)
    wanted = {str(lake.folder.path(path)) for path in paths}
    with engine.session([replace(table, files=tuple(sorted(wanted)))]) as session:
        merged = session.write_parquet(f"SELECT * FROM {quoted(table.name)}")
        placed = place(lake.folder, dataset.id, merged)
    crash.point("lake.compact.placed")
    compaction = ids.ulid()
    with store.write() as connection:
        mine = data_files.c.path.in_(paths) & data_files.c.replaced_by.is_(None)
        span = select(func.count(), func.min(data_files.c.first_snapshot), func.max(data_files.c.last_snapshot)).where(
            mine
        )
        count, first, last = connection.execute(span).one()
        if count != len(paths):
            return 0  # another process merged some of them meanwhile; what was placed here is an orphan
        connection.execute(update(data_files).where(mine).values(replaced_by=compaction))
        for f in placed:
            row = {"path": f.path, "rows": f.rows, "bytes": f.bytes, "fingerprint": f.fingerprint}
            span_of_file = {"first_snapshot": first, "last_snapshot": last, "made_by": compaction}
            moment = clock.millis(clock.now())
            connection.execute(insert(data_files).values(dataset_id=dataset.id, created=moment, **row, **span_of_file))
    return len(paths)


def expire(store: Store, settings: Settings) -> int:
    """Forget snapshots older than the retention, except each dataset's current one, and the files that only
    they needed; return how many snapshots that was. The files become orphans, which `sweep` removes.
    """
    horizon = clock.millis(clock.now()) - int(settings.retention.total_seconds() * 1000)
    current = select(datasets.c.snapshot).where(datasets.c.id == snapshots.c.dataset_id).scalar_subquery()
    oldest = select(func.min(snapshots.c.id)).where(snapshots.c.dataset_id == data_files.c.dataset_id).scalar_subquery()
    compacted = data_files.alias("compacted")
    last_of_compaction = (
        select(func.max(compacted.c.last_snapshot))
        .where(compacted.c.made_by == data_files.c.replaced_by)
        .scalar_subquery()
    )
    with store.write() as connection:
        old = delete(snapshots).where(snapshots.c.created < horizon, snapshots.c.id != current)
        count = connection.execute(old).rowcount
        replaced = data_files.c.replaced_by.is_not(None) & (last_of_compaction <= oldest)
        removed = data_files.c.removed_snapshot <= oldest
        connection.execute(delete(data_files).where(replaced | removed))
    return count


def sweep(store: Store, settings: Settings, older_than_s: float = ORPHAN_AGE_S) -> int:
    """Delete files that no row names and that are older than *older_than_s*; return how many."""
    with store.read() as connection:
        kept = set(connection.execute(select(data_files.c.path)).scalars())
        logs = {f"{id}/_delta_log" for id in connection.execute(select(datasets.c.id)).scalars()}
        members = set(connection.execute(select(memberships.c.path)).scalars())
        staged = set(connection.execute(select(staged_files.c.path)).scalars())
    before = time.time() - older_than_s
    orphans = [
        *_orphans(Folder(settings.lake), kept, before, logs),
        *_orphans(Folder(settings.staging), staged, before),
        *_orphans(Folder(settings.home / "audiences"), members, before),
    ]
    for path in orphans:
        path.unlink(missing_ok=True)
    for folder in settings.scratch.iterdir():
        if folder.stat().st_mtime < before:
            shutil.rmtree(folder, ignore_errors=True)
    return len(orphans)


def _orphans(folder: Folder, kept: set[str], before: float, kept_folders: Set[str] = frozenset()) -> Iterator[Path]:
    for name in folder.names():
        path = folder.path(name)
        within = name.rpartition("/")[0]
        if name not in kept and within not in kept_folders and path.stat().st_mtime < before:
            yield path

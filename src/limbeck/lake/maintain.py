"""Keeping the lake small: compaction, expiry of old snapshots, and sweeping what crashes left behind."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, not_, or_, select, update

from limbeck import clock, crash, ids
from limbeck.disk import Leftover, is_part, leftover
from limbeck.engine import Engine
from limbeck.engine.sql import quoted
from limbeck.files import Folder
from limbeck.lake.feed import position
from limbeck.lake.model import Dataset
from limbeck.lake.publish import place
from limbeck.lake.removal import written
from limbeck.lake.service import Lake
from limbeck.settings import Settings
from limbeck.store import Store
from limbeck.store.tables import batch_meta, data_files, datasets, feed, memberships, snapshots, staged_files

ORPHAN_AGE_S = 24 * 3600
"""Files younger than this may belong to a write that is still going on, and are left alone."""

DIAGNOSTICS_AGE = timedelta(days=30)
"""So long the rows that batches set aside are kept."""

SMALL_BYTES = 32 * 1024 * 1024
"""Files below this size are worth merging."""


def compact(store: Store, lake: Lake, engine: Engine, dataset: Dataset) -> int:
    """Merge the current small files of *dataset*; return how many were merged.

    Readers notice nothing: snapshots, their ids and what lies between two of them stay the same, and merged rows keep
    the order they came in, which windows break ties by, and know their batches. Datasets in Profile are left as they
    are: the age of a record is that of its file.
    """
    if dataset.in_profile:
        return 0
    small = [f for f in lake.files(dataset) if f.bytes < SMALL_BYTES]
    if len(small) < 2:
        return 0
    paths = [f.path for f in small]
    table = lake.table(dataset)
    files = tuple(str(lake.folder.path(path)) for path in paths)
    with engine.session([replace(table, files=files)], ordered=True) as session:
        (merged,) = place(lake.folder, dataset.id, session.write_parquet(f"SELECT * FROM {quoted(table.name)}"))
    crash.point("lake.compact.placed")
    compaction = ids.ulid()
    with store.write() as connection:
        mine = and_(
            data_files.c.path.in_(paths), data_files.c.replaced_by.is_(None), data_files.c.removed_snapshot.is_(None)
        )
        span = select(func.count(), func.min(data_files.c.first_snapshot), func.max(data_files.c.last_snapshot)).where(
            mine
        )
        count, first, last = connection.execute(span).one()
        if count != len(paths):
            return 0  # some were merged or taken out meanwhile; what was placed here is an orphan
        connection.execute(update(data_files).where(mine).values(replaced_by=compaction))
        row = {"path": merged.path, "rows": merged.rows, "bytes": merged.bytes, "fingerprint": merged.fingerprint}
        row |= {"first_snapshot": first, "last_snapshot": last, "made_by": compaction}
        row |= {"shares": written([share for f in small for share in f.shares])}
        connection.execute(insert(data_files).values(dataset_id=dataset.id, created=clock.millis(clock.now()), **row))
    return len(paths)


@dataclass(frozen=True, slots=True)
class Expired:
    """Snapshots that may be forgotten, and the paths of files that only they need."""

    snapshots: int
    files: frozenset[str]


def expirable(store: Store, age: timedelta, readers: Sequence[str] = ()) -> Expired:
    """Return what `expire` would forget now."""
    with store.read() as connection:
        old = _old(connection, age, readers)
        count = connection.execute(select(func.count()).select_from(snapshots).where(old)).scalar_one()
        files = connection.execute(select(data_files.c.path).where(_only_for(old))).scalars()
        return Expired(count, frozenset(files))


def expire(store: Store, settings: Settings, age: timedelta | None = None, readers: Sequence[str] = ()) -> int:
    """Forget snapshots older than *age* (the retention), except each dataset's current one, and the files that only
    they needed; return how many snapshots that was. The files become orphans, which `sweep` removes.

    What listeners of the feed by the names *readers* have yet to read is kept.
    """
    with store.write() as connection:
        old = _old(connection, settings.retention if age is None else age, readers)
        connection.execute(delete(data_files).where(_only_for(old)))
        return connection.execute(delete(snapshots).where(old)).rowcount


def _old(connection: Connection, age: timedelta, readers: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition of snapshots that may be forgotten."""
    horizon = clock.millis(clock.now()) - int(age.total_seconds() * 1000)
    current = select(datasets.c.snapshot).where(datasets.c.id == snapshots.c.dataset_id).correlate(snapshots)
    old = and_(snapshots.c.created < horizon, snapshots.c.id != current.scalar_subquery())
    if not readers:
        return old
    read = min(position(connection, name) for name in readers)
    unread = select(func.min(feed.c.snapshot)).where(
        feed.c.dataset_id == snapshots.c.dataset_id, feed.c.position > read
    )
    needed = unread.correlate(snapshots).scalar_subquery() - 1  # a listener reads from the snapshot before
    return and_(old, snapshots.c.id < func.coalesce(needed, snapshots.c.id + 1))


def _only_for(old: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition of files that only *old* snapshots need."""
    mine = snapshots.c.dataset_id == data_files.c.dataset_id
    oldest = select(func.min(snapshots.c.id)).where(mine, not_(old)).correlate(data_files).scalar_subquery()
    compacted = data_files.alias("compacted")
    last_of_compaction = (
        select(func.max(compacted.c.last_snapshot))
        .where(compacted.c.made_by == data_files.c.replaced_by)
        .correlate(data_files)
        .scalar_subquery()
    )
    replaced = data_files.c.replaced_by.is_not(None) & (last_of_compaction <= oldest)
    return or_(replaced, data_files.c.removed_snapshot <= oldest)


def sweep(store: Store, settings: Settings, older_than_s: float = ORPHAN_AGE_S) -> int:
    """Delete files that no row names and that are older than *older_than_s*; return how many."""
    _forget_diagnostics(store)
    count = 0
    for orphan in orphans(store, settings, older_than_s):
        orphan.path.unlink(missing_ok=True)
        count += 1
    for spill in spills(settings, older_than_s):
        shutil.rmtree(spill.path, ignore_errors=True)
    return count


def _forget_diagnostics(store: Store) -> None:
    """Forget what was kept of batches to be looked at for longer than it is."""
    horizon = clock.millis(clock.now() - DIAGNOSTICS_AGE)
    with store.read() as connection:
        old = connection.execute(select(batch_meta.c.path).where(batch_meta.c.created < horizon).limit(1)).first()
    if old is not None:
        with store.write() as connection:
            connection.execute(delete(batch_meta).where(batch_meta.c.created < horizon))


def orphans(
    store: Store, settings: Settings, older_than_s: float = ORPHAN_AGE_S, forgotten: Set[str] = frozenset()
) -> Iterator[Leftover]:
    """Yield the files that no row names, or only the rows of *forgotten*, and that are older than *older_than_s*."""
    with store.read() as connection:
        kept = set(connection.execute(select(data_files.c.path)).scalars()) - forgotten
        logs = {f"{id}/_delta_log" for id in connection.execute(select(datasets.c.id)).scalars()}
        members = set(connection.execute(select(memberships.c.path)).scalars())
        staged = set(connection.execute(select(staged_files.c.path)).scalars())
        meta = set(connection.execute(select(batch_meta.c.path)).scalars())
    before = time.time() - older_than_s
    yield from _orphans(Folder(settings.lake), kept, "no table needs it", before, logs)
    yield from _orphans(Folder(settings.staging), staged, "uploaded for a batch that is done or was given up", before)
    yield from _orphans(Folder(settings.diagnostics), meta, "rows that were set aside, or never were", before)
    yield from _orphans(Folder(settings.home / "audiences"), members, "members of an earlier evaluation", before)


def spills(settings: Settings, older_than_s: float = ORPHAN_AGE_S) -> Iterator[Leftover]:
    """Yield the folders of scratch in which nobody has worked for *older_than_s*."""
    before = time.time() - older_than_s
    for path in settings.scratch.iterdir():
        if path.is_dir():
            spill = leftover(path, "a statement or job that is over", None if is_part(path.name) else before)
            if spill is not None:
                yield spill


def _orphans(
    folder: Folder, kept: Set[str], why: str, before: float, kept_folders: Set[str] = frozenset()
) -> Iterator[Leftover]:
    for name in folder.names():
        if name not in kept and name.rpartition("/")[0] not in kept_folders:
            orphan = leftover(folder.path(name), why, before)
            if orphan is not None:
                yield orphan

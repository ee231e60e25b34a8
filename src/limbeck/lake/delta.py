"""The open log: each dataset's Delta log, by which Spark, Polars, DuckDB and others read the lake without us.

It lies in `{lake}/{dataset_id}/_delta_log`, names the very files that the store names, and lags behind the
store but never leads it. Each published snapshot that adds rows or takes some out is one Delta commit, which
carries the batch id (`limbeck.batch`) and, as a Delta application transaction, the snapshot's number: by it the log
itself says how far it has come, so nothing is added twice and a log that was lost is written anew.

A schema that gained fields is widened in the log before the next batch. Compaction is not mirrored: the log goes
on naming the small files, so these must not be deleted before their replacement is committed here.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, or_, select

from limbeck import clock, crash
from limbeck.errors import NotFound
from limbeck.lake import feed
from limbeck.lake.model import Dataset
from limbeck.lake.service import Lake
from limbeck.lock import file_lock
from limbeck.store import Store
from limbeck.store.tables import data_files
from limbeck.xdm.arrow import arrow_schema

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable, Schema

Rows = list[Row[Any]]
"""Of `data_files`."""

CURSOR = "delta"
"""The name under which the logs' place in the feed is kept."""

APPLICATION = "limbeck"
"""The application id of our Delta transactions; their versions are snapshot numbers."""

RETRIES = 500
"""With delta-rs's default of 15, concurrent commits of other writers make some fail."""


class DeltaLogs:
    """Publishes what the feed lists to the datasets' Delta logs."""

    def __init__(self, store: Store, lake: Lake) -> None:
        self._store = store
        self._lake = lake
        self._lock = lake.folder.root.parent / "delta.lock"

    def follow(self) -> None:
        """Bring the logs to the feed's head as it is now; datasets that were dropped are passed over.

        Several processes may call this at once: one works, the others wait and find it done.
        """
        if feed.head(self._store) == feed.cursor(self._store, CURSOR):
            return
        with file_lock(self._lock):
            while page := feed.changes(self._store, feed.cursor(self._store, CURSOR)):
                for dataset_id in dict.fromkeys(change.dataset_id for change in page):
                    self._catch_up(dataset_id)
                with self._store.write() as connection:
                    feed.move(connection, CURSOR, page[-1].position)

    def _catch_up(self, dataset_id: str) -> None:
        try:
            dataset = self._lake.datasets.by_id(dataset_id)
        except NotFound:
            return
        table = self._open(dataset)
        known = table.transaction_version(APPLICATION) or 0
        for snapshot, (added, removed) in sorted(self._published(dataset, known).items()):
            table.update_incremental()
            _commit(table, snapshot, added, removed)
            crash.point("lake.delta.committed")

    def _open(self, dataset: Dataset) -> DeltaTable:
        """Return the dataset's Delta table, made or widened to the dataset's schema where that is due."""
        from deltalake import DeltaTable, Schema

        path = str(self._lake.folder.path(dataset.id))
        schema = Schema.from_arrow(arrow_schema(dataset.schema.type))
        if not DeltaTable.is_deltatable(path):
            return DeltaTable.create(
                path, schema, name=dataset.table, description=dataset.name, commit_properties=_properties()
            )
        table = DeltaTable(path)
        if _columns(table.schema()) != _columns(schema):
            table.alter.add_columns(schema.fields, commit_properties=_properties())
        return table

    def _published(self, dataset: Dataset, after: int) -> dict[int, tuple[Rows, Rows]]:
        """Return the files, as they were written, that each snapshot after *after* added and took out."""
        columns = data_files.c
        changed = or_(columns.first_snapshot > after, columns.removed_snapshot > after)
        written = select(data_files).where(columns.dataset_id == dataset.id, columns.made_by.is_(None), changed)
        with self._store.read() as connection:
            rows = connection.execute(written.order_by(columns.path)).all()
        found: dict[int, tuple[Rows, Rows]] = defaultdict(lambda: ([], []))
        for row in rows:
            if row.first_snapshot > after:
                found[row.first_snapshot][0].append(row)
            if row.removed_snapshot is not None:
                found[row.removed_snapshot][1].append(row)
        return found


def _commit(table: DeltaTable, snapshot: int, added: Rows, removed: Rows) -> None:
    from deltalake.transaction import AddAction, RemoveAction

    adds: list[AddAction | RemoveAction] = [
        AddAction(
            path=_name(file),
            size=file.bytes,
            partition_values={},
            modification_time=file.created,
            data_change=True,
            stats=json.dumps({"numRecords": file.rows}),
        )
        for file in added
    ]
    moment = clock.millis(clock.now())
    removes = [RemoveAction(path=_name(file), deletion_timestamp=moment, data_change=True) for file in removed]
    properties = _properties(snapshot, added[0].batch_id if added else None)
    table.create_write_transaction([*adds, *removes], "append", table.schema(), [], commit_properties=properties)


def _name(file: Row[Any]) -> str:
    return str(file.path.partition("/")[2])


def _properties(snapshot: int | None = None, batch_id: str | None = None) -> CommitProperties:
    from deltalake import CommitProperties, Transaction

    return CommitProperties(
        max_commit_retries=RETRIES,
        custom_metadata={"limbeck.batch": batch_id} if batch_id else None,
        app_transactions=[Transaction(APPLICATION, snapshot)] if snapshot else None,
    )


def _columns(schema: Schema) -> Any:
    """Return the schema as a value in which the order of fields does not count: added ones come last."""
    return _sorted(json.loads(schema.to_json()))


def _sorted(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _sorted(value) for key, value in node.items()}
    return sorted(map(_sorted, node), key=lambda f: str(f["name"])) if isinstance(node, list) else node

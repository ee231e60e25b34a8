"""The lake: datasets whose rows are immutable Parquet files, published as snapshots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from limbeck import crash, ids
from limbeck.engine import Table
from limbeck.errors import DuplicateTable, LimbeckError, NameTaken
from limbeck.files import Folder
from limbeck.lake import batches, scan
from limbeck.lake.added import Added, added
from limbeck.lake.batches import Batch, Batches
from limbeck.lake.datasets import Datasets
from limbeck.lake.model import DataFile, Dataset, Measure, Snapshot, Tags
from limbeck.lake.observed import observed
from limbeck.lake.publish import Publication, add_snapshot, fingerprint_of, place, publish
from limbeck.registry import Registry
from limbeck.scope import Sandbox
from limbeck.store import Store, audit
from limbeck.store.tables import data_files
from limbeck.xdm.arrow import arrow_schema
from limbeck.xdm.types import Object

Also = Callable[[Connection], None]
"""Changes of the caller's own that shall become visible together with a publication."""


class Lake:
    """Datasets of one home: what SQL reads and ingestion fills."""

    def __init__(self, store: Store, registry: Registry, root: Path) -> None:
        self.folder = Folder(root)
        self.datasets = Datasets(store, registry)
        self.batches = Batches(store)
        self._store = store

    def create_dataset(
        self,
        sandbox: Sandbox,
        name: str,
        schema_id: str,
        *,
        tags: Tags | None = None,
        table: str | None = None,
        created_by: str = "",
        body: Mapping[str, Any] | None = None,
    ) -> Dataset:
        """Register an empty dataset; raise `NameTaken` if *table* is given and exists."""
        with self._store.write() as connection:
            made = self.datasets.create(
                connection, sandbox, name, schema_id, tags=tags, table=table, created_by=created_by, body=body
            )
        return self.datasets.get(sandbox, made)

    def create_table(
        self,
        sandbox: Sandbox,
        table: str,
        schema: str | Callable[[Connection], str],
        sources: Sequence[Path] | None,
        created_by: str = "",
        *,
        tags: Tags | None = None,
        operation: str = "create table as",
        first: Also | None = None,
        also: Callable[[Connection, str], None] | None = None,
    ) -> Dataset:
        """Make a dataset called *table* from finished Parquet files: it appears with its rows, or not at all.

        *schema* is the `$id` of its schema, or stores one and returns that. *sources* None: it begins without a
        snapshot. *first* is called before anything is written, and may raise, *also* at the end with the dataset's
        id, both in the same transaction. Raise `DuplicateTable` if the sandbox has a table of that name.
        """
        dataset_id = ids.object_id()
        placed = place(self.folder, dataset_id, sources or ())
        try:
            with self._store.write() as connection:
                if first is not None:
                    first(connection)
                self.datasets.create(
                    connection,
                    sandbox,
                    table,
                    schema if isinstance(schema, str) else schema(connection),
                    tags=tags,
                    dataset_id=dataset_id,
                    table=table,
                    created_by=created_by,
                )
                if sources is not None:
                    _publish_statement(connection, dataset_id, placed, operation, created_by)
                if also is not None:
                    also(connection, dataset_id)
                crash.point("lake.create-table.before-commit")
        except NameTaken as taken:
            self._discard(placed)
            raise DuplicateTable(f'relation "{table}" exists already') from taken
        except LimbeckError:
            self._discard(placed)
            raise
        return self.datasets.get(sandbox, dataset_id)

    def append(
        self, dataset: Dataset, sources: Sequence[Path], operation: str = "insert", created_by: str = ""
    ) -> None:
        """Add the rows of finished Parquet files to *dataset*, as a batch of their own."""
        placed = place(self.folder, dataset.id, sources)
        with self._store.write() as connection:
            _publish_statement(connection, dataset.id, placed, operation, created_by)
            audit.record(connection, "insert", "dataset", dataset.id, dataset.sandbox_id, name=dataset.name)

    def promote(self, dataset: Dataset, sources: Sequence[Path], batch_id: str, *, also: Also | None = None) -> None:
        """Publish the finished Parquet files of a batch as the next snapshot of *dataset*, all or none.

        However often this is called, a batch is published once; *also* is called in the same transaction.
        """
        placed = place(self.folder, dataset.id, sources)
        publish(self._store, [Publication(dataset.id, placed, batch_id)], also)

    def files(
        self, dataset: Dataset, since: int | None = None, until: int | None = None, *, from_earliest: bool = False
    ) -> list[DataFile]:
        """Return the files that make up *dataset*, or what snapshots after *since* up to *until* added.

        *from_earliest*: where *since* is no longer kept, the earliest snapshot that is takes its place, with what
        that one added. Raise `SnapshotExpired` for an id that names no snapshot that is kept.
        """
        return scan.files(self._store, dataset, since, until, from_earliest)

    def files_since(self, dataset: Dataset, snapshot: int) -> list[DataFile]:
        """Return the current files of *dataset* that came after *snapshot*, whether that one is kept or not."""
        return scan.files_since(self._store, dataset, snapshot)

    def added(self, dataset: Dataset, since: int, until: int) -> Added:
        """Return the rows that came to *dataset* after snapshot *since*, kept or not, and are there at *until*.

        Raise `SnapshotExpired` if *until* is not kept.
        """
        scan.files(self._store, dataset, None, until)
        return added(self._store, dataset, since, until)

    def files_of_batch(self, batch: Batch) -> list[DataFile]:
        """Return the files that *batch* added, as long as they are kept."""
        return scan.files_where(self._store, data_files.c.batch_id == batch.id, data_files.c.removed_snapshot.is_(None))

    def files_removed(self, dataset: Dataset, snapshot: int) -> list[DataFile]:
        """Return the files, as they were written, whose rows left *dataset* with *snapshot*, as long as they are kept.

        Only of what came since the dataset is in Profile.
        """
        mine = (data_files.c.dataset_id == dataset.id, data_files.c.removed_snapshot == snapshot)
        since = (data_files.c.first_snapshot > dataset.profile_since, data_files.c.made_by.is_(None))
        return scan.files_where(self._store, *mine, *since)

    def file(self, path: str) -> DataFile | None:
        """Return a data file that was not taken out by its path, or None."""
        mine = (data_files.c.path == path, data_files.c.removed_snapshot.is_(None))
        return next(iter(scan.files_where(self._store, *mine)), None)

    def table(
        self, dataset: Dataset, name: str | None = None, since: int | None = None, until: int | None = None
    ) -> Table:
        """Return *dataset* as a relation for the engine, called *name* or like its table."""
        return self.table_of(dataset, self.files(dataset, since, until), name)

    def table_of(self, dataset: Dataset, files: Sequence[DataFile], name: str | None = None) -> Table:
        """Return some *files* of *dataset* as a relation for the engine, called *name* or like its table."""
        schema = arrow_schema(dataset.schema.type)
        return Table(
            name=name or dataset.table,
            schema=schema,
            files=tuple(str(self.folder.path(f.path)) for f in files),
            exact={f.fingerprint for f in files} == {fingerprint_of(schema)},
        )

    def observed(self, dataset: Dataset) -> Object:
        """Return the part of a dataset's fields that has held values in its current rows."""
        return observed(dataset.schema.type, [self.folder.path(f.path) for f in self.files(dataset)])

    def measure(self, dataset: Dataset) -> Measure:
        """Return how many rows and bytes *dataset* has now."""
        return scan.measure(self._store, dataset)

    def history(self, dataset: Dataset) -> list[Snapshot]:
        """Return the snapshots of *dataset* that are kept, oldest first."""
        return scan.history(self._store, dataset)

    def bytes_added(self, dataset: Dataset) -> dict[int, int]:
        """Return how many bytes of files each snapshot of *dataset* added, as far as these are kept."""
        return scan.bytes_added(self._store, dataset)

    def _discard(self, placed: Sequence[DataFile]) -> None:
        for file in placed:
            self.folder.delete(file.path)


def _publish_statement(
    connection: Connection, dataset_id: str, placed: Sequence[DataFile], operation: str, created_by: str
) -> None:
    """Publish what an SQL statement wrote: it has no batch yet, so it gets one that is done."""
    rows = sum(f.rows for f in placed)
    metrics = {"outputRecordCount": rows, "outputFileCount": len(placed)}
    batch_id = batches.create(connection, dataset_id, status="success", metrics=metrics, created_by=created_by)
    add_snapshot(connection, Publication(dataset_id, tuple(placed), batch_id, operation))

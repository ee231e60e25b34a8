"""Batches that are taken back, or make way for one that replaces them (REST contract, sections 5.2 and 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from limbeck import crash
from limbeck.engine import Engine
from limbeck.engine.sql import quoted, quoted_list
from limbeck.errors import CommitConflict, WrongState
from limbeck.lake.batches import Batch
from limbeck.lake.model import DataFile, Dataset
from limbeck.lake.publish import Publication, place, publish
from limbeck.lake.removal import Instead, Removal, holding, staying
from limbeck.lake.service import Also, Lake
from limbeck.store import Store, audit

ATTEMPTS = 5
"""How often files may be merged while a removal is prepared."""


class Reverting:
    """Takes the rows of batches out of their datasets. Snapshots from before keep them until they expire."""

    def __init__(self, store: Store, lake: Lake, engine: Engine) -> None:
        self._store = store
        self._lake = lake
        self._engine = engine

    def revert(self, batch_id: str) -> None:
        """Have a batch's rows leave in a new snapshot; it becomes `inactive`. Repeating it is harmless.

        Raise `WrongState` for a batch that is not in status `success`.
        """

        def attempt() -> None:
            batch = self._lake.batches.by_id(batch_id)
            if batch.status != "inactive":
                removal, where = self._prepared([batch]), self._lake.datasets.by_id(batch.dataset_id).sandbox_id
                publish(
                    self._store,
                    [Publication(batch.dataset_id, (), None, "revert", removal=removal)],
                    lambda connection: audit.record(connection, "revert", "batch", batch_id, where),
                )

        _retried(attempt)

    def replace(self, dataset: Dataset, sources: Sequence[Path], batch: Batch, also: Also | None = None) -> None:
        """Publish the finished Parquet files of a batch in one transaction with the removal of its predecessors.

        *also* is called in the same one. Raise `WrongState` if a predecessor is not in status `success` any more.
        """
        placed = place(self._lake.folder, dataset.id, sources)

        def attempt() -> None:
            before = [self._lake.batches.by_id(batch_id) for batch_id in batch.predecessors]
            removal = self._prepared(before, successor=batch.id)
            publish(self._store, [Publication(dataset.id, placed, batch.id, "replace", removal=removal)], also)

        _retried(attempt)

    def _prepared(self, leaving: Sequence[Batch], successor: str | None = None) -> Removal:
        for batch in leaving:
            require_success(batch)
        ids = tuple(batch.id for batch in leaving)
        dataset = self._lake.datasets.by_id(leaving[0].dataset_id)
        with self._store.read() as connection:
            files = holding(connection, dataset.id, ids)
        instead = [Instead(f.path, self._without(dataset, f, ids)) for f in files if staying(f, ids)]
        crash.point("lake.revert.prepared")
        return Removal(dataset.id, ids, frozenset(f.path for f in files), tuple(instead), successor)

    def _without(self, dataset: Dataset, file: DataFile, batch_ids: Sequence[str]) -> DataFile:
        """Place a file with the rows of *file* that are not of the batches, in their order."""
        table = self._lake.table_of(dataset, [file])
        end, spans = 0, []
        for share in file.shares:
            begin, end = end, end + share.rows
            spans += [] if share.batch_id in batch_ids else [f"limbeck_number BETWEEN {begin + 1} AND {end}"]
        numbered = f"SELECT *, row_number() OVER () AS limbeck_number FROM {quoted(table.name)}"
        kept = f"SELECT {quoted_list(table.schema.names)} FROM ({numbered}) WHERE {' OR '.join(spans)}"
        with self._engine.session([table], ordered=True) as session:
            (placed,) = place(self._lake.folder, dataset.id, session.write_parquet(kept))
        return placed


def require_success(batch: Batch) -> None:
    """Raise `WrongState` for a batch that has no rows to take out."""
    if batch.status == "success":
        return
    why = {"inactive": "it was taken back, or replaced by another", "loading": "ABORT gives it up"}.get(batch.status)
    raise WrongState(
        f"batch {batch.id} is in status {batch.status}{f' ({why})' if why else ''}; only the rows of one in status "
        "success can be taken out of its dataset"
    )


def _retried(attempt: Callable[[], None]) -> None:
    for _ in range(ATTEMPTS - 1):
        try:
            attempt()
        except CommitConflict:
            continue
        return
    attempt()

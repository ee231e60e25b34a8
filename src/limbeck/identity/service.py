"""Identity: follows the feed, and tells who belongs together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import select

from limbeck.engine import Engine, Table
from limbeck.engine.sql import quoted
from limbeck.errors import NotFound
from limbeck.identity import graph, rows
from limbeck.identity.namespaces import Identity, spelled
from limbeck.lake import Dataset, Lake
from limbeck.lake import feed as lake_feed
from limbeck.lake.model import Change, DataFile
from limbeck.registry.namespaces import NEVER_LINKING, Namespaces
from limbeck.scope import Sandbox
from limbeck.store import Store
from limbeck.store.tables import members

CURSOR = "identity"
"""The name of its place in the feed."""

MEMBERS = pa.schema([("namespace", pa.string()), ("value", pa.string()), ("cluster", pa.string())])
LINKS = pa.schema([(name, pa.string()) for name in "abcd"])
"""Links as a relation: namespace and value of the one, then of the other."""

AMONG = "limbeck_among"
PAGE = 50_000


class Identities:
    """Who belongs together, by sandbox. Identities without a link are not stored: they are alone."""

    def __init__(self, store: Store, lake: Lake, engine: Engine) -> None:
        self._store = store
        self._namespaces = Namespaces(store)
        self._lake = lake
        self._engine = engine

    def follow(self) -> None:
        """Take in the links of every batch of Profile that was published since the last time.

        Links that only batches said which were taken out since are forgotten.
        """
        while found := lake_feed.changes(self._store, lake_feed.cursor(self._store, CURSOR)):
            for change in found:
                self._take(change)

    def cluster(self, sandbox: Sandbox, identity: Identity) -> list[Identity]:
        """Return all identities of the person whom *identity* belongs to, itself among them."""
        with self._store.read() as connection:
            return graph.cluster(connection, sandbox.id, Identity(spelled(identity.namespace), identity.value))

    def write_members(self, sandbox: Sandbox, path: Path) -> None:
        """Write the linked identities of a sandbox as Parquet: `namespace`, `value`, `cluster`."""
        with pq.ParquetWriter(path, MEMBERS) as writer:
            for batch in self._members(sandbox):
                writer.write_batch(batch)

    def _members(self, sandbox: Sandbox) -> Iterator[pa.RecordBatch]:
        query = select(members.c.namespace, members.c.value, members.c.cluster).where(
            members.c.sandbox_id == sandbox.id
        )
        with self._store.read() as connection:
            result = connection.execution_options(yield_per=PAGE).execute(query)
            for page in result.mappings().partitions(PAGE):
                yield pa.RecordBatch.from_pylist([dict(row) for row in page], schema=MEMBERS)

    def _take(self, change: Change) -> None:
        links, gone = self._links(change)
        with self._store.write() as connection:
            if lake_feed.position(connection, CURSOR) >= change.position:
                return  # another process was quicker
            graph.disconnect(connection, change.sandbox_id, gone)
            graph.connect(connection, change.sandbox_id, links, change.published)
            lake_feed.move(connection, CURSOR, change.position)

    def _links(self, change: Change) -> tuple[list[graph.Link], list[graph.Link]]:
        """Return the links that a change adds, and those that nothing says any more after it."""
        try:
            dataset = self._lake.datasets.by_id(change.dataset_id)
        except NotFound:
            return [], []  # dropped since
        if not dataset.in_profile or change.snapshot <= dataset.profile_since:
            return [], []
        added = [f for f in self._lake.files_since(dataset, change.snapshot - 1) if f.snapshot == change.snapshot]
        return self._links_of(dataset, added, self._apart(dataset)), self._unsaid(dataset, change.snapshot)

    def _apart(self, dataset: Dataset) -> list[str]:
        """Return the codes of namespaces whose identities never link anybody."""
        found = self._namespaces.all(self._lake.datasets.sandbox_of(dataset.id))
        return [spelled(namespace.code) for namespace in found if namespace.type in NEVER_LINKING]

    def _unsaid(self, dataset: Dataset, snapshot: int) -> list[graph.Link]:
        """Return the links that rows which left with a snapshot said, and that no row of Profile says now."""
        removed = self._lake.files_removed(dataset, snapshot)
        gone = set(map(graph.ordered, self._links_of(dataset, removed))) if removed else set()
        for other in self._lake.datasets.all(self._lake.datasets.sandbox_of(dataset.id)) if gone else ():
            if other.in_profile:
                files = self._lake.files_since(other, other.profile_since)
                gone -= set(map(graph.ordered, self._links_of(other, files, self._apart(other), among=gone)))
        return sorted(gone)

    def _links_of(
        self,
        dataset: Dataset,
        files: Sequence[DataFile],
        apart: Sequence[str] = (),
        among: Collection[graph.Link] | None = None,
    ) -> list[graph.Link]:
        """Return the links that rows of *files* say, or those of them that are *among* some.

        Namespaces that stand *apart* link nobody.
        """
        if not files:
            return []
        table = self._lake.table_of(dataset, files)
        sql = (
            f"WITH found AS (SELECT {rows.primary(dataset.schema)} AS own, {rows.every(dataset.schema)} AS others "
            f"FROM {quoted(table.name)}), people AS (SELECT own, {rows.outside('others', apart)} AS others FROM found "
            f"WHERE own IS NOT NULL AND {rows.linking('others')}), "
            "pairs AS (SELECT own, unnest(others) AS other FROM people WHERE list_contains(others, own)) "
            "SELECT DISTINCT own.namespace AS a, own.value AS b, other.namespace AS c, other.value AS d "
            "FROM pairs WHERE own <> other"
        )
        tables = [table]
        if among is not None:
            tables.append(Table(AMONG, LINKS, rows=_table(among)))
            sql = f"SELECT * FROM ({sql}) SEMI JOIN {AMONG} USING (a, b, c, d)"
        with self._engine.session(tables) as session:
            return [(Identity(a, b), Identity(c, d)) for a, b, c, d in session.fetch(sql)]


def _table(links: Collection[graph.Link]) -> pa.Table:
    """Return links, each in both directions."""
    both = [link for a, b in links for link in ((a, b), (b, a))]
    rows_ = [{"a": one.namespace, "b": one.value, "c": other.namespace, "d": other.value} for one, other in both]
    return pa.Table.from_pylist(rows_, schema=LINKS)

"""Datasets: making, finding, tagging and dropping them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from limbeck import clock, ids
from limbeck.errors import InvalidInput, NameTaken, NotFound
from limbeck.lake.model import Dataset, Tags, in_profile, sample_of
from limbeck.registry import Registry
from limbeck.scope import Sandbox
from limbeck.store import Store, audit, etags
from limbeck.store.tables import datasets, organisations, sandboxes, snapshots
from limbeck.xdm.types import Schema

TABLE_NAME_LENGTH = 64


def table_name(name: str) -> str:
    """Return the table name that AEP derives from a dataset's name (SQL contract, section 5.2).

    >>> table_name("[A] [B1] My Set (by x)")
    'a_b1_my_set_by_x'
    """
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:TABLE_NAME_LENGTH].rstrip("_") or "dataset"


class Datasets:
    """The catalogue of one home's datasets."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self.also_taken: Callable[[Connection, Sandbox, str], bool] = lambda _connection, _sandbox, _name: False
        """Whether a name stands for something else that SQL reads like a table; a higher floor says so."""

    def create(
        self,
        connection: Connection,
        sandbox: Sandbox,
        name: str,
        schema_id: str,
        *,
        tags: Tags | None = None,
        dataset_id: str | None = None,
        table: str | None = None,
        created_by: str = "",
        body: Mapping[str, Any] | None = None,
    ) -> str:
        """Register an empty dataset inside the caller's transaction and return its id.

        With *table* the table is called exactly so, and `NameTaken` is raised if the sandbox has one of
        that name in any case; without, a free name is derived from *name*.
        """
        if not name.strip():
            raise InvalidInput("a dataset needs a name")
        if table is not None and self._taken(connection, sandbox, table):
            raise NameTaken(f'relation "{table}" exists already')
        dataset_id, moment = dataset_id or ids.object_id(), clock.millis(clock.now())
        connection.execute(
            insert(datasets).values(
                id=dataset_id,
                sandbox_id=sandbox.id,
                name=name,
                table_name=table or self._free_name(connection, sandbox, table_name(name)),
                schema_id=schema_id,
                tags=json.dumps(dict(tags or {})),
                snapshot=0,
                profile_since=0,
                body=json.dumps(dict(body or {})),
                etag=etags.new(),
                created_by=created_by,
                created=moment,
                updated=moment,
            )
        )
        connection.execute(
            insert(snapshots).values(dataset_id=dataset_id, id=0, operation="create", rows_added=0, created=moment)
        )
        audit.record(connection, "create", "dataset", dataset_id, sandbox.id, name=name)
        return dataset_id

    def get(self, sandbox: Sandbox, dataset_id: str) -> Dataset:
        """Return a dataset by its id; raise `NotFound` if the sandbox has none such."""
        found = self._select(sandbox, datasets.c.id == dataset_id)
        if not found:
            raise _absent(sandbox, dataset_id)
        return found[0]

    def by_id(self, dataset_id: str) -> Dataset:
        """Return a dataset by its id, whatever its sandbox; raise `NotFound` if it is gone."""
        return self.get(self.sandbox_of(dataset_id), dataset_id)

    def sandbox_of(self, dataset_id: str) -> Sandbox:
        """Return the sandbox that a dataset is in; raise `NotFound` if it is gone."""
        query = select(sandboxes, organisations.c.tenant).join(datasets).join(organisations)
        with self._store.read() as connection:
            row = connection.execute(query.where(datasets.c.id == dataset_id)).first()
        if row is None:
            raise NotFound(f"no dataset {dataset_id!r}")
        return Sandbox(row.id, row.name, row.org_id, row.tenant, row.type)

    def by_table(self, sandbox: Sandbox, table: str) -> Dataset | None:
        """Return the dataset that SQL calls *table*, whatever the case, or None."""
        found = self._select(sandbox, func.lower(datasets.c.table_name) == table.lower())
        return found[0] if found else None

    def all(self, sandbox: Sandbox, name: str | None = None) -> list[Dataset]:
        """Return the sandbox's datasets in the order they were made, or those called exactly *name*."""
        return self._select(sandbox, *([] if name is None else [datasets.c.name == name]))

    def samples(self, sandbox: Sandbox, dataset_id: str) -> list[Dataset]:
        """Return the samples of a dataset in the order they were drawn."""
        return [d for d in self.all(sandbox) if d.sample_of == dataset_id]

    def set_tags(self, sandbox: Sandbox, dataset_id: str, tags: Tags) -> Dataset:
        """Replace a dataset's tags, as `change` does."""
        return self.change(sandbox, dataset_id, tags=tags)

    def change(
        self,
        sandbox: Sandbox,
        dataset_id: str,
        *,
        name: str | None = None,
        tags: Tags | None = None,
        body: Mapping[str, Any] | None = None,
        etag: str | None = None,
    ) -> Dataset:
        """Replace a dataset's name, tags or body; its table keeps its name.

        Tags that put it into Profile hold for batches that come afterwards. Raise `NotFound`, `StaleEtag` if it is not
        the one with *etag*, and `InvalidInput` for an empty name, or if its schema would have to be in Profile first.
        """
        own = (datasets.c.id == dataset_id, datasets.c.sandbox_id == sandbox.id)
        if name is not None and not name.strip():
            raise InvalidInput("a dataset needs a name")
        if in_profile(tags or {}):
            self._require_union(sandbox, self.get(sandbox, dataset_id))
        with self._store.write() as connection:
            before = connection.execute(select(datasets.c.tags, datasets.c.etag).where(*own)).first()
            if before is None:
                raise _absent(sandbox, dataset_id)
            etags.require(f"dataset {dataset_id}", before.etag, etag)
            values: dict[str, Any] = {"updated": clock.millis(clock.now()), "etag": etags.new()}
            values |= {} if name is None else {"name": name}
            values |= {} if body is None else {"body": json.dumps(dict(body))}
            if tags is not None:
                values["tags"] = json.dumps(dict(tags))
                if in_profile(tags) and not in_profile(json.loads(before.tags)):
                    values["profile_since"] = datasets.c.snapshot
            connection.execute(update(datasets).where(*own).values(values))
            audit.record(connection, "update", "dataset", dataset_id, sandbox.id, name=name or "")
        return self.get(sandbox, dataset_id)

    def drop(
        self,
        sandbox: Sandbox,
        dataset_id: str,
        *,
        also: Callable[[Connection], None] | None = None,
        etag: str | None = None,
    ) -> None:
        """Forget a dataset with its snapshots, batches and samples; its files become orphans, to be swept.

        *also* is called in the same transaction. Raise `NotFound`, `StaleEtag` if it is not the one with *etag*.
        """
        with self._store.write() as connection:
            own = (datasets.c.id == dataset_id, datasets.c.sandbox_id == sandbox.id)
            current = connection.execute(select(datasets.c.etag).where(*own)).scalar()
            if current is not None:
                etags.require(f"dataset {dataset_id}", current, etag)
            gone = [dataset_id, *sample_ids(connection, sandbox, dataset_id)]
            mine = delete(datasets).where(datasets.c.id.in_(gone), datasets.c.sandbox_id == sandbox.id)
            if connection.execute(mine).rowcount == 0:
                raise _absent(sandbox, dataset_id)
            audit.record(connection, "delete", "dataset", dataset_id, sandbox.id)
            if also is not None:
                also(connection)

    def _require_union(self, sandbox: Sandbox, dataset: Dataset) -> None:
        """Raise `InvalidInput` unless a dataset is in Profile, or its schema is (REST contract, section 5.1)."""
        if not dataset.in_profile and not self._registry.is_in_profile(sandbox, dataset.schema.id):
            raise InvalidInput(
                f"dataset {dataset.id} cannot be enabled for Profile: its schema {dataset.schema.id} is not; add "
                '"union" to meta:immutableTags of the schema first'
            )

    def _select(self, sandbox: Sandbox, *conditions: Any) -> list[Dataset]:
        query = select(datasets).where(datasets.c.sandbox_id == sandbox.id, *conditions)
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(datasets.c.created, datasets.c.id)).all()
        schemas = self._registry.schemas(sandbox, [row.schema_id for row in rows]) if rows else {}
        return [self._dataset(row, schemas[row.schema_id]) for row in rows]

    def _dataset(self, row: Row[Any], schema: Schema) -> Dataset:
        return Dataset(
            id=row.id,
            sandbox_id=row.sandbox_id,
            name=row.name,
            table=row.table_name,
            schema=schema,
            snapshot=row.snapshot,
            tags=json.loads(row.tags),
            created_by=row.created_by,
            created=clock.from_millis(row.created),
            updated=clock.from_millis(row.updated),
            profile_since=row.profile_since,
            body=json.loads(row.body),
            etag=row.etag,
        )

    def _taken(self, connection: Connection, sandbox: Sandbox, table: str) -> bool:
        return self.exists(connection, sandbox, table) or self.also_taken(connection, sandbox, table)

    def exists(self, connection: Connection, sandbox: Sandbox, table: str) -> bool:
        """Whether there is a dataset that SQL calls *table*, whatever the case, as the caller's transaction sees it."""
        same = func.lower(datasets.c.table_name) == table.lower()
        query = select(datasets.c.id).where(datasets.c.sandbox_id == sandbox.id, same)
        return connection.execute(query).first() is not None

    def _free_name(self, connection: Connection, sandbox: Sandbox, wanted: str) -> str:
        name, count = wanted, 1
        while self._taken(connection, sandbox, name):
            count += 1
            suffix = f"_{count}"
            name = wanted[: TABLE_NAME_LENGTH - len(suffix)] + suffix
        return name


def _absent(sandbox: Sandbox, dataset_id: str) -> NotFound:
    return NotFound(f"no dataset {dataset_id!r} in sandbox {sandbox.name}")


def sample_ids(connection: Connection, sandbox: Sandbox, dataset_id: str) -> list[str]:
    """Return the ids of a dataset's samples as the caller's transaction sees them."""
    rows = connection.execute(select(datasets.c.id, datasets.c.tags).where(datasets.c.sandbox_id == sandbox.id))
    return [row.id for row in rows if sample_of(json.loads(row.tags)) == dataset_id]

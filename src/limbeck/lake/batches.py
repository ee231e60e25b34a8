"""Batches: what is published together, and how far it has come (REST contract, section 5.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from limbeck import clock, ids
from limbeck.errors import NotFound
from limbeck.scope import Sandbox
from limbeck.store import Store
from limbeck.store.tables import batches, datasets


@dataclass(frozen=True, slots=True)
class Batch:
    """Files that are published together; they become one snapshot of their dataset, or nothing."""

    id: str
    dataset_id: str
    status: str
    """`loading` → `loaded` → `staging` → `success` or `failed`; `aborted` and `abandoned` from `loading`, `inactive`
    from `success`."""
    input_format: Mapping[str, Any]
    metrics: Mapping[str, int]
    errors: Sequence[Mapping[str, Any]]
    created_by: str
    created: datetime
    updated: datetime
    completed: datetime | None
    body: Mapping[str, Any] = field(default_factory=dict)
    """What its sender says of it besides."""

    @property
    def tags(self) -> Mapping[str, Any]:
        """Its sender's tags, and the batch that replaced it: `acp_successor`."""
        return self.body.get("tags") or {}

    @property
    def predecessors(self) -> tuple[str, ...]:
        """The batches that it replaces when it is published."""
        return tuple((self.body.get("replay") or {}).get("predecessors", ()))


class Batches:
    """The batches of one home."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, sandbox: Sandbox, batch_id: str) -> Batch:
        """Return a batch; raise `NotFound` if the sandbox has none such."""
        found = self._select(sandbox, batches.c.id == batch_id)
        if not found:
            raise NotFound(f"no batch {batch_id!r} in sandbox {sandbox.name}")
        return found[0]

    def by_id(self, batch_id: str) -> Batch:
        """Return a batch, whatever its sandbox; raise `NotFound` if it is gone."""
        with self._store.read() as connection:
            return status_of(connection, batch_id)

    def find(
        self,
        sandbox: Sandbox,
        *,
        dataset_id: str | None = None,
        status: str | None = None,
        start: int = 0,
        limit: int = 100,
    ) -> list[Batch]:
        """Return batches, newest first, from the *start*-th on."""
        conditions = []
        if dataset_id is not None:
            conditions.append(batches.c.dataset_id == dataset_id)
        if status is not None:
            conditions.append(batches.c.status == status)
        return self._select(sandbox, *conditions, start=start, limit=limit)

    def newest(self, dataset_id: str) -> Batch | None:
        """Return the batch of a dataset that was opened last, or None."""
        with self._store.read() as connection:
            row = connection.execute(_NEWEST, {"dataset": dataset_id}).first()
        return None if row is None else batch_of(row)

    def mark(self, batch_id: str, **changes: Any) -> None:
        """Change columns of a batch in a transaction of its own."""
        with self._store.write() as connection:
            change(connection, batch_id, **changes)

    def _select(self, sandbox: Sandbox, *conditions: Any, start: int = 0, limit: int = 100) -> list[Batch]:
        query = (
            select(batches)
            .join(datasets, datasets.c.id == batches.c.dataset_id)
            .where(datasets.c.sandbox_id == sandbox.id, *conditions)
            .order_by(batches.c.id.desc())
            .offset(start)
            .limit(limit)
        )
        with self._store.read() as connection:
            return [batch_of(row) for row in connection.execute(query)]


_NEWEST = select(batches).where(batches.c.dataset_id == bindparam("dataset")).order_by(batches.c.id.desc()).limit(1)


def create(
    connection: Connection,
    dataset_id: str,
    *,
    status: str = "loading",
    input_format: Mapping[str, Any] | None = None,
    metrics: Mapping[str, int] | None = None,
    created_by: str = "",
    body: Mapping[str, Any] | None = None,
) -> str:
    """Add a batch inside the caller's transaction and return its id."""
    moment = clock.millis(clock.now())
    batch_id = ids.ulid()
    values = {
        "id": batch_id,
        "dataset_id": dataset_id,
        "status": status,
        "input_format": json.dumps(dict(input_format or {"format": "parquet"})),
        "metrics": json.dumps(dict(metrics or {})),
        "errors": "[]",
        "created_by": created_by,
        "created": moment,
        "updated": moment,
        "completed": moment if status == "success" else None,
        "body": json.dumps(dict(body or {})),
    }
    connection.execute(insert(batches).values(values))
    return batch_id


def change(connection: Connection, batch_id: str, **changes: Any) -> None:
    """Change columns of a batch inside the caller's transaction."""
    changes.setdefault("updated", clock.millis(clock.now()))
    connection.execute(update(batches).where(batches.c.id == batch_id).values(**changes))


def status_of(connection: Connection, batch_id: str) -> Batch:
    """Return a batch as the caller's transaction sees it; raise `NotFound` if it is gone."""
    row = connection.execute(select(batches).where(batches.c.id == batch_id)).first()
    if row is None:
        raise NotFound(f"no batch {batch_id!r}")
    return batch_of(row)


def batch_of(row: Row[Any]) -> Batch:
    """Return the batch of a row of the store."""
    return Batch(
        id=row.id,
        dataset_id=row.dataset_id,
        status=row.status,
        input_format=json.loads(row.input_format),
        metrics=json.loads(row.metrics),
        errors=json.loads(row.errors),
        created_by=row.created_by,
        created=clock.from_millis(row.created),
        updated=clock.from_millis(row.updated),
        completed=None if row.completed is None else clock.from_millis(row.completed),
        body=json.loads(row.body),
    )

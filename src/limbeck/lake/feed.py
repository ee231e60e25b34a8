"""The feed: every published snapshot in order. Who listens keeps a cursor; a replay is a cursor moved back."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, insert, select

from limbeck.lake.model import Change
from limbeck.store import Store
from limbeck.store.tables import cursors, feed


def changes(store: Store, after: int, limit: int = 1000) -> list[Change]:
    """Return up to *limit* changes after position *after*, oldest first."""
    query = select(feed).where(feed.c.position > after).order_by(feed.c.position).limit(limit)
    with store.read() as connection:
        return [
            Change(r.position, r.sandbox_id, r.dataset_id, r.snapshot, r.batch_id, r.operation, r.created)
            for r in connection.execute(query)
        ]


def head(store: Store) -> int:
    """Return the position of the newest change; 0 if there is none."""
    with store.read() as connection:
        found: int = connection.execute(select(func.coalesce(func.max(feed.c.position), 0))).scalar_one()
    return found


def cursor(store: Store, name: str) -> int:
    """Return how far the listener *name* has come."""
    with store.read() as connection:
        return position(connection, name)


def position(connection: Connection, name: str) -> int:
    """Return the same inside the caller's transaction."""
    return connection.execute(select(cursors.c.position).where(cursors.c.name == name)).scalar() or 0


def move(connection: Connection, name: str, position: int) -> None:
    """Note inside the caller's transaction that the listener *name* has come to *position*."""
    connection.execute(delete(cursors).where(cursors.c.name == name))
    connection.execute(insert(cursors).values(name=name, position=position))

"""The identity graph: links between identities, and the clusters that they connect (profile contract, section 2.3).

A link is one row of `links`; `members` tells each linked identity's cluster, which is called like its least member.
Whatever the order in which links arrive, the clusters are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy import Connection, delete, insert, select, tuple_, update

from limbeck.identity.namespaces import Identity
from limbeck.store.tables import links, members

Link = tuple[Identity, Identity]
T = TypeVar("T")

_LINK = (links.c.namespace, links.c.value, links.c.other_namespace, links.c.other_value)

CHUNK = 200
"""Identities asked for in one statement."""


def connect(connection: Connection, sandbox_id: str, found: Iterable[Link], seen: int) -> int:
    """Add links inside the caller's transaction and join the clusters they connect; return how many were new."""
    fresh = sorted({ordered(link) for link in found})
    fresh = [link for part in _chunks(fresh) for link in _unknown(connection, sandbox_id, part)]
    if not fresh:
        return 0
    rows = [
        {
            "sandbox_id": sandbox_id,
            "namespace": one.namespace,
            "value": one.value,
            "other_namespace": other.namespace,
            "other_value": other.value,
            "seen": seen,
        }
        for one, other in fresh
    ]
    connection.execute(insert(links), rows)
    _join(connection, sandbox_id, fresh)
    return len(fresh)


def disconnect(connection: Connection, sandbox_id: str, gone: Iterable[Link]) -> None:
    """Forget links inside the caller's transaction; what they alone held together falls apart."""
    lost = sorted({ordered(link) for link in gone})
    if not lost:
        return
    for part in _chunks(lost):
        same = tuple_(*_LINK).in_([(a.namespace, a.value, b.namespace, b.value) for a, b in part])
        connection.execute(delete(links).where(links.c.sandbox_id == sandbox_id, same))
    touched = sorted({identity for link in lost for identity in link})
    clusters = sorted(set(_clusters(connection, sandbox_id, touched).values()))
    for part_of in _chunks(clusters):
        _rebuild(connection, sandbox_id, part_of)


def _rebuild(connection: Connection, sandbox_id: str, clusters: Sequence[str]) -> None:
    """Find out anew who of some clusters belongs together, by the links that are left."""
    mine = (members.c.sandbox_id == sandbox_id, members.c.cluster.in_(clusters))
    before = [Identity(*row) for row in connection.execute(select(members.c.namespace, members.c.value).where(*mine))]
    connection.execute(delete(members).where(*mine))
    for part in _chunks(sorted(before)):
        firsts = tuple_(links.c.namespace, links.c.value).in_([(i.namespace, i.value) for i in part])
        rows = connection.execute(select(*_LINK).where(links.c.sandbox_id == sandbox_id, firsts))
        _join(connection, sandbox_id, [(Identity(a, b), Identity(c, d)) for a, b, c, d in rows])


def cluster(connection: Connection, sandbox_id: str, identity: Identity) -> list[Identity]:
    """Return everybody in the cluster of *identity*, in order; an identity without links is alone."""
    same = (members.c.namespace == identity.namespace, members.c.value == identity.value)
    own = select(members.c.cluster).where(members.c.sandbox_id == sandbox_id, *same).scalar_subquery()
    query = select(members.c.namespace, members.c.value).where(
        members.c.sandbox_id == sandbox_id, members.c.cluster == own
    )
    return sorted(Identity(*row) for row in connection.execute(query)) or [identity]


def ordered(link: Link) -> Link:
    """Return a link as it is stored: the lesser identity first."""
    one, other = sorted(link)
    return one, other


def _unknown(connection: Connection, sandbox_id: str, part: Sequence[Link]) -> list[Link]:
    same = tuple_(*_LINK).in_([(a.namespace, a.value, b.namespace, b.value) for a, b in part])
    rows = connection.execute(select(*_LINK).where(links.c.sandbox_id == sandbox_id, same))
    known = {(Identity(a, b), Identity(c, d)) for a, b, c, d in rows}
    return [link for link in part if link not in known]


def _join(connection: Connection, sandbox_id: str, fresh: Sequence[Link]) -> None:
    touched = sorted({identity for link in fresh for identity in link})
    clusters = _clusters(connection, sandbox_id, touched)
    names = _Names()
    for one, other in fresh:
        names.unite(clusters.get(one, one.key), clusters.get(other, other.key))
    for old in sorted(set(clusters.values())):
        if (new := names.of(old)) != old:
            mine = update(members).where(members.c.sandbox_id == sandbox_id, members.c.cluster == old)
            connection.execute(mine.values(cluster=new))
    rows = [
        {"sandbox_id": sandbox_id, "namespace": i.namespace, "value": i.value, "cluster": names.of(i.key)}
        for i in touched
        if i not in clusters
    ]
    if rows:
        connection.execute(insert(members), rows)


def _clusters(connection: Connection, sandbox_id: str, wanted: Sequence[Identity]) -> dict[Identity, str]:
    names = (members.c.namespace, members.c.value)
    found: dict[Identity, str] = {}
    for part in _chunks(wanted):
        same = tuple_(*names).in_([(i.namespace, i.value) for i in part])
        query = select(*names, members.c.cluster).where(members.c.sandbox_id == sandbox_id, same)
        found |= {Identity(row.namespace, row.value): row.cluster for row in connection.execute(query)}
    return found


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))


class _Names:
    """Names of clusters that grow together; the least of them stands for all."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def of(self, name: str) -> str:
        while (parent := self._parents.get(name, name)) != name:
            self._parents[name] = self._parents.get(parent, parent)
            name = parent
        return name

    def unite(self, one: str, other: str) -> None:
        low, high = sorted((self.of(one), self.of(other)))
        if low != high:
            self._parents[high] = low

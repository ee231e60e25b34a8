"""What happened to the resources of a registry, in the same transaction as each change (REST contract, section 4.2)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from limbeck import clock
from limbeck.registry.resolve import Node
from limbeck.scope import Sandbox
from limbeck.store.tables import registry_changes


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a change did: `add`, `replace` or `remove` at a JSON Pointer."""

    action: str
    path: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Change:
    """A version of a resource, and what led to it."""

    resource_id: str
    kind: str
    version: str
    changed_by: str
    at: datetime
    steps: tuple[Step, ...]


def note(connection: Connection, sandbox: Sandbox, kind: str, old: Node | None, new: Node) -> None:
    """Keep what made *new* of *old* inside the caller's transaction; a new resource has no *old*."""
    metadata = new["meta:registryMetadata"]
    steps = [Step("add", "", _told(new))] if old is None else list(_steps(_told(old), _told(new), ""))
    connection.execute(
        insert(registry_changes).values(
            sandbox_id=sandbox.id,
            resource_id=new["$id"],
            kind=kind,
            version=new["version"],
            changed_by=metadata["xdm:lastModifiedClientId"],
            at=metadata["repo:lastModifiedDate"],
            steps=json.dumps([[s.action, s.path, s.value] for s in steps]),
        )
    )


def changes(connection: Connection, sandbox: Sandbox, resource_id: str) -> list[Change]:
    """Return what happened to a resource, newest first."""
    columns = registry_changes.c
    mine = (columns.sandbox_id == sandbox.id, columns.resource_id == resource_id)
    rows = connection.execute(select(registry_changes).where(*mine).order_by(columns.position.desc()))
    return [
        Change(
            r.resource_id,
            r.kind,
            r.version,
            r.changed_by,
            clock.from_millis(r.at),
            tuple(Step(*s) for s in json.loads(r.steps)),
        )
        for r in rows
    ]


def _told(body: Node) -> Node:
    return {k: v for k, v in body.items() if k not in ("meta:registryMetadata", "version")}


def _steps(old: Any, new: Any, path: str) -> Iterator[Step]:
    if old == new:
        return
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        yield Step("replace", path, new)
        return
    for key in [*old, *(k for k in new if k not in old)]:
        below = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
        if key not in new:
            yield Step("remove", below)
        elif key not in old:
            yield Step("add", below, new[key])
        else:
            yield from _steps(old[key], new[key], below)

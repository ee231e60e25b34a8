"""The fixtures of the SQL contract (section 7.1) as tables of a home, and results as text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from limbeck import ids
from limbeck.access import Access
from limbeck.engine import Engine
from limbeck.lake import Lake
from limbeck.query.service import QueryService
from limbeck.registry import Registry
from limbeck.scope import Principal, Sandbox
from limbeck.settings import Settings
from limbeck.store import Store
from limbeck.xdm.arrow import from_arrow
from tests.conformance.fixtures import EV_N, SHAPES, TENANT, TIME, World, at

__all__ = ["EV_N", "TENANT", "TIME", "Home", "at", "events", "fixtures", "shown"]


def events(rows: Sequence[tuple[str | None, dt.datetime | None, str | None]]) -> pa.Table:
    """A table of the shape of `ev_n`: (user, time, type)."""
    return pa.table(
        {
            "_tenant": pa.array([{"userid": user} for user, _, _ in rows], TENANT),
            "timestamp": pa.array([moment for _, moment, _ in rows], TIME),
            "eventType": pa.array([kind for _, _, kind in rows], pa.string()),
        }
    )


def fixtures() -> dict[str, list[pa.Table]]:
    """The tables by name, each as the batches it is filled with."""
    world = World.contract()
    return {name: world.arrow(name) for name in SHAPES if name != "many"}


ADMIN = Principal("alice", "acme@AdobeOrg", frozenset({"admin"}))
EDITOR = Principal("eve", "acme@AdobeOrg", frozenset({"editor"}))
VIEWER = Principal("vic", "acme@AdobeOrg", frozenset({"viewer"}))


@dataclass
class Home:
    """A home in a folder with a query service on it."""

    sandbox: Sandbox
    lake: Lake
    registry: Registry
    engine: Engine
    query: QueryService
    settings: Settings
    store: Store

    @classmethod
    def make(cls, folder: Path, memory_mib: int = 512) -> Home:
        settings = Settings(home=folder / "home", engine_memory_mib=memory_mib, engine_threads=2)
        for part in (settings.lake, settings.scratch, settings.staging):
            part.mkdir(parents=True, exist_ok=True)
        store = Store.open(settings.store_url)
        access, registry = Access(store, 3600), Registry(store)
        sandbox = access.sandbox(access.ensure_organisation("acme@AdobeOrg"), "prod")
        lake = Lake(store, registry, settings.lake)
        engine = Engine(settings.scratch, memory_mib, 2, 2)
        query = QueryService(store, lake, registry, engine, settings.scratch, 60)
        return cls(sandbox, lake, registry, engine, query, settings, store)

    def add(self, name: str, batches: Sequence[pa.Table]) -> None:
        """Make a table with these batches, each a snapshot."""
        schema = self.registry.adhoc_schema(self.sandbox, name, from_arrow(batches[0].schema))
        dataset = self.lake.create_dataset(self.sandbox, name, schema.id, table=name)
        for batch in batches:
            path = self.settings.scratch / f"{ids.new_uuid()}.parquet"
            pq.write_table(batch, path)
            self.lake.append(dataset, [path])

    def sql(self, text: str, principal: Principal | None = None) -> pa.Table:
        """Run one statement and return all it gives."""
        with self.query.run(self.sandbox, text, principal=principal) as result:
            return pa.Table.from_batches(list(result.batches()), result.schema)

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        found = self.sql(text)
        columns = [c.to_pylist() for c in found.columns]
        return list(zip(*columns, strict=True)) if columns else []


def shown(value: Any) -> str:
    """A value as the contract prints it."""
    match value:
        case None:
            return "–"
        case bool():
            return "t" if value else "f"
        case dt.datetime():
            return value.isoformat(" ")[:23]
        case dict():
            return "(" + ",".join(map(shown, value.values())) + ")"
        case list():
            return "{" + ",".join(map(shown, value)) + "}"
        case tuple():
            return "->".join(map(shown, value))
        case _:
            return str(value)

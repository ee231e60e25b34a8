"""What every statement works with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlglot import exp

from limbeck.engine import Engine
from limbeck.engine.duck import Session
from limbeck.lake import Dataset, Lake
from limbeck.query.dialect import rendered
from limbeck.query.resolve import Resolved, resolve
from limbeck.query.scope import TableInfo
from limbeck.registry import Registry
from limbeck.scope import Principal, Sandbox


class LakeCatalogue:
    """The tables of a sandbox as the resolver asks for them; each is looked up once."""

    def __init__(self, lake: Lake, sandbox: Sandbox) -> None:
        self._lake = lake
        self._sandbox = sandbox
        self._found: dict[str, Dataset | None] = {}

    def dataset(self, name: str) -> Dataset | None:
        """Return the dataset behind table *name*, or None."""
        key = name.lower()
        if key not in self._found:
            self._found[key] = self._lake.datasets.by_table(self._sandbox, name)
        return self._found[key]

    def table(self, name: str) -> TableInfo | None:
        """Return the table called *name*, whatever the case, or None."""
        found = self.dataset(name)
        return None if found is None else TableInfo(found.table, found.schema.type)

    def names(self) -> list[str]:
        """Return the names of all tables."""
        return [d.table for d in self._lake.datasets.all(self._sandbox)]


@dataclass(frozen=True, slots=True)
class Statement:
    """A parsed statement, who sent it, and the services it may use."""

    sql: str
    tree: exp.Expr
    sandbox: Sandbox
    principal: Principal | None
    params: Sequence[object]
    lake: Lake
    registry: Registry
    engine: Engine
    timeout: float

    @property
    def author(self) -> str:
        """The client id that is noted as creator."""
        return self.principal.client_id if self.principal else ""

    @contextmanager
    def session(self, query: exp.Expr) -> Iterator[tuple[Session, str, Resolved]]:
        """Resolve *query* and open an engine that sees what it reads; give both and the engine's SQL."""
        catalogue = LakeCatalogue(self.lake, self.sandbox)
        resolved = resolve(self.sql, query, catalogue, self.params)
        tables = []
        for source in resolved.sources:
            dataset = catalogue.dataset(source.table)
            if dataset is not None:
                tables.append(self.lake.table(dataset, source.view, source.since, source.until))
        with self.engine.session(tables, timeout=self.timeout) as session:
            yield session, rendered(resolved.tree), resolved

    def find(self, table: str) -> Dataset | None:
        """Return the dataset that SQL calls *table*, or None."""
        return self.lake.datasets.by_table(self.sandbox, table)

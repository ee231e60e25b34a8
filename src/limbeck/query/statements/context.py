"""What every statement works with."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from sqlglot import exp

from limbeck.engine import Engine, Interrupt, Table
from limbeck.engine.duck import Session
from limbeck.lake import Dataset, Lake
from limbeck.query.dialect import rendered
from limbeck.query.resolve import resolve
from limbeck.query.scope import Column, TableInfo, flattened
from limbeck.registry import Registry
from limbeck.scope import Principal, Sandbox


@dataclass(frozen=True, slots=True)
class View:
    """What a session sees of its sandbox (SQL contract, section 1.2)."""

    only: str | None = None
    """The one table that is visible, in lower case; None for all."""
    flat: bool = False
    """Fields of structs are columns, called by their path."""


WHOLE = View()


class LakeCatalogue:
    """The tables of a sandbox as the resolver asks for them; each is looked up once.

    What is visible is less than all if *view* says so.
    """

    def __init__(self, lake: Lake, sandbox: Sandbox, view: View) -> None:
        self._lake = lake
        self._sandbox = sandbox
        self._view = view
        self._found: dict[str, Dataset | None] = {}

    def dataset(self, name: str) -> Dataset | None:
        """Return the dataset behind table *name*, or None."""
        key = name.lower()
        if key not in self._found:
            visible = self._view.only in (None, key)
            self._found[key] = self._lake.datasets.by_table(self._sandbox, name) if visible else None
        return self._found[key]

    def table(self, name: str) -> TableInfo | None:
        """Return the table called *name*, whatever the case, or None."""
        found = self.dataset(name)
        if found is None:
            return None
        return TableInfo(found.table, flattened(found.schema.type) if self._view.flat else found.schema.type)

    def names(self) -> list[str]:
        """Return the names of all tables."""
        return [d.table for d in self.datasets()]

    def datasets(self) -> list[Dataset]:
        """Return the datasets behind all tables."""
        return [d for d in self._lake.datasets.all(self._sandbox) if self._view.only in (None, d.table.lower())]


@dataclass(frozen=True, slots=True)
class Reading:
    """A query in the engine's words, the columns it gives, and the files it reads."""

    tree: exp.Expr
    columns: tuple[Column, ...]
    tables: tuple[Table, ...]

    @property
    def sql(self) -> str:
        """The text for the engine."""
        return rendered(self.tree)


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
    view: View = WHOLE
    interrupt: Interrupt | None = None

    @property
    def catalogue(self) -> LakeCatalogue:
        """The tables that the statement may see."""
        return LakeCatalogue(self.lake, self.sandbox, self.view)

    @property
    def author(self) -> str:
        """The client id that is noted as creator."""
        return self.principal.client_id if self.principal else ""

    def resolve(self, query: exp.Expr) -> Reading:
        """Bind *query* to the sandbox's tables."""
        catalogue = self.catalogue
        resolved = resolve(self.sql, query, catalogue, self.params)
        tables = []
        for source in resolved.sources:
            dataset = catalogue.dataset(source.table)
            if dataset is not None:
                table = self.lake.table(dataset, source.view, source.since, source.until)
                tables.append(replace(table, flat=self.view.flat))
        return Reading(resolved.tree, resolved.columns, tuple(tables))

    def session(self, reading: Reading) -> AbstractContextManager[Session]:
        """Open an engine that sees what the query reads, and nothing else."""
        return self.engine.session(reading.tables, timeout=self.timeout, interrupt=self.interrupt)

    def find(self, table: str) -> Dataset | None:
        """Return the dataset that SQL calls *table*, or None."""
        return self.lake.datasets.by_table(self.sandbox, table)

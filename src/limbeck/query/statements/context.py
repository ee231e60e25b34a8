"""What every statement works with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from limbeck.engine import Engine, Interrupt, Native, Table
from limbeck.engine import Session as EngineSession
from limbeck.lake import Dataset, Lake
from limbeck.query.catalogue import SessionCatalogue
from limbeck.query.dialect import rendered
from limbeck.query.objects import Objects
from limbeck.query.plans import PLANS, Plan
from limbeck.query.resolve import resolve
from limbeck.query.result import Result
from limbeck.query.scope import Column, Source
from limbeck.query.session import SqlSession
from limbeck.query.words import Words
from limbeck.registry import Registry
from limbeck.scope import Principal, Sandbox
from limbeck.xdm.types import Type


@dataclass(frozen=True, slots=True)
class Reading:
    """A query in the engine's words, the columns it gives, and the files it reads."""

    tree: exp.Expr
    columns: tuple[Column, ...]
    tables: tuple[Table, ...]
    sources: tuple[Source, ...] = ()
    natives: tuple[Native, ...] = ()
    """The functions that the engine has to be given for it."""

    @property
    def sql(self) -> str:
        """The text for the engine."""
        return rendered(self.tree)


@dataclass(frozen=True, slots=True)
class Services:
    """What statements use."""

    lake: Lake
    registry: Registry
    engine: Engine
    objects: Objects
    scratch: Path
    timeout: float
    """Longest run of a statement in seconds."""
    batch_timeout: float
    """The same of one that writes, and of every statement of a job."""


@dataclass(frozen=True)
class Statement:
    """A parsed statement, who sent it, and the services it may use."""

    sql: str
    parsed: exp.Expr
    """As SQLGlot has parsed it, not to be changed; for what SQLGlot does not know, `exp.Command`."""
    command: Any
    """What SQLGlot does not know, as one of the frozen classes that the modules beside this one define; else None."""
    sandbox: Sandbox
    principal: Principal | None
    params: Sequence[object]
    services: Services
    session: SqlSession
    execute: Callable[[str], Result]
    """Runs another statement in the same session, for the same principal."""
    kind_of: Callable[[str], Kind]
    """Reads another statement without running it; raises what is wrong with it."""
    columns_of: Callable[[str], pa.Schema]
    """Tells the columns that another statement gives, without running it."""
    timeout: float
    """How long it may run, in seconds."""
    approximate: bool = False
    """It reads samples instead of tables."""
    interrupt: Interrupt | None = None

    @cached_property
    def tree(self) -> exp.Expr:
        """The tree of the statement, to be changed at will."""
        return self.parsed.copy()

    @property
    def lake(self) -> Lake:
        """Datasets and their snapshots."""
        return self.services.lake

    @property
    def registry(self) -> Registry:
        """Schemas and descriptors."""
        return self.services.registry

    @property
    def objects(self) -> Objects:
        """Views, logical schemas, samples."""
        return self.services.objects

    @cached_property
    def catalogue(self) -> SessionCatalogue:
        """The tables and views that the statement may see."""
        return SessionCatalogue(self.lake, self.registry, self.objects, self.sandbox, self.session)

    @cached_property
    def read(self) -> SessionCatalogue:
        """The tables and views as a query reads them: `catalogue`, with samples in place of tables if so asked."""
        if not self.approximate:
            return self.catalogue
        return self.catalogue.approximated()

    @property
    def author(self) -> str:
        """The client id that is noted as creator."""
        return self.principal.client_id if self.principal else ""

    def resolve(self, query: exp.Expr, sql: str | None = None) -> Reading:
        """Bind *query* to the relations of the session; *sql* is its text, if that is not the statement's."""
        resolved = resolve(self.sql if sql is None else sql, query, self.read, self.params)
        return Reading(
            resolved.tree, resolved.columns, self.tables(resolved.sources), resolved.sources, resolved.natives
        )

    @cached_property
    def plan(self) -> Plan:
        """The statement, a query, bound to the relations of the session."""
        return PLANS.plan(self.sql, lambda: self.tree, self.read, self.params)

    def tables(self, sources: Iterable[Source]) -> tuple[Table, ...]:
        """Return what *sources* name as relations for the engine."""
        return tuple(map(self.read.engine_table, sources))

    def opened(self, reading: Reading | Plan) -> AbstractContextManager[EngineSession]:
        """Open an engine that sees what the query reads, and nothing else."""
        tables = reading.tables if isinstance(reading, Reading) else self.tables(reading.sources)
        return self.services.engine.session(
            tables, natives=reading.natives, timeout=self.timeout, interrupt=self.interrupt
        )

    def find(self, table: str) -> Dataset | None:
        """Return the dataset that SQL calls *table*, or None."""
        return self.lake.datasets.by_table(self.sandbox, table)


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of statement is run."""

    run: Callable[[Statement], Result]
    tag: str
    """What PostgreSQL's clients are told when it is done, without a count."""
    writes: bool = False
    """It needs the role admin or editor."""
    inner: Callable[[Any], Iterable[str]] = lambda _command: ()
    """The statements that it runs, each of which is a kind of its own."""
    is_long: bool = False
    """It has the time of a job, as what writes has."""
    columns: Callable[[Statement], pa.Schema] | None = None
    """The columns it gives, without running it; None: it gives no rows."""
    parameters: Callable[[Statement], Sequence[Type]] | None = None
    """The types of its parameters; None: those of the dialect's, as their surroundings suggest."""


Parser = Callable[[Words], Any]
"""Reads a statement from its first word on; None: it is another's."""

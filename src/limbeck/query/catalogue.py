"""The relations that a statement may name: tables of the lake, views, and what belongs to its session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from limbeck.engine import Table
from limbeck.errors import SqlError, UndefinedTable, nearest
from limbeck.lake import Dataset, Lake
from limbeck.query import logical, system
from limbeck.query.logical import LogicalSchema
from limbeck.query.metadata import METADATA
from limbeck.query.objects import VIEW, Objects, QueryObject
from limbeck.query.reports import REPORTS
from limbeck.query.scope import Source, TableInfo, ViewInfo, flattened
from limbeck.query.session import SqlSession
from limbeck.registry import Registry
from limbeck.scope import Sandbox
from limbeck.xdm.arrow import arrow_schema, from_arrow


class SessionCatalogue:
    """The tables and views of a sandbox as one session sees them; each is looked up once."""

    def __init__(
        self,
        lake: Lake,
        registry: Registry,
        objects: Objects,
        sandbox: Sandbox,
        session: SqlSession,
        *,
        approximate: bool = False,
    ) -> None:
        self._lake = lake
        self._registry = registry
        self._objects = objects
        self._sandbox = sandbox
        self._session = session
        self._approximate = approximate
        self._found: dict[str, Dataset | None] = {}
        self._behind: SessionCatalogue | None = None

    def behind(self) -> SessionCatalogue:
        """Return what the queries of views see: the whole sandbox, and nothing that is the session's own."""
        if self._behind is None:
            self._behind = self.for_session(SqlSession(), approximate=self._approximate)
        return self._behind

    def for_session(self, session: SqlSession, *, approximate: bool = False) -> SessionCatalogue:
        """Return what another session sees; *approximate* puts samples in the place of tables."""
        return SessionCatalogue(
            self._lake, self._registry, self._objects, self._sandbox, session, approximate=approximate
        )

    def approximated(self) -> SessionCatalogue:
        """Return what the session sees with samples in the place of tables."""
        return self.for_session(self._session, approximate=True)

    def dataset(self, name: str) -> Dataset | None:
        """Return the dataset behind table *name*, or None; where samples are read, the table's newest one."""
        key = name.lower()
        if key not in self._found:
            found = self._lake.datasets.by_table(self._sandbox, name) if self._visible(key) else None
            self._found[key] = self._sampled(found) if found is not None and self._approximate else found
        return self._found[key]

    def _sampled(self, dataset: Dataset) -> Dataset:
        samples = [dataset] if dataset.sample_of else self._lake.datasets.samples(self._sandbox, dataset.id)
        if not samples:
            raise UndefinedTable(
                f'table "{dataset.table}" has no sample',
                hint=f"ANALYZE TABLE {dataset.table} TABLESAMPLE SAMPLERATE 5 makes one",
            )
        return samples[-1]

    def table(self, name: str) -> TableInfo | None:
        """Return the table called *name*, whatever the case, or None; the session's own come first."""
        own = self._session.temp.get(name.lower())
        if own is not None:
            return TableInfo(own.name, flattened(own.type) if self._session.view.flat else own.type)
        result = self._session.results.get(name.lower())
        if result is not None:
            return TableInfo(name, from_arrow(result.schema))
        report = REPORTS.get(name.lower())
        if report is not None:
            return TableInfo(name.lower(), from_arrow(report.schema))
        found = self.dataset(name)
        if found is None:
            return None
        if not found.schema.type.fields:
            raise SqlError(f'table "{found.table}" has no columns yet', hint="its first INSERT gives it some")
        flat, kept = self._session.view.flat, not self._session.variables.is_on("drop_system_columns")
        type_ = flattened(found.schema.type) if flat else found.schema.type
        added = system.columns(type_, flat)
        return TableInfo(found.table, type_, added, tuple(c for c in added if kept and c.name in system.SHOWN))

    def view(self, name: str) -> ViewInfo | None:
        """Return the view called *name*, whatever the case, or None; tables of the session hide it."""
        if name.lower() in self._session.temp or not self._visible(name.lower()):
            return None
        found = self._objects.named(self._sandbox, VIEW, name)
        return None if found is None else ViewInfo(found.name, str(found.body["sql"]), self._session.view.flat)

    def engine_table(self, source: Source) -> Table:
        """Return what *source* names as a relation for the engine."""
        if source.behind:
            return self.behind().engine_table(replace(source, behind=False))
        if source.function:
            return self._metadata(source)
        own = self._session.temp.get(source.table.lower())
        if own is not None:
            return replace(own.shown_as(source.view), place=source.placed, flat=self._session.view.flat)
        result = self._session.results.get(source.table.lower())
        if result is not None:
            return Table(source.view, arrow_schema(from_arrow(result.schema)), rows=result, place=source.placed)
        report = REPORTS.get(source.table.lower())
        if report is not None:
            rows = report.rows(self._registry, self._sandbox)
            return Table(source.view, report.schema, rows=rows, place=source.placed)
        dataset = self.dataset(source.table)
        if dataset is None:
            raise AssertionError(f"{source.table} was resolved and is gone")
        fallback = self._session.variables.is_on("resolve_fallback_snapshot_on_failure")
        files = self._lake.files(dataset, source.since, source.until, from_earliest=fallback)
        table = self._lake.table_of(dataset, files, source.view)
        batches = tuple(tuple((s.batch_id, s.rows) for s in f.shares) for f in files) if source.batched else None
        return replace(table, flat=self._session.view.flat, place=source.placed, batches=batches)

    @property
    def functions(self) -> frozenset[str]:
        """The functions, in lower case, that make a relation from the name of a table."""
        return frozenset(METADATA)

    def called(self, function: str, table: str) -> TableInfo:
        """Return the relation that a function of `functions` gives for *table*.

        Raise `UndefinedTable`, or `SqlError` for a table that is not of the lake.
        """
        dataset = self._of_lake(function, table)
        return TableInfo(dataset.table, from_arrow(METADATA[function].schema))

    def _of_lake(self, function: str, table: str) -> Dataset:
        name = self.unqualified(table)
        dataset = self.dataset(name)
        if name.lower() in self._session.temp or (dataset is None and self.view(name) is not None):
            raise SqlError(METADATA[function].refusal)
        if dataset is None:
            raise UndefinedTable(f'table "{table}" does not exist', hint=nearest(name, self.names()) or None)
        return dataset

    def _metadata(self, source: Source) -> Table:
        called = METADATA[source.function]
        rows = called.rows(self._lake, self._sandbox, self._of_lake(source.function, source.table))
        return Table(source.view, called.schema, rows=rows, place=source.placed)

    def unqualified(self, name: str) -> str:
        """Return what the table or view is called that *name* names, with or without dots; *name* itself for none."""
        parts = name.split(".")
        return (self.qualified(parts) if len(parts) > 1 else None) or name

    def qualified(self, parts: Sequence[str]) -> str | None:
        """Return what the table or view is called that *parts* name: a schema before it, a database before that.

        Everything is in schema `public` of a database that is called like the sandbox, with or without a scope, and
        in the logical schemas that refer to it. Of two parts the first names such a schema, or its database.
        """
        if ".".join(parts).lower() in REPORTS:
            return ".".join(parts).lower()
        *databases, schema, _ = (part.lower() for part in parts)
        ours = {self._sandbox.name.lower(), "all"}
        known = all(database.partition(":")[0] in ours for database in databases)
        if len(databases) > 1 or (schema == "public" and known):
            return parts[-1] if len(databases) < 2 else None
        found = [s for s in self.schemas() if _called(s, databases, schema)]
        return parts[-1] if parts[-1].lower() in self._members(found) else None

    def schemas(self) -> list[LogicalSchema]:
        """Return the logical schemas that the session sees."""
        within = self._session.view.within
        return [s for s in logical.schemas(self._objects, self._sandbox) if within is None or s.within(within)]

    def _members(self, schemas: Sequence[LogicalSchema]) -> frozenset[str]:
        """Return the lower-case names of what *schemas* refer to."""
        ids = {member.id for schema in schemas for member in schema.members}
        tables = (d.table.lower() for d in self._lake.datasets.all(self._sandbox) if d.id in ids)
        views = (v.name.lower() for v in self._objects.all(self._sandbox, VIEW) if v.id in ids)
        return frozenset((*tables, *views)) if ids else frozenset()

    @cached_property
    def _within(self) -> frozenset[str] | None:
        return None if self._session.view.within is None else self._members(self.schemas())

    @property
    def database(self) -> str:
        """What the session's database is called."""
        return self._session.facts.database or f"{self._sandbox.name}:all"

    def names(self) -> list[str]:
        """Return the names of all tables and views."""
        views = [v.name for v in self.views()]
        return [*(d.table for d in self.datasets()), *views, *(t.name for t in self._session.temp.values())]

    def views(self) -> list[QueryObject]:
        """Return all views."""
        return [v for v in self._objects.all(self._sandbox, VIEW) if self._visible(v.name.lower())]

    def datasets(self) -> list[Dataset]:
        """Return the datasets behind all tables, without samples."""
        return [d for d in self._lake.datasets.all(self._sandbox) if self._visible(d.table.lower()) and not d.sample_of]

    def _visible(self, name: str) -> bool:
        if self._session.view.only not in (None, name):
            return False
        return self._within is None or name in self._within


def _called(schema: LogicalSchema, databases: Sequence[str], name: str) -> bool:
    """Whether *name* is the schema's, in one of *databases* if there are any, or else its database's."""
    if databases:
        return schema.name.lower() == name and schema.database.lower() in databases
    return name in (schema.name.lower(), schema.database.lower())

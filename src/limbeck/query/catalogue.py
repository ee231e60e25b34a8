"""The relations that a statement may name: tables of the lake, views, and what belongs to its session."""

from __future__ import annotations

from dataclasses import replace

from limbeck.engine import Table
from limbeck.lake import Dataset, Lake
from limbeck.query.objects import Objects, QueryObject
from limbeck.query.scope import Source, TableInfo, ViewInfo, flattened
from limbeck.query.session import SqlSession
from limbeck.scope import Sandbox
from limbeck.xdm.arrow import arrow_schema, from_arrow


class SessionCatalogue:
    """The tables and views of a sandbox as one session sees them; each is looked up once."""

    def __init__(self, lake: Lake, objects: Objects, sandbox: Sandbox, session: SqlSession) -> None:
        self._lake = lake
        self._objects = objects
        self._sandbox = sandbox
        self._session = session
        self._found: dict[str, Dataset | None] = {}

    def dataset(self, name: str) -> Dataset | None:
        """Return the dataset behind table *name*, or None."""
        key = name.lower()
        if key not in self._found:
            self._found[key] = self._lake.datasets.by_table(self._sandbox, name) if self._visible(key) else None
        return self._found[key]

    def table(self, name: str) -> TableInfo | None:
        """Return the table called *name*, whatever the case, or None; the session's own come first."""
        own = self._session.temp.get(name.lower())
        if own is not None:
            return TableInfo(own.name, own.type)
        result = self._session.results.get(name.lower())
        if result is not None:
            return TableInfo(name, from_arrow(result.schema))
        found = self.dataset(name)
        if found is None:
            return None
        return TableInfo(found.table, flattened(found.schema.type) if self._session.view.flat else found.schema.type)

    def view(self, name: str) -> ViewInfo | None:
        """Return the view called *name*, whatever the case, or None."""
        found = self._objects.named(self._sandbox, "view", name) if self._visible(name.lower()) else None
        return None if found is None else ViewInfo(found.name, str(found.body["sql"]))

    def engine_table(self, source: Source) -> Table:
        """Return what *source* names as a relation for the engine."""
        own = self._session.temp.get(source.table.lower())
        if own is not None:
            return replace(own.shown_as(source.view), place=source.placed)
        result = self._session.results.get(source.table.lower())
        if result is not None:
            return Table(source.view, arrow_schema(from_arrow(result.schema)), rows=result, place=source.placed)
        dataset = self.dataset(source.table)
        if dataset is None:
            raise AssertionError(f"{source.table} was resolved and is gone")
        table = self._lake.table(dataset, source.view, source.since, source.until)
        return replace(table, flat=self._session.view.flat, place=source.placed)

    def names(self) -> list[str]:
        """Return the names of all tables and views."""
        views = [v.name for v in self.views()]
        return [*(d.table for d in self.datasets()), *views, *(t.name for t in self._session.temp.values())]

    def views(self) -> list[QueryObject]:
        """Return all views."""
        return [v for v in self._objects.all(self._sandbox, "view") if self._visible(v.name.lower())]

    def datasets(self) -> list[Dataset]:
        """Return the datasets behind all tables."""
        return [d for d in self._lake.datasets.all(self._sandbox) if self._visible(d.table.lower())]

    def _visible(self, name: str) -> bool:
        return self._session.view.only in (None, name)

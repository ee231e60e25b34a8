"""Queries in the engine's words, kept for when the same text comes again.

A plan holds as long as the catalogue answers what was asked of it when it was made: which tables and views there are
under which names, and of what types. So it may serve other sessions and sandboxes, too.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from limbeck.engine import Native
from limbeck.query.dialect import rendered
from limbeck.query.parameters import Parameter
from limbeck.query.resolve import resolve
from limbeck.query.scope import Catalogue, Column, Source, TableInfo, ViewInfo

_MOST = 256


@dataclass(frozen=True, slots=True)
class Plan:
    """A query in the engine's words."""

    text: str
    """Without the LIMIT of the whole."""
    limit: int | None
    sources: tuple[Source, ...]
    columns: tuple[Column, ...]
    natives: tuple[Native, ...]

    @classmethod
    def of(cls, sql: str, query: exp.Expr, catalogue: Catalogue, params: Sequence[object] = ()) -> Plan:
        """Bind *query*, which is used up, as `resolve` does."""
        resolved = resolve(sql, query, catalogue, params)
        limit = resolved.tree.args.get("limit")
        resolved.tree.set("limit", None)
        rows = None if limit is None else int(limit.expression.name)
        return cls(rendered(resolved.tree), rows, resolved.sources, resolved.columns, resolved.natives)

    def limited(self, rows: int | None) -> str:
        """Return the text for the engine with a LIMIT of its own, None for no LIMIT."""
        return self.text if rows is None else f"{self.text} LIMIT {rows}"


class Plans:
    """The plans of the texts that came last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, tuple[Answers, Plan]] = OrderedDict()

    def plan(
        self, sql: str, query: Callable[[], exp.Expr], catalogue: Catalogue, params: Sequence[object] = ()
    ) -> Plan:
        """Return the plan of the one query in *sql*; *query* makes its tree, to be used up."""
        key = _key(sql, params)
        with self._lock:
            known = self._known.get(key)
        if known is not None and known[0].hold(catalogue):
            return known[1]
        noting = Noting(catalogue)
        plan = Plan.of(sql, query(), noting, params)
        with self._lock:
            self._known[key] = noting.answers, plan
            self._known.move_to_end(key)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return plan


@dataclass(frozen=True, slots=True)
class Answers:
    """What a catalogue said of the names it was asked for."""

    tables: dict[str, TableInfo | None] = field(default_factory=dict)
    views: dict[str, ViewInfo | None] = field(default_factory=dict)
    behind: list[Answers] = field(default_factory=list)
    """What it said of the names in views, if there are any."""
    qualified: dict[tuple[str, ...], str | None] = field(default_factory=dict)
    database: list[str] = field(default_factory=list)
    """What it said of itself, if it was asked."""

    def hold(self, catalogue: Catalogue) -> bool:
        """Whether *catalogue* says the same."""
        qualified = all(catalogue.qualified(parts) == answer for parts, answer in self.qualified.items())
        tables = all(catalogue.table(name) == answer for name, answer in self.tables.items())
        views = all(catalogue.view(name) == answer for name, answer in self.views.items())
        same = all(catalogue.database == answer for answer in self.database)
        return same and qualified and tables and views and all(b.hold(catalogue.behind()) for b in self.behind)


class Noting:
    """A catalogue that keeps what it answers."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.answers = Answers()

    def table(self, name: str) -> TableInfo | None:
        return self.answers.tables.setdefault(name, self._catalogue.table(name))

    def view(self, name: str) -> ViewInfo | None:
        return self.answers.views.setdefault(name, self._catalogue.view(name))

    def behind(self) -> Catalogue:
        found = Noting(self._catalogue.behind())
        self.answers.behind.append(found.answers)
        return found

    def qualified(self, parts: Sequence[str]) -> str | None:
        return self.answers.qualified.setdefault(tuple(parts), self._catalogue.qualified(parts))

    def called(self, function: str, table: str) -> TableInfo:
        return self._catalogue.called(function, table)  # its rows are made anew each time, and then it must exist

    @property
    def functions(self) -> frozenset[str]:
        return self._catalogue.functions

    @property
    def database(self) -> str:
        self.answers.database.append(self._catalogue.database)
        return self._catalogue.database

    def names(self) -> list[str]:
        return self._catalogue.names()  # for the hints of errors only, and those are not kept


def _key(sql: str, params: Sequence[object]) -> Hashable:
    """A text and the values of its parameters with their types."""
    values = ((p.value, p.type) if isinstance(p, Parameter) else (p, None) for p in params)
    return sql, tuple((type(value), repr(value), repr(kind)) for value, kind in values)


PLANS = Plans()
"""Of this process."""

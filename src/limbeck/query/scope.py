"""Which names are visible where a statement uses them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sqlglot import exp

from limbeck.xdm.types import Field, Object, Type


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a relation or of a result, in its own spelling."""

    name: str
    type: Type | None
    inner: str = ""
    """What the engine calls it, if that is another name."""


Columns = tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table of the sandbox as the resolver needs it."""

    name: str
    type: Object
    system: Columns = ()
    """What the server adds, which is found by name."""
    shown: Columns = ()
    """Those of `system` that `*` gives, too."""


@dataclass(frozen=True, slots=True)
class ViewInfo:
    """A view of the sandbox: a query under a name."""

    name: str
    sql: str
    flat: bool = False
    """Fields of its structs are columns, called by their path."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the engine shows as view *view*: rows of *table* added after *since* up to *until*."""

    view: str
    table: str
    since: int | None = None
    until: int | None = None
    function: str = ""
    """Not the table's rows, but those that this one of the catalogue's functions gives for it."""
    behind: bool = False
    """A view names it: it is a table of the catalogue `behind` that of the statement."""
    placed: bool = False
    """Its rows have to tell their place in the order of ingestion."""
    batched: bool = False
    """Its rows have to tell their batch."""


class Catalogue(Protocol):
    """Where relations come from."""

    def table(self, name: str) -> TableInfo | None:
        """Return the table called *name*, whatever the case, or None."""

    def view(self, name: str) -> ViewInfo | None:
        """Return the view called *name*, whatever the case, or None."""

    def behind(self) -> Catalogue:
        """Return what the queries of views see: the whole sandbox, and nothing that is the session's own."""

    def qualified(self, parts: Sequence[str]) -> str | None:
        """Return what the table or view is called that *parts* name, at least a schema and a name; None: nothing."""

    def called(self, function: str, table: str) -> TableInfo:
        """Return the relation that a function of `functions` gives for *table*; raise `SqlError` if it has none."""

    @property
    def functions(self) -> frozenset[str]:
        """The functions, in lower case, that make a relation from the name of a table."""

    @property
    def database(self) -> str:
        """What the session's database is called."""

    def names(self) -> list[str]:
        """Return the names of all tables, for hints."""


@dataclass(frozen=True, slots=True)
class Relation:
    """Something in FROM: its alias and columns."""

    alias: str
    columns: tuple[Column, ...]
    level: int = 0
    """The number of the scope it belongs to."""
    origin: exp.Expr | None = None
    """The table, query or VALUES that its rows come from; None for what is neither."""
    path: tuple[str, ...] = ()
    """The lower-case parts of its name in FROM, if it has no alias."""
    system: Columns = ()
    """What the server adds to its rows."""
    tell_batch: Callable[[], None] = field(default=lambda: None, compare=False)
    """Has its rows tell their batch."""

    def called(self, parts: Sequence[str]) -> Relation:
        """Return this relation, which stands in FROM as *parts*, without an alias."""
        return replace(self, path=tuple(part.lower() for part in parts))

    def behind(self, parts: Sequence[str]) -> int:
        """Return how many of *parts* name this relation, which then is qualified: at least 2, else 0."""
        lower = tuple(part.lower() for part in parts)
        counts = range(2, min(len(lower), len(self.path)) + 1)
        return next((n for n in counts if lower[:n] == self.path[-n:]), 0)

    def get(self, name: str) -> list[Column]:
        """Return the columns called *name*, whatever the case; one the server adds, if there is no other."""
        found = [c for c in self.columns if c.name.lower() == name.lower()]
        return found or [c for c in self.system if c.name.lower() == name.lower()]


@dataclass(frozen=True, slots=True)
class Cte:
    """A query that WITH gives a name."""

    columns: tuple[Column, ...]
    query: exp.Expr


_LEVELS = itertools.count(1)


@dataclass(slots=True)
class Scope:
    """The names that an expression may use: relations, then aliases of the SELECT list, then the query around."""

    outer: Scope | None = None
    ctes: Mapping[str, Cte] = field(default_factory=dict)
    relations: list[Relation] = field(default_factory=list)
    merged: set[str] = field(default_factory=set)
    """Lower-case names of columns that a join merged (USING, NATURAL)."""
    aliases: dict[str, Column] = field(default_factory=dict)
    aliases_first: bool = False
    locals: Mapping[str, Type | None] = field(default_factory=dict)
    """Parameters of the lambda around, by lower-case name."""
    windows: dict[str, exp.Window] = field(default_factory=dict)
    """What WINDOW defines, as it was written, by lower-case name."""
    level: int = field(default_factory=lambda: next(_LEVELS))
    """A number of its own, which bound columns and windows carry."""

    def with_locals(self, names: Mapping[str, Type | None]) -> Scope:
        """Return this scope inside a lambda whose parameters are *names*."""
        return replace(self, locals={**self.locals, **names})

    def relation(self, alias: str) -> Relation | None:
        """Return the relation of this level called *alias*, whatever the case."""
        return next((r for r in self.relations if r.alias.lower() == alias.lower()), None)

    def before(self, parts: Sequence[exp.Expr]) -> list[tuple[Relation, Sequence[exp.Expr]]]:
        """Return the relations of this level that *parts* may begin with, each with what is left behind it."""
        alone = self.relation(parts[0].name)
        found = [(alone, parts[1:])] if alone is not None else []
        words = [part.name for part in parts]
        return [*found, *((r, parts[n:]) for r in self.relations if (n := r.behind(words)))]

    def owners(self, name: str) -> list[tuple[Relation, Column]]:
        """Return the columns of this level called *name*, with their relations; a merged one counts once."""
        found = [(r, c) for r in self.relations for c in r.get(name)]
        return found[:1] if name.lower() in self.merged else found

    def known(self) -> list[str]:
        """Return every name that could have been meant, for hints."""
        here: Iterable[str] = [c.name for r in self.relations for c in r.columns]
        return [*here, *(c.name for c in self.aliases.values()), *(self.outer.known() if self.outer else [])]


def columns_of(t: Object) -> tuple[Column, ...]:
    """Return the columns of a table whose rows are objects of type *t*."""
    return tuple(Column(f.name, f.type) for f in t.fields)


def flattened(t: Object, before: str = "") -> Object:
    """Return *t* with the fields of its structs as fields of its own, called by their path (SQL contract, 1.2)."""
    found: list[Field] = []
    for f in t.fields:
        name = f"{before}{f.name}"
        found += flattened(f.type, f"{name}.").fields if isinstance(f.type, Object) else [Field(name, f.type)]
    return Object(tuple(found))


def renamed(columns: Sequence[Column], names: Sequence[str]) -> tuple[Column, ...]:
    """Return *columns* under the first names of *names*, the rest under their own."""
    new = [*names, *(c.name for c in columns[len(names) :])]
    return tuple(Column(name, c.type) for name, c in zip(new, columns, strict=False))


def told_apart(columns: Columns) -> Columns:
    """Return *columns* with inner names of their own for those whose names occur twice."""
    counts: dict[str, int] = {}
    found: list[Column] = []
    for c in columns:
        count = counts[c.name.lower()] = counts.get(c.name.lower(), 0) + 1
        found.append(c if count == 1 else replace(c, inner=f"{c.name}:{count}"))
    return tuple(found)

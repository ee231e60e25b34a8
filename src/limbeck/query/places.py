"""Ties in the order of windows, broken by the order of ingestion: batch, then row (SQL contract, section 3.1).

Windows that tell apart rows with equal keys get more keys: the places of the rows in the tables they come from. A
query in between passes them on in columns of its own that no name reaches. Where rows have no place any more, behind
GROUP BY, DISTINCT or UNION, the groups' keys or the rows' contents decide.
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from limbeck.engine import PLACE
from limbeck.query.below import group_keys, is_grouped, is_random
from limbeck.query.marks import at_level, is_adobe, is_row_wise, level_of
from limbeck.query.names import reference
from limbeck.query.scope import Relation, Scope, Source
from limbeck.query.types import LONG, typed
from limbeck.xdm.types import Map

Sources = dict[tuple[str, int | None, int | None, str, bool], Source]
Bound = tuple[exp.Select, Scope]


class Places:
    """The places of the rows of one statement's relations."""

    def __init__(self, sources: Sources, selects: list[Bound]) -> None:
        self._sources = sources
        self._scopes = {id(select): scope for select, scope in selects}
        self._passed: dict[int, list[str]] = {}
        """The columns that a query or VALUES passes places on in; none: its rows have no place."""

    def break_ties(self, select: exp.Select, scope: Scope) -> None:
        """Add keys to the windows of *select* that tell apart rows which are equal in their order."""
        windows = [
            w for w in select.find_all(exp.Window) if level_of(w) == scope.level and is_row_wise(w) and not is_random(w)
        ]
        if not windows:
            return
        grouped, adobe = is_grouped(select, scope.level), any(map(is_adobe, windows))
        keys = group_keys(select) if grouped else self._keys(scope, adobe)
        for window in windows if keys else []:
            order = window.args.get("order") or exp.Order(expressions=[])
            for key in keys:
                order.append("expressions", exp.Ordered(this=key.copy(), desc=False, nulls_first=True))
            window.set("order", order)

    def _keys(self, scope: Scope, by_content: bool) -> list[exp.Expr]:
        """Return what tells apart the rows of *scope*'s relations; nothing if something has no place.

        *by_content*: all columns of what has no place do it instead.
        """
        found: list[exp.Expr] = []
        for relation in scope.relations:
            names = self._names(relation)
            if not names and not by_content:
                return []
            found += [_place(relation, name) for name in names] or _content(relation)
        return found

    def _names(self, relation: Relation) -> list[str]:
        origin = relation.origin
        while isinstance(origin, exp.Subquery):
            origin = origin.this
        if isinstance(origin, exp.Table):
            self._want(origin.name)
            return [PLACE]
        if origin is not None and id(origin) not in self._passed:
            self._passed[id(origin)] = []
            if isinstance(origin, exp.Select):
                self._passed[id(origin)] = self._through(origin)
            elif isinstance(origin, exp.Values) and relation.origin is origin:
                self._passed[id(origin)] = _numbered(origin, relation)
        return self._passed.get(id(origin), [])

    def _want(self, view: str) -> None:
        for key, source in self._sources.items():
            if source.view == view:
                self._sources[key] = replace(source, placed=True)

    def _through(self, select: exp.Select) -> list[str]:
        scope = self._scopes.get(id(select))
        if scope is None or select.args.get("distinct") or is_grouped(select, scope.level):
            return []
        names: list[str] = []
        for key in self._keys(scope, by_content=False):
            names.append(f"{PLACE}{len(names)}")
            select.append("expressions", exp.alias_(key, names[-1], quoted=True))
        return names


def _place(relation: Relation, name: str) -> exp.Expr:
    column = exp.column(exp.to_identifier(name, quoted=True), table=exp.to_identifier(relation.alias, quoted=True))
    return at_level(typed(column, LONG), relation.level)


def _content(relation: Relation) -> list[exp.Expr]:
    return [reference(relation, c) for c in relation.columns if not isinstance(c.type, Map)]


def _numbered(values: exp.Values, relation: Relation) -> list[str]:
    """Number the rows of VALUES in one column more."""
    for number, row in enumerate(values.expressions):
        cells = row.expressions if isinstance(row, exp.Tuple) else [row]
        row.replace(exp.Tuple(expressions=[*(c.copy() for c in cells), exp.Literal.number(number)]))
    names = [*(c.name for c in relation.columns), PLACE]
    values.args["alias"].set("columns", [exp.to_identifier(name, quoted=True) for name in names])
    return [PLACE]

"""The first wall: binds a query to the catalogue and XDM types (architecture, section 6).

Only tables of the catalogue, columns that exist, and functions, operators and clauses that are listed here or in
`functions` leave it. Pure: it knows neither engine nor store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from limbeck.engine import Native
from limbeck.errors import FeatureNotSupported, SqlError, SqlSyntaxError
from limbeck.query import below, coerce, names, natives, twophase
from limbeck.query.below import is_grouped
from limbeck.query.checks import check_parts, only
from limbeck.query.dialect import parse, position
from limbeck.query.expressions import Expressions
from limbeck.query.grouping import check_distinct, check_groups, check_number, check_plain
from limbeck.query.label import label
from limbeck.query.places import Bound, Places, Sources
from limbeck.query.plain import is_plain
from limbeck.query.relations import Generated, Relations
from limbeck.query.scope import Catalogue, Column, Columns, Cte, Relation, Scope, Source, ViewInfo, renamed
from limbeck.query.stars import expanded
from limbeck.query.types import type_of
from limbeck.xdm.types import Object, Type

_UNNAMED = "?column?"
"""What PostgreSQL calls a column that its text gives no name."""

_SELECT_PARTS = frozenset(
    {"with_", "distinct", "expressions", "from_", "joins", "laterals", "where", "group", "having", "windows"}
    | {"qualify", "order", "limit", "offset"}
)
_GROUP_PARTS = frozenset({"expressions", "rollup", "cube", "grouping_sets", "all"})


@dataclass(frozen=True, slots=True)
class Resolved:
    """A query in the engine's words, what it reads, and the columns it gives."""

    tree: exp.Expr
    sources: tuple[Source, ...]
    columns: Columns
    natives: tuple[Native, ...]
    """The functions that the engine has to be given for it."""


def resolve(sql: str, query: exp.Expr, catalogue: Catalogue, params: Sequence[object] = ()) -> Resolved:
    """Bind *query*, the tree of a SELECT, set operation or VALUES in *sql*; the tree is used up.

    Raise `UndefinedTable`, `UndefinedColumn`, `UndefinedFunction`, `AmbiguousColumn`, `SqlSyntaxError` or
    `FeatureNotSupported`, each with the position in the text and, where one is near, the name that was meant.
    """
    found = _Found({}, [])
    try:
        columns = _Resolver(sql, catalogue, params, found).query(query, Scope())
        places = Places(found.sources, found.selects)
        for select, scope in found.selects:
            places.break_ties(select, scope)
        gone = [twophase.plan(select, scope, found.selects) for select, scope in found.selects]
        for select, scope in found.selects:
            if not any(select is other for other in gone):
                below.hoist(select, scope.level)
    except RecursionError as error:
        raise SqlSyntaxError("the statement is nested too deeply; split it with WITH or a table") from error
    return Resolved(query, tuple(found.sources.values()), columns, natives.used(query))


@dataclass(frozen=True, slots=True)
class _Found:
    """What binding a statement comes across: the tables it reads, and every SELECT, inner ones first."""

    sources: Sources
    selects: list[Bound]


class _Resolver:
    def __init__(
        self,
        sql: str,
        catalogue: Catalogue,
        params: Sequence[object],
        found: _Found,
        views: tuple[str, ...] = (),
    ) -> None:
        self._found = found
        self._catalogue = catalogue
        self._views = views
        """The views around, outermost first."""
        self._expressions = Expressions(sql, self.query, self._exists, lambda: catalogue.database, params)
        self._relations = Relations(catalogue, found.sources, self._expressions, self.query, self._viewed, bool(views))

    # -- queries -------------------------------------------------------------------------------------------

    def query(self, node: exp.Expr, outer: Scope) -> Columns:
        """Bind a query in place and return its columns."""
        if isinstance(node, exp.Select):
            return self._select(node, outer)
        if isinstance(node, exp.Union | exp.Except | exp.Intersect):
            return self._set_operation(node, outer)
        if isinstance(node, exp.Subquery):
            return self._parenthesised(node, outer)
        if isinstance(node, exp.Values):
            return self._values(node, outer)
        raise FeatureNotSupported(f"{node.key} is not served as a query", position=position(node))

    def _select(self, node: exp.Select, outer: Scope) -> Columns:
        check_parts(node, _SELECT_PARTS)
        if not node.expressions:
            raise SqlSyntaxError("SELECT needs columns", position=position(node))
        scope = Scope(outer, self._with(node, outer))
        self._relations.bind(node, scope)
        self._clause(node, "where", scope)
        scope.windows = {w.this.name.lower(): w.copy() for w in node.args.get("windows") or []}
        columns, made = self._projections(node, scope)
        self._windows(node, scope)
        self._distinct(node, scope)
        self._group(node, scope)
        self._clause(node, "having", scope)
        self._clause(node, "qualify", scope)
        scope.aliases_first = True
        self._modifiers(node, scope, len(columns))
        if made is not None:
            self._relations.stand(node, made, is_grouped(node, scope.level))
        check_groups(node, scope.level)
        check_distinct(node, scope.level)
        self._found.selects.append((node, scope))
        return columns

    def _set_operation(self, node: exp.SetOperation, outer: Scope) -> Columns:
        check_parts(node, frozenset({"with_", "this", "expression", "distinct", "order", "limit", "offset"}))
        scope = Scope(outer, self._with(node, outer))
        left, right = self.query(node.this, scope), self.query(node.expression, scope)
        if len(left) != len(right):
            raise SqlSyntaxError(
                f"both sides of {node.key.upper()} need the same number of columns: {len(left)} and {len(right)}",
                position=position(node),
            )
        sides = (node.this, node.expression)
        types = [coerce.common((a.type, b.type), sides, node.key.upper()) for a, b in zip(left, right, strict=True)]
        columns = tuple(Column(c.name, t) for c, t in zip(left, types, strict=True))
        self._modifiers(node, _result_scope(columns, scope), len(columns))
        return columns

    def _parenthesised(self, node: exp.Subquery, outer: Scope) -> Columns:
        check_parts(node, frozenset({"this", "alias", "order", "limit", "offset", "with_"}))
        scope = Scope(outer, self._with(node, outer))
        columns = self.query(node.this, scope)
        self._modifiers(node, _result_scope(columns, scope), len(columns))
        return columns

    def _values(self, node: exp.Values, outer: Scope) -> Columns:
        check_parts(node, frozenset({"expressions", "alias"}))
        rows = [self._cells(row, Scope(outer)) for row in node.expressions]
        for row, cells in zip(node.expressions, rows, strict=True):
            if len(cells) != len(rows[0]):
                raise SqlSyntaxError("VALUES lists must all be the same length", position=position(row))
        columns = [coerce.unified(cells, "VALUES types") for cells in zip(*rows, strict=True)]
        node.set("expressions", [exp.Tuple(expressions=list(cells)) for cells in zip(*columns, strict=True)])
        kinds = [coerce.common([type_of(c) for c in cells], cells, "VALUES types") for cells in columns]
        return tuple(Column(f"col{n}", kind) for n, kind in enumerate(kinds, 1))

    def _cells(self, row: exp.Expr, scope: Scope) -> list[exp.Expr]:
        return [self._expressions.bind(c, scope) for c in (row.expressions if isinstance(row, exp.Tuple) else [row])]

    def _with(self, node: exp.Expr, outer: Scope) -> Mapping[str, Cte]:
        known = dict(outer.ctes)
        clause = node.args.get("with_")
        if clause is None:
            return known
        if clause.args.get("recursive"):
            raise FeatureNotSupported("WITH RECURSIVE is not served", position=position(clause))
        for cte in clause.expressions:
            columns = self.query(cte.this, Scope(outer, known))
            if is_plain(cte.this):
                cte.set("materialized", False)
            columns = renamed(columns, [c.name for c in cte.args["alias"].columns])
            known[cte.alias.lower()] = Cte(columns, cte.this)
        return known

    def _windows(self, node: exp.Select, scope: Scope) -> None:
        """Check what WINDOW defines, for nobody may have referred to it."""
        for window in node.args.get("windows") or []:
            self._expressions.bind_children(window, scope, "this", "alias")
        node.set("windows", None)

    def _exists(self, name: str) -> bool:
        """Return whether a table or view has this name."""
        parts = name.split(".")
        found = self._catalogue.qualified(parts) if len(parts) > 1 else name
        return bool(found) and not (
            self._catalogue.table(str(found)) is None and self._catalogue.view(str(found)) is None
        )

    def _viewed(self, view: ViewInfo) -> tuple[exp.Expr, Columns]:
        """Return the query of a view, bound; it sees the catalogue and nothing of the query around."""
        if view.name.lower() in self._views:
            raise SqlError(f"view {view.name} reads itself: {' → '.join((*self._views, view.name.lower()))}")
        within = (*self._views, view.name.lower())
        inner = _Resolver(view.sql, self._catalogue.behind(), (), self._found, within)
        try:
            query: exp.Expr = parse(view.sql)
            columns = inner.query(query, Scope())
        except SqlError as error:  # its position is one in the text of the view
            raise type(error)(f"view {view.name}: {error.message}", hint=error.hint) from error
        return self._flat(query, columns) if view.flat else (query, columns)

    def _flat(self, query: exp.Expr, columns: Columns) -> tuple[exp.Expr, Columns]:
        """Return a query that gives the fields of structs as columns, called by their path."""
        scope = Scope()
        relation = Relation("_flat", columns, scope.level, query)
        scope.relations.append(relation)
        found = [
            (names.fields(names.reference(relation, column), path), Column(name, kind))
            for column in columns
            for name, path, kind in _leaves(column.name, (), column.type)
        ]
        alias = exp.TableAlias(this=exp.to_identifier(relation.alias, quoted=True))
        select = exp.Select(
            expressions=[exp.alias_(e, c.name, quoted=True) for e, c in found],
            from_=exp.From(this=exp.Subquery(this=query, alias=alias)),
        )
        self._found.selects.append((select, scope))
        return select, tuple(column for _, column in found)

    # -- clauses -------------------------------------------------------------------------------------------

    def _projections(self, node: exp.Select, scope: Scope) -> tuple[Columns, Generated | None]:
        """Bind the SELECT list in place; return its columns, and the one call in it that gives rows."""
        columns: list[Column] = []
        items: list[exp.Expr] = []
        made: Generated | None = None
        for item in node.expressions:
            if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
                found = expanded(item, scope)
            elif self._relations.is_call(item.this if isinstance(item, exp.Alias | exp.Aliases) else item):
                if made is not None:
                    raise FeatureNotSupported(
                        "a SELECT list has room for one function that gives rows",
                        position=position(item),
                        hint="put the other in LATERAL VIEW, or in a query around this one",
                    )
                made, found = self._generated(item, scope)
            else:
                found = [self._projection(item, scope)]
            items.extend(expression for expression, _ in found)
            columns.extend(column for _, column in found)
        for column in columns:  # GROUP BY and ORDER BY know those, too, that nobody gave a name
            scope.aliases.setdefault(column.name.lower(), column)
        node.set("expressions", items)
        return tuple(columns), made

    def _generated(self, item: exp.Expr, scope: Scope) -> tuple[Generated, list[tuple[exp.Expr, Column]]]:
        call: Any = item.this if isinstance(item, exp.Alias | exp.Aliases) else item
        aliases = [item.args["alias"]] if isinstance(item, exp.Alias) else item.expressions
        made = self._relations.generated(call, aliases if call is not item else [], scope)
        for column in made.relation.columns:
            scope.aliases.setdefault(column.name.lower(), column)
        return made, [
            (exp.alias_(names.reference(made.relation, c), c.name, quoted=True), c) for c in made.relation.columns
        ]

    def _projection(self, item: exp.Expr, scope: Scope) -> tuple[exp.Expr, Column]:
        name = item.alias if isinstance(item, exp.Alias) else label(item)
        inner = self._expressions.value(item.this if isinstance(item, exp.Alias) else item, scope)
        if not isinstance(item, exp.Alias) and isinstance(inner, exp.Column):
            name = _as_typed(item, name)
        column = Column(name or _UNNAMED, type_of(inner))
        if isinstance(item, exp.Alias):
            scope.aliases.setdefault(column.name.lower(), column)
        return exp.Alias(this=inner, alias=exp.to_identifier(column.name, quoted=True)), column

    def _clause(self, node: exp.Expr, key: str, scope: Scope) -> None:
        clause = node.args.get(key)
        if clause is not None:
            visible = scope if key != "where" else _without_aliases(scope)
            clause.set("this", self._expressions.condition(clause.this, visible, key.upper()))
            if key == "where":
                check_plain(clause.this, scope.level, "WHERE")

    def _distinct(self, node: exp.Select, scope: Scope) -> None:
        distinct = node.args.get("distinct")
        if distinct is not None and distinct.args.get("on") is not None:
            raise FeatureNotSupported("DISTINCT ON is not served", position=position(node))

    def _group(self, node: exp.Select, scope: Scope) -> None:
        group = node.args.get("group")
        if group is None:
            return
        check_parts(group, _GROUP_PARTS)
        self._grouping(group, scope)

    def _grouping(self, node: exp.Expr, scope: Scope) -> None:
        for key, value in list(node.args.items()):
            if isinstance(value, list):
                node.set(key, [self._grouped(v, scope) for v in value])

    def _grouped(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        if isinstance(node, exp.Rollup | exp.Cube | exp.GroupingSets | exp.Tuple):
            self._grouping(node, scope)
            return node
        if isinstance(node, exp.Paren):
            return exp.Tuple(expressions=[self._grouped(node.this, scope)])
        return self._expressions.bind(node, scope)

    def _modifiers(self, node: exp.Expr, scope: Scope, count: int) -> None:
        """Bind ORDER BY, LIMIT and OFFSET of a query that gives *count* columns."""
        order = node.args.get("order")
        if order is not None:
            for key in order.expressions:
                check_number(key, count, "ORDER BY")
            keys = [self._expressions.bind(o, scope) for o in order.expressions]
            order.set("expressions", [k for k in keys if not _is_constant(k.this)])
            node.set("order", order if order.expressions else None)
        for key in ("limit", "offset"):
            clause = node.args.get(key)
            if clause is not None:
                self._count(clause, key)

    def _count(self, clause: exp.Expr, key: str) -> None:
        """Bind the number of LIMIT or OFFSET; `LIMIT ALL` is none."""
        number = clause.args.get("expression")
        if isinstance(number, exp.Parameter):
            number = self._expressions.count(number)
            clause.set("expression", number)
        if key == "limit" and isinstance(number, exp.Column | exp.Var) and number.name.upper() == "ALL":
            clause.pop()
        elif not (isinstance(number, exp.Literal) and number.is_int and only(clause, frozenset({"expression"}))):
            raise SqlSyntaxError(f"{key.upper()} takes a whole number", position=position(clause))


def _is_constant(key: exp.Expr) -> bool:
    """A constant that is no column's number sorts nothing, and the engine refuses it."""
    return isinstance(key, exp.Boolean | exp.Null) or (isinstance(key, exp.Literal) and not key.is_int)


def _leaves(
    name: str, path: tuple[exp.Identifier, ...], kind: Type | None
) -> Iterator[tuple[str, tuple[exp.Identifier, ...], Type | None]]:
    """Yield each field below a column that is no struct: its dotted name, the path to it, and its type."""
    if not isinstance(kind, Object):
        yield name, path, kind
        return
    for field in kind.fields:
        yield from _leaves(f"{name}.{field.name}", (*path, exp.to_identifier(field.name)), field.type)


def _result_scope(columns: Columns, scope: Scope) -> Scope:
    aliases = {c.name.lower(): c for c in columns}
    return Scope(scope.outer, scope.ctes, aliases=aliases, aliases_first=True)


def _without_aliases(scope: Scope) -> Scope:
    return replace(scope, aliases={})


def _as_typed(item: exp.Expr, name: str) -> str:
    """A column keeps the case it was typed in; only fields of structs are named in lower case."""
    last = item.parts[-1] if isinstance(item, exp.Column) else None
    return last.name if last is not None else name

"""The first wall: binds a query to the catalogue and XDM types (architecture, section 6).

Only tables of the catalogue, columns that exist, and functions, operators and clauses that are listed here or in
`functions` leave it. Pure: it knows neither engine nor store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from limbeck.errors import FeatureNotSupported, SqlError, SqlSyntaxError, UndefinedTable, nearest
from limbeck.query import below
from limbeck.query.checks import check_parts, only
from limbeck.query.dialect import Snapshot, parse, position
from limbeck.query.expressions import Expressions
from limbeck.query.label import label
from limbeck.query.places import Bound, Places, Sources
from limbeck.query.scope import Catalogue, Column, Cte, Relation, Scope, Source, ViewInfo, columns_of, renamed
from limbeck.query.stars import expanded
from limbeck.query.types import type_of
from limbeck.xdm.types import Array

Columns = tuple[Column, ...]

_SELECT_PARTS = frozenset(
    {"with_", "distinct", "expressions", "from_", "joins", "laterals", "where", "group", "having", "windows"}
    | {"qualify", "order", "limit", "offset"}
)
_TABLE_PARTS = frozenset({"this", "alias", "snapshot", "joins"})
_GROUP_PARTS = frozenset({"expressions", "rollup", "cube", "grouping_sets", "all"})


@dataclass(frozen=True, slots=True)
class Resolved:
    """A query in the engine's words, what it reads, and the columns it gives."""

    tree: exp.Expr
    sources: tuple[Source, ...]
    columns: Columns


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
        for select, scope in found.selects:
            below.hoist(select, scope.level)
    except RecursionError as error:
        raise SqlSyntaxError("the statement is nested too deeply; split it with WITH or a table") from error
    return Resolved(query, tuple(found.sources.values()), columns)


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
        self._expressions = Expressions(sql, self.query, params)

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
        self._from(node, scope)
        self._clause(node, "where", scope)
        scope.windows = {w.this.name.lower(): w.copy() for w in node.args.get("windows") or []}
        columns = self._projections(node, scope)
        self._windows(node, scope)
        self._distinct(node, scope)
        self._group(node, scope)
        self._clause(node, "having", scope)
        self._clause(node, "qualify", scope)
        scope.aliases_first = True
        self._modifiers(node, scope)
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
        self._modifiers(node, _result_scope(left, scope))
        return left

    def _parenthesised(self, node: exp.Subquery, outer: Scope) -> Columns:
        check_parts(node, frozenset({"this", "alias", "order", "limit", "offset", "with_", "joins"}))
        scope = Scope(outer, self._with(node, outer))
        columns = self.query(node.this, scope)
        self._modifiers(node, _result_scope(columns, scope))
        return columns

    def _values(self, node: exp.Values, outer: Scope) -> Columns:
        check_parts(node, frozenset({"expressions", "alias"}))
        rows = [self._expressions.bind(row, Scope(outer)) for row in node.expressions]
        node.set("expressions", rows)
        first = rows[0].expressions if isinstance(rows[0], exp.Tuple) else [rows[0]]
        return tuple(Column(f"col{n}", type_of(e)) for n, e in enumerate(first, 1))

    def _with(self, node: exp.Expr, outer: Scope) -> Mapping[str, Cte]:
        known = dict(outer.ctes)
        clause = node.args.get("with_")
        if clause is None:
            return known
        if clause.args.get("recursive"):
            raise FeatureNotSupported("WITH RECURSIVE is not served", position=position(clause))
        for cte in clause.expressions:
            columns = self.query(cte.this, Scope(outer, known))
            columns = renamed(columns, [c.name for c in cte.args["alias"].columns])
            known[cte.alias.lower()] = Cte(columns, cte.this)
        return known

    def _windows(self, node: exp.Select, scope: Scope) -> None:
        """Check what WINDOW defines, for nobody may have referred to it."""
        for window in node.args.get("windows") or []:
            self._expressions.bind_children(window, scope, "this", "alias")
        node.set("windows", None)

    # -- relations -----------------------------------------------------------------------------------------

    def _from(self, node: exp.Select, scope: Scope) -> None:
        clause = node.args.get("from_")
        if clause is not None:
            clause.set("this", self._relation(clause.this, scope))
        joins = node.args.get("joins") or []
        for join in joins:
            self._join(join, scope)
        for lateral in node.args.get("laterals") or []:
            self._lateral_view(lateral, scope)

    def _join(self, join: exp.Join, scope: Scope) -> None:
        check_parts(join, frozenset({"this", "on", "using", "side", "kind", "method"}))
        if join.args.get("kind") not in (None, "", "INNER", "CROSS", "OUTER", "SEMI", "ANTI"):
            raise FeatureNotSupported(f"{join.args['kind']} JOIN is not served", position=position(join))
        before = {c.name.lower() for r in scope.relations for c in r.columns}
        join.set("this", self._relation(join.this, scope))
        shared = {c.name.lower() for c in scope.relations[-1].columns} & before
        if join.args.get("method") == "NATURAL":
            scope.merged |= shared
        for name in join.args.get("using") or []:
            scope.merged.add(name.name.lower())
        if join.args.get("on") is not None:
            join.set("on", self._expressions.bind(join.args["on"], scope))
        if join.args.get("kind") in ("SEMI", "ANTI"):
            scope.relations.pop()

    def _relation(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        """Bind one item of FROM in place, add it to the scope and return what stands for it."""
        lateral = isinstance(node, exp.Lateral) and isinstance(node.this, exp.Subquery)
        inner = node.this if lateral else node
        if isinstance(inner, exp.Table):
            return self._table(inner, scope)
        if not isinstance(inner, exp.Subquery | exp.Values):
            raise FeatureNotSupported(
                "FROM takes tables, queries in parentheses and VALUES; table functions are not served",
                position=position(node),
            )
        columns = self.query(inner, scope if lateral else Scope(scope.outer, scope.ctes))
        self._add(node, columns, scope, inner)
        for join in inner.args.get("joins") or []:
            self._join(join, scope)
        return node

    def _add(self, node: exp.Expr, columns: Columns, scope: Scope, origin: exp.Expr, default: str = "") -> None:
        given = node.args.get("alias")
        alias = (given.name if given else "") or default or f"_derived{len(scope.relations)}"
        names_ = [c.name for c in given.columns] if given else []
        if scope.relation(alias) is not None:
            raise SqlSyntaxError(f'"{alias}" stands twice in FROM; give one an alias', position=position(node))
        quoted = exp.TableAlias(
            this=exp.to_identifier(alias, quoted=True),
            columns=[exp.to_identifier(name, quoted=True) for name in names_],
        )
        node.set("alias", quoted)
        scope.relations.append(Relation(alias, renamed(columns, names_), scope.level, origin))

    def _table(self, node: exp.Table, scope: Scope) -> exp.Expr:
        if not isinstance(node.this, exp.Identifier) or node.args.get("db") or not only(node, _TABLE_PARTS):
            self._refuse_table(node)
        name = node.name
        origin: exp.Expr = node
        cte = _cte(scope, name)
        if cte is not None:
            if node.args.get("snapshot"):
                raise SqlSyntaxError("SNAPSHOT belongs to tables, not to queries", position=position(node))
            node.set("this", exp.to_identifier(name.lower(), quoted=True))
            node.set("alias", node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name)))
            columns, origin = cte.columns, cte.query
        elif (view := self._catalogue.view(name)) is not None:
            return self._view(node, view, scope)
        else:
            columns = self._source(node, name)
        self._add(node, columns, scope, origin, default=name)
        for join in node.args.get("joins") or []:
            self._join(join, scope)
        return node

    def _view(self, node: exp.Table, view: ViewInfo, scope: Scope) -> exp.Expr:
        """Put the query of a view in its place; it sees the catalogue and nothing of the query around."""
        if node.args.get("snapshot"):
            raise SqlSyntaxError("SNAPSHOT belongs to tables, not to views", position=position(node))
        if view.name.lower() in self._views:
            raise SqlError(f"view {view.name} reads itself: {' → '.join((*self._views, view.name.lower()))}")
        query = parse(view.sql)
        within = (*self._views, view.name.lower())
        columns = _Resolver(view.sql, self._catalogue, (), self._found, within).query(query, Scope())
        derived = exp.Subquery(this=query, alias=node.args.get("alias"))
        self._add(derived, columns, scope, query, default=view.name)
        for join in node.args.get("joins") or []:
            self._join(join, scope)
        derived.set("joins", node.args.get("joins"))
        return derived

    def _source(self, node: exp.Table, name: str) -> Columns:
        table = self._catalogue.table(name)
        if table is None:
            raise UndefinedTable(
                f'table "{name}" does not exist',
                position=position(node),
                hint=nearest(name, self._catalogue.names()) or None,
            )
        snapshot = node.args.get("snapshot")
        since = _snapshot_id(snapshot, "start", "HEAD")
        until = _snapshot_id(snapshot, "end", "TAIL")
        key = (table.name, since, until)
        source = self._found.sources.setdefault(key, Source(f"t{len(self._found.sources)}", *key))
        node.set("this", exp.to_identifier(source.view, quoted=True))
        node.set("db", exp.to_identifier("main", quoted=True))
        node.set("snapshot", None)
        return columns_of(table.type)

    def _refuse_table(self, node: exp.Table) -> None:
        if node.args.get("db"):
            raise UndefinedTable("tables have no schema or database before their name here", position=position(node))
        raise FeatureNotSupported(
            "FROM takes tables, queries in parentheses and VALUES; table functions and samples are not served",
            position=position(node),
        )

    def _lateral_view(self, node: exp.Lateral, scope: Scope) -> None:
        call = node.this
        alias = node.args.get("alias")
        served = isinstance(call, exp.Anonymous) and call.name.lower() == "explode" and len(call.expressions) == 1
        if not served or node.args.get("outer") or alias is None:
            raise FeatureNotSupported("LATERAL VIEW is served for explode(list) only", position=position(node))
        column = alias.columns[0].name if alias.columns else "col"
        argument = self._expressions.bind(call.expressions[0], scope)
        kind = type_of(argument)
        if not isinstance(kind, Array):
            raise FeatureNotSupported("explode is served for lists only", position=position(call))
        quoted = exp.TableAlias(
            this=exp.to_identifier(alias.name, quoted=True), columns=[exp.to_identifier(column, quoted=True)]
        )
        node.replace(exp.Join(this=exp.Unnest(expressions=[argument], alias=quoted), kind="CROSS"))
        scope.relations.append(Relation(alias.name, (Column(column, kind.items),), scope.level))

    # -- clauses -------------------------------------------------------------------------------------------

    def _projections(self, node: exp.Select, scope: Scope) -> Columns:
        columns: list[Column] = []
        made: list[exp.Expr] = []
        for item in node.expressions:
            if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
                found = expanded(item, scope)
            else:
                found = [self._projection(item, scope)]
            made.extend(expression for expression, _ in found)
            columns.extend(column for _, column in found)
        node.set("expressions", made)
        return tuple(columns)

    def _projection(self, item: exp.Expr, scope: Scope) -> tuple[exp.Expr, Column]:
        name = item.alias if isinstance(item, exp.Alias) else label(item)
        inner = self._expressions.bind(item.this if isinstance(item, exp.Alias) else item, scope)
        if not isinstance(item, exp.Alias) and isinstance(inner, exp.Column):
            name = _as_typed(item, name)
        column = Column(name, type_of(inner))
        scope.aliases.setdefault(name.lower(), column)
        return exp.Alias(this=inner, alias=exp.to_identifier(name, quoted=True)), column

    def _clause(self, node: exp.Expr, key: str, scope: Scope) -> None:
        clause = node.args.get(key)
        if clause is not None:
            visible = scope if key != "where" else _without_aliases(scope)
            clause.set("this", self._expressions.bind(clause.this, visible))

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
        return self._expressions.bind(node, scope)

    def _modifiers(self, node: exp.Expr, scope: Scope) -> None:
        self._ordering(node, scope)
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

    def _ordering(self, node: exp.Expr, scope: Scope) -> None:
        order = node.args.get("order")
        if order is not None:
            order.set("expressions", [self._expressions.bind(o, scope) for o in order.expressions])


def _result_scope(columns: Columns, scope: Scope) -> Scope:
    aliases = {c.name.lower(): c for c in columns}
    return Scope(scope.outer, scope.ctes, aliases=aliases, aliases_first=True)


def _without_aliases(scope: Scope) -> Scope:
    return replace(scope, aliases={})


def _cte(scope: Scope, name: str) -> Cte | None:
    level: Scope | None = scope
    while level is not None:
        if name.lower() in level.ctes:
            return level.ctes[name.lower()]
        level = level.outer
    return None


def _as_typed(item: exp.Expr, name: str) -> str:
    """A column keeps the case it was typed in; only fields of structs are named in lower case."""
    last = item.parts[-1] if isinstance(item, exp.Column) else None
    return last.name if last is not None else name


def _snapshot_id(snapshot: Snapshot | None, key: str, word: str) -> int | None:
    bound = snapshot.args.get(key) if snapshot is not None else None
    if bound is None:
        return None
    if bound.is_string and bound.name.upper() == word:
        return None
    if not bound.name.isdigit():
        raise SqlSyntaxError(
            f"{bound.name} is no snapshot id; ids are whole numbers, and '{word}' stands for the end that is open",
            position=position(bound),
        )
    return int(bound.name)

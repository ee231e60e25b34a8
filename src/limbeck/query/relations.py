"""FROM: tables, views, queries, calls that give rows, and how they are joined (SQL contract, section 2.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from limbeck.errors import (
    FeatureNotSupported,
    SqlError,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedFunction,
    UndefinedTable,
    nearest,
)
from limbeck.query import generators
from limbeck.query.checks import check_parts, only
from limbeck.query.dialect import Snapshot, position, template
from limbeck.query.expressions import Expressions
from limbeck.query.functions import FUNCTIONS
from limbeck.query.generators import GENERATORS, Rows
from limbeck.query.grouping import check_plain
from limbeck.query.marks import is_aggregate, level_of
from limbeck.query.places import Sources
from limbeck.query.scope import (
    Catalogue,
    Columns,
    Cte,
    Relation,
    Scope,
    Source,
    TableInfo,
    ViewInfo,
    columns_of,
    renamed,
    told_apart,
)

GENERATED = "_generated"
"""The relation of the call in a SELECT list that gives rows."""

_KINDS = (None, "", "INNER", "CROSS", "OUTER", "SEMI", "ANTI")
_BARE = frozenset({"this"})
_TABLE_PARTS = frozenset({"this", "db", "catalog", "alias", "snapshot", "joins"})


@dataclass(frozen=True, slots=True)
class Generated:
    """A call in a SELECT list that gives rows."""

    relation: Relation
    origin: Rows | exp.Expr
    """What the rows are made of, or the table they stand in."""


class Relations:
    """Binds the items of FROM of one text."""

    def __init__(
        self,
        catalogue: Catalogue,
        sources: Sources,
        expressions: Expressions,
        query: Callable[[exp.Expr, Scope], Columns],
        view: Callable[[ViewInfo], tuple[exp.Expr, Columns]],
        behind: bool = False,
    ) -> None:
        self._catalogue = catalogue
        self._sources = sources
        self._expressions = expressions
        self._query = query
        self._view = view
        self._behind = behind
        """The text is that of a view."""

    def bind(self, node: exp.Select, scope: Scope) -> None:
        """Bind FROM of *node* with all that is joined to it, in place; add what it names to *scope*."""
        clause = node.args.get("from_")
        if clause is not None:
            clause.set("this", self._relation(clause.this, scope))
        for join in node.args.get("joins") or []:
            self._join(join, scope)
        for lateral in node.args.get("laterals") or []:
            node.append("joins", exp.Join(this=self._lateral_view(lateral, scope)))
        node.set("laterals", None)

    # -- joins ---------------------------------------------------------------------------------------------

    def _join(self, join: exp.Join, scope: Scope) -> None:
        check_parts(join, frozenset({"this", "on", "using", "side", "kind", "method"}))
        if join.args.get("kind") not in _KINDS:
            raise FeatureNotSupported(f"{join.args['kind']} JOIN is not served", position=position(join))
        if join.args.get("kind") == "CROSS" and (join.args.get("on") or join.args.get("using")):
            raise SqlSyntaxError("CROSS JOIN takes no condition", position=position(join))
        before = {c.name.lower(): c for r in scope.relations for c in r.columns}
        count = len(scope.relations)
        join.set("this", self._relation(join.this, scope))
        shared = {c.name.lower() for r in scope.relations[count:] for c in r.columns} & before.keys()
        if join.args.get("method") == "NATURAL":
            scope.merged |= shared
        for name in join.args.get("using") or []:
            if name.name.lower() not in shared:
                raise UndefinedColumn(
                    f'column "{name.name}" of USING does not stand on both sides of the join', position=position(name)
                )
            scope.merged.add(name.name.lower())
        if join.args.get("on") is not None:
            join.set("on", self._expressions.condition(join.args["on"], scope, "JOIN/ON"))
            check_plain(join.args["on"], scope.level, "JOIN conditions")
        if join.args.get("kind") in ("SEMI", "ANTI"):
            del scope.relations[count:]

    # -- items ---------------------------------------------------------------------------------------------

    def _relation(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        """Bind one item of FROM, add it to the scope and return what stands for it."""
        inner = node.this if isinstance(node, exp.Lateral) else node
        if isinstance(inner, exp.Table) and isinstance(inner.this, exp.Identifier):
            return self._table(inner, scope)
        if isinstance(inner, exp.Subquery) and isinstance(inner.this, exp.Table | exp.Subquery) and not node.alias:
            return self._parenthesised(inner, scope)
        while isinstance(inner, exp.Subquery) and isinstance(inner.this, exp.Subquery) and only(inner.this, _BARE):
            inner.set("this", inner.this.this)
        if isinstance(inner, exp.Subquery | exp.Values):
            joins = inner.args.get("joins")
            inner.set("joins", None)
            columns = self._query(inner, scope if inner is not node else Scope(scope.outer, scope.ctes))
            self._add(node, columns, scope, inner)
            inner.set("joins", joins)
            return self._joined(node, inner, scope)
        call = inner.this if isinstance(inner, exp.Table) else inner
        if isinstance(call, exp.Anonymous) and (inner is call or only(inner, _TABLE_PARTS)):
            return self._joined(self._call(node, call, scope), inner, scope)
        raise FeatureNotSupported(
            "FROM takes tables, queries in parentheses, VALUES, and functions that give rows", position=position(node)
        )

    def _parenthesised(self, node: exp.Subquery, scope: Scope) -> exp.Expr:
        """Bind relations that parentheses hold together."""
        check_parts(node, frozenset({"this", "joins"}))
        inner = self._relation(node.this, scope)
        node.set("this", inner)
        self._joined(node, node, scope)
        return node if node.args.get("joins") or inner.args.get("joins") else inner

    def _joined(self, node: exp.Expr, inner: exp.Expr, scope: Scope) -> exp.Expr:
        """Bind what is joined to an item inside of parentheses."""
        for join in inner.args.get("joins") or []:
            self._join(join, scope)
        if node is not inner and inner.args.get("joins"):
            node.set("joins", inner.args["joins"])
        return node

    def _add(self, node: exp.Expr, columns: Columns, scope: Scope, origin: exp.Expr | None, name: str = "") -> None:
        """Add a relation to the scope, under its alias or *name*, and write both out on *node*."""
        given = node.args.get("alias")
        alias = (given.name if given else "") or name or f"_derived{len(scope.relations)}"
        listed = [c.name for c in given.columns] if given else []
        if len(listed) > len(columns):
            raise SqlSyntaxError(
                f'"{alias}" has {len(columns)} columns and {len(listed)} names for them', position=position(node)
            )
        if scope.relation(alias) is not None:
            raise SqlSyntaxError(f'"{alias}" stands twice in FROM; give one an alias', position=position(node))
        columns = told_apart(renamed(columns, listed))
        whole = isinstance(origin, exp.Values) or any(c.inner for c in columns)
        node.set("alias", _aliased(alias, [c.inner or c.name for c in columns] if whole else listed))
        scope.relations.append(Relation(alias, columns, scope.level, origin))

    # -- tables and views ----------------------------------------------------------------------------------

    def _table(self, node: exp.Table, scope: Scope) -> exp.Expr:
        if not only(node, _TABLE_PARTS):
            sample = node.args.get("sample") is not None
            raise FeatureNotSupported(
                f"{'TABLESAMPLE' if sample else 'what stands behind the table'} is not served in FROM",
                position=position(node),
                hint="ANALYZE TABLE … TABLESAMPLE makes a sample, ORDER BY rand() picks rows" if sample else None,
            )
        cte = None if node.args.get("db") else _cte(scope, node.name)
        if cte is not None:
            _refuse_snapshot(node, "queries")
            self._add(node, cte.columns, scope, cte.query, node.name)
            node.set("this", exp.to_identifier(node.name.lower(), quoted=True))
            return self._joined(node, node, scope)
        written = [part.name for part in node.parts]
        name = self._catalogue.qualified(written) if len(written) > 1 else written[0]
        view = self._catalogue.view(name) if name else None
        if view is not None:
            _refuse_snapshot(node, "views")
            query, columns = self._view(view)
            bound: exp.Expr = exp.Subquery(this=query, alias=node.args.get("alias"))
            self._add(bound, columns, scope, query, view.name)
        else:
            table = self._found(node, name)
            bound = self._source(node, table)
            self._add(bound, columns_of(table.type), scope, bound, written[-1])
            scope.relations[-1] = self._with_system(scope.relations[-1], table, bound)
        if not node.alias:
            scope.relations[-1] = scope.relations[-1].called(written)
        return self._joined(bound, node, scope)

    def _with_system(self, relation: Relation, table: TableInfo, bound: exp.Table) -> Relation:
        """Return *relation* with what the server adds to the rows of *table*."""

        def tell_batch() -> None:
            for key, source in self._sources.items():
                if source.view == bound.name:
                    self._sources[key] = replace(source, batched=True)

        columns = (*relation.columns, *table.shown)
        return replace(relation, columns=columns, system=table.system, tell_batch=tell_batch)

    def _found(self, node: exp.Table, name: str | None) -> TableInfo:
        table = self._catalogue.table(name) if name else None
        if table is None:
            written = ".".join(part.name for part in node.parts)
            raise UndefinedTable(
                f'table "{written}" does not exist',
                position=position(node),
                hint=nearest(node.name, self._catalogue.names()) or None,
            )
        return table

    def _source(self, node: exp.Table, table: TableInfo, function: str = "") -> exp.Table:
        snapshot = node.args.get("snapshot")
        since = self._snapshot_id(snapshot, "start", "HEAD")
        until = self._snapshot_id(snapshot, "end", "TAIL")
        key = (table.name, since, until, function, self._behind)
        source = self._sources.setdefault(key, Source(f"t{len(self._sources)}", *key))
        view, schema = (exp.to_identifier(name, quoted=True) for name in (source.view, "main"))
        return exp.Table(this=view, db=schema, alias=node.args.get("alias"))

    def _snapshot_id(self, snapshot: Snapshot | None, key: str, word: str) -> int | None:
        bound = snapshot.args.get(key) if snapshot is not None else None
        if isinstance(bound, exp.Parameter):
            bound = self._expressions.count(bound)
        if bound is None or (bound.is_string and bound.name.upper() == word):
            return None
        if not bound.name.isdigit():
            raise SqlSyntaxError(
                f"{bound.name} is no snapshot id; ids are whole numbers, and '{word}' stands for the end that is open",
                position=position(bound),
            )
        return int(bound.name)

    # -- calls that give rows ------------------------------------------------------------------------------

    def is_call(self, node: exp.Expr) -> bool:
        """Return whether *node* is a call that gives rows."""
        return isinstance(node, exp.Anonymous) and node.name.lower() in GENERATORS | self._catalogue.functions

    def generated(self, call: exp.Anonymous, aliases: Sequence[exp.Expr], scope: Scope) -> Generated:
        """Bind a call in a SELECT list that gives rows, its columns called *aliases*, if there are any."""
        origin, columns = self._rows(call, scope)
        if aliases and len(aliases) != len(columns):
            raise SqlSyntaxError(
                f"{call.name.lower()} gives {len(columns)} columns, AS names {len(aliases)}",
                position=position(aliases[0]) or position(call),
            )
        return Generated(Relation(GENERATED, renamed(columns, [a.name for a in aliases]), scope.level), origin)

    def _rows(self, call: exp.Anonymous, scope: Scope) -> tuple[Rows | exp.Expr, Columns]:
        """Bind a call that gives rows; return them, or the table they stand in, and its columns."""
        name = call.name.lower()
        if name in GENERATORS:
            rows = generators.generated(call, [self._expressions.bind(e, scope) for e in call.expressions])
            return rows, rows.columns
        if name not in self._catalogue.functions:
            hint = nearest(name, [*GENERATORS, *self._catalogue.functions]) or None
            if name in FUNCTIONS:
                raise FeatureNotSupported(f"{name} gives no rows to stand in FROM", position=position(call))
            raise UndefinedFunction(f"function {name} is not served in FROM", position=position(call), hint=hint)
        try:
            table = self._catalogue.called(name, _text_argument(call))
        except SqlError as error:
            raise type(error)(error.message, position=error.position or position(call), hint=error.hint) from error
        return self._source(exp.Table(this=call), table, name), columns_of(table.type)

    def _call(self, node: exp.Expr, call: exp.Anonymous, scope: Scope) -> exp.Expr:
        origin, columns = self._rows(call, scope)
        if isinstance(origin, Rows):
            return self._lateral(node, origin, scope)
        origin.set("alias", node.args.get("alias"))
        self._add(origin, columns, scope, origin)
        return origin

    def _lateral_view(self, node: exp.Lateral, scope: Scope) -> exp.Expr:
        if not self.is_call(node.this) or node.this.name.lower() not in GENERATORS:
            raise FeatureNotSupported("LATERAL VIEW takes explode and its like", position=position(node))
        rows, _ = self._rows(node.this, scope)
        if not isinstance(rows, Rows):
            raise AssertionError("a generator makes rows")
        return self._lateral(node, rows.outer() if node.args.get("outer") else rows, scope)

    def _lateral(self, node: exp.Expr, rows: Rows, scope: Scope) -> exp.Expr:
        lateral = exp.Lateral(this=rows.query([c.name for c in rows.columns]), alias=node.args.get("alias"))
        self._add(lateral, rows.columns, scope, None)
        return lateral

    def stand(self, select: exp.Select, made: Generated, grouped: bool) -> None:
        """Put the rows that a call in the list of *select* gives where they belong.

        They multiply the rows that WHERE has left, before windows see them; *grouped*: the groups.
        """
        level, origin = made.relation.level, made.origin
        if isinstance(origin, Rows) and (grouped or _aggregates(origin.items, level)):
            taken = origin.from_item(template("unnest({0})", origin.items))
            _replace(select, made.relation, taken)
            return
        columns = [c.name for c in made.relation.columns]
        relation: exp.Expr = origin.query(columns) if isinstance(origin, Rows) else origin
        alias = _aliased(GENERATED, [] if isinstance(origin, Rows) else columns)
        if select.args.get("from_") is None:
            relation.set("alias", alias)
            select.set("from_", exp.From(this=relation))
        elif isinstance(origin, Rows):
            select.append("joins", exp.Join(this=exp.Lateral(this=relation, alias=alias)))
        else:
            relation.set("alias", alias)
            select.append("joins", exp.Join(this=relation))


def _aggregates(node: exp.Expr, level: int) -> bool:
    return any(is_aggregate(n) and level_of(n) == level for n in node.walk())


def _replace(select: exp.Select, relation: Relation, taken: Sequence[exp.Expr]) -> None:
    columns = dict(zip((c.name for c in relation.columns), taken, strict=True))
    for item in select.expressions:
        for column in list(item.find_all(exp.Column)):
            if column.table == relation.alias and level_of(column) == relation.level:
                column.replace(columns[column.name])


def _aliased(alias: str, columns: Sequence[str]) -> exp.TableAlias:
    return exp.TableAlias(
        this=exp.to_identifier(alias, quoted=True), columns=[exp.to_identifier(name, quoted=True) for name in columns]
    )


def _cte(scope: Scope, name: str) -> Cte | None:
    level: Scope | None = scope
    while level is not None:
        if name.lower() in level.ctes:
            return level.ctes[name.lower()]
        level = level.outer
    return None


def _text_argument(call: exp.Anonymous) -> str:
    given = call.expressions[0] if len(call.expressions) == 1 else None
    if isinstance(given, exp.Literal) and given.is_string:
        return given.name
    if isinstance(given, exp.Column) and len(given.parts) == 1:
        return given.name
    raise SqlSyntaxError(f"{call.name.lower()} takes the name of a table in quotes", position=position(call))


def _refuse_snapshot(node: exp.Table, what: str) -> None:
    if node.args.get("snapshot"):
        raise SqlSyntaxError(f"SNAPSHOT belongs to tables, not to {what}", position=position(node))

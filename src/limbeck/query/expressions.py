"""Binding expressions: names become columns and fields, calls become the engine's, types are noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from limbeck.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedFunction,
    nearest,
)
from limbeck.query import below, casts, coerce, names
from limbeck.query.dialect import position, template
from limbeck.query.functions import FUNCTIONS, NOT_SERVED, Function, windows
from limbeck.query.functions.frames import Over
from limbeck.query.generators import GENERATORS
from limbeck.query.grouping import check_no_windows
from limbeck.query.infer import infer
from limbeck.query.marks import as_aggregate, at_level, row_wise
from limbeck.query.parameters import Parameter, marked
from limbeck.query.scope import Column, Scope
from limbeck.query.types import BOOLEAN, LONG, NUMBER, STRING, TIMESTAMP, is_string, scalar_name, type_of, typed
from limbeck.xdm.types import Array, Map, Object, Type

PLAIN: frozenset[type[exp.Expr]] = frozenset(
    {exp.Boolean, exp.Escape, exp.If}
    | {exp.Interval, exp.Is, exp.Null, exp.Ordered}
    | {exp.Order, exp.Paren, exp.Trim, exp.Tuple, exp.Var, exp.Where, exp.WindowSpec, exp.BitwiseAnd}
    | {exp.BitwiseOr, exp.BitwiseXor, exp.BitwiseNot}
)
"""Expressions that mean the same to the engine once their parts are bound."""

_LONGEST = 2**63 - 1
_MOST_DIGITS = 37
"""A decimal of 38 digits is how the engine gives the sum of integers, which is a bigint here."""

Subquery = Callable[[exp.Expr, Scope], Sequence[Column]]
"""Binds a query inside an expression in place and returns its columns."""


class Expressions:
    """Binds the expressions of one statement."""

    def __init__(
        self,
        sql: str,
        subquery: Subquery,
        exists: Callable[[str], bool],
        database: Callable[[], str],
        params: Sequence[object] = (),
    ) -> None:
        self._sql = sql
        self._subquery = subquery
        self._exists = exists
        self._database = database
        self._params = params

    def bind(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        """Return *node* in the engine's words, with its type noted; parts are changed in place."""
        handler = _HANDLERS.get(type(node))
        if handler is not None:
            return handler(self, node, scope)
        if type(node) in casts.OPERATORS:
            self.bind_children(node, scope)
            _hold_together(node)
            return casts.operator(node)
        if type(node) not in PLAIN:
            raise FeatureNotSupported(f"{node.key} is not served in expressions", position=position(node))
        self.bind_children(node, scope)
        return typed(node, infer(node))

    def value(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        """Bind a column of a SELECT list; values in parentheses are a struct."""
        if isinstance(node, exp.Tuple):
            node = exp.Anonymous(this="struct", expressions=node.expressions)
        return self.bind(node, scope)

    def bind_children(self, node: exp.Expr, scope: Scope, *but: str) -> None:
        """Bind every part of *node* in place, except the named ones."""
        for key, value in list(node.args.items()):
            if key in but:
                continue
            if isinstance(value, exp.Expr):
                node.set(key, self.bind(value, scope))
            elif isinstance(value, list):
                node.set(key, [self.bind(v, scope) if isinstance(v, exp.Expr) else v for v in value])

    def condition(self, node: exp.Expr, scope: Scope, place: str) -> exp.Expr:
        """Bind an expression that stands where a truth value belongs; *place* says where, for errors."""
        return coerce.condition(self.bind(node, scope), place)

    # -- names ---------------------------------------------------------------------------------------------

    def path(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        """Bind a column, or fields below one: `a.b.c` in any case, `t.a.b` with a relation's alias."""
        base, parts = names.split(node)
        if parts is None:
            return names.fields(self.bind(base, scope), names.behind(node, base))
        if isinstance(parts[-1], exp.Star):
            raise SqlSyntaxError("* stands alone in a SELECT list or in count(*)", position=position(node))
        found = names.resolve(parts, scope)
        if found is not None:
            return _at(parts[0], found)
        if len(parts) == 1 and self._double_quoted(parts[0]):
            return typed(exp.Literal.string(parts[0].name), STRING)
        raise names.undefined(parts, scope)

    def _double_quoted(self, part: exp.Expr) -> bool:
        start = part.meta.get("start")
        return start is not None and self._sql[start : start + 1] == '"'

    def bracket(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        """Bind `list[0]`, `map['key']` and `struct['field']`."""
        base = self.bind(node.this, scope)
        if len(node.expressions) != 1:
            raise SqlSyntaxError("one index, key or field name goes into brackets", position=position(node))
        index = self.bind(node.expressions[0], scope)
        kind, text = type_of(base), isinstance(index, exp.Literal) and index.is_string
        if text and (isinstance(kind, Object) or (isinstance(kind, Array) and isinstance(kind.items, Object))):
            return names.fields(base, [exp.to_identifier(index.name)])
        if isinstance(kind, Map):
            return typed(template("{0}[{1}]", names.atom(base), index), kind.values)
        if kind is None and (text or is_string(type_of(index))):
            return typed(template("{0}[{1}]", names.atom(base), index), None)
        if kind is not None and not isinstance(kind, Array):
            raise UndefinedColumn("only lists, maps and structs take brackets", position=position(node))
        return typed(_item(names.atom(base), index), kind.items if isinstance(kind, Array) else None)

    # -- calls ---------------------------------------------------------------------------------------------

    def call(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        """Bind a call that stands without OVER."""
        if _name(node) in GENERATORS:
            raise SqlSyntaxError(
                f"{_name(node)} stands alone in a SELECT list or in FROM, not in an expression", position=position(node)
            )
        if _name(node) == "table_exists":
            return self.table_exists(node)
        if _name(node) == "current_database" and not node.expressions:
            return typed(exp.Literal.string(self._database()), STRING)
        function, inner = self._called(node, scope)
        if function.kind == "window":
            raise SqlSyntaxError(f"{_name(node)} needs OVER (…)", position=position(node))
        found = _wrapped(function, inner)
        return as_aggregate(at_level(found, scope.level)) if function.kind == "aggregate" else found

    def table_exists(self, node: exp.Expr) -> exp.Expr:
        """Bind `table_exists('t')`, which is known before the query runs."""
        given = node.expressions[0] if len(node.expressions) == 1 else None
        if not isinstance(given, exp.Literal) or not given.is_string:
            raise SqlSyntaxError("table_exists takes the name of a table in quotes", position=position(node))
        return typed(exp.Boolean(this=self._exists(given.name)), BOOLEAN)

    def filtered(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        """Bind `aggregate(…) FILTER (WHERE …)`."""
        function, inner = self._filtered(node, scope)
        return as_aggregate(at_level(_wrapped(function, inner), scope.level))

    def window(self, node: exp.Window, scope: Scope) -> exp.Expr:
        """Bind a call with OVER, those of Adobe's own among them."""
        called = node.this
        self._refer(node, scope)
        _check_frame(node)
        self.bind_children(node, scope, "this")
        check_no_windows(node.iter_expressions(), scope.level, "windows")
        below.settle(node, scope.level)
        ignore = isinstance(called, exp.IgnoreNulls)
        if isinstance(called, exp.IgnoreNulls | exp.RespectNulls):
            called = called.this
        if isinstance(called, exp.Filter):
            function, inner = self._filtered(called, scope)
        elif isinstance(called, exp.Anonymous):
            function, inner = self._called(called, scope, over=node, ignore_nulls=ignore)
        else:
            raise SqlSyntaxError("before OVER comes a function", position=position(node))
        if function.windowed is not None:
            return inner
        if function.kind == "scalar":
            raise SqlSyntaxError(f"{_name(called)} takes no OVER", position=position(called))
        node.set("this", inner)
        at_level(node, scope.level)
        if _is_row_wise(called, node):
            row_wise(node)
        return _wrapped(function, typed(node, type_of(inner)))

    def _refer(self, node: exp.Window, scope: Scope) -> None:
        """Put what WINDOW defines in the place of its name."""
        while (alias := node.args.get("alias")) is not None:
            known = scope.windows.get(alias.name.lower())
            if known is None:
                raise SqlSyntaxError(
                    f'window "{alias.name}" is not defined',
                    position=position(alias),
                    hint=nearest(alias.name, list(scope.windows)) or None,
                )
            node.set("alias", None)
            for key in ("partition_by", "order", "spec", "alias"):
                if key != "alias" and known.args.get(key) and node.args.get(key):
                    raise SqlSyntaxError(
                        f'window "{alias.name}" has its own {key.partition("_")[0].upper()}', position=position(alias)
                    )
                if known.args.get(key):
                    node.set(key, known.copy().args[key])

    def _filtered(self, node: exp.Expr, scope: Scope) -> tuple[Function, exp.Expr]:
        function, inner = self._called(node.this, scope)
        if function.kind != "aggregate":
            raise SqlSyntaxError("FILTER belongs to aggregates", position=position(node))
        condition = self.condition(node.expression.this, scope, "FILTER")
        return function, typed(template("{0} FILTER (WHERE {1})", inner, condition), type_of(inner))

    def _called(
        self, node: exp.Expr, scope: Scope, over: exp.Window | exp.Expr | None = None, ignore_nulls: bool = False
    ) -> tuple[Function, exp.Expr]:
        name = _name(node) if over is not None else _WITHOUT_OVER.get(_name(node), _name(node))
        function = FUNCTIONS.get(name)
        if name in NOT_SERVED:
            raise FeatureNotSupported(f"{name}: {NOT_SERVED[name]}", position=position(node))
        if function is None:
            hint = nearest(name, [*FUNCTIONS, *GENERATORS]) or None
            raise UndefinedFunction(f"function {name} is not served", position=position(node), hint=hint)
        if name == "count" and node.expressions and isinstance(node.expressions[0], exp.Star):
            return function, typed(template("count(*)"), LONG)
        count = len(node.expressions)
        if function.form(count) is None:
            counts = " or ".join(str(n) for n in sorted(function.forms) if n >= 0) or "at least 1"
            raise UndefinedFunction(f"{name} takes {counts} arguments, found {count}", position=position(node))
        if function.kind != "aggregate" and any(isinstance(e, exp.Distinct) for e in node.expressions):
            raise SqlSyntaxError(f"DISTINCT belongs to aggregates, which {name} is not", position=position(node))
        arguments = self._arguments(node.expressions, function, scope)
        if function.kind != "scalar":
            check_no_windows(arguments, scope.level, f"the arguments of {name}")
        if ignore_nulls and arguments:
            arguments[-1] = typed(template("{0} IGNORE NULLS", arguments[-1]), type_of(arguments[-1]))
        if function.windowed is not None and isinstance(over, exp.Window):
            if function.wants.startswith("t"):
                arguments[0] = _moment(arguments[0], name, position(node.expressions[0]))
            if function.test is not None:
                arguments[function.test] = coerce.condition(arguments[function.test], name)
            return function, function.windowed(arguments, Over.of(over, scope.level))
        return function, function.call(arguments)

    def _arguments(self, nodes: Sequence[exp.Expr], function: Function, scope: Scope) -> list[exp.Expr]:
        bound: list[exp.Expr] = []
        for number, node in enumerate(nodes):
            if isinstance(node, exp.Lambda) and function.lambdas is not None:
                before = [*(type_of(b) for b in bound), None, None]  # a lambda may stand too early
                bound.append(self._lambda(node, function.lambdas(before), scope))
                continue
            if function.named:
                bound.append(self._named(node, number, scope))
                continue
            wanted = function.wants[min(number, len(function.wants) - 1)] if function.wants else "-"
            bound.append(casts.wanted(self.bind(node, scope), wanted))
        return bound

    def _named(self, node: exp.Expr, number: int, scope: Scope) -> exp.Expr:
        """Bind a part of a struct: its field is called like the column or the alias, else by its number."""
        path = node if isinstance(node, exp.Column | exp.Dot | exp.Identifier) else None
        name = node.alias or (path.name if path else "") or f"col{number + 1}"
        inner = self.bind(node.this if isinstance(node, exp.Alias) else node, scope)
        return typed(exp.Alias(this=inner, alias=exp.to_identifier(name)), type_of(inner))

    def _lambda(self, node: exp.Lambda, types: Sequence[Type | None], scope: Scope) -> exp.Expr:
        known = dict(zip((p.name.lower() for p in node.expressions), types, strict=False))
        everything: Mapping[str, Type | None] = {p.name.lower(): None for p in node.expressions} | known
        made = node.this
        if isinstance(made, exp.Tuple):  # what (x, y) gives is a struct
            made = exp.Anonymous(this="struct", expressions=made.expressions)
        body = self.bind(made, scope.with_locals(everything))
        params = ", ".join(f"{{{n + 1}}}" for n in range(len(node.expressions)))
        quoted = [exp.to_identifier(p.name, quoted=True) for p in node.expressions]
        return typed(template(f"LAMBDA {params} : {{0}}", body, *quoted), type_of(body))

    def literal(self, node: exp.Literal, _scope: Scope) -> exp.Expr:
        """Bind a text or a number; a whole number that no bigint holds is a decimal."""
        if not node.is_string and node.is_int and int(node.name) > _LONGEST:
            digits = len(node.name.lstrip("0"))
            kind = f"DECIMAL({digits}, 0)" if digits <= _MOST_DIGITS else "DOUBLE"
            return typed(template(f"CAST({{0}} AS {kind})", exp.Literal.string(node.name)), NUMBER)
        return typed(node, infer(node))

    # -- logic and branches --------------------------------------------------------------------------------

    def logic(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        """Bind AND, OR and NOT, whose parts are truth values."""
        for key in ("this", "expression"):
            if node.args.get(key) is not None:
                node.set(key, self.condition(node.args[key], scope, node.key.upper()))
        return typed(node, BOOLEAN)

    def case(self, node: exp.Case, scope: Scope) -> exp.Expr:
        """Bind CASE: its branches give values of one type."""
        compared = node.args.get("this")
        node.set("this", None)
        for branch in node.args["ifs"]:
            when = branch.this if compared is None else exp.EQ(this=compared.copy(), expression=branch.this)
            branch.set("this", self.condition(when, scope, "CASE/WHEN"))
            branch.set("true", self.bind(branch.args["true"], scope))
        holders = [(branch, "true") for branch in node.args["ifs"]]
        if node.args.get("default") is not None:
            node.set("default", self.bind(node.args["default"], scope))
            holders.append((node, "default"))
        values = coerce.unified([holder.args[key] for holder, key in holders], "CASE types")
        for (holder, key), value in zip(holders, values, strict=True):
            holder.set(key, value)
        return typed(node, infer(node))

    def negative(self, node: exp.Neg, scope: Scope) -> exp.Expr:
        """Bind a minus sign; a text is taken for a number."""
        inner = casts.wanted(self.bind(node.this, scope), "n")
        return typed(exp.Neg(this=inner), type_of(inner))

    # -- the rest ------------------------------------------------------------------------------------------

    def distinct(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        """Bind DISTINCT before an argument."""
        self.bind_children(node, scope)
        if len(node.expressions) != 1:
            if not isinstance(node.parent, exp.Anonymous) or _name(node.parent) != "count":
                raise SqlSyntaxError("only count takes DISTINCT and several arguments", position=position(node))
            whole = " AND ".join(f"{{{n}}} IS NOT NULL" for n in range(len(node.expressions)))
            counted = template(f"CASE WHEN {whole} THEN row({{*}}) END", *node.expressions)
            node.set("expressions", [counted])
        return typed(node, type_of(node.expressions[0]))

    def extract(self, node: exp.Extract, scope: Scope) -> exp.Expr:
        """Bind EXTRACT(part FROM moment)."""
        part = exp.Literal.string(node.name)
        return self.call(exp.Anonymous(this="date_part", expressions=[part, node.expression]), scope)

    def cast(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        """Bind CAST, TRY_CAST and `::`."""
        return casts.cast(self.bind(node.this, scope), node.args["to"])

    def like(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        """Bind LIKE and ILIKE; a backslash escapes, which the engine has to be told."""
        escaped = isinstance(node.parent, exp.Escape)
        self.bind_children(node, scope)
        typed(node, infer(node))
        pattern = node.expression
        if escaped or (isinstance(pattern, exp.Literal) and "\\" not in pattern.name):
            return node
        return typed(exp.Paren(this=exp.Escape(this=node, expression=exp.Literal.string("\\"))), type_of(node))

    def regexp(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        """Bind RLIKE and REGEXP: the pattern may match anywhere."""
        self.bind_children(node, scope)
        return typed(template("regexp_matches({0}, {1})", node.this, node.expression), infer(node))

    def within(self, node: exp.In, scope: Scope) -> exp.Expr:
        """Bind IN with a list or with a query."""
        query = node.args.get("query")
        if query is not None:
            wanted = len(node.this.expressions) if isinstance(node.this, exp.Tuple) else 1
            columns = self._columns(query, scope, wanted)
            self.bind_children(node, scope, "query")
            return _within_query(node, query, columns)
        self.bind_children(node, scope)
        return casts.operator(node)

    def nested(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        """Bind a query inside an expression."""
        return typed(node, self._columns(node, scope, 1)[0].type)

    def _columns(self, node: exp.Expr, scope: Scope, wanted: int) -> Sequence[Column]:
        columns = self._subquery(node, scope)
        if len(columns) != wanted:
            count = "only one column" if wanted == 1 else f"{wanted} columns"
            raise SqlSyntaxError(f"subquery must return {count}, not {len(columns)}", position=position(node))
        return columns

    def exists(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        """Bind EXISTS (select …)."""
        self._subquery(node.this, scope)
        return typed(node, infer(node))

    def parameter(self, node: exp.Expr, _scope: Scope) -> exp.Expr:
        """Put the value of `$1`, `$2` … in its place."""
        number = int(node.name) if node.name.isdigit() else 0
        if not 1 <= number <= len(self._params):
            raise SqlSyntaxError(f"parameter ${node.name} has no value", position=position(node))
        value = self._params[number - 1]
        return marked(value.node() if isinstance(value, Parameter) else self.bind(exp.convert(value), Scope()), number)

    def count(self, node: exp.Parameter) -> exp.Expr:
        """Put the value of a parameter into LIMIT or OFFSET, where the engine wants a plain number."""
        number = int(node.name) if node.name.isdigit() else 0
        value = self._params[number - 1] if 1 <= number <= len(self._params) else None
        if not isinstance(value, Parameter):
            return self.parameter(node, Scope())
        # it may have no value yet, and which is of no matter to names and types
        return exp.convert(0 if value.value is None else value.value)

    def now(self, node: exp.Expr, _scope: Scope) -> exp.Expr:
        """Bind CURRENT_DATE and CURRENT_TIMESTAMP without parentheses."""
        name = "current_date" if isinstance(node, exp.CurrentDate) else "current_timestamp"
        return FUNCTIONS[name].call([])


def _hold_together(node: exp.Expr) -> None:
    """Put comparisons inside of comparisons into parentheses: the engine takes no chains of them."""
    for key in ("this", "expression"):
        part = node.args.get(key)
        if isinstance(part, exp.Predicate | exp.Not):
            node.set(key, typed(exp.Paren(this=part.copy()), type_of(part)))


def _check_frame(window: exp.Window) -> None:
    spec: exp.WindowSpec | None = window.args.get("spec")
    edges = spec.args if spec is not None else {}
    for bound in ("start", "end"):
        if edges.get(bound) not in (None, "CURRENT ROW") and not edges.get(f"{bound}_side"):
            raise SqlSyntaxError(
                "a frame reaches from … PRECEDING to … FOLLOWING, or to CURRENT ROW", position=position(window)
            )


def _within_query(node: exp.In, query: exp.Expr, columns: Sequence[Column]) -> exp.Expr:
    """Cast what IN compares with the one column of a query, as `=` would."""
    typed(node, BOOLEAN)
    if len(columns) != 1:
        return node
    given = typed(exp.column("_given", table="_q"), columns[0].type)
    compared = casts.operator(exp.EQ(this=node.this, expression=given))
    node.set("this", compared.this)
    if compared.expression is not given:
        alias = exp.TableAlias(this=exp.to_identifier("_q"), columns=[exp.to_identifier("_given")])
        inner = exp.Subquery(this=query.unnest(), alias=alias)
        node.set("query", exp.Select(expressions=[compared.expression], from_=exp.From(this=inner)).subquery())
    return node


def _at(written: exp.Expr, found: exp.Expr) -> exp.Expr:
    """Note on *found* where in the text stands what it was bound from, for errors that come later."""
    if "start" in written.meta:
        found.meta["start"] = written.meta["start"]
    return found


_WITHOUT_OVER = {"first_value": "first", "last_value": "last"}
"""Functions of windows that are aggregates by another name where no OVER follows."""


def _name(node: exp.Expr) -> str:
    return node.name.lower()


def _moment(node: exp.Expr, name: str, place: int | None) -> exp.Expr:
    """Return the time that one of Adobe's functions takes first, as a timestamp."""
    kind = scalar_name(type_of(node))
    if kind == "date":
        return typed(template("CAST({0} AS TIMESTAMP)", node), TIMESTAMP)
    if kind not in (None, "date-time"):
        raise DatatypeMismatch(f"{name} takes a timestamp first, found a value of type {kind}", position=place)
    return node


def _is_row_wise(called: exp.Expr, window: exp.Window) -> bool:
    """Whether the result may differ for rows that are equal in the order of *window*."""
    if window.args.get("order") is None or _name(called) in windows.BY_PEERS:
        return False
    spec = window.args.get("spec")
    return _name(called) in windows.BY_DISTANCE or (spec is not None and spec.args.get("kind") == "ROWS")


def _wrapped(function: Function, inner: exp.Expr) -> exp.Expr:
    return typed(template(function.wrap, inner), type_of(inner)) if function.wrap else inner


def _item(base: exp.Expr, index: exp.Expr) -> exp.Expr:
    """The element at a position counted from 0; NULL before the first and behind the last."""
    if isinstance(index, exp.Literal) and index.is_int:
        return template(f"{{0}}[{int(index.name) + 1}]", base)
    return template("{0}[CASE WHEN {1} >= 0 THEN {1} + 1 END]", base, index)


_HANDLERS: dict[type[exp.Expr], Callable[[Expressions, Any, Scope], exp.Expr]] = {
    exp.Column: Expressions.path,
    exp.Dot: Expressions.path,
    exp.Identifier: Expressions.path,
    exp.Bracket: Expressions.bracket,
    exp.Anonymous: Expressions.call,
    exp.Filter: Expressions.filtered,
    exp.Window: Expressions.window,
    exp.Cast: Expressions.cast,
    exp.TryCast: Expressions.cast,
    exp.Like: Expressions.like,
    exp.ILike: Expressions.like,
    exp.RegexpLike: Expressions.regexp,
    exp.Distinct: Expressions.distinct,
    exp.Extract: Expressions.extract,
    exp.In: Expressions.within,
    exp.Subquery: Expressions.nested,
    exp.Exists: Expressions.exists,
    exp.Literal: Expressions.literal,
    exp.And: Expressions.logic,
    exp.Or: Expressions.logic,
    exp.Not: Expressions.logic,
    exp.Case: Expressions.case,
    exp.Neg: Expressions.negative,
    exp.Parameter: Expressions.parameter,
    exp.CurrentDate: Expressions.now,
    exp.CurrentTimestamp: Expressions.now,
}

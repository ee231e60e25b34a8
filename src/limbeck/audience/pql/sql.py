"""A checked rule as a DuckDB condition.

An expression has one of three readings. `_value`: a value or NULL. `_test`: true, or else false or NULL, which is
enough for WHERE, and the engine can push such a comparison into its scan. `sure`: true or false. What NULL does to an
operator is read from `nulls.NULLS`; the SQL of every operator by itself is strict: NULL if an operand is.
"""

from __future__ import annotations

import datetime as dt

from sqlglot import exp

from limbeck.audience.pql import names, times
from limbeck.audience.pql import tree as t
from limbeck.audience.pql.check import Rule
from limbeck.audience.pql.nulls import NULLS, Nulls
from limbeck.audience.pql.spelling import exists, function, is_null, joined, named, number, or_false, text, wrapped

_BINARY: dict[str, type[exp.Binary]] = {
    "=": exp.EQ,
    "!=": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
    "+": exp.Add,
    "-": exp.Sub,
    "*": exp.Mul,
    "/": exp.Div,
    "%": exp.Mod,
    "like": exp.Like,
}
_FUNCTIONS = {"contains": "contains", "startsWith": "starts_with", "endsWith": "ends_with"}
_NEGATED = {
    "notEqualTo": "equals",
    "doesNotContain": "contains",
    "doesNotStartWith": "startsWith",
    "doesNotEndWith": "endsWith",
}


def condition(rule: Rule, now: dt.datetime) -> str:
    """Return *rule* as a DuckDB expression that is true or false, never NULL, and binds tighter than AND.

    *now* is the instant that `now`, `today` and the like are reckoned from; without a zone it is UTC. The relations:
    `p` with `person` and `rule.profile_paths`; `events` with `person` and `rule.event_paths`; `in_audience` with
    `person` and `audience`. Columns are called by their dotted paths and hold numbers, BOOLEAN, VARCHAR, DATE,
    TIMESTAMP (UTC), or lists of one of them. Event tests are EXISTS by person, which DuckDB runs as semi-joins.
    """
    return wrapped(_Writer(times.local(now)).sure(rule.tree)).sql(dialect="duckdb")


class _Writer:
    def __init__(self, now: dt.datetime) -> None:
        self._now = now
        self._nearest = "p"
        """The relation whose `person` is nearest: within an event test, the event's."""

    # -- the three readings ---------------------------------------------------------------------------------------

    def sure(self, node: t.Expr) -> exp.Expr:
        """Return *node*, a condition, as true or false."""
        if isinstance(node, t.Logic):
            return joined(node.operator, map(self.sure, node.parts))
        made = self._test(node)
        return made if _never_null(node) else or_false(made)

    def _test(self, node: t.Expr) -> exp.Expr:
        """Return *node*, a condition, as true, or as false or NULL."""
        match node:
            case t.Logic():
                return joined(node.operator, map(self._test, node.parts))
            case t.Not():
                return exp.Not(this=wrapped(self.sure(node.operand)))
            case t.Events():
                return self._events(node)
            case t.Member():
                return self._member(node)
            case t.Occurs():
                return self._occurs(node)
            case t.Binary(operator="in" | "notIn"):
                return self._in(node)
            case t.Binary(kind=t.Kind.BOOLEAN):
                return self._comparison(node)
            case t.Method(kind=t.Kind.BOOLEAN):
                return self._method_test(node)
            case t.Column(kind=t.Kind.LIST):
                return exp.GT(this=function("len", _column(node)), expression=number(0))
        return self._value(node)

    def _value(self, node: t.Expr) -> exp.Expr:
        """Return *node* as its value, or NULL."""
        match node:
            case t.Literal():
                return _literal(node)
            case t.Column():
                return _column(node)
            case t.Moment():
                return times.instant(times.begin(self._now, node.word))
            case t.Negative():
                return exp.Neg(this=wrapped(self._as(node.operand, t.Kind.DOUBLE)))
            case t.Call():
                return self._call(node)
            case t.Binary() if node.kind is not t.Kind.BOOLEAN:
                return self._arithmetic(node)
            case t.Method() if node.kind is not t.Kind.BOOLEAN:
                return self._method_value(node)
        return self.sure(node)

    def _as(self, node: t.Expr, kind: t.Kind) -> exp.Expr:
        """Return the value of *node* as *kind*: a number as a DOUBLE, a time as a TIMESTAMP, a null as any of them."""
        made = self._value(node)
        if node.kind is kind or kind not in _CASTS:
            return made
        return exp.cast(made, _CASTS[kind])

    # -- operators ------------------------------------------------------------------------------------------------

    def _arithmetic(self, node: t.Binary) -> exp.Expr:
        left, right = (wrapped(self._as(side, t.Kind.DOUBLE)) for side in (node.left, node.right))
        if node.operator in ("/", "%"):
            right = exp.Nullif(this=right, expression=number(0))
        return _BINARY[node.operator](this=left, expression=right)

    def _comparison(self, node: t.Binary) -> exp.Expr:
        left, right = (wrapped(self._value(side)) for side in (node.left, node.right))
        kind = exp.NullSafeNEQ if NULLS[node.operator] is Nulls.ONE_SIDE else _BINARY[node.operator]
        return kind(this=left, expression=right)

    def _in(self, node: t.Binary) -> exp.Expr:
        if isinstance(node.right, t.Items):
            found = self._in_items(node.left, node.right)
        elif isinstance(node.right, t.Column):
            found = self._in_field(node.left, node.right)
        else:
            found = exp.null()
        return found if node.operator == "in" else exp.Not(this=wrapped(found))

    def _in_items(self, node: t.Expr, written: t.Items) -> exp.Expr:
        """Return whether the value of *node* is an item; NULL only if that value is, whatever the items are."""
        items = [item for item in written.items if item.kind is not t.Kind.NULL]
        left, *others = (wrapped(self._value(each)) for each in (node, *items))
        if not items:
            return exp.And(this=is_null(left), expression=exp.null())
        if all(isinstance(item, t.Literal) for item in items):
            return exp.In(this=left, expressions=others)
        return function("list_contains", exp.Array(expressions=others), left)

    def _in_field(self, node: t.Expr, field: t.Column) -> exp.Expr:
        """Return whether the value of *node* is in a list field: NULL if either is."""
        values = _column(field)
        is_empty = exp.EQ(this=function("len", values), expression=number(0))
        nothing = exp.Array(expressions=[exp.null()])  # list_contains([], NULL) would be false
        held: exp.Expr = exp.Case().when(is_empty, nothing, copy=False).else_(values.copy(), copy=False)
        return function("list_contains", held, self._value(node))

    # -- methods and functions ------------------------------------------------------------------------------------

    def _method_test(self, node: t.Method) -> exp.Expr:
        if node.name in names.NULL_TESTS:
            found = self._absent(node.receiver)
            return found if node.name == "isNull" else exp.Not(this=wrapped(found))
        receiver, argument = (wrapped(self._as(x, t.Kind.STRING)) for x in (node.receiver, node.arguments[0]))
        if node.name == "matches":
            return function("regexp_matches", receiver, argument)
        if any(isinstance(flag, t.Literal) and flag.value is False for flag in node.arguments[1:]):
            receiver, argument = exp.Lower(this=receiver), exp.Lower(this=argument)
        positive = _NEGATED.get(node.name, node.name)
        if positive == "equals":
            found = exp.EQ(this=receiver, expression=argument)
        else:
            found = function(_FUNCTIONS[positive], receiver, argument)
        return found if positive == node.name else exp.Not(this=wrapped(found))

    def _absent(self, node: t.Expr) -> exp.Expr:
        """Return whether *node* is null; an empty list is."""
        if node.kind is t.Kind.LIST:
            return exp.Not(this=or_false(self._test(node)))
        return is_null(wrapped(self._value(node)))

    def _method_value(self, node: t.Method) -> exp.Expr:
        if node.name in names.DATE_PARTS:
            time = self._as(node.receiver, t.Kind.INSTANT)
            return exp.Extract(this=exp.var(names.DATE_PARTS[node.name]), expression=time)
        receiver, *pattern = (self._as(node.receiver, t.Kind.STRING), *map(self._value, node.arguments))
        found = function("regexp_matches", receiver, pattern[0])
        extracted = function("regexp_extract", receiver.copy(), *(part.copy() for part in pattern))
        return exp.Case().when(found, extracted, copy=False)

    def _call(self, node: t.Call) -> exp.Expr:
        if node.name in names.CURRENT_PARTS:
            return number(getattr(self._now, names.CURRENT_PARTS[node.name]))
        asked, *values = node.arguments
        yes, no = (self._as(value, node.kind) for value in values)
        return exp.Case().when(self._test(asked), yes, copy=False).else_(no, copy=False)

    # -- events, audiences and time -------------------------------------------------------------------------------

    def _events(self, node: t.Events) -> exp.Expr:
        self._nearest = "e"
        asked = [] if node.where is None else [self._test(node.where)]
        self._nearest = "p"
        same = exp.EQ(this=named("e", "person"), expression=named("p", "person"))
        return exists("events", "e", joined("and", [same, *asked]))

    def _member(self, node: t.Member) -> exp.Expr:
        same = exp.EQ(this=named("m", "person"), expression=named(self._nearest, "person"))
        audience = exp.EQ(this=named("m", "audience"), expression=text(node.audience))
        return exists("in_audience", "m", joined("and", [same, audience]))

    def _occurs(self, node: t.Occurs) -> exp.Expr:
        time = wrapped(self._as(node.time, t.Kind.INSTANT))
        match node.test:
            case t.Between(first, last):
                return times.between(time, self._point(first), self._point(last))
            case t.Against(relation, point):
                return times.against(time, relation, self._point(point))
            case t.Span(point=point):
                return times.span(time, node.test, self._point(point)[0])

    def _point(self, point: t.Point) -> times.Point:
        match point:
            case t.Near(word=word):
                return times.near(self._now, word)
            case t.Calendar(which=which, unit=unit):
                return times.calendar(self._now, which, unit)
        start = wrapped(self._as(point, t.Kind.INSTANT))
        return start, times.shifted(start, 1, "day") if point.kind is t.Kind.DATE else None


_CASTS = {t.Kind.DOUBLE: "DOUBLE", t.Kind.INSTANT: "TIMESTAMP", t.Kind.STRING: "VARCHAR"}
_TABLES = {"profile": "p", "event": "e"}


def _column(node: t.Column) -> exp.Expr:
    return named(_TABLES[node.owner], node.path)


def _literal(node: t.Literal) -> exp.Expr:
    match node.value:
        case None:
            return exp.null()
        case bool():
            return exp.true() if node.value else exp.false()
        case int():
            return number(node.value)
        case float():
            return exp.cast(text(repr(node.value)), "DOUBLE")
        case dt.date():
            return exp.cast(text(node.value.isoformat()), "DATE")
    return text(node.value)


def _never_null(node: t.Expr) -> bool:
    match node:
        case t.Events() | t.Member():
            return True
        case t.Binary(operator=name) | t.Method(name=name):
            return NULLS[name] in (Nulls.ONE_SIDE, Nulls.ASKS)
    return isinstance(node, t.Not) and NULLS["not"] is Nulls.AS_FALSE

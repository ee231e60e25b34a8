"""From Lark's tree of the whole grammar to the typed tree of what is served."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable
from typing import cast

from lark import Token, Tree

from limbeck.audience.pql import tree as t
from limbeck.audience.pql.names import not_served
from limbeck.errors import PqlError

DEPTH = 50
"""How deeply expressions may be nested; a sum of three terms is two levels deep."""
EXACT = 2**53
"""From here on a whole number is kept as a double, as JSON does."""

_OPERATORS = {"in": "in", "notin": "notIn", "like": "like"}
_UNITS = {"centuries": "century", "millennia": "millennium"}

Parsed = Tree[Token]


def build(parsed: Parsed) -> t.Expr:
    """Return the typed tree; raise `PqlError` where a part is not served yet, or no number, date or variable."""
    children = list(parsed.children)
    parameter = ""
    if isinstance(children[0], Token):
        parameter = _parameter(children[0])
    return _Builder(parameter).expr(_tree(children[-1]))


class _Builder:
    def __init__(self, parameter: str) -> None:
        self._parameter = parameter
        self._variable = ""
        self._depth = 0
        self._rules: dict[str, Callable[[Parsed], t.Expr]] = {
            "or": self._logic,
            "and": self._logic,
            "not": self._not,
            "quantifier": self._quantifier,
            "compare": self._compare,
            "occurs": self._occurs,
            "sum": self._arithmetic,
            "product": self._arithmetic,
            "minus": self._minus,
            "postfix": self._postfix,
            "literal": _literal,
            "list": self._list,
            "group": lambda parsed: self.expr(_tree(parsed.children[0])),
            "path": self._path,
            "parameter": self._path,
            "call": self._call,
        }

    def expr(self, parsed: Parsed) -> t.Expr:
        rule = self._rules.get(parsed.data)
        if rule is None:
            raise _unserved(parsed)
        levels = _levels(parsed)
        if self._depth + levels > DEPTH:
            raise PqlError(f"the rule is nested more than {DEPTH} levels deep", position=_at(parsed))
        self._depth += levels
        made = rule(parsed)
        self._depth -= levels
        return made

    def _all(self, parsed: Parsed) -> tuple[t.Expr, ...]:
        return tuple(self.expr(child) for child in parsed.children if isinstance(child, Tree))

    def _logic(self, parsed: Parsed) -> t.Expr:
        return t.Logic(_at(parsed), "or" if parsed.data == "or" else "and", self._all(parsed))

    def _not(self, parsed: Parsed) -> t.Expr:
        return t.Not(_at(parsed), *self._all(parsed))

    def _quantifier(self, parsed: Parsed) -> t.Expr:
        word, binding, *more = parsed.children
        if str(word).lower() == "forall":
            raise not_served("forall", _at(parsed), "not (exists X from xEvent where not (…)) says the same")
        if more:
            raise not_served("a second list in exists or select", _at(_tree(more[0])))
        if self._variable:
            raise not_served("an event test inside an event test", _at(parsed))
        name, source, *where = _tree(binding).children
        self._only_events(_tree(source))
        self._variable = str(name)
        condition = self.expr(_tree(where[0])) if where else None
        self._variable = ""
        return t.Events(_at(parsed), "select" if str(word).lower() == "select" else "exists", str(name), condition)

    def _only_events(self, source: Parsed) -> None:
        found = self.expr(source)
        if not isinstance(found, t.Path) or found.parts != ("xEvent",):
            raise not_served("exists or select over anything but xEvent", _at(source))

    def _compare(self, parsed: Parsed) -> t.Expr:
        left, operator, right = parsed.children
        sign = _OPERATORS.get(str(operator).lower(), str(operator))
        return t.Binary(_at(parsed), sign, self.expr(_tree(left)), self.expr(_tree(right)))

    def _occurs(self, parsed: Parsed) -> t.Expr:
        time, test = map(_tree, parsed.children)
        return t.Occurs(_at(parsed), self.expr(time), self._time(test))

    def _time(self, test: Parsed) -> t.Against | t.Between | t.Span:
        points = [self._point(child) for child in test.children if isinstance(child, Tree)]
        if test.data == "between":
            return t.Between(*points)
        if test.data != "span":
            return t.Against(cast("t.Relation", str(test.data)), points[0])
        compare, _, unit, side = (str(child).lower() for child in test.children[:4])
        return t.Span(
            cast("t.Order", compare),
            _count(cast("Token", test.children[1])),
            _unit(unit),
            cast("t.Side", side),
            points[0],
        )

    def _point(self, point: Parsed) -> t.Point:
        if point.data == "word":
            return t.Near(_at(point), cast("t.Word", str(point.children[0]).lower()))
        if point.data == "calendar":
            which, unit = (str(child).lower() for child in point.children)
            return t.Calendar(_at(point), cast("t.Which", which), _unit(unit))
        return self.expr(point)

    def _arithmetic(self, parsed: Parsed) -> t.Expr:
        made, *rest = parsed.children
        left = self.expr(_tree(made))
        for operator, right in zip(rest[::2], rest[1::2], strict=True):
            left = t.Binary(_at(parsed), str(operator), left, self.expr(_tree(right)))
        return left

    def _minus(self, parsed: Parsed) -> t.Expr:
        operand = self.expr(_tree(parsed.children[1]))
        if isinstance(operand, t.Literal) and operand.kind in t.NUMBERS:
            return t.Literal(_at(parsed), -cast("float", operand.value), kind=operand.kind)
        return t.Negative(_at(parsed), operand)

    def _postfix(self, parsed: Parsed) -> t.Expr:
        first, *trailers = map(_tree, parsed.children)
        made = self.expr(first)
        for trailer in trailers:
            if trailer.data == "filter":
                raise not_served("a filter in [ ]", _at(trailer), "exists X from xEvent where … tests the events")
            made = self._field(made, trailer) if trailer.data == "field" else self._method(made, trailer)
        return made

    def _field(self, receiver: t.Expr, parsed: Parsed) -> t.Expr:
        name = cast("Token", parsed.children[0])
        if not isinstance(receiver, t.Path):
            raise not_served("a field of anything but a path", _start(name))
        parts, places = (*receiver.parts, str(name)), (*receiver.places, _start(name))
        return t.Path(receiver.position, receiver.base, parts, places, receiver.through)

    def _method(self, receiver: t.Expr, parsed: Parsed) -> t.Expr:
        name = cast("Token", parsed.children[0])
        return t.Method(receiver.position, str(name), receiver, self._all(parsed), _start(name))

    def _list(self, parsed: Parsed) -> t.Expr:
        return t.Items(_at(parsed), self._all(parsed))

    def _path(self, parsed: Parsed) -> t.Expr:
        name = str(parsed.children[0])
        if name == self._variable:
            return t.Path(_at(parsed), "event", (), (), name)
        if name in ("$1", self._parameter):
            return t.Path(_at(parsed), "profile", (), (), name)
        if name.startswith("$"):
            raise PqlError(f"a rule has one parameter, $1, the profile; there is no {name}", position=_at(parsed))
        return t.Path(_at(parsed), "bare", (name,), (_at(parsed),))

    def _call(self, parsed: Parsed) -> t.Expr:
        name, arguments = str(parsed.children[0]), self._all(parsed)
        if name == "date":
            return _date(_at(parsed), arguments)
        return t.Call(_at(parsed), name, arguments)


def _parameter(token: Token) -> str:
    names = re.findall(r"[A-Za-z0-9_$]+", str(token))
    if len(names) > 1:
        raise not_served("a rule with a second parameter", _start(token))
    return str(names[0])


def _levels(parsed: Parsed) -> int:
    """Return by how many levels a node of the grammar nests the nodes of the tree."""
    if parsed.data in ("sum", "product"):
        return len(parsed.children) // 2
    if parsed.data == "postfix":
        return 1 + sum(_tree(child).data == "method" for child in parsed.children)
    return 1


_LATER = {
    "let": "let",
    "lambda": "a function as an argument, (X) => …,",
    "object": "an object in { }",
    "outer": "^, the scope outside a filter,",
    "chain": "chain",
}


def _unserved(parsed: Parsed) -> PqlError:
    instead = "in an event test, $1.path names a field of the profile" if parsed.data == "outer" else ""
    what = _LATER.get(parsed.data) or f"{str(parsed.children[0]).lower()} … over a list"
    return not_served(what, _at(parsed), instead)


def _literal(parsed: Parsed) -> t.Expr:
    token = cast("Token", parsed.children[0])
    text, position = str(token), _start(token)
    match token.type:
        case "STRING":
            return t.Literal(position, re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL), kind=t.Kind.STRING)
        case "NULL":
            return t.Literal(position, None, kind=t.Kind.NULL)
        case "INT" | "DOUBLE":
            return _number(token)
    return t.Literal(position, token.type == "TRUE", kind=t.Kind.BOOLEAN)


def _number(token: Token) -> t.Literal:
    value = float(token)
    if math.isinf(value):
        raise PqlError("the number is too large for a double", position=_start(token))
    if token.type == "INT" and value < EXACT:
        return t.Literal(_start(token), int(value), kind=t.Kind.INTEGER)
    return t.Literal(_start(token), value, kind=t.Kind.DOUBLE)


def _count(token: Token) -> int:
    if len(token) > 18:
        raise PqlError("the count of a span has at most 18 digits", position=_start(token))
    return int(token)


def _date(position: int, arguments: tuple[t.Expr, ...]) -> t.Expr:
    if len(arguments) != 3:
        raise PqlError(f"date takes year, month and day; found {len(arguments)} arguments", position=position)
    numbers = []
    for argument in arguments:
        if not isinstance(argument, t.Literal):
            raise not_served("a date of anything but three numbers", argument.position)
        if argument.kind is not t.Kind.INTEGER:
            raise PqlError("date takes whole numbers", position=argument.position)
        numbers.append(cast("int", argument.value))
    try:
        return t.Literal(position, dt.date(*numbers), kind=t.Kind.DATE)
    except (ValueError, OverflowError) as error:
        listed = ", ".join(map(str, numbers))
        raise PqlError(f"there is no day date({listed})", position=position) from error


def _unit(word: str) -> t.Unit:
    return cast("t.Unit", _UNITS.get(word, word.removesuffix("s")))


def _at(parsed: Parsed) -> int:
    return parsed.meta.start_pos


def _start(token: Token) -> int:
    return cast("int", token.start_pos)


def _tree(child: Token | Parsed) -> Parsed:
    return cast("Parsed", child)

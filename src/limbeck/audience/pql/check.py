"""Names and types of a rule against the union schemas (profile contract, section 4.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

from limbeck.audience.pql import fields, regex
from limbeck.audience.pql import names as n
from limbeck.audience.pql import tree as t
from limbeck.audience.pql.names import not_served
from limbeck.errors import PqlError
from limbeck.xdm.types import Object

Audiences = Callable[[str], str | None]
"""Gives the id of the audience of an id or a unique name, or None."""

_ARITHMETIC = frozenset("+-*/%")
_ORDERS = frozenset({"<", "<=", ">", ">="})
_CONDITIONS = frozenset({t.Kind.BOOLEAN, t.Kind.NULL, t.Kind.LIST, t.Kind.EVENTS})
_WORDS = frozenset({"now", "today", "yesterday", "tomorrow"})
_FAMILIES = {t.Kind.INTEGER: t.Kind.DOUBLE, t.Kind.DATE: t.Kind.INSTANT}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that fits the union schemas."""

    text: str
    tree: t.Expr
    """With every name looked up and every kind known."""
    profile_paths: frozenset[str]
    """Leaf paths of the profile that it reads."""
    event_paths: frozenset[str]
    """Leaf paths of events that it reads."""
    uses_events: bool
    """Whether it asks for events, be it without reading a path of theirs."""
    audiences: frozenset[str]
    """The ids of the audiences that it asks for."""


def check(tree: t.Expr, text: str, profile: Object, event: Object | None, audiences: Audiences) -> Rule:
    """Return the rule of *tree*, read from *text*, for these union schemas.

    Raise `PqlError` with a position: a path, method, function or audience that is not there; kinds that do not go
    together; a rule that is neither true nor false; or something not served yet.
    """
    checker = _Checker(profile, event, audiences)
    checked = checker.condition(tree, "a rule is boolean or a list")
    return Rule(
        text,
        checked,
        frozenset(checker.paths["profile"]),
        frozenset(checker.paths["event"]),
        checker.uses_events,
        frozenset(checker.found),
    )


class _Checker:
    def __init__(self, profile: Object, event: Object | None, audiences: Audiences) -> None:
        self._profile = profile
        self._event = event
        self._audiences = audiences
        self._variable = ""
        self._repeats = ""
        self.paths: dict[str, set[str]] = {"profile": set(), "event": set()}
        self.found: set[str] = set()
        self.uses_events = False

    def condition(self, node: t.Expr, wanted: str) -> t.Expr:
        """Return *node* checked, which must be true or false; *wanted* is what the refusal says."""
        made = self._any(node)
        if made.kind not in _CONDITIONS:
            raise PqlError(f"{wanted}; this is {made.kind.value}", position=node.position)
        return made

    def _value(self, node: t.Expr) -> t.Expr:
        """Return *node* checked, which must have a single value."""
        made = self._any(node)
        if made.kind in (t.Kind.LIST, t.Kind.EVENTS):
            raise not_served(f"{made.kind.value} in this place", node.position)
        return made

    def _typed(self, node: t.Expr, kinds: frozenset[t.Kind], wanted: str) -> t.Expr:
        """Return *node* checked, which must be null or of *kinds*."""
        made = self._value(node)
        if made.kind not in kinds and made.kind is not t.Kind.NULL:
            raise PqlError(f"{wanted}; this is {made.kind.value}", position=node.position)
        return made

    def _any(self, node: t.Expr) -> t.Expr:
        match node:
            case t.Path():
                return self._path(node)
            case t.Items():
                raise not_served("a list outside in and notIn", node.position)
            case t.Binary():
                return self._binary(node)
            case t.Negative():
                operand = self._typed(node.operand, t.NUMBERS, "only a number has a negative")
                return replace(node, operand=operand, kind=t.Kind.DOUBLE)
            case t.Logic():
                parts = tuple(self.condition(p, f"{node.operator} joins conditions") for p in node.parts)
                return replace(node, parts=parts, kind=t.Kind.BOOLEAN)
            case t.Not():
                operand = self.condition(node.operand, "not negates a condition")
                return replace(node, operand=operand, kind=t.Kind.BOOLEAN)
            case t.Method():
                return self._method(node)
            case t.Call():
                return self._call(node)
            case t.Events():
                return self._events(node)
            case t.Occurs():
                return self._occurs(node)
        return node

    # -- names ----------------------------------------------------------------------------------------------------

    def _path(self, path: t.Path) -> t.Expr:
        if not path.parts:
            what = "the profile" if path.base == "profile" else "an event"
            raise PqlError(f"{path.through} is {what}: name one of its fields", position=path.position)
        if path.base == "event":
            return self._column(path, cast("Object", self._event), "event")
        if path.parts[0] == "xEvent":
            raise not_served("xEvent as a value", path.position, "exists X from xEvent where … tests the events")
        moment = self._moment(path)
        if moment is not None:
            return moment
        if path.base == "bare" and self._variable:
            raise self._bare(path)
        return self._column(path, self._profile, "profile")

    def _column(self, path: t.Path, schema: Object, owner: t.Owner) -> t.Column:
        found = fields.column(path, schema, owner)
        self.paths[owner].add(found.path)
        return found

    def _moment(self, path: t.Path) -> t.Moment | None:
        """Return the moment that a bare word stands for, unless a field has that name."""
        word = path.parts[0].lower()
        if path.base != "bare" or len(path.parts) > 1 or word not in _WORDS or self._profile.get(path.parts[0]):
            return None
        return t.Moment(path.position, cast("t.Word", word), kind=t.Kind.INSTANT)

    def _bare(self, path: t.Path) -> PqlError:
        """Return the refusal of a bare name in an event test: it says neither whose field it is."""
        written, event = path.written, cast("Object", self._event)
        if event.find(written):
            return PqlError(f'inside an event test, did you mean "{self._variable}.{written}"?', position=path.position)
        if self._profile.find(written):
            return PqlError(
                f'inside an event test, did you mean "$1.{written}", a field of the profile? The test reaches to the '
                "end of the rule: put it in parentheses if the field belongs outside",
                position=path.position,
            )
        return fields.unknown(path, event, "event", path.position)

    # -- operators ------------------------------------------------------------------------------------------------

    def _binary(self, node: t.Binary) -> t.Expr:
        if node.operator in _ARITHMETIC:
            wanted = f"{node.operator} takes numbers"
            left, right = (self._typed(side, t.NUMBERS, wanted) for side in (node.left, node.right))
            return replace(node, left=left, right=right, kind=t.Kind.DOUBLE)
        if node.operator == "like":
            left, right = (self._typed(s, frozenset({t.Kind.STRING}), "like takes strings") for s in _sides(node))
        elif node.operator in ("in", "notIn"):
            left, right = self._value(node.left), self._list(node.right, node.operator)
            for item in right.items if isinstance(right, t.Items) else (right,):
                _comparable(left, item, node.operator)
        else:
            left, right = self._value(node.left), self._value(node.right)
            _comparable(left, right, node.operator)
        return replace(node, left=left, right=right, kind=t.Kind.BOOLEAN)

    def _list(self, node: t.Expr, operator: str) -> t.Expr:
        if isinstance(node, t.Items):
            return replace(node, items=tuple(self._value(item) for item in node.items), kind=t.Kind.LIST)
        made = self._any(node)
        if made.kind not in (t.Kind.LIST, t.Kind.NULL):
            hint = f"a list, as in {operator} [1, 2]"
            raise PqlError(f"{operator} needs {hint}; this is {made.kind.value}", position=node.position)
        return made

    def _events(self, node: t.Events) -> t.Expr:
        if self._event is None:
            raise PqlError("no schema of events takes part in Profile, so there is no xEvent", position=node.position)
        self.uses_events = True
        self._variable = node.variable
        where = None if node.where is None else self.condition(node.where, "where needs a condition")
        self._variable = ""
        return replace(node, where=where, kind=t.Kind.EVENTS if node.word == "select" else t.Kind.BOOLEAN)

    def _occurs(self, node: t.Occurs) -> t.Expr:
        with self._repeated("occurs", node.position):
            time = self._typed(node.time, t.TIMES, "occurs needs a date or a date-time before it")
            return replace(node, time=time, test=self._time(node.test), kind=t.Kind.BOOLEAN)

    @contextmanager
    def _repeated(self, name: str, position: int) -> Iterator[None]:
        """Check operands that the SQL repeats: nested, they would grow with the power of the depth."""
        if self._repeats:
            raise not_served(f"{name} in an operand of {self._repeats}", position)
        self._repeats = name
        yield
        self._repeats = ""

    def _time(self, test: t.Against | t.Between | t.Span) -> t.Against | t.Between | t.Span:
        if isinstance(test, t.Between):
            return replace(test, first=self._point(test.first), last=self._point(test.last))
        return replace(test, point=self._point(test.point))

    def _point(self, point: t.Point) -> t.Point:
        if isinstance(point, (t.Near, t.Calendar)):
            return point
        return self._typed(point, t.TIMES, "a point of time is now, today, this week, a date or a date-time")

    # -- methods and functions ------------------------------------------------------------------------------------

    def _method(self, node: t.Method) -> t.Expr:
        if node.name not in n.METHODS:
            raise n.unknown_method(node.name, node.place)
        if node.name in n.NULL_TESTS:
            _count(node, 0, 0, node.place)
            receiver = self._any(node.receiver)
            if receiver.kind is t.Kind.EVENTS:
                raise not_served(f"{node.name} of a selection", node.place)
            return replace(node, receiver=receiver, kind=t.Kind.BOOLEAN)
        if node.name in n.DATE_PARTS:
            _count(node, 0, 0, node.place)
            receiver = self._typed(node.receiver, t.TIMES, f"{node.name} takes a date or a date-time")
            return replace(node, receiver=receiver, kind=t.Kind.INTEGER)
        if node.name != "regexGroup":
            node = replace(node, receiver=self._text(node))
            return self._pattern(node) if node.name == "matches" else self._text_test(node)
        with self._repeated(node.name, node.place):
            return self._pattern(replace(node, receiver=self._text(node)))

    def _text(self, node: t.Method) -> t.Expr:
        return self._typed(node.receiver, frozenset({t.Kind.STRING}), f"{node.name} takes a string before it")

    def _text_test(self, node: t.Method) -> t.Expr:
        _count(node, 1, 2, node.place)
        text = self._typed(node.arguments[0], frozenset({t.Kind.STRING}), f"{node.name} takes a string")
        for flag in node.arguments[1:]:
            if not (isinstance(flag, t.Literal) and flag.kind is t.Kind.BOOLEAN):
                raise PqlError("whether case counts is said by true or false", position=flag.position)
        return replace(node, arguments=(text, *node.arguments[1:]), kind=t.Kind.BOOLEAN)

    def _pattern(self, node: t.Method) -> t.Expr:
        _count(node, 1, 1 if node.name == "matches" else 2, node.place)
        pattern = node.arguments[0]
        if not (isinstance(pattern, t.Literal) and isinstance(pattern.value, str)):
            raise not_served("a regular expression that is not written down as a string", pattern.position)
        groups = regex.groups(pattern.value, pattern.position)
        for number in node.arguments[1:]:
            if not (isinstance(number, t.Literal) and number.kind is t.Kind.INTEGER):
                raise PqlError("the group is a whole number", position=number.position)
            if not 0 <= cast("int", number.value) <= groups:
                raise PqlError(f"the pattern has {groups} groups", position=number.position)
        return replace(node, kind=t.Kind.BOOLEAN if node.name == "matches" else t.Kind.STRING)

    def _call(self, node: t.Call) -> t.Expr:
        if node.name == "if":
            return self._if(node)
        if node.name == "inSegment":
            return self._member(node)
        if node.name in n.CURRENT_PARTS:
            _count(node, 0, 0, node.position)
            return replace(node, kind=t.Kind.INTEGER)
        raise n.unknown_function(node.name, node.position)

    def _if(self, node: t.Call) -> t.Expr:
        _count(node, 3, 3, node.position)
        condition = self.condition(node.arguments[0], "if needs a condition first")
        values = [self._value(argument) for argument in node.arguments[1:]]
        kinds = {value.kind for value in values} - {t.Kind.NULL}
        if len({_family(kind) for kind in kinds}) > 1:
            said = " and ".join(value.kind.value for value in values)
            raise PqlError(f"the two values of if are {said}", position=values[1].position)
        kind = kinds.pop() if len(kinds) == 1 else _family(kinds.pop()) if kinds else t.Kind.NULL
        return replace(node, arguments=(condition, *values), kind=kind)

    def _member(self, node: t.Call) -> t.Expr:
        _count(node, 1, 1, node.position)
        name = node.arguments[0]
        if not (isinstance(name, t.Literal) and isinstance(name.value, str)):
            raise PqlError("inSegment takes the id or the name of an audience as a string", position=name.position)
        found = self._audiences(name.value)
        if found is None:
            raise PqlError(
                f'there is no audience with the id or the unique name "{name.value}"', position=name.position
            )
        self.found.add(found)
        return t.Member(node.position, found, kind=t.Kind.BOOLEAN)


def _sides(node: t.Binary) -> tuple[t.Expr, t.Expr]:
    return node.left, node.right


def _family(kind: t.Kind) -> t.Kind:
    return _FAMILIES.get(kind, kind)


def _comparable(left: t.Expr, right: t.Expr, operator: str) -> None:
    """Refuse operands of kinds that are never equal; the right one may be a list of such."""
    other = right.items if isinstance(right, t.Column) and right.kind is t.Kind.LIST else right.kind
    if operator in _ORDERS and t.Kind.BOOLEAN in (left.kind, other):
        raise PqlError(f"{operator} does not take booleans: they have no order", position=right.position)
    if t.Kind.NULL in (left.kind, other) or _family(left.kind) is _family(other):
        return
    said = f"{operator} compares {left.kind.value} with {other.value}"
    raise PqlError(f"{said}{_hint(left.kind, right)}", position=right.position)


def _hint(kind: t.Kind, right: t.Expr) -> str:
    if not (isinstance(right, t.Literal) and isinstance(right.value, str)):
        return ""
    if kind in t.NUMBERS:
        return "; a number has no quotes"
    return "; a date is written date(2024, 12, 31)" if kind in t.TIMES else ""


def _count(node: t.Method | t.Call, least: int, most: int, position: int) -> None:
    found = len(node.arguments)
    if not least <= found <= most:
        wanted = str(least) if least == most else f"{least} or {most}"
        raise PqlError(f"{node.name} takes {wanted} arguments; found {found}", position=position)

"""PQL read a second time: rules as plain tuples, printed as text and evaluated row by row in Python.

Written from the profile contract (sections 4.2 to 4.6), slow and obvious; it shares no code with `limbeck`.

A rule is a nested tuple whose first item says what it is:

    ("lit", v)  ("list", item, …)  ("p", path)  ("e", path)  ("now", word)
    ("neg", a)  ("+" | "-" | "*" | "/" | "%", a, b)
    ("=" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "notIn" | "like", a, b)
    ("and" | "or", a, b, …)  ("not", a)  ("if", c, a, b)
    ("method", name, receiver, argument, …)  ("call", name)
    ("exists" | "select", where or None)  ("segment", id)
    ("occurs", t, ("on" | "before" | "after", p))  ("occurs", t, ("between", p, q))
    ("occurs", t, ("span", sign, n, unit, side, p))

A point p is ("near", word), ("calendar", which, unit) or an expression. Values are str, int, float, bool, date,
datetime, lists of them, and None.
"""

from __future__ import annotations

import calendar
import datetime as dt
import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from limbeck.xdm.types import Array, Field, Map, Object, Scalar, Type

Rule = tuple[Any, ...]
Row = Mapping[str, Any]

DAY = dt.timedelta(days=1)


# -- evaluation --------------------------------------------------------------------------------------------------------


@dataclass
class World:
    """One person: attributes, events, audiences; and the instant of evaluation."""

    now: dt.datetime
    profile: Row
    events: Sequence[Row] = ()
    audiences: frozenset[str] = frozenset()


def holds(rule: Rule, world: World, event: Row | None = None) -> bool:
    """Whether the person meets the rule."""
    value = evaluate(rule, world, event)
    return len(value) > 0 if isinstance(value, list) else value is True


def evaluate(rule: Rule, world: World, event: Row | None) -> Any:
    """The value of an expression for one person, and one event inside an event test."""
    match rule:
        case ("lit", value):
            return value
        case ("list", *items):
            return [evaluate(item, world, event) for item in items]
        case ("p", path):
            return world.profile.get(path)
        case ("e", path):
            assert event is not None
            return event.get(path)
        case ("now", word):
            return start(("near", word), world, event)
        case ("neg", inner):
            value = evaluate(inner, world, event)
            return None if value is None else -value
        case ("+" | "-" | "*" | "/" | "%" as sign, left, right):
            return arithmetic(sign, evaluate(left, world, event), evaluate(right, world, event))
        case ("and", *parts):
            return all(holds(part, world, event) for part in parts)
        case ("or", *parts):
            return any(holds(part, world, event) for part in parts)
        case ("not", inner):
            return not holds(inner, world, event)
        case ("if", asked, yes, no):
            return evaluate(yes if holds(asked, world, event) else no, world, event)
        case ("method", name, *operands):
            return method(name, *(evaluate(operand, world, event) for operand in operands))
        case ("call", "currentYear"):
            return world.now.year
        case ("call", "currentMonth"):
            return world.now.month
        case ("call", "currentDayOfMonth"):
            return world.now.day
        case ("exists" | "select", where):
            return any(where is None or holds(where, world, each) for each in world.events)
        case ("segment", name):
            return name in world.audiences
        case ("occurs", time, test):
            return occurs(instant(evaluate(time, world, event)), test, world, event)
        case (sign, left, right):
            return compare(sign, evaluate(left, world, event), evaluate(right, world, event))
    raise AssertionError(rule)


def arithmetic(sign: str, left: float | None, right: float | None) -> float | None:
    """Null with a null, and for division and remainder by zero."""
    if left is None or right is None or (sign in "/%" and right == 0):
        return None
    a, b = float(left), float(right)
    return {"+": a + b, "-": a - b, "*": a * b}[sign] if sign in "+-*" else a / b if sign == "/" else math.fmod(a, b)


def compare(sign: str, left: Any, right: Any) -> bool:
    """A comparison, `in`, `notIn` or `like`."""
    if sign == "!=" and (left is None or right is None):
        return (left is None) != (right is None)
    if left is None or right is None:
        return False
    if sign in ("in", "notIn"):
        found = any(item is not None and compare("=", left, item) for item in right)
        return found if sign == "in" else not found
    if sign == "like":
        pattern = "".join({"%": ".*", "_": "."}.get(c, re.escape(c)) for c in right)
        return re.fullmatch(pattern, left, re.DOTALL) is not None
    if isinstance(left, dt.date) and isinstance(right, dt.date):
        left, right = instant(left), instant(right)
    elif not isinstance(left, (str, bool)):
        left, right = float(left), float(right)
    return bool(
        {
            "=": lambda: left == right,
            "!=": lambda: left != right,
            "<": lambda: left < right,
            "<=": lambda: left <= right,
            ">": lambda: left > right,
            ">=": lambda: left >= right,
        }[sign]()
    )


TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "equals": lambda a, b: a == b,
    "notEqualTo": lambda a, b: a != b,
    "contains": lambda a, b: b in a,
    "doesNotContain": lambda a, b: b not in a,
    "startsWith": lambda a, b: a.startswith(b),
    "doesNotStartWith": lambda a, b: not a.startswith(b),
    "endsWith": lambda a, b: a.endswith(b),
    "doesNotEndWith": lambda a, b: not a.endswith(b),
}


def method(name: str, receiver: Any, *arguments: Any) -> Any:
    """A method of a value."""
    if name in ("isNull", "isNotNull"):
        return (receiver is None or receiver == []) == (name == "isNull")
    if name in TEXT_TESTS:
        text, case = (*arguments, True)[:2]
        if receiver is None or text is None:
            return False
        return TEXT_TESTS[name](receiver, text) if case else TEXT_TESTS[name](receiver.lower(), text.lower())
    if name == "matches":
        return receiver is not None and re.search(arguments[0], receiver, re.ASCII) is not None
    if receiver is None:
        return None
    if name == "regexGroup":
        found = re.search(arguments[0], receiver, re.ASCII)
        return None if found is None else found.group(*arguments[1:]) or ""
    return {"getYear": receiver.year, "getMonth": receiver.month, "getDayOfMonth": receiver.day}[name]


# -- time --------------------------------------------------------------------------------------------------------------

MONTHS = {"month": 1, "year": 12, "decade": 120, "century": 1200, "millennium": 12000}
FIXED = {
    "millisecond": dt.timedelta(milliseconds=1),
    "second": dt.timedelta(seconds=1),
    "minute": dt.timedelta(minutes=1),
    "hour": dt.timedelta(hours=1),
    "day": DAY,
    "week": 7 * DAY,
}
Edge = dt.datetime | float
"""An instant, or minus or plus infinity where the calendar ends."""


def key(edge: Edge) -> tuple[float, dt.datetime]:
    """What edges are ordered by."""
    return (0.0, edge) if isinstance(edge, dt.datetime) else (edge, dt.datetime.min)


def instant(value: Any) -> Any:
    """A day as the instant that it begins at."""
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return dt.datetime(value.year, value.month, value.day)
    return value


def move(edge: Edge, count: int, unit: str) -> Edge:
    """An instant, so many units later."""
    if not isinstance(edge, dt.datetime):
        return edge
    try:
        if unit in FIXED:
            return edge + count * FIXED[unit]
        years, month = divmod(edge.year * 12 + edge.month - 1 + count * MONTHS[unit], 12)
        if not 1 <= years <= 9999:
            raise OverflowError
        last = calendar.monthrange(years, month + 1)[1]
        return edge.replace(year=years, month=month + 1, day=min(edge.day, last))
    except OverflowError:
        return math.inf if count > 0 else -math.inf


def start(point: Rule, world: World, event: Row | None) -> Any:
    """The instant a point begins at; None if it is null."""
    return bounds(point, world, event)[0]


def bounds(point: Rule, world: World, event: Row | None) -> tuple[Any, Any]:
    """The instants a point begins at and ends before; an instant's end is None."""
    now = world.now
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    match point:
        case ("near", "now"):
            return now, None
        case ("near", word):
            day = today + {"yesterday": -1, "today": 0, "tomorrow": 1}[word] * DAY
            return day, day + DAY
        case ("calendar", which, unit):
            starts: dict[str, dt.datetime] = {
                "millisecond": now.replace(microsecond=now.microsecond // 1000 * 1000),
                "second": now.replace(microsecond=0),
                "minute": now.replace(second=0, microsecond=0),
                "hour": now.replace(minute=0, second=0, microsecond=0),
                "day": today,
                "week": today - today.weekday() * DAY,
                "month": today.replace(day=1),
            }
            if unit in starts:
                begins = starts[unit]
            else:
                years = MONTHS[unit] // 12
                begins = today.replace(year=today.year - today.year % years, month=1, day=1)
            steps = {"last": -1, "this": 0, "next": 1}[which]
            return move(begins, steps, unit), move(begins, steps + 1, unit)
    value = evaluate(point, world, event)
    is_day = isinstance(value, dt.date) and not isinstance(value, dt.datetime)
    return instant(value), move(instant(value), 1, "day") if is_day else None


def occurs(time: dt.datetime | None, test: Rule, world: World, event: Row | None) -> bool:
    """Whether an instant passes a test of time."""
    points = [bounds(p, world, event) for p in test[-2 if test[0] == "between" else -1 :]]
    if time is None or any(begins is None for begins, _ in points):
        return False
    (begins, ends), (last_begins, last_ends) = points[0], points[-1]
    t = key(time)
    match test:
        case ("on", _):
            return time == begins if ends is None else key(begins) <= t < key(ends)
        case ("before", _):
            return t < key(begins)
        case ("after", _):
            return t > key(begins) if ends is None else t >= key(ends)
        case ("between", _, _):
            return key(begins) <= t and (t <= key(last_begins) if last_ends is None else t < key(last_ends))
        case ("span", "!=", count, unit, side, point):
            return not occurs(time, ("span", "=", count, unit, side, point), world, event)
        case ("span", sign, count, unit, "from", point):
            return any(occurs(time, ("span", sign, count, unit, s, point), world, event) for s in ("before", "after"))
        case ("span", sign, count, unit, side, _):
            far = move(begins, count if side == "after" else -count, unit)
            if sign == "=":
                return key(far) <= t < key(move(far, 1, unit))
            away, edge, near = t, key(far), key(begins)
            if side == "before":
                return {"<=": edge <= away <= near, "<": edge < away <= near, ">=": away <= edge, ">": away < edge}[
                    sign
                ]
            return {"<=": near <= away <= edge, "<": near <= away < edge, ">=": away >= edge, ">": away > edge}[sign]
    raise AssertionError(test)


# -- text --------------------------------------------------------------------------------------------------------------

LOOSE = {"exists": 0, "select": 0, "or": 1, "and": 2, "not": 3, "occurs": 5}
LOOSE |= {"+": 6, "-": 6, "*": 7, "/": 7, "%": 7, "neg": 8}
COMPARISONS = ("=", "!=", "<", "<=", ">", ">=", "in", "notIn", "like")


def strength(rule: Rule) -> int:
    """How strongly the outermost operator binds; a quantifier, which takes all that follows, not at all."""
    if rule[0] == "lit" and isinstance(rule[1], (int, float)) and not isinstance(rule[1], bool) and rule[1] < 0:
        return 8
    return 5 if rule[0] in COMPARISONS else LOOSE.get(rule[0], 9)


@dataclass
class Printer:
    """Prints rules; with *chance*, in ways that mean the same: keyword case, parentheses, `$1`, `!`, `:`."""

    chance: random.Random = field(default_factory=lambda: random.Random(0))
    playful: bool = True
    parameter: str = ""

    def print(self, rule: Rule) -> str:
        """The rule as text."""
        self.parameter = self.chance.choice(["", "", "P", "Profile"]) if self.playful else ""
        text = self.at(rule, 0, False)
        return f"({self.parameter}) => {text}" if self.parameter else text

    def word(self, word: str) -> str:
        """A keyword."""
        return self.chance.choice([word, word, word.upper(), word.title()]) if self.playful else word

    def coin(self) -> bool:
        return self.playful and self.chance.random() < 0.2

    def at(self, rule: Rule, least: int, inside: bool) -> str:
        """The rule where an operator that binds as *least* asks for an operand."""
        text = self.bare(rule, inside)
        return f"({text})" if strength(rule) < least or self.coin() else text

    def bare(self, rule: Rule, inside: bool) -> str:
        """The rule without parentheses around it."""
        mine = strength(rule)
        match rule:
            case ("lit", value):
                return self.literal(value)
            case ("list", *items):
                return f"[{', '.join(self.at(item, 0, inside) for item in items)}]"
            case ("p", path):
                named = [f"$1.{path}"] + ([f"{self.parameter}.{path}"] if self.parameter else [])
                return self.chance.choice(named if inside else [path, *named]) if self.playful else named[0]
            case ("e", path):
                return f"X.{path}"
            case ("now", word) | ("near", word):
                return self.word(word)
            case ("calendar", which, unit):
                return f"{self.word(which)} {self.word(unit)}"
            case ("neg", inner):
                return f"-{self.at(inner, 9, inside)}"
            case ("not", inner):
                sign = "!" if self.coin() else f"{self.word('not')} "
                return f"{sign}{self.at(inner, mine, inside)}"
            case ("and" | "or" as name, *parts):
                return f" {self.word(name)} ".join(self.at(part, mine + 1, inside) for part in parts)
            case ("if", *parts):
                return f"if({', '.join(self.at(part, 0, inside) for part in parts)})"
            case ("method", name, receiver, *arguments):
                listed = ", ".join(self.at(argument, 0, inside) for argument in arguments)
                return f"{self.at(receiver, 9, inside)}.{name}({listed})"
            case ("call", name):
                return f"{name}()"
            case ("segment", name):
                return f'inSegment("{name}")'
            case ("exists" | "select" as name, where):
                head = f"{self.word(name)} X {self.word('from')} xEvent"
                if where is None:
                    return head
                return f"{head} {':' if self.coin() else self.word('where')} {self.at(where, 0, True)}"
            case ("occurs", time, test):
                return f"{self.at(time, 6, inside)} {self.word('occurs')} {self.time(test, inside)}"
            case (sign, left, right) if sign in COMPARISONS:
                word = self.word(sign) if sign in ("in", "notIn", "like") else sign
                return f"{self.at(left, 6, inside)} {word} {self.at(right, 6, inside)}"
            case (sign, left, right):
                return f"{self.at(left, mine, inside)} {sign} {self.at(right, mine + 1, inside)}"
        raise AssertionError(rule)

    def time(self, test: Rule, inside: bool) -> str:
        """A test of time."""
        match test:
            case ("between", first, last):
                both = f" {self.word('and')} ".join(self.point(p, inside) for p in (first, last))
                return f"{self.word('between')} {both}"
            case ("span", sign, count, unit, side, point):
                units = {"century": "centuries", "millennium": "millennia"}.get(unit, f"{unit}s")
                return f"{sign} {count} {self.word(units)} {self.word(side)} {self.point(point, inside)}"
            case ("on", point) if self.coin():
                return self.point(point, inside)
            case (relation, point):
                return f"{self.word(relation)} {self.point(point, inside)}"
        raise AssertionError(test)

    def point(self, point: Rule, inside: bool) -> str:
        """A point of time: the words `now` and `today` are values only in parentheses."""
        if point[0] == "now":
            return f"({self.bare(point, inside)})"
        return self.bare(point, inside) if point[0] in ("near", "calendar") else self.at(point, 6, inside)

    def literal(self, value: Any) -> str:
        """A value as it is written."""
        if value is None or isinstance(value, bool):
            return self.word("null" if value is None else "true" if value else "false")
        if isinstance(value, str):
            return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
        if isinstance(value, float):
            return f"{value:.6f}"
        return f"date({value.year}, {value.month}, {value.day})" if isinstance(value, dt.date) else str(value)


# -- schemas and relations ---------------------------------------------------------------------------------------------


def union(leaves: Mapping[str, Type]) -> Object:
    """The schema of dotted paths."""
    nested: dict[str, dict[str, Type]] = {}
    fields: list[Field] = []
    for path, kind in leaves.items():
        head, _, rest = path.partition(".")
        if rest:
            nested.setdefault(head, {})[rest] = kind
        else:
            fields.append(Field(head, kind))
    return Object((*fields, *(Field(name, union(inner)) for name, inner in nested.items())))


def leaf(name: str) -> Type:
    """A type by its short name: a scalar, `[scalar]`, `objects` (a list of objects) or `map`."""
    if name == "objects":
        return Array(Object((Field("SKU", Scalar("string")), Field("quantity", Scalar("int")))))
    if name == "map":
        return Map(Scalar("string"))
    return Array(leaf(name[1:-1])) if name.startswith("[") else Scalar(name)  # type: ignore[arg-type]


def relation(
    connection: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, pa.DataType], rows: Sequence[Row]
) -> None:
    """Make a table of rows, which may lack columns."""
    made = pa.table({c: pa.array([row.get(c) for row in rows], kind) for c, kind in columns.items()})
    connection.register("limbeck_made", made)
    connection.execute(f'CREATE OR REPLACE TABLE "{name}" AS SELECT * FROM limbeck_made')
    connection.unregister("limbeck_made")

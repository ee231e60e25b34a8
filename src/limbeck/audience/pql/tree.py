"""The tree of a rule: frozen nodes, each with the place in the text where it begins.

`parse` makes `Path` nodes of all names and leaves every kind UNKNOWN; `check` puts a `Column` or a `Moment` in the
place of each `Path`, a `Member` in the place of each `inSegment`, and fills the kinds in.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal as Only


class Kind(Enum):
    """What an expression gives; the value is how messages call it."""

    UNKNOWN = "something"
    NULL = "null"
    BOOLEAN = "a boolean"
    INTEGER = "a whole number"
    DOUBLE = "a number"
    STRING = "a string"
    DATE = "a date"
    INSTANT = "a date-time"
    LIST = "a list"
    EVENTS = "a selection of events"


NUMBERS = frozenset({Kind.INTEGER, Kind.DOUBLE})
TIMES = frozenset({Kind.DATE, Kind.INSTANT})

Unit = Only[
    "millisecond", "second", "minute", "hour", "day", "week", "month", "year", "decade", "century", "millennium"
]
Which = Only["this", "last", "next"]
Word = Only["now", "today", "yesterday", "tomorrow"]
Side = Only["before", "after", "from"]
Relation = Only["on", "before", "after"]
Order = Only["=", "!=", "<", "<=", ">", ">="]
Owner = Only["profile", "event"]
Value = str | int | float | bool | dt.date | None


@dataclass(frozen=True, slots=True)
class Node:
    """Anything of a rule that has a value."""

    position: int
    """Where it begins in the text, from 0."""
    kind: Kind = field(default=Kind.UNKNOWN, kw_only=True)


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A value written down; `date(y, m, d)` too."""

    value: Value


@dataclass(frozen=True, slots=True)
class Items(Node):
    """A list written down: `[a, b]`."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Path(Node):
    """A dotted name, not yet looked up."""

    base: Only["bare", "profile", "event"]
    """Named without more; reached by `$1` or the rule's parameter; reached by the variable of an event test."""
    parts: tuple[str, ...]
    """Without the parameter or variable."""
    places: tuple[int, ...]
    """Where each part begins."""
    through: str = ""
    """The parameter or variable as written; empty for a bare name."""

    @property
    def written(self) -> str:
        """The path as the rule has it."""
        return ".".join((self.through, *self.parts) if self.through else self.parts)


@dataclass(frozen=True, slots=True)
class Column(Node):
    """A field of the profile or of the event that an event test looks at."""

    owner: Owner
    path: str
    """Dotted, from the root of the union schema."""
    items: Kind = Kind.UNKNOWN
    """What a list holds, if the field is one."""


@dataclass(frozen=True, slots=True)
class Moment(Node):
    """`now`, or the start of `today`, `yesterday`, `tomorrow`, as a value."""

    word: Word


@dataclass(frozen=True, slots=True)
class Negative(Node):
    """Unary minus."""

    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """Arithmetic, a comparison, `in`, `notIn` or `like`."""

    operator: str
    """As `nulls.NULLS` spells it."""
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """`and` or `or` over two conditions and more."""

    operator: Only["and", "or"]
    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Not(Node):
    """`not`, or `!`."""

    operand: Expr


@dataclass(frozen=True, slots=True)
class Method(Node):
    """`receiver.name(arguments)`."""

    name: str
    receiver: Expr
    arguments: tuple[Expr, ...]
    place: int
    """Where the name begins."""


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`name(arguments)`."""

    name: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Member(Node):
    """`inSegment("…")`, the audience found."""

    audience: str
    """The audience's id."""


@dataclass(frozen=True, slots=True)
class Events(Node):
    """`exists X from xEvent where …` or `select X from xEvent where …`: some event of the person meets it."""

    word: Only["exists", "select"]
    variable: str
    where: Expr | None


@dataclass(frozen=True, slots=True)
class Calendar:
    """`this month`, `last week`, `next year`: one unit of the calendar."""

    position: int
    which: Which
    unit: Unit


@dataclass(frozen=True, slots=True)
class Near:
    """`now` (an instant), or `today`, `yesterday`, `tomorrow` (a day), as a point of time."""

    position: int
    word: Word


@dataclass(frozen=True, slots=True)
class Against:
    """`[on] p`, `before p`, `after p`."""

    relation: Relation
    point: Point


@dataclass(frozen=True, slots=True)
class Between:
    """`between p and q`."""

    first: Point
    last: Point


@dataclass(frozen=True, slots=True)
class Span:
    """`<= n days before p` and its kin."""

    compare: Order
    count: int
    unit: Unit
    side: Side
    point: Point


@dataclass(frozen=True, slots=True)
class Occurs(Node):
    """`time occurs …`."""

    time: Expr
    test: Against | Between | Span


Expr = (
    Literal
    | Items
    | Path
    | Column
    | Moment
    | Negative
    | Binary
    | Logic
    | Not
    | Method
    | Call
    | Member
    | Events
    | Occurs
)
Point = Near | Calendar | Expr

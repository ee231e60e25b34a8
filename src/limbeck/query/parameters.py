"""Parameters `$1`, `$2` … whose types are known, asked for or guessed from where they stand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from limbeck.query.dialect import template
from limbeck.query.types import BOOLEAN, LONG, STRING, of_cast, type_of, typed
from limbeck.xdm.sql import duckdb_type
from limbeck.xdm.types import Array, Scalar, Type

_NUMBER = "parameter"
"""Under this key a node tells of which parameter it took the place."""

_COMPARING = (exp.Predicate, exp.Binary, exp.Between, exp.In)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value with the type that the statement sees.

    `value` None is NULL, bytes and lists of plain values are taken too; a type None is to be found out.
    """

    value: object
    type: Type | None

    def node(self) -> exp.Expr:
        """Return the value as a bound expression."""
        if isinstance(self.value, bytes):
            return typed(template("unhex({0})", exp.Literal.string(self.value.hex())), None)
        if self.type is None:
            return typed(exp.Null(), None)
        if self.value is None:
            return typed(template(f"CAST(NULL AS {_braced(self.type)})"), self.type)
        if isinstance(self.type, Array) and isinstance(self.value, list):
            items = [Parameter(item, self.type.items).node() for item in self.value]
            return typed(template(f"CAST([{{*}}] AS {_braced(self.type)})", *items), self.type)
        if self.type == STRING:
            return typed(exp.Literal.string(str(self.value)), STRING)
        if self.type == BOOLEAN:
            return typed(exp.Boolean(this=bool(self.value)), BOOLEAN)
        return typed(template(f"CAST({{0}} AS {_braced(self.type)})", exp.Literal.string(_text(self.value))), self.type)


def count(tree: exp.Expr) -> int:
    """Return the highest number of a parameter in *tree*."""
    return max((int(p.name) for p in tree.find_all(exp.Parameter) if p.name.isdigit()), default=0)


def marked(node: exp.Expr, number: int) -> exp.Expr:
    """Note that *node* stands for parameter *number*, and return it."""
    node.meta[_NUMBER] = number
    return node


def guessed(
    tree: exp.Expr, known: Sequence[Type | None], bind: Callable[[Sequence[Parameter]], exp.Expr]
) -> list[Type]:
    """Return the types of all parameters of *tree*: those that are *known*, else by what they meet; strings else.

    *bind* returns the tree with parameters bound.
    """
    types: list[Type | None] = [*known, *(None for _ in range(count(tree) - len(known)))]
    if None not in types:
        return [t or STRING for t in types]
    for parameter in tree.find_all(exp.Parameter):
        _guess(types, int(parameter.name) if parameter.name.isdigit() else 0, _before(parameter))
    if None in types:
        bound = bind([Parameter(None, t) for t in types])
        for node in bound.walk():
            if _NUMBER in node.meta:
                _guess(types, node.meta[_NUMBER], _beside(node))
    return [t or STRING for t in types]


def _guess(types: list[Type | None], number: int, found: Type | None) -> None:
    if 1 <= number <= len(types) and types[number - 1] is None:
        types[number - 1] = found


def _before(parameter: exp.Parameter) -> Type | None:
    """What the text itself tells: a cast, LIMIT or OFFSET."""
    parent = parameter.parent
    if isinstance(parent, exp.Cast):
        return of_cast(parent.args["to"])
    return LONG if isinstance(parent, exp.Limit | exp.Offset) else None


def _beside(node: exp.Expr) -> Type | None:
    """The type of what *node* is compared or calculated with, if that is a plain one."""
    parent = node.parent
    while isinstance(parent, exp.Paren | exp.Neg):
        node, parent = parent, parent.parent
    if not isinstance(parent, _COMPARING):
        return None
    found = (type_of(other) for other in parent.iter_expressions() if other is not node)
    return next((t for t in found if isinstance(t, Scalar)), None)


def _text(value: object) -> str:
    if isinstance(value, dt.datetime):
        return (value.astimezone(dt.UTC) if value.tzinfo else value).replace(tzinfo=None).isoformat(" ")
    return str(value)


def _braced(t: Type) -> str:
    return duckdb_type(t).replace("{", "{{").replace("}", "}}")

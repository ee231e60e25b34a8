"""From a tree to SQL: names become cells of a file, calls become what the table says of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from limbeck.engine.sql import literal
from limbeck.errors import ExpressionError, nearest
from limbeck.flow.expressions.model import Function
from limbeck.flow.expressions.syntax import Call, Literal, Name, Node, parse
from limbeck.flow.expressions.table import BY_NAME, NOT_SERVED
from limbeck.flow.expressions.values import NOUNS, SQL_TYPES, Kind, Names, Value, convert, iso, to_json
from limbeck.ingest.formats.mapped import Cells, Path
from limbeck.xdm.types import Array, Scalar, Type


@dataclass(frozen=True)
class Expression:
    """A calculated field. Made by `Expression.of`, so that what it asks for can be."""

    text: str
    tree: Node

    @classmethod
    def of(cls, text: str) -> Expression:
        """Return the expression that *text* is.

        Raise `ExpressionError`, with the position, for what is no expression, and for unknown functions, arguments
        too many or too few, and kinds that do not fit.
        """
        made = cls(text, parse(text))
        assert made.kind
        return made

    @cached_property
    def kind(self) -> Kind:
        """What it gives."""
        return _compiled(self.tree, _NO_CELLS, Names()).kind

    @cached_property
    def columns(self) -> tuple[Path, ...]:
        """The columns that it reads, with the way to what it wants inside them."""
        return tuple(dict.fromkeys(name.path for name in _names(self.tree)))

    def require_fit(self, wanted: Type) -> None:
        """Raise `ExpressionError` if what it gives could never be a value of *wanted*."""
        fitting = _FITTING[wanted.name] if isinstance(wanted, Scalar) else _INSIDE[type(wanted) is Array]
        if self.kind not in (*fitting, "any", "null"):
            name = wanted.name if isinstance(wanted, Scalar) else type(wanted).__name__.lower()
            raise ExpressionError(f"it gives {NOUNS[self.kind]}, the field is of type {name}", position=0)

    def sql(self, cells: Cells, wanted: Type) -> str:
        """Return the SQL of its value as JSON that is to become *wanted*; a row for which there is none fails."""
        names = Names()
        value = _compiled(self.tree, cells, names)
        return _fitted(value, wanted, names)


def _fitted(value: Value, wanted: Type, names: Names) -> str:
    """Return a value as the JSON in which rows carry *wanted*."""
    if not isinstance(wanted, Scalar):
        return to_json(value, names)
    match wanted.name, value.kind:
        case "boolean", "any" | "text":
            return (
                f"to_json({convert(Value(_text(value, names), 'any', 0, text=_text(value, names)), 'boolean', names)})"
            )
        case "string", "number" | "integer" | "boolean":
            return f"to_json({convert(value, 'text', names)})"
        case "date", "date":
            return f"to_json(left({iso(value.sql)}, 10))"
        case "number" | "byte" | "short" | "int" | "long", "text":
            return f"to_json({value.sql})"
        case _:
            return to_json(value, names)


def _text(value: Value, names: Names) -> str:
    return convert(value, "text", names)


_NUMBERS: tuple[Kind, ...] = ("number", "integer", "text")
_FITTING: dict[str, tuple[Kind, ...]] = {
    "string": ("text", "number", "integer", "boolean", "date"),
    "boolean": ("boolean", "text"),
    "date": ("date", "text"),
    "date-time": ("date", "text", "integer"),
    **dict.fromkeys(("number", "byte", "short", "int", "long"), _NUMBERS),
}
_INSIDE: dict[bool, tuple[Kind, ...]] = {True: ("list",), False: ("map",)}
"""For lists, and for objects and maps."""


def _compiled(node: Node, cells: Cells, names: Names) -> Value:
    match node:
        case Literal(position, value):
            return _constant(position, value)
        case Name(position, path):
            return Value(cells.json(path), "any", position, True, cells.text(path))
        case Call(position, name, arguments):
            given = [_compiled(a, cells, names) for a in arguments]
            return _function(name, position).call(names, given, position)


def _function(name: str, position: int) -> Function:
    if name in NOT_SERVED:
        raise ExpressionError(f"the function {name} is not served: {NOT_SERVED[name]}", position=position)
    if name not in BY_NAME:
        hint = nearest(name, list(BY_NAME))
        raise ExpressionError(f"there is no function {name}; {hint}".rstrip("; "), position=position)
    return BY_NAME[name]


def _constant(position: int, value: str | int | float | bool | None) -> Value:
    match value:
        case None:
            return Value("NULL", "null", position, True, constant=None)
        case bool():
            return Value(str(value).lower(), "boolean", position, True, constant=value)
        case int():
            return Value(f"{value}::BIGINT", "integer", position, True, constant=value)
        case float():
            return Value(f"{value!r}::DOUBLE", "number", position, True, constant=value)
        case str():
            return Value(f"{literal(value)}::VARCHAR", "text", position, True, constant=value)


def _names(node: Node) -> Iterator[Name]:
    match node:
        case Name():
            yield node
        case Call(_, _, arguments):
            for argument in arguments:
                yield from _names(argument)


class _NoCells:
    """Cells of a file that there is not yet."""

    def text(self, path: Path) -> str:
        return f"CAST(NULL AS {SQL_TYPES['text']})"

    def json(self, path: Path) -> str:
        return f"CAST(NULL AS {SQL_TYPES['any']})"


_NO_CELLS = _NoCells()

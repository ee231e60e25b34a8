"""Functions of numbers, and what makes numbers and texts of other values."""

from __future__ import annotations

from collections.abc import Sequence

from limbeck.flow.expressions.model import Function
from limbeck.flow.expressions.operators import remainder
from limbeck.flow.expressions.values import Kind, Names, Value, common, convert, required, text_to


def _numeric(name: str, takes: str, gives: Kind | None, sql: str, says: str, example: str, result: object) -> Function:
    return Function(name, "Numeric", takes, gives, sql, says, example, result)


def _read(name: str, kind: Kind, says: str, example: str, result: object, *aliases: str) -> Function:
    """Return the function that makes *kind* of anything that spells it."""

    def build(names: Names, arguments: Sequence[Value], position: int) -> Value:
        (given,) = arguments
        sql = text_to(given.sql, kind, names) if given.kind == "text" else convert(given, kind, names)
        return Value(sql, kind, position)

    return Function(name, "Conversion", "value:any", kind, build, says, example, result, aliases)


def _extreme(name: str, engine: str, says: str, example: str, result: object) -> Function:
    def build(names: Names, arguments: Sequence[Value], position: int) -> Value:
        kind: Kind = "integer" if common(list(arguments)) == "integer" else "number"
        return Value(f"{engine}({', '.join(convert(a, kind, names) for a in arguments)})", kind, position)

    return Function(name, "Numeric", "number:number...", "number", build, says, example, result)


def _absolute(names: Names, arguments: Sequence[Value], position: int) -> Value:
    kind: Kind = "integer" if arguments[0].kind == "integer" else "number"
    return Value(f"abs({convert(arguments[0], kind, names)})", kind, position)


FUNCTIONS = (
    Function("abs", "Numeric", "number:number", None, _absolute, "A number without its sign.", "abs(-3)", 3),
    _numeric("ceil", "number:number", "number", "ceil({0})", "The next whole number above.", "ceil(1.2)", 2),
    _numeric("floor", "number:number", "number", "floor({0})", "The next whole number below.", "floor(-1.2)", -2),
    _numeric("round", "number:number digits:integer?", "number",
             required("coalesce({1}, 0) BETWEEN -15 AND 15", "round({0}, CAST(coalesce({1}, 0) AS INTEGER))", 1),
             "The nearest number of so many digits behind the point; halves go away from zero.", "round(2.345, 1)",
             2.3),
    Function("mod", "Numeric", "number:number divisor:number", None, remainder,
             "What is left of a division, with the sign of what was divided.", "mod(-7, 3)", -1),
    _extreme("min", "least", "The least of some numbers; null is left out.", "min(3, 1, 4)", 1),
    _extreme("max", "greatest", "The greatest of some numbers; null is left out.", "max(3, 1, 4)", 4),
    _read("to_integer", "integer", "A whole number; a row with anything else fails.", 'to_integer("42")', 42,
          "to_bigint"),
    _read("to_decimal", "number", "A number; a row with anything else fails.", 'to_decimal("1.5")', 1.5, "to_float",
          "to_number"),
    _read("to_boolean", "boolean", "True or false; a row with anything else fails.", 'to_boolean("True")', True),
    Function("to_string", "Conversion", "value:any", "text", "({0} ->> '$')",
             "A text: numbers and dates as JSON writes them, lists and maps as JSON.", "to_string(42)", "42"),
)  # fmt: skip

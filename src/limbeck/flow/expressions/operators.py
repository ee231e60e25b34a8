"""Operators: arithmetic, comparison, logic. Two columns are compared as numbers where both are such, else as texts."""

from __future__ import annotations

from collections.abc import Sequence

from limbeck.engine.sql import literal
from limbeck.errors import ExpressionError
from limbeck.flow.expressions.model import Build, Function, fill
from limbeck.flow.expressions.syntax import NEGATIVE
from limbeck.flow.expressions.values import NOUNS, Kind, Names, Value, common, convert, required
from limbeck.ingest.columns import NUMBER


def _arithmetic(sign: str) -> Build:
    def build(names: Names, arguments: Sequence[Value], position: int) -> Value:
        kind: Kind = "integer" if all(a.kind == "integer" for a in arguments) else "number"
        one, other = (convert(a, kind, names) for a in arguments)
        return Value(f"({one} {sign} {other})", kind, position)

    return build


def remainder(names: Names, arguments: Sequence[Value], position: int) -> Value:
    """Return what is left of a division, with the sign of what was divided; by zero the row fails."""
    kind: Kind = "integer" if all(a.kind == "integer" for a in arguments) else "number"
    converted = [convert(a, kind, names) for a in arguments]
    simple = [a.is_simple or a.is_constant for a in arguments]
    return Value(fill(required("{1} <> 0", "{0} % {1}", 2), converted, simple, names), kind, position)


def chosen(names: Names, arguments: Sequence[Value], position: int) -> Value:
    """Return one of two values, by a condition; the other is not computed."""
    condition, *values = arguments
    kind = common(values)
    one, other = (convert(v, kind, names) for v in values)
    return Value(f"CASE WHEN {convert(condition, 'boolean', names)} THEN {one} ELSE {other} END", kind, position)


def _negative(names: Names, arguments: Sequence[Value], position: int) -> Value:
    kind: Kind = "integer" if arguments[0].kind == "integer" else "number"
    return Value(f"(- {convert(arguments[0], kind, names)})", kind, position)


def _equality(not_: bool) -> Build:
    def build(names: Names, arguments: Sequence[Value], position: int) -> Value:
        sql = same(names, *arguments)
        return Value(f"(NOT {sql})" if not_ else sql, "boolean", position)

    return build


def same(names: Names, one: Value, other: Value) -> str:
    """Return the SQL that is true where two values are the same, null being the same as null."""
    return _compared(names, one, other, "IS NOT DISTINCT FROM")


def _order(sign: str) -> Build:
    def build(names: Names, arguments: Sequence[Value], position: int) -> Value:
        one, other = arguments
        unordered = next((a for a in arguments if a.kind in ("list", "map", "boolean")), None)
        if unordered is not None:
            raise ExpressionError(f"{NOUNS[unordered.kind]} is not more or less than anything", position=position)
        return Value(_compared(names, one, other, sign), "boolean", position)

    return build


def _compared(names: Names, one: Value, other: Value, sign: str) -> str:
    kind = _shared(one, other)
    converted = [convert(v, kind, names) for v in (one, other)]
    if kind != "text" or (one.kind, other.kind) != ("any", "any"):
        return f"({converted[0]} {sign} {converted[1]})"
    are_numbers = " AND ".join(f"regexp_full_match({{{n}}}, {literal(NUMBER)})" for n in (0, 1))
    as_numbers = f"CAST({{0}} AS DOUBLE) {sign} CAST({{1}} AS DOUBLE)"
    return fill(f"CASE WHEN {are_numbers} THEN {as_numbers} ELSE {{0}} {sign} {{1}} END", converted, [False] * 2, names)


def _shared(one: Value, other: Value) -> Kind:
    """Return the kind as which two values are compared."""
    kinds = {one.kind, other.kind} - {"null", "any"}
    if not kinds:
        return "text"
    if kinds <= {"integer", "number"}:
        return "number" if len(kinds) == 2 or "any" in (one.kind, other.kind) else kinds.pop()
    if "date" in kinds and kinds <= {"date", "text", "integer"}:
        return "date"
    if len(kinds) == 2:
        first, second = sorted(NOUNS[k] for k in kinds)
        raise ExpressionError(f"{first} is never compared with {second}", position=other.position)
    kind = kinds.pop()
    return "any" if kind in ("list", "map") else kind


def _operator(name: str, category: str, takes: str, gives: Kind | None, sql: str | Build, says: str, example: str,
              result: object) -> Function:  # fmt: skip
    return Function(name, category, takes, gives, sql, says, example, result)


_NUMBERS = "left:number right:number"
_ANY = "left:any right:any"
_BOTH = "left:boolean right:boolean"


OPERATORS = (
    _operator("?:", "Logical", "condition:boolean one:same other:same", None, chosen,
              "One of two values, by a condition.", '1 < 2 ? "yes" : "no"', "yes"),
    _operator("||", "Logical", _BOTH, "boolean", "CASE WHEN {0} THEN true ELSE coalesce({1}, false) END",
              "Whether one of two conditions holds; also `or`.", "1 > 2 || 2 > 1", True),
    _operator("&&", "Logical", _BOTH, "boolean", "CASE WHEN {0} THEN coalesce({1}, false) ELSE false END",
              "Whether both conditions hold; also `and`.", "1 > 2 && 2 > 1", False),
    _operator("!", "Logical", "condition:boolean", "boolean", "(NOT coalesce({0}, false))",
              "Whether a condition does not hold; also `not`.", "!(1 > 2)", True),
    _operator("==", "Comparison", _ANY, "boolean", _equality(False), "Whether two values are the same.", "1 == 1.0",
              True),
    _operator("!=", "Comparison", _ANY, "boolean", _equality(True), "Whether two values differ.", '"a" != "a"',
              False),
    _operator("<", "Comparison", _ANY, "boolean", _order("<"), "Whether the left value is less.", "1 < 2", True),
    _operator("<=", "Comparison", _ANY, "boolean", _order("<="), "Whether the left value is not more.", "2 <= 2",
              True),
    _operator(">", "Comparison", _ANY, "boolean", _order(">"), "Whether the left value is more.", '"b" > "a"',
              True),
    _operator(">=", "Comparison", _ANY, "boolean", _order(">="), "Whether the left value is not less.", "1 >= 2",
              False),
    _operator("+", "Arithmetic", _NUMBERS, None, _arithmetic("+"), "The sum.", "1 + 2", 3),
    _operator("-", "Arithmetic", _NUMBERS, None, _arithmetic("-"), "The difference.", "1 - 2.5", -1.5),
    _operator("*", "Arithmetic", _NUMBERS, None, _arithmetic("*"), "The product.", "2 * 3", 6),
    _operator("/", "Arithmetic", _NUMBERS, "number", required("{1} <> 0", "{0} / {1}", 2),
              "The quotient, with its fraction; by zero the row fails.", "7 / 2", 3.5),
    _operator("%", "Arithmetic", _NUMBERS, None, remainder, "What is left of a division.", "7 % 4", 3),
    _operator(NEGATIVE, "Arithmetic", "number:number", None, _negative, "The number with the other sign.",
              "-(1 + 2)", -3),
)  # fmt: skip

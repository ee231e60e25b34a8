"""Mathematics, logic and text (SQL contract, section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from limbeck.query.casts import cast
from limbeck.query.functions.model import ANY, Function, Types, first_type, one, same, template
from limbeck.query.types import BOOLEAN, INT, LONG, NUMBER, STRING, of_cast, type_of, widest
from limbeck.xdm.types import Array, Type


def _branch(types: Types) -> Type | None:
    return widest(types[1:])


def _concat(arguments: Sequence[exp.Expr]) -> exp.Expr:
    if any(isinstance(type_of(a), Array) for a in arguments):
        return template("list_concat({*})", *arguments)
    parts = " || ".join(f"CAST({{{n}}} AS VARCHAR)" for n in range(len(arguments)))
    return template(f"({parts})", *arguments)


def _concat_type(types: Types) -> Type | None:
    return next((t for t in types if isinstance(t, Array)), STRING)


def _reals(*names: str) -> dict[str, Function]:
    return {name: same(name, NUMBER, 1, wants="n") for name in names}


def _texts(*names: str) -> dict[str, Function]:
    return {name: same(name, STRING, 1, wants="s") for name in names}


_LN = "CASE WHEN {0} > 0 THEN ln({0}) END"
_SUBSTRING = "substring({0}, CASE WHEN {1} = 0 THEN 1 ELSE {1} END"

MATHEMATICS = {
    **_reals("asin", "acos", "atan", "cbrt", "cos", "sin", "tan", "degrees", "radians", "exp"),
    **_reals("sinh", "cosh", "tanh", "cot"),
    "sqrt": one("CASE WHEN {0} >= 0 THEN sqrt({0}) END", NUMBER, "n"),
    "ln": one(_LN, NUMBER, "n"),
    "log": Function(
        {1: _LN, 2: "CASE WHEN {0} > 0 AND {1} > 0 THEN ln({1}) / nullif(ln({0}), 0) END"}, NUMBER, wants="n"
    ),
    "log10": one("CASE WHEN {0} > 0 THEN log10({0}) END", NUMBER, "n"),
    "log2": one("CASE WHEN {0} > 0 THEN log2({0}) END", NUMBER, "n"),
    "log1p": one("CASE WHEN {0} > -1 THEN ln(1 + {0}) END", NUMBER, "n"),
    "expm1": one("(exp({0}) - 1)", NUMBER, "n"),
    "abs": one("abs({0})", first_type, "n"),
    "ceil": one("CAST(ceil({0}) AS BIGINT)", LONG, "n"),
    "ceiling": one("CAST(ceil({0}) AS BIGINT)", LONG, "n"),
    "floor": one("CAST(floor({0}) AS BIGINT)", LONG, "n"),
    "round": Function({1: "round({0})", 2: "round({0}, {1})"}, first_type, wants="n"),
    "rint": one("CAST(round_even({0}, 0) AS DOUBLE)", NUMBER, "n"),
    "sign": one("CAST(sign({0}) AS DOUBLE)", NUMBER, "n"),
    "signum": one("CAST(sign({0}) AS DOUBLE)", NUMBER, "n"),
    "pow": same("power", NUMBER, 2, wants="n"),
    "power": same("power", NUMBER, 2, wants="n"),
    "atan2": same("atan2", NUMBER, 2, wants="n"),
    "hypot": one("sqrt({0} * {0} + {1} * {1})", NUMBER, "n", 2),
    "pmod": one("((({0} % nullif({1}, 0)) + {1}) % nullif({1}, 0))", widest, "n", 2),
    "mod": one("({0} % nullif({1}, 0))", widest, "n", 2),
    "negative": one("(- {0})", first_type, "n"),
    "positive": one("({0})", first_type, "n"),
    "factorial": one("CASE WHEN {0} BETWEEN 0 AND 20 THEN CAST(factorial({0}) AS BIGINT) END", LONG, "n"),
    "pi": one("pi()", NUMBER, count=0),
    "e": one("exp(1)", NUMBER, count=0),
    "rand": one("random()", NUMBER, count=0),
    "random": one("random()", NUMBER, count=0),
    "randn": one("(sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))", NUMBER, count=0),
    "shiftleft": one("({0} << {1})", first_type, "-", 2),
    "isnan": one("coalesce(isnan(CAST({0} AS DOUBLE)), false)", BOOLEAN, "n"),
    "nanvl": one("CASE WHEN isnan(CAST({0} AS DOUBLE)) THEN {1} ELSE {0} END", NUMBER, "n", 2),
}

LOGIC = {
    "if": one("CASE WHEN {0} THEN {1} ELSE {2} END", _branch, count=3),
    "coalesce": Function({ANY: "coalesce({*})"}, widest),
    "ifnull": one("coalesce({0}, {1})", widest, count=2),
    "nvl": one("coalesce({0}, {1})", widest, count=2),
    "nvl2": one("CASE WHEN {0} IS NOT NULL THEN {1} ELSE {2} END", _branch, count=3),
    "nullif": one("nullif({0}, {1})", first_type, count=2),
    "isnull": one("({0} IS NULL)", BOOLEAN),
    "isnotnull": one("({0} IS NOT NULL)", BOOLEAN),
    "greatest": Function({ANY: "greatest({*})"}, widest),
    "least": Function({ANY: "least({*})"}, widest),
}

TEXT = {
    **_texts("lower", "upper", "reverse", "md5"),
    "lcase": one("lower({0})", STRING, "s"),
    "ucase": one("upper({0})", STRING, "s"),
    "length": one("CAST(length({0}) AS INTEGER)", INT, "s"),
    "char_length": one("CAST(length({0}) AS INTEGER)", INT, "s"),
    "character_length": one("CAST(length({0}) AS INTEGER)", INT, "s"),
    "bit_length": one("CAST(bit_length({0}) AS INTEGER)", INT, "s"),
    "ascii": one("ascii({0})", INT, "s"),
    "ltrim": Function({1: "ltrim({0}, ' ')"}, STRING, wants="s"),
    "rtrim": Function({1: "rtrim({0}, ' ')"}, STRING, wants="s"),
    "concat": Function({ANY: "concat({*})"}, _concat_type, build=_concat),
    "concat_ws": Function(dict.fromkeys(range(2, 33), "concat_ws({*})"), STRING, wants="s"),
    "substring": Function({2: f"{_SUBSTRING})", 3: f"{_SUBSTRING}, greatest({{2}}, 0))"}, STRING, wants="s-"),
    "substr": Function({2: f"{_SUBSTRING})", 3: f"{_SUBSTRING}, greatest({{2}}, 0))"}, STRING, wants="s-"),
    "left": one("left({0}, greatest({1}, 0))", STRING, "s-", 2),
    "right": one("right({0}, greatest({1}, 0))", STRING, "s-", 2),
    "replace": Function({2: "replace({0}, {1}, '')", 3: "replace({0}, {1}, {2})"}, STRING, wants="s"),
    "translate": same("translate", STRING, 3, wants="s"),
    "repeat": one("repeat({0}, greatest({1}, 0))", STRING, "s-", 2),
    "space": one("repeat(' ', greatest({0}, 0))", STRING),
    "lpad": Function({2: "lpad({0}, {1}, ' ')", 3: "lpad({0}, {1}, {2})"}, STRING, wants="s-s"),
    "rpad": Function({2: "rpad({0}, {1}, ' ')", 3: "rpad({0}, {1}, {2})"}, STRING, wants="s-s"),
    "instr": one("CAST(instr({0}, {1}) AS INTEGER)", INT, "s", 2),
    "locate": one("CAST(instr({1}, {0}) AS INTEGER)", INT, "s", 2),
    "position": one("CAST(instr({1}, {0}) AS INTEGER)", INT, "s", 2),
    "levenshtein": one("CAST(levenshtein({0}, {1}) AS INTEGER)", INT, "s", 2),
    "split": one("regexp_split_to_array({0}, {1})", Array(STRING), "s", 2),
    "startswith": one("starts_with({0}, {1})", BOOLEAN, "s", 2),
    "endswith": one("ends_with({0}, {1})", BOOLEAN, "s", 2),
    "contains": one("contains({0}, {1})", BOOLEAN, "s", 2),
    "regexp_replace": one("regexp_replace({0}, {1}, {2}, 'g')", STRING, "s", 3),
    "regexp_extract": Function(
        {2: "regexp_extract({0}, {1}, 1)", 3: "regexp_extract({0}, {1}, {2})"}, STRING, wants="ss-"
    ),
    "sha": one("sha1({0})", STRING, "s"),
    "sha1": one("sha1({0})", STRING, "s"),
    "uuid": one("CAST(uuid() AS VARCHAR)", STRING, count=0),
}


def _cast_to(name: str) -> Function:
    target = exp.DataType.build(name, dialect="spark")
    return Function({1: ""}, of_cast(target), build=lambda arguments: cast(arguments[0], target))


CASTS = {
    name: _cast_to(name)
    for name in ("bigint", "boolean", "date", "double", "float", "int", "smallint", "string", "timestamp", "tinyint")
}

FUNCTIONS = {**CASTS, **MATHEMATICS, **LOGIC, **TEXT}

"""Mathematics (SQL contract, section 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from limbeck.query.functions.model import Function, Types, first_type, one, same, template
from limbeck.query.types import BOOLEAN, INT, LONG, NUMBER, STRING, is_integer, scalar_name, type_of, widest
from limbeck.xdm.types import Type


def _reals(*names: str) -> dict[str, Function]:
    return {name: same(name, NUMBER, 1, wants="n") for name in names}


def _between(name: str, low: int, high: int) -> Function:
    """What has no value for that number is NaN, as Java has it."""
    return one(f"CASE WHEN {{0}} BETWEEN {low} AND {high} THEN {name}({{0}}) {_ELSE_NAN}", NUMBER, "n")


def _whole(name: str) -> Callable[[Sequence[exp.Expr]], exp.Expr]:
    """`ceil` and `floor`; what an integer is, it stays."""

    def build(arguments: Sequence[exp.Expr]) -> exp.Expr:
        return template(f"CAST({name}({{0}}) AS BIGINT)", arguments[0])

    return build


def _rounding(whole: str, parts: str) -> Function:
    """Rounds to a whole number or to so many digits; an integer stays of its type."""

    def build(arguments: Sequence[exp.Expr]) -> exp.Expr:
        kind = type_of(arguments[0])
        text = f"{parts}({{0}}, {{1}})" if len(arguments) == 2 else whole
        return template(f"CAST({text} AS {_ENGINE[kind]})" if kind in _ENGINE else text, *arguments)

    return Function({1: "", 2: ""}, first_type, wants="n", build=build)


def _shift(text: str) -> Function:
    """Java shifts by as many bits as there is room for, and what does not fit is cut off.

    In *text* `{{x}}` is the number, `{{n}}` by how much, `{{mask}}` all bits of its type.
    """

    def build(arguments: Sequence[exp.Expr]) -> exp.Expr:
        bits, kind = (64, "BIGINT") if scalar_name(type_of(arguments[0])) == "long" else (32, "INTEGER")
        full, half = 2**bits, 2 ** (bits - 1)
        shifted = text.format(x="CAST({0} AS HUGEINT)", n=f"({{1}} & {bits - 1})", mask=full - 1)
        return template(f"CAST(((({shifted}) + {half}) & {full - 1}) - {half} AS {kind})", *arguments)

    return Function({2: ""}, _shifted, build=build)


def _shifted(types: Types) -> Type | None:
    return LONG if scalar_name(types[0]) == "long" else INT


def _extreme(name: str) -> Function:
    return Function(dict.fromkeys(range(2, 65), f"{name}({{*}})"), widest)


def _quotient(types: Types) -> Type | None:
    return NUMBER if all(is_integer(t) or t is None for t in types) else widest(types)


_ELSE_NAN = "WHEN {0} IS NOT NULL THEN CAST('NaN' AS DOUBLE) END"
_ENGINE: dict[Type | None, str] = {INT: "INTEGER", LONG: "BIGINT"}
_LN = "CASE WHEN {0} > 0 THEN ln({0}) END"
_EXPM1 = "CASE WHEN abs({0}) < 1e-5 THEN {0} + {0} * {0} / 2 + {0} * {0} * {0} / 6 ELSE exp({0}) - 1 END"
_LOG1P = (
    "CASE WHEN {0} > -1 THEN CASE WHEN abs({0}) < 1e-5 THEN {0} - {0} * {0} / 2 + {0} * {0} * {0} / 3 "
    "ELSE ln(1 + {0}) END END"
)
_MOD = "({0} % nullif({1}, 0))"
_PMOD = f"CASE WHEN {_MOD} < 0 THEN ({_MOD} + {{1}}) % nullif({{1}}, 0) ELSE {_MOD} END"
_HALF_EVEN = "round_even({0}, 0)"
_BUCKET = (
    "CASE WHEN {3} > 0 AND {1} <> {2} THEN CAST(CASE WHEN ({2} > {1}) = ({0} < {1}) AND {0} <> {1} THEN 0 "
    "WHEN ({2} > {1}) = ({0} >= {2}) THEN {3} + 1 ELSE floor({3} * ({0} - {1}) / ({2} - {1})) + 1 END AS BIGINT) END"
)

FUNCTIONS = {
    **_reals("atan", "cbrt", "cos", "sin", "tan", "degrees", "radians", "exp", "sinh", "cosh", "tanh"),
    "cot": one("(1 / nullif(tan({0}), 0))", NUMBER, "n"),
    "acos": _between("acos", -1, 1),
    "asin": _between("asin", -1, 1),
    "sqrt": one(f"CASE WHEN {{0}} >= 0 THEN sqrt({{0}}) {_ELSE_NAN}", NUMBER, "n"),
    "ln": one(_LN, NUMBER, "n"),
    "log": Function(
        {1: _LN, 2: "CASE WHEN {0} > 0 AND {1} > 0 THEN ln({1}) / nullif(ln({0}), 0) END"}, NUMBER, wants="n"
    ),
    "log10": one("CASE WHEN {0} > 0 THEN log10({0}) END", NUMBER, "n"),
    "log2": one("CASE WHEN {0} > 0 THEN log2({0}) END", NUMBER, "n"),
    "log1p": one(_LOG1P, NUMBER, "n"),
    "expm1": one(_EXPM1, NUMBER, "n"),
    "abs": one("abs({0})", first_type, "n"),
    "ceil": Function({1: ""}, LONG, wants="n", build=_whole("ceil")),
    "ceiling": Function({1: ""}, LONG, wants="n", build=_whole("ceil")),
    "floor": Function({1: ""}, LONG, wants="n", build=_whole("floor")),
    "round": _rounding("round({0})", "round"),
    "bround": _rounding(_HALF_EVEN, "round_even"),
    "rint": one(f"CAST({_HALF_EVEN} AS DOUBLE)", NUMBER, "n"),
    "sign": one("CAST(sign({0}) AS DOUBLE)", NUMBER, "n"),
    "signum": one("CAST(sign({0}) AS DOUBLE)", NUMBER, "n"),
    "pow": same("power", NUMBER, 2, wants="n"),
    "power": same("power", NUMBER, 2, wants="n"),
    "atan2": same("atan2", NUMBER, 2, wants="n"),
    "hypot": one("CAST(sqrt({0} * {0} + {1} * {1}) AS DOUBLE)", NUMBER, "n", 2),
    "pmod": one(_PMOD, widest, "n", 2),
    "mod": one(_MOD, widest, "n", 2),
    "negative": one("(- {0})", first_type, "n"),
    "positive": one("({0})", first_type, "n"),
    "factorial": one("CASE WHEN {0} BETWEEN 0 AND 20 THEN CAST(factorial({0}) AS BIGINT) END", LONG, "n"),
    "pi": one("pi()", NUMBER, count=0),
    "e": one("exp(1)", NUMBER, count=0),
    "rand": Function({0: "random()", 1: "random()"}, NUMBER),
    "random": Function({0: "random()", 1: "random()"}, NUMBER),
    "randn": one("(sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))", NUMBER, count=0),
    "greatest": _extreme("greatest"),
    "least": _extreme("least"),
    "conv": one("spark_conv(CAST({0} AS VARCHAR), {1}, {2})", STRING, "s-", 3),
    "shiftleft": _shift("{x} * (CAST(1 AS HUGEINT) << {n})"),
    "shiftright": _shift("{x} >> {n}"),
    "shiftrightunsigned": _shift("({x} & {mask}) >> {n}"),
    "isnan": one("coalesce(isnan(CAST({0} AS DOUBLE)), false)", BOOLEAN, "n"),
    "nanvl": one("CASE WHEN isnan(CAST({0} AS DOUBLE)) THEN {1} WHEN {0} IS NOT NULL THEN {0} END", NUMBER, "n", 2),
    "width_bucket": one(_BUCKET, LONG, "n", 4),
    "try_divide": one("({0} / nullif({1}, 0))", _quotient, "n", 2),
    "try_add": one("({0} + {1})", widest, "n", 2),
    "try_subtract": one("({0} - {1})", widest, "n", 2),
    "try_multiply": one("({0} * {1})", widest, "n", 2),
    "monotonically_increasing_id": one("(row_number() OVER () - 1)", LONG, count=0),
}

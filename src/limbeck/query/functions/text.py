"""Text (SQL contract, section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from limbeck.errors import FeatureNotSupported
from limbeck.query.casts import text
from limbeck.query.dialect import position
from limbeck.query.functions.model import ANY, Function, Types, one, same, template
from limbeck.query.functions.patterns import pattern, replacement
from limbeck.query.types import BOOLEAN, INT, STRING, is_integer, type_of
from limbeck.xdm.types import Array, Type


def _texts(*names: str) -> dict[str, Function]:
    return {name: same(name, STRING, 1, wants="s") for name in names}


def _concat(arguments: Sequence[exp.Expr]) -> exp.Expr:
    if any(isinstance(type_of(a), Array) for a in arguments):
        return template(f"({' || '.join(f'{{{n}}}' for n in range(len(arguments)))})", *arguments)
    parts = " || ".join(f"CAST({{{n}}} AS VARCHAR)" for n in range(len(arguments)))
    return template(f"({parts})", *map(text, arguments))


def _concat_type(types: Types) -> Type | None:
    return next((t for t in types if isinstance(t, Array)), STRING)


def _concat_ws(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """What is NULL is left out; lists give their items."""
    separator, *parts = arguments
    if not parts:
        return template("CASE WHEN {0} IS NOT NULL THEN '' END", separator)
    if not any(isinstance(type_of(p), Array) for p in parts):
        return template("concat_ws({*})", separator, *map(text, parts))
    lists = [p if isinstance(type_of(p), Array) else template("[{0}]", text(p)) for p in parts]
    joined = ", ".join(f"coalesce({{{n}}}, [])" for n in range(1, len(lists) + 1))
    return template(f"array_to_string(flatten([{joined}]), {{0}})", separator, *lists)


def _reverse(arguments: Sequence[exp.Expr]) -> exp.Expr:
    if isinstance(type_of(arguments[0]), Array):
        return template("list_reverse({0})", arguments[0])
    return template("reverse({0})", text(arguments[0]))


def _reversed(types: Types) -> Type | None:
    return types[0] if isinstance(types[0], Array) else STRING


def _split(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """A limit above 0 is how many parts there are at most; 0 and below is no limit."""
    value, separator = arguments[0], pattern(arguments[1])
    limit = _limit(arguments[2]) if len(arguments) == 3 else 0
    if limit <= 0:
        return template("regexp_split_to_array({0}, {1})", value, separator)
    marked = "{0}"
    for _ in range(limit - 1):
        marked = f"regexp_replace({marked}, {{1}}, chr(1))"
    return template(f"string_split({marked}, chr(1))", value, separator)


def _limit(node: exp.Expr) -> int:
    negative = isinstance(node, exp.Neg)
    number = node.this if isinstance(node, exp.Neg) else node
    if not (isinstance(number, exp.Literal) and number.is_int and int(number.name) <= 64):
        raise FeatureNotSupported("the limit of split is a number up to 64", position=position(node))
    return -int(number.name) if negative else int(number.name)


def _regexp(text_: str, *, default: str = "") -> Function:
    """A function of a text, a regular expression and perhaps the number of a group, *default* if it is missing."""

    def build(arguments: Sequence[exp.Expr]) -> exp.Expr:
        group = [arguments[2]] if len(arguments) == 3 else [template(default)]
        return template(text_, arguments[0], pattern(arguments[1]), *group)

    counts = (2, 3) if default else (2,)
    return Function(dict.fromkeys(counts, ""), STRING, wants="ss-", build=build)


def _typed(function: Function, result: Type) -> Function:
    return Function(function.forms, result, wants=function.wants, build=function.build)


def _regexp_replace(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """From a place on, counted from 1; what stands before it stays."""
    value, search, put = arguments[0], pattern(arguments[1]), replacement(arguments[2])
    if len(arguments) == 3:
        return template("regexp_replace({0}, {1}, {2}, 'g')", value, search, put)
    inner = "left({0}, {3} - 1) || regexp_replace(substring({0}, {3}), {1}, {2}, 'g')"
    return template(f"CASE WHEN {{3}} > length({{0}}) THEN {{0}} ELSE {inner} END", value, search, put, arguments[3])


def _elt(arguments: Sequence[exp.Expr]) -> exp.Expr:
    number, *values = arguments
    cases = " ".join(f"WHEN {n} THEN {{{n}}}" for n in range(1, len(values) + 1))
    return template(f"CASE {{0}} {cases} END", number, *map(text, values))


def _format_number(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """By a number of decimals, or by a pattern of Java's DecimalFormat."""
    value, how = arguments
    if not is_integer(type_of(how)) and type_of(how) == STRING:
        return template("spark_decimal_format(CAST({0} AS DOUBLE), {1})", value, how)
    kind = "BIGINT" if is_integer(type_of(value)) else "DOUBLE"
    zeros = "CASE WHEN {1} > 0 THEN '.' || repeat('0', {1}) ELSE '' END"
    whole = f"format('{{{{:,d}}}}', {{0}}) || {zeros}"
    parts = "format('{{:,.' || {1} || 'f}}', CAST({0} AS DOUBLE))"
    chosen = whole if kind == "BIGINT" else parts
    return template(f"CASE WHEN {{1}} >= 0 THEN {chosen} END", value, how)


def _pad(name: str) -> Function:
    """To so many characters, cut off if there are more; nothing to pad with leaves the text as long as it is."""
    filled = f"CASE WHEN {{2}} = '' THEN left({{0}}, {_COUNT}) ELSE {name}({{0}}, {_COUNT}, {{2}}) END"
    return Function({2: f"{name}({{0}}, {_COUNT}, ' ')", 3: filled}, STRING, wants="s-s")


def _trim(name: str) -> Function:
    return one(f"{name}({{0}}, ' ')", STRING, "s")


_COUNT = "CASE WHEN {1} < 0 THEN 0 ELSE {1} END"
_AT = "CASE WHEN {1} = 0 THEN 1 ELSE {1} END"
_FROM = f"substring({{0}}, CASE WHEN {{1}} < -length({{0}}) THEN 1 ELSE {_AT} END)"
_BEGIN = "CASE WHEN {1} < 0 THEN length({0}) + {1} WHEN {1} > 0 THEN {1} - 1 ELSE 0 END"
_SLICE = (
    "CASE WHEN {1} IS NOT NULL AND {2} IS NOT NULL THEN "
    f"substring({{0}}, greatest({_BEGIN}, 0) + 1, greatest(least({_BEGIN} + greatest({{2}}, 0), length({{0}})) "
    f"- greatest({_BEGIN}, 0), 0)) END"
)
_SUBSTRING = Function({2: _FROM, 3: _SLICE}, STRING, wants="s-")
_INSTR = "CAST(instr({0}, {1}) AS INTEGER)"
_LOCATE = "CAST(instr({1}, {0}) AS INTEGER)"
_LOCATE_FROM = (
    "CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL WHEN {2} < 1 THEN 0 ELSE CAST(coalesce(nullif("
    "instr(substring({1}, {2}), {0}), 0) + {2} - 1, 0) AS INTEGER) END"
)
_POSITION = Function({2: _LOCATE, 3: _LOCATE_FROM}, INT, wants="ss-")
_LENGTH = one("CAST(length({0}) AS INTEGER)", INT, "s")
_CHAR = one("CASE WHEN {0} < 0 THEN '' ELSE chr(CAST({0} AS INTEGER) % 256) END", STRING, "n")
_WORDS = "list_transform(string_split(lower({0}), ' '), LAMBDA _w : upper(left(_w, 1)) || substring(_w, 2))"
_FIND = (
    "CASE WHEN contains({0}, ',') THEN 0 "
    "ELSE CAST(coalesce(list_position(string_split({1}, ','), {0}), 0) AS INTEGER) END"
)
_FIND_IN_SET = f"CASE WHEN {{0}} IS NOT NULL AND {{1}} IS NOT NULL THEN {_FIND} END"
_PARTS = "string_split({0}, {1})"
_SUBSTRING_INDEX = (
    "CASE WHEN {0} IS NULL OR {1} IS NULL OR {2} IS NULL THEN NULL WHEN {2} = 0 OR {1} = '' THEN '' "
    f"WHEN {{2}} > 0 THEN array_to_string({_PARTS}[:{{2}}], {{1}}) "
    f"ELSE array_to_string({_PARTS}[greatest(len({_PARTS}) + {{2}} + 1, 1):], {{1}}) END"
)
_SPLIT_PART = f"coalesce({_PARTS}[{{2}}], '')"
_LEVENSHTEIN = "CAST(levenshtein({0}, {1}) AS INTEGER)"
_TRANSLATE = "translate({0}, {1}, {2})"

FUNCTIONS = {
    **_texts("lower", "upper"),
    "lcase": one("lower({0})", STRING, "s"),
    "ucase": one("upper({0})", STRING, "s"),
    "length": _LENGTH,
    "len": _LENGTH,
    "char_length": _LENGTH,
    "character_length": _LENGTH,
    "ascii": one("CASE WHEN {0} = '' THEN 0 ELSE unicode({0}) END", INT, "s"),
    "char": _CHAR,
    "chr": _CHAR,
    "initcap": one(f"array_to_string({_WORDS}, ' ')", STRING, "s"),
    "ltrim": _trim("ltrim"),
    "rtrim": _trim("rtrim"),
    "trim": _trim("trim"),
    "btrim": _trim("trim"),
    "concat": Function({ANY: ""}, _concat_type, build=_concat),
    "concat_ws": Function({ANY: ""}, STRING, build=_concat_ws),
    "substring": _SUBSTRING,
    "substr": _SUBSTRING,
    "left": one(f"left({{0}}, {_COUNT})", STRING, "s-", 2),
    "right": one(f"right({{0}}, {_COUNT})", STRING, "s-", 2),
    "replace": Function(
        {2: "replace({0}, {1}, '')", 3: "CASE WHEN {1} = '' THEN {0} ELSE replace({0}, {1}, {2}) END"},
        STRING,
        wants="s",
    ),
    "translate": one(_TRANSLATE, STRING, "s", 3),
    "repeat": one(f"repeat({{0}}, {_COUNT})", STRING, "s-", 2),
    "reverse": Function({1: ""}, _reversed, build=_reverse),
    "space": one("repeat(' ', CASE WHEN {0} < 0 THEN 0 ELSE {0} END)", STRING),
    "lpad": _pad("lpad"),
    "rpad": _pad("rpad"),
    "instr": one(_INSTR, INT, "s", 2),
    "locate": _POSITION,
    "position": _POSITION,
    "find_in_set": one(_FIND_IN_SET, INT, "s", 2),
    "elt": Function(dict.fromkeys(range(2, 65), ""), STRING, wants="n-", build=_elt),
    "levenshtein": Function(
        {2: _LEVENSHTEIN, 3: f"CASE WHEN {_LEVENSHTEIN} > {{2}} THEN -1 ELSE {_LEVENSHTEIN} END"}, INT, wants="ss-"
    ),
    "soundex": one("spark_soundex({0})", STRING, "s"),
    "sentences": Function(dict.fromkeys((1, 2, 3), "spark_sentences({0})"), Array(Array(STRING)), wants="s"),
    "format_number": Function({2: ""}, STRING, wants="n-", build=_format_number),
    "split": Function({2: "", 3: ""}, Array(STRING), wants="ss-", build=_split),
    "split_part": one(_SPLIT_PART, STRING, "ss-", 3),
    "substring_index": one(_SUBSTRING_INDEX, STRING, "ss-", 3),
    "startswith": one("starts_with({0}, {1})", BOOLEAN, "s", 2),
    "endswith": one("ends_with({0}, {1})", BOOLEAN, "s", 2),
    "contains": one("contains({0}, {1})", BOOLEAN, "s", 2),
    **dict.fromkeys(
        ("regexp_replace", "regex_replace"),
        Function({3: "", 4: ""}, STRING, wants="sss-", build=_regexp_replace),
    ),
    "regexp_extract": _regexp("regexp_extract({0}, {1}, {2})", default="1"),
    "regexp_extract_all": _typed(_regexp("regexp_extract_all({0}, {1}, {2})", default="1"), Array(STRING)),
    "regexp_like": _typed(_regexp("regexp_matches({0}, {1})"), BOOLEAN),
    "regexp_count": _typed(_regexp("CAST(len(regexp_extract_all({0}, {1})) AS INTEGER)"), INT),
    "regexp_substr": _regexp("CASE WHEN regexp_matches({0}, {1}) THEN regexp_extract({0}, {1}) END"),
    "uuid": one("CAST(uuid() AS VARCHAR)", STRING, count=0),
    "parse_url": Function({2: "spark_url({0}, {1})", 3: "spark_url_parameter({0}, {1}, {2})"}, STRING, wants="s"),
}

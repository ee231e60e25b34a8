"""Functions of texts, and what is computed from texts: hashes and parts of URLs."""

from __future__ import annotations

from collections.abc import Sequence

from limbeck.engine.sql import literal
from limbeck.errors import ExpressionError
from limbeck.flow.expressions.model import Function, constant, fill, regex
from limbeck.flow.expressions.values import Names, Value, convert, required

_BLANKS = "' ' || chr(9) || chr(10) || chr(13)"


_LEAST = "least({1}, 2147483647)"


def _hashed(engine: str) -> Function:
    """Return the function of a hash, which may name its charset."""

    def build(names: Names, arguments: Sequence[Value], position: int) -> Value:
        if len(arguments) == 2 and constant(arguments[1], "the charset").upper() not in ("UTF-8", "UTF8"):
            raise ExpressionError("texts are hashed as UTF-8 only", position=arguments[1].position)
        return Value(f"{engine}({convert(arguments[0], 'text', names)})", "text", position)

    says = f"The {engine.upper()} of a text, as lower-case hexadecimal digits."
    return Function(
        engine, "Hashing", "input:text charset:text?", "text", build, says, f'{engine}("a")', _HASHES[engine]
    )


_HASHES = {
    "md5": "0cc175b9c0f1b6a831c399e269772661",
    "sha1": "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8",
    "sha256": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
}


def _text(name: str, takes: str, sql: str, says: str, example: str, result: object, *aliases: str) -> Function:
    return Function(name, "String", takes, "text", sql, says, example, result, aliases)


def _test(name: str, takes: str, sql: str, says: str, example: str, result: object, *aliases: str) -> Function:
    return Function(name, "String", takes, "boolean", sql, says, example, result, aliases)


def _pad(side: str) -> str:
    padded = f"{side}pad({{0}}, CAST({{1}} AS INTEGER), {{2}})"
    return required("{1} BETWEEN 0 AND 100000 AND length({2}) > 0", padded, 3)


def _parts(engine: str, condition: str) -> str:
    """Return the SQL of the parts of a text: one, the text itself, of an empty one, where the engine gives none."""
    parts = f"list_transform({engine}({{0}}, {{1}}), lambda limbeck_part: to_json(limbeck_part))"
    return f"CASE WHEN {condition} THEN CASE WHEN {{0}} = '' THEN [to_json('')] ELSE {parts} END END"


def _extracted(names: Names, arguments: Sequence[Value], position: int) -> Value:
    text, pattern, *group = arguments
    found = group[0].constant if group and group[0].is_constant else 0
    if group and (not group[0].is_constant or not isinstance(found, int) or not 0 <= found <= 9):
        raise ExpressionError("the group is a number from 0 to 9", position=group[0].position)
    form = literal(regex(pattern))
    first = f"regexp_extract({{0}}, {form}, {found})"
    sql = fill(
        f"CASE WHEN regexp_matches({{0}}, {form}) THEN {first} END", [convert(text, "text", names)], [False], names
    )
    return Value(sql, "text", position)


_JOINED = (
    "CASE WHEN {0} IS NOT NULL THEN coalesce(substr(list_aggregate(list_transform({1}, "
    "lambda limbeck_part: {0} || (limbeck_part ->> '$')), 'string_agg', ''), length({0}) + 1), "
    "CASE WHEN {1} IS NOT NULL THEN '' END) END"
)
_URL = r"'^(?:([A-Za-z][A-Za-z0-9+.-]*)://)(?:[^@/?#]*@)?([^:/?#]*)(?::([0-9]+))?([^?#]*)'"


def _url(part: int) -> str:
    return f"nullif(regexp_extract({{0}}, {_URL}, {part}), '')"


FUNCTIONS = (
    _text("concat", "string:text...", "concat({*})", "Texts one after the other; null is left out.",
          'concat("Hi, ", "there", "!")', "Hi, there!"),
    _text("lower", "input:text", "lower({0})", "Small letters.", 'lower("HeLLo")', "hello", "lcase"),
    _text("upper", "input:text", "upper({0})", "Capital letters.", 'upper("HeLLo")', "HELLO", "ucase"),
    _text("trim", "input:text", f"trim({{0}}, {_BLANKS})", "Without white space at both ends.",
          'trim("  a b ")', "a b"),
    _text("ltrim", "input:text", f"ltrim({{0}}, {_BLANKS})", "Without white space at its beginning.",
          'ltrim(" a ")', "a "),
    _text("rtrim", "input:text", f"rtrim({{0}}, {_BLANKS})", "Without white space at its end.", 'rtrim(" a ")', " a"),
    _text("left", "input:text count:integer", required("{1} >= 0", f"left({{0}}, {_LEAST})", 2),
          "The first characters.",
          'left("abcde", 2)', "ab"),
    _text("right", "input:text count:integer", required("{1} >= 0", f"right({{0}}, {_LEAST})", 2),
          "The last characters.",
          'right("abcde", 2)', "de"),
    _text("substr", "input:text start:integer length:integer?",
          required("{1} >= 0 AND coalesce({2}, 0) >= 0",
                  f"substr({{0}}, {_LEAST} + 1, coalesce({{2}}, length({{0}})))", 2),
          "Characters from a place, counted from 0; all, or so many.",
          'substr("This is a substring test", 7, 8)', " a subst"),
    _text("lpad", "input:text length:integer padding:text", _pad("l"),
          "A text of this length, filled up at its beginning; a longer one is cut.", 'lpad("bat", 8, "yz")',
          "yzyzybat"),
    _text("rpad", "input:text length:integer padding:text", _pad("r"),
          "A text of this length, filled up at its end; a longer one is cut.", 'rpad("bat", 8, "yz")', "batyzyzy"),
    _text("replacestr", "input:text find:text by:text",
          "CASE WHEN {1} = '' AND {2} IS NOT NULL THEN {0} ELSE replace({0}, {1}, {2}) END",
          "Each place of one text by another.",
          'replacestr("a-b-c", "-", "+")', "a+b+c", "replace"),
    _text("replace_regex", "input:text pattern:regex by:text",
          r"regexp_replace({0}, {1}, replace({2}, '\', '\\'), 'g')",
          "Each place that a regular expression fits by a text.", 'replace_regex("a1b22", "[0-9]+", "#")', "a#b#"),
    _text("to_json", "value:any", "CAST({0} AS VARCHAR)", "A value as JSON.", 'to_json(to_array(false, 1, "a"))',
          '[1,"a"]'),
    _text("get_url_encoded", "input:text", "url_encode({0})", "A text as a part of a URL.",
          'get_url_encoded("a b/c")', "a%20b%2Fc", "url_encode"),
    _text("get_url_decoded", "input:text", "url_decode({0})", "A part of a URL as the text that it stands for.",
          'get_url_decoded("a%20b%2Fc")', "a b/c", "url_decode"),
    _text("get_url_protocol", "url:text", _url(1), "The protocol of a URL.",
          'get_url_protocol("https://platform.adobe.io/home")', "https"),
    _text("get_url_host", "url:text", _url(2), "The host of a URL.",
          'get_url_host("https://platform.adobe.io:8443/home")', "platform.adobe.io"),
    _text("get_url_path", "url:text", _url(4), "The path of a URL, without query and anchor.",
          'get_url_path("https://platform.adobe.io/home/a?b=1#c")', "/home/a"),
    Function("get_url_port", "String", "url:text", "integer", f"CAST({_url(3)} AS BIGINT)",
             "The port of a URL, null if it names none.", 'get_url_port("https://platform.adobe.io:8443/home")', 8443),
    _test("equals", "one:text other:text", "{0} IS NOT DISTINCT FROM {1}", "Whether two texts are the same.",
          'equals("a", "A")', False),
    _test("equalsIgnoreCase", "one:text other:text", "lower({0}) IS NOT DISTINCT FROM lower({1})",
          "Whether two texts are the same but for capital letters.", 'equalsIgnoreCase("a", "A")', True),
    _test("contains", "input:text part:text", "contains({0}, {1})", "Whether a text stands in another.",
          'contains("adobe.com", "be.c")', True),
    _test("starts_with", "input:text part:text", "starts_with({0}, {1})", "Whether a text begins with another.",
          'starts_with("adobe.com", "ado")', True),
    _test("ends_with", "input:text part:text", "ends_with({0}, {1})", "Whether a text ends with another.",
          'ends_with("adobe.com", ".com")', True),
    _test("matches_regex", "input:text pattern:regex", "regexp_full_match({0}, {1})",
          "Whether the whole text fits a regular expression (RE2).", 'matches_regex("E259", "[A-Z][0-9]+")', True),
    Function("extract_regex", "String", "input:text pattern:regex group:integer?", "text", _extracted,
             "What a regular expression (RE2) finds first, or one of its groups, null if nothing.",
             'extract_regex("E259,B009", "([A-Z])([0-9]+)", 2)', "259"),
    Function("length", "String", "input:text", "integer", "length({0})", "How many characters a text has.",
             'length("adobe")', 5),
    Function("instr", "String", "input:text part:text", "integer", "instr({0}, {1}) - 1",
             "Where a text stands in another, from 0; -1 if it does not.", 'instr("adobe.com", "com")', 6),
    Function("split", "String", "input:text separator:text", "list",
             _parts("string_split", "{1} IS NOT NULL"),
             "The parts between separators.", 'split("a,b", ",")', ["a", "b"]),
    Function("explode", "String", "input:text pattern:regex", "list",
             _parts("string_split_regex", "true"),
             "The parts between places that a regular expression (RE2) fits.", 'explode("a1b22c", "[0-9]+")',
             ["a", "b", "c"]),
    Function("join", "String", "separator:text parts:list", "text",
             _JOINED,
             "The items of a list as one text; null is left out.", 'join("-", to_array(false, "a", 1))', "a-1"),
    *map(_hashed, _HASHES),
)  # fmt: skip

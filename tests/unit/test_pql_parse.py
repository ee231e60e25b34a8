"""PQL's text and its nulls: what binds how, what escapes, and what a missing value does to every operator."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from limbeck.audience.pql import compile_rule, condition
from limbeck.audience.pql.names import CURRENT_PARTS, FUNCTIONS, METHODS
from limbeck.audience.pql.nulls import NULLS, Nulls
from limbeck.audience.pql.parse import parse
from limbeck.audience.pql.tree import Binary, Events, Items, Kind, Literal, Logic, Method, Negative, Not, Occurs, Path
from limbeck.errors import PqlError
from limbeck.xdm.arrow import arrow_type
from tests.pql_interpreter import TEXT_TESTS, Printer, Rule, World, evaluate, holds, leaf, relation, union

NOW = dt.datetime(2024, 6, 15, 12)


# -- the shape of a rule -----------------------------------------------------------------------------------------------


def shape(node: Any) -> str:
    """A tree in full parentheses."""
    match node:
        case Path():
            return str(node.written)
        case Literal():
            return repr(node.value)
        case Items():
            return f"[{', '.join(map(shape, node.items))}]"
        case Binary():
            return f"({shape(node.left)} {node.operator} {shape(node.right)})"
        case Logic():
            return f"({f' {node.operator} '.join(map(shape, node.parts))})"
        case Not():
            return f"(not {shape(node.operand)})"
        case Negative():
            return f"(-{shape(node.operand)})"
        case Method():
            return f"{shape(node.receiver)}.{node.name}({', '.join(map(shape, node.arguments))})"
        case Events():
            return f"({node.word} {node.variable}{' where ' + shape(node.where) if node.where else ''})"
        case Occurs():
            return f"({shape(node.time)} occurs)"
    raise AssertionError(node)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a or b and c", "(a or (b and c))"),
        ("a and b or c and d", "((a and b) or (c and d))"),
        ("a and b and c", "(a and b and c)"),
        ("not a and b", "((not a) and b)"),
        ("not a = b", "(not (a = b))"),
        ("not not !a", "(not (not (not a)))"),
        ("!a or b", "((not a) or b)"),
        ("a + b * c - d", "((a + (b * c)) - d)"),
        ("a - b - c", "((a - b) - c)"),
        ("a / b % c", "((a / b) % c)"),
        ("a + b < c * d", "((a + b) < (c * d))"),
        ("-a.b * c", "((-a.b) * c)"),
        ("-3 + 2", "(-3 + 2)"),
        ("a - -3", "(a - -3)"),
        ("- -a", "(-(-a))"),
        ("-(3)", "-3"),
        ("-a.isNull()", "(-a.isNull())"),
        ("(a or b) and c", "((a or b) and c)"),
        ("a in [1, 2.5, -3]", "(a in [1, 2.5, -3])"),
        ("a notIn []", "(a notIn [])"),
        ("a.b . c.equals (d)", "a.b.c.equals(d)"),
        ("exists X from xEvent where X.a or X.b", "(exists X where (X.a or X.b))"),
        ("exists X from xEvent where X.a and b or c", "(exists X where ((X.a and b) or c))"),
        ("a and exists X from xEvent : X.b and c", "(a and (exists X where (X.b and c)))"),
        ("(exists X from xEvent where X.b) and c", "((exists X where X.b) and c)"),
        ("not exists X from xEvent where X.b and c", "(not (exists X where (X.b and c)))"),
        ("exists X from xEvent and a", "((exists X) and a)"),
        ("a occurs today and b", "((a occurs) and b)"),
        ("a occurs between today and tomorrow and b", "((a occurs) and b)"),
        ("a occurs before b + c or d", "((a occurs) or d)"),
        ("a.and.or.in.exists.today = 1", "(a.and.or.in.exists.today = 1)"),
        ("day < month and last = 1 or before > 2", "(((day < month) and (last = 1)) or (before > 2))"),
        ("count > 3 and sum = max", "((count > 3) and (sum = max))"),
        ("android = order", "(android = order)"),
        ("(P) => P.a = $1.b", "(P.a = $1.b)"),
        ("( (P).a ) = 1", "(P.a = 1)"),
        ("a=1and b=2", "((a = 1) and (b = 2))"),
        ("a\n=\t1", "(a = 1)"),
        ("date(2024,2,29) = a", "(datetime.date(2024, 2, 29) = a)"),
        ("a = 9007199254740991", "(a = 9007199254740991)"),
        ("a = 9007199254740993", "(a = 9007199254740992.0)"),
    ],
)
def test_precedence(text: str, wanted: str) -> None:
    assert shape(parse(text)) == wanted


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (r'"plain"', "plain"),
        (r'""', ""),
        (r'"say \"hi\""', 'say "hi"'),
        (r'"a\\b"', "a\\b"),
        (r'"\\\\"', "\\\\"),
        (r'"\n"', "n"),
        ('"two\nlines"', "two\nlines"),
        ('"it\'s ; -- and or"', "it's ; -- and or"),
        ('"ünïcödé 😀"', "ünïcödé 😀"),
    ],
)
def test_escapes(written: str, value: str) -> None:
    found = parse(f"a = {written}")
    assert isinstance(found, Binary)
    assert isinstance(found.right, Literal)
    assert (found.right.value, found.right.kind) == (value, Kind.STRING)


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ('EXISTS X FROM xEvent WHERE X.a = "b" AND NOT TRUE OR FALSE', "EXISTS FROM WHERE AND NOT TRUE OR FALSE"),
        ('Select X From xEvent : X.a In ["b"] And X.c Notin [NULL] Or X.d Like "%"', "Select From In And NULL Or Like"),
        ("A occurs BEFORE NOW or A OCCURS Between THIS Week AND Next MONTH", "BEFORE NOW OCCURS THIS Week Next MONTH"),
        ("A OCCURS <= 3 DAYS FROM Yesterday or A occurs AFTER LAST Centuries", "DAYS FROM Yesterday LAST Centuries"),
        ("A occurs ON Tomorrow or A Occurs Today", "ON Tomorrow Occurs Today"),
    ],
)
def test_keywords_ignore_case(text: str, keywords: str) -> None:
    lower = text
    for word in keywords.split():
        assert word in text
        lower = lower.replace(word, word.lower())
    assert lower != text
    assert parse(text) == parse(lower)


def test_names_do_not_ignore_case() -> None:
    schema = union({"a": leaf("string"), "A": leaf("long")})
    assert compile_rule("a = A.isNull().isNull() or A = 1", union({"a": leaf("boolean"), "A": leaf("long")}), None, str)
    with pytest.raises(PqlError, match="compares a string with a whole number"):
        compile_rule("a = A", schema, None, str)
    for text in ("a.isnull()", "a.IsNull()"):
        with pytest.raises(PqlError, match='did you mean "isNull"'):
            compile_rule(text, schema, None, str)


def test_every_node_says_where_it_begins() -> None:
    text = '(P) => not (P.a.contains("x") and exists X from xEvent where X.b + 1 > -c)'
    found = parse(text)
    assert isinstance(found, Not)
    both = found.operand
    assert isinstance(both, Logic)
    method, events = both.parts
    assert isinstance(method, Method)
    assert isinstance(events, Events)
    where = events.where
    assert isinstance(where, Binary)
    assert isinstance(where.left, Binary)
    places = {
        "not (": found.position,
        "P.a.con": method.position,
        "contains": method.place,
        '"x"': method.arguments[0].position,
        "exists": events.position,
        "X.b": where.position,
        "1 >": where.left.right.position,
        "-c": where.right.position,
    }
    assert places == {piece: text.index(piece) for piece in places}


def test_words_of_time_are_names_elsewhere() -> None:
    schema = union({"today": leaf("long"), "day": leaf("date")})
    rule = compile_rule("today = 1 and day occurs on today and day < Tomorrow", schema, None, str)
    assert rule.profile_paths == {"today", "day"}


# -- nulls -------------------------------------------------------------------------------------------------------------

FIELDS = {"s1": "string", "s2": "string", "n1": "long", "n2": "number", "b1": "boolean", "b2": "boolean"}
FIELDS |= {"d1": "date", "t2": "date-time", "tags": "[string]"}
UNION = union({path: leaf(kind) for path, kind in FIELDS.items()})
VALUES: dict[str, list[Any]] = {
    "s1": ["", "a", "Ab"],
    "s2": ["a", "AB", "%b"],
    "n1": [-7, 0, 2],
    "n2": [0.0, 2.0, 2.5],
    "b1": [True, False],
    "b2": [True, False],
    "d1": [dt.date(2024, 6, 15), dt.date(2024, 5, 31)],
    "t2": [dt.datetime(2024, 6, 15), dt.datetime(2024, 6, 15, 12)],
    "tags": [[], ["a", None], ["AB", "%b"]],
}

Pair = tuple[str, str]
Made = Callable[..., Rule]
SAME: list[Pair] = [("s1", "s2"), ("n1", "n2"), ("d1", "t2"), ("t2", "d1")]
LISTED: list[Pair] = [("s1", "tags")]


def p(path: str | None) -> Rule:
    return ("lit", None) if path is None else ("p", path)


def binary(sign: str, pairs: list[Pair]) -> list[tuple[Pair, Made]]:
    return [(pair, lambda a, b: (sign, a, b)) for pair in pairs]


def in_written(word: str) -> tuple[Pair, Made]:
    return ("s1", "s2"), lambda a, b: ("or", (word, a, ("list", ("lit", "Ab"), b)), (word, a, ("list", b)))


def text_test(name: str) -> list[tuple[Pair, Made]]:
    flags: list[tuple[Rule, ...]] = [(), (("lit", True),), (("lit", False),)]
    return [(("s1", "s2"), lambda a, b, flag=flag: ("method", name, a, b, *flag)) for flag in flags]


def one(made: Made, *paths: str) -> list[tuple[tuple[str], Made]]:
    return [((path,), made) for path in paths]


def spans() -> list[tuple[Pair, Made]]:
    tests: list[Callable[[Rule], Rule]] = [lambda b, r=r: (r, b) for r in ("on", "before", "after")]
    tests.append(lambda b: ("between", b, ("near", "today")))
    tests.append(lambda b: ("between", ("calendar", "last", "month"), b))
    for sign, side in product(["=", "!=", "<", "<=", ">", ">="], ["before", "after", "from"]):
        tests.append(lambda b, sign=sign, side=side: ("span", sign, 15, "day", side, b))
    pairs: list[Pair] = [("d1", "t2"), ("t2", "d1")]
    return [(pair, lambda a, b, test=test: ("occurs", a, test(b))) for pair in pairs for test in tests]


CASES: dict[str, list[tuple[Any, Made]]] = {
    **{sign: [*binary(sign, SAME)] for sign in ("=", "!=", "<", "<=", ">", ">=")},
    "in": [*binary("in", LISTED), in_written("in")],
    "notIn": [*binary("notIn", LISTED)],
    "like": binary("like", [("s1", "s2")]),
    "occurs": spans(),
    "and": binary("and", [("b1", "b2")]),
    "or": binary("or", [("b1", "b2")]),
    "not": one(lambda a: ("not", a), "b1", "tags"),
    "if": one(lambda a: ("=", ("if", a, ("lit", "yes"), ("lit", "no")), ("lit", "no")), "b1", "tags"),
    **{sign: binary(sign, [("n1", "n2"), ("n2", "n1")]) for sign in "+-*/%"},
    "negative": one(lambda a: ("neg", a), "n1", "n2"),
    "isNull": one(lambda a: ("method", "isNull", a), *FIELDS),
    "isNotNull": one(lambda a: ("method", "isNotNull", a), *FIELDS),
    **{name: text_test(name) for name in TEXT_TESTS},
    "matches": one(lambda a: ("method", "matches", a, ("lit", "^(?:A|$)")), "s1", "s2"),
    "regexGroup": one(lambda a: ("method", "regexGroup", a, ("lit", "^([A-Z])?"), ("lit", 1)), "s1", "s2"),
    **{
        name: one(lambda a, name=name: ("method", name, a), "d1", "t2")
        for name in ("getYear", "getMonth", "getDayOfMonth")
    },
}
"""For each entry of the table: the fields that are its operands, and the rule of them."""


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as opened:
        yield opened


def test_the_table_of_nulls_is_complete() -> None:
    assert set(CASES) == set(NULLS)
    assert set(METHODS) <= set(NULLS)
    assert set(FUNCTIONS) - {"inSegment", "date", *CURRENT_PARTS} <= set(NULLS)


@pytest.mark.parametrize("name", NULLS)
def test_nulls(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Null on the left, on the right, on both sides, in fields and written down: as table and contract say."""
    seen = set()
    for paths, made in CASES[name]:
        rows = [dict(zip(paths, values, strict=True)) for values in product(*([None, *VALUES[path]] for path in paths))]
        columns = {path: arrow_type(leaf(FIELDS[path])) for path in paths}
        relation(connection, "people", {"n": pa.int32()} | columns, [{"n": n} | row for n, row in enumerate(rows)])
        for written in product(*([path, None] for path in paths)):
            rule = made(*map(p, written))
            for row, value, lacks in zip(rows, values_of(connection, rule), lacking(rows, written), strict=True):
                seen.add(lacks)
                expected = evaluate(rule, World(NOW, row), None)
                assert value == (expected if isinstance(expected, bool) else expected is None), (rule, row)
                assert_by_table(name, value, lacks, len(paths))
    assert seen == set(product([True, False], repeat=len(CASES[name][0][0])))


def values_of(connection: duckdb.DuckDBPyConnection, rule: Rule) -> list[bool]:
    """A condition for each row; of another value, whether it is null."""
    empty = evaluate(rule, World(NOW, {}), None)
    asked = rule if isinstance(empty, bool) or rule[0] in ("and", "or", "not") else ("method", "isNull", rule)
    text = Printer(random.Random(0), playful=False).print(asked)
    sql = condition(compile_rule(text, UNION, None, str), NOW)
    return [value for (value,) in connection.execute(f"SELECT {sql} FROM people AS p ORDER BY n").fetchall()]


def lacking(rows: list[dict[str, Any]], written: tuple[str | None, ...]) -> list[tuple[bool, ...]]:
    """For each row, which operands are null."""
    return [tuple(path is None or row[path] is None for path in written) for row in rows]


def assert_by_table(name: str, value: bool, lacks: tuple[bool, ...], operands: int) -> None:
    """What the table promises about this operator."""
    match NULLS[name]:
        case Nulls.FALSE if any(lacks) and not (name == "in" and not lacks[0]):
            assert value is False
        case Nulls.ONE_SIDE if any(lacks):
            assert value is not all(lacks)
        case Nulls.NULL if any(lacks):
            assert value is True, "null"
        case Nulls.AS_FALSE if all(lacks):
            assert value is (name in ("not", "if"))
        case Nulls.ASKS if any(lacks):
            assert value is (name == "isNull")


def test_an_interpreter_of_the_test_disagrees_when_nulls_are_wrong() -> None:
    """The reference itself: the contract's four ways to say unlike, with a value missing."""
    nobody = World(NOW, {})
    field = ("p", "s1")
    assert holds(("!=", field, ("lit", "a")), nobody)
    assert holds(("not", ("=", field, ("lit", "a"))), nobody)
    assert not holds(("notIn", field, ("list", ("lit", "a"))), nobody)
    assert not holds(("method", "notEqualTo", field, ("lit", "a")), nobody)

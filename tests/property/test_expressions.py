"""Random calculated fields over random rows give what a slow reference in Python gives, and fail in the same rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from limbeck.engine import Engine, Session
from limbeck.engine.sql import literal
from limbeck.errors import ExpressionError
from limbeck.flow.expressions import Expression
from limbeck.flow.expressions.model import Function
from limbeck.flow.expressions.table import BY_NAME, FUNCTIONS, OPERATORS
from limbeck.ingest.formats.mapped import Path
from limbeck.xdm.types import Object
from tests.expression_reference import LAZY, PATTERNS, PLAIN, SPECIAL, Failed, evaluate

COLUMNS = ("t", "u", "n", "i", "d", "l", "m", "b")
FAILS = "limbeck fails"


class Cells:
    """Cells of a row of JSON."""

    def text(self, path: Path) -> str:
        return f"(raw ->> {literal(place(path))})"

    def json(self, path: Path) -> str:
        return f"nullif(raw -> {literal(place(path))}, 'null'::JSON)"


def place(path: Path) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f'."{step}"' for step in path)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with Engine(tmp_path_factory.mktemp("scratch"), 512, 2, 1).session() as session:
        yield session


def computed(session: Session, expressions: list[Expression], rows: list[dict[str, Any]]) -> list[list[Any]]:
    """What the engine gives: for each row, the JSON of each expression."""
    columns = [
        f"CAST(coalesce(TRY(struct_pack(v := {e.sql(Cells(), Object(()))})), "
        f"struct_pack(v := to_json('{FAILS}'))).v AS VARCHAR)"
        for e in expressions
    ]
    values = ", ".join(f"({number}, {literal(json.dumps(row))}::JSON)" for number, row in enumerate(rows))
    found = session.fetch(f"SELECT {', '.join(columns)} FROM (VALUES {values}) AS t(number, raw) ORDER BY number")
    return [[None if v is None else json.loads(v) for v in row] for row in found]


def expected(expression: Expression, row: dict[str, Any]) -> Any:
    try:
        return evaluate(expression.tree, row)
    except Failed:
        return FAILS


def alike(one: Any, other: Any) -> bool:
    if isinstance(one, float | int) and isinstance(other, float | int) and not isinstance(one, bool):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[k], other[k]) for k in one)
    return (type(one) is type(other) and bool(one == other)) or said_alike(one, other)


def said_alike(one: Any, other: Any) -> bool:
    """Whether texts say the same number: of `to_json(ceil(x))` the engine says 0.0, the reference 0."""
    try:
        return isinstance(one, str) and isinstance(other, str) and float(one) == float(other)
    except ValueError:
        return False


# -- random expressions ----------------------------------------------------------------------------------------------

WORDS = ["", "a", "Ab", " x ", "a,b", "k=v;a=1", "true", "12", "-0.5", "1e3", "2020-02-29", "é😀", "[1,2]",
         '{"a":null}', "https://a.example:80/p?q#r", "31.12.2019 23:59", "2020-01-31T10:00:00.5+01:00", "b'\"\\",
         ]  # fmt: skip
TEXTS = {
    "pattern": ["[0-9]+", "a|b", "([A-Za-z])([a-z]?)", r"\\s"],
    "component": ["year", "quarter", "MM", "day", "dayofyear", "week", "weekday", "hh24", "minute", "second",
                  "millisecond"],
    "unit": ["year", "month", "week", "day", "hour", "minute", "second"],
    "charset": ["UTF-8"],
    "zone": ["UTC", "America/New_York", "Asia/Kolkata", "Nowhere/At_All"],
}  # fmt: skip
"""What stands as a text where a parameter is called so."""


def spelled(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


LEAVES: dict[str, st.SearchStrategy[str]] = {
    "text": st.sampled_from([spelled(w) for w in WORDS]),
    "number": st.sampled_from(["0.0", "1.5", "-2.25", "1e300", "2.5"]),
    "integer": st.sampled_from(["0", "1", "2", "7", "-3", "9223372036854775807"]),
    "boolean": st.sampled_from(["true", "false"]),
    "date": st.sampled_from(['date("2020-02-29")', 'date("1999-12-31T23:59:59.999Z")']),
    "list": st.sampled_from(['split("a,b", ",")', "to_array(true, null, 1)"]),
    "map": st.sampled_from(['to_object("a", 1)', 'to_object("k", null, "z", "y")']),
    "any": st.sampled_from([*COLUMNS, "m.a", "l[1]"]),
}
FITTING = {
    "text": ("text", "any", "integer", "number", "boolean"),
    "number": ("number", "integer", "any"),
    "integer": ("integer", "any"),
    "boolean": ("boolean", "any"),
    "date": ("date", "any"),
    "list": ("list", "any"),
    "map": ("map", "any"),
    "any": tuple(LEAVES),
}
CALLED = [f for f in (*OPERATORS, *FUNCTIONS) if f.result is not ...]


def expressions(depth: int = 3) -> st.SearchStrategy[str]:
    return st.sampled_from(CALLED).flatmap(lambda f: call(f, depth))


def of_kind(kind: str, depth: int) -> st.SearchStrategy[str]:
    """Expressions that may stand where a kind is wanted."""
    if depth == 0:
        return st.sampled_from(FITTING[kind]).flatmap(lambda k: LEAVES[k])
    giving = [f for f in CALLED if f.gives in FITTING[kind]]
    return st.one_of(of_kind(kind, 0), st.sampled_from(giving).flatmap(lambda f: call(f, depth - 1)))


def call(f: Function, depth: int) -> st.SearchStrategy[str]:
    """Calls of a function or operator."""
    if f.name == "decode":
        return st.lists(of_kind("any", depth), min_size=3, max_size=6).map(lambda a: f"decode({', '.join(a)})")
    if f.name == "to_object":
        pair = st.tuples(of_kind("text", depth), of_kind("any", depth)).map(", ".join)
        return st.lists(pair, min_size=1, max_size=3).map(lambda a: f"to_object({', '.join(a)})")
    parts = []
    for p in f.parameters:
        if f.name in ("date", "format") and p.name == "pattern":
            one = st.sampled_from([spelled(x) for x in PATTERNS])
        elif f.name == "to_array" and p.name == "keep_null":
            one = LEAVES["boolean"]
        elif p.name in TEXTS:
            one = st.sampled_from([f'"{t}"' for t in TEXTS[p.name]])
        else:
            one = of_kind(p.kind or "any", depth)
        least = 0 if p.is_optional else 1
        parts.append(st.lists(one, min_size=least, max_size=3 if p.repeats else 1))

    def spell(given: tuple[list[str], ...]) -> str:
        flat = [a for some in given for a in some] if all(given[:-1]) else [a for some in given[:-1] for a in some]
        return operation(f.name, flat) if f in OPERATORS else f"{f.name}({', '.join(flat)})"

    return st.tuples(*parts).map(spell)


def operation(name: str, arguments: list[str]) -> str:
    match name, [f"({a})" for a in arguments]:
        case "?:", [condition, one, other]:
            return f"{condition} ? {one} : {other}"
        case _, [one]:
            return f"{name.removesuffix('x')}{one}"
        case _, [one, other]:
            return f"{one} {name} {other}"
    raise AssertionError(name)


def rows() -> st.SearchStrategy[list[dict[str, Any]]]:
    texts = st.sampled_from(WORDS)
    numbers = st.sampled_from([0, 1, -2.5, 3, 1e20, "4", "x"])
    dates = st.sampled_from(["2020-02-29", "2020-01-31T10:00:00+01:00", 1571829875000, "31.12.2019", "0001-01-01"])
    lists = st.lists(st.one_of(texts, numbers, st.none()), max_size=3)
    maps = st.dictionaries(st.sampled_from("abkz"), st.one_of(texts, numbers, st.none()), max_size=3)
    columns = {"t": texts, "u": texts, "n": numbers, "i": st.integers(-5, 5), "d": dates, "l": lists, "m": maps}
    columns["b"] = st.sampled_from([True, False, "True", "no"])
    row = st.fixed_dictionaries({}, optional={name: st.one_of(st.none(), c) for name, c in columns.items()})
    return st.lists(row, min_size=1, max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(expressions(), min_size=5, max_size=5), rows())
@example(
    ["t == u", "n < i", "n % 0", "iif(false, 1 / 0, 2)", "b && to_boolean(t)"], [{"t": "1.0", "u": "1", "n": 5}, {}]
)
@example(['split("", "")', 'split("", ",")', 'explode("", "")', 'explode("", "a")', "split(t, u)"], [{"t": ""}, {}])
def test_the_engine_gives_what_the_reference_gives(
    session: Session, texts: list[str], rows: list[dict[str, Any]]
) -> None:
    made = []
    for text in texts:
        try:
            made.append(Expression.of(text))
        except ExpressionError:  # kinds that are never compared
            continue
    for row, found in zip(rows, computed(session, made, rows) if made else [], strict=False):
        for expression, value in zip(made, found, strict=True):
            wanted = [expected(expression, row), expected(expression, {**row, LAZY: True})]
            assert any(alike(value, w) for w in wanted), (expression.text, row, value, wanted)


@pytest.mark.parametrize("f", [*OPERATORS, *FUNCTIONS], ids=lambda f: f.name)
def test_each_example_gives_what_the_table_says(session: Session, f: Function) -> None:
    """The table is what the documentation and GET /languages/el/functions are made of."""
    ((found,),) = computed(session, [Expression.of(f.example)], [{}])
    assert f.result is ... or alike(found, f.result)
    assert f.result is not ... or found
    assert f.result is ... or f.name in PLAIN or f.name in SPECIAL, "the reference lacks it"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([*"()[].,:?!+-*/%<>=&|\"'\\ ${}", "a", "1", "1.5", "iif", "null", "and"]), max_size=12))
def test_any_text_is_an_expression_or_an_error_with_a_position(pieces: list[str]) -> None:
    text = "".join(pieces)
    try:
        Expression.of(text)
    except ExpressionError as error:
        place = error.position
    else:
        place = 0
    assert 0 <= place <= len(text)


def test_names_are_told_apart() -> None:
    assert len(BY_NAME) == sum(1 + len(f.aliases) for f in (*OPERATORS, *FUNCTIONS))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("upper(" * 48 + "t" + ")" * 48, "A"),
        ("round(" * 48 + "n" + ")" * 48, 1.0),
        ('join(",", split(' * 24 + "t" + ', ","))' * 24, "a"),
        ('iif(n == 1, ' * 48 + "t" + ', "b")' * 48, "a"),
        (" + ".join(["n"] * 51), 51.0),
        (f"concat({', '.join(['t'] * 1000)})", "a" * 1000),
    ],
    ids=lambda x: str(x)[:8],
)  # fmt: skip
def test_what_is_nested_as_deep_as_may_be_is_computed(session: Session, text: str, wanted: object) -> None:
    assert computed(session, [Expression.of(text)], [{"t": "a", "n": 1}]) == [[wanted]]


@pytest.mark.parametrize("text", ["(" * 60 + "1" + ")" * 60, "-" * 60 + "n", " && ".join(["b"] * 60)])
def test_what_is_nested_deeper_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="more than 50"):
        Expression.of(text)

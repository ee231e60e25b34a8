"""Random rules over random people: the SQL finds whom a row-by-row interpreter finds. And parsing is total."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from limbeck.audience.pql import compile_rule, condition
from limbeck.errors import PqlError
from limbeck.xdm.arrow import arrow_type
from tests.pql_interpreter import Printer, Rule, World, holds, leaf, relation, union

PROFILE = {
    "s": "string",
    "name.last": "string",
    "n": "long",
    "n8": "byte",
    "money.d": "number",
    "money.e": "number",
    "b": "boolean",
    "flags.c": "boolean",
    "day": "date",
    "born.day": "date",
    "at": "date-time",
    "tags": "[string]",
    "sizes": "[long]",
    "days": "[date]",
}
EVENT = {
    "eventType": "string",
    "amount": "number",
    "web.count": "int",
    "flag": "boolean",
    "due": "date",
    "timestamp": "date-time",
    "labels": "[string]",
}
UNION = union({path: leaf(kind) for path, kind in PROFILE.items()})
EVENTS = union({path: leaf(kind) for path, kind in EVENT.items()})

STRINGS = ["", "a", "A", "ab", "aB", "ÄÖ", "äö", "b", "a%b", "a_b", 'say "x"', "back\\slash", "it's", "two\nlines"]
INTEGERS = [-7, -1, 0, 1, 2, 3, 5, 12, 2024, 2**53]
DOUBLES = [-1.5, 0.0, 0.1, 0.25, 0.3, 0.5, 1.0, 2.0, 5.0, 1e15]
DAYS = [dt.date(y, m, d) for y, m, d in [(1900, 1, 1), (1999, 12, 31), (2000, 2, 29), (2023, 3, 31), (2024, 2, 29)]]
DAYS += [dt.date(2024, m, d) for m, d in [(3, 31), (5, 31), (6, 8), (6, 9), (6, 10), (6, 14), (6, 15), (6, 16), (7, 1)]]
CLOCKS = [dt.time(0), dt.time(11, 59, 59, 999999), dt.time(12), dt.time(12, 0, 0, 1), dt.time(23, 59, 59, 999999)]
NOWS = [dt.datetime(y, m, d, h) for y, m, d, h in [(2024, 6, 15, 12), (2024, 2, 29, 0), (2023, 3, 31, 23)]]
NOWS += [dt.datetime(1970, 1, 1), dt.datetime(2024, 6, 15, 12, 0, 0, 1500)]
UNITS = ["millisecond", "second", "minute", "hour", "day", "week", "month", "year", "decade", "century", "millennium"]
PATTERNS = ["a", "^a", "b$", "(?i)^A.?$", "[a-c]+", r"(\w)(\w)", "(a)|(b)", r"\d{1,2}", "x?", r"\bsay\b", r"[^a]_?"]
SIGNS = ["=", "!=", "<", "<=", ">", ">="]


# -- people ------------------------------------------------------------------------------------------------------------


def value(chance: random.Random, kind: str) -> Any:
    """A value of a type; often null."""
    if chance.random() < 0.35:
        return None
    if kind.startswith("["):
        return [value(chance, kind[1:-1]) for _ in range(chance.choice([0, 1, 2, 3]))]
    if kind == "date-time":
        return dt.datetime.combine(chance.choice(DAYS), chance.choice(CLOCKS))
    integers = [n for n in INTEGERS if kind == "long" or abs(n) < {"byte": 100, "int": 10000}.get(kind, 0)]
    choices: dict[str, list[Any]] = {"string": STRINGS, "number": [*DOUBLES, 0.1 + 0.2], "boolean": [True, False]}
    return chance.choice(choices.get(kind) or (DAYS if kind == "date" else integers))


def row(chance: random.Random, leaves: dict[str, str]) -> dict[str, Any]:
    return {path: value(chance, kind) for path, kind in leaves.items()}


def people(seed: int, now: dt.datetime) -> list[World]:
    """Eight people, the first of whom is all null and has no events."""
    chance = random.Random(seed)
    found = [World(now, {})]
    for _ in range(7):
        events = [row(chance, EVENT) for _ in range(chance.choice([0, 1, 2, 4]))]
        audiences = frozenset(name for name in ("S1", "S2") if chance.random() < 0.5)
        found.append(World(now, row(chance, PROFILE), events, audiences))
    return found


def columns(leaves: dict[str, str]) -> dict[str, pa.DataType]:
    """The types of the relations; instants finer than in the lake."""
    kinds = {path: arrow_type(leaf(kind)) for path, kind in leaves.items()}
    finer = {p: pa.timestamp("us") if pa.types.is_timestamp(kind) else kind for p, kind in kinds.items()}
    return {"person": pa.string(), **finer}


def load(connection: duckdb.DuckDBPyConnection, worlds: list[World]) -> None:
    numbered = list(enumerate(worlds))
    relation(connection, "people", columns(PROFILE), [{"person": str(n), **w.profile} for n, w in numbered])
    happened = [{"person": str(n), **event} for n, w in numbered for event in w.events]
    relation(connection, "events", columns(EVENT), happened)
    members = [{"person": str(n), "audience": name} for n, w in numbered for name in w.audiences]
    relation(connection, "in_audience", {"person": pa.string(), "audience": pa.string()}, members)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as opened:
        yield opened


# -- rules -------------------------------------------------------------------------------------------------------------

Some = st.SearchStrategy[Rule]
NULL: Some = st.just(("lit", None))


def literal(values: list[Any]) -> Some:
    return st.sampled_from(values).map(lambda v: ("lit", v))


def field(kinds: set[str], inside: bool) -> Some:
    """A field of one of these types: the profile's, or inside an event test the event's too."""
    named: list[Rule] = [("p", path) for path, kind in PROFILE.items() if kind in kinds]
    if inside:
        named += [("e", path) for path, kind in EVENT.items() if kind in kinds] * 2
    return st.sampled_from(named)


@dataclass(frozen=True)
class Rules:
    """Strategies for expressions of each kind, inside an event test or outside."""

    inside: bool
    depth: int
    repeated: bool = False
    """Within operands that the SQL repeats, where `occurs` and `regexGroup` are not served."""

    @property
    def deeper(self) -> Rules:
        return Rules(self.inside, self.depth - 1, self.repeated)

    @property
    def operands(self) -> Rules:
        return Rules(self.inside, self.depth - 1, True)

    def choice(self, kind: str, simple: list[Some], compound: list[Any]) -> Some:
        """One of *simple*, now and then null, or where depth allows an `if` or one of *compound*."""
        simple = [*simple, *simple, NULL]
        if self.depth <= 0:
            return st.one_of(simple)
        made = [c() for c in compound]
        same = getattr(self.deeper, kind)
        made.append(st.tuples(st.just("if"), self.deeper.condition(), same(), same()))
        return st.one_of(*simple, *made)

    @cache  # noqa: B019
    def string(self) -> Some:
        simple = [literal(STRINGS), field({"string"}, self.inside)]
        return self.choice("string", simple, [] if self.repeated else [self.group])

    @cache  # noqa: B019
    def group(self) -> Some:
        patterns = [(p, n) for p in PATTERNS for n in range(p.count("(") + 1) if "?i" not in p]
        return st.builds(
            lambda pattern, text: ("method", "regexGroup", text, ("lit", pattern[0]), ("lit", pattern[1])),
            st.sampled_from(patterns),
            self.operands.string(),
        )

    @cache  # noqa: B019
    def number(self) -> Some:
        simple = [
            literal([*INTEGERS, *DOUBLES, 2**53 + 1]),
            field({"long", "byte", "int", "number"}, self.inside),
        ]
        return self.choice("number", simple, [self.arithmetic, self.negative, self.part, self.current])

    @cache  # noqa: B019
    def arithmetic(self) -> Some:
        return st.tuples(st.sampled_from("+-*/%"), self.deeper.number(), self.deeper.number())

    @cache  # noqa: B019
    def negative(self) -> Some:
        return st.tuples(st.just("neg"), self.deeper.number())

    @cache  # noqa: B019
    def part(self) -> Some:
        names = st.sampled_from(["getYear", "getMonth", "getDayOfMonth"])
        return st.tuples(st.just("method"), names, self.deeper.time())

    def current(self) -> Some:
        return st.sampled_from([("call", n) for n in ("currentYear", "currentMonth", "currentDayOfMonth")])

    @cache  # noqa: B019
    def time(self) -> Some:
        words: list[Rule] = [("now", word) for word in ("now", "today", "yesterday", "tomorrow")]
        simple = [literal(DAYS), field({"date", "date-time"}, self.inside), st.sampled_from(words)]
        return self.choice("time", simple, [])

    @cache  # noqa: B019
    def boolean(self) -> Some:
        return self.choice("boolean", [literal([True, False]), field({"boolean"}, self.inside)], [self.comparison])

    @cache  # noqa: B019
    def comparison(self) -> Some:
        a = self.deeper
        sign = st.sampled_from(SIGNS)
        same = st.sampled_from(["=", "!="])
        return st.one_of(
            st.tuples(sign, a.number(), a.number()),
            st.tuples(sign, a.string(), a.string()),
            st.tuples(sign, a.time(), a.time()),
            st.tuples(same, a.boolean(), a.boolean()),
            self.membership(),
            st.tuples(
                st.just("like"), a.string(), literal(["%", "a%", "_b", "%B", "", "a\\%", "_", "%\n%"]) | a.string()
            ),
            self.text_test(),
            st.tuples(st.just("method"), st.just("matches"), a.string(), literal(PATTERNS)),
            st.tuples(st.just("method"), st.sampled_from(["isNull", "isNotNull"]), self.anything()),
            *([] if self.repeated else [st.tuples(st.just("occurs"), self.operands.time(), self.test())]),
        )

    @cache  # noqa: B019
    def anything(self) -> Some:
        a = self.deeper
        lists = field({"[string]", "[long]"}, self.inside)
        return st.one_of(a.string(), a.number(), a.time(), a.boolean(), lists)

    @cache  # noqa: B019
    def membership(self) -> Some:
        a, word = self.deeper, st.sampled_from(["in", "notIn"])
        kinds = [(a.string, "[string]"), (a.number, "[long]"), (a.time, "[date]")]
        made = []
        for item, listed in kinds:
            written = st.lists(item(), max_size=4).map(lambda items: ("list", *items))
            fields = [] if self.inside and listed != "[string]" else [field({listed}, self.inside)]
            made.append(st.tuples(word, item(), st.one_of(written, *fields, NULL)))
        return st.one_of(made)

    @cache  # noqa: B019
    def text_test(self) -> Some:
        names = ["equals", "notEqualTo", "contains", "doesNotContain"]
        names += ["startsWith", "doesNotStartWith", "endsWith", "doesNotEndWith"]
        flag = st.sampled_from([(), (("lit", False),), (("lit", True),)])
        made = st.tuples(st.sampled_from(names), self.deeper.string(), self.deeper.string(), flag)
        return made.map(lambda d: ("method", d[0], d[1], d[2], *d[3]))

    @cache  # noqa: B019
    def point(self) -> Some:
        near = st.sampled_from([("near", word) for word in ("now", "today", "yesterday", "tomorrow")])
        calendar = st.tuples(st.just("calendar"), st.sampled_from(["this", "last", "next"]), st.sampled_from(UNITS))
        return st.one_of(near, calendar, self.operands.time())

    @cache  # noqa: B019
    def test(self) -> Some:
        against = st.tuples(st.sampled_from(["on", "before", "after"]), self.point())
        between = st.tuples(st.just("between"), self.point(), self.point())
        count = st.sampled_from([0, 1, 2, 3, 7, 13, 24, 36, 10**17])
        side = st.sampled_from(["before", "after", "from"])
        span = st.tuples(st.just("span"), st.sampled_from(SIGNS), count, st.sampled_from(UNITS), side, self.point())
        return st.one_of(against, between, span, span)

    @cache  # noqa: B019
    def condition(self) -> Some:
        simple: list[Some] = [self.comparison(), self.comparison(), field({"boolean", "[string]"}, self.inside), NULL]
        simple.append(st.sampled_from([("segment", "S1"), ("segment", "S2")]))
        if not self.inside:
            inner = Rules(True, self.depth - 1, self.repeated).condition() if self.depth > 0 else NULL
            simple.append(st.tuples(st.sampled_from(["exists", "select"]), st.none() | inner))
        if self.depth <= 0:
            return st.one_of(simple)
        return st.one_of(*simple, self.logic(), self.logic())

    @cache  # noqa: B019
    def logic(self) -> Some:
        inner = self.deeper.condition()
        several = st.lists(inner, min_size=2, max_size=3).flatmap(
            lambda parts: st.sampled_from(["and", "or"]).map(lambda word: (word, *parts))
        )
        return several | st.tuples(st.just("not"), inner)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rules=st.lists(Rules(False, 2).condition(), min_size=1, max_size=6),
    seed=st.integers(0, 10**6),
    now=st.sampled_from(NOWS),
)
def test_sql_finds_whom_the_interpreter_finds(
    connection: duckdb.DuckDBPyConnection, rules: list[Rule], seed: int, now: dt.datetime
) -> None:
    worlds = people(seed, now)
    load(connection, worlds)
    for n, rule in enumerate(rules):
        text = Printer(random.Random(seed + n)).print(rule)
        compiled = compile_rule(text, UNION, EVENTS, lambda name: name)
        sql = condition(compiled, now)
        found = connection.execute(f"SELECT {sql} FROM people AS p ORDER BY person::INT").fetchall()
        assert [meets for (meets,) in found] == [holds(rule, world) for world in worlds], f"{text}\n{sql}"


PIECES = [
    "and", "or", "not", "!", "in", "notIn", "like", "exists", "forall", "select", "X", "from", "where", ":", "xEvent",
    "occurs", "before", "after", "between", "on", "now", "today", "this", "week", "days", "3", "0.5", '"x"', '"', "'x'",
    "(", ")", "[", "]", "{", "}", ",", ".", "=", "==", "!=", "<", "<=", "=>", "+", "-", "*", "/", "%", "$1", "$2", "^",
    "^^.", "true", "null", "s", "n", "money.d", "isNull()", "(P) =>", "P.", "if(", "let S =", "sum X.a over", "chain(",
    "date(2024, 2, 30)", "date(2024, 2, 29)", "WHAT(", "WHEN(", "COUNT(2)", "A:", "\\", "é", "\n", ";", "&&", "9" * 30,
]  # fmt: skip


def compiled_or_refused(text: str) -> None:
    """Any text is a condition, or a `PqlError` whose position lies within it."""
    refusal = None
    try:
        condition(compile_rule(text, UNION, EVENTS, lambda name: name), NOWS[0])
    except PqlError as error:
        refusal = error
    if refusal is not None:
        assert 0 <= refusal.position <= len(text)
        assert refusal.message


@settings(max_examples=200, deadline=None)
@example(text="\ud800")
@example(text='s = "\udfff"')
@example(text="(" * 5000)
@example(text="(" * 3000 + "true" + ")" * 3000)
@example(text="not " * 3000 + "true")
@example(text="-" * 3000 + "1 = 1")
@example(text="n" + " + n" * 3000 + " = 1")
@example(text="s" + ".isNull()" * 3000)
@example(text="n = " + "0" * 5000 + "1")
@example(text="date(" + "9" * 5000 + ", 1, 1) = day")
@example(text="day occurs < " + "9" * 5000 + " days before now")
@example(text="ſelect X from xEvent")
@example(text="s liKe s")
@given(text=st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join))
def test_parsing_is_total(text: str) -> None:
    compiled_or_refused(text)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(rule=Rules(False, 2).condition(), seed=st.integers(0, 10**6), data=st.data())
def test_damaged_rules_are_refused_within_the_text(rule: Rule, seed: int, data: st.DataObject) -> None:
    """A rule with a piece cut out, doubled or replaced is another rule or a `PqlError`, never anything else."""
    text = Printer(random.Random(seed)).print(rule)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 8)))
    damaged = text[:start] + data.draw(st.sampled_from(["", text[start:end] * 2, *PIECES])) + text[end:]
    compiled_or_refused(damaged)

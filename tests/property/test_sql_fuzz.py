"""Text that nobody meant: whatever comes in, an answer or an error of ours with its SQLSTATE comes out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from limbeck.errors import Internal, LimbeckError
from tests.behaviour.query_tables import Home, fixtures

SOME = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
GOLDEN = Path(__file__).parent.parent / "golden"
_WORDS = """
SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT OFFSET JOIN LEFT FULL ON USING NATURAL CROSS LATERAL VIEW OUTER UNION ALL
EXCEPT INTERSECT MINUS DISTINCT AS WITH VALUES CASE WHEN THEN ELSE END AND OR NOT IN EXISTS BETWEEN LIKE ILIKE RLIKE ANY
IS NULL TRUE FALSE INTERVAL CAST OVER PARTITION ROWS UNBOUNDED PRECEDING CURRENT ROW FOLLOWING WINDOW SNAPSHOT SINCE OF
HEAD TAIL ROLLUP CUBE GROUPING SETS NULLS FIRST LAST ASC DESC EXPLODE( INLINE( STACK( COUNT( SUM( MAX( ARRAY( MAP(
STRUCT( LENGTH( UPPER( ROW_NUMBER() RAND() id name city cust ev b3 _id timestamp identityMap productListItems commerce
_ACP_BATCHID t x y * , . ( ) [ ] -> = == <=> <> != < > <= >= + - / % | & ^ ~ ! || :: : ; ; $1 @v 0 1 2 -1 1.5 1e3
9999999999999 'a' '' '2024-01-01' "b" "q r" `c` ' " ` -- /* */ $$ #x { } é 雪 \\ ? int string array<int> timestamp::date
"""
WORDS = re.findall(r"\S+", _WORDS)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home.make(tmp_path_factory.mktemp("fuzz"))
    for name, batches in fixtures().items():
        made.add(name, batches)
    return made


def statements() -> Iterator[str]:
    """The queries of the golden files."""
    for path in sorted(GOLDEN.glob("*.sql")):
        for case in re.split(r"^-- .*\n", path.read_text("utf-8"), flags=re.MULTILINE):
            text = "".join(line for line in case.splitlines(keepends=True) if not line.startswith("--")).strip()
            if re.match(r"(?i)select|with|values|\(", text):
                yield text


TOKEN = re.compile(r"\s+|[^\W\d]\w*|\d+(?:\.\d+)?|'[^']*'|\"[^\"]*\"|.", re.DOTALL)
EVERY = [TOKEN.findall(text) for text in statements()]


def kind(token: str) -> str:
    """What a token is: a word that calls, another word, a number, a text, or a mark."""
    return "word" if token[:1].isalpha() else "number" if token[:1].isdigit() else token[:1]


OF_KIND: dict[str, list[str]] = {}
for token in sorted({t for tokens in EVERY for t in tokens}):
    OF_KIND.setdefault(kind(token), []).append(token)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """A golden query with some of its tokens left out, exchanged, or replaced, mostly by others of their kind."""
    tokens = list(draw(st.sampled_from(EVERY)))
    for _ in range(draw(st.integers(1, 3))):
        at, other = (draw(st.integers(0, len(tokens) - 1)) for _ in range(2))
        match draw(st.sampled_from(["kind"] * 4 + ["exchange", "drop", "replace", "insert"])):
            case "kind":
                tokens[at] = draw(st.sampled_from(OF_KIND[kind(tokens[at])]))
            case "exchange":
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case "drop" if len(tokens) > 1:
                del tokens[at]
            case "replace":
                tokens[at] = draw(st.sampled_from(WORDS))
            case _:
                tokens.insert(at, f" {draw(st.sampled_from(WORDS))} ")
    return "".join(tokens)


def answer_or_error(home: Home, text: str) -> None:
    try:
        home.sql(text)
    except LimbeckError as error:
        caught = error
    else:
        return
    assert not isinstance(caught, Internal), text
    assert re.fullmatch(r"[0-9A-Z]{5}", caught.sqlstate), text
    assert str(caught), text
    place = caught.details.get("position")
    assert place is None or 1 <= place <= len(text) + 1, (text, place)


@SOME
@given(words=st.lists(st.sampled_from(WORDS), max_size=15), first=st.sampled_from(["", "SELECT ", "SELECT * FROM "]))
def test_soup(home: Home, words: list[str], first: str) -> None:
    answer_or_error(home, first + " ".join(words))


@SOME
@given(text=mutations())
def test_mutations(home: Home, text: str) -> None:
    answer_or_error(home, text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=40))
@example("SELECT " + "(" * 500 + "1" + ")" * 500)
@example("SELECT " + "NOT " * 3000 + "TRUE")
@example("SELECT 1" + " + 1" * 3000)
@example("SELECT " + "a." * 500 + "a")
@example("SELECT 'x\x00y'")
def test_any_text(home: Home, text: str) -> None:
    answer_or_error(home, text)

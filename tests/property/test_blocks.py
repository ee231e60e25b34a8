"""Random anonymous blocks beside an interpreter in Python, and soup that is no block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limbeck.errors import SqlError, SqlSyntaxError, UndefinedTable
from limbeck.query import block
from limbeck.query.split import statements
from tests.behaviour.query_tables import Home

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

Program = list[Any]
"""Steps: ("note", letter) adds a letter to @t, ("show", letter) gives a row, ("fail",) fails,
("if", letter, then, else) asks whether @t ends with the letter, ("block", steps, handler or None)."""

LETTERS = st.sampled_from("abc")
SIMPLE = st.one_of(st.tuples(st.just("note"), LETTERS), st.tuples(st.just("show"), LETTERS), st.tuples(st.just("fail")))


def _larger(step: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(step, max_size=3)
    branch = st.tuples(st.just("if"), LETTERS, some, some)
    return branch | st.tuples(st.just("block"), some, st.none() | some)


PROGRAMS = st.lists(st.recursive(SIMPLE, _larger, max_leaves=5), min_size=1, max_size=4)
GAPS = st.sampled_from([" ", "\n", "\n# it's; a $$ END; remark\n", " -- don't; \n", " /* ';' END $$ */ ", "\n\t#\n"])


class Failed(Exception):
    """A step failed."""


@dataclass
class Interpreter:
    """What a block does."""

    noted: str = "_"
    shown: str | None = None

    def run(self, steps: Program) -> None:
        for kind, *parts in steps:
            match kind:
                case "note":
                    self.noted += parts[0]
                case "show":
                    self.shown = self.noted + parts[0]
                case "fail":
                    raise Failed
                case "if":
                    self.run(parts[1] if self.noted.endswith(parts[0]) else parts[2])
                case "block":
                    self.guarded(*parts)

    def guarded(self, steps: Program, handler: Program | None) -> None:
        try:
            self.run(steps)
        except Failed:
            if handler is None:
                raise
            self.run(handler)


def _written(steps: Program, gap: Any) -> str:
    return gap().join(_step(step, gap) for step in steps) or gap()


def _step(step: Any, gap: Any) -> str:
    kind, *parts = step
    match kind:
        case "note":
            return f"SET{gap()}@t = SELECT concat(@T,{gap()}'{parts[0]}');"
        case "show":
            return f"SELECT{gap()}concat('@t', '{parts[0]}'){gap()};"
        case "fail":
            return f"SELECT 1{gap()}FROM nope;"
        case "if":
            then, otherwise = (_written(body, gap) for body in parts[1:])
            return f"IF{gap()}@t LIKE '%{parts[0]}'{gap()}THEN {then} ELSE{gap()}{otherwise} END IF;"
        case _:
            handler = "" if parts[1] is None else f"EXCEPTION WHEN{gap()}OTHERS THEN {_written(parts[1], gap)}"
            return f"BEGIN{gap()}{_written(parts[0], gap)}{gap()}{handler} END;"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.make(tmp_path_factory.mktemp("blocks"))


@FEW
@given(steps=PROGRAMS, handler=st.none() | PROGRAMS, data=st.data())
def test_a_block_does_what_the_interpreter_does(
    home: Home, steps: Program, handler: Program | None, data: st.DataObject
) -> None:
    def gap() -> str:
        return data.draw(GAPS)

    handled = "" if handler is None else f"EXCEPTION WHEN OTHER THEN {_written(handler, gap)}"
    text = f"$$ \n BEGIN{gap()}SET @t = SELECT '_';{gap()}{_written(steps, gap)}{gap()}{handled}{gap()}END{gap()}$$"
    assert len(statements(f"SELECT 1;\n{text};\nSELECT ';'")) == 3
    expected = Interpreter()
    try:
        expected.guarded(steps, handler)
    except Failed:
        with pytest.raises(UndefinedTable):
            home.sql(text)
        return
    assert home.rows(text) == ([] if expected.shown is None else [(expected.shown,)])


WORDS = [
    "$$",
    "BEGIN",
    "END",
    "IF",
    "THEN",
    "ELSE",
    "ELSEIF",
    "END IF;",
    "EXCEPTION WHEN OTHERS THEN",
    "SET @a =",
    "@a",
]
WORDS += ["SELECT 1;", ";", "'x", '"', "`", "--", "/*", "\n#", "CASE", "(", ")", "1", "\\", "é"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_soup_is_cut_and_read_or_refused(soup: str) -> None:
    cut = statements(soup)
    assert all(piece.strip() == piece and piece for piece in cut)
    places = []
    for text in (soup, f"$$ BEGIN {soup} END $$"):
        try:
            found = block.parse(text)
        except SqlSyntaxError as error:
            places.append(error.position)
        else:
            assert all(
                text.startswith(step.sql, step.start) for step in block.steps(found) if isinstance(step, block.Text)
            )
    assert all(place is not None and 1 <= place <= len(soup) + 17 for place in places)


def test_what_is_nested_too_deeply_is_refused(home: Home) -> None:
    depth = 2000
    for inside in ("BEGIN " * depth + "END;" * depth, "IF 1 = 1 THEN " * depth + "END IF;" * depth):
        with pytest.raises(SqlError, match="too deeply"):
            home.sql(f"$$ BEGIN {inside} END $$")

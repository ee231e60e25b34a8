"""Random sequences of DDL against a dictionary: outcomes, SQLSTATEs, and what is there afterwards."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.access import Access
from limbeck.errors import LimbeckError
from tests.behaviour.query_tables import Home

NAMES = st.sampled_from(["t", "u", "V"])
NUMBERS = itertools.count(1)


@dataclass
class Thing:
    """A table with its rows, or a view with what it reads."""

    rows: list[int] = field(default_factory=list)
    reads: str | None = None


class Model:
    """What the statements do, the slow way."""

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}

    def rows(self, name: str, seen: tuple[str, ...] = ()) -> list[int]:
        thing = self.things.get(name)
        if thing is None:
            raise KeyError("42P01")
        if thing.reads is None:
            return thing.rows
        if name in seen:
            raise KeyError("58000")
        return self.rows(thing.reads, (*seen, name))

    def create(self, name: str, if_not_exists: bool) -> None:
        thing = self.things.get(name)
        if thing is None:
            self.things[name] = Thing([1])
        elif not if_not_exists or thing.reads is not None:
            raise KeyError("42P07")

    def copy(self, name: str, other: str) -> None:
        if name in self.things and self.things[name].reads is None:
            raise KeyError("42P07")  # told before the query is read
        rows = list(self.rows(other))
        if name in self.things:
            raise KeyError("42P07")
        self.things[name] = Thing(rows)

    def insert(self, name: str, number: int) -> None:
        thing = self.things.get(name)
        if thing is None:
            raise KeyError("42P01")
        if thing.reads is not None:
            raise KeyError("42809")
        thing.rows.append(number)

    def view(self, name: str, other: str, or_replace: bool) -> None:
        self.rows(other)
        if name in self.chain(other):
            raise KeyError("58000")
        thing = self.things.get(name)
        if thing is not None and (thing.reads is None or not or_replace):
            raise KeyError("42P07")
        self.things[name] = Thing(reads=other)

    def chain(self, name: str) -> Iterator[str]:
        """The views that reading *name* goes through."""
        while (reads := self.things[name].reads) is not None:
            yield name
            name = reads

    def drop(self, kind: str, name: str, if_exists: bool) -> None:
        thing = self.things.get(name)
        if thing is None:
            if not if_exists:
                raise KeyError("42P01")
            return
        if (thing.reads is None) != (kind == "TABLE"):
            raise KeyError("42809")
        del self.things[name]


def outcome(act: object, *arguments: object) -> str:
    """`ok`, or the SQLSTATE of what went wrong."""
    try:
        act(*arguments)  # type: ignore[operator]
    except KeyError as error:
        return str(error.args[0])
    except LimbeckError as error:
        return error.sqlstate
    return "ok"


STEPS = st.one_of(
    st.tuples(st.just("create"), NAMES, st.booleans()),
    st.tuples(st.just("copy"), NAMES, NAMES),
    st.tuples(st.just("insert"), NAMES, st.integers(2, 9)),
    st.tuples(st.just("view"), NAMES, NAMES, st.booleans()),
    st.tuples(st.just("drop"), st.sampled_from(["TABLE", "VIEW"]), NAMES, st.booleans()),
)


def statement(step: tuple[object, ...]) -> str:
    """A step as SQL; names are written in any case."""
    match step:
        case ("create", name, if_not_exists):
            return f"CREATE TABLE {'IF NOT EXISTS ' * bool(if_not_exists)}{name} AS SELECT 1 AS a"
        case ("copy", name, other):
            return f"CREATE TABLE {name} AS SELECT a FROM {str(other).swapcase()}"
        case ("insert", name, number):
            return f"INSERT INTO {str(name).upper()} VALUES ({number})"
        case ("view", name, other, or_replace):
            return f"CREATE {'OR REPLACE ' * bool(or_replace)}VIEW {name} AS SELECT a FROM {other}"
        case ("drop", kind, name, if_exists):
            return f"DROP {kind} {'IF EXISTS ' * bool(if_exists)}{str(name).lower()}"
    raise AssertionError(step)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.make(tmp_path_factory.mktemp("ddl"))


@settings(max_examples=12, deadline=None)
@given(steps=st.lists(STEPS, min_size=5, max_size=10))
def test_random_ddl_does_what_a_dictionary_does(home: Home, steps: list[tuple[object, ...]]) -> None:
    access = Access(home.store, 3600)
    mine = replace(home, sandbox=access.ensure_sandbox(home.sandbox.org_id, f"s{next(NUMBERS)}"))
    model = Model()
    for step in steps:
        name, *arguments = step
        expected = outcome(getattr(model, str(name)), *arguments)
        assert outcome(mine.sql, statement(step)) == expected, statement(step)
    tables = [name for name, thing in model.things.items() if thing.reads is None]
    assert sorted(row[0] for row in mine.rows("SHOW TABLES")) == sorted(tables)
    assert sorted(row[2] for row in mine.rows("SHOW VIEWS")) == sorted(model.things.keys() - set(tables))
    for name in "tuV":
        expected = outcome(model.rows, name)
        if expected == "ok":
            assert sorted(mine.rows(f"SELECT a FROM {name}")) == sorted((a,) for a in model.rows(name))
        else:
            assert outcome(mine.sql, f"SELECT a FROM {name}") == expected

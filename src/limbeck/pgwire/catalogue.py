"""What clients ask of PostgreSQL's catalogue before they do anything: session functions, and types we do not have.

Real tables of pg_catalog and information_schema are to take this module's place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa

from limbeck.errors import FeatureNotSupported
from limbeck.query.variables import FULL_VERSION
from limbeck.query.words import Token, tokens


@dataclass(frozen=True, slots=True)
class Facts:
    """What session functions tell of."""

    database: str
    user: str
    process: int


_FUNCTIONS: dict[str, Callable[[Facts], str | int | bool | None]] = {
    "version": lambda facts: FULL_VERSION,
    "current_schema": lambda facts: "public",
    "current_database": lambda facts: facts.database,
    "current_catalog": lambda facts: facts.database,
    "current_user": lambda facts: facts.user,
    "session_user": lambda facts: facts.user,
    "pg_backend_pid": lambda facts: facts.process,
    "pg_is_in_recovery": lambda facts: False,
    "pg_advisory_unlock_all": lambda facts: None,
}

_EMPTY = frozenset({"pg_type", "pg_namespace", "pg_range"})
"""Clients look here for types by name (hstore, citext …); all types we have are built in."""


def answer(sql: str, facts: Facts) -> pa.RecordBatch | None:
    """Return the rows of a question to the catalogue, or None if *sql* is none.

    Raise `FeatureNotSupported` for tables of the catalogue that are not served.
    """
    words = [t for t in tokens(sql) if t.text != ";"]
    if not words or words[0].word not in ("SELECT", "WITH"):
        return None
    called = _called(words[1:], facts) if words[0].word == "SELECT" else None
    if called is not None:
        return pa.RecordBatch.from_pydict(called)
    named = [(t, t.value.removeprefix("pg_catalog.")) for t in _relations(words)]
    asked = [(t, name) for t, name in named if name.startswith(("pg_", "information_schema."))]
    for token, name in asked:
        if name not in _EMPTY:
            raise FeatureNotSupported(
                f"{name} is not served", position=token.start + 1, hint="SHOW TABLES lists the tables"
            )
    return _empty(words[1:]) if asked else None


def _called(words: Sequence[Token], facts: Facts) -> dict[str, pa.Array] | None:
    """The values of a SELECT of session functions, and of nothing else."""
    found: dict[str, pa.Array] = {}
    for item in _items(words):
        name = item[0].value.removeprefix("pg_catalog.") if item else ""
        rest = [t.text.lower() for t in item[1:]]
        if rest[:2] == ["(", ")"]:
            rest = rest[2:]
        label = item[-1].value if rest[:1] == ["as"] and len(rest) == 2 else name
        if name not in _FUNCTIONS or (rest and rest[:1] != ["as"]):
            return None
        value = _FUNCTIONS[name](facts)
        found[label] = pa.array([value], pa.string()) if value is None else pa.array([value])
    return found


def _relations(words: Sequence[Token]) -> Iterator[Token]:
    for before, token in pairwise(words):
        if before.word in ("FROM", "JOIN") and token.kind in ("word", "name"):
            yield token


def _items(words: Sequence[Token]) -> list[list[Token]]:
    """The items of a SELECT list."""
    found: list[list[Token]] = [[]]
    depth = 0
    for token in words:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and token.word == "FROM":
            break
        if depth == 0 and token.text == ",":
            found.append([])
        else:
            found[-1].append(token)
    return found


def _empty(words: Sequence[Token]) -> pa.RecordBatch:
    """No rows, under the names of a SELECT list."""
    names = [item[-1].value.rpartition(".")[2] for item in _items(words) if item]
    return pa.RecordBatch.from_arrays([pa.array([], pa.string()) for _ in names], names=names)

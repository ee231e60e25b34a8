"""Statements prepared in SQL: PREPARE, EXECUTE, DEALLOCATE (SQL contract, section 2.8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from limbeck.pgwire.types import BOOL, DATE, FLOAT4, FLOAT8, INT2, INT4, INT8, NUMERIC, TEXT, TIMESTAMP, TIMESTAMPTZ
from limbeck.query.words import Token, Words, tokens


@dataclass(frozen=True, slots=True)
class Prepare:
    """PREPARE name (types) AS query."""

    name: str
    types: tuple[int, ...]
    query: str
    start: int


@dataclass(frozen=True, slots=True)
class ExecutePrepared:
    """EXECUTE name (values); values are texts, None for NULL."""

    name: str
    values: tuple[str | None, ...] = ()
    row: str = ""
    """Where not all values are plain ones: a query for the row of them."""


@dataclass(frozen=True, slots=True)
class Deallocate:
    """DEALLOCATE name; None is all."""

    name: str | None


_TYPE_NAMES = {
    **dict.fromkeys(("BOOL", "BOOLEAN"), BOOL),
    **dict.fromkeys(("SMALLINT", "INT2", "TINYINT"), INT2),
    **dict.fromkeys(("INT", "INTEGER", "INT4"), INT4),
    **dict.fromkeys(("BIGINT", "INT8"), INT8),
    **dict.fromkeys(("FLOAT", "REAL", "FLOAT4"), FLOAT4),
    **dict.fromkeys(("DOUBLE", "FLOAT8"), FLOAT8),
    **dict.fromkeys(("NUMERIC", "DECIMAL"), NUMERIC),
    **dict.fromkeys(("TEXT", "VARCHAR", "CHAR", "STRING"), TEXT),
    "DATE": DATE,
    "TIMESTAMP": TIMESTAMP,
    "TIMESTAMPTZ": TIMESTAMPTZ,
}


def _prepare(words: Words) -> Prepare:
    words.expect("PREPARE")
    name = words.name()
    types: list[int] = []
    while words.peek() == "(" or types:
        if not words.one_of("(", ","):
            words.expect(")")
            break
        token = words.next()
        if token.word not in _TYPE_NAMES:
            raise words.unexpected(token)
        types.append(_TYPE_NAMES[token.word])
        words.take("PRECISION")
    words.expect("AS")
    query, start = words.rest()
    return Prepare(name, tuple(types), query, start)


def _execute(words: Words) -> ExecutePrepared:
    words.expect("EXECUTE")
    name = words.name()
    if words.peek() != "(":
        words.end()
        return ExecutePrepared(name)
    text, start = words.parenthesised()
    words.end()
    found = list(tokens(text))
    plain, commas = found[::2], found[1::2]
    if len(found) % 2 and all(map(_is_plain, plain)) and all(t.text == "," for t in commas):
        return ExecutePrepared(name, tuple(None if t.word == "NULL" else t.value for t in plain))
    return ExecutePrepared(name, row=_row(text, start))


def _is_plain(token: Token) -> bool:
    return token.kind in ("string", "number") or token.word in ("NULL", "TRUE", "FALSE")


def _row(values: str, start: int) -> str:
    """A query for *values*, which begin at *start*, that has them at the same place, so that errors point there."""
    return f"{'SELECT':<{start}}{values}" if start >= len("SELECT ") else f"SELECT {values}"


def _deallocate(words: Words) -> Deallocate:
    words.expect("DEALLOCATE")
    words.take("PREPARE")
    name = None if words.take("ALL") else words.name()
    words.end()
    return Deallocate(name)


PARSERS: dict[str, Callable[[Words], Prepare | ExecutePrepared | Deallocate]] = {
    "PREPARE": _prepare,
    "EXECUTE": _execute,
    "DEALLOCATE": _deallocate,
}

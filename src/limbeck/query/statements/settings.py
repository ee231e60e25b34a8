"""SET, RESET and SHOW of a session's settings (SQL contract, section 1.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from limbeck.errors import SqlSyntaxError
from limbeck.query.result import Result
from limbeck.query.statements.context import Kind, Parser, Statement
from limbeck.query.variables import spelled
from limbeck.query.words import Words


@dataclass(frozen=True, slots=True)
class Set:
    """SET name = value; value None is the default."""

    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Transaction:
    """SET TRANSACTION and its like, which have no effect: a statement reads one snapshot of each table anyway."""


@dataclass(frozen=True, slots=True)
class Show:
    """SHOW name, SHOW ALL (name None), and SET in its reading forms."""

    name: str | None


@dataclass(frozen=True, slots=True)
class Reset:
    """RESET name; None is all."""

    name: str | None


def _run_set(statement: Statement) -> Result:
    command: Set = statement.command
    statement.session.variables.put(command.name, command.value)
    return Result.nothing()


def _run_reset(statement: Statement) -> Result:
    command: Reset = statement.command
    if command.name is None:
        statement.session.variables.reset()
    else:
        statement.session.variables.put(command.name, None)
    return Result.nothing()


def _run_show(statement: Statement) -> Result:
    command: Show = statement.command
    variables = statement.session.variables
    if command.name is not None:
        return Result.of({spelled(command.name): [variables.get(command.name)]})
    found = variables.all()
    return Result.of({"name": [*found], "setting": [*found.values()]})


def _shown(statement: Statement) -> pa.Schema:
    return _run_show(statement).schema


def _set(words: Words) -> Any:
    words.expect("SET")
    if words.ended():
        return Show(None)
    two = f"{words.peek()} {words.peek(1)}"
    if two.startswith(("TRANSACTION ", "CONSTRAINTS ")) or two == "SESSION CHARACTERISTICS":
        words.all()
        return Transaction()
    words.one_of("SESSION", "LOCAL")
    if words.take("TIME", "ZONE"):
        return Set("timezone", _value(words))
    name = words.name()
    if words.ended():
        return Show(name)
    if not words.one_of("=", "TO"):
        raise words.unexpected(words.next())
    return Set(name.lower(), _value(words))


def _value(words: Words) -> str | None:
    if words.take("DEFAULT") or words.take("LOCAL"):
        words.end()
        return None
    parts = []
    while not words.ended():
        token = words.next()
        parts.append(token.text if token.kind == "word" else token.value)
        if not words.ended():
            words.expect(",")
    if not parts:
        raise SqlSyntaxError("SET needs a value", position=len(words.sql) + 1)
    return ", ".join(parts)


def _show(words: Words) -> Any:
    words.expect("SHOW")
    if words.take("ALL"):
        words.end()
        return Show(None)
    if words.take("TRANSACTION", "ISOLATION", "LEVEL"):
        words.end()
        return Show("transaction_isolation")
    if words.take("TIME", "ZONE"):
        words.end()
        return Show("timezone")
    name = words.name()
    words.end()
    return Show(name)


def _reset(words: Words) -> Any:
    words.expect("RESET")
    if words.take("ALL"):
        words.end()
        return Reset(None)
    if words.take("TIME", "ZONE"):
        words.end()
        return Reset("timezone")
    name = words.name()
    words.end()
    return Reset(name.lower())


PARSERS: dict[str, Parser] = {"SET": _set, "SHOW": _show, "RESET": _reset}

KINDS: dict[type, Kind] = {
    Set: Kind(_run_set, "SET"),
    Transaction: Kind(lambda _: Result.nothing(), "SET"),
    Reset: Kind(_run_reset, "RESET"),
    Show: Kind(_run_show, "SHOW", columns=_shown),
}

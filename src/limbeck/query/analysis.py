"""ANALYZE TABLE as it is written, and the rows that it looks at (SQL contract, section 2.5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from limbeck.engine.sql import quoted_list
from limbeck.errors import SqlError, SqlSyntaxError, UndefinedTable, nearest
from limbeck.query.catalogue import SessionCatalogue
from limbeck.query.dialect import parse, written
from limbeck.query.resolve import Resolved, resolve
from limbeck.query.words import Words


@dataclass(frozen=True, slots=True)
class Filter:
    """FILTERCONTEXT (condition): the rows that count."""

    condition: str
    start: int
    """Where the condition begins in the statement."""

    @property
    def told(self) -> str:
        """The condition with parentheses around each part."""
        return _told(parse(f"SELECT 1 WHERE {self.condition}").args["where"].this)


@dataclass(frozen=True, slots=True)
class Sample:
    """ANALYZE TABLE t TABLESAMPLE [FILTERCONTEXT (…)] SAMPLERATE r, in either order."""

    table: str
    rate: str
    """A percentage of the rows, as it was written."""
    filter: Filter | None


@dataclass(frozen=True, slots=True)
class Compute:
    """ANALYZE TABLE t [FILTERCONTEXT (…)] COMPUTE STATISTICS [FOR ALL COLUMNS | FOR COLUMNS (…)] [AS alias]."""

    table: str
    filter: Filter | None
    columns: tuple[str, ...]
    """Dotted paths in lower case; none: all."""
    alias: str | None


@dataclass(frozen=True, slots=True)
class Bare:
    """ANALYZE TABLE t."""

    table: str


def analysis(words: Words) -> Sample | Compute | Bare:
    """Read an ANALYZE statement."""
    words.expect("ANALYZE", "TABLE")
    table = words.name()
    if words.ended():
        return Bare(table)
    rows = _filter(words)
    if words.take("TABLESAMPLE"):
        rows = rows or _filter(words)
        words.expect("SAMPLERATE")
        rate = _rate(words)
        words.end()
        return Sample(table, rate, rows)
    words.expect("COMPUTE", "STATISTICS")
    columns = _columns(words)
    alias = words.name() if words.take("AS") else None
    words.end()
    return Compute(table, rows, columns, alias)


def _filter(words: Words) -> Filter | None:
    return Filter(*words.parenthesised()) if words.take("FILTERCONTEXT") else None


def _rate(words: Words) -> str:
    token = words.next()
    if not re.fullmatch(r"\d+(\.\d+)?", token.text) or not 0 < float(token.text) <= 100:
        raise SqlSyntaxError("SAMPLERATE is a percentage: above 0, at most 100", position=token.start + 1)
    return token.text


def _columns(words: Words) -> tuple[str, ...]:
    for_ = words.take("FOR")
    if words.take("ALL", "COLUMNS"):
        return ()
    if not words.take("COLUMNS"):
        if for_:
            raise words.unexpected(words.next())
        return ()
    words.expect("(")
    found = [_path(words)]
    while not words.take(")"):
        words.expect(",")
        found.append(_path(words))
    return tuple(found)


def _path(words: Words) -> str:
    parts = [words.name()]
    while words.take("."):
        parts.append(words.name())
    return ".".join(parts).lower()


def selected(catalogue: SessionCatalogue, table: str, columns: Sequence[str], filter: Filter | None) -> Resolved:
    """Bind a query for some columns of a table, in the rows that *filter* leaves."""
    start = f"SELECT {quoted_list(columns)} FROM {quoted_list([table])}"
    if filter is None:
        return resolve(start, parse(start), catalogue)
    before = f"{start} WHERE ("
    text = f"{before}{filter.condition}\n)"
    try:
        return resolve(text, parse(text), catalogue)
    except SqlError as error:
        error.move(filter.start - len(before))
        raise


def undefined(catalogue: SessionCatalogue, table: str) -> UndefinedTable:
    """Return the error for a table that there is not."""
    return UndefinedTable(f'table "{table}" does not exist', hint=nearest(table, catalogue.names()) or None)


def _told(node: exp.Expr) -> str:
    if isinstance(node, exp.Paren):
        return _told(node.this)
    if isinstance(node, exp.Connector):
        return f"({_told(node.this)} {node.key.upper()} {_told(node.expression)})"
    if isinstance(node, exp.Not):
        return f"(NOT {_told(node.this)})"
    return f"({written(node)})" if isinstance(node, exp.Predicate) else written(node)

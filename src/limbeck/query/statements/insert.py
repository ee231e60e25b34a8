"""INSERT INTO (SQL contract, section 2.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import pyarrow.parquet as pq

from limbeck import crash
from limbeck.engine.sql import quoted
from limbeck.errors import (
    FeatureNotSupported,
    SqlSyntaxError,
    StaleEtag,
    UndefinedColumn,
    WrongObject,
    nearest,
)
from limbeck.lake import Dataset
from limbeck.query.dialect import parse
from limbeck.query.result import Result, presented
from limbeck.query.session import TempTable
from limbeck.query.statements import target
from limbeck.query.statements.context import Kind, Parser, Statement
from limbeck.query.statements.fit import fitted
from limbeck.query.words import Words
from limbeck.xdm.arrow import from_arrow
from limbeck.xdm.names import check_names
from limbeck.xdm.types import Field, Object


@dataclass(frozen=True, slots=True)
class Insert:
    """INSERT INTO name [(columns)] query."""

    parts: tuple[str, ...]
    columns: tuple[str, ...]
    """Those listed; none: all."""
    query: str
    """With spaces before it, so that it stands where it stands in the statement."""


def _insert(words: Words) -> Insert:
    words.expect("INSERT")
    if words.peek() == "OVERWRITE":
        raise FeatureNotSupported(
            "INSERT OVERWRITE is not served: rows of tables are added, never replaced", position=words.next().start + 1
        )
    words.expect("INTO")
    if words.peek() == "AUDIENCE" and words.peek(1) not in ("(", "SELECT", "AS", "VALUES", "WITH"):
        raise FeatureNotSupported("INSERT INTO AUDIENCE is not served: audiences in SQL are not")
    words.take("TABLE")
    parts = words.path()
    columns: tuple[str, ...] = ()
    if words.peek() == "(" and words.peek(1) not in ("SELECT", "WITH", "VALUES", "("):
        columns = tuple(".".join(path) for path in words.paths())
    words.take("AS")
    return Insert(parts, columns, words.query())


def run(statement: Statement) -> Result:
    """Append the rows of a query or of VALUES to a table."""
    command: Insert = statement.command
    into = _target(statement, command.parts)
    reading = statement.resolve(parse(command.query), command.query)
    with statement.opened(reading) as session:
        numbered = ", ".join(quoted(f"c{n}") for n, _ in enumerate(reading.columns))
        kinds = from_arrow(presented(session.describe(f"SELECT * FROM ({reading.sql}\n) AS _q({numbered})")))
        given = [Field(column.name, field.type) for column, field in zip(reading.columns, kinds.fields, strict=True)]
        if isinstance(into, Dataset) and not into.schema.type.fields:
            into = _shaped(statement, into, command.columns, given)
        want = into.type if isinstance(into, TempTable) else into.schema.type
        have = Object(tuple(_placed(given, command.columns, want, ".".join(command.parts))))
        named = ", ".join(quoted(field.name) for field in have.fields)
        files = session.write_parquet(fitted(f"SELECT * FROM ({reading.sql}\n) AS _q({named})", have, want))
        rows = sum(pq.read_metadata(file).num_rows for file in files)
        if isinstance(into, TempTable):
            statement.session.keep(into.name, into.type, files, statement.services.scratch)
        else:
            statement.lake.append(into, files, "insert", statement.author)
    result = Result.of({"rows": [rows]})
    result.affected = rows
    return result


def _target(statement: Statement, parts: Sequence[str]) -> Dataset | TempTable:
    name = target.found_name(statement, parts)
    own = None if name is None else statement.session.temp.get(name.lower())
    if own is not None:
        return own
    if name is not None and statement.catalogue.view(name) is not None:
        raise WrongObject(f'"{name}" is a view: rows go into tables')
    found = target.table(statement, parts)
    if found.sample_of:
        raise FeatureNotSupported(f"{found.table} is a sample; rows go into tables")
    return found


def _shaped(statement: Statement, dataset: Dataset, columns: Sequence[str], given: Sequence[Field]) -> Dataset:
    """Give a table that has no columns yet those of the query; whoever comes second finds the first one's."""
    named = [Field(name, field.type) for name, field in zip(columns or [f.name for f in given], given, strict=False)]
    check_names([field.name for field in named], "the result")
    stored = statement.registry.get(statement.sandbox, "schemas", dataset.schema.id)
    etag = stored["meta:registryMetadata"]["eTag"]
    if not stored["properties"]:
        with suppress(StaleEtag):
            statement.registry.add_fields(
                statement.sandbox, dataset.schema.id, Object(tuple(named)), etag=etag, changed_by=statement.author
            )
    crash.point("query.insert.shaped")
    return statement.lake.datasets.get(statement.sandbox, dataset.id)


def _placed(given: Sequence[Field], columns: Sequence[str], want: Object, table: str) -> Iterator[Field]:
    """Yield the columns of a query under the names of those they go into.

    These are the listed ones, in order. Without a list a struct goes into the column of its name, if there is one,
    everything else into those that are left, in order.
    """
    known = {field.name.lower(): field for field in want.fields}
    for name in columns:
        if name.lower() not in known:
            hint = nearest(name, [f.name for f in want.fields]) or None
            raise UndefinedColumn(f'{table} has no column "{name}"', hint=hint)
    named = set() if columns else {f.name.lower() for f in given if isinstance(f.type, Object)} & known.keys()
    left = iter(columns or [name for name in known if name not in named])
    for field in given:
        place = field.name.lower() if field.name.lower() in named else next(left, None)
        if place is None:
            raise SqlSyntaxError(f"INSERT has {len(given)} values for {len(columns or known)} columns of {table}")
        named.discard(place)
        yield Field(known[place.lower()].name, field.type)


PARSERS: dict[str, Parser] = {"INSERT": _insert}

KINDS: dict[type, Kind] = {Insert: Kind(run, "INSERT", writes=True)}

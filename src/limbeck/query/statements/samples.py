"""Samples: tables with some rows of others, drawn at random (SQL contract, section 2.5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection

from limbeck.errors import DuplicateTable, Forbidden, SqlError, UndefinedTable
from limbeck.lake import Dataset
from limbeck.lake.datasets import sample_ids
from limbeck.query.analysis import Sample, selected, undefined
from limbeck.query.metadata import sample_tags
from limbeck.query.result import Result, presented
from limbeck.query.session import SqlSession
from limbeck.query.statements.context import Kind, Parser, Reading, Statement
from limbeck.query.statements.fit import fitted
from limbeck.query.words import Words
from limbeck.scope import LOCAL
from limbeck.xdm.arrow import from_arrow

MOST = 5
"""Samples that a dataset may have."""

NAME_LENGTH = 50
"""Characters of a table's name that the names of its samples begin with."""

SCHEMA = pa.schema([("sample_table_name", pa.string())])
"""What drawing a sample answers with."""


@dataclass(frozen=True, slots=True)
class DropSample:
    """DROP TABLESAMPLE name."""

    name: str


def sample_name(table: str, rate: str) -> str:
    """Return what a sample of *table* is called.

    >>> sample_name("luma_web_data", "0.5")
    'luma_web_data_sample_0_5'
    """
    return f"{table[:NAME_LENGTH]}_sample_{rate.replace('.', '_')}"


def _draw(statement: Statement) -> Result:
    """Keep each row of a table with the same chance, as a dataset of its own with the table's schema."""
    command: Sample = statement.command
    _check_on(statement)
    parent = _parent(statement, command.table)
    _check_room(parent, len(statement.lake.datasets.samples(statement.sandbox, parent.id)))
    name = sample_name(parent.table, command.rate)
    condition = command.filter.condition.strip() if command.filter else ""

    def room(connection: Connection) -> None:
        _check_room(parent, len(sample_ids(connection, statement.sandbox, parent.id)))

    reading = _rows(statement, parent, command)
    with statement.opened(reading) as session:
        have = from_arrow(presented(session.describe(reading.sql)))
        whole = fitted(reading.sql, have, parent.schema.type)
        files = session.write_parquet(f"SELECT * FROM ({whole}\n) AS _w WHERE random() * 100 < {command.rate}")
        try:
            made = statement.lake.create_table(
                statement.sandbox,
                name,
                parent.schema.id,
                files,
                statement.author,
                tags=sample_tags(parent, command.rate, condition),
                operation="analyze table",
                first=room,
            )
        except DuplicateTable as taken:
            raise DuplicateTable(f'sample "{name}" exists already', hint=f"DROP TABLESAMPLE {name}") from taken
    return Result.of({SCHEMA.names[0]: [made.table]})


def _rows(statement: Statement, parent: Dataset, command: Sample) -> Reading:
    """Bind a query for whole rows, also where the session sees fields of structs as columns."""
    session = SqlSession(replace(statement.session.view, flat=False))
    catalogue = statement.catalogue.for_session(session)
    columns = [f.name for f in parent.schema.type.fields]
    found = selected(catalogue, parent.table, columns, command.filter)
    return Reading(found.tree, found.columns, tuple(map(catalogue.engine_table, found.sources)), found.sources)


def _parent(statement: Statement, table: str) -> Dataset:
    found = statement.catalogue.dataset(statement.catalogue.unqualified(table))
    if found is None:
        raise undefined(statement.catalogue, table)
    if found.sample_of:
        raise SqlError(f"{found.table} is a sample itself; samples are drawn from tables")
    return found


def _check_on(statement: Statement) -> None:
    if not statement.session.variables.is_on("aqp"):
        raise SqlError("samples need the session setting aqp", hint="SET aqp=true")


def _check_room(parent: Dataset, have: int) -> None:
    if have >= MOST:
        raise SqlError(
            f"the sample limit is reached: {parent.table} has {MOST} samples", hint="DROP TABLESAMPLE removes one"
        )


def _drop(statement: Statement) -> Result:
    """Remove a sample; only whoever drew it may."""
    command: DropSample = statement.command
    _check_on(statement)
    found = statement.catalogue.dataset(statement.catalogue.unqualified(command.name))
    if found is None or not found.sample_of:
        raise UndefinedTable(f'sample "{command.name}" does not exist')
    if statement.author not in ("", LOCAL, found.created_by):
        raise Forbidden(f"{found.table} was made by another credential; only that one may drop it")
    statement.lake.datasets.drop(statement.sandbox, found.id)
    return Result.nothing()


def _dropped(words: Words) -> Any:
    if not words.take("DROP", "TABLESAMPLE"):
        return None
    name = words.name()
    words.end()
    return DropSample(name)


PARSERS: dict[str, Parser] = {"DROP": _dropped}

KINDS: dict[type, Kind] = {
    Sample: Kind(_draw, "ANALYZE", writes=True, columns=lambda _: SCHEMA),
    DropSample: Kind(_drop, "DROP TABLESAMPLE", writes=True),
}

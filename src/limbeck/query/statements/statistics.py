"""Statistics of a table's columns, kept for a session (SQL contract, section 2.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from limbeck import clock
from limbeck.engine.sql import quoted
from limbeck.errors import DuplicateTable, FeatureNotSupported, SqlError, UndefinedColumn, nearest
from limbeck.query.analysis import Bare, Compute, analysis, selected, undefined
from limbeck.query.metadata import TIME
from limbeck.query.result import Result
from limbeck.query.session import Statistics
from limbeck.query.statements.context import Kind, Parser, Reading, Statement
from limbeck.query.types import is_numeric
from limbeck.query.words import Words
from limbeck.xdm.types import Array, Map, Object, Scalar, ScalarName, Type

ID = pa.schema([("Statistics ID", pa.string())])
"""What COMPUTE STATISTICS answers with."""

SCHEMA = pa.schema(
    [
        ("columnName", pa.string()),
        ("mean", pa.float64()),
        ("max", pa.float64()),
        ("min", pa.float64()),
        ("standardDeviation", pa.float64()),
        ("approxDistinctCount", pa.float64()),
        ("nullCount", pa.int64()),
        ("dataType", pa.string()),
    ]
)
"""The columns of statistics: one row for each leaf."""

_TYPES: dict[ScalarName, str] = {
    "string": "String",
    "boolean": "Boolean",
    "byte": "Byte",
    "short": "Short",
    "int": "Integer",
    "long": "Long",
    "number": "Double",
    "date": "Date",
    "date-time": "Timestamp",
}


@dataclass(frozen=True, slots=True)
class ShowStatistics:
    """SHOW STATISTICS."""


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A field that is no struct, and the names that lead to it."""

    path: tuple[str, ...]
    type: Type

    @property
    def name(self) -> str:
        return ".".join(self.path).lower()

    @property
    def is_complex(self) -> bool:
        return isinstance(self.type, Array | Map)


def _compute(statement: Statement) -> Result:
    """Compute the statistics of a table in one pass, and keep them in the session under their id."""
    command: Compute = statement.command
    table = statement.catalogue.table(statement.catalogue.unqualified(command.table))
    if table is None:
        raise undefined(statement.catalogue, command.table)
    id_ = _id(statement, table.name, command.alias)
    leaves = _simple(statement, _chosen(table.name, list(_leaves(table.type)), command.columns))
    columns = dict.fromkeys(leaf.path[0] for leaf in leaves)
    found = selected(statement.catalogue, table.name, list(columns) or [table.type.fields[0].name], command.filter)
    reading = Reading(found.tree, found.columns, statement.tables(found.sources), found.sources)
    aggregates = ["count(*)", *(a for leaf in leaves for a in _aggregates(leaf))]
    with statement.opened(reading) as session:
        rows, *values = session.fetch(f"SELECT {', '.join(aggregates)} FROM ({reading.sql}\n) AS _r")[0]
    statement.session.results[id_.lower()] = _table(leaves, rows, values)
    told = command.filter.told if command.filter else ""
    statement.session.statistics[id_.lower()] = Statistics(
        id_, table.name, f"({','.join(command.columns) or '*'})", told, clock.now(), command.alias is None
    )
    return Result.of({ID.names[0]: [id_]})


def _id(statement: Statement, table: str, alias: str | None) -> str:
    """Return the alias, or `<table>_stats_<n>` with the next number of the table in this session."""
    known = statement.session.statistics
    if alias is None:
        return f"{table}_stats_{1 + sum(s.table == table and s.is_numbered for s in known.values())}"
    catalogue = statement.catalogue
    if alias.lower() not in known and (catalogue.table(alias) or catalogue.view(alias)):
        raise DuplicateTable(f'"{alias}" exists already; call the statistics something else')
    return alias


def _leaves(t: Object, before: tuple[str, ...] = ()) -> Iterator[_Leaf]:
    for f in t.fields:
        path = (*before, f.name)
        if isinstance(f.type, Object):
            yield from _leaves(f.type, path)
        else:
            yield _Leaf(path, f.type)


def _chosen(table: str, leaves: Sequence[_Leaf], columns: Sequence[str]) -> list[_Leaf]:
    """Return the leaves that are listed, or stand in structs that are; all if nothing is listed."""
    if not columns:
        return list(leaves)
    for column in columns:
        if not any(_is_in(leaf, column) for leaf in leaves):
            hint = nearest(column, [leaf.name for leaf in leaves]) or None
            raise UndefinedColumn(f'{table} has no column "{column}"', hint=hint)
    return [leaf for leaf in leaves if any(_is_in(leaf, column) for column in columns)]


def _is_in(leaf: _Leaf, column: str) -> bool:
    return leaf.name == column or leaf.name.startswith(f"{column}.")


def _simple(statement: Statement, leaves: Sequence[_Leaf]) -> list[_Leaf]:
    """Leave out lists and maps, or refuse them, as the session is set."""
    complex_ = [leaf.name for leaf in leaves if leaf.is_complex]
    if complex_ and not statement.session.variables.is_on("skip_stats_for_complex_datatypes"):
        raise FeatureNotSupported(
            f"there are no statistics of lists and maps: {', '.join(complex_)}",
            hint="SET skip_stats_for_complex_datatypes=true leaves them out",
        )
    return [leaf for leaf in leaves if not leaf.is_complex]


def _aggregates(leaf: _Leaf) -> list[str]:
    path = f"_r.{'.'.join(map(quoted, leaf.path))}"
    numbers = [f"{name}({path})" for name in ("avg", "max", "min", "stddev_samp")] if is_numeric(leaf.type) else []
    return [*numbers, f"approx_count_distinct({path})", f"count({path})"]


def _table(leaves: Sequence[_Leaf], rows: int, values: Sequence[Any]) -> pa.Table:
    """Lay out the values of the aggregates, leaf after leaf."""
    found = []
    left = iter(values)
    for leaf in leaves:
        numbers = [next(left) for _ in range(4)] if is_numeric(leaf.type) else [0.0] * 4
        distinct, filled = next(left), next(left)
        kind = _TYPES[leaf.type.name] if isinstance(leaf.type, Scalar) else ""
        told = [None if n is None else float(n) for n in numbers]
        found.append((leaf.name, *told, float(distinct), rows - filled, kind))
    columns = zip(*found, strict=True) if found else ([] for _ in SCHEMA)
    return pa.table([pa.array(list(c), t) for c, t in zip(columns, SCHEMA.types, strict=True)], schema=SCHEMA)


def _bare(statement: Statement) -> Result:
    command: Bare = statement.command
    if statement.catalogue.table(statement.catalogue.unqualified(command.table)) is None:
        raise undefined(statement.catalogue, command.table)
    raise SqlError(
        f"ANALYZE TABLE {command.table}: an implementation is missing for tables of the lake",
        hint="write COMPUTE STATISTICS or TABLESAMPLE behind it",
    )


def _show(statement: Statement) -> Result:
    found = statement.session.statistics.values()
    return Result.of(
        {
            "statsId": [s.id for s in found],
            "tableName": [s.table for s in found],
            "columnSet": [s.columns for s in found],
            "filterContext": [s.filter for s in found],
            "timestamp": [s.made.strftime(TIME) for s in found],
        }
    )


def _shown(words: Words) -> Any:
    if not words.take("SHOW", "STATISTICS"):
        return None
    words.end()
    return ShowStatistics()


PARSERS: dict[str, Parser] = {"ANALYZE": analysis, "SHOW": _shown}

KINDS: dict[type, Kind] = {
    Compute: Kind(_compute, "ANALYZE", is_long=True, columns=lambda _: ID),
    Bare: Kind(_bare, "ANALYZE"),
    ShowStatistics: Kind(_show, "SHOW", columns=lambda statement: _show(statement).schema),
}

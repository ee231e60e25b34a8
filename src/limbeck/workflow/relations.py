"""The sources of a definition as relations of Query Service's SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from limbeck.workflow.datasets import EVENT_TYPE, TIMESTAMP, Column, Source
from limbeck.workflow.definition import Definition
from limbeck.workflow.names import quoted
from limbeck.workflow.sources import TENANT

Tables = Mapping[str, str]
"""The SQL table of each dataset of the definition."""

INDENT = "\n    "


def events(definition: Definition, tables: Tables, tenant: str) -> str:
    """Return the SELECT of all events as one relation: `entity_id`, `event_time`, and the columns by their names.

    Where a source says when its rows arrived, `arrived` does so for all.
    """
    sources = definition.event_sources
    names = list(dict.fromkeys(c.name for s in sources for c in s.columns))
    arrival = any(source.arrival for source in sources)
    return f"{INDENT}UNION ALL{INDENT}".join(
        _events_of(source, names, tables[source.dataset], tenant, arrival=arrival) for source in sources
    )


def event_kinds(definition: Definition, tables: Tables, tenant: str) -> str:
    """Return the SELECT of who did what and when: `entity_id`, `event_time`, and `kind`, the XDM type of each event.

    Sources may call the column of the type differently.
    """
    return f"{INDENT}UNION ALL{INDENT}".join(
        f"SELECT {identity_of(s, tenant)} AS entity_id, {time_of(s, tenant)} AS event_time, {_kind(s, tenant)} AS kind "
        f"FROM {quoted(tables[s.dataset])} WHERE {identity_of(s, tenant)} IS NOT NULL"
        for s in definition.event_sources
    )


def _kind(source: Source, tenant: str) -> str:
    return next(field(c, tenant) for c in source.columns if c.path == EVENT_TYPE)


def _events_of(source: Source, names: Sequence[str], table: str, tenant: str, *, arrival: bool) -> str:
    mine = {c.name: field(c, tenant) for c in source.columns}
    time = time_of(source, tenant)
    known = [f"{mine[source.arrival] if source.arrival else time} AS arrived"] if arrival else []
    columns = [f"{identity_of(source, tenant)} AS entity_id", f"{time} AS event_time", *known]
    columns += [f"{mine.get(name, 'NULL')} AS {quoted(name)}" for name in names]
    return f"SELECT {', '.join(columns)} FROM {quoted(table)} WHERE {identity_of(source, tenant)} IS NOT NULL"


def time_of(source: Source, tenant: str) -> str:
    """Return the SQL of the time of a source's rows."""
    return next(field(c, tenant) for c in source.columns if c.path == TIMESTAMP)


def identity_of(source: Source, tenant: str) -> str:
    """Return the SQL of who a source's rows are about."""
    return field(source.identity, tenant)


def field(column: Column, tenant: str) -> str:
    """Return the SQL of a column's field."""
    return ".".join(map(quoted, column.path.replace(TENANT, f"_{tenant}", 1).split(".")))

"""What is known: the section `[[sources]]` of a definition, datasets with their columns and places in XDM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from limbeck.errors import DefinitionError, nearest
from limbeck.workflow.families import NAME
from limbeck.workflow.toml_text import Table

TYPES = ("string", "boolean", "int", "long", "number", "date", "date-time")
RESERVED_COLUMNS = frozenset(
    {"entity_id", "event_time", "arrived", "cutoff", "cutoff_number", "label_end", "pair_entity", "pair_object"}
)
"""Names that stand beside an event's columns in the SQL of features."""

KINDS: Mapping[str, Literal["event", "profile", "history"]] = {
    "event": "event",
    "profile": "profile",
    "history": "history",
}
"""Classes of sources."""

TIMESTAMP, EVENT_TYPE = "timestamp", "eventType"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a source, which conditions and features know by its name, and its place in XDM."""

    name: str
    path: str
    """Dotted; a leading `{tenant}` stands for the organisation's `_tenant`."""
    type: str | None = None
    """One of `TYPES`; None takes the column's own."""
    identity: str | None = None
    """Namespace, if the column identifies the person."""


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset: made from files, or one that the platform has already."""

    dataset: str
    kind: Literal["event", "profile", "history"]
    """A history tells attributes of people, each row from its time on."""
    files: Mapping[str, str]
    """Path, glob, `package:NAME/path` or `generator:PART` by alias; empty for a dataset that exists."""
    sql: str | None
    columns: tuple[Column, ...]
    key: str | None
    """Column whose values must be unique; becomes `_id`."""
    field_groups: tuple[str, ...]
    """`$id`s of standard field groups that the paths outside `{tenant}` need."""
    where: str
    """Place in the file, for messages."""
    arrival: str | None = None
    """Column that says when a row was known; None takes rows for known when they happen."""

    @property
    def identity(self) -> Column:
        """Return the column that identifies the person."""
        return next(c for c in self.columns if c.identity)


def source(table: Table) -> Source:
    """Read one of `[[sources]]`; raise `DefinitionError` for what cannot be meant."""
    kind = table.choice("class", tuple(KINDS), "event")
    files = table.table("files", optional=True)
    found = Source(
        dataset=table.text("dataset"),
        kind=KINDS[kind],
        files={alias: files.text(alias) for alias in files.keys()},  # noqa: SIM118
        sql=table.text("sql") if "sql" in table else None,
        columns=tuple(_columns(table.table("columns"))),
        key=table.text("key") if "key" in table else None,
        field_groups=table.texts("field_groups"),
        where=table.where(),
        arrival=table.text("arrival") if "arrival" in table else None,
    )
    table.close(("sql", "key", "arrival"))
    if found.sql is None and len(found.files) > 1:
        raise table.error("files", "names several files", "one file, or an sql that says how their rows come together")
    if found.sql is not None and not found.files:
        raise table.error("sql", "stands alone", "files that it reads")
    _check_columns(found, table)
    return found


def _columns(table: Table) -> Iterator[Column]:
    for name in table.keys():  # noqa: SIM118
        if not NAME.fullmatch(name.lower()):
            raise table.error(name, "is no column name", "letters, digits and underscores")
        if isinstance(table.raw(name), str):
            yield Column(name, table.text(name))
            continue
        inner = table.table(name)
        yield Column(
            name,
            inner.text("path"),
            inner.choice("type", TYPES) if "type" in inner else None,
            inner.text("identity") if "identity" in inner else None,
        )
        inner.close(("type", "identity"))


def _check_columns(source: Source, table: Table) -> None:
    columns = table.table("columns")
    paths = [c.path for c in source.columns]
    if sum(c.identity is not None for c in source.columns) != 1:
        wanted = 'exactly one column such as customer = { path = "{tenant}.customer", identity = "CRMID" }'
        raise columns.error(source.columns[0].name if source.columns else "", "stands in no identity", wanted)
    for column in source.columns:
        if source.kind != "profile" and column.name.lower() in RESERVED_COLUMNS:
            raise columns.error(column.name, "is a name that features need", "another name, given in sql")
        if paths.count(column.path) > 1:
            raise columns.error(column.name, f"maps to {column.path}, like another column", "paths that differ")
        if any(other.startswith(f"{column.path}.") for other in paths):
            raise columns.error(column.name, f"maps to {column.path}, which holds others", "the path of a single value")
    needed = (TIMESTAMP, EVENT_TYPE) if source.kind != "profile" else ()
    for path in needed:
        if path not in paths:
            raise DefinitionError(f'{columns.where()} lacks a column that maps to "{path}", which every event has')
    known = [c.name for c in source.columns]
    for key, name in (("key", source.key), ("arrival", source.arrival)):
        if name is not None and name not in known:
            raise table.error(key, f"is {name!r}", f"one of {', '.join(known)}", nearest(name, known))

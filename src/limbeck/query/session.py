"""What the statements of one session share: what it sees, its settings, its temporary tables and statistics."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from limbeck import ids
from limbeck.engine import Table
from limbeck.query.variables import Variables
from limbeck.xdm.arrow import arrow_schema
from limbeck.xdm.types import Object


@dataclass(frozen=True, slots=True)
class View:
    """What a session sees of its sandbox (SQL contract, section 1.2)."""

    only: str | None = None
    """The one table that is visible, in lower case; None for all."""
    within: str | None = None
    """The logical database, or `database.schema`, whose tables and views are visible, in lower case; None for all."""
    flat: bool = False
    """Fields of structs are columns, called by their path."""


WHOLE = View()


@dataclass(frozen=True, slots=True)
class Facts:
    """What the functions of a session tell of it."""

    database: str = ""
    """As the client called it; empty for all of the sandbox."""
    user: str = ""
    process: int = 0


NOBODY = Facts()


@dataclass(frozen=True, slots=True)
class TempTable:
    """A table of one session: Parquet files in its scratch folder (SQL contract, section 2.2)."""

    name: str
    type: Object
    files: tuple[str, ...] = ()

    def shown_as(self, view: str) -> Table:
        """Return the table as a relation for the engine, called *view*."""
        return Table(view, arrow_schema(self.type), self.files)


@dataclass(frozen=True, slots=True)
class Statistics:
    """What COMPUTE STATISTICS has computed in a session; the values are in `SqlSession.results` (SQL contract, 2.5)."""

    id: str
    table: str
    columns: str
    """`(*)`, or the columns that were listed."""
    filter: str
    """The condition of the rows that counted; empty for all."""
    made: datetime
    is_numbered: bool
    """The id is made from the table's name and a number."""


class SqlSession:
    """A client's session. One statement runs at a time; close it when the client is gone."""

    def __init__(self, view: View = WHOLE, variables: Variables | None = None, facts: Facts = NOBODY) -> None:
        self.view = view
        self.variables = variables or Variables("", {})
        self.facts = facts
        self.temp: dict[str, TempTable] = {}
        """Temporary tables by lower-case name."""
        self.results: dict[str, pa.Table] = {}
        """Small results that can be read by name, such as statistics, by lower-case name."""
        self.statistics: dict[str, Statistics] = {}
        """Of the results that are statistics, what they tell of, by the same names."""
        self.is_batch = False
        """Its statements have the time of a job, not that of an answer somebody waits for."""
        self._folders: list[Path] = []

    def drop(self, name: str) -> None:
        """Forget a temporary table; its files go with the session."""
        del self.temp[name.lower()]

    def keep(self, name: str, type: Object, files: Sequence[Path], scratch: Path) -> TempTable:
        """Make *files* the temporary table *name*, or add them to it if it is there; they are moved."""
        folder = scratch / f"temp-{ids.new_uuid()}"
        folder.mkdir(parents=True)
        self._folders.append(folder)
        moved = [str(file.rename(folder / file.name)) for file in files]
        known = self.temp.get(name.lower())
        table = TempTable(name, type, (*(known.files if known else ()), *moved))
        self.temp[name.lower()] = table
        return table

    def close(self) -> None:
        """Drop what is the session's own."""
        self.temp.clear()
        self.results.clear()
        self.statistics.clear()
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
        self._folders.clear()

"""Rows that break a rule: their number, and what is wrong with them in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from limbeck.engine import Engine
from limbeck.errors import InvalidFile, RowsRejected, SqlError
from limbeck.ingest.columns import any_of, misfit
from limbeck.ingest.formats import Reading, StagedFile
from limbeck.ingest.validate import Problem, problems
from limbeck.xdm.types import Object

SAMPLES = 100
"""Problems that are kept to be looked at."""

_LINES = 4
"""Lines of the engine's own message that are repeated."""

Sample = dict[str, Any]
"""`file`, `row` (from 1), `path`, `found`, `wanted`."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that breaks a rule."""

    file: StagedFile
    row: int
    """Its number in the file, from 1."""
    raw: str | None
    """It as JSON; None where it is no such thing."""
    texts: bool
    """All its values are texts, as in CSV."""

    def problems(self, wanted: Object) -> list[Problem]:
        """Return what is wrong with it."""
        unknown = Problem("", "a value that cannot be read", "a row that fits the schema")
        return problems(self.raw, wanted, self.texts) or [unknown]

    def samples(self, found: Iterable[Problem]) -> list[Sample]:
        """Return problems as they are shown."""
        at = {"file": self.file.name, "row": self.row}
        return [{**at, "path": p.path, "found": p.found, "wanted": p.wanted} for p in found]


def bad(reading: Reading, wanted: Object) -> str:
    """Return the SQL that is true for a row of *reading* that breaks a rule."""
    return any_of(["lost", misfit("good", wanted)])


def rejected(engine: Engine, readings: Sequence[Reading], wanted: Object) -> Iterator[Rejected]:
    """Read all files again, in order; yield the rows that break a rule."""
    for reading, file in ((r, f) for r in readings for f in r.files):
        for row, raw in _rows(engine, reading.only(file), wanted):
            yield Rejected(file, row, raw, reading.texts)


def rejection(engine: Engine, readings: Sequence[Reading], wanted: Object) -> RowsRejected:
    """Return the error that counts the rejected rows and words the first."""
    count, samples = 0, list[Sample]()
    for row in rejected(engine, readings, wanted):
        count += 1
        if len(samples) < SAMPLES:
            samples += row.samples(row.problems(wanted))
    read = sum(_count(engine, reading.only(file)) for reading in readings for file in reading.files)
    return refusal(count, samples[:SAMPLES], read)


def refusal(count: int, samples: Sequence[Sample], read: int | None = None) -> RowsRejected:
    """Return the error for *count* rejected rows of those that were *read*, of which *samples* are the first."""
    return RowsRejected(_message(count, samples), samples=list(samples), failed=count, read=read)


def _count(engine: Engine, reading: Reading) -> int:
    with engine.session(files=[str(f.path) for f in reading.files]) as session:
        try:
            ((found,),) = session.fetch(f"SELECT count(*) FROM ({reading.sql})")
        except SqlError as error:
            raise unreadable(reading.files, error) from error
    return int(found)


def _rows(engine: Engine, reading: Reading, wanted: Object) -> Iterator[tuple[int, str | None]]:
    """Yield (row, raw) of the rejected rows of one file."""
    counted = f"SELECT row_number() OVER () AS row, raw, {bad(reading, wanted)} AS bad FROM ({reading.sql})"
    with engine.session(files=[str(f.path) for f in reading.files], ordered=True) as session:
        try:
            for batch in session.reader(f"SELECT row, raw FROM ({counted}) WHERE bad", rows=1024):
                yield from zip(batch["row"].to_pylist(), batch["raw"].to_pylist(), strict=True)
        except SqlError as error:
            raise unreadable(reading.files, error) from error


def _message(count: int, samples: Sequence[Sample]) -> str:
    rows = "1 row does" if count == 1 else f"{count:,} rows do"
    first = samples[0]
    return (
        f'{rows} not fit the schema, so nothing was published. File "{first["file"]}", row {first["row"]}, '
        f'field "{first["path"]}": found {first["found"]}, wanted {first["wanted"]}'
    )


def unreadable(files: Sequence[StagedFile], error: SqlError) -> InvalidFile:
    """Return the error for files that the engine cannot read, named as their owner knows them."""
    said = str(error.__cause__ or error).partition("Possible fixes:")[0]
    text = "; ".join(line.strip() for line in said.splitlines()[:_LINES])
    named = [f for f in files if str(f.path) in text] or list(files)
    for f in files:
        text = text.replace(str(f.path), f.name)
    names = ", ".join(f'"{f.name}"' for f in named[:5])
    return InvalidFile(f"cannot read {'file' if len(named) == 1 else 'one of the files'} {names}: {text}")

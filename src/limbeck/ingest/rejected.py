"""What is said about rows that break a rule: their number, and the first of them in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
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


def bad(reading: Reading, wanted: Object) -> str:
    """Return the SQL that is true for a row of *reading* that breaks a rule."""
    return any_of(["lost", misfit("good", wanted)])


def rejection(engine: Engine, readings: Sequence[Reading], wanted: Object) -> RowsRejected:
    """Read all files again, in order; return the error that counts the rejected rows and words the first."""
    count, read, samples = 0, 0, list[Sample]()
    for reading, file in ((r, f) for r in readings for f in r.files):
        read += _count(engine, reading.only(file))
        for batch in _rows(engine, reading.only(file), wanted):
            count += len(batch)
            room = SAMPLES - len(samples)
            worded = (_worded(file, *row, wanted, reading.texts) for row in batch[:room])
            samples += islice(chain.from_iterable(worded), room)
    return RowsRejected(_message(count, samples), samples=samples, failed=count, read=read)


def _count(engine: Engine, reading: Reading) -> int:
    with engine.session(files=[str(f.path) for f in reading.files]) as session:
        try:
            ((found,),) = session.fetch(f"SELECT count(*) FROM ({reading.sql})")
        except SqlError as error:
            raise unreadable(reading.files, error) from error
    return int(found)


def _rows(engine: Engine, reading: Reading, wanted: Object) -> Iterator[list[tuple[int, str | None]]]:
    """Yield (row, raw) of the rejected rows of one file, some at a time."""
    counted = f"SELECT row_number() OVER () AS row, raw, {bad(reading, wanted)} AS bad FROM ({reading.sql})"
    with engine.session(files=[str(f.path) for f in reading.files], ordered=True) as session:
        try:
            for batch in session.reader(f"SELECT row, raw FROM ({counted}) WHERE bad", rows=1024):
                yield list(zip(batch["row"].to_pylist(), batch["raw"].to_pylist(), strict=True))
        except SqlError as error:
            raise unreadable(reading.files, error) from error


def _worded(file: StagedFile, row: int, raw: str | None, wanted: Object, texts: bool) -> list[Sample]:
    unknown = Problem("", "a value that cannot be read", "a row that fits the schema")
    return [
        {"file": file.name, "row": row, "path": p.path, "found": p.found, "wanted": p.wanted}
        for p in problems(raw, wanted, texts) or [unknown]
    ]


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

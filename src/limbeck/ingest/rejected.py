"""What is said about rows that break a rule: their number, and the first of them in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from limbeck.engine import Engine
from limbeck.errors import RowsRejected
from limbeck.ingest.columns import any_of, misfit
from limbeck.ingest.formats import Reading, StagedFile
from limbeck.ingest.validate import Problem, problems
from limbeck.xdm.types import Object

SAMPLES = 100
"""Problems that are kept to be looked at."""

Sample = dict[str, Any]
"""`file`, `row` (from 1), `path`, `found`, `wanted`."""


def bad(reading: Reading, wanted: Object) -> str:
    """Return the SQL that is true for a row of *reading* that breaks a rule."""
    return any_of(["lost", misfit("good", wanted)])


def rejection(engine: Engine, readings: Sequence[Reading], wanted: Object) -> RowsRejected:
    """Read all files again, in order; return the error that counts the rejected rows and words the first."""
    count, samples = 0, list[Sample]()
    for reading in readings:
        for file in reading.files:
            for batch in _rows(engine, reading.only(file), wanted):
                count += len(batch)
                room = SAMPLES - len(samples)
                samples += list(
                    chain.from_iterable(_worded(file, *row, wanted, reading.texts) for row in batch[:room])
                )[:room]
    return RowsRejected(_message(count, samples), samples=samples)


def _rows(engine: Engine, reading: Reading, wanted: Object) -> Iterator[list[tuple[int, str | None]]]:
    """Yield (row, raw) of the rejected rows of one file, some at a time."""
    counted = f"SELECT row_number() OVER () AS row, raw, {bad(reading, wanted)} AS bad FROM ({reading.sql})"
    with engine.session(files=[str(f.path) for f in reading.files], ordered=True) as session:
        for batch in session.reader(f"SELECT row, raw FROM ({counted}) WHERE bad", rows=1024):
            yield list(zip(batch["row"].to_pylist(), batch["raw"].to_pylist(), strict=True))


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

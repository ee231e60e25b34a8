"""Staged files of any format become Parquet files with exactly their dataset's columns (profile contract, 1.8)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import pyarrow.parquet as pq

from limbeck import clock, ids
from limbeck.engine import Engine, Interrupt, Session
from limbeck.engine.sql import literal, quoted
from limbeck.errors import InvalidFile, LimbeckError, SqlError
from limbeck.ingest.aside import Aside, set_aside
from limbeck.ingest.columns import member
from limbeck.ingest.formats import InputFormat, Reading, StagedFile, calculated, csv, json, mapped, parquet, strict
from limbeck.ingest.rejected import bad, rejection, unreadable
from limbeck.ingest.rules import rows_of
from limbeck.xdm.types import Object, Schema

__all__ = ["Converted", "InputFormat", "StagedFile", "convert"]

_REJECTED = "a row does not fit"


@dataclass(frozen=True, slots=True)
class Converted:
    """Finished Parquet files, and how many rows they hold."""

    paths: list[Path]
    rows: int
    aside: Aside = field(default_factory=Aside)
    """The rows that were set aside."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What becomes of rows that break a rule."""

    percentage: int = 0
    """So many of a hundred rows may be set aside; with more the whole is refused."""
    diagnostics: bool = False
    """All of them are written down even if none may."""

    def refuses(self, made: Converted) -> bool:
        """Whether too many were set aside."""
        return made.aside.rows * 100 > self.percentage * (made.rows + made.aside.rows)


STRICT = Tolerance()


def convert(
    engine: Engine,
    files: Sequence[StagedFile],
    input_format: InputFormat | None,
    schema: Schema,
    folder: Path,
    mapping: mapped.Sources | None = None,
    delimiter: str = ",",
    tolerance: Tolerance = STRICT,
) -> Converted:
    """Turn *files* into Parquet files in *folder* whose columns are exactly those of *schema*.

    Without *input_format* each file has the one that its name ends in, CSV with *delimiter*. *mapping* gives for the
    dotted XDM paths that shall be filled the columns of the files, or what is calculated from them. Raise
    `InvalidFile`, naming the file, if one cannot be read at all or lacks such a column, and `RowsRejected` with samples
    if a row breaks a rule of the schema. With a *tolerance* such rows are set aside instead, and it is for the caller
    to see whether they are too many.
    """
    for file in files:
        if file.path.stat().st_size == 0:
            raise InvalidFile(f'file "{file.name}" is empty', code="INGEST-106-400")
    wanted = rows_of(schema, clock.now())
    if mapping is None and (plain := strict.plain(files, input_format, wanted)):
        quickly = _quickly(engine, plain, wanted, folder)
        if quickly is not None:
            return quickly
    readings = _readings(
        [(input_format or InputFormat.of(f.name, delimiter), f) for f in files], wanted, folder, mapping
    )
    paths: list[Path] = []
    broken: list[Reading] = []
    for reading in readings:
        if mapping is not None:
            _require_columns(engine, reading, mapping)
        made = _converted(engine, reading, wanted, folder)
        if made is None:
            if tolerance == STRICT:
                raise rejection(engine, readings, wanted)
            broken.append(reading)
            made = _fitting(engine, reading, wanted, folder)
        paths += made
    aside = set_aside(engine, broken, wanted, folder) if broken else Aside()
    return Converted(paths, sum(pq.read_metadata(p).num_rows for p in paths), aside)


def _readings(
    files: Sequence[tuple[InputFormat | None, StagedFile]],
    wanted: Object,
    folder: Path,
    mapping: mapped.Sources | None,
) -> list[Reading]:
    found: list[Reading] = []
    columns = None if mapping is None else mapped.columns(mapping)
    for form, neighbours in groupby(files, lambda pair: pair[0]):
        alike = [file for _, file in neighbours]
        match form:
            case InputFormat() if mapping is not None and columns is None:
                found += calculated.readings(alike, form, wanted, folder, mapping)
            case InputFormat(format="parquet"):
                found += parquet.readings(alike, wanted, columns)
            case InputFormat(format="csv"):
                found += csv.readings(alike, wanted, form.delimiter, columns)
            case InputFormat(format="json"):
                found += json.readings(alike, wanted, form.multi_line, folder, columns)
            case _:
                raise InvalidFile(f'the name of file "{alike[0].name}" has no ending that tells its format')
    return found


def _require_columns(engine: Engine, reading: Reading, mapping: mapped.Sources) -> None:
    """Raise `InvalidFile` for a file that has rows, in none of which a mapped column stands."""
    for file in reading.files if reading.held else ():
        with engine.session(files=[str(file.path)]) as session:
            try:
                held = [str(name) for (name,) in session.fetch(reading.only(file).held)]
            except SqlError as error:
                raise unreadable([file], error) from error
        if held:
            mapped.require(file, held, mapping)


def _converted(engine: Engine, reading: Reading, wanted: Object, folder: Path) -> list[Path] | None:
    """Return Parquet files of the rows of *reading* in *folder*; None if one of the rows breaks a rule.

    They keep their order: of two records of one person, and of two rows of one event, the later one wins.
    """
    with engine.session(files=[str(f.path) for f in reading.files], ordered=True) as session:
        try:
            return (_kept if reading.exact else _written)(session, reading, wanted, folder)
        except SqlError as error:
            if _REJECTED in error.message:
                return None
            raise unreadable(reading.files, error) from error


def _quickly(engine: Engine, plain: strict.Plain, wanted: Object, folder: Path) -> Converted | None:
    """Return the same by the engine's own reader; None if a row is odd or breaks a rule.

    Rows are looked at beside it, by a thread of its own. Whichever finds something ends the other, and what is written
    until then goes with the session.
    """
    interrupt, files = Interrupt(), [str(f.path) for f in plain.reading.files]
    with (
        engine.session(files=files, ordered=not plain.serial, serial=plain.serial, interrupt=interrupt) as session,
        session.beside() as other,
        ThreadPoolExecutor(1, "limbeck-strict") as pool,
    ):
        looked_at = pool.submit(plain.rows, other, interrupt)
        try:
            made = session.write_parquet(_good(plain.reading, wanted))
            count = sum(pq.read_metadata(path).num_rows for path in made)
            return Converted([_moved(path, folder) for path in made], count) if looked_at.result() == count else None
        except LimbeckError:
            return None
        finally:
            interrupt.now()


def _fitting(engine: Engine, reading: Reading, wanted: Object, folder: Path) -> list[Path]:
    """Return Parquet files of the rows of *reading* that break no rule, in their order; none if there are none."""
    with engine.session(files=[str(f.path) for f in reading.files], ordered=True) as session:
        try:
            made = _written(session, reading, wanted, folder, f"NOT coalesce({bad(reading, wanted)}, false)")
        except SqlError as error:
            raise unreadable(reading.files, error) from error
    return [path for path in made if pq.read_metadata(path).num_rows]


def _written(session: Session, reading: Reading, wanted: Object, folder: Path, where: str = "") -> list[Path]:
    return [_moved(path, folder) for path in session.write_parquet(_good(reading, wanted, where))]


def _good(reading: Reading, wanted: Object, where: str = "") -> str:
    """Return the SELECT of the columns that data files have, of rows *where* something holds; of all, if nothing."""
    columns = ", ".join(f"{member('good', f.name)} AS {quoted(f.name)}" for f in wanted.fields)
    return f"SELECT {columns} FROM ({reading.sql}) WHERE {where or _stop(reading, wanted)}"


def _kept(session: Session, reading: Reading, wanted: Object, folder: Path) -> list[Path]:
    """Read files that are as they should be once, every value, and keep them."""
    values = ", ".join(f"count(hash({member('good', f.name)}))" for f in wanted.fields)
    session.fetch(f"SELECT {values} FROM ({reading.sql}) WHERE {_stop(reading, wanted)}")
    return [_linked(file.path, folder) for file in reading.files]


def _stop(reading: Reading, wanted: Object) -> str:
    """Return the SQL that ends the statement at a row that breaks a rule, and is true otherwise."""
    return f"CASE WHEN {bad(reading, wanted)} THEN error({literal(_REJECTED)}) ELSE true END"


def _linked(path: Path, folder: Path) -> Path:
    target = folder / f"{ids.new_uuid()}.parquet"
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)
    return target


def _moved(path: Path, folder: Path) -> Path:
    target = folder / f"{ids.new_uuid()}.parquet"
    path.replace(target)
    return target

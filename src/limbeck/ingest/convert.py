"""Staged files of any format become Parquet files with exactly their dataset's columns (profile contract, 1.8)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from limbeck import ids
from limbeck.engine import Engine
from limbeck.engine.sql import literal, quoted
from limbeck.errors import InvalidFile, SqlError
from limbeck.ingest.columns import any_of, member, misfit
from limbeck.ingest.formats import InputFormat, Reading, StagedFile, parquet
from limbeck.ingest.rejected import rejection
from limbeck.xdm.types import Object, Schema

__all__ = ["Converted", "InputFormat", "StagedFile", "convert"]

_REJECTED = "a row does not fit"


@dataclass(frozen=True, slots=True)
class Converted:
    """Finished Parquet files, and how many rows they hold."""

    paths: list[Path]
    rows: int


def convert(
    engine: Engine,
    files: Sequence[StagedFile],
    input_format: InputFormat,
    schema: Schema,
    folder: Path,
    mapping: Mapping[str, str] | None = None,
) -> Converted:
    """Turn *files* into Parquet files in *folder* whose columns are exactly those of *schema*.

    *mapping* gives the dotted XDM path of a CSV column that is not called like it. Raise `InvalidFile`, naming the
    file, if one cannot be read at all, and `RowsRejected` with samples if a row breaks a rule of the schema.
    """
    for file in files:
        if file.path.stat().st_size == 0:
            raise InvalidFile(f'file "{file.name}" is empty', code="INGEST-106-400")
    wanted = schema.type
    readings = _readings(files, input_format, wanted, folder, mapping)
    paths: list[Path] = []
    for reading in readings:
        made = _write(engine, reading, wanted, folder)
        if made is None:
            raise rejection(engine, readings, wanted)
        paths += made
    return Converted(paths, sum(pq.read_metadata(p).num_rows for p in paths))


def _readings(
    files: Sequence[StagedFile],
    input_format: InputFormat,
    wanted: Object,
    folder: Path,
    mapping: Mapping[str, str] | None,
) -> list[Reading]:
    return parquet.readings(files, wanted)


def bad(reading: Reading, wanted: Object) -> str:
    """Return the SQL that is true for a row of *reading* that breaks a rule."""
    return any_of(["lost", misfit("good", wanted)])


def _write(engine: Engine, reading: Reading, wanted: Object, folder: Path) -> list[Path] | None:
    """Write the rows of *reading* into *folder*; return None if one of them breaks a rule."""
    columns = ", ".join(f"{member('good', f.name)} AS {quoted(f.name)}" for f in wanted.fields)
    stop = f"CASE WHEN {bad(reading, wanted)} THEN error({literal(_REJECTED)}) ELSE true END"
    with engine.session(files=[str(f.path) for f in reading.files]) as session:
        try:
            made = session.write_parquet(f"SELECT {columns} FROM ({reading.sql}) WHERE {stop}")
        except SqlError as error:
            if _REJECTED in error.message:
                return None
            raise unreadable(reading.files, error) from error
        return [_moved(path, folder) for path in made]


def _moved(path: Path, folder: Path) -> Path:
    target = folder / f"{ids.new_uuid()}.parquet"
    path.replace(target)
    return target


def unreadable(files: Sequence[StagedFile], error: SqlError) -> InvalidFile:
    """Return the error for files that the engine cannot read, named as their owner knows them."""
    text = error.message
    named = [f for f in files if str(f.path) in text] or list(files)
    for f in files:
        text = text.replace(str(f.path), f.name)
    names = ", ".join(f'"{f.name}"' for f in named[:5])
    return InvalidFile(f"cannot read {'file' if len(named) == 1 else 'one of the files'} {names}: {text}")

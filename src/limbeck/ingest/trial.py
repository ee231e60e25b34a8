"""What a mapping makes of rows, before there are files: read, mapped and judged as those of files are."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbeck import clock
from limbeck.engine import Engine
from limbeck.ingest.formats import InputFormat, StagedFile, calculated
from limbeck.ingest.formats.mapped import Sources
from limbeck.ingest.rejected import bad
from limbeck.ingest.rules import rows_of
from limbeck.ingest.validate import Problem, problems
from limbeck.xdm.types import Schema


@dataclass(frozen=True, slots=True)
class Mapped:
    """A row as the mapping makes it, in JSON, and what is wrong with it."""

    document: Mapping[str, Any]
    problems: Sequence[Problem]


def tried(
    engine: Engine, rows: Sequence[Mapping[str, Any]], schema: Schema, work: Path, mapping: Sources
) -> list[Mapped]:
    """Return what becomes of *rows*, in their order; what a row lacks is left out.

    The folder *work* is made, and removed.
    """
    work.mkdir(parents=True)
    try:
        file = StagedFile("data", work / "data.json")
        file.path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        wanted = rows_of(schema, clock.now())
        (reading,) = calculated.readings([file], InputFormat("json"), wanted, work, mapping)
        with engine.session(files=[str(file.path)], ordered=True) as session:
            found = session.fetch(f"SELECT CAST(raw AS VARCHAR), {bad(reading, wanted)} FROM ({reading.sql})")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return [Mapped(_filled(json.loads(raw)), problems(raw, wanted) if is_bad else []) for raw, is_bad in found]


def _filled(value: Any) -> Any:
    """Return a document without the fields that have no value."""
    if isinstance(value, dict):
        return {key: _filled(inner) for key, inner in value.items() if inner is not None}
    return value

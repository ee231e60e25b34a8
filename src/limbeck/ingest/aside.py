"""Rows that are set aside: each as a line of JSON with what is wrong with it (profile contract, section 1.9)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TextIO

from limbeck.engine import Engine
from limbeck.ingest.formats import Reading, StagedFile
from limbeck.ingest.rejected import SAMPLES, Rejected, Sample, rejected
from limbeck.ingest.validate import UNREADABLE, Problem
from limbeck.xdm.types import Object

PARSING, CONVERSION = "row_errors/parsing_errors_0.json", "row_errors/conversion_errors_0.json"
"""The names of the files of rows that are no rows, and of those that do not fit."""


@dataclass(slots=True)
class Aside:
    """Rows that were set aside."""

    rows: int = 0
    samples: list[Sample] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    """Where they stand, by name."""


def set_aside(engine: Engine, readings: Sequence[Reading], wanted: Object, folder: Path) -> Aside:
    """Write all rows of *readings* that break a rule into files in *folder*, a line each.

    A line is the row as it came with `_errors` (`code`, `message`, `column`), `_filename` and `_row`, its number in
    the file from 1; text that is no row stands in `_corrupt_record`.
    """
    found = Aside()
    with ExitStack() as stack:
        sinks: dict[str, TextIO] = {}

        def write(name: str, line: str) -> None:
            if name not in sinks:
                found.files[name] = folder / Path(name).name
                sinks[name] = stack.enter_context(found.files[name].open("w", encoding="utf-8"))
            sinks[name].write(f"{line}\n")

        for file, rows in groupby(rejected(engine, readings, wanted), lambda row: row.file):
            lost = []
            for row in rows:
                problems = row.problems(wanted)
                found.rows += 1
                if len(found.samples) < SAMPLES:
                    found.samples += row.samples(problems)
                if row.raw is None:
                    lost.append((row, problems))
                else:
                    name = PARSING if problems[0].code == UNREADABLE else CONVERSION
                    write(name, _line(row, row.raw, problems))
            for (row, problems), text in zip(lost, _no_json(file, len(lost)), strict=True):
                write(PARSING, _line(row, text, problems))
    del found.samples[SAMPLES:]
    return found


def _line(row: Rejected, text: str | None, problems: Sequence[Problem]) -> str:
    """Return the line of a row, digit by digit as it came."""
    said = {"_errors": list(_told(problems)), "_filename": row.file.name, "_row": row.row}
    if problems[0].code == UNREADABLE or text is None:
        return json.dumps({"_corrupt_record": text, **said}, ensure_ascii=False)
    members = " ".join(text.split("\n")).replace("\r", " ").strip().removeprefix("{").removesuffix("}").strip()
    return f"{{{members}{', ' if members else ''}{json.dumps(said, ensure_ascii=False)[1:]}"


def _told(problems: Iterable[Problem]) -> Iterator[dict[str, str]]:
    for p in problems:
        yield {"code": p.code, "message": f"found {p.found}, wanted {p.wanted}", "column": p.path}


def _no_json(file: StagedFile, count: int) -> Sequence[str | None]:
    """Return the lines of a file that are not JSON, of which the engine found *count*; None each if it saw others."""
    if not count:
        return []
    with file.path.open(encoding="utf-8") as source:
        lines = [line.rstrip("\r\n") for line in source if line.strip() and not _is_json(line)]
    return lines if len(lines) == count else [None] * count


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True

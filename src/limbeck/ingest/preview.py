"""The first rows of a file as it was written, to be looked at before it is mapped or ingested."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbeck.engine import Engine
from limbeck.engine.sql import literal
from limbeck.errors import InvalidFile, InvalidInput, SqlError
from limbeck.ingest.formats import InputFormat, StagedFile

ROWS = 10

CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "utf-16": "utf-16", "iso-8859-1": "latin-1", "latin-1": "latin-1"}
"""What AEP calls encodings, and what the engine does."""


@dataclass(frozen=True, slots=True)
class Csv:
    """How CSV is written. Ingestion itself takes UTF-8 with a header and double quotes only."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    charset: str = "utf-8"
    header: bool = True

    def __post_init__(self) -> None:
        """Raise `InvalidInput` for what the engine cannot read."""
        for name in ("delimiter", "quote", "escape"):
            if len(getattr(self, name)) != 1 or getattr(self, name) in "\r\n\0":
                raise InvalidInput(f"{name} is {getattr(self, name)!r}; it is one character that ends no line")
        if self.delimiter in (self.quote, self.escape):
            raise InvalidInput(f"delimiter is {self.delimiter!r}, as quote or escape is; they differ")
        if self.charset.lower() not in CHARSETS:
            raise InvalidInput(f"charset is {self.charset!r}; use one of {', '.join(CHARSETS)}")

    @property
    def options(self) -> str:
        """The options of the engine's reader."""
        texts = {"delim": self.delimiter, "quote": self.quote, "escape": self.escape}
        texts["encoding"] = CHARSETS[self.charset.lower()]
        told = ", ".join(f"{name} = {literal(value)}" for name, value in texts.items())
        return f"{told}, header = {str(self.header).lower()}, strict_mode = false"


@dataclass(frozen=True, slots=True)
class Preview:
    """Names and types of the columns, as the engine calls them, and the first rows as texts."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[dict[str, Any], ...]


def preview(engine: Engine, path: Path) -> Preview:
    """Return the columns of a file and its first rows; raise `InvalidFile` if it cannot be read."""
    form = InputFormat.of(path.name)
    if form is None:
        raise InvalidFile(f"the name of {path.name} has no ending that tells its format")
    return _preview(engine, StagedFile(path.name, path), form, "header = true", ROWS)


def preview_of(engine: Engine, files: Iterable[StagedFile], form: InputFormat, csv: Csv, rows: int) -> Preview:
    """Return the columns and the first rows of some files together; raise `InvalidFile` if one cannot be read."""
    columns: dict[str, str] = {}
    found: list[dict[str, Any]] = []
    for file in files:
        part = _preview(engine, file, form, csv.options, rows - len(found))
        columns = {**dict(part.columns), **columns}
        found += part.rows
        if len(found) >= rows:
            break
    return Preview(tuple(columns.items()), tuple(found))


def _preview(engine: Engine, file: StagedFile, form: InputFormat, csv: str, rows: int) -> Preview:
    path = literal(str(file.path))
    source = {
        "csv": f"read_csv({path}, {csv}, all_varchar = true, hive_partitioning = false)",
        "json": f"read_json({path}, hive_partitioning = false)",
        "parquet": f"read_parquet({path}, hive_partitioning = false)",
    }[form.format]
    statement = f"SELECT * FROM {source} LIMIT {rows}"
    with engine.session(files=[str(file.path)], ordered=True) as session:
        try:
            schema = session.describe(statement)
            found = session.fetch(statement)
        except SqlError as error:
            said = error.message.replace(str(file.path), file.name)
            raise InvalidFile(f'file "{file.name}" cannot be read: {said}') from error
    return Preview(tuple((f.name, str(f.type)) for f in schema), tuple(_shown(schema.names, row) for row in found))


def _shown(names: Sequence[str], row: Sequence[Any]) -> dict[str, str | None]:
    return {name: _text(value) for name, value in zip(names, row, strict=True)}


def _text(value: Any) -> str | None:
    return json.dumps(value, default=str) if isinstance(value, dict | list) else None if value is None else str(value)

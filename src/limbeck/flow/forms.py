"""The form in which datasets are exported, as a target connection names it (REST contract, section 8.3)."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq

from limbeck.engine.duck import Compression
from limbeck.engine.sql import quoted
from limbeck.errors import InvalidInput
from limbeck.flow.model import Resource
from limbeck.xdm.types import Object, Scalar

csv.field_size_limit(2**31 - 1)  # a cell may hold a whole record

FileType = Literal["parquet", "json", "csv"]

TYPES: tuple[FileType, ...] = ("parquet", "json", "csv")
COMPRESSIONS: dict[str, Compression] = {"NONE": "uncompressed", "GZIP": "gzip"}

_TIMES = "DATEFORMAT '%Y-%m-%d', TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%gZ'"
_OPTIONS: dict[FileType, str] = {"parquet": "", "json": f", {_TIMES}", "csv": f", HEADER true, {_TIMES}"}


@dataclass(frozen=True, slots=True)
class Form:
    """How the files of an export are written."""

    type: FileType = "parquet"
    compression: Compression = "uncompressed"

    @classmethod
    def of(cls, target: Resource) -> Form:
        """Return how a target connection wants its files; raise `InvalidInput` for what is not known."""
        name = str(target.params.get("compression") or "NONE").upper()
        if name not in COMPRESSIONS:
            raise InvalidInput(f'params.compression is "{name}"; use {" or ".join(COMPRESSIONS)}')
        kind = str(target.params.get("datasetFileType") or "parquet").lower()
        if kind not in TYPES:
            raise InvalidInput(f'params.datasetFileType is "{kind}"; use {", ".join(TYPES)}')
        return cls(kind, COMPRESSIONS[name])

    @property
    def ending(self) -> str:
        """The end of the files' names; AEP puts `gz` before `parquet` and after the others."""
        if self.compression != "gzip":
            return self.type
        return "gz.parquet" if self.type == "parquet" else f"{self.type}.gz"

    @property
    def options(self) -> str:
        """What the engine is told beside format and compression."""
        return _OPTIONS[self.type]

    def select(self, rows: str, fields: Object) -> str:
        """Return the SELECT of a relation's rows, in SQL: a cell of CSV holds what has an inside as JSON."""
        if self.type != "csv":
            return f"SELECT * FROM {rows}"
        names = [(quoted(f.name), isinstance(f.type, Scalar)) for f in fields.fields]
        columns = ", ".join(name if plain else f"to_json({name}) AS {name}" for name, plain in names)
        return f"SELECT {columns} FROM {rows}"


def rows_of(path: Path) -> int:
    """Return how many rows a file of an export has."""
    if path.name.endswith(".parquet"):
        return int(pq.read_metadata(path).num_rows)
    with (
        gzip.open(path, "rt", encoding="utf-8", newline="")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8", newline="") as text
    ):
        if ".csv" in path.suffixes:
            return sum(1 for _ in csv.reader(text)) - 1
        return sum(1 for _ in text)

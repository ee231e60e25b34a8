"""The formats a batch's files may have; each turns its files into one SELECT over columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from limbeck.engine.sql import literal
from limbeck.errors import InvalidInput, nearest

FormatName = Literal["json", "csv", "parquet"]


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file that was uploaded into a batch: the name its owner gave it, and where it lies."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class InputFormat:
    """How a batch says its files are written (REST contract, section 6)."""

    format: FormatName = "json"
    delimiter: str = ","
    """Between the cells of CSV; one character."""
    multi_line: bool = False
    """JSON objects may span lines. Arrays may in any case."""

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> InputFormat:
        """Read AEP's `inputFormat`; raise `InvalidInput` for a format or delimiter that cannot be used."""
        name = str(raw.get("format", "")).lower()
        if name not in get_args(FormatName):
            known = list(get_args(FormatName))
            raise InvalidInput(
                f'inputFormat.format is "{name}"; use json, csv or parquet {nearest(name, known)}'.strip()
            )
        delimiter = raw.get("delimiter", ",")
        if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
            raise InvalidInput(f"inputFormat.delimiter is {delimiter!r}; it is one character that is no quote")
        return cls(cast("FormatName", name), delimiter, bool(raw.get("isMultiLineJson", False)))


@dataclass(frozen=True, slots=True)
class Reading:
    """Files that are read alike, and the SELECT that reads them.

    The SELECT gives three columns: `raw`, the row as JSON text (NULL where it cannot be read as any), for wording
    what is wrong; `good`, the row as a structure of the dataset's type; `lost`, whether the row holds something
    that `good` could not take.
    """

    files: Sequence[StagedFile]
    sql: str
    texts: bool = False
    """All values are texts, booleans too, as in CSV."""
    exact: bool = False
    """The files are Parquet with exactly the dataset's columns, so they can be kept as they are."""

    def only(self, file: StagedFile) -> Reading:
        """Return the reading of one of the files."""
        return replace(self, files=[file], sql=self.sql.replace(path_list(self.files), path_list([file])))


def path_list(files: Sequence[StagedFile]) -> str:
    """Return the SQL of a list of the files' paths."""
    return f"[{', '.join(literal(str(f.path)) for f in files)}]"

"""The formats a batch's files may have; each turns its files into one SELECT over columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal, cast, get_args

from limbeck.engine.sql import literal
from limbeck.errors import InvalidInput, nearest

FormatName = Literal["json", "csv", "parquet"]

ENDINGS: dict[str, FormatName] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}
"""How the name of a file ends that is written in a format."""


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

    @classmethod
    def of(cls, name: str) -> InputFormat | None:
        """Return the format that the ending of a file's name stands for, or None."""
        ending = PurePosixPath(name).suffix.lower()
        return cls(ENDINGS[ending], multi_line=ending == ".json") if ending in ENDINGS else None


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
    held: str = ""
    """The SELECT of the names of the files' columns, where a mapping names some and no header tells."""

    def only(self, file: StagedFile) -> Reading:
        """Return the reading of one of the files."""
        all_, one = path_list(self.files), path_list([file])
        return replace(self, files=[file], sql=self.sql.replace(all_, one), held=self.held.replace(all_, one))


def path_list(files: Sequence[StagedFile]) -> str:
    """Return the SQL of a list of the files' paths."""
    return f"[{', '.join(literal(str(f.path)) for f in files)}]"

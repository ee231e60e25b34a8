"""How the files of a source are written: packed, in another encoding, with another delimiter.

A source connection says so in its `data.properties`, by AEP's names: compressionType, encoding, columnDelimiter.
"""

from __future__ import annotations

import gzip
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from limbeck.errors import InvalidFile, InvalidInput, NotServed
from limbeck.files.folder import COPY_BYTES
from limbeck.flow.model import Resource
from limbeck.ingest import InputFormat

GZIP = ".gz"


@dataclass(frozen=True, slots=True)
class Written:
    """What a source connection says of its files; what it does not say, their names do."""

    encoding: str = "utf-8"
    delimiter: str = ","
    is_packed: bool = False
    """Each file is gzip, whatever its name."""

    @classmethod
    def of(cls, source: Resource) -> Written:
        """Read a source connection; raise `InvalidInput` for what is not known, `NotServed` for other packings."""
        data = source.body.get("data")
        told = data.get("properties") if isinstance(data, Mapping) else None
        found = told if isinstance(told, Mapping) else {}
        packing = str(found.get("compressionType") or "none").lower()
        if packing not in ("none", "gzip"):
            raise NotServed(f"data.properties.compressionType is {packing!r}; this version unpacks gzip")
        delimiter = InputFormat.parse({"format": "csv", "delimiter": found.get("columnDelimiter") or ","}).delimiter
        return cls(_encoding(found.get("encoding") or "utf-8"), delimiter, packing == "gzip")

    def plain(self, copy: Path, name: str) -> bool:
        """Unpack the copy of a file, and write its text as UTF-8, in its place; return False if its gzip is not whole.

        Raise `InvalidFile` for text of another encoding.
        """
        if (self.is_packed or name.lower().endswith(GZIP)) and not _unpack(copy):
            return False
        form = InputFormat.of(name)
        if self.encoding != "utf-8" and form is not None and form.format != "parquet":
            _recode(copy, self.encoding, name)
        return True


def _encoding(name: object) -> str:
    try:
        "".encode(str(name))
    except LookupError:
        raise InvalidInput(f"data.properties.encoding is {name!r}; use a name such as UTF-8 or ISO-8859-1") from None
    return "utf-8" if str(name).lower() in ("utf-8", "utf8") else str(name)


def _unpack(copy: Path) -> bool:
    unpacked = copy.with_name("unpacked")
    try:
        with gzip.open(copy) as reading, unpacked.open("wb") as writing:
            shutil.copyfileobj(reading, writing, COPY_BYTES)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False
    unpacked.replace(copy)
    return True


def _recode(copy: Path, encoding: str, name: str) -> None:
    recoded = copy.with_name("recoded")
    try:
        with (
            copy.open(encoding=encoding, newline="") as reading,
            recoded.open("w", encoding="utf-8", newline="") as out,
        ):
            shutil.copyfileobj(reading, out, COPY_BYTES)
    except UnicodeError as error:
        raise InvalidFile(f'file "{name}" is not {encoding} text, as its source connection says: {error}') from error
    recoded.replace(copy)

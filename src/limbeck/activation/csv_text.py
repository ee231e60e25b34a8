"""How rows are spelled in a CSV file (profile contract, sections 7.2 and 7.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import pyarrow as pa

from limbeck.errors import InvalidInput

DELIMITERS = {",": ",", ";": ";", "|": "|", ":": ":", "tab": "\t", "\t": "\t", "comma": ","}
QUOTES = {'"': '"', "\\0000": "", "\0": ""}
"""The mark around a text that needs one; AEP writes `\\0000` for none."""

ESCAPES = {'"': '"', "\\": "\\", "'": "'"}
NOTHING = {"null": "null", '""': '""', "": ""}

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so would be a formula in a spreadsheet; an apostrophe before it keeps it a text."""


@dataclass(frozen=True)
class CsvText:
    """The options of a CSV file."""

    delimiter: str
    quote: str
    """Stands around a text that has a delimiter, a quote, an escape or a line end in it; empty for never."""
    escape: str
    """Stands before a quote or an escape inside quotes; without quotes, before whatever else has a meaning."""
    null: str
    """Stands where there is no value."""
    empty: str
    """Stands for a text of no characters."""

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> CsvText:
        """Read a target's `csvOptions`; raise `InvalidInput` for what is not done."""
        served = ("delimiter", "quote", "escape", "nullValue", "emptyValue")
        other = next((key for key in options if key not in served), None)
        if other is not None:
            raise InvalidInput(f"csvOptions.{other} is not served; a CSV file takes {', '.join(served)}")
        quote = _option(options, "quote", QUOTES, '"', r"a double quote, or \0000 for none")
        return cls(
            delimiter=_option(options, "delimiter", DELIMITERS, ",", "a comma, semicolon, colon, pipe or tab"),
            quote=quote,
            escape=_option(options, "escape", ESCAPES, quote or "\\", "a backslash, an apostrophe or a double quote"),
            null=_option(options, "nullValue", NOTHING, "", 'null, "" or nothing'),
            empty=_option(options, "emptyValue", NOTHING, "", 'null, "" or nothing'),
        )

    def header(self, names: Sequence[str]) -> bytes:
        """Return the first line of a file."""
        return self._lines([[self._cell(name) for name in names]])

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """Return the lines of a batch. Numbers are plain, times are RFC 3339, texts are no formulas."""
        columns = [[self._cell(text) for text in _texts(column)] for column in batch.columns]
        return self._lines(zip(*columns, strict=True))

    def _lines(self, rows: Iterable[Sequence[str]]) -> bytes:
        nothing = self.quote * 2  # a reader skips an empty line
        return "".join(f"{self.delimiter.join(row) or nothing}\n" for row in rows).encode()

    def _cell(self, text: str | None) -> str:
        if not text:
            return self.null if text is None else self.empty
        if text != self.null and not self._special.search(text):
            return text
        return f"{self.quote}{self._escaped.sub(lambda found: self.escape + found[0], text)}{self.quote}"

    @cached_property
    def _special(self) -> re.Pattern[str]:
        return re.compile(f"[{re.escape(self.delimiter + self.quote + self.escape)}\r\n]")

    @cached_property
    def _escaped(self) -> re.Pattern[str]:
        return re.compile(f"[{re.escape(self.quote + self.escape)}]") if self.quote else self._special


def _option(options: Mapping[str, Any], key: str, allowed: Mapping[str, str], default: str, words: str) -> str:
    found = options.get(key)
    if found is None:
        return default
    if not isinstance(found, str) or found not in allowed:
        raise InvalidInput(f"csvOptions.{key} is {found!r}; it is {words}")
    return allowed[found]


def _texts(column: pa.Array) -> list[str | None]:
    return [None if value is None else _text(value) for value in column.to_pylist()]


def _text(value: Any) -> str:
    match value:
        case str():
            return f"'{value}" if value.startswith(FORMULA) else value
        case bool():
            return str(value).lower()
        case float():
            return _plain(value)
        case datetime():
            return value.isoformat(timespec="milliseconds") + "Z"
        case _:
            return str(value)


def _plain(number: float) -> str:
    text = repr(number)
    return format(Decimal(text), "f") if "e" in text else text

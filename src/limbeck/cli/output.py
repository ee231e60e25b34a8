"""What commands show: text for people, or JSON for programs. Commands hand values here and never print."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from limbeck.errors import LimbeckError

WIDE = 4096
"""Columns of a table that goes into a file or a pipe, where nothing is to be wrapped."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows under the names of their columns."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


Part = Rows | str
"""A part of a result for people: a table, or lines of text."""


class Output(Protocol):
    """How results, notes, progress and errors reach whoever called."""

    def note(self, text: str) -> None:
        """Say something in passing."""

    def result(self, value: Mapping[str, Any], text: str) -> None:
        """Give the result: *value* to programs, *text* to people."""

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Give rows."""

    def sections(self, value: Mapping[str, Any], parts: Sequence[Part]) -> None:
        """Give a result of several parts: *value* to programs, *parts* to people."""

    def error(self, failure: LimbeckError) -> None:
        """Say what went wrong."""

    def step(self, name: str) -> Any:
        """Show that a step is going on, as a context manager."""


class TextOutput:
    """For people: results on standard output, everything else on standard error."""

    def __init__(self) -> None:
        self._out = Console(highlight=False, soft_wrap=True)
        if not self._out.is_terminal:
            self._out.width = WIDE
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Say something in passing."""
        self._err.print(text, style="dim", markup=False)

    def result(self, value: Mapping[str, Any], text: str) -> None:
        """Print *text*."""
        self._out.print(text, markup=False)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Print a table."""
        shown = Table(*(Column(Text(c), overflow="fold") for c in columns), box=None, header_style="bold")
        for row in rows:
            shown.add_row(*(Text("" if v is None else str(v)) for v in row))
        self._out.print(shown)

    def sections(self, value: Mapping[str, Any], parts: Sequence[Part]) -> None:
        """Print *parts*, one below the other."""
        for part in parts:
            if isinstance(part, str):
                self._out.print(part, markup=False)
            else:
                self.table(part.columns, part.rows)

    def error(self, failure: LimbeckError) -> None:
        """Print the message, and up to five of the rows that were rejected."""
        self._err.print("error: ", style="bold red", end="")
        self._err.print(str(failure), markup=False)
        for sample in failure.details.get("samples", ())[:5]:
            self._err.print(f"  {_sample(sample)}", style="dim", markup=False)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show a spinner while a step is going on, on a terminal, and a line once it is done."""
        began = time.monotonic()
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self._err, transient=True, disable=not self._err.is_terminal) as progress:
            progress.add_task(name, total=None)
            yield
        self.note(f"{name:<10} {time.monotonic() - began:6.1f} s")


class JsonOutput:
    """For programs: one JSON document on standard output, errors as JSON on standard error."""

    def note(self, text: str) -> None:
        """Programs do not want it."""

    def result(self, value: Mapping[str, Any], text: str) -> None:
        """Print *value*."""
        sys.stdout.write(json.dumps(_json(value), indent=2, default=str) + "\n")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Print a list of objects."""
        found = [dict(zip(columns, row, strict=True)) for row in rows]
        sys.stdout.write(json.dumps(_json(found), indent=2, default=str) + "\n")

    def sections(self, value: Mapping[str, Any], parts: Sequence[Part]) -> None:
        """Print *value*."""
        self.result(value, "")

    def error(self, failure: LimbeckError) -> None:
        """Print code, message and details."""
        body = {"code": failure.code, "message": str(failure), "details": dict(failure.details)}
        sys.stderr.write(json.dumps({"error": body}, default=str) + "\n")

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Programs do not want progress."""
        yield


def in_bytes(count: int) -> str:
    """Return a size as people read it: 999 B, 1.5 kB, 20.0 MB."""
    size, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.95 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def _json(value: Any) -> Any:
    """Return *value* with null for the numbers that JSON lacks."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _json(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_json(inner) for inner in value]
    return value


_chosen: Output | None = None


def choose(json: bool) -> Output:
    """Choose how this process shows results, and return it."""
    global _chosen
    _chosen = JsonOutput() if json else TextOutput()
    return _chosen


def current() -> Output:
    """Return what was chosen; text if nothing was."""
    return _chosen or choose(json=False)


def _sample(sample: Any) -> str:
    if not isinstance(sample, Mapping):
        return str(sample)
    return ", ".join(f"{k} {v}" for k, v in sample.items())

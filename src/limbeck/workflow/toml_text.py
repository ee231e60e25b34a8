"""Reading TOML so that every complaint can name the key, its line, what was found and what is allowed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from limbeck.errors import DefinitionError, nearest
from limbeck.workflow.times import GREENWICH, in_utc

_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]")
_AT_LINE = re.compile(r"at line (\d+)")
_TWICE = ("Cannot overwrite", "twice")
"""What the parser says of a name that stands twice."""

YEARS = range(1900, 2200)
"""So that every window and horizon around a date is a date too."""

KINDS: Mapping[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
    list: "a list",
    date: "a date",
    datetime: "a date and time",
}


class Table:
    """A table of a TOML file. Every key has to be asked for; `close` complains of those that were not."""

    def __init__(self, values: Mapping[str, Any], path: str, document: Document) -> None:
        self._values = values
        self._document = document
        self._asked: set[str] = set()
        self.path = path

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def keys(self) -> list[str]:
        """Return the keys in the order of the file."""
        return list(self._values)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; it must not be empty."""
        found = self._get(key, default, str)
        if not found.strip():
            raise self.error(key, "is empty", "a text")
        return str(found)

    def number(self, key: str, default: int | None, low: int, high: int) -> int:
        """Return a whole number within bounds; without a default it is needed."""
        found = self._get(key, default, int)
        if not low <= found <= high:
            raise self.error(key, f"is {found}", f"a whole number from {low} to {high}")
        return int(found)

    def share(self, key: str, default: float | None = None, *, above: bool = True) -> float:
        """Return a number from 0 to 1; 0 itself only if it need not lie *above* it."""
        found = self._amount(key, default)
        if not 0 <= found <= 1 or (above and found == 0):
            raise self.error(key, f"is {found:g}", f"a share {'above' if above else 'from'} 0, up to 1, such as 0.1")
        return found

    def amount(self, key: str, default: float | None = None, *, above: bool = True) -> float:
        """Return a number from 0; 0 itself only if it need not lie *above* it."""
        found = self._amount(key, default)
        if not 0 <= found < float("inf") or (above and found == 0):
            raise self.error(key, f"is {found:g}", f"a number {'above' if above else 'from'} 0")
        return found

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        found = self._get(key, default, object)
        if not isinstance(found, bool):
            raise self.error(key, f"is {_shown(found)}", KINDS[bool])
        return found

    def zone(self, key: str) -> ZoneInfo:
        """Return a zone of the IANA database; UTC if none is named."""
        name = self.text(key, "UTC")
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            hint = nearest(name, sorted(available_timezones()))
            raise self.error(key, f"is {name!r}", "a zone such as Europe/Berlin", hint) from None

    def moment(self, key: str, zone: ZoneInfo = GREENWICH) -> datetime:
        """Return a date, or a date and time, as a time in UTC without zone; one without a zone is meant in *zone*."""
        return self._moment(key, self._get(key, None, object), zone)

    def moments(self, key: str, zone: ZoneInfo = GREENWICH) -> tuple[datetime, ...]:
        """Return a list of dates."""
        found = self._get(key, None, list)
        if not found:
            raise self.error(key, "is an empty list", "a list of dates")
        return tuple(self._moment(key, item, zone) for item in found)

    def texts(self, key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """Return a list of texts."""
        found = self._get(key, list(default), list)
        if not all(isinstance(item, str) and item.strip() for item in found):
            raise self.error(key, f"is {found!r}", "a list of texts")
        return tuple(found)

    def choice(self, key: str, allowed: Sequence[str], default: str | None = None) -> str:
        """Return one of *allowed*."""
        found = self._get(key, default, str)
        if found not in allowed:
            raise self.error(key, f"is {found!r}", f"one of {', '.join(allowed)}", nearest(found, list(allowed)))
        return str(found)

    def table(self, key: str, *, optional: bool = False) -> Table:
        """Return a table inside this one."""
        found = self._get(key, {} if optional else None, dict)
        return Table(found, self._below(key), self._document)

    def tables(self, key: str) -> list[Table]:
        """Return a list of tables, at least one."""
        found = self._get(key, None, list)
        if not found or not all(isinstance(item, dict) for item in found):
            raise self.error(key, "is not a list of tables", f"sections [[{key}]], at least one")
        return [Table(item, f"{self._below(key)}[{n}]", self._document) for n, item in enumerate(found)]

    def raw(self, key: str) -> Any:
        """Return whatever stands there."""
        return self._get(key, None, object)

    def close(self, allowed: Sequence[str] = ()) -> None:
        """Complain of the first key that nobody asked for."""
        for key in self._values:
            if key not in self._asked:
                known = sorted({*self._asked, *allowed})
                told = f"is not known here; known are {', '.join(known)}"
                raise DefinitionError(f"{self.where(key)} {told}. {nearest(key, known)}".rstrip())

    def where(self, key: str = "") -> str:
        """Return the place of *key*, as a complaint begins: file, line, path."""
        return self._document.where(self._below(key) if key else self.path)

    def error(self, key: str, found: str, wanted: str, hint: str = "") -> DefinitionError:
        """Return a complaint about *key*."""
        return DefinitionError(f"{self.where(key)} {found}; wanted is {wanted}. {hint}".strip())

    def _get(self, key: str, default: Any, kind: type) -> Any:
        self._asked.add(key)
        if key not in self._values:
            if default is None:
                near = nearest(key, [k for k in self._values if k not in self._asked])
                raise DefinitionError(f"{self.where()} lacks the key {key!r}. {near}".rstrip())
            return default
        found = self._values[key]
        if not isinstance(found, kind) or (isinstance(found, bool) and kind is int):
            raise self.error(key, f"is {_shown(found)}", KINDS[kind])
        return found

    def _amount(self, key: str, default: float | None = None) -> float:
        found = self._get(key, default, object)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise self.error(key, f"is {_shown(found)}", KINDS[float])
        return float(found)

    def _moment(self, key: str, found: Any, zone: ZoneInfo) -> datetime:
        if isinstance(found, str):
            try:
                found = datetime.fromisoformat(found)
            except ValueError:
                raise self.error(key, f"is {found!r}", "a date such as 2017-07-15") from None
        if isinstance(found, date) and found.year not in YEARS:
            raise self.error(key, f"is {found}", f"a date from {YEARS[0]} to {YEARS[-1]}")
        if isinstance(found, datetime):
            return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC).replace(tzinfo=None)
        if isinstance(found, date):
            return in_utc(datetime(found.year, found.month, found.day), zone)
        raise self.error(key, f"is {_shown(found)}", "a date such as 2017-07-15")

    def _below(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


class Document:
    """A TOML file: its top table, and the line of each key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise DefinitionError(f"the definition {path} does not exist") from None
        except (OSError, UnicodeDecodeError) as error:
            raise DefinitionError(f"the definition {path} cannot be read: {error}") from error
        try:
            self.top = Table(tomllib.loads(text), "", self)
        except tomllib.TOMLDecodeError as error:
            raise DefinitionError(_not_toml(path.name, text, str(error))) from error
        self._lines = _lines(text)

    def where(self, path: str) -> str:
        """Return file, line and path of a key; the line is that of the nearest key around it that has one."""
        around = path
        while around and around not in self._lines:
            around = around.rpartition(".")[0] if not around.endswith("]") else around.rpartition("[")[0]
        line = f", line {self._lines[around]}" if around else ""
        return f"{self.path.name}{line}: {path or 'the file'}"


def _not_toml(name: str, text: str, told: str) -> str:
    """Return what is wrong with a *text*: a key or a section that stands twice is named."""
    if not any(word in told for word in _TWICE):
        return f"{name} is not TOML: {told}"
    at, lines = _AT_LINE.search(told), text.rstrip().split("\n")
    lines = lines[: int(at[1])] if at else lines
    section = next((_bare(header[2]) for line in reversed(lines) if (header := _HEADER.match(line))), "")
    key = _KEY.match(lines[-1])
    path = ".".join(filter(None, (section, _bare(key[1]) if key else "")))
    return f"{name}, line {len(lines)}: {path} stands twice; wanted is names that differ."


def _lines(text: str) -> dict[str, int]:
    """Return the line of each section and key. Keys inside inline tables take the line of their table."""
    found: dict[str, int] = {}
    counts: dict[str, int] = {}
    section, fence = "", ""
    for number, line in enumerate(text.split("\n"), 1):
        if fence:
            fence = "" if fence in line else fence
            continue
        if header := _HEADER.match(line):
            section = _section(header, section, counts)
            found.setdefault(section, number)
        elif match := _KEY.match(line):
            key = _bare(match[1])
            found.setdefault(f"{section}.{key}" if section else key, number)
            fence = next((mark for mark in ('"""', "'''") if line.count(mark) == 1), "")
    return found


def _section(header: re.Match[str], before: str, counts: dict[str, int]) -> str:
    """Return the path of a section; those of a list carry their number."""
    name = _bare(header[2])
    if header[1] == "[[":
        counts[name] = counts.get(name, -1) + 1
        return f"{name}[{counts[name]}]"
    head, _, rest = name.partition(".")
    return f"{head}[{counts[head]}].{rest}" if head in counts else name


def _bare(key: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in key.split("."))


def _shown(value: Any) -> str:
    for kind, told in KINDS.items():
        if type(value) is kind and kind in (dict, list):
            return told
    return repr(value) if not isinstance(value, date) else str(value)

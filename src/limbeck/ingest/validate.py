"""XDM's rules over one row in Python: slow, and used for nothing but to word what is wrong with rejected rows.

`limbeck.ingest.columns` says the same in SQL, a column at a time; the property tests hold the two together.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from limbeck.errors import nearest
from limbeck.ingest import columns
from limbeck.ingest.rules import MANGLED, Identifier
from limbeck.xdm.patterns import is_found
from limbeck.xdm.types import INTEGER_BOUNDS, Array, Map, Object, Scalar, Type

UNREADABLE = "INGEST-1401-400"
"""The code of a row that is none."""

FOUND_LENGTH = 200
"""Characters of a value that are repeated in a message."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is rejected: at *path*, this was *found*, that is *wanted*."""

    path: str
    found: str
    wanted: str
    code: str = "INGEST-1902-400"
    """What kind of problem it is (profile contract, section 1.9)."""


class Number(str):
    """A number as it was written, digit by digit."""


class Members(dict[str, Any]):
    """A JSON object, and the keys that it has more than once."""

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        listed = list(pairs)
        super().__init__(listed)
        names = [name for name, _ in listed]
        self.repeated = sorted({name for name in names if names.count(name) > 1})


def problems(raw: str | None, wanted: Object, texts: bool = False) -> list[Problem]:
    """Return what is wrong with the row whose JSON text is *raw*; nothing if it fits *wanted*.

    *texts* says that every value is a text, as in CSV, so that a boolean may be one.
    """
    if raw is None:
        return [Problem("", "a line that is not JSON", _A_ROW, UNREADABLE)]
    try:
        row = json.loads(raw, parse_int=Number, parse_float=Number, parse_constant=Number, object_pairs_hook=Members)
    except ValueError as error:
        return [Problem("", f"text that is not JSON: {error}", _A_ROW, UNREADABLE)]
    if not isinstance(row, Members):
        return [Problem("", shown(row), "an object, a row of the dataset", UNREADABLE)]
    return list(_Check(texts).members(row, wanted, ""))


_A_ROW = "a JSON object on each line; objects that span lines need isMultiLineJson"


@dataclass(frozen=True, slots=True)
class _Check:
    texts: bool

    def value(self, found: Any, wanted: Type, path: str) -> Iterator[Problem]:
        if found is None:
            return
        match wanted:
            case Object() if isinstance(found, Members):
                yield from self.members(found, wanted, f"{path}.")
            case Array(items) if isinstance(found, list):
                for i, item in enumerate(found):
                    yield from self.value(item, items, f"{path}[{i}]")
            case Map(values) if isinstance(found, Members):
                yield from _repeated(found, f"{path}.")
                for key, item in found.items():
                    yield from self.value(item, values, f"{path}.{key}")
            case Scalar():
                yield from self.scalar(found, wanted, path)
            case _:
                yield Problem(path, shown(found), _KINDS[type(wanted)])

    def members(self, found: Members, wanted: Object, below: str) -> Iterator[Problem]:
        yield from _repeated(found, below)
        for name in found:
            if wanted.get(name) is None:
                hint = nearest(name, [f.name for f in wanted.fields])
                wish = f"a field of the schema; {hint}".rstrip("; ")
                yield Problem(f"{below}{name}", "an unknown field", wish, "INGEST-1901-400")
        for f in wanted.fields:
            if f.required and found.get(f.name) is None:
                yield Problem(f"{below}{f.name}", "nothing", "a value: the field is required", "INGEST-1555-400")
            yield from self.value(found.get(f.name), f.type, f"{below}{f.name}")

    def scalar(self, found: Any, wanted: Scalar, path: str) -> Iterator[Problem]:
        wish = self.misfit(found, wanted)
        if wish:
            yield Problem(path, shown(found), wish, self.code(found, wanted))

    def misfit(self, found: Any, wanted: Scalar) -> str | None:
        """Return what is wanted in place of *found*, or None if it fits."""
        if not self._is_kind(found, wanted):
            return _no_number(wanted) if isinstance(found, Number) and wanted.name == "string" else _type(wanted)
        if isinstance(found, bool):
            return None
        value = read(str(found), wanted)
        if value is None:
            return _type(wanted)
        return next((wish for holds, wish in _rules(value, wanted) if not holds), None)

    def code(self, found: Any, wanted: Scalar) -> str:
        """Return the code of a misfit: of the type, or of a rule over a value of it."""
        if not self._is_kind(found, wanted) or read(str(found), wanted) is None:
            return "INGEST-1904-400" if wanted.name in ("date", "date-time") else "INGEST-1902-400"
        return {"string": "INGEST-1903-400", "date-time": "INGEST-1905-400"}.get(wanted.name, "INGEST-1906-400")

    def _is_kind(self, found: Any, wanted: Scalar) -> bool:
        if isinstance(found, Number):
            return _takes_number(found, wanted)
        if isinstance(found, bool):
            return wanted.name == "boolean"
        return isinstance(found, str) and (self.texts or wanted.name != "boolean")


_KINDS = {Object: "an object", Array: "a list", Map: "an object, as a map"}
_NO_NUMBER = "a string in quotes: a number does not keep every digit of an identifier"
_AS_TEXT = "write the column as text where the file is made (a text column in a spreadsheet, dtype=str in pandas)"


def _no_number(wanted: Scalar) -> str:
    return f"{_NO_NUMBER}; {_AS_TEXT}" if isinstance(wanted, Identifier) else _NO_NUMBER


def _takes_number(found: Number, wanted: Scalar) -> bool:
    if wanted.name == "string":
        return not isinstance(wanted, Identifier) and re.fullmatch("-?[0-9]{1,18}", found) is not None
    return wanted.name not in ("boolean", "date")


def _repeated(found: Members, below: str) -> Iterator[Problem]:
    for name in found.repeated:
        yield Problem(f"{below}{name}", "the same key more than once", "each key once")


def shown(found: Any) -> str:
    """Return a value as a message shows it: its JSON, cut to `FOUND_LENGTH` characters."""
    text = str(found) if isinstance(found, Number) else json.dumps(found, ensure_ascii=False)
    return text if len(text) <= FOUND_LENGTH else f"{text[:FOUND_LENGTH]}…"


# -- values ----------------------------------------------------------------------------------------------------


def read(text: str, wanted: Scalar) -> Any:
    """Return the value of *wanted* that *text* spells, or None."""
    try:
        return _READERS.get(wanted.name, _integer)(text)
    except (ValueError, OverflowError):
        return None


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


def _number(text: str) -> float | None:
    constant = text in ("NaN", "Infinity", "-Infinity")
    return float(text) if constant or re.fullmatch(columns.NUMBER, text) else None


def _integer(text: str) -> int | None:
    if re.fullmatch(columns.INTEGER, text):
        return int(text)
    number = _number(text)
    return int(number) if number is not None and number == math.trunc(number) else None


def _date(text: str) -> date | None:
    return date.fromisoformat(text) if re.fullmatch(columns.DATE, text) else None


def _moment(text: str) -> datetime | None:
    if re.fullmatch(columns.DATE_TIME, text):
        found = datetime.fromisoformat(re.sub("([.][0-9]{6})[0-9]+", r"\1", text.upper()))
        return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
    if re.fullmatch(columns.MILLIS, text):
        return _EPOCH + timedelta(milliseconds=int(text))
    return None


_EPOCH = datetime(1970, 1, 1)
_READERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "boolean": _boolean,
    "number": _number,
    "date": _date,
    "date-time": _moment,
}


# -- rules -----------------------------------------------------------------------------------------------------


def _type(s: Scalar) -> str:
    match s.name:
        case "string":
            return "a string"
        case "boolean":
            return "true or false"
        case "number":
            return "a number"
        case "date":
            return "a date as YYYY-MM-DD, from year 1 to 9999"
        case "date-time":
            return "a moment as YYYY-MM-DDTHH:MM:SS with optional fraction and zone (RFC 3339), or milliseconds"
        case _:
            low, high = INTEGER_BOUNDS[s.name]
            return f"a whole number from {low} to {high} ({s.name})"


def _rules(value: Any, s: Scalar) -> Iterator[tuple[bool, str]]:
    """Yield (holds, what is wanted) for each rule of *s*, over a value of its type."""
    match s.name:
        case "string":
            yield from _text_rules(value, s)
        case "boolean" | "date":
            return
        case "date-time":
            latest = None if s.maximum is None else _EPOCH + timedelta(milliseconds=s.maximum)
            yield latest is None or _floored(value) <= latest, f"a moment not after {latest}: events lie in the past"
        case "number":
            yield math.isfinite(value), "a finite number"
            yield from _limits(value, s)
        case _:
            low, high = INTEGER_BOUNDS[s.name]
            yield low <= value <= high, _type(s)
            yield from _limits(value, s)


def _floored(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _limits(value: float, s: Scalar) -> Iterator[tuple[bool, str]]:
    yield s.minimum is None or value >= s.minimum, f"at least {s.minimum}"
    yield s.maximum is None or value <= s.maximum, f"at most {s.maximum}"


def _text_rules(value: str, s: Scalar) -> Iterator[tuple[bool, str]]:
    yield s.enum is None or value in s.enum, f"one of {', '.join(s.enum or ())}"
    yield s.pattern is None or is_found(s.pattern, value), f"a text like {s.pattern}"
    yield s.min_length is None or len(value) >= s.min_length, f"at least {s.min_length} characters"
    yield s.max_length is None or len(value) <= s.max_length, f"at most {s.max_length} characters"
    yield s.format != "email" or value.count("@") == 1, "an e-mail address, with one @"
    if isinstance(s, Identifier):
        wish = f"the identity with every digit: this one was taken for a number; {_AS_TEXT}"
        yield re.fullmatch(MANGLED, value) is None, wish

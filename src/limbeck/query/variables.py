"""What a session can SET and SHOW (SQL contract, sections 1.1 and 1.8)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from limbeck.errors import InvalidInput, NotFound
from limbeck.version import VERSION

SERVER_VERSION, SERVER_VERSION_NUMBER = "13.0", "130000"
"""Of PostgreSQL: clients choose their questions by it."""

FULL_VERSION = f"PostgreSQL {SERVER_VERSION} (Limbeck {VERSION})"


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    default: str
    fixed: bool = False
    """It can be set to anything, and stays what it is."""
    reported: bool = False
    """Clients are told at the start, and when it changes."""


_ALL = (
    _Variable("server_version", f"{SERVER_VERSION} (Limbeck {VERSION})", fixed=True, reported=True),
    _Variable("server_version_num", SERVER_VERSION_NUMBER, fixed=True),
    _Variable("server_encoding", "UTF8", fixed=True, reported=True),
    _Variable("client_encoding", "UTF8", fixed=True, reported=True),
    _Variable("DateStyle", "ISO, MDY", fixed=True, reported=True),
    _Variable("IntervalStyle", "postgres", fixed=True, reported=True),
    _Variable("TimeZone", "UTC", fixed=True, reported=True),
    _Variable("integer_datetimes", "on", fixed=True, reported=True),
    # The dialect reads a backslash in '…' as an escape, as Spark does. Clients that put values into the text
    # themselves double it only when told so; told otherwise, a value could end its string.
    _Variable("standard_conforming_strings", "off", fixed=True, reported=True),
    _Variable("is_superuser", "off", fixed=True, reported=True),
    _Variable("session_authorization", "", fixed=True, reported=True),
    _Variable("application_name", "", reported=True),
    _Variable("lc_collate", "C", fixed=True),
    _Variable("lc_ctype", "C", fixed=True),
    _Variable("transaction_isolation", "read committed", fixed=True),
    _Variable("default_transaction_isolation", "read committed", fixed=True),
    _Variable("transaction_read_only", "off", fixed=True),
    _Variable("default_transaction_read_only", "off", fixed=True),
    _Variable("max_identifier_length", "63", fixed=True),
    _Variable("max_index_keys", "32", fixed=True),
    _Variable("block_size", "8192", fixed=True),
    _Variable("default_table_access_method", "heap", fixed=True),
    _Variable("bytea_output", "hex", fixed=True),
    _Variable("backslash_quote", "on", fixed=True),
    _Variable("extra_float_digits", "1"),
    _Variable("search_path", "public"),
    _Variable("client_min_messages", "notice"),
    _Variable("lock_timeout", "0"),
    _Variable("statement_timeout", "0"),
    _Variable("idle_in_transaction_session_timeout", "0"),
    _Variable("jit", "off"),
    _Variable("auto_to_json", "false"),
    _Variable("aqp", "false"),
    _Variable("drop_system_columns", "true"),
    _Variable("resolve_fallback_snapshot_on_failure", "false"),
    _Variable("skip_stats_for_complex_datatypes", "true"),
    _Variable("advanced_statistics_show_hidden_fields", "false"),
)
_KNOWN = {v.name.lower(): v for v in _ALL}

_ENCODINGS = frozenset({"utf8", "utf-8", "unicode", "sql_ascii", "auto", ""})

_TIMES = frozenset({"lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"})
_SECONDS = {"us": 1e-6, "ms": 1e-3, "": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}


class Variables:
    """The settings of one session. Names that nobody knows are kept without effect, as clients send many."""

    def __init__(self, user: str, sent: Mapping[str, str]) -> None:
        self._changed: dict[str, str] = {}
        self._fixed = {"session_authorization": user}
        self._defaults: dict[str, str] = {}
        self._set: dict[str, str] = {}
        for name, value in sent.items():
            self.put(name, value)
        self._defaults, self._set, self._changed = self._set, {}, {}

    def get(self, name: str) -> str:
        """Return a value; raise `NotFound` for a name that was never set and has no default."""
        key = name.lower()
        for values in (self._fixed, self._set, self._defaults):
            if key in values:
                return values[key]
        if key not in _KNOWN:
            raise NotFound(f'unrecognized configuration parameter "{name}"')
        return _KNOWN[key].default

    def is_on(self, name: str) -> bool:
        """Return whether a yes-or-no setting says yes."""
        return self.get(name).lower() in ("true", "on", "yes", "1", "t")

    def seconds(self, name: str) -> float:
        """Return a setting that is a length of time; 0 stands for no limit."""
        return _seconds(name, self.get(name))

    def put(self, name: str, value: str | None) -> None:
        """Set a value, None for the default.

        Raise `InvalidInput` for an encoding other than UTF-8, or a time that is none.
        """
        key = name.lower()
        if key in _TIMES and value is not None:
            _seconds(key, value)
        if key == "client_encoding" and (value or "").strip("'\" ").lower() not in _ENCODINGS:
            raise InvalidInput(f"client_encoding {value} is not served; UTF8 is")
        variable = _KNOWN.get(key)
        if variable is not None and variable.fixed:
            return
        if value is None:
            self._set.pop(key, None)
        else:
            self._set[key] = value
        if variable is not None and variable.reported:
            self._changed[variable.name] = self.get(key)

    def changes(self) -> dict[str, str]:
        """Return what clients are to be told of, each change once."""
        found, self._changed = self._changed, {}
        return found

    def reset(self) -> None:
        """Set everything to what it was at the start."""
        self._set.clear()

    def reported(self) -> dict[str, str]:
        """Return what clients are told at the start."""
        return {v.name: self.get(v.name) for v in _ALL if v.reported}

    def all(self) -> dict[str, str]:
        """Return every value by its name."""
        names = {v.name.lower(): v.name for v in _ALL} | {key: key for key in (*self._defaults, *self._set)}
        return {names[key] if key in _KNOWN else key: self.get(key) for key in sorted({**names, **self._set})}


def _seconds(name: str, value: str) -> float:
    """A length of time as PostgreSQL writes it: milliseconds, or a number with its unit."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d|)", value.strip())
    if found is None:
        raise InvalidInput(f'invalid value for parameter "{name}": "{value}"; milliseconds, or a number with us to d')
    return float(found[1]) * _SECONDS[found[2]]


def spelled(name: str) -> str:
    """Return a setting's name as PostgreSQL writes it.

    >>> spelled("datestyle")
    'DateStyle'
    """
    return _KNOWN[name.lower()].name if name.lower() in _KNOWN else name.lower()

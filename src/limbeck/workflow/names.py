"""Names and values as Query Service's SQL spells them."""

from __future__ import annotations

from datetime import datetime


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(moment: datetime) -> str:
    """Return a time as an SQL literal, to the millisecond."""
    shown = moment.isoformat(sep=" ", timespec="milliseconds" if moment.microsecond else "seconds")
    return f"TIMESTAMP '{shown}'"


def literal_text(value: str) -> str:
    """Return a text as an SQL literal; a backslash escapes in Query Service's dialect."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"

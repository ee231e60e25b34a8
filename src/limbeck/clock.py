"""Time as the platform writes it: UTC, whole milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time in UTC, cut to milliseconds (the resolution of XDM's date-time)."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def millis(moment: datetime) -> int:
    """Return *moment* as milliseconds since 1970, the form AEP's Catalog uses.

    >>> millis(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000
    """
    return round(moment.timestamp() * 1000)


def from_millis(value: int) -> datetime:
    """Return the UTC time that *value* milliseconds since 1970 stand for."""
    return datetime.fromtimestamp(value / 1000, UTC)

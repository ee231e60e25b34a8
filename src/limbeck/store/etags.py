"""Etags: random texts that change with a resource, by which a change says what it is based on."""

from __future__ import annotations

from limbeck import ids
from limbeck.errors import StaleEtag


def new() -> str:
    """Return an etag that no resource had before."""
    return ids.new_uuid()


def require(what: str, current: str, sent: str | None) -> None:
    """Raise `StaleEtag` if a change of *what* is based on another etag than the *current* one; None fits always.

    To be called inside the transaction that makes the change. Quotes around an etag, and `W/` before it, do not count.
    """
    if sent is not None and _bare(sent) not in ("*", _bare(current)):
        raise StaleEtag(
            f"{what} has changed since it was read: the header If-Match is {sent}, its etag is now {current}; "
            "read it again and retry"
        )


def _bare(etag: str) -> str:
    return etag.strip().removeprefix("W/").strip('"')

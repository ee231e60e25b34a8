"""Parts of URLs, as Java's URI has them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa

from limbeck.engine import Native

_URL = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):)?(?://(?P<authority>[^/?#]*))?(?P<path>[^?#]*)"
    r"(?:\?(?P<query>[^#]*))?(?:#(?P<ref>.*))?"
)
_ILLEGAL = re.compile(r"[\s<>\"{}|\\^`]|%(?![0-9A-Fa-f]{2})")
_AUTHORITY = re.compile(r"(?:(?P<user>[^@]*)@)?(?P<host>\[[^\]]*\]|[A-Za-z0-9.-]*)(?::\d*)?")


def _host(found: re.Match[str]) -> str | None:
    inner = _AUTHORITY.fullmatch(found["authority"] or "")
    return (inner["host"] or None) if inner else None


def _user(found: re.Match[str]) -> str | None:
    inner = _AUTHORITY.fullmatch(found["authority"] or "")
    return inner["user"] if inner else None


def _file(found: re.Match[str]) -> str:
    return found["path"] + (f"?{found['query']}" if found["query"] is not None else "")


_PARTS: dict[str, Callable[[re.Match[str]], str | None]] = {
    "HOST": _host,
    "PATH": lambda found: found["path"],
    "QUERY": lambda found: found["query"],
    "REF": lambda found: found["ref"],
    "PROTOCOL": lambda found: found["scheme"],
    "FILE": _file,
    "AUTHORITY": lambda found: found["authority"] or None,
    "USERINFO": _user,
}


def part(url: str, name: str) -> str | None:
    """Return the part of *url* called *name*, in capitals; None if it has none, or is no URL."""
    found = None if _ILLEGAL.search(url) else _URL.fullmatch(url)
    wanted = _PARTS.get(name)
    return wanted(found) if wanted and found else None


def parameter(url: str, name: str, key: str) -> str | None:
    """Return the value of *key* in the query of *url*; *name* has to be QUERY."""
    query = part(url, "QUERY") if name == "QUERY" else None
    found = re.search(rf"(?:^|&){re.escape(key)}=([^&]*)", query or "")
    return found[1] if found else None


_TEXT = ("VARCHAR", pa.string())

NATIVES = (
    Native.by_row("spark_url", "VARCHAR VARCHAR", _TEXT, part),
    Native.by_row("spark_url_parameter", "VARCHAR VARCHAR VARCHAR", _TEXT, parameter),
)

"""Which hosts are Adobe's, and which of them this server stands for (REST contract, section 2.1)."""

from __future__ import annotations

import re

DOMAINS = ("adobe.io", "adobelogin.com", "adobedc.net", "adobe.net", "adobe.com", "demdex.net", "omtrdc.net")
"""Nothing under these leaves the machine: what is not served is refused here."""

_SERVED = re.compile(r"platform(-[a-z0-9-]+)?\.adobe\.io|ims-na1(-stg1)?\.adobelogin\.com")
_SCHEME = re.compile(r"^[a-z]+://")
_PORT = re.compile(r":\d*$")


def is_adobes(host: str) -> bool:
    """Return whether a host is Adobe's."""
    return f".{_bare(host)}".endswith(tuple(f".{domain}" for domain in DOMAINS))


def is_served(host: str) -> bool:
    """Return whether this server stands for a host."""
    return _SERVED.fullmatch(_bare(host)) is not None


def without_adobes(listed: str) -> list[str]:
    """Return the entries of a `NO_PROXY` that cover no host of Adobe's, however a client reads them.

    The most generous readings count: requests takes an entry for the end of a name (`be.io`), others know `*`, ports,
    schemes, and networks that hold everything.

    >>> without_adobes("intern.example, *.adobe.io, 10.0.0.0/8 platform.adobe.io:443")
    ['intern.example', '10.0.0.0/8']
    """
    return [entry for entry in re.split(r"[,;|\s]+", listed) if entry and not _covers(entry)]


def _covers(entry: str) -> bool:
    if entry.endswith("/0"):
        return True
    host = _SCHEME.sub("", entry.lower()).partition("/")[0]
    end = _PORT.sub("", host).rpartition("*")[2].strip(".")
    return any(domain.endswith(end) for domain in DOMAINS) or is_adobes(end)


def _bare(host: str) -> str:
    return host.lower().rstrip(".")

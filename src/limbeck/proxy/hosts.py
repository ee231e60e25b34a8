"""Which hosts are Adobe's, and which of them this server stands for (REST contract, section 2.1)."""

from __future__ import annotations

import re

DOMAINS = ("adobe.io", "adobelogin.com", "adobedc.net", "adobe.net", "adobe.com", "demdex.net", "omtrdc.net")
"""Nothing under these leaves the machine: what is not served is refused here."""

_NAME = re.compile(r"[a-z0-9.-]+")
_SERVED = re.compile(r"platform(-[a-z0-9-]+)?\.adobe\.io|ims-na1(-stg1)?\.adobelogin\.com")


def is_adobes(host: str) -> bool:
    """Return whether a host is Adobe's."""
    return _NAME.fullmatch(_bare(host)) is not None and any(
        _bare(host) == domain or _bare(host).endswith(f".{domain}") for domain in DOMAINS
    )


def is_served(host: str) -> bool:
    """Return whether this server stands for a host."""
    return _SERVED.fullmatch(_bare(host)) is not None


def _bare(host: str) -> str:
    return host.lower().rstrip(".")

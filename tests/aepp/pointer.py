"""Runs a program written for AEP against another server: `python pointer.py URL PROGRAM ARGUMENTS…`.

Every request that `requests` would send to one of Adobe's hosts goes to the server instead.
"""

from __future__ import annotations

import re
import runpy
import sys
from typing import Any

import requests

ADOBE = re.compile(r"https://[\w.-]+\.(adobe\.io|adobelogin\.com|adobedc\.net)(?=/|$)")


def point(server: str) -> None:
    """Send to *server* what is meant for Adobe."""
    send = requests.Session.request

    def elsewhere(session: requests.Session, method: str, url: str, *how: Any, **named: Any) -> requests.Response:
        return send(session, method, ADOBE.sub(server, url), *how, **named)

    requests.Session.request = elsewhere  # type: ignore[method-assign]


if __name__ == "__main__":
    point(sys.argv[1])
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")

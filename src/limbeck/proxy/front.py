"""The application as Adobe's hosts: what it does not serve is answered 501, by name, and noted.

Clients of AEP try again after a 502, and hide what it says; a 501 is final.
"""

from __future__ import annotations

import threading
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limbeck.proxy import hosts, refusal


class Unserved:
    """What was asked of Adobe's hosts and is not served here: method and address, each once, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str], int] = {}

    def note(self, method: str, host: str, path: str, scheme: str = "https") -> None:
        """Note a request."""
        asked = method, f"{scheme}://{host}{path}"
        with self._lock:
            self._found[asked] = self._found.get(asked, 0) + 1

    def all(self) -> list[tuple[str, str, int]]:
        """Return what was asked for, and how often."""
        with self._lock:
            return [(*asked, count) for asked, count in self._found.items()]


class Front:
    """Stands before the application where requests for Adobe's hosts come in."""

    def __init__(self, app: ASGIApp, unserved: Unserved) -> None:
        self._app = app
        self._unserved = unserved

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = _host(scope)
        if not hosts.is_served(host):
            await self._refuse(scope, host, send)
            return
        state: dict[str, Any] = scope.setdefault("state", {})
        refused = False

        async def answer(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and state.get("has_no_route"):
                refused = True
                await self._refuse(scope, host, send)
            elif not refused:
                await send(message)

        await self._app(scope, receive, answer)

    async def _refuse(self, scope: Scope, host: str, send: Send) -> None:
        method, path = str(scope["method"]), str(scope["path"])
        self._unserved.note(method, host, path)
        failure = refusal.not_served(method, f"https://{host}{path}")
        body = refusal.body(failure)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": failure.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


def _host(scope: Scope) -> str:
    named = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return named.decode("latin-1").partition(":")[0].lower()

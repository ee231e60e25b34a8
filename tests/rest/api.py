"""The REST services in this process, as one who holds a credential sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from limbeck.api.server import EmbeddedServer
from limbeck.platform import Platform
from limbeck.settings import Settings

ORG = "acme@AdobeOrg"
ROLES = ("admin", "editor", "viewer")
SANDBOXES = ("prod", "dev")


@dataclass(frozen=True)
class Api:
    """Calls in the name of the credential `{role}`, on one sandbox."""

    http: httpx.Client
    platform: Platform
    tokens: Mapping[str, str]
    socket: Path
    """Where the server listens."""
    role: str = "admin"
    sandbox: str = "prod"

    def as_(self, role: str) -> Api:
        """The same for another credential."""
        return replace(self, role=role)

    def on(self, sandbox: str) -> Api:
        """The same on another sandbox."""
        return replace(self, sandbox=sandbox)

    def send(self, method: str, path: str, headers: Mapping[str, str] | None = None, **how: Any) -> httpx.Response:
        """Send one request, and return the answer whatever it is."""
        return self.http.request(method, path, headers={**self.headers(), **(headers or {})}, **how)

    def ok(self, method: str, path: str, json: Any = None, **how: Any) -> Any:
        """Send one request that must succeed, and return the JSON of the answer."""
        answer = self.send(method, path, **({} if json is None else {"json": json}), **how)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else {}

    def headers(self) -> dict[str, str]:
        """The headers of every platform call."""
        return {
            "Authorization": f"Bearer {self.tokens[self.role]}",
            "x-api-key": self.role,
            "x-gw-ims-org-id": ORG,
            "x-sandbox-name": self.sandbox,
        }


@contextmanager
def served(home: Path, **settings: Any) -> Iterator[Api]:
    """The services of a home, which is made if there is none, while the block lasts; *settings* are not the usual."""
    platform = Platform(replace(Settings.load(home), **settings))
    try:
        platform.access.ensure_organisation(ORG)
        for name in SANDBOXES:
            platform.access.ensure_sandbox(ORG, name)
        known = {c.client_id for c in platform.access.credentials()}
        for role in ROLES:
            if role not in known:
                platform.access.create_credential(ORG, client_id=role, client_secret=f"s3cret {role}", roles=[role])
        tokens = {role: platform.access.token(role, f"s3cret {role}")[0] for role in ROLES}
        platform.start()
        server = EmbeddedServer(platform)
        try:
            wire = httpx.HTTPTransport(uds=str(server.path), verify=False)
            with httpx.Client(base_url=server.url, transport=wire, timeout=60, trust_env=False) as http:
                yield Api(http, platform, tokens, Path(str(server.path)))
        finally:
            server.stop()
    finally:
        platform.close()

"""Reaching a platform: embedded in this process, a Limbeck server, or AEP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limbeck.client import Client
    from limbeck.client.config import Config
    from limbeck.settings import Settings


def connect(home: Path | str | None = None, config: Path | str | None = None, sandbox: str | None = None) -> Client:
    """Return a client for a platform.

    With *config*, a file in the form AEP users know, that is the Limbeck server or the AEP it names.
    Without, it is Limbeck embedded in this process, on the folder *home* (`./.limbeck`); `close()` or the
    end of a `with` block stops it. Raise `InvalidInput` if the configuration lacks something, `HomeError`
    if the home cannot be opened.
    """
    from limbeck.client.config import Config
    from limbeck.settings import Settings

    if config is not None:
        return _remote(Config.read(config), sandbox)
    return _embedded(Settings.load(home), sandbox or "prod")


def _remote(config: Config, sandbox: str | None) -> Client:
    import httpx

    from limbeck.client import Client
    from limbeck.client.transport import TIMEOUT, ClientCredentials, Transport

    http = httpx.Client(base_url=config.endpoint, timeout=TIMEOUT)
    token = ClientCredentials(http, f"{config.ims}/ims/token/v3", config.client_id, config.client_secret, config.scopes)
    where = sandbox or config.sandbox
    transport = Transport(http, token, org_id=config.org_id, client_id=config.client_id, sandbox=where)
    return Client(transport, where, is_limbeck=config.is_limbeck)


def _embedded(settings: Settings, sandbox: str) -> Client:
    import httpx

    from limbeck.api.server import EmbeddedServer
    from limbeck.client import Client
    from limbeck.client.transport import TIMEOUT, Transport
    from limbeck.platform import Platform
    from limbeck.scope import LOCAL

    platform = Platform(settings)
    try:
        org_id = platform.access.ensure_organisation()
        platform.start()
        server = EmbeddedServer(platform)
    except BaseException:
        platform.close()
        raise

    def close() -> None:
        server.stop()
        platform.close()

    # No TLS here: reading whom it trusts would take longer than all else.
    wire = httpx.HTTPTransport(uds=str(server.path) if server.path else None, verify=False)
    http = httpx.Client(base_url=server.url, timeout=TIMEOUT, transport=wire, trust_env=False)
    transport = Transport(
        http,
        platform.access.local_token,
        org_id=org_id,
        client_id=LOCAL,
        sandbox=sandbox,
    )
    return Client(transport, sandbox, close)

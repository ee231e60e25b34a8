"""Where a connection leads, and what is there: the proof that it works."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck import housekeeping
from limbeck.connect import connect
from limbeck.errors import Forbidden, InvalidInput, LimbeckError, NotFound
from limbeck.version import VERSION

if TYPE_CHECKING:
    from limbeck.client import Client


def whereabouts(
    home: Path | str | None = None, config: Path | str | None = None, sandbox: str | None = None
) -> dict[str, Any]:
    """Connect as `limbeck.connect` does, and return what is there, as values that JSON can write.

    `kind` (embedded, limbeck or aep), `where` (home or endpoint), `organisation`, `tenant`, `sandbox` (`name`, `type`),
    `versions`, and `datasets` with `rows` and `bytes`, which are None where the platform does not tell. For an embedded
    home also `sizes` (bytes by kind) and `clean` (bytes that `housekeeping.clean` would free). Raise `InvalidInput`,
    `Unauthenticated`, `Forbidden` or `HomeError` with a message that says how to mend it.
    """
    with connect(home, config, sandbox) as client:
        type_ = _sandbox_type(client, config)
        found: dict[str, Any] = {
            **_address(home, config),
            "organisation": client.org_id,
            "tenant": client.tenant,
            "sandbox": {"name": client.sandbox, "type": type_},
            "versions": _versions(client),
            "datasets": [
                {"name": d.name, "table": d.table, "id": d.id, "rows": d.rows, "bytes": d.bytes}
                for d in client.datasets()
            ],
        }
    if config is None:
        found["sizes"] = housekeeping.sizes(home)
        found["clean"] = housekeeping.clean(home, dry_run=True).bytes
    return found


def _address(home: Path | str | None, config: Path | str | None) -> dict[str, str]:
    from limbeck.client.config import Config
    from limbeck.settings import Settings

    if config is None:
        return {"kind": "embedded", "where": str(Settings.load(home).home)}
    read = Config.read(config)
    return {"kind": "limbeck" if read.is_limbeck else "aep", "where": read.endpoint}


def _versions(client: Client) -> dict[str, str]:
    server = client.server_version
    return {"limbeck": VERSION, **({"server": server} if server else {}), "python": platform.python_version()}


def _sandbox_type(client: Client, config: Path | str | None) -> str:
    """Return the type of the sandbox; if there is none such, say which there are."""
    try:
        return client.sandbox_type
    except (Forbidden, NotFound) as error:
        known = _sandboxes(client)
        if not known or client.sandbox in known:
            raise
        place = f"sandbox_name in {config}" if config else "--sandbox"
        told = f"organisation {client.org_id} has no sandbox {client.sandbox!r}, but {', '.join(known)}"
        raise InvalidInput(f"{told}; name one of them as {place}") from error


def _sandboxes(client: Client) -> list[str]:
    try:
        return client.sandboxes()
    except LimbeckError:
        return []

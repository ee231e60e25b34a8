"""Who acts, and where: every call below the API carries these two."""

from __future__ import annotations

from dataclasses import dataclass

LOCAL = "local"
"""The client id of processes that opened the home's folder themselves; no credential may be called so."""

DEFAULT_MERGE_POLICY = "timestampOrdered-pdg-mp"
"""The one merge policy of a sandbox: all linked identities, the newest value (profile contract, section 3.2)."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A named, isolated part of an organisation. All data belongs to exactly one."""

    id: str
    name: str
    org_id: str
    tenant: str
    """The tenant id without its leading underscore; custom fields live under `_{tenant}`."""
    type: str = "development"
    """`production` or `development`."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The credential behind a call."""

    client_id: str
    org_id: str
    roles: frozenset[str] = frozenset()
    sandboxes: frozenset[str] | None = None
    """Names of the only sandboxes it may work in; None for all."""

    def may_enter(self, sandbox: str) -> bool:
        """Return whether it may work in the sandbox of that name."""
        return self.sandboxes is None or sandbox in self.sandboxes

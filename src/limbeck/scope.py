"""Who acts, and where: every call below the API carries these two."""

from __future__ import annotations

from dataclasses import dataclass

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

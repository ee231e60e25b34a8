"""Identifiers in the forms AEP's services use (REST contract, section 2.7)."""

from __future__ import annotations

import secrets
import time
import uuid

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def object_id() -> str:
    """Return a new dataset id: 24 lower-case hexadecimal digits, the first eight being the time."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"


def ulid() -> str:
    """Return a new batch id: a ULID, 26 characters that sort by the millisecond of their making."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))


def registry_hash() -> str:
    """Return the last part of a tenant schema's or field group's `$id`: 48 hexadecimal digits."""
    return secrets.token_hex(24)


def new_uuid() -> str:
    """Return a random UUID (version 4), the form of flows, queries, jobs and sandboxes."""
    return str(uuid.uuid4())

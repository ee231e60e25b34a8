"""Identifiers in the forms AEP's services use (REST contract, section 2.7)."""

from __future__ import annotations

import secrets
import threading
import time
import uuid

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_STEP_BITS = 64

_lock = threading.Lock()
_last = 0


def object_id() -> str:
    """Return a new dataset id: 24 lower-case hexadecimal digits, the first eight being the time."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"


def ulid() -> str:
    """Return a new batch id: a ULID, 26 characters; those of one process sort in the order of their making."""
    global _last
    with _lock:
        value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
        if value <= _last:  # the same millisecond; a random step, because a forked process goes on from here too
            value = _last + 1 + secrets.randbits(_STEP_BITS)
        _last = value
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))


def registry_hash() -> str:
    """Return the last part of a tenant schema's or field group's `$id`: 48 hexadecimal digits."""
    return secrets.token_hex(24)


def new_uuid() -> str:
    """Return a random UUID (version 4), the form of flows, queries, jobs and sandboxes."""
    return str(uuid.uuid4())

"""Hashing client secrets: scrypt, the salt beside the hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets

_N, _R, _P = 2**14, 8, 1


def hashed(secret: str) -> str:
    """Return a text from which *secret* can be checked and not read."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{_scrypt(secret, salt).hex()}"


def matches(secret: str, stored: str) -> bool:
    """Return whether *stored* was made from *secret*."""
    salt, _, digest = stored.partition(":")
    return hmac.compare_digest(_scrypt(secret, bytes.fromhex(salt)), bytes.fromhex(digest))


def new_secret() -> str:
    """Return a random secret in the form of AEP's (`p8e-…`)."""
    return f"p8e-{secrets.token_urlsafe(24)}"


def _scrypt(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=salt, n=_N, r=_R, p=_P)

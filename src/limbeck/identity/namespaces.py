"""Namespaces of identities and what may stand in them (profile contract, sections 2.1 and 2.2)."""

from __future__ import annotations

from dataclasses import dataclass

STANDARD = (
    "CORE", "ECID", "Email", "Email_LC_SHA256", "WAID", "AAID", "GAID", "Google", "Phone", "Phone_SHA256",
    "Phone_E.164", "Phone_SHA256_E.164", "TNTID", "AdCloud", "IDFA",
)  # fmt: skip
"""Codes that every organisation has; their case does not matter when they are read."""

LONGEST = 1024
ECID_DIGITS = 38
GARBAGE = ("null", "undefined", "anonymous")
"""Values that stand for nobody."""


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """One value in one namespace."""

    namespace: str
    value: str

    @property
    def key(self) -> str:
        """Return the text that stands for it alone."""
        return f"{self.namespace}:{self.value}"


def spelled(code: str) -> str:
    """Return a namespace's code as it is registered; one of the user's own as it is given."""
    return next((known for known in STANDARD if known.lower() == code.lower()), code)

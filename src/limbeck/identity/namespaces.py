"""Namespaces of identities and what may stand in them (profile contract, sections 2.1 and 2.2)."""

from __future__ import annotations

from dataclasses import dataclass

STANDARD = (
    "CORE", "ECID", "Email", "Email_LC_SHA256", "WAID", "AAID", "GAID", "Google", "Phone", "Phone_SHA256",
    "Phone_E.164", "Phone_SHA256_E.164", "TNTID", "AdCloud", "IDFA",
)  # fmt: skip
"""Codes that every organisation has; the case of codes does not matter when they are read."""

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
        """Return the text that stands for it alone: `identity.rows.key` in SQL."""
        return f"{self.namespace.replace('%', '%25').replace(':', '%3A')}:{self.value}"


def spelled(code: str) -> str:
    """Return the one spelling of a namespace's code: a standard one as it is registered, others in capitals."""
    return next((known for known in STANDARD if known.lower() == code.lower()), code.upper())

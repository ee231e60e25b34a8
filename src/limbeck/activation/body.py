"""Reading the bodies that callers send: any JSON may stand anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from limbeck.errors import InvalidInput


def mapping(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object at *key*, empty if there is none; raise `InvalidInput` for something else."""
    found = body.get(key)
    if found is None or isinstance(found, Mapping):
        return found or {}
    raise InvalidInput(f"{key} is {found!r}; it is an object")


def mappings(body: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """Return the objects listed at *key*, none if there is no list; raise `InvalidInput` for something else."""
    found = body.get(key)
    if found is None or (isinstance(found, list) and all(isinstance(entry, Mapping) for entry in found)):
        return found or []
    raise InvalidInput(f"{key} is {found!r}; it is a list of objects")

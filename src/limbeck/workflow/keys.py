"""Keys of steps: what a result was computed from, as a short text.

A step is done if its result exists under its key. The key stands for the part of the definition that the step reads,
the data it starts from, and the code that runs it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

LENGTH = 12
"""Hexadecimal digits of a key: collisions among a home's results are out of the question."""


def key(step: str, modules: Sequence[str], *parts: Any) -> str:
    """Return the key of *step*, run by *modules* of the workflow, for *parts* (values JSON can write)."""
    text = json.dumps([step, code(tuple(modules)), parts], sort_keys=True, default=str, ensure_ascii=False)
    return digest(text.encode())


def digest(content: bytes) -> str:
    """Return a short hash of *content*."""
    return hashlib.blake2b(content, digest_size=LENGTH // 2).hexdigest()


@cache
def code(modules: tuple[str, ...]) -> str:
    """Return the version of the workflow's *modules*: a hash of their text."""
    folder = resources.files("limbeck.workflow")
    return digest(b"\0".join((folder / f"{name}.py").read_bytes() for name in modules))

"""Keys of steps: what a result was computed from, as a short text.

A step is done if its result exists under its key. The key stands for the part of the definition that the step reads,
the data it starts from, and the code that runs it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

LENGTH = 12
"""Hexadecimal digits of a key: collisions among a home's results are out of the question."""


def key(step: str, modules: Sequence[str], *parts: Any) -> str:
    """Return the key of *step*, run by *modules* of the workflow, for *parts* (values JSON can write).

    A module of another package is named with it; a package alone stands for all its modules.
    """
    text = json.dumps([step, code(tuple(modules)), parts], sort_keys=True, default=str, ensure_ascii=False)
    return digest(text.encode())


def digest(content: bytes) -> str:
    """Return a short hash of *content*."""
    return hashlib.blake2b(content, digest_size=LENGTH // 2).hexdigest()


@cache
def code(modules: tuple[str, ...]) -> str:
    """Return the version of *modules*, named as for `key`: a hash of their text."""
    return digest(b"\0".join(file.read_bytes() for name in modules for file in _files(name)))


def _files(name: str) -> list[Path]:
    """Return the files of a module, or of the modules of a package."""
    package = ROOT / name
    module = ROOT / f"{name.replace('.', '/')}.py" if "." in name else ROOT / "workflow" / f"{name}.py"
    return sorted(package.rglob("*.py")) if package.is_dir() else [module]

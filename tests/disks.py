"""File systems of their own, in memory: small ones, and ones that cannot be written, not even by root."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def disk(path: Path, options: str) -> Iterator[None]:
    """Mount a tmpfs with *options* at *path*, which is made; skip the test, with the reason, where that cannot be."""
    if sys.platform != "linux" or shutil.which("mount") is None:
        pytest.skip("a disk of its own is a tmpfs, which this system cannot mount")
    path.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        pytest.skip(f"a disk of its own needs the right to mount one: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)

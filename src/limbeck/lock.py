"""Locks between processes that die with their holders."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file *path*, waiting for other processes to let go of it."""
    with path.open("a+b") as handle:
        if sys.platform == "win32":
            msvcrt.locking(handle.fileno(), msvcrt.LK_LOCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def lock_if_free(path: Path) -> Iterator[bool]:
    """Hold the lock on the file *path* as `file_lock` does if nobody else holds it; give whether that is so."""
    with path.open("a+b") as handle:
        yield _try_lock(handle)


class HeldLock:
    """An exclusive lock that a process holds for as long as it lives."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = path.open("a+b")
        if not _try_lock(self._handle):
            raise BlockingIOError(f"{path} is held by another process")

    def release(self) -> None:
        """Let go, and remove the file."""
        self._path.unlink(missing_ok=True)
        self._handle.close()

    @staticmethod
    def is_free(path: Path) -> bool:
        """Return whether *path* was held by a process of this machine that is gone; its file is then removed."""
        try:
            handle = path.open("r+b")
        except FileNotFoundError:
            return False
        with handle:
            free = _try_lock(handle)
        if free:
            path.unlink(missing_ok=True)
        return free


def _try_lock(handle: BinaryIO) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

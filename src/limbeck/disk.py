"""What may go from a disk, what it takes there, and removing it so that a crash leaves nothing that looks whole."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from limbeck import crash, ids
from limbeck.errors import HomeError

PART = ".part"
"""The ending of hidden names under which things are made and removed; nobody reads what is called so."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file or folder that nothing needs any more."""

    path: Path
    bytes: int
    """With all that lies in it."""
    why: str


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; what is gone has none, links are not followed."""
    try:
        if path.is_symlink() or not path.is_dir():
            return path.lstat().st_size
        return sum(size(inner) for inner in path.iterdir())
    except FileNotFoundError:
        return 0


def leftover(path: Path, why: str, before: float | None = None) -> Leftover | None:
    """Return *path* as something that may go; None if it has gone, or changed after *before* (seconds since 1970)."""
    try:
        changed = path.lstat().st_mtime
    except FileNotFoundError:
        return None
    return Leftover(path, size(path), why) if before is None or changed < before else None


def is_part(name: str) -> bool:
    """Whether something of this name is on the way to being whole, or to being gone."""
    return name.startswith(".") and name.endswith(PART)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all in it; raise `HomeError` if that is not possible.

    A folder is renamed first: whoever looks sees all of it, or nothing.
    """
    try:
        if path.is_dir() and not path.is_symlink():
            going = path if is_part(path.name) else path.rename(path.with_name(f".{path.name}.{ids.new_uuid()}{PART}"))
            crash.point("disk.removing")
            shutil.rmtree(going)
        else:
            path.unlink()
            crash.point("disk.removed")
    except FileNotFoundError:
        return  # another process was quicker
    except OSError as error:
        raise HomeError(f"{error.filename or path} cannot be removed: {error.strerror}") from error

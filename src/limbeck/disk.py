"""What may go from a disk, what it takes there, and removing it so that a crash leaves nothing that looks whole."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR

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
    return _measured(path)[0]


def leftover(path: Path, why: str, before: float | None = None) -> Leftover | None:
    """Return *path* as something that may go; None if it has gone, or changed after *before* (seconds since 1970).

    A folder changes with whatever lies in it.
    """
    taken, changed = _measured(path)
    if not changed or (before is not None and changed >= before):
        return None
    return Leftover(path, taken, why)


def _measured(path: Path) -> tuple[int, float]:
    """Return bytes and the time of the newest change, 0 for what is gone."""
    try:
        stat = path.lstat()
        if not S_ISDIR(stat.st_mode):
            return stat.st_size, stat.st_mtime
        found = [_measured(inner) for inner in path.iterdir()]
    except FileNotFoundError:
        return 0, 0.0
    return sum(taken for taken, _ in found), max([stat.st_mtime, *(changed for _, changed in found)])


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

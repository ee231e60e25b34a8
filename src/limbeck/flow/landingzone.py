"""The landing zone as a folder: an upload area that flows read, and an export area that they write."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from limbeck.errors import DiskFull, InvalidInput, LandingZoneError
from limbeck.files.folder import COPY_BYTES

Area = Literal["upload", "export"]

CONTAINERS: dict[Area, str] = {"upload": "dlz-user-container", "export": "dlz-destination"}
"""AEP's names of the areas, which are the names of their folders."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the upload area as it was when it was listed."""

    path: str
    """Inside the area, with slashes."""
    bytes: int
    modified: int
    """Nanoseconds since 1970."""

    @property
    def modified_ms(self) -> int:
        """Milliseconds since 1970, as the store keeps it."""
        return self.modified // 1_000_000


class LandingZone:
    """Two areas in one folder. Paths inside an area are relative, with slashes, and cannot leave it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the folder, though not the one it lies in; who uses it later is told if that was not possible."""
        with suppress(OSError):
            self.root.mkdir(exist_ok=True)

    def area(self, area: Area) -> Path:
        """Return the folder of an area; raise `LandingZoneError` if there is none."""
        if not self.root.is_dir():
            raise LandingZoneError(
                f"the landing zone {self.root} is gone or could not be made; mount or make the folder, with the "
                "right to write into it, or name another in LIMBECK_LANDING_ZONE"
            )
        found = self.root / CONTAINERS[area]
        with zone_named(found):
            found.mkdir(exist_ok=True)
        return found

    def path(self, area: Area, name: str) -> Path:
        """Return where *name* lies in an area; "" is the area itself.

        Raise `InvalidInput` for what is absolute, or leads out of the area by `..` or a link.
        """
        return self.inside(area, relative(area, name))

    def inside(self, area: Area, name: str) -> Path:
        """Return where *name* lies in an area, which is no part of it; raise `InvalidInput` as `path` does."""
        root = self.area(area)
        target = root / name
        if ".." in target.parts or "\0" in name or "\\" in name:
            raise InvalidInput(f"the path {name!r} is not inside the landing zone")
        if not target.resolve().is_relative_to(root.resolve()):
            raise InvalidInput(f"the path {name!r} leads out of the landing zone through a link")
        return target

    def files(self, name: str, recursive: bool = True) -> list[Found]:
        """Return the files under *name*, a folder or a file of the upload area, in the order of their paths.

        What begins with `_` or `.`, links and empty files are left out; a folder that is not there has no files.
        """
        start, root = self.path("upload", name), self.area("upload")
        with zone_named(start):
            paths = [start] if start.is_file() else list(_walk(start, recursive))
            found = [_found(path, root) for path in paths]
        return sorted((f for f in found if f is not None and f.bytes > 0), key=lambda f: f.path)

    def entries(self, name: str) -> list[Path]:
        """Return what lies directly in a folder of the upload area, by name, but for hidden things and links."""
        folder = self.path("upload", name)
        with zone_named(folder):
            found = list(folder.iterdir()) if folder.is_dir() else []
        return sorted(p for p in found if not _is_hidden(p.name) and not p.is_symlink())

    def copy(self, found: Found, target: Path) -> bool:
        """Copy a file of the upload area to *target*; return False if it is no longer as it was listed.

        Raise `LandingZoneError` if it cannot be read.
        """
        source = self.path("upload", found.path)
        try:
            reading = source.open("rb")
        except FileNotFoundError:
            return False
        except OSError as error:
            raise LandingZoneError(
                f"the file {found.path} of the upload area cannot be read: {error.strerror}"
            ) from error
        with reading, target.open("wb") as writing:
            shutil.copyfileobj(reading, writing, COPY_BYTES)
            now = os.fstat(reading.fileno())
        there = _found(source, self.area("upload"))
        as_listed = (now.st_size, now.st_mtime_ns) == (found.bytes, found.modified)
        return there == found and as_listed and target.stat().st_size == found.bytes


def relative(area: Area, name: str) -> str:
    """Return a path inside an area, without the container that older clients put before it.

    Raise `InvalidInput` for what is absolute or leads upwards.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    absolute = name.startswith("/") or name[1:2] == ":" or "://" in name
    if absolute or ".." in parts or "\\" in name or "\0" in name:
        raise InvalidInput(
            f"the path {name!r} is not inside the landing zone; write it relative to {CONTAINERS[area]}, with slashes "
            "and without .., as in cmle/egress"
        )
    return "/".join(parts[1:] if parts[:1] == [CONTAINERS[area]] else parts)


@contextmanager
def zone_named(path: Path) -> Iterator[None]:
    """Turn the operating system's errors below *path* into ours that name the landing zone."""
    try:
        yield
    except DiskFull as error:
        raise DiskFull(f"no space left on the disk of the landing zone ({path}); nothing was written there") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"no space left on the disk of the landing zone ({path}); nothing was written") from error
        raise LandingZoneError(f"the landing zone cannot be used: {path}: {error.strerror or error}") from error


def _walk(start: Path, recursive: bool) -> Iterator[Path]:
    def failed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for parent, folders, names in os.walk(start, onerror=failed):
        folders[:] = [f for f in folders if recursive and not _is_hidden(f)]
        yield from (Path(parent) / name for name in names if not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    return name.startswith(("_", "."))


def _found(path: Path, root: Path) -> Found | None:
    try:
        stat = path.lstat()
    except FileNotFoundError:
        return None
    if path.is_symlink() or not path.is_file():
        return None
    return Found(path.relative_to(root).as_posix(), stat.st_size, stat.st_mtime_ns)

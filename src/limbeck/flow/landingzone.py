"""The landing zone: an upload area that flows read, and an export area that they write, wherever their files lie."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from limbeck.errors import InvalidInput, NotFound
from limbeck.files.folder import disk_full_named
from limbeck.flow.storage import CONTAINERS, Area, Entry, FolderStorage, Found, Storage


class LandingZone:
    """Two areas of files. Paths inside an area are relative, with slashes, and cannot leave it.

    What begins with `_` or `.` is hidden, and is no file of an area; nor is an empty file, by which some clients mark a
    folder. Every method raises `InvalidInput` for a path that is absolute or leads out of its area,
    `LandingZoneError` if the place where the files lie cannot be used, and `DiskFull` if that is full.
    """

    def __init__(self, storage: Storage, scratch: Path) -> None:
        self.storage = storage
        self._scratch = scratch

    def path(self, area: Area, name: str) -> str:
        """Return the path of *name* inside an area, without the container that older clients put before it."""
        found = relative(area, name)
        before = self.storage.before(area)
        return found.removeprefix(before).lstrip("/") if f"{found}/".startswith(f"{before}/") else found

    # -- reading -----------------------------------------------------------------------------------------------

    def files(self, area: Area, name: str, recursive: bool = True) -> list[Found]:
        """Return the files under *name*, a folder or a file, in the order of their paths; a folder that is not there
        has no files.
        """
        start = self.path(area, name)
        found = self.storage.find(area, start, recursive)
        below = len(f"{start}/") if start else 0
        return sorted((f for f in found if f.bytes and not _is_hidden(f.path[below:])), key=lambda f: f.path)

    def entries(self, area: Area, name: str) -> list[Entry]:
        """Return what lies directly in a folder, by name."""
        found = self.storage.entries(area, self.path(area, name))
        return sorted((e for e in found if not _is_hidden(e.name)), key=lambda e: e.name)

    def copy(self, area: Area, found: Found, target: Path) -> bool:
        """Copy a file to the local file *target*; return False if it is no longer as it was listed."""
        try:
            self.storage.fetch(area, found.path, target)
        except FileNotFoundError:
            return False
        return self.storage.look(area, found.path) == found and target.stat().st_size == found.bytes

    @contextmanager
    def local(self, area: Area, name: str) -> Iterator[Path]:
        """Give a file as one of this machine, for as long as the block lasts; raise `NotFound` if there is none."""
        path = self.path(area, name)
        if isinstance(self.storage, FolderStorage):
            local = self.storage.inside(area, path)
            if not local.is_file():
                raise _absent(area, name)
            yield local
            return
        with tempfile.TemporaryDirectory(prefix="zone-", dir=self._scratch) as folder:
            copy = Path(folder) / path.rpartition("/")[2]
            try:
                with disk_full_named():
                    self.storage.fetch(area, path, copy)
            except FileNotFoundError:
                raise _absent(area, name) from None
            yield copy

    # -- writing -----------------------------------------------------------------------------------------------

    def ready(self, area: Area, folder: str) -> None:
        """Raise `LandingZoneError` if nothing can be written into a folder, which is made where there are folders."""
        self.storage.ready(area, self.path(area, folder))

    def write(self, area: Area, name: str, source: Path, run_id: str) -> None:
        """Move the local file *source* to *name*, where it appears whole, in the place of one that is there."""
        self.storage.write(area, self.path(area, name), source, run_id)

    def write_together(self, area: Area, hidden: str, names: Iterable[str], sources: Mapping[str, Path]) -> str:
        """Move local files into a folder that appears whole, under the first of *names* that is free; return that.

        *sources* are files by their names in the folder, one unless `appear_together`; *hidden* is what the folder is
        called until it is whole.
        """
        paths = (self.path(area, name) for name in names)
        return self.storage.write_together(area, self.path(area, hidden), paths, sources)

    @property
    def appear_together(self) -> bool:
        """Whether several files can appear at once."""
        return self.storage.appear_together

    def delete(self, area: Area, name: str) -> None:
        """Delete a file, or a folder with all in it; do nothing if it is not there."""
        self.storage.delete(area, self.path(area, name))


def relative(area: Area, name: str) -> str:
    """Return a path with single slashes and no dots; raise `InvalidInput` for what is absolute or leads upwards."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    absolute = name.startswith("/") or name[1:2] == ":" or "://" in name
    if absolute or ".." in parts or "\\" in name or "\0" in name:
        raise InvalidInput(
            f"the path {name!r} is not inside the landing zone; write it relative to {CONTAINERS[area]}, with slashes "
            "and without .., as in cmle/egress"
        )
    return "/".join(parts)


def _is_hidden(path: str) -> bool:
    return any(part.startswith(("_", ".")) for part in path.split("/"))


def _absent(area: Area, name: str) -> NotFound:
    return NotFound(f"there is no file {name!r} in the {area} area")

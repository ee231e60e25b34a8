"""A landing zone in a folder of this machine, or of a disk that it has mounted."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from limbeck import crash
from limbeck.errors import DiskFull, InvalidInput, LandingZoneError
from limbeck.files import Folder
from limbeck.files.folder import COPY_BYTES, bring, sync
from limbeck.flow.storage.base import CONTAINERS, Access, Area, Entry, Found, Storage


class FolderStorage(Storage):
    """Two folders in one."""

    provider = "Azure"  # as whose containers they are served
    appear_together = True

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def shown(self) -> str:
        """The folder."""
        return str(self.root)

    def before(self, area: Area) -> str:
        """Return the name of the area's folder."""
        return CONTAINERS[area]

    def place(self, area: Area) -> Mapping[str, str]:
        """Return the folder's URL."""
        return {"url": self.area(area).as_uri()}

    def prepare(self) -> None:
        """Make the folder, though not the one it lies in; who uses it later is told if that was not possible."""
        with suppress(OSError):
            self.root.mkdir(exist_ok=True)

    def check(self, area: Area) -> None:
        """Raise `LandingZoneError` if there is no folder, or it cannot be used."""
        self.area(area)

    def access(self, area: Area, writes: bool) -> Access:
        """Return the folder's URL, which is opened with the rights of whoever opens it."""
        return Access(self.place(area), {})

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

    def inside(self, area: Area, name: str) -> Path:
        """Return where *name* lies; raise `InvalidInput` for what leads out of the area by `..` or a link."""
        root = self.area(area)
        target = root / name
        if ".." in target.parts or "\0" in name or "\\" in name:
            raise InvalidInput(f"the path {name!r} is not inside the landing zone")
        if not target.resolve().is_relative_to(root.resolve()):
            raise InvalidInput(f"the path {name!r} leads out of the landing zone through a link")
        return target

    # -- reading -----------------------------------------------------------------------------------------------

    def find(self, area: Area, name: str, recursive: bool = True) -> Iterator[Found]:
        """Yield the files of a folder, or the one file *name*, but no links."""
        start, root = self.inside(area, name), self.area(area)
        with zone_named(start):
            paths = [start] if start.is_file() else list(_walk(start, recursive))
            yield from filter(None, (_found(path, root) for path in paths))

    def entries(self, area: Area, folder: str) -> Iterator[Entry]:
        """Yield what lies directly in a folder, but no links."""
        start, root = self.inside(area, folder), self.area(area)
        with zone_named(start):
            found = [path for path in start.iterdir() if not path.is_symlink()] if start.is_dir() else []
            yield from [Entry(path.relative_to(root).as_posix(), path.is_dir()) for path in found]

    def look(self, area: Area, name: str) -> Found | None:
        """Return a file as it is now, or None."""
        return _found(self.inside(area, name), self.area(area))

    def fetch(self, area: Area, name: str, target: Path) -> None:
        """Copy a file."""
        try:
            reading = self.inside(area, name).open("rb")
        except FileNotFoundError:
            raise
        except OSError as error:
            raise LandingZoneError(f"the file {name} of the {area} area cannot be read: {error.strerror}") from error
        with reading, target.open("wb") as writing:
            shutil.copyfileobj(reading, writing, COPY_BYTES)

    # -- writing -----------------------------------------------------------------------------------------------

    def ready(self, area: Area, folder: str) -> None:
        """Make a folder; raise `LandingZoneError` if nothing can be written there."""
        path = self.inside(area, folder)
        with zone_named(path):
            path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise LandingZoneError(f"the folder {path} is not writable; give it rights, or choose another path")

    def write(self, area: Area, name: str, source: Path, run_id: str) -> None:
        """Move a file here, under a name that is hidden and the run's own until the file is whole."""
        path = self.inside(area, name)
        beside = path.with_name(f".{path.name}.{run_id}.part")
        try:
            with zone_named(path.parent):
                bring(source, beside)
                crash.point("flow.file-hidden")
                beside.replace(path)
                sync(path.parent)
        finally:
            beside.unlink(missing_ok=True)

    def write_together(self, area: Area, hidden: str, names: Iterable[str], sources: Mapping[str, Path]) -> str:
        """Move files into a hidden folder, and rename that."""
        beside = self.inside(area, hidden)
        try:
            with zone_named(beside):
                shutil.rmtree(beside, ignore_errors=True)
                beside.mkdir(parents=True)
                for name, source in sources.items():
                    bring(source, beside / name)
            crash.point("flow.export-written")
            return next(name for name in names if _renamed(beside, self.inside(area, name)))
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def delete(self, area: Area, name: str) -> None:
        """Delete a file, or a folder with all in it."""
        path = self.inside(area, name)
        with zone_named(path):
            Folder(path.parent).delete(path.name)


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
        folders[:] = folders if recursive else []
        yield from (Path(parent) / name for name in names)


def _found(path: Path, root: Path) -> Found | None:
    try:
        stat = path.lstat()
    except FileNotFoundError:
        return None
    if path.is_symlink() or not path.is_file():
        return None
    return Found(path.relative_to(root).as_posix(), stat.st_size, stat.st_mtime_ns)


def _renamed(hidden: Path, target: Path) -> bool:
    """Rename a finished folder; return False if the name is taken."""
    with zone_named(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            return False
        try:
            hidden.rename(target)
        except OSError:
            if not target.exists():
                raise
            return False  # another export took the name meanwhile
        sync(target.parent)
        return True

"""What the places that fsspec knows have in common. In an object store a file is whole by itself; folders are names."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

from limbeck import crash
from limbeck.errors import DiskFull, LandingZoneError, LimbeckError, MissingExtra
from limbeck.flow.storage.base import CONTAINERS, Area, Entry, Found, Storage
from limbeck.lock import file_lock

_SIGNATURE = re.compile(r"(sig|X-Amz-Signature)=[^&\s'\"]+", re.IGNORECASE)

TOLD = 300
"""Letters of an error of somebody else's that are passed on."""


class RemoteStorage(Storage):
    """Areas in a place that fsspec knows; *roots* tells where. *lock* is a file by which processes of a home wait."""

    library: ClassVar[str]
    """The package that fsspec needs."""
    extra: ClassVar[str]
    """The extra that installs it."""
    mend: ClassVar[str]
    """How to make it work, for the end of an error."""
    version: ClassVar[str] = ""
    """The key under which the library tells of a file's version, if it does."""
    changed: ClassVar[str]
    """The key under which it tells when a file was changed."""
    appear_together = False

    def __init__(self, roots: Mapping[Area, str], lock: Path) -> None:
        self.roots = roots
        self._lock = lock
        self._opening = Lock()
        self._opened: Any = None

    @abstractmethod
    def _open(self) -> Any:
        """Return the filesystem of fsspec's, one that keeps no listings."""

    @abstractmethod
    def _require(self, area: Area) -> None:
        """Raise whatever the library raises if an area is not there."""

    def _secrets(self) -> Sequence[str]:
        """Return what no error may tell."""
        return ()

    def prepare(self) -> None:
        """Raise `LandingZoneError` or `MissingExtra` if an area cannot be reached."""
        for area in self.roots:
            self.check(area)

    def check(self, area: Area) -> None:
        """Raise `LandingZoneError` if an area cannot be reached."""
        with self._named():
            try:
                self._require(area)
            except FileNotFoundError:
                raise LandingZoneError(f"there is no landing zone {self.shown}; {self.mend}") from None

    @property
    def _files(self) -> Any:
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    # -- reading -----------------------------------------------------------------------------------------------

    def find(self, area: Area, name: str, recursive: bool = True) -> Iterator[Found]:
        """Yield the files of a folder, or the one file *name*; raise `LandingZoneError` if the area is not there."""
        one = self.look(area, name) if name else None
        found = [one] if one is not None else self._below(area, name, recursive)
        if not found:
            self.check(area)
        yield from found

    def _below(self, area: Area, folder: str, recursive: bool) -> list[Found]:
        path = self._path(area, folder)
        with self._named(), suppress(FileNotFoundError):
            files = self._files
            infos = files.find(path, detail=True).values() if recursive else files.ls(path, detail=True)
            return [
                self._found(area, info)
                for info in infos
                if info["type"] == "file" and info["name"].startswith(f"{path}/") and info["name"] != f"{path}/"
            ]
        return []

    def entries(self, area: Area, folder: str) -> Iterator[Entry]:
        """Yield what lies directly in a folder; nothing if it is not there."""
        path = self._path(area, folder)
        with self._named(), suppress(FileNotFoundError):
            infos = self._files.ls(path, detail=True)
            named = [(info["name"].rstrip("/"), info["type"] == "directory") for info in infos]
            yield from [Entry(self._name(area, n), is_folder) for n, is_folder in named if n.startswith(f"{path}/")]

    def look(self, area: Area, name: str) -> Found | None:
        """Return a file as it is now, or None."""
        with self._named(), suppress(FileNotFoundError):
            info = self._files.info(self._path(area, name))
            return self._found(area, info) if info["type"] == "file" else None
        return None

    def fetch(self, area: Area, name: str, target: Path) -> None:
        """Copy a file to the local file *target*; raise `FileNotFoundError` if there is none."""
        with self._named():
            self._files.get_file(self._path(area, name), str(target))

    # -- writing -----------------------------------------------------------------------------------------------

    def ready(self, area: Area, folder: str) -> None:
        """Raise `LandingZoneError` if the area cannot be reached; there are no folders to be made."""
        self.check(area)

    def write(self, area: Area, name: str, source: Path, run_id: str) -> None:
        """Send a file, which appears when it is whole."""
        crash.point("flow.file-hidden")
        self._put(area, name, source)
        source.unlink()

    def write_together(self, area: Area, hidden: str, names: Iterable[str], sources: Mapping[str, Path]) -> str:
        """Send the one file, as the only one of its folder: no other process of the home takes the name meanwhile."""
        ((name, source),) = sources.items()
        with file_lock(self._lock):
            folder = next(folder for folder in names if next(self.entries(area, folder), None) is None)
            crash.point("flow.export-written")
            self._put(area, f"{folder}/{name}", source)
        source.unlink()
        return folder

    def delete(self, area: Area, name: str) -> None:
        """Delete a file, or all files of a folder."""
        with self._named(), suppress(FileNotFoundError):
            self._files.rm(self._path(area, name), recursive=True)

    def _put(self, area: Area, name: str, source: Path) -> None:
        with self._named():
            self._files.put_file(str(source), self._path(area, name))

    # ----------------------------------------------------------------------------------------------------------

    def _path(self, area: Area, name: str) -> str:
        return f"{self.roots[area]}/{name}" if name else self.roots[area]

    def _name(self, area: Area, path: str) -> str:
        return path.removeprefix(self.roots[area]).strip("/")

    def _found(self, area: Area, info: Mapping[str, Any]) -> Found:
        version = str(info.get(self.version) or "") if self.version else ""
        return Found(self._name(area, info["name"]), int(info["size"]), _nanoseconds(info[self.changed]), version)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Turn what the libraries raise into our errors, without what is secret; a missing file stays what it is."""
        try:
            yield
        except (LimbeckError, FileNotFoundError):
            raise
        except ImportError as error:
            raise MissingExtra.of(self.library, self.extra) from error
        except Exception as error:
            self._opened = None  # the next call connects anew
            told = self._told(error)
            if "no space left" in told.lower():
                raise DiskFull(f"no space left in the landing zone {self.shown}; nothing was written there") from None
            raise LandingZoneError(f"the landing zone {self.shown} cannot be used: {told}; {self.mend}") from None

    def _told(self, error: Exception) -> str:
        lines = str(error).strip().splitlines()
        told = _SIGNATURE.sub(r"\1=…", (lines[0] if lines else "")[:TOLD])
        for secret in filter(None, self._secrets()):
            told = told.replace(secret, "…")
        return f"{type(error).__name__}: {told}".rstrip(": .")


class BucketStorage(RemoteStorage):
    """Two folders in a bucket."""

    scheme: ClassVar[str]
    """How a URL of such a bucket begins."""

    def __init__(self, bucket: str, prefix: str, lock: Path) -> None:
        self.bucket = bucket
        self._prefix = prefix
        super().__init__({area: f"{bucket}/{self.folder(area)}" for area in CONTAINERS}, lock)

    def folder(self, area: Area) -> str:
        """Return the folder of an area in the bucket."""
        return f"{self._prefix}/{CONTAINERS[area]}" if self._prefix else CONTAINERS[area]

    @property
    def shown(self) -> str:
        """The bucket and the folder in it."""
        return f"{self.scheme}://{self.bucket}/{self._prefix}".rstrip("/")

    def before(self, area: Area) -> str:
        """Return the area's folder."""
        return self.folder(area)

    def place(self, area: Area) -> Mapping[str, str]:
        """Return the bucket, and the area's folder in it."""
        return {"bucket": self.bucket, "folder": self.folder(area)}


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000

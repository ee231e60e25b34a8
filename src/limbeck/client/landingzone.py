"""The landing zone's areas as folders of files: on a disk, on Azure or on S3."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

from limbeck import ids
from limbeck.client.transport import Transport
from limbeck.errors import DiskFull, InvalidInput, LandingZoneError, MissingExtra, NotFound

CREDENTIALS = "/data/foundation/connectors/landingzone/credentials"

Kind = Literal["upload", "export"]

TYPES: dict[Kind, str] = {"upload": "user_drop_zone", "export": "dlz_destination"}

CHUNK = 1024 * 1024


class LandingZone:
    """One area. Paths are relative to it, with slashes."""

    def __init__(self, files: Any, root: str, *, on_disk: bool) -> None:
        self._files = files
        self._root = root.rstrip("/")
        self._on_disk = on_disk

    @classmethod
    def connect(cls, transport: Transport, kind: Kind) -> LandingZone:
        """Ask the platform for the way into an area.

        Raise `MissingExtra` if it leads to a store whose library is not installed, and `LandingZoneError` if it is a
        folder that this machine does not have.
        """
        return cls.of(transport.call("GET", CREDENTIALS, params={"type": TYPES[kind]}))

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> LandingZone:
        """Return the area that an answer of AEP's credentials call leads to, in either of its shapes."""
        if "Amazon" in str(told.get("dlzProvider", "")):
            keys, place = told["credentials"], told["dlzPath"]
            how = {
                "key": keys["awsAccessKeyId"],
                "secret": keys["awsSecretAccessKey"],
                "token": keys["awsSessionToken"],
            }
            root = f"{place['bucketName']}/{place['dlzFolder']}"
            return cls(_filesystem("s3", "s3fs", "s3", **how), root, on_disk=False)
        uri = urlsplit(str(told["SASUri"]))
        if uri.scheme == "file":
            return cls._folder(Path(url2pathname(uri.path)))
        how = {"account_name": told["storageAccountName"], "sas_token": told["SASToken"]}
        return cls(_filesystem("abfs", "adlfs", "azure", **how), str(told["containerName"]), on_disk=False)

    @classmethod
    def _folder(cls, path: Path) -> LandingZone:
        if not path.is_dir():
            raise LandingZoneError(f"the landing zone is the folder {path} of the server, which this machine lacks")
        return cls(_filesystem("file", "fsspec", "", auto_mkdir=True), path.as_posix(), on_disk=True)

    def write(self, path: str, name: str, content: Path | Iterable[bytes]) -> str:
        """Write a file into the folder *path*, where it appears whole; return its path.

        *content* is a local file, or parts of bytes. Raise `DiskFull` and `LandingZoneError` if that is not possible.
        """
        if not name or name.startswith((".", "_")) or "/" in name:
            raise InvalidInput(f"{name!r} is no file name that a flow would pick up: it begins with . or _ or has a /")
        target = self._path(f"{path}/{name}")
        beside = self._path(f"{path}/.{name}.{ids.new_uuid()}") if self._on_disk else target
        with _named(target):
            try:
                with self._files.open(beside, "wb") as handle:
                    for chunk in _chunks(content):
                        handle.write(chunk)
                    if self._on_disk:
                        handle.flush()
                        os.fsync(handle.fileno())
                if self._on_disk:
                    os.replace(beside, target)
            except BaseException:
                if self._on_disk:
                    Path(beside).unlink(missing_ok=True)
                raise
        return target.removeprefix(f"{self._root}/")

    def list(self, path: str = "") -> list[str]:
        """Return the paths of what lies in a folder, sorted, hidden things left out; one that is not there has none."""
        folder = self._path(path)
        with _named(folder):
            try:
                found = [str(f).rstrip("/").removeprefix(self._root).lstrip("/") for f in self._files.ls(folder, False)]
            except FileNotFoundError:
                return []
        return sorted(f for f in found if not f.rpartition("/")[2].startswith("."))

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading; raise `NotFound` if there is none."""
        target = self._path(path)
        with _named(target):
            return cast("BinaryIO", self._files.open(target, "rb"))

    def read(self, path: str) -> bytes:
        """Return the bytes of a file; raise `NotFound` if there is none."""
        with self.open(path) as handle:
            return handle.read()

    def download(self, path: str, folder: Path) -> Sequence[Path]:
        """Fetch a file, or all files of a folder and those below, into a local *folder*; return them, sorted."""
        start = self._path(path)
        with _named(start):
            found = sorted(str(f) for f in self._files.find(start))
        wanted = [f for f in found if not any(p.startswith(".") for p in f.removeprefix(start).split("/"))]
        if not wanted:
            raise NotFound(f"the landing zone has nothing at {path!r}")
        return [self._fetch(f, folder / (f.removeprefix(start).strip("/") or f.rpartition("/")[2])) for f in wanted]

    def _fetch(self, source: str, target: Path) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.part")
        with _named(source), self._files.open(source, "rb") as reading, beside.open("wb") as writing:
            while chunk := reading.read(CHUNK):
                writing.write(chunk)
        return beside.replace(target)

    def _path(self, path: str) -> str:
        parts = [p for p in path.split("/") if p not in ("", ".")]
        if ".." in parts or path.startswith("/"):
            raise InvalidInput(f"the path {path!r} is not inside the landing zone; write it without .. and leading /")
        return "/".join([self._root, *parts])


def _filesystem(protocol: str, library: str, extra: str, **how: Any) -> Any:
    import fsspec

    try:
        return fsspec.filesystem(protocol, **how)
    except ImportError as error:
        raise MissingExtra.of(library, extra) from error


def _chunks(content: Path | Iterable[bytes]) -> Iterator[bytes]:
    if not isinstance(content, Path):
        yield from content
        return
    try:
        file = content.open("rb")
    except OSError as error:
        raise InvalidInput(f"{content} cannot be read: {error.strerror}") from error
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


@contextmanager
def _named(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"the landing zone has no {path}") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFull(f"no space left on the disk of the landing zone: {path} was not written") from error
        raise LandingZoneError(f"the landing zone cannot be used: {path}: {error.strerror or error}") from error

"""The landing zone's areas as folders of files: on a disk, in a cloud, or on another machine."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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

SPOOL = 8 * 1024 * 1024
"""Bytes of a file that are kept in memory; more of them go to the disk."""


class LandingZone:
    """One area. Paths are relative to it, with slashes."""

    def __init__(self, files: Files, root: str) -> None:
        self._files = files
        self._root = root.rstrip("/")

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
        match str(told.get("dlzProvider", "")):
            case provider if "Amazon" in provider:
                keys = told["credentials"]
                names = {"key": "awsAccessKeyId", "secret": "awsSecretAccessKey", "token": "awsSessionToken"}
                how = {name: keys[key] for name, key in names.items()}
                return cls(Files(_filesystem("s3", "s3fs", "s3", use_listings_cache=False, **how)), _bucket(told))
            case "Google Cloud Storage":
                return cls(Files(_google()), _bucket(told))
            case "SFTP":
                return cls(Sftp(_sftp(told)), str(told["dlzPath"]["dlzFolder"]))
        uri = urlsplit(str(told["SASUri"]))
        if uri.scheme == "file":
            return cls._folder(Path(url2pathname(uri.path)))
        return cls(Container(str(told["SASUri"])), "")

    @classmethod
    def _folder(cls, path: Path) -> LandingZone:
        if not path.is_dir():
            raise LandingZoneError(f"the landing zone is the folder {path} of the server, which this machine lacks")
        return cls(Folder(_filesystem("file", "fsspec", "", auto_mkdir=True)), path.as_posix())

    def write(self, path: str, name: str, content: Path | Iterable[bytes]) -> str:
        """Write a file into the folder *path*, where it appears whole; return its path.

        *content* is a local file, or parts of bytes. Raise `DiskFull` and `LandingZoneError` if that is not possible.
        """
        if not name or name.startswith((".", "_")) or "/" in name:
            raise InvalidInput(f"{name!r} is no file name that a flow would pick up: it begins with . or _ or has a /")
        target = self._path(f"{path}/{name}")
        with _named(target):
            self._files.write(target, _chunks(content))
        return self._relative(target)

    def list(self, path: str = "") -> list[str]:
        """Return the paths of what lies in a folder, sorted, hidden things left out; one that is not there has none."""
        folder = self._path(path)
        with _named(folder):
            try:
                found = [self._relative(name.rstrip("/")) for name in self._files.children(folder)]
            except FileNotFoundError:
                return []
        return sorted(f for f in found if not f.rpartition("/")[2].startswith("."))

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading; raise `NotFound` if there is none."""
        target = self._path(path)
        with _named(target):
            return self._files.open(target)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file; raise `NotFound` if there is none."""
        with self.open(path) as handle:
            return handle.read()

    def download(self, path: str, folder: Path) -> Sequence[Path]:
        """Fetch a file, or all files of a folder and those below, into a local *folder*; return them, sorted."""
        start = self._path(path)
        with _named(start):
            found = sorted(self._files.find(start))
        wanted = [f for f in found if not any(p.startswith(".") for p in f.removeprefix(start).split("/"))]
        if not wanted:
            raise NotFound(f"the landing zone has nothing at {path!r}")
        return [self._fetch(f, folder / (f.removeprefix(start).strip("/") or f.rpartition("/")[2])) for f in wanted]

    def _fetch(self, source: str, target: Path) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.part")
        with _named(source), self._files.open(source) as reading, beside.open("wb") as writing:
            while chunk := reading.read(CHUNK):
                writing.write(chunk)
        return beside.replace(target)

    def _path(self, path: str) -> str:
        parts = [p for p in path.split("/") if p not in ("", ".")]
        if ".." in parts or path.startswith("/"):
            raise InvalidInput(f"the path {path!r} is not inside the landing zone; write it without .. and leading /")
        return "/".join([*([self._root] if self._root else []), *parts])

    def _relative(self, name: str) -> str:
        return name.removeprefix(self._root).lstrip("/")


class Files:
    """Where an area lies: a store that fsspec knows, in which a file appears whole."""

    def __init__(self, files: Any) -> None:
        self._files = files

    def write(self, target: str, chunks: Iterator[bytes]) -> None:
        """Write a file, which is collected here before: what breaks off is not sent."""
        with tempfile.TemporaryDirectory(prefix="limbeck-") as folder:
            file = Path(folder) / "file"
            with file.open("wb") as handle:
                handle.writelines(chunks)
            self._files.put_file(str(file), target)

    def children(self, folder: str) -> list[str]:
        """Return the names of what lies directly in a folder; raise `FileNotFoundError` if there is none."""
        return [str(name) for name in self._files.ls(folder, False)]

    def find(self, start: str) -> list[str]:
        """Return the names of a file, or of all files in a folder and below."""
        return [str(name) for name in self._files.find(start)]

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading; raise `FileNotFoundError` if there is none."""
        return cast("BinaryIO", self._files.open(name, "rb"))


class Folder(Files):
    """A folder of this machine."""

    def write(self, target: str, chunks: Iterator[bytes]) -> None:
        """Write a file, which appears whole."""
        parent, _, name = target.rpartition("/")
        beside = f"{parent}/.{name}.{ids.new_uuid()}"
        try:
            with self._files.open(beside, "wb") as handle:
                for chunk in chunks:
                    handle.write(chunk)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(beside, target)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise


class Sftp(Files):
    """A folder of another machine."""

    def write(self, target: str, chunks: Iterator[bytes]) -> None:
        """Write a file under a hidden name, and rename it."""
        parent, _, name = target.rpartition("/")
        beside = f"{parent}/.{name}.{ids.new_uuid()}"
        try:
            super().write(beside, chunks)
            self._files.mv(beside, target)
        except BaseException:
            with suppress(Exception):
                self._files.rm_file(beside)
            raise


class Container(Files):
    """A container of Azure Storage, or of a server that answers like it, by its URL with a signature."""

    def __init__(self, url: str) -> None:
        from azure.storage.blob import ContainerClient, ExponentialRetry

        retry = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=2)
        self._client = ContainerClient.from_container_url(url, retry_policy=retry)

    def write(self, target: str, chunks: Iterator[bytes]) -> None:
        """Write a blob."""
        with _azure_named():
            self._client.upload_blob(target, chunks, overwrite=True)

    def children(self, folder: str) -> list[str]:
        """Return the names of what lies directly in a folder."""
        with _azure_named():
            return [blob.name for blob in self._client.walk_blobs(f"{folder}/" if folder else "")]

    def find(self, start: str) -> list[str]:
        """Return the names of a blob, or of all in a folder and below."""
        with _azure_named():
            names = [blob.name for blob in self._client.list_blobs(start or None)]
        return [name for name in names if not start or name == start or name.startswith(f"{start}/")]

    def open(self, name: str) -> BinaryIO:
        """Open a blob for reading; it is fetched before."""
        file = cast("BinaryIO", tempfile.SpooledTemporaryFile(SPOOL))  # noqa: SIM115 - who reads closes it
        try:
            with _azure_named():
                self._client.download_blob(name).readinto(file)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file


@contextmanager
def _azure_named() -> Iterator[None]:
    """Turn Azure's errors into the operating system's, which `_named` words."""
    from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError

    try:
        yield
    except ResourceNotFoundError as error:
        raise FileNotFoundError(str(error)) from error
    except HttpResponseError as error:
        number = errno.ENOSPC if error.status_code == 507 else errno.EIO
        raise OSError(number, error.reason or error.message) from error
    except AzureError as error:
        raise OSError(errno.EIO, str(error)) from error


def _filesystem(protocol: str, library: str, extra: str, **how: Any) -> Any:
    import fsspec

    try:
        return fsspec.filesystem(protocol, skip_instance_cache=True, **how)
    except ImportError as error:
        raise MissingExtra.of(library, extra) from error


def _google() -> Any:
    try:
        from gcsfs.core import GCSFileSystem  # the one that speaks HTTP only
    except ImportError as error:
        raise MissingExtra.of("gcsfs", "gcs") from error
    who = "anon" if os.environ.get("STORAGE_EMULATOR_HOST") else "google_default"
    return GCSFileSystem(token=who, skip_instance_cache=True, use_listings_cache=False)


def _sftp(told: Mapping[str, Any]) -> Any:
    """Connect to a host, by what is told and by what OpenSSH's configuration of this user says."""
    names = {"username": "userName", "password": "password"}
    how = {name: told["credentials"][key] for name, key in names.items() if key in told["credentials"]}
    port = {"port": int(told["dlzPath"]["port"])} if "port" in told["dlzPath"] else {}
    return _filesystem("ssh", "sshfs", "sftp", host=told["dlzPath"]["host"], known_hosts=(), **port, **how)


def _bucket(told: Mapping[str, Any]) -> str:
    return f"{told['dlzPath']['bucketName']}/{told['dlzPath']['dlzFolder']}"


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

"""Places where a landing zone can lie, each as its own users see it: a folder, and servers that stand for clouds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import adlfs
import fsspec
import s3fs
import sshfs
from gcsfs.core import GCSFileSystem

from tests import emulators

UPLOAD, EXPORT = "dlz-user-container", "dlz-destination"
AWS = {"AWS_ACCESS_KEY_ID": "AKIALIMBECK", "AWS_SECRET_ACCESS_KEY": "a-secret-of-amazon", "AWS_REGION": "eu-central-1"}


@dataclass(frozen=True)
class Place:
    """A place, what `LIMBECK_LANDING_ZONE` says of it, and the library by which others reach it."""

    kind: str
    text: str
    files: Any
    """A filesystem of fsspec's, made by the library of the place."""
    root: str
    """Under which the areas lie."""
    url: str = ""
    """Of its server, if there is one."""
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """All that a process must be told to use the place."""
        return {"LIMBECK_LANDING_ZONE": self.text, **self.variables}

    @property
    def port(self) -> int:
        """The server's port, or 0."""
        return int(self.url.rpartition(":")[2].partition("/")[0] or 0)

    def through(self, port: int) -> dict[str, str]:
        """The same, by another port."""
        old, new = f":{self.port}", f":{port}"
        return {name: text.replace(old, new) for name, text in self.environ.items()}

    def put(self, path: str, content: bytes) -> None:
        """Write a file into the upload area."""
        target = f"{self.root}{UPLOAD}/{path}"
        self.files.makedirs(target.rpartition("/")[0], exist_ok=True)
        self.files.pipe_file(target, content)

    def exported(self, path: str = "") -> dict[str, bytes]:
        """All files below a folder of the export area, hidden or not."""
        start = f"{self.root}{EXPORT}/{path}".rstrip("/")
        if not self.files.exists(start):
            return {}
        found = self.files.find(start)
        return {name.partition(f"{EXPORT}/")[2]: self.files.cat_file(name) for name in sorted(found)}


@contextmanager
def folder(path: Path) -> Iterator[Place]:
    (path / "zone").mkdir()
    yield Place("folder", str(path / "zone"), fsspec.filesystem("file", auto_mkdir=True), f"{path}/zone/")


@contextmanager
def azure(path: Path) -> Iterator[Place]:
    with emulators.azurite(path) as url:
        text = f"AccountName={emulators.AZURITE_ACCOUNT};AccountKey={emulators.AZURITE_KEY};BlobEndpoint={url}"
        files = adlfs.AzureBlobFileSystem(connection_string=text, skip_instance_cache=True, use_listings_cache=False)
        yield Place("azure", text, files, "", url)


@contextmanager
def s3(path: Path) -> Iterator[Place]:
    with emulators.moto() as url:
        told = {"key": AWS["AWS_ACCESS_KEY_ID"], "secret": AWS["AWS_SECRET_ACCESS_KEY"], "endpoint_url": url}
        files = s3fs.S3FileSystem(**told, skip_instance_cache=True, use_listings_cache=False)
        files.mkdir("company")
        variables = {**AWS, "AWS_ENDPOINT_URL": url}
        yield Place("s3", "s3://company/our/zone", files, "company/our/zone/", url, variables)


@contextmanager
def gcs(path: Path) -> Iterator[Place]:
    with emulators.gcs("company") as url:
        told = {"endpoint_url": url, "token": "anon", "use_listings_cache": False}
        files = GCSFileSystem(**told, skip_instance_cache=True)
        yield Place("gcs", "gs://company/our/zone", files, "company/our/zone/", url, {"STORAGE_EMULATOR_HOST": url})


@contextmanager
def sftp(path: Path) -> Iterator[Place]:
    (path / "disk").mkdir()
    with emulators.sftp(path / "disk", path / "user") as port:
        key = str(path / "user" / ".ssh" / "id_ed25519")
        told = {"port": port, "username": "someone", "client_keys": [key], "known_hosts": None}
        files = sshfs.SSHFileSystem("127.0.0.1", **told, skip_instance_cache=True)
        url = f"sftp://somebody@127.0.0.1:{port}"
        yield Place("sftp", f"{url}/our/zone", files, "/our/zone/", url, {"HOME": str(path / "user")})


PLACES: Mapping[str, Callable[[Path], AbstractContextManager[Place]]] = {
    "folder": folder,
    "azure": azure,
    "s3": s3,
    "gcs": gcs,
    "sftp": sftp,
}

_VARIABLES = ("AZURE_STORAGE_", "AWS_", "LIMBECK_", "GOOGLE_", "STORAGE_EMULATOR_HOST")


@contextmanager
def told(environ: Mapping[str, str]) -> Iterator[None]:
    """Have this process's environment say nothing of places but *environ*, while the block lasts."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(_VARIABLES) and name != "LIMBECK_REQUIRE_ALL"]:
        del os.environ[name]
    os.environ.update(environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)

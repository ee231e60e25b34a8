"""Where a landing zone lies, as people write it: a folder, a URL, or a connection string of Azure's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from limbeck.errors import InvalidInput
from limbeck.flow.storage.azure import Account, AzureStorage
from limbeck.flow.storage.base import Storage
from limbeck.flow.storage.folder import FolderStorage
from limbeck.flow.storage.gcs import GcsStorage
from limbeck.flow.storage.s3 import S3Storage
from limbeck.flow.storage.sftp import Host, SftpStorage
from limbeck.settings import Settings

FORMS = (
    "a folder, s3://bucket/prefix, gs://bucket/prefix, sftp://user@host/folder, "
    "abfss://container@account.dfs.core.windows.net or a connection string of Azure's"
)


def storage_of(settings: Settings, environ: Mapping[str, str]) -> Storage:
    """Return where the landing zone of a home lies; nothing is opened yet.

    Raise `InvalidInput` for what is no such place; what may be a secret is not told.
    """
    if settings.zone is not None:
        return FolderStorage(settings.zone)
    lock = settings.home / "landing-zone.lock"
    text = settings.landing_zone.strip()
    if "://" not in text.partition(";")[0].partition("=")[0]:
        return AzureStorage(Account.of(text), "", lock)
    url = urlsplit(text)
    opener = _OPENERS.get(url.scheme)
    if opener is None:
        raise InvalidInput(f"the landing zone is a {url.scheme}:// URL; it is {FORMS}")
    return opener(url, environ, lock)


def _s3(url: SplitResult, environ: Mapping[str, str], lock: Path) -> Storage:
    if not url.netloc or "@" in url.netloc:
        raise InvalidInput("the landing zone is s3://bucket/prefix; keys stand in AWS_ACCESS_KEY_ID and its like")
    return S3Storage(url.netloc, url.path.strip("/"), lock)


def _azure(url: SplitResult, environ: Mapping[str, str], lock: Path) -> Storage:
    container, _, host = url.netloc.rpartition("@") if "@" in url.netloc else (url.netloc, "", "")
    if url.path.strip("/"):
        raise InvalidInput(
            f"the landing zone is a whole container, {url.scheme}://{url.netloc}, and no folder in it: AEP's clients "
            "are told of containers"
        )
    return AzureStorage(Account.named(host.partition(".")[0], environ), container, lock)


def _gcs(url: SplitResult, environ: Mapping[str, str], lock: Path) -> Storage:
    if not url.netloc or "@" in url.netloc:
        raise InvalidInput("the landing zone is gs://bucket/prefix; GOOGLE_APPLICATION_CREDENTIALS tells who you are")
    return GcsStorage(url.netloc, url.path.strip("/"), lock)


def _sftp(url: SplitResult, environ: Mapping[str, str], lock: Path) -> Storage:
    folder = unquote(url.path)
    folder = folder.removeprefix("/~/").strip("/") if folder.startswith("/~/") else folder.rstrip("/")
    if not url.hostname or not folder:
        raise InvalidInput(
            "the landing zone is sftp://user@host/folder, or sftp://user@host/~/folder for one of a home"
        )
    try:
        port = url.port
    except ValueError as error:
        raise InvalidInput(f"the landing zone's host has no port: {error}") from error
    user, password = (None if part is None else unquote(part) for part in (url.username, url.password))
    return SftpStorage(Host(url.hostname, port, user, password), folder, lock)


_OPENERS: Mapping[str, Callable[[SplitResult, Mapping[str, str], Path], Storage]] = {
    "s3": _s3,
    "s3a": _s3,
    "gs": _gcs,
    "gcs": _gcs,
    "sftp": _sftp,
    "az": _azure,
    "abfs": _azure,
    "abfss": _azure,
}

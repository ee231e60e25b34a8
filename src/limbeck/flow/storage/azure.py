"""A landing zone in a storage account of Azure (Blob Storage or Data Lake Storage Gen2), or of a server like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from limbeck import clock
from limbeck.errors import Forbidden, InvalidInput
from limbeck.flow.storage.base import CONTAINERS, LIFETIME, Access, Area
from limbeck.flow.storage.remote import RemoteStorage

READ, WRITE = "rl", "racwdlm"
"""The rights of signatures (REST contract, section 9.1)."""

EARLY = timedelta(minutes=5)
"""A signature is good a little before it is made, for clocks differ."""


@dataclass(frozen=True, slots=True)
class Account:
    """A storage account, and what opens it: its key, or a signature that somebody else has made."""

    name: str
    url: str
    key: str = field(default="", repr=False)
    signature: str = field(default="", repr=False)

    @classmethod
    def of(cls, text: str) -> Account:
        """Read a connection string; raise `InvalidInput` if it does not tell account and key or signature."""
        parts = dict(part.strip().split("=", 1) for part in text.split(";") if "=" in part)
        name, url = parts.get("AccountName", ""), parts.get("BlobEndpoint", "").rstrip("/")
        key, signature = parts.get("AccountKey", ""), parts.get("SharedAccessSignature", "").lstrip("?")
        if not (name or url) or not (key or signature):
            raise InvalidInput(
                "the landing zone's connection string lacks something: it has AccountName and AccountKey, or "
                "BlobEndpoint and SharedAccessSignature, as Azure's portal shows it under Access keys"
            )
        suffix = parts.get("EndpointSuffix", "core.windows.net")
        usual = f"{parts.get('DefaultEndpointsProtocol', 'https')}://{name}.blob.{suffix}"
        return cls(name or _name_in(url), url or usual, key, signature)

    @classmethod
    def named(cls, name: str, environ: Mapping[str, str]) -> Account:
        """Return the account *name*, or the environment's if that is empty, with the key that the environment tells."""
        text = environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
        found = cls.of(text) if text else None
        if found is not None and name in ("", found.name):
            return found
        name = name or environ.get("AZURE_STORAGE_ACCOUNT_NAME", "")
        key, signature = environ.get("AZURE_STORAGE_ACCOUNT_KEY", ""), environ.get("AZURE_STORAGE_SAS_TOKEN", "")
        if not name or not (key or signature):
            raise InvalidInput(
                f"the key of the landing zone's storage account {name} is not known: set "
                "AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"
            )
        return cls(name, f"https://{name}.blob.core.windows.net", key, signature.lstrip("?"))

    @property
    def connection_string(self) -> str:
        """What Azure's clients read."""
        opens = f"AccountKey={self.key}" if self.key else f"SharedAccessSignature={self.signature}"
        return f"AccountName={self.name};BlobEndpoint={self.url};{opens}"


class AzureStorage(RemoteStorage):
    """Two containers of an account, or one that is both areas."""

    provider = "Azure"
    library = "adlfs"
    extra = "azure"
    version = "etag"
    changed = "last_modified"
    mend = "check the account's name and key, its firewall, and AZURE_STORAGE_CONNECTION_STRING if that is set"

    def __init__(self, account: Account, container: str, lock: Path) -> None:
        super().__init__({area: container or name for area, name in CONTAINERS.items()}, lock)
        self.account = account
        self._makes = not container

    @property
    def shown(self) -> str:
        """The account, and the container if there is but one."""
        return self.account.url if self._makes else f"{self.account.url}/{self.roots['upload']}"

    def before(self, area: Area) -> str:
        """Return the container."""
        return self.roots[area]

    def place(self, area: Area) -> Mapping[str, str]:
        """Return the account, the container, and the container's URL."""
        container = self.roots[area]
        return {"account": self.account.name, "container": container, "url": f"{self.account.url}/{container}"}

    def prepare(self) -> None:
        """Make the two containers, unless one was named; raise as all do if that cannot be used."""
        with self._named():
            for area, container in self.roots.items():
                try:
                    self._require(area)
                except FileNotFoundError:
                    if not self._makes:
                        self.check(area)
                    self._files.mkdir(container)

    def access(self, area: Area, writes: bool) -> Access:
        """Return a signature for the container: made with the account's key, else the one that the platform has.

        Raise `Forbidden` if a reader would get one that writes.
        """
        container = self.roots[area]
        signature, ends = self._signed(container, writes and area == "upload", writes)
        place = self.place(area)
        return Access({**place, "url": f"{place['url']}?{signature}"}, {"signature": signature}, ends)

    def _signed(self, container: str, writing: bool, may_write: bool) -> tuple[str, datetime | None]:
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        if not self.account.key:
            if not may_write:
                raise Forbidden(
                    f"{self.shown} was opened with a signature, so none can be made that only reads, and you may not "
                    "write; ask whoever runs the platform"
                )
            return self.account.signature, _end_of(self.account.signature)
        now = clock.now()
        signature = generate_container_sas(
            self.account.name,
            container,
            self.account.key,
            permission=ContainerSasPermissions.from_string(WRITE if writing else READ),
            start=now - EARLY,
            expiry=now + LIFETIME,
        )
        return str(signature), _end_of(str(signature))

    def environment(self) -> Mapping[str, str]:
        """Return a connection string, with a signature for the account if one can be made."""
        from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

        account = self.account
        if account.key:
            kinds = ResourceTypes(service=True, container=True, object=True)
            rights = AccountSasPermissions(read=True, write=True, delete=True, list=True, add=True, create=True)
            now = clock.now()
            signature = generate_account_sas(
                account.name, account.key, kinds, rights, start=now - EARLY, expiry=now + LIFETIME
            )
            account = replace(account, key="", signature=str(signature))
        return {"AZURE_STORAGE_CONNECTION_STRING": account.connection_string}

    def _open(self) -> Any:
        from adlfs import AzureBlobFileSystem
        from azure.storage.blob.aio import BlobServiceClient, ExponentialRetry

        opens = self.account.connection_string
        files = AzureBlobFileSystem(
            account_name=self.account.name, connection_string=opens, skip_instance_cache=True, use_listings_cache=False
        )
        retry = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=2)  # a flow's run tries by itself
        files.service_client = BlobServiceClient.from_connection_string(
            opens, retry_policy=retry, connection_timeout=10
        )
        return files

    def _require(self, area: Area) -> None:
        self._files.ls(self.roots[area], detail=False)

    def _secrets(self) -> Sequence[str]:
        return [self.account.key, self.account.signature]


def _name_in(url: str) -> str:
    """Return the account that a URL names: the first part of the host, or of the path of a server like Azure's."""
    host, _, path = url.partition("://")[2].partition("/")
    return path.partition("/")[0] or host.partition(".")[0]


def _end_of(signature: str) -> datetime | None:
    found = parse_qs(signature).get("se")
    return datetime.fromisoformat(found[0].replace("Z", "+00:00")) if found else None

"""Shared access signatures: what a URL of the landing zone allows, until when (REST contract, section 9.2).

Signed as Azure Storage does, with the account's key: for a whole account, or for one container.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlencode

from limbeck import clock
from limbeck.errors import Forbidden, Unauthenticated

ACCOUNT = "limbeckdlz"
"""The storage account that a server stands for."""

VERSION = "2022-11-02"
"""Of the signatures made here; what is checked may be of any version since 2018-11-09."""

_ENCRYPTION_SCOPES = "2020-12-06"
"""The first version whose signatures cover an encryption scope."""

_TIME = "%Y-%m-%dT%H:%M:%SZ"

EARLY = timedelta(minutes=5)
"""A signature is good a little before it is made, for clocks differ."""

Level = Literal["s", "c", "o"]
"""What is asked for: the service, a container, an object in it."""


class NotAllowed(Forbidden):
    """A signature is genuine, and does not allow this."""

    code = "403026"


@dataclass(frozen=True, slots=True)
class AccountKey:
    """The key of the storage account, by which signatures are made and checked."""

    key: bytes

    def account(self, permissions: str, lifetime: timedelta) -> str:
        """Return a signature for all containers and what is in them."""
        start, expiry = _span(lifetime)
        sent = {"sv": VERSION, "ss": "b", "srt": "sco", "sp": permissions, "st": start, "se": expiry}
        return urlencode({**sent, "sig": self._sign(_account_text(sent))})

    def container(self, container: str, permissions: str, lifetime: timedelta, policy: str) -> tuple[str, datetime]:
        """Return a signature for one container and what is in it, and when it ends.

        *policy* is the identifier of what it is bound to (Azure's stored access policy): here a credential.
        """
        start, expiry = _span(lifetime)
        sent = {"sv": VERSION, "sr": "c", "sp": permissions, "st": start, "se": expiry, "si": policy}
        signed = urlencode({**sent, "sig": self._sign(_service_text(sent, f"/blob/{ACCOUNT}/{container}"))})
        return signed, datetime.fromisoformat(expiry)

    def connection_string(self, url: str, lifetime: timedelta = timedelta(days=7)) -> str:
        """Return what clients read from `AZURE_STORAGE_CONNECTION_STRING`: a server's *url*, a signature for all."""
        return f"BlobEndpoint={url}/{ACCOUNT};SharedAccessSignature={self.account('rwdlac', lifetime)}"

    def check(
        self, sent: Mapping[str, str], container: str, blob: str, level: Level, *any_of: str, secure: bool
    ) -> None:
        """Check the parameters of a URL: they must allow one of the permissions *any_of*.

        Raise `Unauthenticated` for a signature that is absent, forged or over, `NotAllowed` for one that is genuine.
        """
        if "sig" not in sent:
            raise Unauthenticated("the URL has no shared access signature; the landing zone's credentials have one")
        if "srt" in sent:
            text, levels = _account_text(sent), sent["srt"]
        else:
            text, levels = (
                _service_text(sent, _signed_resource(sent, container, blob)),
                "co" if sent.get("sr") == "c" else "o",
            )
        if not hmac.compare_digest(self._sign(text).encode(), sent["sig"].encode("utf-8", "replace")):
            raise Unauthenticated(
                "the shared access signature does not match; fetch the landing zone's credentials anew"
            )
        _require_time(sent)
        if sent.get("sip"):
            raise NotAllowed("the shared access signature is for addresses (sip), which are not compared here")
        if sent.get("spr") == "https" and not secure:
            raise NotAllowed("the shared access signature allows HTTPS only")
        if sent.get("ss", "b") and "b" not in sent.get("ss", "b"):
            raise NotAllowed("the shared access signature is not for blobs")
        if level not in levels or not any(permission in sent.get("sp", "") for permission in any_of):
            raise NotAllowed(f"the shared access signature allows {sent.get('sp')!r}; this needs {' or '.join(any_of)}")

    def _sign(self, text: str) -> str:
        return base64.b64encode(hmac.new(self.key, text.encode(), hashlib.sha256).digest()).decode()


def _span(lifetime: timedelta) -> tuple[str, str]:
    now = clock.now()
    return f"{now - EARLY:{_TIME}}", f"{now + lifetime:{_TIME}}"


def _account_text(sent: Mapping[str, str]) -> str:
    keys = ["sp", "ss", "srt", "st", "se", "sip", "spr", "sv"]
    if sent.get("sv", "") >= _ENCRYPTION_SCOPES:
        keys.append("ses")
    return "".join(f"{value}\n" for value in (ACCOUNT, *(sent.get(key, "") for key in keys)))


def _service_text(sent: Mapping[str, str], resource: str) -> str:
    first = [sent.get(key, "") for key in ("sp", "st", "se")]
    then = ["si", "sip", "spr", "sv", "sr", "snapshot"]
    if sent.get("sv", "") >= _ENCRYPTION_SCOPES:
        then.append("ses")
    rest = [sent.get(key, "") for key in (*then, "rscc", "rscd", "rsce", "rscl", "rsct")]
    return "\n".join([*first, resource, *rest])


def _signed_resource(sent: Mapping[str, str], container: str, blob: str) -> str:
    base = f"/blob/{ACCOUNT}/{container}"
    return base if sent.get("sr") == "c" else f"{base}/{blob}"


def _require_time(sent: Mapping[str, str]) -> None:
    now = clock.now()
    for key, early in (("st", True), ("se", False)):
        if not sent.get(key):
            continue
        moment = _moment(key, sent[key])
        moment = moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
        if (moment > now) if early else (moment <= now):
            raise Unauthenticated(f"the shared access signature is good from {sent.get('st')} to {sent.get('se')}")
    if not sent.get("se"):
        raise Unauthenticated("the shared access signature has no end (se)")


def _moment(key: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise Unauthenticated(f"{key} of the shared access signature is {text!r}; it is a time in UTC") from error

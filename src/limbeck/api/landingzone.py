"""Landing zone: where its areas lie, and how to get in (REST contract, section 9.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from limbeck.access.sas import ACCOUNT
from limbeck.access.service import may_write
from limbeck.api.context import Caller, Reading
from limbeck.api.shapes import iso
from limbeck.errors import InvalidInput
from limbeck.flow.storage import CONTAINERS, LIFETIME, Area, FolderStorage

router = APIRouter(prefix="/data/foundation/connectors/landingzone")

AZURE = "Azure"

KEYS = {
    "awsAccessKeyId": "key",
    "awsSecretAccessKey": "secret",
    "awsSessionToken": "token",
    "userName": "user",
    "password": "password",
}
PLACES = {"bucket": "bucketName", "folder": "dlzFolder", "host": "host", "port": "port"}

TYPES: dict[str, Area] = {"user_drop_zone": "upload", "dlz_destination": "export"}

FOREVER = "36500"
"""Days that files stay, for clients that want a number: nothing but their owner removes them."""

PERMISSIONS: dict[Area, str] = {"upload": "racwdl", "export": "rl"}

Type = Annotated[str, Query(alias="type")]


@router.get("")
def get_container(caller: Reading, kind: Type = "user_drop_zone") -> dict[str, Any]:
    """GET /landingzone: where an area lies, and how many days its files stay: until somebody deletes them."""
    area, storage = _area(kind), caller.platform.zone.storage
    if storage.provider == AZURE:
        return {"containerName": storage.before(area), "containerTTL": FOREVER}
    ttl = {"timeUnit": "days", "timeQuantity": int(FOREVER)}
    return {"dlzPath": _path(storage.place(area)), "dataTTL": ttl, "dlzProvider": storage.provider}


@router.get("/credentials")
def get_credentials(caller: Reading, request: Request, kind: Type = "user_drop_zone") -> dict[str, Any]:
    """GET /landingzone/credentials: Azure's shape with a signature for the container, or Amazon's with keys.

    A zone that is a folder is served as a container. Inside one process, where nothing is served on a port, `SASUri`
    is the `file://` URL of the area's folder, which is opened with the rights of whoever opens it: there is no
    signature to hand out, and nothing expires.
    """
    return _credentials(caller, request, kind)


@router.post("/credentials")
def refresh_credentials(
    caller: Reading, request: Request, kind: Type = "user_drop_zone", action: str = "refresh"
) -> dict[str, Any]:
    """POST /landingzone/credentials?action=refresh: a new signature, or new keys."""
    if action != "refresh":
        raise InvalidInput(f"credentials take action=refresh, not {action!r}")
    return _credentials(caller, request, kind)


def _credentials(caller: Caller, request: Request, kind: str) -> dict[str, Any]:
    area, storage = _area(kind), caller.platform.zone.storage
    writes = may_write(caller.principal)
    if isinstance(storage, FolderStorage):
        return _served(caller, request, area, writes)
    found = storage.access(area, writes)
    if storage.provider == AZURE:
        return {
            "containerName": found.place["container"],
            "storageAccountName": found.place["account"],
            "SASToken": found.secrets["signature"],
            "SASUri": found.place["url"],
            "expiryDate": iso(found.ends) if found.ends else None,
        }
    secrets = found.secrets if found.are_for_others or request.app.state.http is None else {}
    keys = {name: secrets[key] for name, key in KEYS.items() if key in secrets}
    ends = int(found.ends.timestamp()) if found.ends else None
    return {
        "credentials": keys,
        "dlzPath": _path(found.place),
        "dlzProvider": storage.provider,
        "expiryTime": ends,
    }


def _served(caller: Caller, request: Request, area: Area, writes: bool) -> dict[str, Any]:
    """Return how the container is reached that the folder of an area is served as."""
    told = {"containerName": CONTAINERS[area], "storageAccountName": ACCOUNT}
    http: str | None = request.app.state.http
    if http is None:
        url = caller.platform.zone.storage.place(area)["url"]
        return {**told, "SASToken": "", "SASUri": url, "expiryDate": None}
    key, allowed = caller.platform.access.account_key(), PERMISSIONS[area if writes else "export"]
    signed, ends = key.container(CONTAINERS[area], allowed, LIFETIME, caller.principal.client_id)
    base = str(request.base_url).rstrip("/") if request.base_url.scheme == "http" else http
    return {
        **told,
        "SASToken": signed,
        "SASUri": f"{base}/{ACCOUNT}/{CONTAINERS[area]}?{signed}",
        "expiryDate": iso(ends),
    }


def _path(place: Mapping[str, str]) -> dict[str, str]:
    """Return a place in AEP's words, and in like words where AEP has none."""
    return {PLACES[key]: value for key, value in place.items()}


def _area(kind: str) -> Area:
    if kind not in TYPES:
        raise InvalidInput(f"the landing zone has the types {' and '.join(TYPES)}, not {kind!r}")
    return TYPES[kind]

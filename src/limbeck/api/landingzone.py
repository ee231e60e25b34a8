"""Landing zone: where its areas lie, and how to get in (REST contract, section 9.1)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from limbeck.access.sas import ACCOUNT
from limbeck.access.service import may_write
from limbeck.api.context import Caller, Reading
from limbeck.api.shapes import iso
from limbeck.errors import InvalidInput
from limbeck.flow.storage import CONTAINERS, Area

router = APIRouter(prefix="/data/foundation/connectors/landingzone")

TYPES: dict[str, Area] = {"user_drop_zone": "upload", "dlz_destination": "export"}

FOREVER = "36500"
"""Days that files stay, for clients that want a number: nothing but their owner removes them."""

PERMISSIONS: dict[Area, str] = {"upload": "racwdl", "export": "rl"}
LIFETIME = timedelta(days=7)

Type = Annotated[str, Query(alias="type")]


@router.get("")
def get_container(_caller: Reading, kind: Type = "user_drop_zone") -> dict[str, Any]:
    """GET /landingzone: the name of an area, and how many days its files stay: until somebody deletes them."""
    return {"containerName": CONTAINERS[_area(kind)], "containerTTL": FOREVER}


@router.get("/credentials")
def get_credentials(caller: Reading, request: Request, kind: Type = "user_drop_zone") -> dict[str, Any]:
    """GET /landingzone/credentials: Azure's shape, with a signature for the container.

    Inside one process, where nothing is served on a port, `SASUri` is the `file://` URL of the area's folder, which is
    opened with the rights of whoever opens it: there is no signature to hand out, and nothing expires.
    """
    return _credentials(caller, request, kind)


@router.post("/credentials")
def refresh_credentials(
    caller: Reading, request: Request, kind: Type = "user_drop_zone", action: str = "refresh"
) -> dict[str, Any]:
    """POST /landingzone/credentials?action=refresh: a new signature."""
    if action != "refresh":
        raise InvalidInput(f"credentials take action=refresh, not {action!r}")
    return _credentials(caller, request, kind)


def _credentials(caller: Caller, request: Request, kind: str) -> dict[str, Any]:
    area = _area(kind)
    told = {"containerName": CONTAINERS[area], "storageAccountName": ACCOUNT}
    http: str | None = request.app.state.http
    if http is None:
        return {
            **told,
            "SASToken": "",
            "SASUri": caller.platform.zone.storage.access(area, True).place["url"],
            "expiryDate": None,
        }
    key = caller.platform.access.account_key()
    allowed = PERMISSIONS[area] if may_write(caller.principal) else PERMISSIONS["export"]
    signed, ends = key.container(CONTAINERS[area], allowed, LIFETIME)
    base = str(request.base_url).rstrip("/") if request.base_url.scheme == "http" else http
    return {
        **told,
        "SASToken": signed,
        "SASUri": f"{base}/{ACCOUNT}/{CONTAINERS[area]}?{signed}",
        "expiryDate": iso(ends),
    }


def _area(kind: str) -> Area:
    if kind not in TYPES:
        raise InvalidInput(f"the landing zone has the types {' and '.join(TYPES)}, not {kind!r}")
    return TYPES[kind]

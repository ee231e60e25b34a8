"""Landing zone: where its areas lie, and how to get in (REST contract, section 9.1)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from limbeck.api.context import Caller, Reading
from limbeck.errors import InvalidInput
from limbeck.flow.landingzone import CONTAINERS, Area

router = APIRouter(prefix="/data/foundation/connectors/landingzone")

TYPES: dict[str, Area] = {"user_drop_zone": "upload", "dlz_destination": "export"}

Type = Annotated[str, Query(alias="type")]


@router.get("")
def get_container(_caller: Reading, kind: Type = "user_drop_zone") -> dict[str, Any]:
    """GET /landingzone: the name of an area; its files stay until somebody deletes them, so there is no TTL."""
    return {"containerName": CONTAINERS[_area(kind)], "containerTTL": None}


@router.get("/credentials")
def get_credentials(caller: Reading, kind: Type = "user_drop_zone") -> dict[str, Any]:
    """GET /landingzone/credentials: Azure's shape, whose `SASUri` is the `file://` URL of the area's folder.

    A folder is opened with the rights of whoever opens it: there is no token to hand out, so `SASToken` is empty, and
    nothing expires.
    """
    return _credentials(caller, kind)


@router.post("/credentials")
def refresh_credentials(caller: Reading, kind: Type = "user_drop_zone", action: str = "refresh") -> dict[str, Any]:
    """POST /landingzone/credentials?action=refresh: the same again, for a folder has nothing to renew."""
    if action != "refresh":
        raise InvalidInput(f"credentials take action=refresh, not {action!r}")
    return _credentials(caller, kind)


def _credentials(caller: Caller, kind: str) -> dict[str, Any]:
    area = _area(kind)
    return {
        "containerName": CONTAINERS[area],
        "SASToken": "",
        "storageAccountName": "limbeck",
        "SASUri": caller.platform.zone.area(area).as_uri(),
        "expiryDate": None,
    }


def _area(kind: str) -> Area:
    if kind not in TYPES:
        raise InvalidInput(f"the landing zone has the types {' and '.join(TYPES)}, not {kind!r}")
    return TYPES[kind]

"""Destinations, as AEP's Flow Service knows them: files of an audience's members (profile contract, section 7.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from limbeck.client.people import Audience
from limbeck.client.transport import Transport

FLOW = "/data/foundation/flowservice"
ADHOC = "/data/core/activation/disflowprovider/adhocrun"

PROFILE_STORE = "8a9c3494-9708-43d7-ae3f-cda01e5030e1"
LANDING_ZONE = "10440537-2a7b-4583-ac39-ed38d4b848e8"
TO_LANDING_ZONE = "cd2fc47e-e838-4f38-a581-8fff2f99b63a"
"""The connection specs and the flow spec of an export of profiles to the landing zone."""


class Destinations:
    """Dataflows that deliver audiences as files to the landing zone's export area."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, name: str, path: str, columns: Mapping[str, str], format: str) -> str:
        """Create a dataflow whose files have *columns* (name to profile path), and return its id.

        *format* is `csv` or `parquet`. A source `identityMap.NS` stands for an identity.
        """
        spec = {"id": LANDING_ZONE, "version": "1.0"}
        base = self._post("connections", {"name": name, "auth": None, "connectionSpec": spec})
        store = {"id": PROFILE_STORE, "version": "1.0"}
        source = self._post(
            "sourceConnections",
            {"name": name, "connectionSpec": store, "data": {"format": "CSV", "schema": None}, "params": {}},
        )
        params: dict[str, Any] = {
            "mode": "Server-to-server",
            "path": path,
            "compression": "NONE",
            "fileType": format.upper(),
            "csvOptions": {"delimiter": ","},
            "includeFileManifest": True,
        }
        target = self._post(
            "targetConnections",
            {
                "name": name,
                "baseConnectionId": base,
                "connectionSpec": spec,
                "data": {"format": format},
                "params": params,
            },
        )
        return self._post(
            "flows",
            {
                "name": name,
                "flowSpec": {"id": TO_LANDING_ZONE, "version": "1.0"},
                "sourceConnectionIds": [source],
                "targetConnectionIds": [target],
                "transformations": [{"name": "GeneralTransform", "params": _general(columns)}],
                "scheduleParams": {"interval": 1, "timeUnit": "day", "startTime": 4_102_444_800},
            },
        )

    def select(self, flow_id: str, audience: Audience, template: str) -> None:
        """Let a dataflow deliver *audience* and nothing else, into files called after *template*."""
        (flow,) = self._transport.call("GET", f"{FLOW}/flows/{flow_id}")["items"]
        params = flow["transformations"][0]["params"]
        value = {
            "type": "PLATFORM_SEGMENT",
            "value": {
                "id": audience.id,
                "name": audience.name,
                "filenameTemplate": template,
                "exportMode": "DAILY_FULL_EXPORT",
                "schedule": {"frequency": "ONCE", "triggerType": "SCHEDULED", "startDate": "2100-01-01"},
            },
        }
        place = "/transformations/0/params/segmentSelectors/selectors"
        before = (params.get("segmentSelectors") or {}).get("selectors") or []
        if before == [value]:
            return
        patch: list[dict[str, Any]] = [{"op": "Remove", "path": f"{place}/{n}"} for n in reversed(range(len(before)))]
        patch.append({"op": "Add", "path": f"{place}/-", "value": value})
        self._transport.call("PATCH", f"{FLOW}/flows/{flow_id}", json=patch, headers={"If-Match": flow["etag"]})

    def start(self, flow_id: str, audience: Audience) -> str:
        """Deliver an audience now, and return the id of the run."""
        headers = {"Accept": "application/vnd.adobe.adhoc.activation+json; version=2"}
        body = {"activationInfo": {flow_id: [audience.id]}}
        (order,) = self._transport.call("POST", ADHOC, json=body, headers=headers)["order"]
        return str(order["statusURL"]).rpartition("/")[2]

    def _post(self, kind: str, body: Mapping[str, Any]) -> str:
        return str(self._transport.call("POST", f"{FLOW}/{kind}", json=dict(body))["id"])


def _general(columns: Mapping[str, str]) -> dict[str, Any]:
    selectors: Sequence[dict[str, Any]] = [
        {
            "type": "JSON_PATH",
            "value": {
                "path": source,
                "operator": "EXISTS",
                "mapping": {
                    "sourceType": "text/x.schema-path",
                    "source": source,
                    "destination": destination,
                    "identity": source.startswith("identityMap."),
                    "primaryIdentity": False,
                },
            },
        }
        for destination, source in columns.items()
    ]
    return {"profileSelectors": {"selectors": list(selectors)}, "segmentSelectors": {"selectors": []}}

"""Flows between the lake and the landing zone, as AEP's Flow Service and Data Prep know them (REST contract, 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from limbeck import clock
from limbeck.client.model import Dataset, FlowRun, Schema
from limbeck.client.polling import until
from limbeck.client.transport import Transport, error_from

FLOW = "/data/foundation/flowservice"
PREP = "/data/foundation/conversion"
ADHOC = "/data/core/activation/disflowprovider/adhocrun"

DATA_LAKE_SOURCE = "23598e46-f560-407b-88d5-ea6207e49db0"
DATA_LAKE_TARGET = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
LANDING_ZONE_SOURCE = "26f526f2-58f4-4712-961d-e41bf1ccc0e8"
LANDING_ZONE_TARGET = "10440537-2a7b-4583-ac39-ed38d4b848e8"
EXPORT_FLOW = "cd2fc47e-e838-4f38-a581-8fff2f99b63a"
PICKUP_FLOW = "9753525b-82c7-4dce-8a9b-5ccfce2b9876"

YEAR_S, QUARTER_S = 365 * 86_400, 900

Pairs = Mapping[str, str] | Iterable[tuple[str, str]]
"""Columns of a file and the dotted XDM paths that they fill; as pairs, a column may fill several."""


class Flows:
    """Flows of one sandbox."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create_mapping(self, schema: Schema, mappings: Pairs) -> str:
        """Create a mapping set for files whose rows become rows of *schema*, and return its id."""
        pairs = mappings.items() if isinstance(mappings, Mapping) else mappings
        body = {
            "outputSchema": {
                "schemaRef": {"id": schema.id, "contentType": "application/vnd.adobe.xed-full+json;version=1"}
            },
            "mappings": [{"sourceType": "ATTRIBUTE", "source": s, "destination": d} for s, d in pairs],
        }
        params = {"validate": "True"}
        return str(self._transport.call("POST", f"{PREP}/mappingSets", json=body, params=params)["id"])

    def create_export(self, name: str, dataset: Dataset, path: str) -> str:
        """Create a flow that exports *dataset* to the folder *path* when it is asked to, and return its id."""
        spec = {"id": LANDING_ZONE_TARGET, "version": "1.0"}
        base = self._post("connections", {"name": name, "auth": None, "connectionSpec": spec})
        source = self._post(
            "sourceConnections",
            {
                "name": name,
                "data": {"format": "parquet"},
                "connectionSpec": {"id": DATA_LAKE_SOURCE, "version": "1.0"},
                "params": {"datasets": [{"dataSetId": dataset.id}]},
            },
        )
        params = {"mode": "Server-to-server", "compression": "GZIP", "datasetFileType": "PARQUET", "path": path}
        target = self._post(
            "targetConnections", {"name": name, "baseConnectionId": base, "params": params, "connectionSpec": spec}
        )
        schedule = {"interval": 1, "timeUnit": "day", "startTime": _now() + YEAR_S}
        return self._flow(name, EXPORT_FLOW, source, target, [], schedule)

    def create_pickup(self, name: str, dataset: Dataset, schema: Schema, mapping_id: str, path: str) -> str:
        """Create a flow that brings new files of the folder *path* into *dataset*, and return its id.

        It runs each quarter of an hour, the first time when one has passed, and when it is asked to.
        """
        source = self._post(
            "sourceConnections",
            {
                "name": name,
                "data": {"format": "delimited"},
                "params": {"path": path, "type": "folder", "recursive": True},
                "connectionSpec": {"id": LANDING_ZONE_SOURCE, "version": "1.0"},
            },
        )
        target = self._post(
            "targetConnections",
            {
                "name": name,
                "data": {
                    "format": "delimited",
                    "schema": {"id": schema.id, "version": "application/vnd.adobe.xed-full+json;version=1"},
                },
                "params": {"dataSetId": dataset.id},
                "connectionSpec": {"id": DATA_LAKE_TARGET, "version": "1.0"},
            },
        )
        steps = [{"name": "Mapping", "params": {"mappingId": mapping_id, "mappingVersion": 0}}]
        schedule = {"startTime": str(_now() + QUARTER_S), "frequency": "minute", "interval": "15"}
        return self._flow(name, PICKUP_FLOW, source, target, steps, schedule)

    def find(self, name: str) -> str | None:
        """Return the id of the flow called exactly *name*, or None; of several the oldest."""
        found = self._transport.call("GET", f"{FLOW}/flows", params={"property": f"name=={name}"})["items"]
        return next((str(f["id"]) for f in sorted(found, key=lambda f: f["createdAt"]) if f["name"] == name), None)

    def run(self, flow_id: str) -> FlowRun:
        """Run a flow now, and return its run, which may not have begun."""
        flow = self._one("flows", flow_id)
        origin = flow["inheritedAttributes"]["sourceConnections"][0]
        if origin["connectionSpec"]["id"] != DATA_LAKE_SOURCE:
            return self.get_run(self._post("runs", {"flowId": flow_id, "status": "active"}))
        datasets = self._one("sourceConnections", origin["id"])["params"]["datasets"]
        wanted = {"flowId": flow_id, "datasets": [{"id": d["dataSetId"]} for d in datasets]}
        headers = {"Accept": "application/vnd.adobe.adhoc.dataset.activation+json; version=1"}
        body = {"activationInfo": {"destinations": [wanted]}}
        answer = self._transport.call("POST", ADHOC, json=body, headers=headers)
        return self.get_run(str(answer["destinations"][0]["datasets"][0]["statusURL"]).rpartition("/")[2])

    def runs(self, flow_id: str) -> list[FlowRun]:
        """Return the runs of a flow, newest first."""
        params = {"property": f"flowId=={flow_id}"}
        found = self._transport.call("GET", f"{FLOW}/runs", params=params)["items"]
        return sorted(map(_run, found), key=lambda r: r.created, reverse=True)

    def get_run(self, run_id: str) -> FlowRun:
        """Return a run as it is now."""
        return _run(self._one("runs", run_id))

    def wait(self, run: FlowRun | str) -> FlowRun:
        """Wait until a run, or the one with that id, has ended; raise the error that failed it."""
        run_id = run if isinstance(run, str) else run.id
        found = until(lambda: self.get_run(run_id), lambda seen: seen.completed is not None)
        if found.status != "success":
            first = found.errors[0] if found.errors else {"message": f"run {run_id} ended as {found.status}"}
            told = {"error_code": first.get("code"), "message": first.get("message"), "details": first.get("details")}
            raise error_from(told, 400, str(first))
        return found

    def _flow(
        self,
        name: str,
        spec_id: str,
        source: str,
        target: str,
        steps: list[dict[str, Any]],
        schedule: Mapping[str, Any],
    ) -> str:
        body = {
            "name": name,
            "flowSpec": {"id": spec_id, "version": "1.0"},
            "sourceConnectionIds": [source],
            "targetConnectionIds": [target],
            "transformations": steps,
            "scheduleParams": dict(schedule),
        }
        return self._post("flows", body)

    def _post(self, kind: str, body: Mapping[str, Any]) -> str:
        return str(self._transport.call("POST", f"{FLOW}/{kind}", json=dict(body))["id"])

    def _one(self, kind: str, resource_id: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._transport.call("GET", f"{FLOW}/{kind}/{resource_id}")["items"][0]
        return found


def _now() -> int:
    return clock.millis(clock.now()) // 1000


def _run(body: Mapping[str, Any]) -> FlowRun:
    metrics = body.get("metrics") or {}
    status = (metrics.get("statusSummary") or {}).get("status", "inProgress")
    ended = metrics if status not in ("pending", "inProgress") else {}
    times = ended.get("durationSummary") or {}
    return FlowRun(
        id=str(body["id"]),
        status=status,
        rows=int((ended.get("recordSummary") or {}).get("outputRecordCount") or 0),
        bytes=int((ended.get("sizeSummary") or {}).get("outputBytes") or 0),
        files=int((ended.get("fileSummary") or {}).get("outputFileCount") or 0),
        errors=(ended.get("statusSummary") or {}).get("errors") or (),
        created=clock.from_millis(body["createdAt"]),
        started=_moment(times.get("startedAtUTC")),
        completed=_moment(times.get("completedAtUTC")),
    )


def _moment(millis: int | None) -> datetime | None:
    return datetime.fromtimestamp(millis / 1000, UTC) if millis else None

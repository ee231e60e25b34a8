"""Series of what was ingested: they add up to what the batches say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.rest.api import Api, served
from tests.rest.resources import dataset
from tests.rest.test_batches import IMPORT, ended

METRICS = "/data/infrastructure/observability/insights/metrics"
RECORDS = "timeseries.ingestion.dataset.recordsuccess.count"
NOW = datetime.now(UTC)
SPAN = {"start": (NOW - timedelta(days=1)).isoformat(), "end": (NOW + timedelta(days=1)).isoformat()}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("insights")) as opened:
        yield opened


def ingested(api: Api, made: str, rows: int) -> dict[str, Any]:
    batch = api.ok("POST", f"{IMPORT}/batches", {"datasetId": made, "inputFormat": {"format": "json"}})["id"]
    body = json.dumps([{"_id": str(n)} for n in range(rows)] if rows else ["none"]).encode()
    api.send("PUT", f"{IMPORT}/batches/{batch}/datasets/{made}/files/a.json", content=body)
    api.ok("POST", f"{IMPORT}/batches/{batch}?action=COMPLETE")
    return dict(ended(api, batch))


def asked(api: Api, name: str, *filters: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    metric = {"name": name, "filters": list(filters), "aggregator": "sum", "downsample": "sum"}
    (found,) = api.ok("POST", METRICS, {**SPAN, "granularity": "day", "metrics": [metric], **more})["metricResponses"]
    assert found["metric"] == name
    return list(found["datapoints"])


def total(points: list[dict[str, Any]]) -> int:
    return sum(sum(point["dps"].values()) for point in points)


def test_series_add_up(api: Api) -> None:
    one, two = dataset(api), dataset(api)
    sizes = [ingested(api, one, 3)["metrics"]["inputByteSize"], ingested(api, one, 4)["metrics"]["inputByteSize"]]
    ingested(api, two, 5)
    assert ingested(api, two, 0)["status"] == "failed"
    mine = {"name": "dataSetId", "value": one, "groupBy": True}
    (point,) = asked(api, RECORDS, mine)
    assert (point["groupBy"], sum(point["dps"].values())) == ({"dataSetId": one}, 7)
    assert all(moment.endswith("T00:00:00.000Z") for moment in point["dps"])
    assert total(asked(api, "timeseries.ingestion.dataset.size", mine)) == sum(sizes)
    assert total(asked(api, RECORDS)) == 12
    each = {
        p["groupBy"]["dataSetId"]: sum(p["dps"].values())
        for p in asked(api, RECORDS, {"name": "dataSetId", "groupBy": True})
    }
    assert each == {one: 7, two: 5}
    assert total(asked(api, "timeseries.ingestion.dataset.batchsuccess.count")) == 3
    assert total(asked(api, "timeseries.ingestion.dataset.batchfailed.count")) == 1
    assert total(asked(api, RECORDS, granularity="minute")) == 12
    assert asked(api, RECORDS, end=SPAN["start"], start="2020-01-01T00:00:00Z") == []
    assert (
        api.on("dev").ok("POST", METRICS, {**SPAN, "metrics": [{"name": RECORDS}]})["metricResponses"][0]["datapoints"]
        == []
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"metrics": [{"name": "timeseries.ingestion.dataset.recordsucess.count"}]},
        {"granularity": "fortnight"},
        {"start": "2030-01-01T00:00:00Z"},
        {"start": "0001-01-01T00:00:00Z"},
        {"start": "yesterday"},
        {"metrics": [{"name": RECORDS, "aggregator": "median"}]},
        {"metrics": [{"name": RECORDS, "filters": [{"name": "colour", "value": "red"}]}]},
        {"metrics": 17},
    ],
)
def test_what_cannot_be_told_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    answer = api.send("POST", METRICS, json={**SPAN, "granularity": "day", "metrics": [{"name": RECORDS}], **wrong})
    assert (answer.status_code, answer.json()["status"]) == (400, 400)

"""Batches that are taken back, as AEP's clients do it; profiles and audiences do not know them afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from limbeck.ids import ulid
from limbeck.lake.maintain import compact
from tests.rest.api import Api, served
from tests.rest.resources import CATALOG, dataset
from tests.rest.test_batches import IMPORT, ended

EXPORT = "/data/foundation/export"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("revert")) as opened:
        yield opened


def sent(api: Api, made: str, *persons: str, **said: Any) -> str:
    """Ingest rows of persons into a dataset as one batch."""
    body = {"datasetId": made, "inputFormat": {"format": "json"}, **said}
    batch = str(api.ok("POST", f"{IMPORT}/batches", body)["id"])
    filled(api, made, batch, *persons)
    return batch


def filled(api: Api, made: str, batch: str, *persons: str) -> dict[str, Any]:
    """Send rows of persons into an open batch, and wait for its end."""
    rows = [{"_id": f"{batch}-{person}", "personID": person} for person in persons]
    path = f"{IMPORT}/batches/{batch}/datasets/{made}/files/a.json"
    api.send("PUT", path, content=json.dumps(rows).encode())
    api.ok("POST", f"{IMPORT}/batches/{batch}?action=COMPLETE")
    return ended(api, batch)


def revert(api: Api, batch: str) -> Any:
    return api.send("POST", f"{IMPORT}/batches/{batch}?action=REVERT")


def seen(api: Api, made: str, snapshot: str = "") -> list[str]:
    table = api.ok("GET", f"{CATALOG}/dataSets/{made}")[made]["tags"]["adobe/pqs/table"][0]
    found = api.platform.lake.datasets.by_id(made)
    sandbox = api.platform.lake.datasets.sandbox_of(found.id)
    with api.platform.query.run(sandbox, f"SELECT personID FROM {table} {snapshot} ORDER BY 1") as result:
        return [row["personID"] for batch in result.batches() for row in batch.to_pylist()]


def test_a_batch_is_taken_back_and_older_snapshots_keep_it(api: Api) -> None:
    made = dataset(api)
    first, second = sent(api, made, "a", "b"), sent(api, made, "c")
    (file,) = api.ok("GET", f"{EXPORT}/batches/{first}/files")["data"]
    for _ in range(2):
        assert revert(api, first).status_code == 200
    found = api.ok("GET", f"{CATALOG}/batches/{first}")[first]
    assert (found["status"], found["metrics"]["outputRecordCount"]) == ("inactive", 2)
    assert seen(api, made) == ["c"]
    assert seen(api, made, "SNAPSHOT AS OF 1") == ["a", "b"]
    assert seen(api, made, "SNAPSHOT BETWEEN 1 AND 2") == ["c"]
    assert api.ok("GET", f"{EXPORT}/batches/{first}/files")["data"] == []
    assert api.send("GET", f"{EXPORT}/files/{file['dataSetFileId']}").status_code == 404
    metrics = api.ok("GET", f"{CATALOG}/dataSets/{made}")[made]["extensions"]["adobe_lakeHouse"]["metrics"]
    assert metrics["rowCount"] == 1
    assert list(api.ok("GET", f"{CATALOG}/batches", params={"dataSet": made, "status": "inactive"})) == [first]
    assert revert(api, second).status_code == 200
    assert (seen(api, made), seen(api, made, "SNAPSHOT AS OF 2")) == ([], ["a", "b", "c"])


def test_rows_that_were_merged_with_others_leave_too(api: Api) -> None:
    made = dataset(api)
    batches = [sent(api, made, *persons) for persons in ("ab", "cd", "ef")]
    platform = api.platform
    assert compact(platform.store, platform.lake, platform.engine, platform.lake.datasets.by_id(made)) == 3
    assert revert(api, batches[1]).status_code == 200
    assert (seen(api, made), seen(api, made, "SNAPSHOT AS OF 3")) == (list("abef"), list("abcdef"))


def test_what_is_not_published_is_not_taken_back(api: Api) -> None:
    made = dataset(api)
    body = {"datasetId": made, "inputFormat": {"format": "json"}}
    loading = api.ok("POST", f"{IMPORT}/batches", body)["id"]
    refused = revert(api, loading)
    assert (refused.status_code, "ABORT" in refused.json()["detail"]) == (409, True)
    api.ok("POST", f"{IMPORT}/batches/{loading}?action=FAIL")
    refused = revert(api, loading)
    assert (refused.status_code, "failed" in refused.json()["detail"]) == (409, True)
    assert revert(api, ulid()).status_code == 404
    success = sent(api, made, "a")
    assert revert(api.as_("viewer"), success).status_code == 403
    assert revert(api.on("dev"), success).status_code == 404
    assert seen(api, made) == ["a"]

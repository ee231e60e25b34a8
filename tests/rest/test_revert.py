"""Batches that are taken back or replaced, as AEP's clients do it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from limbeck.ids import ulid
from limbeck.lake.maintain import compact
from limbeck.platform import Platform
from limbeck.settings import Settings
from tests.behaviour import children
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


# -- replay -------------------------------------------------------------------------------------------------------


def replayed(api: Api, made: str, *before: str, method: str = "POST") -> Any:
    body = {"datasetId": made, "inputFormat": {"format": "json"}, "replay": {"predecessors": before}}
    return api.send(method, f"{IMPORT}/batches", json=body)


def test_a_batch_takes_the_place_of_others_in_one_snapshot(api: Api) -> None:
    made = dataset(api)
    first, second, _ = (sent(api, made, *persons) for persons in ("ab", "c", "d"))
    opened = replayed(api, made, f"${first}", f"${second}", method="PATCH")
    assert opened.status_code == 201
    batch = opened.json()["id"]
    assert opened.json()["replay"] == {"predecessors": [first, second], "reason": "replace"}
    assert seen(api, made) == list("abcd")
    assert filled(api, made, batch, "x", "y")["status"] == "success"
    assert (seen(api, made), seen(api, made, "SNAPSHOT AS OF 3")) == (list("dxy"), list("abcd"))
    assert seen(api, made, "SNAPSHOT BETWEEN 3 AND 4") == list("xy")
    for before in (first, second):
        found = api.ok("GET", f"{CATALOG}/batches/{before}")[before]
        assert (found["status"], found["tags"]) == ("inactive", {"acp_successor": [batch]})
    assert revert(api, first).status_code == 200
    assert revert(api, batch).status_code == 200
    assert seen(api, made) == ["d"]


def test_what_replaces_and_fails_replaces_nothing(api: Api) -> None:
    made = dataset(api)
    first = sent(api, made, "a")
    batch = replayed(api, made, first).json()["id"]
    path = f"{IMPORT}/batches/{batch}/datasets/{made}/files/a.json"
    api.send("PUT", path, content=b'[{"_id": 1, "unknown": 2}]')
    api.ok("POST", f"{IMPORT}/batches/{batch}?action=COMPLETE")
    assert ended(api, batch)["status"] == "failed"
    assert seen(api, made) == ["a"]
    assert api.ok("GET", f"{CATALOG}/batches/{first}")[first]["status"] == "success"


def test_a_batch_is_replaced_once(api: Api) -> None:
    made = dataset(api)
    first = sent(api, made, "a")
    one, other = (replayed(api, made, first).json()["id"] for _ in range(2))
    assert filled(api, made, one, "b")["status"] == "success"
    failed = filled(api, made, other, "c")
    assert (failed["status"], first in failed["errors"][0]["description"]) == ("failed", True)
    assert seen(api, made) == ["b"]


def test_only_published_batches_of_the_dataset_are_replaced(api: Api) -> None:
    made, other = dataset(api), dataset(api)
    loading = api.ok("POST", f"{IMPORT}/batches", {"datasetId": made, "inputFormat": {"format": "json"}})["id"]
    stranger, reverted = sent(api, other, "a"), sent(api, made, "b")
    revert(api, reverted)
    before = len(api.ok("GET", f"{CATALOG}/batches", params={"dataSet": made}))
    refused = [replayed(api, made, batch) for batch in (loading, reverted, stranger, ulid())]
    assert [answer.status_code for answer in refused] == [409, 409, 400, 400]
    assert replayed(api, made).status_code == 400
    body = {"datasetId": made, "replay": {"predecessors": [reverted], "reason": "because"}}
    assert api.send("POST", f"{IMPORT}/batches", json=body).status_code == 400
    assert len(api.ok("GET", f"{CATALOG}/batches", params={"dataSet": made})) == before


def test_what_is_said_of_a_batch_is_kept(api: Api) -> None:
    made = dataset(api)
    batch = sent(api, made, "a", tags={"team": ["b"]}, externalId="mine", status="failed", completed=1)
    found = api.ok("GET", f"{CATALOG}/batches/{batch}")[batch]
    assert (found["tags"], found["externalId"], found["status"]) == ({"team": ["b"]}, "mine", "success")
    assert found["completed"] > 1


def promote(home: Path, batch_id: str) -> None:
    """Publish a batch, in the process that is killed."""
    Platform(Settings.load(home)).ingest.promote(batch_id)


@pytest.mark.parametrize(("point", "there"), [("lake.publish.before-commit", "ab"), ("lake.publish.committed", "c")])
def test_a_batch_replaces_another_whole_or_not_at_all(tmp_path: Path, point: str, there: str) -> None:
    home = tmp_path / "home"
    with served(home) as api:
        made = dataset(api)
        first = sent(api, made, "a", "b")
        batch = replayed(api, made, first).json()["id"]
        rows = json.dumps([{"_id": "1", "personID": "c"}]).encode()
        api.send("PUT", f"{IMPORT}/batches/{batch}/datasets/{made}/files/a.json", content=rows)
    children.killed(promote, home, batch, crash_at=point)
    with served(home) as api:
        assert seen(api, made) == list(there)
        api.platform.ingest.promote(batch)
        assert (seen(api, made), seen(api, made, "SNAPSHOT AS OF 1")) == (["c"], ["a", "b"])
        statuses = [api.ok("GET", f"{CATALOG}/batches/{one}")[one]["status"] for one in (first, batch)]
        assert statuses == ["inactive", "success"]

"""Files of batches in parts, and the actions on batches, as AEP's clients send them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.ids import ulid
from tests.rest.api import Api, served
from tests.rest.resources import CATALOG, PROFILE, SCHEMAS, dataset, schema

IMPORT = "/data/foundation/import"
ROWS = [{"_id": str(n), "personID": f"p{n}"} for n in range(200)]
FILE = json.dumps(ROWS).encode()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("batches")) as opened:
        yield opened


def opened(api: Api) -> tuple[str, str]:
    made = dataset(api)
    batch = api.ok("POST", f"{IMPORT}/batches", {"datasetId": made, "inputFormat": {"format": "json"}})
    return batch["id"], f"{IMPORT}/batches/{batch['id']}/datasets/{made}/files"


def part(api: Api, path: str, first: int, last: int, total: int, content: bytes | None = None) -> httpx.Response:
    body = FILE[first : last + 1] if content is None else content
    return api.send("PATCH", path, {"Content-Range": f"bytes {first}-{last}/{total}"}, content=body)


def ended(api: Api, batch: str) -> dict[str, object]:
    api.platform.worker.wake()
    while True:
        found = api.ok("GET", f"{CATALOG}/batches/{batch}")[batch]
        if found["status"] in ("success", "failed", "aborted"):
            return dict(found)


@settings(max_examples=15, deadline=None)
@given(cuts=st.sets(st.integers(1, len(FILE) - 1), max_size=6), seed=st.integers(0, 99))
def test_parts_in_any_order_make_the_file(api: Api, cuts: set[int], seed: int) -> None:
    batch, files = opened(api)
    api.ok("POST", f"{files}/deep/large.json?action=INITIALIZE")
    bounds = [0, *sorted(cuts), len(FILE)]
    spans = [(first, following - 1) for first, following in pairwise(bounds)]
    for first, last in random.Random(seed).sample([*spans, spans[0]], len(spans) + 1):
        assert part(api, f"{files}/deep/large.json", first, last, len(FILE)).json() == {}
    assert api.send("HEAD", f"{files}/deep/large.json").headers["Content-Length"] == str(len(FILE))
    assert api.send("POST", f"{files}/deep/large.json?action=COMPLETE").status_code == 201
    assert api.send("HEAD", f"{files}/deep/large.json").headers["Content-Length"] == str(len(FILE))
    api.ok("POST", f"{IMPORT}/batches/{batch}?action=complete")
    found = ended(api, batch)
    assert (found["status"], found["metrics"]["outputRecordCount"]) == ("success", len(ROWS))  # type: ignore[index]


def test_a_missing_part_is_refused_and_can_still_come(api: Api) -> None:
    batch, files = opened(api)
    path, total = f"{files}/large.json", len(FILE)
    api.ok("POST", f"{path}?action=INITIALIZE")
    assert part(api, path, 0, 99, total).status_code == 200
    assert part(api, path, 200, total - 1, total).status_code == 200
    refused = api.send("POST", f"{path}?action=COMPLETE")
    assert (refused.status_code, "bytes from 100" in refused.json()["detail"]) == (400, True)
    part(api, path, 50, 250, total)
    assert "overlap" in api.send("POST", f"{path}?action=COMPLETE").json()["detail"]
    api.ok("POST", f"{IMPORT}/batches/{batch}?action=ABORT")
    assert not (api.platform.settings.staging / batch).exists()


def test_what_is_no_part_is_refused(api: Api) -> None:
    batch, files = opened(api)
    path = f"{files}/large.json"
    assert part(api, path, 0, 9, 100).status_code == 404
    assert api.send("POST", f"{path}?action=COMPLETE").status_code == 404
    assert api.send("HEAD", path).status_code == 404
    api.ok("POST", f"{path}?action=INITIALIZE")
    assert part(api, path, 0, 9, 100, b"short").status_code == 400
    for span in ("bytes 9-0/100", "bytes 0-100/100", "0-9", "", "bytes */100"):
        assert api.send("PATCH", path, {"Content-Range": span}, content=b"x").status_code == 400
    assert api.send("POST", f"{path}?action=COMPLETE").status_code == 400
    assert api.send("POST", f"{path}?action=DANCE").status_code == 400
    other = f"{IMPORT}/batches/{batch}/datasets/{dataset(api)}/files/x?action=INITIALIZE"
    assert api.send("POST", other).status_code == 404


def test_actions_may_be_repeated_and_not_mixed(api: Api) -> None:
    for action, status in (("ABORT", "aborted"), ("fail", "failed")):
        batch, files = opened(api)
        api.send("PUT", f"{files}/a.json", content=FILE)
        for _ in range(2):
            assert api.send("POST", f"{IMPORT}/batches/{batch}?action={action}").status_code == 200
        assert ended(api, batch)["status"] == status
        assert api.send("PUT", f"{files}/b.json", content=FILE).status_code == 409
        assert api.send("POST", f"{files}/c.json?action=INITIALIZE").status_code == 409
    batch, files = opened(api)
    api.send("PUT", f"{files}/a.json", content=FILE)
    for _ in range(2):
        assert api.send("POST", f"{IMPORT}/batches/{batch}?action=COMPLETE").status_code == 200
    found = ended(api, batch)
    assert (found["status"], found["metrics"]["outputRecordCount"]) == ("success", len(ROWS))  # type: ignore[index]
    assert api.send("POST", f"{IMPORT}/batches/{batch}?action=COMPLETE").status_code == 200
    assert api.send("POST", f"{IMPORT}/batches/{batch}?action=ABORT").status_code == 409
    assert api.send("POST", f"{IMPORT}/batches/{ulid()}?action=COMPLETE").status_code == 404


def test_lists_of_batches_and_datasets_are_filtered_and_ordered(api: Api) -> None:
    made = dataset(api)
    batches = [
        api.ok("POST", f"{IMPORT}/batches", {"datasetId": made, "inputFormat": {"format": "json"}})["id"]
        for _ in range(3)
    ]
    page = api.ok("GET", f"{CATALOG}/batches", params={"dataSet": made, "orderBy": "asc:id", "limit": 2})
    assert list(page) == sorted(batches)[:2]
    assert api.ok("GET", f"{CATALOG}/batches", params={"dataSet": made, "status": "loading", "start": 3}) == {}
    short = api.ok("GET", f"{CATALOG}/batches", params={"dataSet": made, "properties": "status"})
    assert list(short.values()) == [{"status": "loading"}] * 3
    found = api.ok("GET", f"{CATALOG}/dataSets", params={"lastBatchId": max(batches), "properties": "lastBatchStatus"})
    assert found == {made: {"lastBatchStatus": "loading"}}
    assert api.ok("GET", f"{CATALOG}/dataSets", params={"createdAfter": 99_999_999_999_999}) == {}
    newest = api.ok("GET", f"{CATALOG}/dataSets", params={"orderBy": "desc:created", "limit": 1})
    assert len(newest) == 1


def seen(api: Api, made: str) -> dict[str, Any]:
    found = api.ok("GET", f"{CATALOG}/dataSets/{made}?properties=observableSchema")[made]["observableSchema"]
    assert found["type"] == "object"
    return dict(found["properties"])


def ingest(api: Api, made: str, rows: list[dict[str, Any]]) -> None:
    batch = api.ok("POST", f"{IMPORT}/batches", {"datasetId": made, "inputFormat": {"format": "json"}})["id"]
    api.send("PUT", f"{IMPORT}/batches/{batch}/datasets/{made}/files/a.json", content=json.dumps(rows).encode())
    api.ok("POST", f"{IMPORT}/batches/{batch}?action=COMPLETE")
    assert ended(api, batch)["status"] == "success"


def test_the_observable_schema_has_what_was_seen(api: Api) -> None:
    made = dataset(api)
    assert seen(api, made) == {}
    ingest(api, made, [{"_id": "1", "personID": None, "identityMap": {"ECID": [{"id": "e", "primary": None}]}}])
    assert sorted(seen(api, made)) == ["_id", "identityMap"]


def test_fields_that_are_called_like_parquets_own_are_seen(api: Api) -> None:
    text = {"type": "string"}
    names = ("list", "element", "key_value", "key", "value")
    struct = {"type": "object", "properties": dict.fromkeys((*names, "other"), text)}
    inside = {"list": {"type": "object", "properties": {"element": {"type": "object", "properties": {"value": text}}}}}
    fields = {
        "flat": struct,
        "lost": struct,
        "deep": {"type": "object", "properties": inside},
        "many": {"type": "array", "items": struct},
        "none": {"type": "array", "items": struct},
        "map": {"type": "object", "additionalProperties": struct},
    }
    own = {"type": "object", "properties": {"_acme": {"type": "object", "properties": fields}}}
    body = {"title": "Parquet's names", "type": "object", "meta:intendedToExtend": [PROFILE]}
    body |= {"definitions": {"own": own}, "allOf": [{"$ref": "#/definitions/own"}]}
    group = api.ok("POST", f"{SCHEMAS}/fieldgroups", body)["$id"]
    made = dataset(api, schema(api, PROFILE, group))
    value = dict.fromkeys(names, "x")
    row = {"flat": value, "deep": {"list": {"element": {"value": "x"}}}, "many": [value], "map": {"k": value}}
    ingest(api, made, [{"_id": "1", "_acme": row}, {"_id": "2", "_acme": {"lost": {"other": None}}}])
    found = seen(api, made)["_acme"]["properties"]
    assert sorted(found) == ["deep", "flat", "many", "map"]
    assert sorted(found["flat"]["properties"]) == sorted(names)
    assert list(found["deep"]["properties"]["list"]["properties"]["element"]["properties"]) == ["value"]


def test_a_dataset_enters_profile_after_its_schema(api: Api) -> None:
    of_schema = schema(api)
    body = {"name": "not yet", "schemaRef": {"id": of_schema}, "tags": {"other": ["kept"]}}
    made = api.ok("POST", f"{CATALOG}/dataSets", body)[0].rpartition("/")[2]
    at, tags = f"{CATALOG}/dataSets/{made}", {"unifiedProfile": ["enabled:true"]}
    patch = [{"op": "add", "path": "/tags/unifiedProfile", "value": ["enabled:true", "isUpsert:true"]}]
    for method, path, sent in (
        ("PATCH", at, patch),
        ("PUT", at, {**body, "tags": tags}),
        ("PATCH", f"{CATALOG}/v2/dataSets/{made}", {"tags": tags}),
    ):
        refused = api.send(method, path, json=sent)
        assert (refused.status_code, "union" in refused.json()["detail"]) == (400, True)
    assert set(api.ok("GET", at)[made]["tags"]) == {"other", "adobe/pqs/table"}
    union = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
    api.ok("PATCH", f"{SCHEMAS}/schemas/{quote(of_schema, safe='')}", union)
    for _ in range(2):
        assert api.ok("PATCH", at, patch) == [f"@/dataSets/{made}"]
    assert api.ok("GET", at)[made]["tags"]["unifiedProfile"] == ["enabled:true", "isUpsert:true"]

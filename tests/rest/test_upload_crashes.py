"""Uploads whose server is killed: nothing half-written is seen, and the same upload works afterwards."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

from limbeck.flow.blobs import Blobs
from limbeck.ingest.parts import Span
from limbeck.platform import Platform
from limbeck.settings import Settings
from tests.behaviour import children
from tests.rest.api import Api, served
from tests.rest.resources import dataset
from tests.rest.test_batches import FILE, ROWS, ended

CONTAINER = "dlz-user-container"
OLD, NEW = b"before", b"after" * 1000


def put(home: Path) -> None:
    """Write a blob over another, in the process that is killed."""
    Blobs(Platform(Settings.load(home)).zone.storage).put(CONTAINER, "a/b", BytesIO(NEW))


def commit(home: Path, block: str) -> None:
    """Make a blob of a block, in the process that is killed."""
    Blobs(Platform(Settings.load(home)).zone.storage).commit(CONTAINER, "a/b", [block])


def join(home: Path, batch_id: str) -> None:
    """Make a file of its parts, in the process that is killed."""
    platform = Platform(Settings.load(home))
    platform.ingest.join_parts(platform.lake.batches.by_id(batch_id), "large.json")


def test_a_blob_is_the_old_one_until_it_is_the_new_one(tmp_path: Path) -> None:
    home, block = tmp_path / "home", "MDAwMQ=="
    with served(home) as api:
        blobs = Blobs(api.platform.zone.storage)
        blobs.put(CONTAINER, "a/b", BytesIO(OLD))
        blobs.put_block(CONTAINER, "a/b", block, BytesIO(NEW))
    for act in ((put,), (commit, block)):
        children.killed(act[0], home, *act[1:], crash_at="flow.blob-written")
        with served(home) as api:
            blobs = Blobs(api.platform.zone.storage)
            assert blobs.get(CONTAINER, "a/b").path.read_bytes() == OLD
            assert [b.name for b in blobs.page(CONTAINER, "", "", "", 10).blobs] == ["a/b"]
    children.finish(children.start(commit, home, block))
    with served(home) as api:
        assert Blobs(api.platform.zone.storage).get(CONTAINER, "a/b").path.read_bytes() == NEW


def test_parts_are_joined_again(tmp_path: Path) -> None:
    home = tmp_path / "home"

    def sent(api: Api) -> str:
        made = {"datasetId": dataset(api), "inputFormat": {"format": "json"}}
        batch_id = str(api.ok("POST", "/data/foundation/import/batches", made)["id"])
        batch = api.platform.lake.batches.by_id(batch_id)
        api.platform.ingest.begin_parts(batch, "large.json")
        for first, last in ((0, 999), (1000, len(FILE) - 1)):
            span = Span(first, last, len(FILE))
            api.platform.ingest.put_part(batch, "large.json", span, BytesIO(FILE[first : last + 1]))
        return batch_id

    with served(home) as api:
        batch_id = sent(api)
    children.killed(join, home, batch_id, crash_at="ingest.parts-joined")
    with served(home) as api:
        batch = api.platform.lake.batches.by_id(batch_id)
        assert api.platform.ingest.size(batch, "large.json") == len(FILE)
        api.platform.ingest.join_parts(batch, "large.json")
        api.ok("POST", f"/data/foundation/import/batches/{batch_id}?action=COMPLETE")
        found = ended(api, batch_id)
    metrics = json.loads(json.dumps(found["metrics"]))
    assert (found["status"], metrics["outputRecordCount"]) == ("success", len(ROWS))

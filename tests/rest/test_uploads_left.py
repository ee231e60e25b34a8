"""Large uploads that do not end: a part is missing, nobody completes them, the disk is full. What came of them goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from limbeck import clock, worker
from limbeck.ingest.batches import ABANDONED_AFTER
from limbeck.lake.maintain import ORPHAN_AGE_S
from tests.disks import disk
from tests.rest.api import Api, served
from tests.rest.resources import CATALOG, dataset
from tests.rest.test_batches import FILE, IMPORT, ended

MIB = 1024 * 1024
TWO_GB = 2 * 1000**3


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("left")) as opened:
        yield opened


def begun(api: Api) -> tuple[str, str]:
    """A batch, and the path of a large file of it that was begun."""
    made = dataset(api)
    batch = api.ok("POST", f"{IMPORT}/batches", {"datasetId": made, "inputFormat": {"format": "json"}})["id"]
    path = f"{IMPORT}/batches/{batch}/datasets/{made}/files/large.json"
    api.ok("POST", f"{path}?action=INITIALIZE")
    return batch, path


def part(api: Api, path: str, first: int, size: int, total: int) -> httpx.Response:
    """Send *size* bytes from *first* on, a MiB at a time."""
    span = {"Content-Range": f"bytes {first}-{first + size - 1}/{total}"}
    blanks = (b" " * min(MIB, size - at) for at in range(0, size, MIB))
    return api.send("PATCH", path, span, content=blanks)


def staged(api: Api, batch: str) -> int:
    """How many bytes of a batch lie in staging."""
    try:
        return sum(p.stat().st_size for p in (api.platform.settings.staging / batch).rglob("*") if p.is_file())
    except FileNotFoundError:  # it is going while it is counted
        return staged(api, batch)


def age(api: Api, batch: str, seconds: float) -> None:
    """Let all that lies in staging of a batch, and the batch itself, be as old."""
    then = clock.now().timestamp() - seconds
    for path in (api.platform.settings.staging / batch).rglob("*"):
        os.utime(path, (then, then))
    api.platform.lake.batches.mark(batch, updated=int(then * 1000))


def peak() -> int:
    """The most memory that this process, which is the server's too, has had, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of a process's memory is Linux's")
def test_a_large_upload_with_a_missing_part_is_refused_and_swept_with_its_batch(api: Api) -> None:
    batch, path = begun(api)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew
    before = peak()
    for first in (0, TWO_GB - 64 * MIB):
        assert part(api, path, first, 64 * MIB, TWO_GB).status_code == 200
    assert staged(api, batch) == 128 * MIB
    refused = api.send("POST", f"{path}?action=COMPLETE")
    assert (refused.status_code, f"bytes from {64 * MIB} of" in refused.json()["detail"]) == (400, True)
    assert peak() - before < 48 * MIB
    api.ok("POST", f"{IMPORT}/batches/{batch}?action=COMPLETE")
    found = ended(api, batch)
    assert (found["status"], found["errors"][0]["code"]) == ("failed", "INGEST-106-400")  # type: ignore[index]
    while staged(api, batch):
        pass  # its files go right after its end is told


def test_a_batch_that_nobody_ends_is_abandoned(api: Api) -> None:
    batch, path = begun(api)
    assert part(api, path, 0, 10, 20).status_code == 200
    api.send("PUT", path.replace("large", "small"), content=FILE)
    age(api, batch, ABANDONED_AFTER.total_seconds() - 60)
    assert (api.platform.ingest.abandon(), staged(api, batch) > 0) == (0, True)
    age(api, batch, ABANDONED_AFTER.total_seconds() + 60)
    assert part(api, path, 10, 10, 20).status_code == 200  # it goes on
    assert (api.platform.ingest.abandon(), staged(api, batch) > 0) == (0, True)
    age(api, batch, ABANDONED_AFTER.total_seconds() + 60)
    assert api.platform.ingest.abandon() == 1
    found = api.ok("GET", f"{CATALOG}/batches/{batch}")[batch]
    assert (found["status"], found["errors"][0]["code"]) == ("abandoned", "INGEST-107-400")
    assert not (api.platform.settings.staging / batch).exists()
    assert api.send("POST", f"{IMPORT}/batches/{batch}?action=COMPLETE").status_code == 409
    assert part(api, path, 0, 10, 20).status_code == 409


def test_the_worker_sweeps_parts_that_are_a_day_old(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    batch, path = begun(api)
    assert part(api, path, 0, 10, 20).status_code == 200
    age(api, batch, ORPHAN_AGE_S + 60)
    monkeypatch.setattr(worker, "TIDY_S", 0.0)
    api.platform.worker.wake()
    while staged(api, batch):
        pass
    assert api.ok("GET", f"{CATALOG}/batches/{batch}")[batch]["status"] == "loading"


def test_a_disk_that_is_full_in_the_middle_leaves_the_parts_before(tmp_path: Path) -> None:
    with disk(tmp_path / "small", "size=24m"), served(tmp_path / "small" / "home") as api:
        batch, path = begun(api)
        total = len(FILE) + 64 * MIB
        assert part(api, path, 0, 4 * MIB, total).status_code == 200
        refused = part(api, path, 4 * MIB, 60 * MIB, total)
        assert (refused.status_code, "no space left" in refused.json()["detail"]) == (507, True)
        assert staged(api, batch) == 4 * MIB
        api.ok("POST", f"{IMPORT}/batches/{batch}?action=ABORT")
        assert staged(api, batch) == 0
        again, path = begun(api)
        for first, size in ((0, 100), (100, len(FILE) - 100)):
            span = {"Content-Range": f"bytes {first}-{first + size - 1}/{len(FILE)}"}
            assert api.send("PATCH", path, span, content=BytesIO(FILE[first : first + size])).status_code == 200
        assert api.send("POST", f"{path}?action=COMPLETE").status_code == 201
        api.ok("POST", f"{IMPORT}/batches/{again}?action=COMPLETE")
        assert ended(api, again)["status"] == "success"

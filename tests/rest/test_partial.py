"""Batches that are taken in part: what does not fit is set aside, up to a percentage, and can be looked at."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.lake import maintain
from limbeck.platform import Platform
from limbeck.settings import Settings
from tests.behaviour import children
from tests.rest.api import Api, served
from tests.rest.resources import PROFILE, dataset, schema
from tests.rest.test_batches import IMPORT, ended
from tests.rest.test_revert import EXPORT, seen

BROKEN = '{"_id": "cut off'


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("partial")) as opened:
        yield opened


def opened(api: Api, made: str, form: str = "json", **said: Any) -> str:
    body = {"datasetId": made, "inputFormat": {"format": form}, **said}
    return str(api.ok("POST", f"{IMPORT}/batches", body)["id"])


def ingested(api: Api, batch: str, made: str, *files: str) -> dict[str, Any]:
    """Send files as part-0, part-1…, complete the batch, and return it once it has ended."""
    for number, text in enumerate(files):
        path = f"{IMPORT}/batches/{batch}/datasets/{made}/files/part-{number}"
        assert api.send("PUT", path, content=text.encode()).status_code == 200
    api.ok("POST", f"{IMPORT}/batches/{batch}?action=COMPLETE")
    return ended(api, batch)


def set_aside(api: Api, batch: str) -> list[dict[str, Any]]:
    """The rows that a batch set aside, from all its files."""
    at = f"{EXPORT}/batches/{batch}/failed"
    texts = [api.send("GET", at, params={"path": f["name"]}).text for f in api.ok("GET", at)["data"]]
    return [json.loads(line) for text in texts for line in text.splitlines()]


def good(number: int) -> str:
    return json.dumps({"_id": f"g{number}", "personID": f"g{number:04}"})


def wrong(number: int) -> str:
    return json.dumps({"_id": f"w{number}", "personID": {"deep": number}, "nosuch": 1.50})


@settings(max_examples=12, deadline=None)
@given(
    kinds=st.lists(st.lists(st.sampled_from("ggggwwb"), min_size=1, max_size=12), min_size=1, max_size=3),
    percentage=st.integers(0, 100),
    layout=st.sampled_from(["lines", "array", "csv"]),
    seed=st.integers(0, 9),
)
def test_every_row_is_ingested_or_set_aside(
    api: Api, kinds: list[list[str]], percentage: int, layout: str, seed: int
) -> None:
    names = random.Random(seed).sample(range(1000), sum(map(len, kinds)))
    numbers = iter(names)
    files, fine, failed = [], list[str](), list[tuple[str, int]]()
    for place, kinds_of_file in enumerate(kinds):
        rows = []
        for row, kind in enumerate(kinds_of_file, 1):
            number = next(numbers)
            kind = "w" if kind == "b" and layout != "lines" else kind
            fine += [f"g{number:04}"] if kind == "g" else []
            failed += [] if kind == "g" else [(f"part-{place}", row)]
            texts = {"g": good(number), "w": wrong(number), "b": f"{BROKEN} {number}"}
            cells = {"g": f"g{number},g{number:04},", "w": f"w{number},,not a date"}
            rows.append(cells[kind] if layout == "csv" else texts[kind])
        csv = "\n".join(["_id,personID,person.birthDate", *rows])
        files.append({"lines": "\n".join(rows), "array": f"[{', '.join(rows)}]", "csv": csv}[layout])
    made = dated(api)
    form = "csv" if layout == "csv" else "json"
    batch = opened(api, made, form, partialIngestionPercentage=percentage, enableErrorDiagnostics=True)
    found = ingested(api, batch, made, *files)

    total = len(fine) + len(failed)
    success = len(failed) * 100 <= percentage * total
    assert found["status"] == ("success" if success else "failed")
    assert seen(api, made) == (sorted(fine) if success else [])
    metrics = found["metrics"]
    assert (metrics["recordsFailed"], metrics["invalidRecordCount"]) == (len(failed), len(failed))
    assert metrics["outputRecordCount"] == (len(fine) if success else 0)
    assert (metrics["inputRecordCount"], metrics["failedRecordCount"]) == (total, len(failed))
    rows_aside = set_aside(api, batch)
    assert sorted((row["_filename"], row["_row"]) for row in rows_aside) == sorted(failed)
    for row in rows_aside:
        if "_corrupt_record" in row:
            assert row["_corrupt_record"].startswith(BROKEN)
            assert [e["code"] for e in row["_errors"]] == ["INGEST-1401-400"]
        elif layout == "csv":
            assert [(e["code"], e["column"]) for e in row["_errors"]] == [("INGEST-1904-400", "person.birthDate")]
        else:
            told = {e["column"]: e["code"] for e in row["_errors"]}
            assert told == {"nosuch": "INGEST-1901-400", "personID": "INGEST-1902-400"}
            assert row["personID"]["deep"] in names
    assert [e["recordCount"] for e in found["errors"]] == ([len(failed)] if failed else [])


def dated(api: Api) -> str:
    """A dataset whose rows may have a date."""
    return dataset(api, schema(api, PROFILE, "https://ns.adobe.com/xdm/context/profile-person-details"))


def test_rows_keep_every_digit(api: Api) -> None:
    made = dataset(api)
    batch = opened(api, made, partialIngestionPercentage=100)
    text = '{ "_id" : 1234567890123456789012, "x":1.50,\n "y": "a\\n}" }\n{}'
    body = {"isMultiLineJson": True, "format": "json"}
    batch = opened(api, made, inputFormat=body, partialIngestionPercentage=100)
    assert ingested(api, batch, made, text)["status"] == "success"
    at = f"{EXPORT}/batches/{batch}/failed"
    line = api.send("GET", at, params={"path": "conversion_errors_0.json"}).text
    assert '"_id" : 1234567890123456789012, "x":1.50,  "y": "a\\n}"' in line
    assert json.loads(line)["_errors"][0]["column"]


def test_what_is_kept_of_a_batch(api: Api) -> None:
    made = dataset(api)
    batch = opened(api, made, enableErrorDiagnostics=True)
    found = ingested(api, batch, made, f"{good(1)}\n{wrong(2)}\n{BROKEN}")
    assert (found["status"], found["errors"][0]["recordCount"]) == ("failed", 2)
    meta = f"{EXPORT}/batches/{batch}/meta"
    top = api.ok("GET", meta)["data"]
    assert [f["name"] for f in top] == ["input_files", "row_errors", "row_errors_sample.json"]
    files = api.ok("GET", meta, params={"path": "row_errors"})["data"]
    assert [f["name"] for f in files] == ["conversion_errors_0.json", "parsing_errors_0.json"]
    texts = [api.send("GET", f["_links"]["self"]["href"]) for f in files]
    assert [len(t.content) for t in texts] == [f["length"] for f in files]
    one = api.send("GET", files[0]["_links"]["self"]["href"], {"Accept": "application/json"}).json()["data"]
    assert one == [json.loads(texts[0].text)]
    (told,) = api.ok("GET", meta, params={"path": "input_files/"})["data"]
    names = json.loads(api.send("GET", told["_links"]["self"]["href"]).text)
    assert (names["name"], names["length"]) == ("part-0", len(f"{good(1)}\n{wrong(2)}\n{BROKEN}"))
    sample = api.send("GET", meta, params={"path": "row_errors_sample.json"}).text.splitlines()
    assert {json.loads(line)["row"] for line in sample} == {2, 3}
    assert api.send("GET", meta, params={"path": "nothing"}).status_code == 404
    assert api.send("GET", f"{EXPORT}/batches/{batch}/failed", params={"path": "x"}).status_code == 404
    assert api.on("dev").send("GET", meta).status_code == 404
    assert len(api.ok("GET", f"{EXPORT}/batches/{batch}/failed", params={"start": 1, "limit": 1})["data"]) == 1


def test_without_being_asked_nothing_is_kept_and_nothing_set_aside(api: Api) -> None:
    made = dataset(api)
    batch = opened(api, made)
    found = ingested(api, batch, made, f"{good(1)}\n{wrong(2)}")
    assert (found["status"], found["errors"][0]["rows"][0]["row"]) == ("failed", 2)
    assert api.ok("GET", f"{EXPORT}/batches/{batch}/meta")["data"] == []
    assert api.ok("GET", f"{EXPORT}/batches/{batch}/failed")["data"] == []
    for percentage in (-1, 101, "some"):
        body = {"datasetId": made, "partialIngestionPercentage": percentage}
        assert api.send("POST", f"{IMPORT}/batches", json=body).status_code == 400


def test_a_file_that_cannot_be_read_fails_the_batch_whatever_may_be_set_aside(api: Api) -> None:
    made = dataset(api)
    batch = opened(api, made, partialIngestionPercentage=100)
    assert ingested(api, batch, made, f'[{good(1)}, {{"_id"]')["status"] == "failed"
    assert seen(api, made) == []


def test_what_is_kept_goes_after_its_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    made = dataset(api)
    batch = opened(api, made, partialIngestionPercentage=100)
    ingested(api, batch, made, wrong(1))
    platform = api.platform
    maintain.sweep(platform.store, platform.settings, older_than_s=-60)
    assert len(set_aside(api, batch)) == 1
    monkeypatch.setattr(maintain, "DIAGNOSTICS_AGE", timedelta(seconds=-60))
    maintain.sweep(platform.store, platform.settings, older_than_s=-60)
    assert set_aside(api, batch) == []
    assert list(platform.settings.diagnostics.iterdir()) == []
    assert ended(api, batch)["status"] == "success"


def promote(home: Path, batch_id: str) -> None:
    """Publish a batch, in the process that is killed."""
    Platform(Settings.load(home)).ingest.promote(batch_id)


@pytest.mark.parametrize("point", ["ingest.diagnostics-placed", "ingest.converted", "lake.publish.before-commit"])
def test_rows_are_set_aside_once(tmp_path: Path, point: str) -> None:
    home = tmp_path / "home"
    with served(home) as api:
        made = dataset(api)
        batch = opened(api, made, partialIngestionPercentage=50)
        path = f"{IMPORT}/batches/{batch}/datasets/{made}/files/a"
        api.send("PUT", path, content=f"{good(1)}\n{wrong(2)}".encode())
    children.killed(promote, home, batch, crash_at=point)
    with served(home) as api:
        assert (seen(api, made), set_aside(api, batch)) == ([], [])
        api.platform.ingest.promote(batch)
        assert (seen(api, made), len(set_aside(api, batch))) == (["g0001"], 1)
        maintain.sweep(api.platform.store, api.platform.settings, older_than_s=-60)
        assert len(list(api.platform.settings.diagnostics.iterdir())) == 3

"""Files of batches and datasets, and what is in them, as Catalog, Data Access and Batch Ingestion show it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.rest.api import Api, served
from tests.rest.resources import CATALOG, dataset
from tests.rest.test_batches import IMPORT
from tests.rest.test_revert import EXPORT, revert, sent


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("data-access")) as opened:
        yield opened


# -- previews -----------------------------------------------------------------------------------------------------


def opened(api: Api, form: str, *files: bytes, **said: Any) -> tuple[str, str]:
    """A batch with files that is not completed; return its id and where its preview is."""
    made = dataset(api)
    body = {"datasetId": made, "inputFormat": {"format": form, **said}}
    batch = api.ok("POST", f"{IMPORT}/batches", body)["id"]
    at = f"{IMPORT}/batches/{batch}/datasets/{made}"
    for number, file in enumerate(files):
        assert api.send("PUT", f"{at}/files/part-{number}", content=file).status_code == 200
    return batch, f"{at}/preview"


def test_csv_is_shown_as_it_was_written(api: Api) -> None:
    text = "n;who\n1;'Zoë; \\'B\\''\n2;x\n3;\n".encode("latin-1")
    _, preview = opened(api, "csv", text)
    how = {"delimiter": ";", "quote": "'", "escape": "\\", "charset": "ISO-8859-1", "header": True, "nrow": 2}
    found = api.ok("GET", preview, params=how)
    assert found["data"] == [{"n": "1", "who": "Zoë; 'B'"}, {"n": "2", "who": "x"}]
    assert [column["name"] for column in found["schema"]["columns"]] == ["n", "who"]
    bare = api.ok("GET", preview, params={**how, "header": False, "nrow": 100})["data"]
    assert [next(iter(row.values())) for row in bare] == ["n", "1", "2", "3"]
    assert bare[-1][list(bare[-1])[1]] is None
    for wrong in ({"delimiter": "ab"}, {"quote": ";"}, {"charset": "klingon"}, {"nrow": 0}, {"nrow": 101}):
        assert api.send("GET", preview, params={**how, **wrong}).status_code == 400
    _, preview = opened(api, "csv", b'a,b\n1,"say ""x"""\n')
    assert api.ok("GET", preview)["data"] == [{"a": "1", "b": 'say "x"'}]
    assert api.ok("GET", preview, params={"escape": "\\"})["data"][0]["a"] == "1"


def test_the_delimiter_of_the_batch_is_the_default(api: Api) -> None:
    _, preview = opened(api, "csv", b"a|b\n1|2\n", delimiter="|")
    assert api.ok("GET", preview)["data"] == [{"a": "1", "b": "2"}]


def test_files_of_a_batch_are_shown_together(api: Api) -> None:
    batch, preview = opened(api, "json", b'[{"a": 1}, {"a": 2}]', b'{"a": 3, "b": {"c": [4]}}\n{"a": 5}\n')
    found = api.ok("GET", preview, params={"nrow": 3})
    assert [row["a"] for row in found["data"]] == ["1", "2", "3"]
    assert json.loads(found["data"][2]["b"]) == {"c": [4]}
    assert [column["name"] for column in found["schema"]["columns"]] == ["a", "b"]
    api.ok("POST", f"{IMPORT}/batches/{batch}?action=ABORT")
    assert api.send("GET", preview).status_code == 409
    _, nothing = opened(api, "json")
    assert api.ok("GET", nothing) == {"format": "flat", "schema": {"columns": []}, "data": []}


def test_a_file_that_cannot_be_read_is_named(api: Api) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), sink)
    _, preview = opened(api, "parquet", sink.getvalue())
    assert api.ok("GET", preview)["data"] == [{"a": "1"}]
    _, preview = opened(api, "parquet", b"no such thing")
    refused = api.send("GET", preview)
    assert (refused.status_code, '"part-0"' in refused.json()["detail"]) == (400, True)
    assert str(api.platform.settings.staging) not in refused.text


def test_a_dataset_shows_its_first_rows(api: Api) -> None:
    made = dataset(api)
    assert api.ok("GET", f"{EXPORT}/datasets/{made}/preview") == {"data": []}
    first = sent(api, made, "a", "b")
    sent(api, made, *(f"c{n}" for n in range(200)))
    rows = api.ok("GET", f"{EXPORT}/datasets/{made}/preview")["data"]
    assert (len(rows), rows[0]) == (100, {"_id": f"{first}-a", "personID": "a"})
    assert api.send("GET", f"{EXPORT}/datasets/{'0' * 24}/preview").status_code == 404


# -- files --------------------------------------------------------------------------------------------------------


def test_files_come_whole_or_in_ranges(api: Api) -> None:
    made = dataset(api)
    batch = sent(api, made, "a", "b")
    (file,) = api.ok("GET", f"{EXPORT}/batches/{batch}/files")["data"]
    at = f"{EXPORT}/files/{file['dataSetFileId']}"
    (told,) = api.ok("GET", at)["data"]
    how = {"path": told["name"]}
    whole = api.send("GET", at, params=how)
    assert pq.read_table(io.BytesIO(whole.content))["personID"].to_pylist() == ["a", "b"]
    assert len(whole.content) == told["length"]
    part = api.send("GET", at, {"Range": "bytes=4-9"}, params=how)
    assert (part.status_code, part.content) == (206, whole.content[4:10])
    assert part.headers["Content-Range"] == f"bytes 4-9/{told['length']}"
    assert api.send("GET", at, {"Range": f"bytes={told['length']}-"}, params=how).status_code == 416
    head = api.send("HEAD", at, params=how)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(told["length"])
    assert api.send("HEAD", at, params={"path": "other.parquet"}).status_code == 404
    assert api.on("dev").send("GET", at).status_code == 404


def test_files_are_listed_by_batch_by_dataset_and_by_view(api: Api) -> None:
    made = dataset(api)
    one, two, three = (sent(api, made, person) for person in "abc")
    listed = api.ok("GET", f"{EXPORT}/batches/{one}/files", params={"start": 1, "limit": 1})
    assert listed == {"data": [], "_page": {"limit": 1, "count": 1}}
    revert(api, two)
    assert api.ok("GET", f"{CATALOG}/dataSetFiles", params={"batchId": two}) == {}
    files = api.ok("GET", f"{CATALOG}/dataSetFiles", params={"dataSetId": made})
    assert [(f["batchId"], f["records"]) for f in files.values()] == [(one, 1), (three, 1)]
    assert list(api.ok("GET", f"{CATALOG}/dataSetFiles", params={"batchId": three})) == list(files)[1:]
    assert list(api.ok("GET", f"{CATALOG}/dataSetFiles", params={"dataSetId": made, "start": 1})) == list(files)[1:]
    assert api.send("GET", f"{CATALOG}/dataSetFiles").status_code == 400
    for file in files:
        assert api.send("HEAD", f"{EXPORT}/files/{file}").status_code == 200

    view = api.ok("GET", f"{CATALOG}/dataSets/{made}")[made]["viewId"]
    views = api.ok("GET", f"{CATALOG}/dataSets/{made}/views")
    assert views == api.ok("GET", f"{CATALOG}/dataSets/{made}/views/{view}")
    assert (list(views), views[view]["dataSetId"]) == ([view], made)
    assert api.ok("GET", f"{CATALOG}/dataSets/{made}/views/{view}/files") == files
    assert api.send("GET", f"{CATALOG}/dataSets/{made}/views/other").status_code == 404


def test_the_newest_batches_of_datasets(api: Api) -> None:
    first, second, without = (dataset(api) for _ in range(3))
    sent(api, first, "a")
    newest = [sent(api, first, "b"), sent(api, second, "c")]
    (last,) = api.ok("GET", f"{CATALOG}/lastBatches", params={"dataSetId": first})
    assert (last["id"], last["status"]) == (newest[0], "success")
    assert api.ok("GET", f"{CATALOG}/lastBatches", params={"dataSetId": without}) == []
    all_ = api.ok("GET", f"{CATALOG}/lastBatches", params={"limit": 2, "properties": "id"})
    assert all_ == [{"id": newest[1]}, {"id": newest[0]}]
    assert api.ok("GET", f"{CATALOG}/lastBatches", params={"status": "failed"}) == []


def test_what_can_be_listed_is_told(api: Api) -> None:
    assert "@/dataSets" in api.ok("GET", f"{CATALOG}/")

"""Batches that are replaced, taken back and taken in part, with each release of aepp."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.aepp.clients import RELEASES, Aep, aep
from tests.rest.resources import CATALOG, PROFILE, SCHEMAS


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aep]:
    with aep(tmp_path_factory.mktemp("batches")) as opened:
        yield opened


@pytest.mark.parametrize("release", [RELEASES[0], RELEASES[-1]])
def test_what_becomes_of_batches(platform: Aep, release: str) -> None:
    with platform.http() as http:
        body = {"title": f"people {release}", "type": "object", "allOf": [{"$ref": PROFILE}]}
        schema = http.post(f"{SCHEMAS}/schemas", json=body).json()["$id"]
        made = http.post(f"{CATALOG}/dataSets", json={"name": release, "schemaRef": {"id": schema}}).json()
    out = platform.run("batches.py", release, dataset=made[0].rpartition("/")[2])
    assert (out["preview"], out["magic"]) == (["a", "b"], "PAR1")
    assert out["length"][0] == out["length"][1]
    assert out["people"] == [["a", "b", "c"], ["x", "y"], ["z"]]
    assert out["status"] == ["success", "inactive", "inactive", "inactive"]
    assert out["active"] == [True, True, True]
    meta = ["input_files", "row_errors", "row_errors_sample.json"]
    assert out["partial"] == ["success", 1, 2, "personID", meta]
    assert (out["last"], out["resources"], out["views"], out["view"], out["files"]) == (
        [False],
        True,
        True,
        True,
        [True],
    )

"""From a schema to an audience with each release of aepp, as the notebooks go; nothing of it is patched."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import adlfs
import pandas as pd
import pytest

from tests.aepp.clients import RELEASES, Aep, aep

PEOPLE = 40


@pytest.fixture(scope="module", params=RELEASES)
def journey(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Aep, str]]:
    with aep(tmp_path_factory.mktemp("journey")) as platform:
        yield platform, request.param


def zone(told: dict[str, Any], endpoint: str) -> adlfs.AzureBlobFileSystem:
    """The landing zone as adlfs sees it through the credentials that aepp was given."""
    how = f"BlobEndpoint={endpoint}/{told['storageAccountName']};SharedAccessSignature={told['SASToken']}"
    return adlfs.AzureBlobFileSystem(connection_string=how, skip_instance_cache=True)


def test_the_life_cycle(journey: tuple[Aep, str]) -> None:
    platform, release = journey
    has_pg = importlib.util.find_spec("pg") is not None
    out = platform.run("there.py", release, name="cmle", people=PEOPLE, features="cmle_features", pygresql=has_pg)
    tenant = out["tenant"]
    assert out["versions"] == ["1.0", "1.1", "1.1", ["union"]]
    assert (out["titles"], out["groups"]) == (["cmle"], ["cmle fields"])
    assert out["whole"] == ["propensity", "userid"]
    assert out["flat"] == [f"_{tenant}/propensity", f"_{tenant}/userid", "person/gender"]
    assert (out["descriptors"], out["listed"]) == ([True], [out["schema"]])
    assert (out["table"], out["among"]) == ("cmle_people", True)
    assert out["patched"] == [[f"@/dataSets/{out['dataset']}"]] * 2
    assert out["batches"] == ["success", "success"]
    assert (out["count"], out["rate"], out["history"]) == (PEOPLE, 50.0, 3)
    assert "First 0" in str(out["row"])
    if has_pg:
        assert out["genders"] == ["female", "male"]
    assert (out["job"], out["wrong"], out["features"]) == (["SUCCESS", [], True], ["FAILED", True], 1)
    assert all(out["specs"])
    assert (out["accepted"], out["exported"], out["took"], out["size"]) == (True, PEOPLE // 2, True, 1)
    assert (out["updated"], out["stale"], out["paused"]) == (True, None, True)

    upload, export = out["zones"]
    files = zone(export, platform.url)
    folder = max(files.ls(f"{export['containerName']}/cmle/egress/{out['exportable']}", detail=False))
    (part,) = files.ls(folder, detail=False)
    with files.open(part, "rb") as handle:
        features = pd.read_parquet(handle)
    assert sorted(features["userId"]) == [f"{n:038d}" for n in range(0, PEOPLE, 2)]

    scores = features[["userId"]].assign(prediction=[n / len(features) for n in range(len(features))])
    inbox = f"{upload['containerName']}/cmle/ingress/{out['dataset']}/exportTime=20260101000000"
    writing = zone(upload, platform.url)
    for name, text in (("_SUCCESS", ""), ("part-00000.csv", scores.to_csv(index=False))):
        with writing.open(f"{inbox}/{name}", "wb") as handle:
            handle.write(text.encode())
    likely = scores[scores["prediction"].between(0.2, 0.93)]
    person = likely.iloc[0]
    back = platform.run(
        "back.py", release, name="cmle", schema=out["schema"], path="cmle/ingress", person=person["userId"]
    )
    assert back["run"] == ["success", len(scores)]
    assert (back["among"], back["job"], back["took"]) == (["cmle likely"], "SUCCEEDED", True)
    assert back["members"] == back["counted"] == len(likely)
    assert back["score"] == person["prediction"]
    assert back["name"] == f"First {int(person['userId'])}"
    assert back["in"]

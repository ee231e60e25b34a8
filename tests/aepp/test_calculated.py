"""Data Prep's expressions and mapping sets, and incremental exports, with the newest and the oldest release of aepp."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.aepp.clients import RELEASES, aep


@pytest.mark.parametrize("release", [RELEASES[0], RELEASES[-1]])
def test_fields_are_calculated_and_what_is_new_leaves(tmp_path: Path, release: str) -> None:
    with aep(tmp_path) as platform:
        out = platform.run("calculated.py", release)
    assert {"substr", "date_part", "iif", "to_object"} <= set(out["functions"])
    assert {"+", "==", "&&", "?:"} <= set(out["operators"])
    assert (out["valid"]["valid"], out["valid"]["result"]) == (True, "A")
    assert (out["invalid"]["valid"], out["invalid"]["errors"][0]["position"]) == (False, 0)
    assert (out["refused"]["status"], out["refused"]["details"]["position"]) == (400, 6)
    (tried,) = out["preview"]
    assert (list(tried["data"].values()), tried["errors"]) == ([{"userid": "a", "propensity": 0.25}], [])
    assert (out["one"], out["same"], out["deleted"], out["version"]) == ("clicks / sends", True, 204, 3)
    assert (out["listed"], out["state"]) == ([True], "enabled")
    assert (out["exports"], out["monthly"], out["runs"]) == ([2, 1, 0], "month", 3)

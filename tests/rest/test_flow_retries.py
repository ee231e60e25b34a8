"""Runs of flows that something stopped which may pass: tried again, and told."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rest.api import Api, served
from tests.rest.resources import FLOW, KINDS

LONGEST_S = 60


def export(api: Api) -> str:
    """A flow that exports an empty dataset."""
    return next(kind for kind in KINDS if kind.name == "flow").make(api)


def until(api: Api, run: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        (found,) = api.ok("GET", f"{FLOW}/runs/{run}")["items"]
        if is_so(found):
            return dict(found)
    raise TimeoutError(run)


def test_a_landing_zone_that_comes_back_in_time_costs_a_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMBECK_FLOW_RETRY_S", "1")
    with served(tmp_path / "home") as api:
        zone = api.platform.zone.storage.root
        away = zone.rename(zone.with_name("away"))
        run = api.ok("POST", f"{FLOW}/runs", {"flowId": export(api), "status": "active"})["id"]
        waiting = until(api, run, lambda found: bool(found["activities"]))
        assert "metrics" not in waiting
        away.rename(zone)
        done = until(api, run, lambda found: "metrics" in found)
    assert done["metrics"]["statusSummary"]["status"] == "success"
    assert [activity["name"] for activity in done["activities"]] == ["attempt 1"]


def test_one_that_stays_away_fails_the_run_after_three_tries(tmp_path: Path) -> None:
    with served(tmp_path / "home") as api:
        zone = api.platform.zone.storage.root
        zone.rename(zone.with_name("away"))
        run = api.ok("POST", f"{FLOW}/runs", {"flowId": export(api), "status": "active"})["id"]
        done = until(api, run, lambda found: "metrics" in found)
    summary = done["metrics"]["statusSummary"]
    assert (summary["status"], "is gone" in summary["errors"][0]["message"]) == ("failed", True)
    tries = [activity["statusSummary"]["errors"][0]["message"] for activity in done["activities"]]
    assert (len(tries), all("is gone" in told for told in tries)) == (2, True)

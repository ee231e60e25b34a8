"""A model's life in one home: the champion goes on scoring until it is beaten or replaced, and is watched meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

import limbeck
from limbeck.client import Client
from limbeck.errors import NotFound
from limbeck.propensity import frames
from limbeck.workflow.definition import Definition
from tests.commands import limbeck as command
from tests.shop_definition import models, write

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")

EARLY = {"score = 2026-05-31": "score = 2026-04-25"}
"""A scoring cutoff whose outcomes the shop's events tell."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("life")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    with limbeck.connect(folder / "home") as aep:
        yield aep


def scored(client: Client, folder: Path, name: str, changes: dict[str, str]) -> tuple[Any, pd.DataFrame, Any]:
    """Run the steps of a definition up to its scores, and return the champion, the scores and the newest version."""
    path = write(folder, changes, name)
    with limbeck.steps(Definition.load(path), client, folder / "home") as steps:
        return steps.model, pq.read_table(steps.scores).to_pandas(), steps.trained


def test_nothing_is_to_be_watched_before_anybody_is_scored(client: Client, folder: Path) -> None:
    with pytest.raises(NotFound, match=r"nobody is scored by shop yet; run: limbeck score .*early\.toml"):
        limbeck.monitor(write(folder, EARLY, "early.toml"), client, folder / "home")


def test_a_later_version_that_is_no_better_leaves_the_scores_as_they_are(client: Client, folder: Path) -> None:
    first, before, _ = scored(client, folder, "early.toml", EARLY)
    assert first.version == "1"
    other = {**EARLY, 'candidates = ["logistic"]': 'candidates = ["logistic"]\ncalibration = "sigmoid"'}
    kept, after, newest = scored(client, folder, "other.toml", other)
    assert (kept.version, newest.version, newest.verdict.promoted) == ("1", "2", False)
    assert newest.verdict.told.startswith("version 2 is the challenger")
    assert after.equals(before)
    assert kept.evaluation["test"].keys() == first.evaluation["test"].keys()
    assert kept.evaluation["champion"] == first.evaluation["champion"]

    again, once_more, _ = scored(client, folder, "other.toml", other)
    assert (again, len(models(folder / "home"))) == (kept, 2)
    assert once_more.equals(before)


def test_what_is_promoted_by_hand_scores_and_stays(client: Client, folder: Path) -> None:
    ended = command("promote", folder / "other.toml", "--home", folder / "home", "--json")
    assert (ended.returncode, json.loads(ended.stdout)["version"]) == (0, "2")
    for _ in range(2):
        with limbeck.steps(folder / "other.toml", client, folder / "home") as steps:
            assert steps.model.version == "2"
            assert steps.verdict == "version 2 is the champion now, by a later verdict or by hand"
            assert set(pq.read_table(steps.scores)["version"].to_pylist()) == {"2"}
    assert limbeck.promote(folder / "other.toml", "1", folder / "home").version == "1"
    assert len(models(folder / "home")) == 2


def test_a_champion_whose_features_are_gone_makes_way(client: Client, folder: Path) -> None:
    kept, scores, newest = scored(client, folder, "narrow.toml", {**EARLY, 'city = { attribute = "city" }\n': ""})
    assert kept == newest
    assert "it needs city, which is no longer computed" in kept.verdict.told
    assert set(scores["version"]) == {kept.version}


def test_forecasts_are_watched_until_their_outcomes_are_known(client: Client, folder: Path) -> None:
    kept, scores, _ = scored(client, folder, "early.toml", EARLY)
    found = limbeck.monitor(folder / "early.toml", client, folder / "home")
    assert json.loads(json.dumps(found)) == found

    with limbeck.steps(folder / "early.toml", client, folder / "home") as steps:
        came = frames.read(steps.monitoring().files).set_index("entity_id")["label"]
        training = frames.read(steps.features["train"].files)
    outcome = found["outcome"]
    assert found["outcome_of"] == {"cutoff": "2026-04-25T00:00:00", "version": kept.version}
    assert outcome["people"] == len(scores)
    assert outcome["expected"] == pytest.approx(scores["score"].sum())
    assert outcome["actual"] == came.loc[scores["entity_id"]].sum() > 0
    assert found["drift"]["people"] == {"before": training["entity_id"].nunique(), "now": len(scores)}
    assert {one["feature"] for one in found["drift"]["features"]} == set(kept.question["features"])
    assert found["verdict"] in ("fine", "recalibrate", "retrain")
    page = Path(found["page"]).read_text()
    word, why = found["told"].split(": ", 1)
    assert f"<b>{word.capitalize()}.</b> {why[:1].upper()}{why[1:]}. " in page
    assert all(f'<th scope="row">{name}</th>' in page for name in kept.question["features"])


def test_newer_scores_are_compared_with_training_and_older_ones_with_outcomes(client: Client, folder: Path) -> None:
    scored(client, folder, "shop.toml", {})
    ended = command("monitor", folder / "shop.toml", "--home", folder / "home", "--json")
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert (found["cutoff"], found["outcome_of"]["cutoff"]) == ("2026-05-31T00:00:00", "2026-04-25T00:00:00")

    text = command("monitor", folder / "shop.toml", "--home", folder / "home").stdout
    assert found["told"] in text
    assert "outcomes of those scored as of 2026-04-25T00:00:00" in text

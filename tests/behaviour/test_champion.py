"""Which version scores: the first, one that is better beyond noise, one that alone can, or whom somebody promotes."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient
from sklearn.pipeline import Pipeline

from limbeck.errors import InvalidInput, NotFound
from limbeck.propensity import candidates
from limbeck.workflow import champion
from limbeck.workflow.definition import Definition
from limbeck.workflow.logged import Record, question
from limbeck.workflow.tracking import Kept, Tracking, Verdict
from tests.shop_definition import write

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")

FEATURES = ["visits", "spend"]
ASKED = {"goal": "buys", "entity": None, "features": {"visits": {"of": 1}, "spend": {"of": 2}}}
CUTOFF = datetime(2026, 4, 20)


def people(seed: int, count: int = 800) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({"visits": draw.normal(size=count), "spend": draw.normal(size=count)})
    frame["age"] = draw.integers(18, 90, count)
    frame["label"] = (draw.random(count) < 1 / (1 + np.exp(-frame["visits"]))).astype(int)
    return frame


def model(labels: str) -> Pipeline:
    """A model that learnt from true labels, or from what tells nothing of them."""
    frame = people(1)
    if labels == "other":
        frame["label"] = (frame["spend"] > 0).astype(int)
    return candidates.logistic(frame[[*FEATURES, "label"]], C=1.0).fit(frame[FEATURES], frame["label"])


@pytest.fixture(scope="module")
def models() -> dict[str, Pipeline]:
    return {labels: model(labels) for labels in ("true", "other")}


@pytest.fixture(scope="module")
def test_set(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    path, frame = tmp_path_factory.mktemp("sets") / "test.parquet", people(3)
    keys = {"entity_id": [f"p{n}" for n in range(len(frame))], "cutoff": [CUTOFF] * len(frame)}
    pq.write_table(pa.table({**keys, **{name: frame[name].to_numpy() for name in (*FEATURES, "age", "label")}}), path)
    return [path]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def tracking(home: Path) -> Tracking:
    return Tracking(home)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return "".join(c if c.isalnum() else "_" for c in request.node.name)


def keep(
    tracking: Tracking, name: str, key: str, trained: Pipeline, asked: Any = ASKED, until: datetime | None = None
) -> Kept:
    return tracking.keep(name, key, trained, Record({}, {"base_rate": 0.5}, people(1)[FEATURES], asked, until))


def judged(tracking: Tracking, kept: Kept, files: list[Path], asked: Any = ASKED) -> Verdict:
    """Judge a version, as a run does after training, and set the aliases."""
    verdict = champion.judge(tracking, kept, asked, files, 100, 1)
    tracking.settle(kept, verdict)
    assert tracking.version(kept.name, kept.version).verdict == verdict
    return verdict


def test_the_first_version_is_the_champion(
    tracking: Tracking, name: str, models: dict[str, Pipeline], test_set: list[Path]
) -> None:
    kept = keep(tracking, name, "k1", models["other"])
    assert champion.standing(tracking, kept, ASKED) is None
    assert judged(tracking, kept, test_set) == Verdict(True, "version 1 is the champion: there is no other yet")
    settled = tracking.version(name, "1")
    assert champion.standing(tracking, settled, ASKED) == settled == tracking.champion(name)


def test_a_version_that_is_better_beyond_noise_is_promoted(
    tracking: Tracking, name: str, models: dict[str, Pipeline], test_set: list[Path]
) -> None:
    judged(tracking, keep(tracking, name, "k1", models["other"]), test_set)
    verdict = judged(tracking, keep(tracking, name, "k2", models["true"]), test_set)
    assert verdict.promoted
    assert verdict.told.startswith(
        "version 2 is the champion: it is better than version 1 beyond noise. For the same 800"
    )
    assert verdict.comparison["roc_auc"]["gain"]["low"] > 0
    assert tracking.champion(name).version == "2"


@pytest.mark.parametrize("later", ["true", "other"])
def test_a_version_that_is_not_is_the_challenger_and_stays_it(
    tracking: Tracking, name: str, models: dict[str, Pipeline], test_set: list[Path], later: str
) -> None:
    judged(tracking, keep(tracking, name, "k1", models["true"], until=CUTOFF), test_set)
    verdict = judged(tracking, keep(tracking, name, "k2", models[later]), test_set)
    assert not verdict.promoted
    assert "version 2 is the challenger: it is not better than version 1 beyond noise" in verdict.told
    assert "`limbeck promote DEFINITION 2`" in verdict.told
    assert "at a disadvantage" not in verdict.told
    assert (tracking.champion(name).version, tracking.version(name).version) == ("1", "2")
    again = tracking.find(name, "k2")
    assert again is not None
    assert champion.standing(tracking, again, ASKED) == tracking.champion(name)


def test_a_champion_that_learnt_from_what_is_judged_on_is_told_of(
    tracking: Tracking, name: str, models: dict[str, Pipeline], test_set: list[Path]
) -> None:
    judged(tracking, keep(tracking, name, "k1", models["true"], until=datetime(2026, 4, 21)), test_set)
    verdict = judged(tracking, keep(tracking, name, "k2", models["true"]), test_set)
    assert "at a disadvantage: version 1 learnt from outcomes of that time" in verdict.told


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({**ASKED, "features": {"spend": {"of": 2}}}, "it needs visits, which is no longer computed"),
        (
            {**ASKED, "features": {**ASKED["features"], "visits": {"of": 9}}},
            "it needs visits, which is computed otherwise",
        ),
        ({**ASKED, "goal": "returns"}, "it forecasts another goal"),
        ({**ASKED, "entity": "pairs"}, "it forecasts another goal, or for others"),
    ],
)
def test_a_champion_that_cannot_answer_makes_way(
    tracking: Tracking, name: str, models: dict[str, Pipeline], test_set: list[Path], asked: Any, told: str
) -> None:
    judged(tracking, keep(tracking, name, "k1", models["true"]), test_set)
    verdict = judged(tracking, keep(tracking, name, "k2", models["other"], asked), test_set, asked)
    assert verdict.promoted
    assert f"version 1, the champion before, cannot score these people any more, as {told}" in verdict.told
    assert tracking.champion(name).version == "2"


def test_back_to_a_definition_of_before_its_version_is_champion_again(
    tracking: Tracking, name: str, models: dict[str, Pipeline], test_set: list[Path]
) -> None:
    other = {**ASKED, "goal": "returns"}
    judged(tracking, keep(tracking, name, "k1", models["true"]), test_set)
    judged(tracking, keep(tracking, name, "k2", models["true"], other), test_set, other)
    first = tracking.find(name, "k1")
    assert first is not None
    assert champion.standing(tracking, first, ASKED) is None
    assert judged(tracking, first, test_set).promoted
    assert tracking.champion(name).version == "1"


def test_a_feature_more_is_no_reason(
    tracking: Tracking, name: str, models: dict[str, Pipeline], test_set: list[Path]
) -> None:
    judged(tracking, keep(tracking, name, "k1", models["true"]), test_set)
    wider = {**ASKED, "features": {**ASKED["features"], "age": {}}}
    assert not judged(tracking, keep(tracking, name, "k2", models["true"], wider), test_set, wider).promoted


def test_a_verdict_that_took_no_effect_does_so_as_it_was(
    tracking: Tracking, home: Path, name: str, models: dict[str, Pipeline], test_set: list[Path]
) -> None:
    """What a crash between verdict and alias leaves."""
    judged(tracking, keep(tracking, name, "k1", models["true"]), test_set)
    keep(tracking, name, "k2", models["other"])
    verdict = {"promoted": True, "told": "as it was", "comparison": {"people": 3}}
    uri = f"sqlite:///{home / 'mlflow.db'}"
    MlflowClient(uri, uri).set_model_version_tag(name, "2", "limbeck.verdict", json.dumps(verdict))
    found = tracking.find(name, "k2")
    assert found is not None
    assert champion.standing(tracking, found, ASKED) is None
    assert judged(tracking, found, []) == Verdict(**verdict)
    assert tracking.champion(name).version == "2"


# -- by hand ------------------------------------------------------------------------------------------------------


def test_by_hand_any_version_that_answers_the_question(
    tracking: Tracking, home: Path, tmp_path: Path, models: dict[str, Pipeline], test_set: list[Path]
) -> None:
    path = write(tmp_path)
    asked = question(Definition.load(path))
    judged(tracking, keep(tracking, "shop", "k1", models["true"], {**asked, "features": {}}), [], asked)
    second = keep(tracking, "shop", "k2", models["true"], {**asked, "features": {}})
    tracking.settle(second, Verdict(False, "no better"))

    assert champion.promote(path, home=home).version == "2"
    assert tracking.champion("shop").version == "2"
    again = tracking.find("shop", "k2")
    assert again is not None
    assert champion.standing(tracking, again, {**asked, "features": {}}) == again
    assert champion.promote(path, "1", home).version == "1"
    again = tracking.find("shop", "k2")
    assert again is not None
    assert champion.standing(tracking, again, asked) == tracking.champion("shop") == tracking.version("shop", "1")

    with pytest.raises(NotFound, match="shop has no challenger; say which version"):
        champion.promote(path, home=home)
    with pytest.raises(NotFound, match="has no version 7"):
        champion.promote(path, "7", home)
    foreign = keep(tracking, "shop", "k3", models["true"])
    with pytest.raises(InvalidInput, match=r"version 3 of shop cannot score what .*shop\.toml asks, as it forecasts"):
        champion.promote(path, foreign.version, home)
    assert tracking.champion("shop").version == "1"

"""A model's life in one home: the champion goes on scoring until it is beaten or replaced, and is watched meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import limbeck
from limbeck.client import Client
from limbeck.errors import NotFound
from limbeck.propensity import frames
from limbeck.propensity.fit import inputs_of
from limbeck.workflow.definition import Definition
from tests import elsewhere
from tests.commands import limbeck as command
from tests.shop_definition import models, write

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")

EARLY = {"score = 2026-05-31": "score = 2026-04-25"}
"""A scoring cutoff whose outcomes the shop's events tell."""
OTHER = {
    **EARLY,
    'candidates = ["logistic"]': 'candidates = ["logistic"]\ncalibration = "sigmoid"',
    "test = 2026-04-20": "test = [2026-04-06, 2026-04-20]",
}
"""Another model of the same people, judged at two cutoffs."""
ALIAS = "models:/shop@champion"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("life")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    with limbeck.connect(folder / "home") as aep:
        yield aep


RECENT = {'windows = ["ever", "28 days"]': 'windows = ["28 days"]'}
"""Without features that grow with the history: they shift though nobody has changed."""
CHANGE = pd.Timestamp("2026-04-25")
"""From here on, the scoring cutoff, the world is another in what follows."""


def same(events: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    """Nothing has changed."""
    return events


def rarer(events: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    """Two of three purchases do not happen any more, whoever makes them."""
    return events[(events["kind"] != "purchase") | (draw.random(len(events)) < 1 / 3)]


def others(events: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    """As many people buy as before, but it is others: who looks often no longer does."""
    people = events["customer"].unique()
    instead = dict(zip(people, draw.permutation(people), strict=True))
    bought = events["kind"] == "purchase"
    return events.assign(customer=events["customer"].map(instead).where(bought, events["customer"]))


def busier(events: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    """Everybody looks three times as often."""
    looked = events[events["kind"] == "view"]
    again = [looked.assign(number=looked["number"] + f"-{n}") for n in (1, 2)]
    return pd.concat([events, *again])


def world(path: Path, change: Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]) -> None:
    """Let the events of the file be others from `CHANGE` on."""
    events = pd.read_parquet(path)
    before, after = events[events["at"] < CHANGE], events[events["at"] >= CHANGE]
    pd.concat([before, change(after, np.random.default_rng(1))]).sort_values(["at", "number"]).to_parquet(
        path, index=False
    )


Scored = tuple[Any, pd.DataFrame, Any]
"""The champion, its scores, and the newest version."""


def scored(client: Client, folder: Path, name: str, changes: dict[str, str]) -> Scored:
    """Run the steps of a definition up to its scores, and return the champion, the scores and the newest version."""
    path = write(folder, changes, name)
    with limbeck.steps(Definition.load(path), client, folder / "home") as steps:
        return steps.model, pq.read_table(steps.scores).to_pandas(), steps.trained


@pytest.fixture(scope="module")
def early(client: Client, folder: Path) -> Scored:
    return scored(client, folder, "early.toml", EARLY)


@pytest.fixture(scope="module")
def other(client: Client, folder: Path, early: Scored) -> Scored:
    """After the first version."""
    assert early
    return scored(client, folder, "other.toml", OTHER)


def test_nothing_is_to_be_watched_before_anybody_is_scored(client: Client, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nobody is scored by shop yet; run: limbeck score .*early\.toml"):
        limbeck.monitor(write(tmp_path, EARLY, "early.toml"), client, tmp_path / "home")


def test_a_later_version_that_is_no_better_leaves_the_scores_as_they_are(
    client: Client, folder: Path, early: Scored, other: Scored
) -> None:
    first, before, _ = early
    kept, after, newest = other
    assert first.version == "1"
    assert (kept.version, newest.version, newest.verdict.promoted) == ("1", "2", False)
    assert newest.verdict.told.startswith("version 2 is the challenger")
    assert "For the same 300 people of 2026-04-06 to 2026-04-20" in newest.verdict.told
    assert after["score"].equals(before["score"])
    assert kept.evaluation["test"].keys() == first.evaluation["test"].keys()
    assert kept.evaluation["champion"] == first.evaluation["champion"]
    *once, alone = first.evaluation["moments"]
    *trained, earlier, last = kept.evaluation["moments"]  # at both cutoffs of the later definition
    assert trained == once
    assert [moment["since"][:10] for moment in (earlier, last)] == ["2026-04-06", "2026-04-20"]
    assert last["measures"] == alone["measures"]
    assert kept.evaluation["test"]["roc_auc"] != first.evaluation["test"]["roc_auc"]
    assert "beside" in last

    again, once_more, _ = scored(client, folder, "other.toml", OTHER)
    assert (again, len(models(folder / "home"))) == (kept, 2)
    assert once_more.equals(after)


@pytest.mark.usefixtures("other")
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


@pytest.mark.usefixtures("other")
def test_the_champion_is_loaded_by_its_alias_where_limbeck_is_not(client: Client, folder: Path, tmp_path: Path) -> None:
    with limbeck.steps(folder / "other.toml", client, folder / "home") as steps:
        asked, kept = inputs_of(frames.read(steps.features["score"].files)), steps.model
        wanted = steps.pipeline.predict_proba(asked)
    asked.to_parquet(tmp_path / "asked.parquet")
    (model,) = (folder / "home" / "models").glob(f"**/{kept.run_id}/artifacts/model")
    required = {*elsewhere.required(model), f"lightgbm=={version('lightgbm')}"}  # as tests.environments has it ready
    store = f"sqlite:///{folder / 'home' / 'mlflow.db'}"
    found = elsewhere.forecasts(required, tmp_path / "asked.parquet", ALIAS, MLFLOW_TRACKING_URI=store)
    assert np.array(found[ALIAS]) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.usefixtures("early")
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


@pytest.mark.usefixtures("early")
def test_newer_scores_are_compared_with_training_and_older_ones_with_outcomes(client: Client, folder: Path) -> None:
    scored(client, folder, "shop.toml", {})
    ended = command("monitor", folder / "shop.toml", "--home", folder / "home", "--json")
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert (found["cutoff"], found["outcome_of"]["cutoff"]) == ("2026-05-31T00:00:00", "2026-04-25T00:00:00")

    text = command("monitor", folder / "shop.toml", "--home", folder / "home").stdout
    assert found["told"] in text
    assert "outcomes of those scored as of 2026-04-25T00:00:00" in text


@pytest.mark.parametrize(
    ("change", "cutoff", "told"),
    [
        (same, EARLY, "fine: forecasts came true as well as they should"),
        (rarer, EARLY, "recalibrate: the ranking holds, and"),
        (others, EARLY, "retrain: the scores rank people worse than in the test"),
        (busier, {}, "retrain: of the features that matter, these shifted strongly: views_28d"),
    ],
)
def test_what_changes_in_the_world_after_training_is_told(
    client: Client, folder: Path, tmp_path: Path, change: Any, cutoff: dict[str, str], told: str
) -> None:
    """Outcomes of those who were scored before the change, or the features of those who are scored after it."""
    scored(client, folder, "recent.toml", {**RECENT, **EARLY})
    path = write(tmp_path, {**RECENT, **cutoff})
    world(tmp_path / "events.parquet", change)
    if not cutoff:
        with limbeck.steps(path, client, folder / "home") as steps:
            steps.scores
    assert limbeck.monitor(path, client, folder / "home")["told"].startswith(told)

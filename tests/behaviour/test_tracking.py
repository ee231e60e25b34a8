"""What training made is kept in the home and nowhere else, found again by its key, and loaded without pickle."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.pipeline import Pipeline

from limbeck.errors import NotFound
from limbeck.propensity import candidates, frames
from limbeck.workflow.tracking import Kept, Tracking

# MLflow uses what SQLAlchemy wants to give up, and warns of its own types.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]

EVALUATION = {"test": {"roc_auc": {"value": 0.8, "low": 0.7, "high": 0.9}}, "champion": "logistic", "known": None}
KINDS = ["logistic", "lightgbm", "hist_gradient_boosting"]


class NoOpenMP:
    """A machine that lacks LightGBM's system library."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")


def people(seed: int, count: int = 200) -> pd.DataFrame:
    """Features of all kinds, with gaps."""
    draw = np.random.default_rng(seed)
    visits = draw.normal(size=count)
    frame = pd.DataFrame({"visits": visits, "spend": np.exp(draw.normal(size=count))})
    frame.loc[draw.random(count) < 0.2, "spend"] = np.nan
    frame["city"] = pd.Series(draw.choice(["Oslo", "Rome", "Riga"], count), dtype="str").where(visits > -1)
    frame["label"] = (draw.random(count) < 1 / (1 + np.exp(-visits))).astype(int)
    return frame


def inputs(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frames.features_of(frame)]


@pytest.fixture(scope="module")
def trained() -> dict[str, Pipeline]:
    """A model of each kind, that which stands in for LightGBM among them."""
    frame, found = people(1), list(candidates.candidates(["logistic", "lightgbm"], 5, str))
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in sys.modules if name.partition(".")[0] == "lightgbm"]:
            patch.delitem(sys.modules, name)
        patch.setattr(sys, "meta_path", [NoOpenMP(), *sys.meta_path])
        found += candidates.candidates(["lightgbm"], 5, str)
    assert [candidate.name for candidate in found] == KINDS
    return {c.name: c.build(frame, **c.settings[0]).fit(inputs(frame), frame["label"]) for c in found}


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that holds all that a process may write to: `a home`, and the empty `here`, `user` and `temporary`."""
    folder = tmp_path_factory.mktemp("around")
    for name in ("a home", "here", "user", "temporary"):
        (folder / name).mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / "here")
        patch.setenv("HOME", str(folder / "user"))
        patch.setattr(tempfile, "tempdir", str(folder / "temporary"))
        yield folder


@pytest.fixture
def tracking(around: Path) -> Tracking:
    """The store of one home for all tests; each has a name of its own for its models."""
    return Tracking(around / "a home")


@pytest.fixture
def mlflow(around: Path, tracking: Tracking) -> MlflowClient:
    """The same store as MLflow shows it to anyone."""
    tracking.find("nothing", "k")
    uri = f"sqlite:///{around / 'a home' / 'mlflow.db'}"
    return MlflowClient(uri, uri)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return "".join(c if c.isalnum() else "_" for c in request.node.name)


def keep(tracking: Tracking, name: str, key: str, model: Pipeline) -> Kept:
    return tracking.keep(name, key, model, {"candidate": "logistic", "C": 0.1}, {"roc_auc": 0.8}, EVALUATION)


# -- keeping and finding ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_is_found_and_predicts_as_before(
    tracking: Tracking, trained: dict[str, Pipeline], name: str, kind: str
) -> None:
    before = datetime.fromtimestamp(int(datetime.now(UTC).timestamp()), UTC)
    kept = keep(tracking, name, "k1", trained[kind])
    assert (kept.name, kept.version, kept.evaluation) == (name, "1", EVALUATION)
    assert before <= kept.trained <= datetime.now(UTC)

    found = tracking.find(name, "k1")
    assert found == kept == tracking.champion(name)
    asked = inputs(people(2))
    loaded = tracking.load(found)
    assert loaded.predict_proba(asked).tolist() == trained[kind].predict_proba(asked).tolist()


def test_settings_and_measures_are_those_of_the_run(
    tracking: Tracking, mlflow: MlflowClient, trained: dict[str, Pipeline], name: str
) -> None:
    run = mlflow.get_run(keep(tracking, name, "k1", trained["logistic"]).run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"candidate": "logistic", "C": "0.1"}
    assert run.data.metrics == {"roc_auc": 0.8}


def test_what_was_never_kept_is_not_found(tracking: Tracking, trained: dict[str, Pipeline], name: str) -> None:
    assert tracking.find(name, "k1") is None
    keep(tracking, name, "k1", trained["logistic"])
    assert tracking.find(name, "k2") is None
    assert tracking.find(f"{name}_other", "k1") is None


def test_another_key_makes_a_new_version_and_the_champion_moves(
    tracking: Tracking, trained: dict[str, Pipeline], name: str
) -> None:
    first = keep(tracking, name, "k1", trained["logistic"])
    second = keep(tracking, name, "k2", trained["lightgbm"])
    assert [first.version, second.version] == ["1", "2"]
    assert tracking.champion(name) == second

    assert tracking.find(name, "k1") == first
    assert tracking.champion(name) == first
    asked = inputs(people(2))
    for kept, kind in ((first, "logistic"), (second, "lightgbm")):
        loaded = tracking.load(kept)
        assert loaded.predict_proba(asked).tolist() == trained[kind].predict_proba(asked).tolist()


def test_names_have_champions_of_their_own(tracking: Tracking, trained: dict[str, Pipeline], name: str) -> None:
    first = keep(tracking, name, "k1", trained["logistic"])
    other = keep(tracking, f"{name}_other", "k1", trained["logistic"])
    assert (tracking.champion(name), tracking.champion(f"{name}_other")) == (first, other)
    assert first.run_id != other.run_id


def test_without_a_champion_the_command_to_run_is_told(
    tracking: Tracking, mlflow: MlflowClient, trained: dict[str, Pipeline], name: str
) -> None:
    with pytest.raises(NotFound, match=f"no champion of {name}; run: limbeck train"):
        tracking.champion(name)
    keep(tracking, name, "k1", trained["logistic"])
    mlflow.delete_registered_model_alias(name, "champion")
    with pytest.raises(NotFound, match="limbeck train"):
        tracking.champion(name)


# -- after a crash ------------------------------------------------------------------------------------------------


def test_a_run_that_was_left_running_is_failed_and_its_key_trained_anew(
    tracking: Tracking, mlflow: MlflowClient, trained: dict[str, Pipeline], name: str
) -> None:
    kept = keep(tracking, name, "k1", trained["logistic"])
    experiment = mlflow.get_run(kept.run_id).info.experiment_id
    left = mlflow.create_run(experiment, tags={"limbeck.step_key": "k2"}).info.run_id
    elsewhere = mlflow.create_run(mlflow.create_experiment(f"{name}_other")).info.run_id

    assert tracking.find(name, "k2") is None
    again = keep(tracking, name, "k2", trained["logistic"])

    status = {run: mlflow.get_run(run).info.status for run in (kept.run_id, left, again.run_id, elsewhere)}
    assert list(status.values()) == ["FINISHED", "FAILED", "FINISHED", "RUNNING"]
    assert tracking.find(name, "k2") == again
    assert again.version == "2"


@pytest.mark.parametrize("lost", ["alias", "version", "name"])
def test_a_finished_run_gets_what_it_lacks(
    tracking: Tracking, mlflow: MlflowClient, trained: dict[str, Pipeline], name: str, lost: str
) -> None:
    kept = keep(tracking, name, "k1", trained["logistic"])
    match lost:
        case "alias":
            mlflow.delete_registered_model_alias(name, "champion")
        case "version":
            mlflow.delete_model_version(name, kept.version)
        case "name":
            mlflow.delete_registered_model(name)

    found = tracking.find(name, "k1")

    assert found is not None
    assert (found.run_id, found.trained, found.evaluation) == (kept.run_id, kept.trained, EVALUATION)
    assert found == tracking.champion(name)
    assert [v.version for v in mlflow.search_model_versions(f"name = '{name}'")] == [int(found.version)]
    asked = inputs(people(2))
    wanted = trained["logistic"].predict_proba(asked).tolist()
    assert tracking.load(found).predict_proba(asked).tolist() == wanted


def test_the_version_before_stays_champion_until_the_new_one_is_found(
    tracking: Tracking, mlflow: MlflowClient, trained: dict[str, Pipeline], name: str
) -> None:
    first = keep(tracking, name, "k1", trained["logistic"])
    second = keep(tracking, name, "k2", trained["lightgbm"])
    mlflow.delete_model_version(name, second.version)
    mlflow.set_registered_model_alias(name, "champion", first.version)

    assert tracking.champion(name) == first
    found = tracking.find(name, "k2")
    assert found is not None
    assert (found.run_id, tracking.champion(name)) == (second.run_id, found)


# -- files --------------------------------------------------------------------------------------------------------

listening = False
unpickled: list[str] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what pickles ask for: Python tells it, whoever unpickles."""
    if listening and event == "pickle.find_class":
        unpickled.append(".".join(map(str, arguments)))


sys.addaudithook(_hear)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_loaded_without_pickle(
    around: Path,
    tracking: Tracking,
    trained: dict[str, Pipeline],
    name: str,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = keep(tracking, name, "k1", trained[kind])
    monkeypatch.setattr(sys.modules[__name__], "listening", True)
    tracking.load(kept)
    monkeypatch.undo()
    assert unpickled == []

    (folder,) = (around / "a home" / "models").glob(f"{kept.run_id}/artifacts/model")
    assert "serialization_format: skops" in (folder / "MLmodel").read_text()
    assert [path.name for path in folder.iterdir() if path.suffix in {".pkl", ".pickle", ".joblib"}] == []


def entries(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_nothing_is_written_outside_the_home(around: Path, tracking: Tracking, trained: dict[str, Pipeline]) -> None:
    tracking.load(keep(tracking, "outside", "k1", trained["logistic"]))
    tracking.find("outside", "k1")
    tracking.champion("outside")
    assert entries(around) == ["a home", "here", "temporary", "user"]
    assert entries(around / "here") == entries(around / "user") == []
    assert {"mlflow.db", "models"} <= set(entries(around / "a home"))


def test_nothing_stays_in_the_temporary_folder(
    tracking: Tracking, trained: dict[str, Pipeline], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tracking.load(keep(tracking, "temporary", "k1", trained["logistic"]))
    tracking.find("temporary", "k1")
    tracking.champion("temporary")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

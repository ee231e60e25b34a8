"""What training made is kept in the home and nowhere else, found again by its key, and loaded without pickle."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.models import get_model_info
from sklearn.pipeline import Pipeline

from limbeck.errors import InvalidInput, ModelStoreError, NotFound
from limbeck.propensity import candidates, frames
from limbeck.workflow.logged import Record
from limbeck.workflow.tracking import Kept, Tracking, Verdict

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


def keep(tracking: Tracking, name: str, key: str, model: Pipeline, promoted: bool = True) -> Kept:
    """Keep a version, and make it the champion or the challenger."""
    record = Record(
        {"candidate": "logistic", "C": 0.1},
        EVALUATION,
        inputs(people(1)),
        {"features": {}},
        datetime(2026, 3, 1),
        {"score": [1, 2]},
        'name = "shop"\n',
        {"orders": {"id": "d1", "table": "orders", "version": "7", "rows": 200}},
    )
    kept = tracking.keep(name, key, model, record)
    tracking.settle(kept, Verdict(promoted, "as the test wants it"))
    return tracking.version(name, kept.version)


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
    assert run.data.metrics == {"test.roc_auc": 0.8, "test.roc_auc.low": 0.7, "test.roc_auc.high": 0.9}


def test_definition_snapshots_signature_and_example_are_logged(
    tracking: Tracking, mlflow: MlflowClient, trained: dict[str, Pipeline], name: str
) -> None:
    kept = keep(tracking, name, "k1", trained["lightgbm"])
    run = mlflow.get_run(kept.run_id)
    assert run.data.tags["snapshot.orders"] == "7"
    ((read,), folder) = run.inputs.dataset_inputs, Path(run.info.artifact_uri.removeprefix("file://"))
    assert (read.dataset.name, read.dataset.digest) == ("orders", "7")
    assert json.loads(read.dataset.source) == {"id": "d1", "table": "orders", "version": "7", "rows": 200}
    folder = Path(unquote(str(folder)))
    assert (folder / "definition.toml").read_text() == 'name = "shop"\n'
    assert tracking.reference(kept) == {"score": [1, 2]}
    assert kept.learnt_until == "2026-03-01T00:00:00"

    info = get_model_info(str(folder / "model"))
    assert info.signature.inputs.input_names() == ["visits", "spend", "city"]
    assert {str(spec.type) for spec in info.signature.inputs} == {"DataType.double", "DataType.string"}
    wanted = (folder / "model" / "requirements.txt").read_text()
    assert all(f"{library}==" in wanted for library in ("mlflow", "scikit-learn", "skops", "lightgbm"))
    assert "limbeck" not in wanted


def test_what_was_never_kept_is_not_found(tracking: Tracking, trained: dict[str, Pipeline], name: str) -> None:
    assert tracking.find(name, "k1") is None
    keep(tracking, name, "k1", trained["logistic"])
    assert tracking.find(name, "k2") is None
    assert tracking.find(f"{name}_other", "k1") is None


def test_a_version_that_is_promoted_takes_the_alias(
    tracking: Tracking, trained: dict[str, Pipeline], name: str
) -> None:
    first = keep(tracking, name, "k1", trained["logistic"])
    second = keep(tracking, name, "k2", trained["lightgbm"])
    assert [first.version, second.version] == ["1", "2"]
    assert tracking.champion(name) == second

    assert tracking.find(name, "k1") == first
    assert tracking.champion(name) == second
    asked = inputs(people(2))
    for kept, kind in ((first, "logistic"), (second, "lightgbm")):
        loaded = tracking.load(kept)
        assert loaded.predict_proba(asked).tolist() == trained[kind].predict_proba(asked).tolist()


def test_a_version_that_is_not_promoted_is_the_challenger_until_it_is(
    tracking: Tracking, mlflow: MlflowClient, trained: dict[str, Pipeline], name: str
) -> None:
    first = keep(tracking, name, "k1", trained["logistic"])
    with pytest.raises(NotFound, match="has no challenger"):
        tracking.version(name)
    second = keep(tracking, name, "k2", trained["lightgbm"], promoted=False)
    assert (tracking.champion(name), tracking.version(name)) == (first, second)
    assert second.verdict == Verdict(False, "as the test wants it")

    tracking.promote(second)
    assert tracking.champion(name) == second
    assert mlflow.get_registered_model(name).aliases == {"champion": 2}
    with pytest.raises(NotFound, match=r"has no version 9; it has: 1, 2"):
        tracking.version(name, "9")


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


@pytest.mark.parametrize("lost", ["version", "name"])
def test_a_finished_run_gets_what_it_lacks(
    tracking: Tracking, mlflow: MlflowClient, trained: dict[str, Pipeline], name: str, lost: str
) -> None:
    kept = keep(tracking, name, "k1", trained["logistic"])
    match lost:
        case "version":
            mlflow.delete_model_version(name, kept.version)
        case "name":
            mlflow.delete_registered_model(name)
    assert tracking.look(name, "k1") is None

    found = tracking.find(name, "k1")

    assert found is not None
    assert (found.run_id, found.trained, found.evaluation) == (kept.run_id, kept.trained, EVALUATION)
    assert (found.verdict, found.settled) == (None, False)
    assert [v.version for v in mlflow.search_model_versions(f"name = '{name}'")] == [int(found.version)]
    asked = inputs(people(2))
    wanted = trained["logistic"].predict_proba(asked).tolist()
    assert tracking.load(found).predict_proba(asked).tolist() == wanted


# -- stores that are none -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"to do: buy milk\n" * 100, None], ids=["a text", "another database"])
def test_a_foreign_file_in_the_place_of_the_store_is_left_alone(tmp_path: Path, content: bytes | None) -> None:
    database = tmp_path / "mlflow.db"
    if content is None:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("CREATE TABLE recipes (name TEXT)")
    else:
        database.write_bytes(content)
    before = database.read_bytes()
    for ask in (lambda t: t.find("shop", "k1"), lambda t: t.champion("shop"), lambda t: t.look("shop", "k1")):
        with pytest.raises(ModelStoreError, match=r"mlflow\.db is .*; move it away"):
            ask(Tracking(tmp_path))
    assert database.read_bytes() == before
    assert entries(tmp_path) == ["mlflow.db", "mlflow.db.lock"]


def test_a_version_of_somebody_else_is_told_of(
    tracking: Tracking, mlflow: MlflowClient, trained: dict[str, Pipeline], name: str
) -> None:
    kept = keep(tracking, name, "k1", trained["logistic"])
    run = mlflow.create_run(mlflow.create_experiment(f"{name}_other")).info.run_id
    version = mlflow.create_model_version(name, "runs:/other/model", run).version
    mlflow.set_registered_model_alias(name, "champion", str(version))
    with pytest.raises(ModelStoreError, match=f"version {version} of {name} in .* was not trained by Limbeck"):
        tracking.champion(name)
    tracking.promote(kept)
    assert tracking.champion(name).run_id == kept.run_id


def test_files_that_were_removed_are_told_of(
    around: Path, tracking: Tracking, trained: dict[str, Pipeline], name: str
) -> None:
    kept = keep(tracking, name, "k1", trained["logistic"])
    (folder,) = (around / "a home" / "models").glob(f"{kept.run_id}/artifacts")
    shutil.rmtree(folder)
    with pytest.raises(ModelStoreError, match=f"run {kept.run_id} in .* has no model in"):
        tracking.load(kept)


def test_files_that_are_damaged_are_told_of(
    around: Path, tracking: Tracking, mlflow: MlflowClient, trained: dict[str, Pipeline], name: str
) -> None:
    """Once its run is deleted, the same key is trained anew."""
    kept = keep(tracking, name, "k1", trained["logistic"])
    (folder,) = (around / "a home" / "models").glob(f"{kept.run_id}/artifacts")
    (model,) = folder.glob("model/*.skops")
    model.write_bytes(model.read_bytes()[:100])
    with pytest.raises(ModelStoreError, match=rf"version 1 of {name} in .*/model cannot be loaded \(BadZipFile"):
        tracking.load(kept)
    (folder / "evaluation.json").write_text("{")
    with pytest.raises(ModelStoreError, match=r"evaluation\.json, which belongs to run .* is damaged"):
        tracking.find(name, "k1")
    mlflow.delete_run(kept.run_id)
    mlflow.delete_model_version(name, kept.version)
    assert tracking.find(name, "k1") is None
    assert keep(tracking, name, "k1", trained["logistic"]).version == "2"


def test_a_server_that_does_not_answer_is_told_of(tmp_path: Path, trained: dict[str, Pipeline]) -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ModelStoreError, match=f"the MLflow store {address} cannot be used"):
            keep(Tracking(tmp_path, address), "shop", "k1", trained["logistic"])
    assert entries(tmp_path) == []


@pytest.mark.parametrize("place", ["sqlite:///other.db", "./mlruns", "databricks"])
def test_what_is_no_server_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(InvalidInput, match="wanted is the address of an MLflow server"):
        Tracking(tmp_path, place)


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

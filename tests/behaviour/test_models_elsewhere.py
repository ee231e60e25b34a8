"""A model that training logged is anybody's: `mlflow.pyfunc` loads it where Limbeck is not, and so does Spark."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from limbeck.propensity import calibrate
from limbeck.propensity.candidates import NAMES, candidates
from limbeck.propensity.fit import inputs_of
from limbeck.workflow import logged
from tests import elsewhere
from tests.behaviour.test_tracking import people

MODELS = [f"{name}-{method}" for name in NAMES for method in calibrate.METHODS]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("asked") / "asked.parquet"
    inputs_of(people(2, 50)).to_parquet(path)
    return path


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, asked: Path) -> dict[str, list[list[float]]]:
    """Each candidate with each calibration: where it was saved, and what it forecasts for those who are asked."""
    folder, known, found = tmp_path_factory.mktemp("models"), people(1, 300), {}
    inputs, labels = inputs_of(known), known["label"]
    raw = np.clip(labels * 0.4 + np.random.default_rng(3).random(len(known)) * 0.5, 0.01, 0.99).to_numpy()
    for candidate in candidates(NAMES, 5, str):
        pipeline = candidate.build(known, **candidate.settings[0]).fit(inputs, labels)
        for method in calibrate.METHODS:
            model = pipeline
            if method != "none":
                taught = calibrate.calibrator(method, labels.to_numpy(float), raw)
                model = calibrate.calibrated(pipeline, taught, inputs, labels)
            path = folder / f"{candidate.name}-{method}"
            logged.save(model, inputs, path)
            found[str(path)] = model.predict_proba(pd.read_parquet(asked)).tolist()
    assert [Path(path).name for path in found] == MODELS
    return found


def test_every_model_loads_and_forecasts_the_same_where_limbeck_is_not(
    saved: dict[str, list[list[float]]], asked: Path
) -> None:
    by_model = [elsewhere.required(Path(path)) for path in saved]
    most = set().union(*by_model)
    assert most in by_model  # LightGBM's: it has what the others ask for
    found = elsewhere.forecasts(most, asked, *saved)
    assert found.keys() == saved.keys()
    assert all(np.array(found[path]) == pytest.approx(np.array(saved[path]), abs=1e-12) for path in saved)


def test_what_a_model_takes_to_be_loaded_is_pinned(saved: dict[str, list[list[float]]]) -> None:
    for path in map(Path, saved):
        wanted = (path / "requirements.txt").read_text().split()
        assert all("==" in line for line in wanted)
        names = {line.partition("==")[0] for line in wanted}
        assert names >= {"mlflow", "scikit-learn", "skops"}
        assert ("lightgbm" in names) == path.name.startswith("lightgbm")


@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
def test_every_model_is_a_function_of_spark(
    saved: dict[str, list[list[float]]], asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = pytest.importorskip("pyspark.sql", reason="needs the extra spark, which is not installed")
    import mlflow.pyfunc

    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    session = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        rows = session.read.parquet(str(asked))
        for path, wanted in list(saved.items())[::5]:
            forecast = mlflow.pyfunc.spark_udf(session, path, result_type="array<double>", env_manager="local")
            found = [row.found for row in rows.select(forecast(*rows.columns).alias("found")).collect()]
            assert found == wanted, path
    finally:
        session.stop()

"""The same store on an MLflow server: `MLFLOW_TRACKING_URI` names it, and nothing is kept in the home then."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from limbeck.propensity import candidates, drift
from limbeck.settings import Settings
from limbeck.workflow.logged import Record
from limbeck.workflow.tracking import Tracking, Verdict

try:
    version("mlflow")
except PackageNotFoundError:
    pytest.skip("needs the extra mlflow, which is not installed", allow_module_level=True)

FEATURES = ["visits", "spend"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of its own."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = [
        "--backend-store-uri",
        f"sqlite:///{folder / 'server.db'}",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    line = [sys.executable, "-m", "mlflow", "server", *places, "--port", str(port), "--workers", "1"]
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(line, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        while child.poll() is None and not _answers(address):
            time.sleep(0.2)
        assert child.poll() is None, (folder / "log").read_text()
        yield address
    finally:
        os.killpg(child.pid, 15)
        child.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_versions_are_kept_found_judged_and_loaded(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(1)
    frame = pd.DataFrame({name: draw.normal(size=200) for name in FEATURES})
    frame = frame.assign(entity_id=[f"p{n}" for n in range(200)], label=(frame["visits"] > 0).astype(int))
    model = candidates.logistic(frame[FEATURES], C=1.0).fit(frame[FEATURES], frame["label"])
    kept = drift.reference(frame[["entity_id", *FEATURES]], model.predict_proba(frame[FEATURES])[:, 1])

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    settings = Settings.load(tmp_path)
    tracking = Tracking(settings.home, settings.mlflow_tracking_uri)
    assert tracking.place == server
    assert tracking.find("shop", "k1") is None
    record = Record({"C": 1.0}, {"test": {"roc_auc": {"value": 0.9}}}, frame[FEATURES], {"goal": 1}, None, kept)
    first = tracking.keep("shop", "k1", model, record)
    tracking.settle(first, Verdict(True, "the first"))
    second = tracking.keep("shop", "k2", model, record)
    tracking.settle(second, Verdict(False, "no better"))

    assert (tracking.champion("shop").version, tracking.version("shop").version) == ("1", "2")
    found = tracking.find("shop", "k2")
    assert found is not None
    assert (found.evaluation, found.verdict) == (record.evaluation, Verdict(False, "no better"))
    assert tracking.reference(found) == kept
    wanted = model.predict_proba(frame[FEATURES])
    assert (tracking.load(found).predict_proba(frame[FEATURES]) == wanted).all()
    assert list(tmp_path.iterdir()) == []

"""Where models are kept: an MLflow store on SQLite, with the model's files beside it and the alias `champion`.

A run is found again by the key of the step that made it. What a crash interrupted is completed or done anew: a finished
run whose version or alias is missing gets them, an unfinished run is marked failed.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck import crash
from limbeck.errors import NotFound
from limbeck.lock import file_lock
from limbeck.propensity.candidates import TRUSTED
from limbeck.workflow.whole import sweep, whole

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion
    from sklearn.pipeline import Pipeline

KEY_TAG = "limbeck.step_key"
ALIAS = "champion"
MODEL, DOCUMENT = "model", "evaluation.json"
DATABASE, MODELS = "mlflow.db", "models"


@dataclass(frozen=True, slots=True)
class Kept:
    """A registered version of a model."""

    name: str
    version: str
    run_id: str
    trained: datetime
    evaluation: Mapping[str, Any]
    """What training found out about it; values that JSON can write."""


class Tracking:
    """The MLflow store of a home: `mlflow.db`, and the models' files in `models/`."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def find(self, name: str, key: str) -> Kept | None:
        """Return the version of *name* that was trained under *key*, made the champion; None if there is none."""
        client = self._client()
        finished = _finished(client, name, key)
        return None if finished is None else self._settled(client, name, finished)

    def look(self, name: str, key: str) -> Kept | None:
        """Return what `find` returns, as long as it is registered; unlike it, this changes nothing."""
        finished = _finished(self._client(), name, key) if (self._home / DATABASE).exists() else None
        if finished is None:
            return None
        versions = _versions(self._client(), name, finished)
        return _kept(name, str(versions[0].version), finished) if versions else None

    def known(self, name: str, key: str) -> Kept | None:
        """Return what `find` would; unlike it, this changes nothing, so it misses a version that is to be completed."""
        if not (self._home / DATABASE).exists():
            return None
        client = self._client()
        run = _finished(client, name, key)
        found = client.search_model_versions(f"name = '{name}' and run_id = '{run.info.run_id}'") if run else []
        return _kept(name, str(found[0].version), run) if run and found else None

    def keep(
        self,
        name: str,
        key: str,
        model: Pipeline,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        evaluation: Mapping[str, Any],
    ) -> Kept:
        """Store *model* as a finished run and a registered version of *name*, and make it the champion."""
        client = self._client()
        experiment_id = self._experiment(client, name)
        for run in client.search_runs([experiment_id], "attributes.status = 'RUNNING'"):
            client.set_terminated(run.info.run_id, "FAILED")
        run = client.create_run(experiment_id, tags={KEY_TAG: key})
        crash.point("workflow.run-created")
        for param, value in params.items():
            client.log_param(run.info.run_id, param, value)
        for metric, number in metrics.items():
            client.log_metric(run.info.run_id, metric, number)
        with tempfile.TemporaryDirectory() as folder:
            _save(model, Path(folder) / MODEL)
            (Path(folder) / DOCUMENT).write_text(json.dumps(evaluation))
            client.log_artifacts(run.info.run_id, folder)
        client.set_terminated(run.info.run_id)
        crash.point("workflow.run-finished")
        return self._settled(client, name, client.get_run(run.info.run_id))

    def load(self, kept: Kept) -> Pipeline:
        """Return the model of a version. Models are code: only this home's own are loaded."""
        from mlflow import sklearn

        model: Pipeline = sklearn.load_model(str(_files(self._client().get_run(kept.run_id)) / MODEL))
        return model

    def champion(self, name: str) -> Kept:
        """Return the version of *name* that bears the alias `champion`; raise `NotFound` if there is none."""
        from mlflow.exceptions import MlflowException

        client = self._client()
        try:
            version = client.get_model_version_by_alias(name, ALIAS)
        except MlflowException as error:
            raise NotFound(f"there is no champion of {name}; run: limbeck train DEFINITION") from error
        return self._settled(client, name, client.get_run(str(version.run_id)))

    def _client(self) -> MlflowClient:
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "IProgress not found")  # in notebooks: no widgets, no matter
            from mlflow import MlflowClient

        for library in ("mlflow", "alembic"):
            logging.getLogger(library).setLevel(logging.ERROR)
        database = self._home / DATABASE
        with file_lock(self._home / f"{DATABASE}.lock"):
            if not database.exists():
                sweep(self._home, f"{DATABASE}.*")
                _create(database)
        return MlflowClient(_uri(database), _uri(database))

    def _experiment(self, client: MlflowClient, name: str) -> str:
        found = client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        return str(client.create_experiment(name, (self._home / MODELS).absolute().as_uri()))

    def _settled(self, client: MlflowClient, name: str, run: Run) -> Kept:
        """Return a finished run's version, registered and made the champion if a crash came between."""
        run_id = run.info.run_id
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name)
        versions = _versions(client, name, run)
        version = versions[0] if versions else client.create_model_version(name, f"runs:/{run_id}/{MODEL}", run_id)
        crash.point("workflow.version-registered")
        if str(version.version) not in map(str, _champions(client, name)):
            client.set_registered_model_alias(name, ALIAS, str(version.version))
        return _kept(name, str(version.version), run)


def _create(database: Path) -> None:
    """Make an empty store that appears whole: MLflow cannot go on with one whose making was interrupted."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with whole(database) as beside:
        SqlAlchemyStore(_uri(beside), (database.parent / MODELS).as_uri()).engine.dispose()


def _files(run: Run) -> Path:
    """Return the folder of a run's files, which lie in the home: a download would leave a copy elsewhere."""
    from mlflow.utils.file_utils import local_file_uri_to_path

    return Path(local_file_uri_to_path(run.info.artifact_uri))


def _uri(database: Path) -> str:
    return f"sqlite:///{database}"


def _finished(client: MlflowClient, name: str, key: str) -> Run | None:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return None
    runs = client.search_runs([experiment.experiment_id], f"tags.`{KEY_TAG}` = '{key}'")
    return next((run for run in runs if run.info.status == "FINISHED"), None)


def _versions(client: MlflowClient, name: str, run: Run) -> list[ModelVersion]:
    return list(client.search_model_versions(f"name = '{name}' and run_id = '{run.info.run_id}'"))


def _kept(name: str, version: str, run: Run) -> Kept:
    evaluation = json.loads((_files(run) / DOCUMENT).read_text())
    trained = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
    return Kept(name, version, run.info.run_id, trained, evaluation)


def _champions(client: MlflowClient, name: str) -> list[str]:
    return [str(version) for alias, version in client.get_registered_model(name).aliases.items() if alias == ALIAS]


def _save(model: Pipeline, path: Path) -> None:
    import sklearn
    from mlflow.sklearn import save_model

    save_model(
        model,
        str(path),
        serialization_format="skops",
        skops_trusted_types=list(TRUSTED),
        pip_requirements=[f"scikit-learn=={sklearn.__version__}"],
    )

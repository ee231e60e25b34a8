"""Where models are kept: versions in an MLflow store, with the aliases `champion` and `challenger`.

A run is found again by the key of the step that made it. What a crash interrupted is completed or done anew: a finished
run whose version is missing gets it, an unfinished run is marked failed. Whether a version becomes the champion is
decided elsewhere (`champion.py`) and written here: first the verdict, as a tag of the version, then the aliases, then a
tag that they are set.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from limbeck import crash
from limbeck.errors import ModelStoreError, NotFound
from limbeck.workflow import logged
from limbeck.workflow.logged import ABOUT, EVALUATION, MODEL, REFERENCE, Record
from limbeck.workflow.mlflow_store import DATABASE as DATABASE
from limbeck.workflow.mlflow_store import MlflowStore

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion
    from sklearn.pipeline import Pipeline

KEY_TAG, VERDICT_TAG, SETTLED_TAG = "limbeck.step_key", "limbeck.verdict", "limbeck.settled"
CHAMPION, CHALLENGER = "champion", "challenger"

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a version was made the champion when it was trained, and why."""

    promoted: bool
    told: str
    """A sentence for people."""
    comparison: Mapping[str, Any] = field(default_factory=dict)
    """What `propensity.promotion.compare` found; empty where nothing was to be compared."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A registered version of a model."""

    name: str
    version: str
    run_id: str
    trained: datetime
    evaluation: Mapping[str, Any]
    """What training found out about it; values that JSON can write."""
    key: str
    """Of the step that trained it."""
    question: Mapping[str, Any]
    """What it answers: `logged.question`."""
    learnt_until: str | None
    """When the last outcome was known that it learnt from, in ISO form; None if that is not known."""
    verdict: Verdict | None = None
    """None until it was compared with the champion."""
    settled: bool = False
    """Whether the aliases are what the verdict says."""


def _told(method: Callable[Concatenate[Tracking, P], R]) -> Callable[Concatenate[Tracking, P], R]:
    """Have what MLflow says of its store told as `ModelStoreError`."""

    def telling(self: Tracking, /, *arguments: P.args, **named: P.kwargs) -> R:
        with self._store.told():
            return method(self, *arguments, **named)

    update_wrapper(telling, method)
    return telling


class Tracking:
    """The models of a home, in its own MLflow store or on a server. If that fails, methods raise `ModelStoreError`."""

    def __init__(self, home: Path, server: str = "") -> None:
        """Use the store of *home*, or the MLflow server at the address *server*."""
        self._store = MlflowStore(home, server)

    @property
    def place(self) -> str:
        """Where the store is, for people."""
        return self._store.place

    @_told
    def find(self, name: str, key: str) -> Kept | None:
        """Return the version of *name* that was trained under *key*, registered now if a crash came before that."""
        client = self._store.client()
        finished = _finished(client, name, key)
        return None if finished is None else self._registered(client, name, finished)

    @_told
    def look(self, name: str, key: str) -> Kept | None:
        """Return what `find` returns, as long as it is registered; unlike it, this changes nothing."""
        if not self._store.exists:
            return None
        client = self._store.client()
        finished = _finished(client, name, key)
        versions = [] if finished is None else _versions(client, name, finished)
        return self._kept(client, versions[0]) if versions else None

    @_told
    def keep(self, name: str, key: str, model: Any, record: Record) -> Kept:
        """Store *model* as a finished run and a registered version of *name*. It has no alias yet."""
        client = self._store.client()
        experiment_id = self._store.experiment(client, name)
        for run in client.search_runs([experiment_id], f"attributes.status = 'RUNNING' and tags.`{KEY_TAG}` != ''"):
            client.set_terminated(run.info.run_id, "FAILED")
        run = client.create_run(experiment_id, tags={KEY_TAG: key})
        crash.point("workflow.run-created")
        self._log(client, run.info.run_id, record)
        with tempfile.TemporaryDirectory() as folder:
            logged.write(model, record, Path(folder))
            client.log_artifacts(run.info.run_id, folder)
        client.set_terminated(run.info.run_id)
        crash.point("workflow.run-finished")
        return self._registered(client, name, client.get_run(run.info.run_id))

    @_told
    def load(self, kept: Kept) -> Pipeline:
        """Return the model of a version. Models are code: only what skops lets pass is loaded."""
        from mlflow import sklearn

        client = self._store.client()
        with self._store.files(client, client.get_run(kept.run_id), MODEL) as path:
            try:
                model: Pipeline = sklearn.load_model(str(path))
            except Exception as error:  # zip, skops, the model's own classes: whatever reads a part of it
                raise ModelStoreError(
                    f"the model of version {kept.version} of {kept.name} in {path} cannot be loaded "
                    f"({type(error).__name__}: {error}): its files are damaged, or a library that it takes is not here "
                    f"(requirements.txt beside them). Restore them, or delete the version and its run {kept.run_id} in "
                    "MLflow and run the same command again: it trains anew"
                ) from error
        return model

    @_told
    def reference(self, kept: Kept) -> dict[str, Any]:
        """Return what was kept of the people that a version was trained on, to compare others with them."""
        client = self._store.client()
        return dict(self._document(client, client.get_run(kept.run_id), REFERENCE))

    @_told
    def champion(self, name: str) -> Kept:
        """Return the version of *name* that bears the alias `champion`; raise `NotFound` if there is none."""
        found = self._aliased(name, CHAMPION)
        if found is None:
            raise NotFound(f"there is no champion of {name}; run: limbeck train DEFINITION")
        return found

    @_told
    def champion_if_any(self, name: str) -> Kept | None:
        """Return the champion of *name*; None if there is none."""
        return self._aliased(name, CHAMPION)

    @_told
    def version(self, name: str, version: str | None = None) -> Kept:
        """Return a version of *name*, the challenger if none is named; raise `NotFound` if there is none such."""
        if version is None:
            found = self._aliased(name, CHALLENGER)
            if found is None:
                raise NotFound(f"{name} has no challenger; say which version")
            return found
        client = self._store.client()
        versions = {str(v.version): v for v in client.search_model_versions(f"name = '{name}'")}
        if version not in versions:
            raise NotFound(f"{name} has no version {version}; it has: {', '.join(sorted(versions)) or 'none'}")
        return self._kept(client, versions[version])

    @_told
    def settle(self, kept: Kept, verdict: Verdict) -> None:
        """Write the verdict on a version, and set the aliases by it."""
        client, name, version = self._store.client(), kept.name, kept.version
        client.set_model_version_tag(name, version, VERDICT_TAG, json.dumps(asdict(verdict)))
        crash.point("workflow.version-judged")
        if verdict.promoted:
            _crown(client, name, version)
        else:
            client.set_registered_model_alias(name, CHALLENGER, version)
        crash.point("workflow.alias-set")
        client.set_model_version_tag(name, version, SETTLED_TAG, "true")

    @_told
    def promote(self, kept: Kept) -> None:
        """Make a version the champion, whatever was found of it."""
        client = self._store.client()
        client.set_model_version_tag(kept.name, kept.version, SETTLED_TAG, "true")
        _crown(client, kept.name, kept.version)

    # -- pieces ---------------------------------------------------------------------------------------------------

    def _log(self, client: MlflowClient, run_id: str, record: Record) -> None:
        from mlflow.entities import Metric, Param, RunTag

        now = int(datetime.now(UTC).timestamp() * 1000)
        client.log_batch(
            run_id,
            [Metric(name, value, now, 0) for name, value in logged.metrics(record.evaluation)],
            [Param(name, str(value)) for name, value in record.params.items()],
            [RunTag(f"snapshot.{name}", str(found["version"])) for name, found in record.snapshots.items()],
        )
        if record.snapshots:
            client.log_inputs(run_id, logged.dataset_inputs(record.snapshots))

    def _registered(self, client: MlflowClient, name: str, run: Run) -> Kept:
        """Return a finished run's version, registered now if a crash came before that."""
        run_id = run.info.run_id
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name)
        versions = _versions(client, name, run)
        version = versions[0] if versions else client.create_model_version(name, f"runs:/{run_id}/{MODEL}", run_id)
        crash.point("workflow.version-registered")
        return self._kept(client, version)

    def _aliased(self, name: str, alias: str) -> Kept | None:
        if not self._store.exists:
            return None
        client = self._store.client()
        found = client.search_registered_models(f"name = '{name}'")
        version = found[0].aliases.get(alias) if found else None
        return None if version is None else self._kept(client, client.get_model_version(name, str(version)))

    def _kept(self, client: MlflowClient, version: ModelVersion) -> Kept:
        name, number = version.name, str(version.version)
        run = client.get_run(version.run_id) if version.run_id else None
        if run is None or KEY_TAG not in run.data.tags:
            raise ModelStoreError(
                f"version {number} of {name} in {self.place} was not trained by Limbeck; set its alias on another "
                f"version (limbeck promote), or delete it"
            )
        about = self._document(client, run, ABOUT)
        verdict = version.tags.get(VERDICT_TAG)
        return Kept(
            name,
            number,
            run.info.run_id,
            datetime.fromtimestamp(run.info.start_time / 1000, UTC),
            self._document(client, run, EVALUATION),
            run.data.tags[KEY_TAG],
            about["question"],
            about["learnt_until"],
            None if verdict is None else Verdict(**json.loads(verdict)),
            SETTLED_TAG in version.tags,
        )

    def _document(self, client: MlflowClient, run: Run, name: str) -> Any:
        with self._store.files(client, run, name) as path:
            try:
                return json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise ModelStoreError(
                    f"{path}, which belongs to run {run.info.run_id}, is damaged ({error}). Restore it, or delete the "
                    "run and its version in MLflow and run the same command again: it trains anew"
                ) from error


def _finished(client: MlflowClient, name: str, key: str) -> Run | None:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return None
    runs = client.search_runs([experiment.experiment_id], f"tags.`{KEY_TAG}` = '{key}'")
    return next((run for run in runs if run.info.status == "FINISHED"), None)


def _versions(client: MlflowClient, name: str, run: Run) -> list[ModelVersion]:
    return list(client.search_model_versions(f"name = '{name}' and run_id = '{run.info.run_id}'"))


def _crown(client: MlflowClient, name: str, version: str) -> None:
    """Make a version the champion; it is no challenger any longer."""
    client.set_registered_model_alias(name, CHAMPION, version)
    if str(client.get_registered_model(name).aliases.get(CHALLENGER)) == version:
        client.delete_registered_model_alias(name, CHALLENGER)

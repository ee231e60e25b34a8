"""The MLflow store: `mlflow.db` and `models/` in the home, or an MLflow server that a setting names.

What goes wrong with either becomes a `ModelStoreError` that says which store it is.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from limbeck.errors import InvalidInput, ModelStoreError
from limbeck.lock import file_lock
from limbeck.workflow.whole import sweep, whole

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

DATABASE, MODELS = "mlflow.db", "models"
SETTING = "MLFLOW_TRACKING_URI"
SERVERS = ("http://", "https://")

ATTEMPTS = "1"
"""Requests more to a server that does not answer; MLflow itself would try for minutes."""


class MlflowStore:
    """Where runs, registered models and their files are kept."""

    def __init__(self, home: Path, server: str = "") -> None:
        """Use the MLflow server at the address *server*, or, if that is empty, the store in *home*.

        Raise `InvalidInput` for what is no address of a server.
        """
        if server and not server.startswith(SERVERS):
            raise InvalidInput(
                f"{SETTING} is {server!r}; wanted is the address of an MLflow server, http://… or https://…"
            )
        self._home, self._server = home, server

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return self._server or str(self._home / DATABASE)

    @property
    def exists(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._server) or (self._home / DATABASE).exists()

    def client(self) -> MlflowClient:
        """Return MLflow's client of the store, which is made first if it is the home's."""
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", ATTEMPTS)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "IProgress not found")  # in notebooks: no widgets, no matter
            from mlflow import MlflowClient

        for library in ("mlflow", "alembic"):
            logging.getLogger(library).setLevel(logging.ERROR)
        if self._server:
            return MlflowClient(self._server, self._server)
        database = self._home / DATABASE
        with file_lock(self._home / f"{DATABASE}.lock"):
            if not database.exists():
                sweep(self._home, f"{DATABASE}.*")
                _create(database)
        _check(database)
        return MlflowClient(_uri(database), _uri(database))

    def experiment(self, client: MlflowClient, name: str) -> str:
        """Return the id of the experiment of that name, made now if there is none."""
        found = client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        place = None if self._server else (self._home / MODELS).absolute().as_uri()
        return str(client.create_experiment(name, place))

    @contextmanager
    def files(self, client: MlflowClient, run: Run, name: str) -> Iterator[Path]:
        """Give a file or folder that was logged for a run: where it lies, or as a copy for the time of the block.

        Raise `ModelStoreError` if it is not there.
        """
        from mlflow.utils.file_utils import local_file_uri_to_path

        if run.info.artifact_uri.startswith("file:"):  # in the home: a download would leave a copy elsewhere
            path = Path(local_file_uri_to_path(run.info.artifact_uri)) / name
            if not path.exists():
                raise ModelStoreError(
                    f"run {run.info.run_id} in {self.place} has no {name} in {path.parent}: it was not logged by "
                    "Limbeck, or was removed; set the alias of its version on another, or delete the version"
                )
            yield path
        else:
            with tempfile.TemporaryDirectory() as folder:
                yield Path(client.download_artifacts(run.info.run_id, name, folder))

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn what MLflow and its database say in the block into a `ModelStoreError`."""
        try:
            yield
        except Exception as error:
            if not type(error).__module__.startswith(("mlflow", "sqlalchemy", "requests")):
                raise
            (line, *_) = str(error).splitlines() or [""]
            raise ModelStoreError(
                f"the MLflow store {self.place} cannot be used: {line}. Nothing is half-done; mend it and run the same "
                "command again"
            ) from error


def _create(database: Path) -> None:
    """Make an empty store that appears whole: MLflow cannot go on with one whose making was interrupted."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with whole(database) as beside:
        SqlAlchemyStore(_uri(beside), (database.parent / MODELS).as_uri()).engine.dispose()


def _check(database: Path) -> None:
    """Raise `ModelStoreError` for a file that is no MLflow store; MLflow would write its tables into it."""
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error as error:
        raise ModelStoreError(
            f"{database} is no MLflow store ({error}); move it away, and a new one is made"
        ) from error
    if not {"experiments", "registered_models"} <= names:
        raise ModelStoreError(f"{database} is a database of something else, not of MLflow; move it away")


def _uri(database: Path) -> str:
    return f"sqlite:///{database}"

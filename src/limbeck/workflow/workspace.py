"""Where the steps of a definition work: its folders, which results are in use, and who hears how it goes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

from limbeck.client import Client
from limbeck.errors import Forbidden, InvalidInput
from limbeck.lock import file_lock
from limbeck.settings import Settings
from limbeck.workflow import latest
from limbeck.workflow.definition import Definition
from limbeck.workflow.tracking import Tracking
from limbeck.workflow.whole import sweep, whole

SUMMARY, REPORT, SCORES, OVERVIEW = "summary.json", "report.html", "scores.parquet", "explore.html"
UPLIFT, UPLIFT_PAGE, UPLIFT_PEOPLE = "uplift.json", "uplift.html", "uplift.parquet"
OUTPUTS = (SUMMARY, REPORT, SCORES, OVERVIEW, UPLIFT, UPLIFT_PAGE, UPLIFT_PEOPLE)
"""Files in the folder of the output."""


class Progress(Protocol):
    """Who is told how it goes."""

    def note(self, text: str) -> None:
        """Hear something in passing."""

    def step(self, name: str) -> AbstractContextManager[None]:
        """Hear that a step begins, and with the context's end that it is over."""


class Silent:
    """Nobody is told."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def step(self, name: str) -> AbstractContextManager[None]:
        """Show nothing."""
        return nullcontext()


class Workspace:
    """The place of one definition's steps on one platform."""

    def __init__(
        self,
        definition: Definition,
        client: Client,
        home: Path | str | None = None,
        output: Path | str | None = None,
        *,
        progress: Progress | None = None,
    ) -> None:
        self.definition = definition
        self.seconds: dict[str, float] = {}
        self.client = client
        """The platform."""
        self._progress = progress or Silent()
        settings = Settings.load(home)
        self.home = settings.home
        """Where working files and models are kept."""
        self.folder = self.home / latest.WORKFLOW / definition.name
        """Where results are kept, each under the key of what it depends on."""
        self.output = Path(output) if output else self.home / "output" / definition.name
        """The folder of what a run leaves for its reader."""
        self.tracking = Tracking(self.home, settings.mlflow_tracking_uri)
        """Where models are kept."""
        self._uses: set[str] = set()

    @contextmanager
    def working(self, *, yes_production: bool = False) -> Iterator[None]:
        """Hold what only one run of a definition may have; a second one waits, and finds the work done."""
        if self.client.sandbox_type == "production" and not yes_production:
            raise Forbidden(f"sandbox {self.client.sandbox} is of type production; to write there say --yes-production")
        _writable(self.folder)
        _writable(self.output)
        with file_lock(self.folder / latest.LOCK):
            sweep(self.folder)
            for name in OUTPUTS:  # the user may keep other things in that folder
                sweep(self.output, f"{name}.*")
            try:
                yield
            finally:
                self._remember()

    def _remember(self, *, whole_run: bool = False) -> None:
        latest.write(self.folder, self.definition.path, self.output, self._uses, whole_run=whole_run)

    def _result(self, name: str) -> Path:
        """Return where the result called *name* is kept, and note that it is in use."""
        self._uses.add(name)
        return self.folder / name

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        with self._progress.step(name):
            yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began


def _writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"the folder {folder} cannot be made: {error.strerror}; choose another") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidInput(f"the folder {folder} is not writable; choose another")


def write(path: Path, content: str | bytes) -> None:
    """Write a file that appears whole."""
    with whole(path) as beside:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)

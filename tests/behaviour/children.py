"""Child processes that begin at once: forked from a server that has imported the lake already.

They are real processes, to be killed at will; `tests.crash` starts whole interpreters instead.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "alembic.config",
        "deltalake",
        "ipykernel.kernelapp",
        "limbeck.api.server",
        "limbeck.cli.app",
        "limbeck.workflow.report",
        "limbeck.workflow.run",
        "lightgbm",
        "matplotlib.backends.backend_agg",
        "matplotlib.figure",
        "mlflow.sklearn",
        "mlflow.store.tracking.sqlalchemy_store",
        "pandas",
        "pytest",
        "sklearn.inspection",
        "sklearn.linear_model",
        "skops.io",
        "tests.behaviour.lake_writer",
    ]
)


def start(target: Callable[..., Any], *arguments: Any, crash_at: str | None = None) -> ForkServerProcess:
    """Run `target(*arguments)` in a child, which dies at the crash point *crash_at* if one is given."""
    child = _CONTEXT.Process(target=_run, args=(crash_at, target, arguments))
    child.start()
    return child


def finish(child: ForkServerProcess) -> None:
    """Wait for the child's end; it is an error if that was not a good one (its traceback is on stderr)."""
    child.join()
    assert child.exitcode == 0, f"the child ended with {child.exitcode}"


def killed(target: Callable[..., Any], *arguments: Any, crash_at: str) -> None:
    """Run `target(*arguments)` in a child up to *crash_at*; it is an error if it does not die there."""
    child = start(target, *arguments, crash_at=crash_at)
    child.join()
    assert child.exitcode == -signal.SIGKILL, f"it never came to {crash_at}: exit {child.exitcode}"


def _run(crash_at: str | None, target: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    os.environ.pop("LIMBECK_CRASH_AT", None)
    if crash_at is not None:
        os.environ["LIMBECK_CRASH_AT"] = crash_at
    target(*arguments)

"""Work of an engine that Ctrl-C can end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")

PAUSE_S = 0.05
"""Between interruptions, until the work has ended: it may be between two statements."""


def interruptible(connection: duckdb.DuckDBPyConnection, work: Callable[[], T]) -> T:
    """Return what *work* returns, which runs statements on *connection*; Ctrl-C ends them, and is raised.

    The work is done in a thread of its own: a thread that waits inside the engine hears no signal.
    """
    with ThreadPoolExecutor(1, "limbeck-source") as pool:
        future = pool.submit(work)
        try:
            return future.result()
        except KeyboardInterrupt:
            while not future.done():
                connection.interrupt()
                wait([future], PAUSE_S)
            raise

"""Ending a statement from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from limbeck.errors import Cancelled, LimbeckError

AGAIN_S = 0.05


class Interrupt:
    """Belongs to one statement: `now()` ends it wherever it is, waiting or running, and may come at any time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = threading.Event()
        self._calls: list[Callable[[], None]] = []
        self._reason: LimbeckError | None = None

    @property
    def asked(self) -> bool:
        """Whether the statement is to end."""
        return self._asked.is_set()

    def now(self, reason: LimbeckError | None = None) -> None:
        """End the statement with the error *reason*, `Cancelled` if none is given."""
        with self._lock:
            self._reason = self._reason or reason
            self._asked.set()
            calls = tuple(self._calls)
        for call in calls:
            call()

    def check(self) -> None:
        """Raise the reason if the statement is to end."""
        if self.asked:
            raise self._reason or Cancelled("the statement was cancelled on request")

    @contextmanager
    def calling(self, call: Callable[[], None]) -> Iterator[None]:
        """Have *call* called when the statement is to end while the block lasts; at once if that was said before."""
        with self._lock:
            self._calls.append(call)
        if self.asked:
            call()
        try:
            yield
        finally:
            with self._lock:
                self._calls.remove(call)

    @contextmanager
    def repeating(self, call: Callable[[], None]) -> Iterator[None]:
        """Like `calling`, again and again until the block ends: what is not running yet does not hear a single call."""
        done = threading.Event()

        def insist() -> None:
            while not done.is_set():
                call()
                done.wait(AGAIN_S)

        def begin() -> None:
            threading.Thread(target=insist, name="limbeck-interrupt", daemon=True).start()

        self.check()
        with self.calling(begin):
            try:
                yield
            finally:
                done.set()

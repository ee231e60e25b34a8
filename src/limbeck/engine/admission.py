"""A queue before the engine, so that all statements together stay within the memory they were given."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from limbeck.engine.interrupt import Interrupt


class Admission:
    """Hands out at most *slots* equal shares of *memory_mib*; who comes first is served first."""

    def __init__(self, memory_mib: int, slots: int) -> None:
        self._share = max(64, memory_mib // slots)
        self._slots = self._free = slots
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        """How many shares are handed out now."""
        return self._slots - self._free

    @contextmanager
    def share(self, interrupt: Interrupt | None = None) -> Iterator[int]:
        """Wait for a free share, give its size in MiB, and hand it on at the end; *interrupt* ends the waiting."""
        self._enter(interrupt or Interrupt())
        try:
            yield self._share
        finally:
            self._leave()

    def _enter(self, interrupt: Interrupt) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            turn = threading.Event()
            self._waiting.append(turn)

        def give_up() -> None:
            with self._lock:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                    gone.set()
                    turn.set()

        gone = threading.Event()
        with interrupt.calling(give_up):
            turn.wait()
        if gone.is_set():
            interrupt.check()

    def _leave(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1

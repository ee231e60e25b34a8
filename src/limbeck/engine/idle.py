"""Instances that wait for another statement on the same tables: making one costs more than a small statement."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

import duckdb


@dataclass(frozen=True, slots=True)
class Instance:
    """A locked DuckDB instance and the one folder it may write to, which exists once it has."""

    connection: duckdb.DuckDBPyConnection
    folder: Path

    def close(self) -> None:
        """Give back memory and disk."""
        self.connection.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Idle:
    """The instances that were used last, at most *most* of them. Each can see what its key names and nothing else."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: list[tuple[Hashable, Instance]] = []
        self._lock = threading.Lock()

    def take(self, key: Hashable | None) -> Instance | None:
        """Return an instance that was given under *key*, or None; it is no longer here."""
        with self._lock:
            for place, (mine, instance) in enumerate(self._waiting):
                if key is not None and mine == key:
                    del self._waiting[place]
                    return instance
        return None

    def give(self, key: Hashable | None, instance: Instance) -> None:
        """Keep *instance* for the next statement; one that has written to its folder, or has no key, is closed."""
        dropped = instance
        if key is not None and not instance.folder.exists():
            with self._lock:
                self._waiting.append((key, instance))
                if len(self._waiting) <= self._most:
                    return
                _, dropped = self._waiting.pop(0)
        dropped.close()

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for _, instance in waiting:
            instance.close()

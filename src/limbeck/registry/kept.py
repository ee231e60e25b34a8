"""Resolved schemas, kept for when they are asked for again: nearly every request and statement needs one."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from limbeck.xdm.types import Schema

MOST = 1024


class KeptSchemas:
    """The schemas that were asked for last, each as long as nothing in the registry of its sandbox changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str], tuple[str, Schema]] = OrderedDict()

    def get(self, sandbox_id: str, key: str, etag: str, make: Callable[[], Schema]) -> Schema:
        """Return the schema called *key*, made anew unless it was made at *etag*, which moves with every change."""
        with self._lock:
            found = self._known.get((sandbox_id, key))
        if found is not None and found[0] == etag:
            return found[1]
        made = make()
        with self._lock:
            self._known[sandbox_id, key] = etag, made
            self._known.move_to_end((sandbox_id, key))
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        return made

"""Named points at which the crash tests kill the process.

`LIMBECK_CRASH_AT=lake.promote.before-commit` makes the first passage through that point end the process with
SIGKILL, as a power cut would; `NAME:3` the third. Without the variable a point costs one dictionary look-up.
"""

from __future__ import annotations

import os
import signal

_seen: dict[str, int] = {}


def point(name: str) -> None:
    """Die here if `LIMBECK_CRASH_AT` says so."""
    wanted = os.environ.get("LIMBECK_CRASH_AT")
    if wanted is None:
        return
    target, _, count = wanted.partition(":")
    if target != name:
        return
    _seen[name] = _seen.get(name, 0) + 1
    if _seen[name] == int(count or 1):
        os.kill(os.getpid(), signal.SIGKILL)

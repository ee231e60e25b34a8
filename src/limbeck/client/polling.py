"""Waiting for what a platform does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")

PAUSES_S = (0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.45, 0.7, 1.0)
"""Between looks; the last one repeats."""


def until(look: Callable[[], _T], is_over: Callable[[_T], bool]) -> _T:
    """Look again and again, and return what is seen when it is over."""
    looks = 0
    while not is_over(seen := look()):
        time.sleep(PAUSES_S[min(looks, len(PAUSES_S) - 1)])
        looks += 1
    return seen

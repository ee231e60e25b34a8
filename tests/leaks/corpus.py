"""The corpus: planted leaks that a detector has to find, and clean forecasts that it must not accuse.

It was written before the detector. Each case is a few frames of features (`frames.py`), made by a function when they
are first asked for: `planted.py` and `clean.py` say in a sentence what is wrong with each, or what looks wrong.
Most start from real journeys (`journeys.py`: the orders of Online Retail, the baskets of Complete Journey) or from real
tables (`samples.py`); those of `made.py` from people whose chances are known.
"""

from __future__ import annotations

from tests.leaks.clean import CLEAN
from tests.leaks.planted import PLANTED

__all__ = ["CLEAN", "PLANTED"]

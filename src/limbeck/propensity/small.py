"""Too few converters for much: what is done then, and how many more would be needed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from limbeck.propensity.candidates import Candidate, logistic

FEW = 50
"""People who convert in the training set; with fewer, only a model that can learn little is tried."""
WANTED = 0.05
"""Half of the 95 % interval of a ROC-AUC that can be planned with."""

SHRUNK = Candidate("logistic", logistic, tuple({"C": c} for c in (0.001, 0.003, 0.01, 0.03)), 0)


def cautious(asked: Sequence[Candidate], converters: int) -> tuple[Candidate, ...]:
    """Return the candidates to try: those *asked* for, or a strongly regularised regression if converters are few."""
    return tuple(asked) if converters >= FEW else (SHRUNK,)


def half_interval(area: float, converters: int, others: int) -> float:
    """Return half of the 95 % interval of a ROC-AUC of so many people (Hanley and McNeil 1982)."""
    area = min(max(area, 0.5), 0.999)
    both, twice = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (converters - 1) * (both - area**2) + (others - 1) * (twice - area**2)
    return 1.96 * math.sqrt(spread / (converters * others))


def needed(area: float, rate: float, half: float = WANTED) -> int:
    """Return how many converters, of people who convert at *rate*, narrow a ROC-AUC's interval to plus or minus *half*.

    >>> needed(0.7, 0.1)
    142
    """
    count = 1
    while half_interval(area, count, max(1, round(count * (1 - rate) / rate))) > half:
        count += max(1, count // 50)
    return count


def told(area: float, tested: int, others: int, half: float = 0.0) -> Mapping[str, Any]:
    """Return what a test on so many converters and others allows to say: `converters`, `half`, `wanted`, `further`.

    Where people have several rows, *half* is that of the interval by people. If it is wider than that of as many people
    would be, the rows count as fewer (the effective sample size of Kish 1965).
    """
    alone, enough = half_interval(area, tested, others), needed(area, tested / (tested + others))
    known = max(alone, half)
    return {
        "converters": tested,
        "half": known,
        "wanted": WANTED,
        "further": max(0, enough - int(tested * (alone / known) ** 2)),
    }

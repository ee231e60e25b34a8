"""Whether a model does as well at each time of the test as at the others, beyond chance.

The same people are in the test at several times, so the times are compared on the same draws of people. Of several
times one is the worst by luck alone, so the intervals are wider than of one: all of them hold together 95 times in 100.
Their half-width is, in standard errors of each, the quantile of the largest distance that a draw has at any time (the
studentized maximum of Romano and Wolf 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.propensity.evaluate import Ranking
from limbeck.propensity.intervals import Measure, Numbers, Resamples

HELD = 0.95
"""How often all intervals hold together."""

Rows = NDArray[np.bool_]


def stability(
    people: NDArray[Any], labels: Numbers, scores: Numbers, times: Sequence[Rows], resamples: int, seed: int
) -> list[dict[str, Measure]]:
    """Return for each of the *times*, which are parts of the rows, how it compares; nothing for fewer than two of them.

    `roc_auc` is by how much that of the time exceeds the mean of the others', `observed_to_expected` the conversions
    that came for each that was forecast; each as `value`, `low` and `high`. Every time has both outcomes.
    """
    if len(times) < 2:
        return []
    draws = Resamples(people, labels, resamples, seed).blocks()
    rankings = [(inside, Ranking(labels[inside], scores[inside])) for inside in map(np.flatnonzero, times)]
    whole = _measures(np.ones((1, len(labels))), rankings, labels, scores)
    drawn = [_measures(weights, rankings, labels, scores) for weights in draws]
    intervals = {
        name: _together(whole[name][0], np.concatenate([block[name] for block in drawn]))
        for name in ("roc_auc", "observed_to_expected")
    }
    return [{name: found[place] for name, found in intervals.items()} for place in range(len(times))]


def _measures(
    weights: Numbers, rankings: Sequence[tuple[NDArray[np.int64], Ranking]], labels: Numbers, scores: Numbers
) -> dict[str, Numbers]:
    """Return both measures of each draw (rows) at each time (columns); NaN where a draw has one outcome only."""
    with np.errstate(invalid="ignore", divide="ignore"):
        areas = np.stack([ranking.area(weights[:, inside[ranking.order]]) for inside, ranking in rankings], axis=1)
        ratios = [
            (weights[:, inside] @ labels[inside]) / (weights[:, inside] @ scores[inside]) for inside, _ in rankings
        ]
    others = (areas.sum(axis=1, keepdims=True) - areas) / (len(rankings) - 1)
    return {"roc_auc": areas - others, "observed_to_expected": np.stack(ratios, axis=1)}


def _together(values: Numbers, draws: Numbers) -> list[Measure]:
    """Return the intervals of several values that hold together."""
    known = draws[np.isfinite(draws).all(axis=1)]
    errors = known.std(axis=0)
    distance = np.divide(np.abs(known - values), errors, out=np.zeros_like(known), where=errors > 0)
    half = np.quantile(distance.max(axis=1), HELD) * errors
    return [
        {"value": float(value), "low": float(value - beside), "high": float(value + beside)}
        for value, beside in zip(values, half, strict=True)
    ]

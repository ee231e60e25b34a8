"""How sure a number is: the bootstrap of Efron (1979), which draws people again and again, and its limit for rates.

It draws people, not rows: a person who is in a set at several cutoffs is drawn with all of them, because rows of one
person resemble each other and add less certainty than rows of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import InvalidInput

Numbers = NDArray[np.float64]
Measure = Mapping[str, float]
"""A number as `value`, with the ends of its 95 % interval, `low` and `high`."""

ENDS = (0.025, 0.975)
Z = 1.96
"""Standard deviations from the middle of a normal distribution to either of these ends."""
ROUNDING = 1e-12
BLOCK = 100_000
"""Weights that are drawn together: as many as a processor's cache holds."""


class Resamples:
    """Draws of people with replacement, as weights of the rows: how often each is taken.

    A draw in which all rows have the same label says nothing about ranking, and is drawn again; raise `InvalidInput` if
    *labels* are all the same. Whoever goes through the blocks twice sees the same draws.
    """

    def __init__(self, people: NDArray[Any], labels: Numbers, count: int, seed: int) -> None:
        if not 0 < labels.sum() < len(labels):
            raise InvalidInput("all rows have the same outcome, so there is nothing to measure; take more people")
        _, self.person = np.unique(people, return_inverse=True)
        self.labels, self.count, self._seed = labels.astype(np.float64), count, seed

    def blocks(self) -> Iterator[Numbers]:
        """Yield the draws, some at a time: a row of weights for each."""
        draw, people, left = np.random.default_rng(self._seed), int(self.person.max()) + 1, self.count
        while left:
            some = min(left, max(1, BLOCK // people))
            drawn = draw.integers(0, people, (some, people)) + people * np.arange(some)[:, None]
            times = np.bincount(drawn.ravel(), minlength=some * people).reshape(some, people)
            weights = times[:, self.person].astype(np.float64)
            converted = weights @ self.labels
            usable = (converted > 0) & (converted < weights.sum(axis=1))
            left -= int(np.count_nonzero(usable))
            yield weights[usable]


def interval(value: float, draws: Numbers) -> Measure:
    """Return *value* with the range in which 95 % of the *draws* lie."""
    low, high = np.quantile(draws, ENDS)
    return {"value": float(value), "low": float(low), "high": float(high)}


def variance(influence: Numbers, person: NDArray[np.int64]) -> float:
    """Return the variance of a sum over people; *influence* is what each row adds, less what it would on average.

    So does the variance of ever more draws of people end up (the infinitesimal jackknife, Efron 1982).
    """
    return float((np.bincount(person, influence) ** 2).sum())


def rate(labels: Numbers, within: Numbers, person: NDArray[np.int64]) -> Measure:
    """Return the rate of *labels* in the rows *within* (their shares, 0 to 1), with an interval fit for few rows.

    It is Wilson's (1927), which does not shrink to nothing where none converts, or all. *person* is the number of each
    row's person: rows of the same count as fewer, as many as would by themselves vary as much (the effective sample
    size of Kish 1965).
    """
    rows = float(within.sum())
    value = float(within @ labels) / rows
    alone, spread = value * (1 - value), variance(within * (labels - value) / rows, person)
    people = int(np.count_nonzero(np.bincount(person, within)))
    size = min(rows, alone / spread if alone > ROUNDING and spread > 0 else people)
    middle, beside = value + Z**2 / (2 * size), Z * np.sqrt(alone / size + Z**2 / (4 * size**2))
    low, high = np.clip((middle + np.array([-beside, beside])) / (1 + Z**2 / size), 0, 1)
    return {"value": value, "low": min(float(low), value), "high": max(float(high), value)}

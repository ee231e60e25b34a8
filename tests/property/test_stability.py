"""Times of a test beside each other: by a bootstrap by hand, and how often one is called worse that is not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from limbeck.propensity.intervals import Resamples
from limbeck.propensity.stability import stability

Numbers = np.ndarray
TIMES = 3


def sample(seed: int, people: int, worse: float = 0.0) -> tuple[Numbers, Numbers, Numbers, list[Numbers]]:
    """The same people at each time, their outcomes alike; at the last one the forecast has so much more noise."""
    draw = np.random.default_rng(seed)
    own = np.tile(draw.normal(-1, 1, people), TIMES)
    odds = own + draw.normal(0, 0.5, len(own))
    time = np.repeat(np.arange(TIMES), people)
    labels = (draw.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(float)
    scores = 1 / (
        1 + np.exp(-odds - draw.normal(0, 0.3, len(odds)) - (time == TIMES - 1) * draw.normal(0, worse, len(odds)))
    )
    return np.tile(np.arange(people), TIMES).astype(str), labels, scores, [time == n for n in range(TIMES)]


@pytest.mark.parametrize("seed", range(3))
def test_differences_and_their_intervals_are_those_of_a_bootstrap_by_hand(seed: int) -> None:
    people, labels, scores, times = sample(seed, 60)
    found = stability(people, labels, scores, times, 40, seed)

    def differences(weights: Numbers) -> list[float]:
        areas = [roc_auc_score(labels[t], scores[t], sample_weight=weights[t]) for t in times]
        return [area - (sum(areas) - area) / (TIMES - 1) for area in areas]

    def ratios(weights: Numbers) -> list[float]:
        return [(weights[t] @ labels[t]) / (weights[t] @ scores[t]) for t in times]

    drawn = [weights for block in Resamples(people, labels, 40, seed).blocks() for weights in block]
    for name, measure in (("roc_auc", differences), ("observed_to_expected", ratios)):
        values, draws = np.array(measure(np.ones(len(labels)))), np.array([measure(weights) for weights in drawn])
        errors = draws.std(axis=0)
        half = errors * np.quantile(np.max(np.abs(draws - values) / errors, axis=1), 0.95)
        told = np.array([[one[name][end] for end in ("value", "low", "high")] for one in found])
        assert told == pytest.approx(np.column_stack([values, values - half, values + half]))


def test_where_no_time_is_worse_one_is_seldom_called_so() -> None:
    sets = [sample(seed, 150) for seed in range(80)]
    called = [any(one["roc_auc"]["high"] < 0 for one in stability(*one_set, 60, 1)) for one_set in sets]
    assert sum(called) <= 7  # one side of 5 % is 2 of 80; as many as 8 come by chance once in a thousand times


def test_the_time_that_is_worse_is_found() -> None:
    for seed in range(8):
        found = stability(*sample(seed, 500, worse=3.0), 60, seed)
        assert [one["roc_auc"]["high"] < 0 for one in found] == [False, False, True]


def test_one_time_is_beside_nothing() -> None:
    people, labels, scores, times = sample(1, 50)
    assert stability(people, labels, scores, times[:1], 60, 1) == []

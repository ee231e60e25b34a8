"""Who is promoted: a paired bootstrap beside one that is done by hand, and how often it errs."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from limbeck.propensity.intervals import Resamples
from limbeck.propensity.promotion import compare

Numbers = np.ndarray


def forecasts(seed: int, count: int, noise: tuple[float, float]) -> tuple[Numbers, Numbers, list[Numbers]]:
    """People, some of whom are there twice, their outcomes, and two forecasts with so much noise on the log odds."""
    draw = np.random.default_rng(seed)
    people = draw.integers(0, count * 3 // 4, count).astype(str)
    odds = draw.normal(-1, 1.5, count)
    labels = (draw.random(count) < 1 / (1 + np.exp(-odds))).astype(float)
    return people, labels, [1 / (1 + np.exp(-odds - draw.normal(0, one, count))) for one in noise]


@pytest.mark.parametrize("seed", range(3))
def test_gains_and_their_intervals_are_those_of_a_bootstrap_by_hand(seed: int) -> None:
    people, labels, (old, new) = forecasts(seed, 300, (0.8, 0.3))
    found = compare(people, labels, old, new, 40, seed)
    drawn = [weights.astype(int) for block in Resamples(people, labels, 40, seed).blocks() for weights in block]

    def gains(rows: Numbers) -> tuple[float, float]:
        outcomes = labels[rows]
        areas = [roc_auc_score(outcomes, one[rows]) for one in (old, new)]
        losses = [log_loss(outcomes, one[rows]) for one in (old, new)]
        return areas[1] - areas[0], losses[0] - losses[1]

    for place, measure in enumerate(("roc_auc", "log_loss")):
        gain = found[measure]["gain"]
        assert gain["value"] == pytest.approx(gains(np.arange(300))[place])
        wanted = [gains(np.repeat(np.arange(300), weights))[place] for weights in drawn]
        assert [gain["low"], gain["high"]] == pytest.approx(np.quantile(wanted, [0.025, 0.975]))
    assert found["people"] == len(set(people))


def test_of_two_equally_good_models_the_later_is_seldom_promoted() -> None:
    promoted = [
        compare(people, labels, old, new, 60, seed)["better"]
        for seed in range(60)
        for people, labels, (old, new) in [forecasts(seed, 250, (0.6, 0.6))]
    ]
    assert sum(promoted) <= 9  # 5 % of 60 is 3; as many as 10 come by chance once in a thousand times


def test_a_model_that_is_better_is_promoted_and_a_worse_one_never() -> None:
    for seed in range(8):
        people, labels, (worse, better) = forecasts(seed, 1500, (1.5, 0.1))
        assert compare(people, labels, worse, better, 60, seed)["better"]
        assert not compare(people, labels, better, worse, 60, seed)["better"]


def test_the_same_model_again_is_not_better_than_itself() -> None:
    people, labels, (one, _) = forecasts(5, 300, (0.5, 0.5))
    found = compare(people, labels, one, one, 50, 1)
    assert not found["better"]
    assert found["roc_auc"]["gain"] == found["log_loss"]["gain"] == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_probabilities_that_are_better_with_the_same_ranking_are_promoted() -> None:
    people, labels, (one, _) = forecasts(6, 1500, (0.2, 0.2))
    assert compare(people, labels, one**3, one, 100, 1)["better"]


def test_a_ranking_that_is_bought_with_probabilities_is_not() -> None:
    people, labels, (worse, better) = forecasts(7, 1500, (1.0, 0.1))
    assert not compare(people, labels, worse, better**6, 100, 1)["better"]


def test_a_surprise_at_a_certainty_counts_and_is_bounded() -> None:
    people, labels = np.arange(200).astype(str), np.tile([0.0, 1.0], 100)
    certain = labels.copy()
    certain[0] = 1.0
    found = compare(people, labels, certain, np.where(labels, 0.9, 0.1), 50, 1)
    assert found["log_loss"]["champion"] == pytest.approx(-np.log(1e-6) / 200, abs=1e-5)

"""Whether a challenger is better than the champion beyond noise: both score the same rows, which decide.

Two measures are compared, one of ranking and one of the probabilities: ROC-AUC and log loss. What the challenger gains
on each is given with the 95 % interval of a paired bootstrap: a draw of people is one for both models, so that what is
easy or hard about the people drawn cancels (Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993).

The challenger is better if it gains on one measure beyond noise, and does not lose on the other beyond noise. Of two
models that are equally good each is taken for better in at most 5 % of the cases: 2.5 % for each measure.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.propensity.evaluate import Numbers, Ranking, draws, interval

LEAST = 1e-6
"""Probabilities count as at least this far from 0 and 1, so that one surprise does not decide a log loss."""

MEASURES = ("roc_auc", "log_loss")


def compare(
    people: NDArray[Any], labels: Numbers, champion: Numbers, challenger: Numbers, resamples: int, seed: int
) -> dict[str, Any]:
    """Return how the probabilities of *challenger* compare with those of *champion* for the same rows.

    `people` counts them; `roc_auc` and `log_loss` each have both models' values and the challenger's `gain`, which is
    positive where it is better, as `value`, `low` and `high`; `better` is the answer.
    """
    pair = {"champion": champion, "challenger": challenger}
    rankings = {name: Ranking(labels, scores) for name, scores in pair.items()}
    losses = {name: _losses(labels, scores) for name, scores in pair.items()}

    def measured(weights: Numbers) -> dict[str, dict[str, float]]:
        return {
            "roc_auc": {n: r.measures(weights[r.order])["roc_auc"] for n, r in rankings.items()},
            "log_loss": {n: float(np.average(loss, weights=weights)) for n, loss in losses.items()},
        }

    values = measured(np.ones(len(labels)))
    drawn = [measured(weights) for weights in draws(people, labels, resamples, seed)]
    found: dict[str, Any] = {
        m: {**values[m], "gain": interval(_gain(m, values), [_gain(m, d) for d in drawn])} for m in MEASURES
    }
    gains = [found[m]["gain"] for m in MEASURES]
    better = any(gain["low"] > 0 for gain in gains) and not any(gain["high"] < 0 for gain in gains)
    return {"people": len(np.unique(people)), **found, "better": better}


def _losses(labels: Numbers, scores: Numbers) -> Numbers:
    """Return what each row adds to the log loss."""
    bounded = np.clip(scores, LEAST, 1 - LEAST)
    found: Numbers = -np.log(np.where(labels == 1, bounded, 1 - bounded))
    return found


def _gain(measure: str, values: dict[str, dict[str, float]]) -> float:
    gain = values[measure]["challenger"] - values[measure]["champion"]
    return gain if measure == "roc_auc" else -gain

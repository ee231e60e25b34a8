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

from limbeck.propensity.evaluate import Comparison
from limbeck.propensity.intervals import Measure, Numbers

LEAST = 1e-6
"""Probabilities count as at least this far from 0 and 1, so that one surprise does not decide a log loss."""


def compare(
    people: NDArray[Any], labels: Numbers, champion: Numbers, challenger: Numbers, resamples: int, seed: int
) -> dict[str, Any]:
    """Return how the probabilities of *challenger* compare with those of *champion* for the same rows.

    `people` counts them; `roc_auc` and `log_loss` each have both models' values and the challenger's `gain`, which is
    positive where it is better, as `value`, `low` and `high`; `better` is the answer. Raise `InvalidInput` if all rows
    have the same outcome.
    """
    pair = {"champion": champion, "challenger": challenger}
    bounded = {name: np.clip(scores, LEAST, 1 - LEAST) for name, scores in pair.items()}
    compared = Comparison(people, labels, bounded, resamples, seed)
    values, beyond = compared.measures(), compared.beyond("challenger", "champion")
    gains = {"roc_auc": beyond["roc_auc"], "log_loss": _turned(beyond["log_loss"])}
    better = any(gain["low"] > 0 for gain in gains.values()) and not any(gain["high"] < 0 for gain in gains.values())
    found = {m: {**{name: values[name][m]["value"] for name in pair}, "gain": gain} for m, gain in gains.items()}
    return {"people": len(np.unique(people)), **found, "better": better}


def _turned(measure: Measure) -> Measure:
    """Return a difference the other way round."""
    return {"value": -measure["value"], "low": -measure["high"], "high": -measure["low"]}

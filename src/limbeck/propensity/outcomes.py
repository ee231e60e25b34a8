"""What became of forecasts: conversions that were expected beside those that came, and whether to do anything about it.

Three things can be wrong, each tested at 1 % and called so only if it matters. The *ranking* fell if ROC-AUC is lower
than in the test by at least `FALL` and by more than chance allows for two samples (Hanley and McNeil 1982, by the
errors that `evaluate` gives). The *level* is off if fewer or more convert than expected by the share `OFF`, and
by more than chance allows (the variance of a sum of independent outcomes, Spiegelhalter 1986). The *tenths* are off if
they differ by as much in the mean, and more than chance allows (Hosmer and Lemeshow 1980; ten degrees of freedom,
as nothing was fitted to these outcomes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.propensity import drift as drifts
from limbeck.propensity.evaluate import area
from limbeck.propensity.intervals import Numbers

TENTHS = 10
LEVEL = 0.01
FALL = 0.02
"""Of ROC-AUC."""
OFF = 0.1
"""Share of the expected conversions."""
SIGMAS_95 = 1.96


def compare(people: NDArray[Any], labels: Numbers, scores: Numbers, test: Mapping[str, float]) -> dict[str, Any]:
    """Return what became of people with these *scores*, beside the ROC-AUC of the *test* (`value`, `low`, `high`).

    `expected` and `actual` conversions, `tenths` by score with both and the 95 % interval of what chance makes of the
    expected, `roc_auc` now and in the `test`; and whether `ranking`, `level` and `tenths_hold`.
    """
    spread = float(np.sqrt(_variance(scores)))
    expected, actual = float(scores.sum()), float(labels.sum())
    tenths = [_tenth(labels[part], scores[part]) for part in np.array_split(np.argsort(scores, kind="stable"), TENTHS)]
    _, person = np.unique(people, return_inverse=True)
    ranked = dict(area(labels, scores, person)) if 0 < actual < len(labels) else None
    return {
        "people": len(np.unique(people)),
        "expected": expected,
        "actual": actual,
        "sigmas": (actual - expected) / spread if spread else 0.0,
        "tenths": tenths,
        "roc_auc": {"now": ranked, "test": dict(test)},
        "ranking_holds": ranked is None or not _fell(ranked, test),
        "level_holds": not _is_off(expected, actual, spread),
        "tenths_hold": _tenths_hold(tenths, expected),
    }


def _variance(scores: Numbers) -> float:
    return float(np.sum(scores * (1 - scores)))


def _tenth(labels: Numbers, scores: Numbers) -> dict[str, float]:
    expected, around = float(scores.sum()), SIGMAS_95 * float(np.sqrt(_variance(scores)))
    return {
        "people": len(labels),
        "expected": expected,
        "low": max(0.0, expected - around),
        "high": min(float(len(labels)), expected + around),
        "actual": float(labels.sum()),
        "variance": _variance(scores),
    }


def _fell(now: Mapping[str, float], test: Mapping[str, float]) -> bool:
    from scipy.stats import norm

    errors = [(one["high"] - one["low"]) / (2 * SIGMAS_95) for one in (now, test)]
    fall = test["value"] - now["value"]
    return bool(fall >= FALL and fall > norm.isf(LEVEL) * np.hypot(errors[0], errors[1]))


def _is_off(expected: float, actual: float, spread: float) -> bool:
    from scipy.stats import norm

    return bool(abs(actual - expected) > max(OFF * expected, norm.isf(LEVEL / 2) * spread))


def _tenths_hold(tenths: Sequence[Mapping[str, float]], expected: float) -> bool:
    from scipy.stats import chi2

    off = [abs(one["actual"] - one["expected"]) for one in tenths]
    sum_ = sum(d**2 / one["variance"] for d, one in zip(off, tenths, strict=True) if one["variance"] > 0)
    return bool(sum(off) < OFF * expected or chi2.sf(sum_, len(tenths)) > LEVEL)


def verdict(
    drift: Mapping[str, Any],
    outcome: Mapping[str, Any] | None,
    importance: Sequence[Mapping[str, Any]],
    *,
    same: bool = True,
) -> dict[str, str]:
    """Return what to do, `fine`, `recalibrate` or `retrain`, and why, in a sentence (`told`).

    What became of forecasts decides where that is known: *outcome*, of the people whose *drift* is told if they are the
    *same*. As long as it is not, a strong shift decides: of the scores, or of a feature that matters, which is one
    whose *importance* is more than chance.
    """
    matter = [one["feature"] for one in importance if one["low"] > 0] or None
    strong, scores = drifts.shifted(drift, "strong", matter), drift["scores"]["shift"] == "strong"
    if outcome is not None and not outcome["ranking_holds"]:
        now, test = outcome["roc_auc"]["now"]["value"], outcome["roc_auc"]["test"]["value"]
        return _said(
            "retrain", f"the scores rank people worse than in the test: ROC-AUC {now:.3f} instead of {test:.3f}"
        )
    if (strong or scores) and (outcome is None or not same):
        what = f"of the features that matter, these shifted strongly: {', '.join(strong)}" if strong else ""
        drifted = "the scores shifted strongly" if scores else ""
        return _said("retrain", "; ".join(filter(None, [what, drifted])))
    if outcome is not None and not (outcome["level_holds"] and outcome["tenths_hold"]):
        counts = f"{outcome['actual']:,.0f} converted and {outcome['expected']:,.0f} were expected"
        which = "" if not outcome["level_holds"] else ", but in the tenths by score the numbers differ beyond noise"
        return _said("recalibrate", f"the ranking holds, and {counts}{which}")
    known = "forecasts came true as well as they should" if outcome is not None else "outcomes are not known yet"
    shifts = (
        f"; features shifted strongly all the same: {', '.join(strong)}"
        if strong
        else "; nothing that matters shifted strongly"
    )
    return _said("fine", known + shifts)


def _said(word: str, why: str) -> dict[str, str]:
    return {"verdict": word, "told": f"{word}: {why}"}

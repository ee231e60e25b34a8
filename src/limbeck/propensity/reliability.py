"""Whether forecasts can be read as probabilities: their errors, and how far forecast and outcome lie apart.

The *Brier score* is the mean squared difference of probability and outcome (Brier 1950), the *log loss* the mean
negative logarithm of the probability given to what happened (Good 1952). *Observed to expected* is the number of
conversions over the sum of the forecasts; *intercept* and *slope* are those of a logistic regression of the outcome on
the forecast's log odds, the intercept with the slope held at 1 (Cox 1958; Van Calster et al. 2019): 0 and 1 are right,
and a slope below 1 means that forecasts are too extreme. The *calibration error* is the mean distance of forecast and
outcome in tenths of the people by forecast (Naeini, Cooper and Hauskrecht 2015). docs/evaluation.md tells more.
"""

from __future__ import annotations

import numpy as np

from limbeck.propensity.intervals import ENDS, Measure, Numbers

BINS = 10
LEAST = 1e-6
"""Forecasts nearer than this to 0 or 1 count as this in log odds."""
STEPS = 100
ENOUGH = 1e-10


def logit(probabilities: Numbers) -> Numbers:
    """Return the log odds, those of 0 and 1 as of `LEAST` and of 1 - `LEAST`."""
    inner = np.clip(probabilities, LEAST, 1 - LEAST)
    found: Numbers = np.log(inner / (1 - inner))
    return found


def parts(scores: Numbers, count: int = BINS) -> Numbers:
    """Return the share of each row (rows x *count*) in equal parts of all, the lowest scores first.

    Rows with the same score at the edge of a part share its places, so that their order does not matter.
    """
    order = np.argsort(scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1) + 1
    begins = np.append(0, ends[:-1])
    edges = np.linspace(0, len(scores), count + 1)
    within = np.minimum(ends[:, None], edges[1:]) - np.maximum(begins[:, None], edges[:-1])
    groups = np.clip(within, 0, None) / (ends - begins)[:, None]
    found: Numbers = np.empty((len(scores), count))
    found[order] = np.repeat(groups, ends - begins, axis=0)
    return found


class Forecasts:
    """Probabilities and outcomes as sums over rows, so that one weighting of the rows costs one product of matrices.

    Intercept and slope of a weighting are one step of Newton's method from those of all rows (Davidson and MacKinnon
    1999 on such bootstraps): as near as the luck of the draw allows, and defined for every draw.
    """

    def __init__(self, labels: Numbers, probabilities: Numbers) -> None:
        self._missed, odds = labels - probabilities, logit(probabilities)
        self._bins = parts(probabilities, min(BINS, len(labels)))
        ones = np.ones(len(odds))
        self._shift = _fitted(ones[:, None], odds, labels)[0]
        self._line = _fitted(np.column_stack([ones, odds]), 0 * odds, labels) if _overlap(odds, labels) else None
        columns = [ones, labels, probabilities, self._missed**2, _loss(labels, probabilities)]
        columns += _newton(odds + self._shift, labels)
        if self._line is not None:
            slopes = _newton(self._line[0] + self._line[1] * odds, labels)
            columns += [*slopes, *(c * odds for c in slopes), slopes[1] * odds**2]
        self._columns = np.column_stack([*columns, self._bins * self._missed[:, None]])
        self._probabilities = probabilities

    def measures(self, weights: Numbers) -> dict[str, Numbers]:
        """Return each measure of the weighted rows; the last axis of *weights* is that of the rows.

        There is no slope if the outcomes do not overlap along the forecasts.
        """
        sums = np.moveaxis(weights @ self._columns, -1, 0)
        bins, (rows, labels, expected, squares, losses, off, curved) = sums[-self._bins.shape[1] :], sums[:7]
        found = {
            "brier": squares / rows,
            "log_loss": losses / rows,
            "observed_to_expected": labels / np.maximum(expected, LEAST * rows),
            "calibration_error": np.abs(bins).sum(axis=0) / rows,
            "calibration_intercept": self._shift + off / curved,
        }
        if self._line is not None:
            found["calibration_slope"] = self._line[1] + _slope_step(*sums[7:12])
        return found

    def by_chance(self, resamples: int, seed: int) -> Measure:
        """Return the calibration error that forecasts as these would show if they were right: mean and 95 % range.

        Outcomes are drawn from the forecasts (Broecker and Smith 2007), as sums of many by their normal distribution.
        """
        spreads = np.sqrt((self._bins**2).T @ (self._probabilities * (1 - self._probabilities)))
        draws = np.random.default_rng(seed).standard_normal((resamples, len(spreads)))
        errors = np.abs(draws * spreads).sum(axis=1) / len(self._bins)
        low, high = np.quantile(errors, ENDS)
        return {"value": float(errors.mean()), "low": float(low), "high": float(high)}


def error_interval(value: float, draws: Numbers, chance: Measure) -> Measure:
    """Return a calibration error with its interval.

    Luck only adds to this error, and each draw adds more. So the interval goes as far below the value as 97.5 % of the
    draws go above, and down to 0 if forecasts that are right would by *chance* show as much.
    """
    high = float(np.quantile(draws, ENDS[1]))
    low = 0.0 if value <= chance["high"] else max(0.0, 2 * value - high)
    return {"value": float(value), "low": min(low, float(value)), "high": max(high, float(value))}


def _loss(labels: Numbers, probabilities: Numbers) -> Numbers:
    least = np.finfo(np.float64).eps
    inner = np.clip(probabilities, least, 1 - least)
    found: Numbers = -np.where(labels == 1, np.log(inner), np.log1p(-inner))
    return found


def _newton(odds: Numbers, labels: Numbers) -> list[Numbers]:
    """Return for each row what is left of its outcome, and the curvature: first and second derivative by the odds."""
    fitted = 1 / (1 + np.exp(-odds))
    return [labels - fitted, fitted * (1 - fitted)]


def _slope_step(off: Numbers, curved: Numbers, off_x: Numbers, curved_x: Numbers, curved_xx: Numbers) -> Numbers:
    """Return the second part of the solution of two equations: how far Newton's step moves the slope."""
    determinant = curved * curved_xx - curved_x**2
    usable = determinant > ENOUGH * curved * curved_xx
    found: Numbers = np.divide(curved * off_x - curved_x * off, determinant, out=np.zeros_like(off), where=usable)
    return found


def _overlap(odds: Numbers, labels: Numbers) -> bool:
    """Return whether the outcomes overlap along the odds; else the likelihood of a slope has no maximum."""
    ones, zeros = odds[labels == 1], odds[labels != 1]
    return bool(ones.max() > zeros.min() and zeros.max() > ones.min())


def _fitted(inputs: Numbers, offset: Numbers, labels: Numbers) -> Numbers:
    """Return the coefficients of the logistic regression of *labels* on the columns of *inputs*, beside *offset*."""
    found: Numbers = np.zeros(inputs.shape[1])
    step = found
    likelihood = -np.inf
    for _ in range(STEPS):
        odds = offset + inputs @ (found + step)
        reached = float(labels @ odds - np.logaddexp(0, odds).sum())
        if reached < likelihood:
            step = step / 2
            continue
        gained, found, likelihood = reached - likelihood, found + step, reached
        if gained < ENOUGH:
            break
        off, curved = _newton(odds, labels)
        step = np.linalg.solve(inputs.T @ (curved[:, None] * inputs), inputs.T @ off).astype(np.float64)
    return found

"""How good scores are, and how sure that is: measures with bootstrap intervals, and the curves of the report.

*ROC-AUC* is the share of the pairs of one who converts and one who does not in which the first has the higher score
(Hanley and McNeil 1982), *PR-AUC* the average precision of scikit-learn; ties are treated as there. The *lift at 10 %*
is the conversion rate of the tenth with the highest scores over that of all; people with the same score at the edge of
the tenth share its remaining places. What says whether scores can be read as probabilities is in `reliability`, how
sure a measure is in `intervals`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.propensity.intervals import Measure as Measure
from limbeck.propensity.intervals import Numbers as Numbers
from limbeck.propensity.intervals import Resamples, Z, interval, variance
from limbeck.propensity.reliability import BINS, Forecasts, error_interval, parts

TOP = 0.1
POINTS = 200
"""Points that a curve of the report has at most."""
SHARES = np.arange(1, 101) / 100


class Ranking:
    """Scores in descending order with their ties, so that many weightings of the rows cost one pass.

    Weights are in this ranking's order; the last axis is that of the rows.
    """

    def __init__(self, labels: Numbers, scores: Numbers) -> None:
        self.order = np.argsort(-scores, kind="stable")
        self.labels = labels[self.order].astype(np.float64)
        changes = np.flatnonzero(np.diff(scores[self.order]))
        self.ends = np.append(changes, len(scores) - 1)
        """Index of the last row of each group of equal scores."""

    def counts(self, weights: Numbers) -> tuple[Numbers, Numbers]:
        """Return how much weight of converters and of others has at least each score, beginning with none."""
        positive, everybody = (self._reached(w) for w in (weights * self.labels, weights))
        return positive, everybody - positive

    def _reached(self, weights: Numbers) -> Numbers:
        found = np.zeros((*weights.shape[:-1], len(self.ends) + 1))
        sums = np.cumsum(weights, axis=-1)
        found[..., 1:] = sums if len(self.ends) == sums.shape[-1] else sums[..., self.ends]
        return found

    def measures(self, weights: Numbers) -> dict[str, Numbers]:
        """Return the measures of ranking of the weighted rows."""
        positive, negative = self.counts(weights)
        lift = _among_best(positive, positive + negative, np.array([TOP]))[..., 0] / TOP
        return {
            "roc_auc": _area(positive, negative),
            "pr_auc": _average_precision(positive, negative),
            "lift_at_10": lift / positive[..., -1],
        }

    def area(self, weights: Numbers) -> Numbers:
        """Return the ROC-AUC of the weighted rows."""
        return _area(*self.counts(weights))

    def precision(self, weights: Numbers, shares: Numbers) -> Numbers:
        """Return the conversion rate of the *shares* of the weighted rows with the highest scores."""
        positive, negative = self.counts(weights)
        everybody = positive + negative
        return _among_best(positive, everybody, shares) / (shares * everybody[..., -1:])


def _area(positive: Numbers, negative: Numbers) -> Numbers:
    twice = np.einsum("...i,...i->...", np.diff(negative), positive[..., 1:] + positive[..., :-1])
    found: Numbers = twice / (2 * positive[..., -1] * negative[..., -1])
    return found


def _average_precision(positive: Numbers, negative: Numbers) -> Numbers:
    reached = positive[..., 1:] + negative[..., 1:]
    precision = np.divide(positive[..., 1:], reached, out=np.zeros_like(reached), where=reached > 0)
    found: Numbers = np.einsum("...i,...i->...", np.diff(positive), precision) / positive[..., -1]
    return found


def _among_best(positive: Numbers, everybody: Numbers, shares: Numbers) -> Numbers:
    """Return how many converters are among the best *shares* (the last axis of the result)."""
    rows = zip(everybody.reshape(-1, everybody.shape[-1]), positive.reshape(-1, positive.shape[-1]), strict=True)
    found = np.array([np.interp(shares * reached[-1], reached, converters) for reached, converters in rows])
    return found.reshape(*positive.shape[:-1], len(shares))


class Comparison:
    """Several forecasts of the same rows, measured on the same draws of people.

    A measure is missing where it does not exist: see `reliability.Forecasts.measures`.
    """

    def __init__(
        self, people: NDArray[Any], labels: Numbers, scores: Mapping[str, Numbers], resamples: int, seed: int
    ) -> None:
        draws = Resamples(people, labels, resamples, seed)
        judged = {name: (Ranking(labels, found), Forecasts(labels, found)) for name, found in scores.items()}
        self._values = {name: _measures(np.ones(len(labels)), *one) for name, one in judged.items()}
        drawn: dict[str, list[dict[str, Numbers]]] = {name: [] for name in scores}
        for weights in draws.blocks():
            for name, one in judged.items():
                drawn[name].append(_measures(weights, *one))
        self._draws = {
            name: {m: np.concatenate([block[m] for block in drawn[name]]) for m in self._values[name]}
            for name in scores
        }
        self.chance = {name: forecasts.by_chance(resamples, seed) for name, (_, forecasts) in judged.items()}
        """The calibration error that each would show if it were right."""

    def measures(self) -> dict[str, dict[str, Measure]]:
        """Return the measures of each."""
        return {name: {m: self._measure(name, m) for m in values} for name, values in self._values.items()}

    def _measure(self, name: str, measure: str) -> Measure:
        value, draws = float(self._values[name][measure]), self._draws[name][measure]
        if measure == "calibration_error":
            return error_interval(value, draws, self.chance[name])
        return interval(value, draws)

    def beyond(self, name: str, other: str) -> dict[str, Measure]:
        """Return by how much each measure of one exceeds that of the other, which is surer than two intervals are."""
        mine, others = self._draws[name], self._draws[other]
        values = {m: float(v - self._values[other][m]) for m, v in self._values[name].items() if m in others}
        return {m: interval(value, mine[m] - others[m]) for m, value in values.items()}


def _measures(weights: Numbers, ranking: Ranking, forecasts: Forecasts) -> dict[str, Numbers]:
    return ranking.measures(weights[..., ranking.order]) | forecasts.measures(weights)


def evaluate(people: NDArray[Any], labels: Numbers, scores: Numbers, resamples: int, seed: int) -> dict[str, Measure]:
    """Return each measure as `value`, `low` and `high`: the 95 % interval of *resamples* draws of people.

    Raise `InvalidInput` if all have the same outcome.
    """
    return compare(people, labels, {"": scores}, resamples, seed)[""]


def compare(
    people: NDArray[Any], labels: Numbers, scores: Mapping[str, Numbers], resamples: int, seed: int
) -> dict[str, dict[str, Measure]]:
    """Return what `evaluate` finds for each of several scores of the same rows: all of them on the same draws."""
    return Comparison(people, labels, scores, resamples, seed).measures()


def by_share(people: NDArray[Any], labels: Numbers, scores: Numbers, resamples: int, seed: int) -> list[dict[str, Any]]:
    """Return, for each percent of the people with the highest scores, `share`, their conversion rate and the `gain`.

    The rate is given as `value`, `low` and `high`, as `evaluate` gives measures, and so is the gain: the share of all
    converters that is among them. Gain over share is the lift.
    """
    ranking = Ranking(labels, scores)
    blocks = Resamples(people, labels, resamples, seed).blocks()
    all_of_them = np.ones((1, len(labels)))
    weights = chain([all_of_them], (block[:, ranking.order] for block in blocks))
    rates = np.concatenate([ranking.precision(some, SHARES) for some in weights])
    gains = rates * SHARES / rates[:, -1:]
    return [
        {"share": float(share), **interval(rate[0], rate[1:]), "gain": interval(gain[0], gain[1:])}
        for share, rate, gain in zip(SHARES, rates.T, gains.T, strict=True)
    ]


def curves(labels: Numbers, scores: Numbers, *, probabilities: bool = True) -> dict[str, dict[str, list[float]]]:
    """Return the points of the ROC, precision-recall, gains and lift curves; for *probabilities* calibration too."""
    ranking = Ranking(labels, scores)
    positive, negative = ranking.counts(np.ones(len(labels)))
    everybody = positive + negative
    reached, recall = everybody / everybody[-1], positive / positive[-1]
    precision = positive[1:] / everybody[1:]
    found = {
        "roc": _points(negative / negative[-1], recall),
        "pr": _points(recall[1:], precision),
        "gains": _points(reached, recall),
        "lift": _points(reached[1:], recall[1:] / reached[1:]),
    }
    return found | ({"calibration": _calibration(labels, scores)} if probabilities else {})


def _points(x: Numbers, y: Numbers) -> dict[str, list[float]]:
    kept = np.unique(np.linspace(0, len(x) - 1, POINTS).round().astype(int))
    return {"x": x[kept].tolist(), "y": y[kept].tolist()}


def _calibration(labels: Numbers, scores: Numbers) -> dict[str, list[float]]:
    """Compare forecast and outcome in tenths of the people, by score."""
    within = parts(scores, min(BINS, len(scores)))
    count = within.sum(axis=0)
    return {
        "predicted": (scores @ within / count).tolist(),
        "observed": (labels @ within / count).tolist(),
        "count": count.tolist(),
    }


def placements(labels: Numbers, scores: Numbers) -> Numbers:
    """Return, for each row, the share of those with the other outcome that its score stands on the right side of.

    Equal scores count half. The mean over the converters is the ROC-AUC, and so is that over the others.
    """
    from scipy.stats import rankdata

    found, ranks = np.empty(len(labels)), rankdata(scores)
    for mine, side in ((labels == 1, 1.0), (labels != 1, -1.0)):
        above = (ranks[mine] - rankdata(scores[mine])) / np.count_nonzero(~mine)
        found[mine] = above if side > 0 else 1 - above
    return found


def loss(labels: Numbers, whole: Numbers, shuffled: Numbers) -> Measure:
    """Return what ROC-AUC loses between two `placements` of the same people, with its 95 % interval.

    The interval is that of DeLong, DeLong and Clarke-Pearson (1988) for two ROC curves of the same people.
    """
    lost = [(whole - shuffled)[side] for side in (labels == 1, labels != 1)]
    spread = Z * float(np.sqrt(sum(side.var(ddof=min(1, len(side) - 1)) / len(side) for side in lost)))
    value = float(lost[0].mean())
    return {"value": value, "low": value - spread, "high": value + spread}


def area(labels: Numbers, scores: Numbers, person: NDArray[np.int64]) -> Measure:
    """Return the ROC-AUC of rows of which the people have these numbers, with its 95 % interval.

    The interval is DeLong, DeLong and Clarke-Pearson's (1988), by people where these have several rows (Obuchowski
    1997).
    """
    placed, converted = placements(labels, scores), float(labels.sum())
    value = float(placed @ labels) / converted
    counted = np.where(labels == 1, converted, len(labels) - converted)
    spread = Z * np.sqrt(variance((placed - value) / counted, person))
    return {"value": value, "low": max(0.0, float(value - spread)), "high": min(1.0, float(value + spread))}


def separation(labels: Numbers, values: Numbers) -> float:
    """Return how well one feature separates the outcomes: its ROC-AUC in the better direction, NaN at either end."""
    low = np.nanmin(values, initial=0.0) - 1
    high = np.nanmax(values, initial=0.0) + 1
    ends = [np.nan_to_num(values, nan=end) for end in (low, high)] if np.isnan(values).any() else [values]
    areas = [float(_area(*Ranking(labels, end).counts(np.ones(len(labels))))) for end in ends]
    return max(max(found, 1 - found) for found in areas)

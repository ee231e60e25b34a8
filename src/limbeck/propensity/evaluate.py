"""How good scores are, and how sure that is: four measures with bootstrap intervals, and the curves of the report.

ROC-AUC and average precision are scikit-learn's definitions, ties included. The lift at 10 % is the conversion rate of
the tenth with the highest scores over that of all; people with the same score at the edge of the tenth share its
remaining places. The Brier score is the mean squared difference of probability and outcome.

The bootstrap draws people, not rows: a person who is in the set at several cutoffs is drawn with all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Measure = Mapping[str, float]

TOP = 0.1
POINTS = 200
"""Points that a curve of the report has at most."""
BINS = 10


class Ranking:
    """Scores in descending order with their ties, so that one weighting of the rows costs one pass."""

    def __init__(self, labels: Numbers, scores: Numbers) -> None:
        self.order = np.argsort(-scores, kind="stable")
        self.labels = labels[self.order].astype(np.float64)
        self.squares = (scores[self.order] - self.labels) ** 2
        changes = np.flatnonzero(np.diff(scores[self.order]))
        self.ends = np.append(changes, len(scores) - 1)
        """Index of the last row of each group of equal scores."""

    def counts(self, weights: Numbers) -> tuple[Numbers, Numbers]:
        """Return how much weight of converters and of others has at least each score, beginning with none."""
        positive = np.cumsum(weights * self.labels)[self.ends]
        everybody = np.cumsum(weights)[self.ends]
        return np.append(0.0, positive), np.append(0.0, everybody - positive)

    def measures(self, weights: Numbers) -> dict[str, float]:
        """Return the four measures of the weighted rows (weights in this ranking's order)."""
        positive, negative = self.counts(weights)
        return {
            "roc_auc": _area(positive, negative),
            "pr_auc": _average_precision(positive, negative),
            "lift_at_10": _lift(positive, negative, TOP),
            "brier": float(np.average(self.squares, weights=weights)),
        }

    def precision(self, weights: Numbers, shares: Numbers) -> Numbers:
        """Return the conversion rate of the *shares* of the weighted rows with the highest scores."""
        positive, negative = self.counts(weights)
        everybody = positive + negative
        reached: Numbers = np.interp(shares * everybody[-1], everybody, positive) / (shares * everybody[-1])
        return reached


def _area(positive: Numbers, negative: Numbers) -> float:
    return float(np.trapezoid(positive / positive[-1], negative / negative[-1]))


def _average_precision(positive: Numbers, negative: Numbers) -> float:
    reached = positive[1:] + negative[1:]
    precision = np.divide(positive[1:], reached, out=np.zeros_like(reached), where=reached > 0)
    return float(np.sum(np.diff(positive) / positive[-1] * precision))


def _lift(positive: Numbers, negative: Numbers, share: float) -> float:
    everybody = positive + negative
    reached = np.interp(share * everybody[-1], everybody, positive)
    return float(reached / (share * positive[-1]))


def evaluate(people: NDArray[Any], labels: Numbers, scores: Numbers, resamples: int, seed: int) -> dict[str, Measure]:
    """Return each measure as `value`, `low` and `high`: the 95 % interval of *resamples* draws of people.

    A draw in which all have the same outcome says nothing about ranking, and is drawn again.
    """
    return compare(people, labels, {"": scores}, resamples, seed)[""]


def compare(
    people: NDArray[Any], labels: Numbers, scores: Mapping[str, Numbers], resamples: int, seed: int
) -> dict[str, dict[str, Measure]]:
    """Return what `evaluate` finds for each of several scores of the same rows: all of them on the same draws."""
    rankings = {name: Ranking(labels, found) for name, found in scores.items()}
    value = {name: ranking.measures(np.ones(len(labels))) for name, ranking in rankings.items()}
    drawn: dict[str, list[dict[str, float]]] = {name: [] for name in rankings}
    for weights in draws(people, labels, resamples, seed):
        for name, ranking in rankings.items():
            drawn[name].append(ranking.measures(weights[ranking.order]))
    return {n: {m: interval(value[n][m], [d[m] for d in drawn[n]]) for m in value[n]} for n in rankings}


def by_share(
    people: NDArray[Any], labels: Numbers, scores: Numbers, resamples: int, seed: int
) -> list[dict[str, float]]:
    """Return, for each percent of the people with the highest scores, `share` and their conversion rate.

    The rate is given as `value`, `low` and `high`, as `evaluate` gives measures.
    """
    ranking, shares = Ranking(labels, scores), np.arange(1, 101) / 100
    value = ranking.precision(np.ones(len(labels)), shares)
    drawn = draws(people, labels, resamples, seed)
    found = [ranking.precision(weights[ranking.order], shares) for weights in drawn]
    low, high = np.quantile(found, [0.025, 0.975], axis=0)
    rows = zip(shares, value, low, high, strict=True)
    return [{"share": float(s), "value": float(v), "low": float(a), "high": float(b)} for s, v, a, b in rows]


def draws(people: NDArray[Any], labels: Numbers, resamples: int, seed: int) -> Iterator[Numbers]:
    """Yield the weights of the rows in each draw of people."""
    _, person = np.unique(people, return_inverse=True)
    draw = np.random.default_rng(seed)
    while resamples:
        times = draw.multinomial(person.max() + 1, np.full(person.max() + 1, 1 / (person.max() + 1)))
        weights = times[person].astype(np.float64)
        if 0 < float(weights @ labels) < weights.sum():
            resamples -= 1
            yield weights


def interval(value: float, drawn: list[float]) -> Measure:
    """Return a measure with the 95 % interval of its values in the draws of a bootstrap."""
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": value, "low": float(low), "high": float(high)}


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
    parts = [part for part in np.array_split(np.argsort(scores, kind="stable"), BINS) if len(part)]
    return {
        "predicted": [float(scores[part].mean()) for part in parts],
        "observed": [float(labels[part].mean()) for part in parts],
        "count": [float(len(part)) for part in parts],
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
    spread = 1.96 * float(np.sqrt(sum(side.var(ddof=min(1, len(side) - 1)) / len(side) for side in lost)))
    value = float(lost[0].mean())
    return {"value": value, "low": value - spread, "high": value + spread}


def separation(labels: Numbers, values: Numbers) -> float:
    """Return how well one feature separates the outcomes: its ROC-AUC in the better direction, NaN at either end."""
    low = np.nanmin(values, initial=0.0) - 1
    high = np.nanmax(values, initial=0.0) + 1
    ends = [np.nan_to_num(values, nan=end) for end in (low, high)] if np.isnan(values).any() else [values]
    areas = [_area(*Ranking(labels, end).counts(np.ones(len(labels)))) for end in ends]
    return max(max(area, 1 - area) for area in areas)

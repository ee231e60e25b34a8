"""What a contact adds, and whether a ranking finds whom it adds most to: measures over single people's effects.

Nobody's own effect is seen: a person is contacted or not. Its *score* is, on the average: the doubly robust score of
Robins, Rotnitzky and Zhao (1994), `effect_scores`, whose mean over any group of people is unbiased for the group's mean
effect, if the chance of being treated is known, or the forecasts are right. So each measure here is a mean of scores.

The Qini curve (Radcliffe 2007) has, for each share of the people, those ranked highest first, how many more convert if
they are contacted, per person of all; contacting that share at random gives the straight line to its end. The Qini
coefficient is the area between them. Over scores it is a rank-weighted average treatment effect (Yadlowsky, Fleming,
Shah, Brunskill and Wager 2021).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.propensity.evaluate import Measure, Numbers

SHARES = np.arange(0, 101) / 100
TENTHS = 10
Z, POWER = 1.96, 0.84
"""Standard normal quantiles: of a 95 % interval, and of finding 80 effects in 100."""
CROSS_FITTED = 2**0.5
"""What the standard error of a cross-fitted ranking's Qini is multiplied by.

Each person's noise takes part in ranking the others, and theirs in ranking this one, so folds agree with each other by
chance. For rankings that are linear in the outcomes the variance is twice what it seems; docs/uplift.md reckons it out.
"""


def effect_scores(labels: Numbers, treated: Numbers, chance: Numbers, forecast: Numbers, without: Numbers) -> Numbers:
    """Return each person's doubly robust score of the effect.

    *treated* is 1 or 0, *chance* the probability of 1; *forecast* and *without* are the probabilities of converting
    with and without treatment, made by models that have not seen the person.
    """
    surprise = treated / chance * (labels - forecast) - (1 - treated) / (1 - chance) * (labels - without)
    return np.asarray(forecast - without + surprise, float)


class Judged:
    """Effect scores of people, and how to draw them again: people, not rows."""

    def __init__(self, people: NDArray[Any], effects: Numbers, resamples: int, seed: int) -> None:
        self.effects, self._resamples, self._seed = effects, resamples, seed
        _, self._person = np.unique(people, return_inverse=True)

    def average(self, rows: NDArray[np.bool_] | None = None) -> Measure:
        """Return the mean effect among *rows* (all if None) with its 95 % interval."""
        inside = np.ones(len(self.effects)) if rows is None else rows.astype(float)
        value = float(np.average(self.effects, weights=inside))
        by_person = np.bincount(self._person, inside * (self.effects - value))
        error = float(np.sqrt(by_person @ by_person) / inside.sum())
        return {"value": value, "low": value - Z * error, "high": value + Z * error}

    def ranked(self, ranking: Numbers, *, cross_fitted: bool) -> dict[str, Any]:
        """Return what *ranking*, higher first, finds: `qini`, `curve` and `by_share`, as JSON values.

        `qini` has `value`, `low`, `high` and `p`, the chance of at least this value if the ranking knew nothing of the
        effect. `curve` has, by `share`, the `gain` with its range `low`, `high` and `random`; `by_share` the mean
        effect among each percent of the people.
        """
        order = _Order(ranking)
        gain = order.gains(self.effects, np.ones(len(self.effects)))
        drawn = np.array([order.gains(self.effects, weights) for weights in self._draws()])
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        return {
            "qini": _coefficient(gain, drawn, CROSS_FITTED if cross_fitted else 1.0),
            "curve": {
                "share": SHARES.tolist(),
                "gain": gain.tolist(),
                "low": low.tolist(),
                "high": high.tolist(),
                "random": (SHARES * gain[-1]).tolist(),
            },
            "by_share": _by_share(gain, low, high),
        }

    def tenths(self, ranking: Numbers) -> list[dict[str, Any]]:
        """Return the effect by tenth of the people, those ranked highest first: `people`, `value`, `low`, `high`."""
        parts = np.array_split(np.argsort(-ranking, kind="stable"), min(TENTHS, len(ranking)))
        found = []
        for part in parts:
            inside = np.zeros(len(ranking), bool)
            inside[part] = True
            found.append({"people": len(part), **self.average(inside)})
        return found

    def _draws(self) -> Iterator[Numbers]:
        """Yield the weights of the rows in each draw of people."""
        draw, count = np.random.default_rng(self._seed), int(self._person.max()) + 1
        for _ in range(self._resamples):
            yield draw.multinomial(count, np.full(count, 1 / count))[self._person].astype(float)


class _Order:
    """People in the order of a ranking; those ranked alike share the places they have together."""

    def __init__(self, ranking: Numbers) -> None:
        self._order = np.argsort(-ranking, kind="stable")
        self._ends = np.append(np.flatnonzero(np.diff(ranking[self._order])), len(ranking) - 1)

    def gains(self, effects: Numbers, weights: Numbers) -> Numbers:
        """Return the gain at each of `SHARES`, per person of all."""
        ordered = weights[self._order]
        reached = np.append(0.0, np.cumsum(ordered)[self._ends])
        gained = np.append(0.0, np.cumsum(ordered * effects[self._order])[self._ends])
        found: Numbers = np.interp(SHARES * reached[-1], reached, gained) / reached[-1]
        return found


def _area(gain: Numbers) -> Numbers:
    """Return the area between gains and the straight line to their end, of one curve or of several."""
    return np.asarray(np.trapezoid(gain - SHARES * gain[..., -1:], SHARES, axis=-1))


def _coefficient(gain: Numbers, drawn: Numbers, wider: float) -> dict[str, float]:
    from scipy.stats import norm

    value, error = float(_area(gain)), wider * float(_area(drawn).std(ddof=1))
    chance = float(norm.sf(value / error)) if error > 0 else 1.0
    return {"value": value, "low": value - Z * error, "high": value + Z * error, "p": chance}


def _by_share(gain: Numbers, low: Numbers, high: Numbers) -> list[dict[str, float]]:
    rows = zip(SHARES[1:], gain[1:], low[1:], high[1:], strict=True)
    return [{"share": float(s), **{n: float(v / s) for n, v in zip(ENDS, ends, strict=True)}} for s, *ends in rows]


ENDS: Sequence[str] = ("value", "low", "high")


def detectable(average: Measure) -> float:
    """Return the smallest mean effect that an experiment of this size finds 80 times in 100 (two-sided, 5 %)."""
    return (Z + POWER) * (average["high"] - average["low"]) / (2 * Z)


def needed(measure: Measure, people: int) -> int | None:
    """Return how many people an experiment needs to find an effect of this size 80 times in 100; None for no effect."""
    if not measure["value"]:
        return None
    return int(np.ceil(people * (detectable(measure) / measure["value"]) ** 2))

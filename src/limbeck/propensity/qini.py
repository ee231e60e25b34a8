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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    with_it = outcome_scores(labels, treated, chance, forecast)
    return with_it - outcome_scores(labels, 1 - treated, 1 - chance, without)


def outcome_scores(labels: Numbers, treated: Numbers, chance: Numbers, forecast: Numbers) -> Numbers:
    """Return each person's doubly robust score of converting if treated; arguments are those of `effect_scores`."""
    return np.asarray(forecast + treated / chance * (labels - forecast), float)


@dataclass(frozen=True, slots=True)
class Gains:
    """What a ranking of people, higher first, gains at each of `SHARES`, per person of all."""

    gain: Numbers
    drawn: Numbers
    """The same of each draw of people."""
    cross_fitted: bool
    """Whether the people's own outcomes took part in the ranking, by cross-fitting."""

    def shown(self) -> dict[str, Any]:
        """Return it as JSON values: `qini`, `curve` and `by_share`.

        `qini` has `value`, `low`, `high` and `p`, the chance of at least this value if the ranking knew nothing of the
        effect. `curve` has, by `share`, the `gain` with its range `low`, `high` and `random`; `by_share` the mean
        effect among each percent of the people.
        """
        low, high = self._range()
        return {
            "qini": _coefficient(self.gain, self.drawn, self._wider),
            "curve": {
                "share": SHARES.tolist(),
                "gain": self.gain.tolist(),
                "low": low.tolist(),
                "high": high.tolist(),
                "random": (SHARES * self.gain[-1]).tolist(),
            },
            "by_share": self.by_share(),
        }

    def by_share(self) -> list[dict[str, float]]:
        """Return the mean among each percent of the people, those ranked highest first, with its range."""
        ends = zip(SHARES[1:], self.gain[1:], *(end[1:] for end in self._range()), strict=True)
        return [{"share": float(s), **{n: float(v / s) for n, v in zip(ENDS, e, strict=True)}} for s, *e in ends]

    def beyond(self, other: Gains) -> Mapping[str, float]:
        """Return by how much the Qini coefficient exceeds that of another ranking of the same people and draws.

        `p` is the chance of at least this difference if both found as much.
        """
        wider = max(self._wider, other._wider)
        return _coefficient(self.gain - other.gain, self.drawn - other.drawn, wider)

    @property
    def _wider(self) -> float:
        return CROSS_FITTED if self.cross_fitted else 1.0

    def _range(self) -> tuple[Numbers, Numbers]:
        low, high = np.quantile(self.drawn, [0.025, 0.975], axis=0)
        return low, high


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

    def gains(self, ranking: Numbers, *, cross_fitted: bool) -> Gains:
        """Return what *ranking*, higher first, finds; the draws are the same for every ranking."""
        order = _Order(ranking)
        gain = order.gains(self.effects, np.ones(len(self.effects)))
        return Gains(gain, np.array([order.gains(self.effects, w) for w in self._draws()]), cross_fitted)

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


ENDS: Sequence[str] = ("value", "low", "high")


def detectable(average: Measure) -> float:
    """Return the smallest mean effect that an experiment of this size finds 80 times in 100 (two-sided, 5 %)."""
    return (Z + POWER) * (average["high"] - average["low"]) / (2 * Z)


def needed(measure: Measure, people: int) -> int | None:
    """Return how many people an experiment needs to find an effect of this size 80 times in 100; None for no effect."""
    if not measure["value"]:
        return None
    return int(np.ceil(people * (detectable(measure) / measure["value"]) ** 2))

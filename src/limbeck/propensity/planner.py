"""Whom to choose: reach, precision and expected conversions by threshold, and the rule that says it in PQL.

Precision is what the test set showed: the conversion rate of the share of people with the highest scores, with its
bootstrap interval (`evaluate.by_share`): 95 times in 100 it holds the rate at which such people convert. How many of
the chosen do is a matter of chance beside that, so the interval of conversions is wider. Reach is counted in the scores
that will be used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import InvalidInput
from limbeck.propensity.evaluate import Measure, Numbers

SHARES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
"""The rows of the planner's table."""


@dataclass(frozen=True, slots=True)
class Choice:
    """How many are chosen."""

    by: Literal["top", "precision", "budget"]
    value: float
    """A share of all scored, a least conversion rate, or money."""
    cost: float = 1.0
    """Money that one person costs, for a budget."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What choosing everybody with at least one score would bring."""

    threshold: float
    people: int
    share: float
    """Of all who were scored."""
    precision: Measure
    """Conversion rate of such people: `value`, `low`, `high`."""
    conversions: Measure
    """Conversions to expect, and the range in which their number will lie 95 times in 100."""

    def shown(self) -> dict[str, Any]:
        """Return it as JSON values."""
        numbers = {"threshold": self.threshold, "people": self.people, "share": self.share}
        return {**numbers, "precision": dict(self.precision), "conversions": dict(self.conversions)}


class Planner:
    """Scores to choose from, and what the test set promises of the best of them."""

    def __init__(self, scores: Numbers, by_share: Sequence[Mapping[str, float]]) -> None:
        if not len(scores):
            raise InvalidInput("nobody was scored; there is nobody to choose")
        self._scores = np.sort(np.asarray(scores, float))[::-1]
        falling, counts = np.unique(-self._scores, return_counts=True)
        self._thresholds = -falling
        """Every score that somebody has, the highest first: people with the same one stay together."""
        self._people = np.cumsum(counts)
        """How many have at least that score."""
        self._by_share = by_share

    def table(self) -> list[Reach]:
        """Return what the usual shares would bring."""
        return [self.at(self._threshold(share)) for share in SHARES]

    def at(self, threshold: float) -> Reach:
        """Return what everybody with a score of at least *threshold* would bring."""
        people = int(np.searchsorted(-self._scores, -threshold, side="right"))
        share = people / len(self._scores)
        precision = {name: float(self._precision(share, name)) for name in ("value", "low", "high")}
        return Reach(threshold, people, share, precision, _conversions(people, precision))

    def choose(self, choice: Choice) -> Reach:
        """Return the reach that *choice* asks for; raise `InvalidInput` if nothing satisfies it."""
        match choice.by:
            case "top":
                return self.at(self._threshold(choice.value))
            case "precision":
                return self._precise(choice.value)
            case _:
                return self._affordable(choice.value, choice.cost)

    def _threshold(self, share: float) -> float:
        count = max(1, round(share * len(self._scores)))
        return float(self._scores[count - 1])

    def _precise(self, wanted: float) -> Reach:
        """Return the largest reach whose precision is at least *wanted*."""
        found = self._largest(self._precision(self._people / len(self._scores), "value") >= wanted)
        if found is None:
            best = max(row["value"] for row in self._by_share)
            raise InvalidInput(
                f"audience.precision is {wanted:g}, but even the best percent of the people converted at {best:.3f} in "
                "the test, or more than these have the highest score; ask for less, or choose by top"
            )
        return found

    def _affordable(self, budget: float, cost: float) -> Reach:
        """Return the largest reach that the budget pays for."""
        # in decimal: 4.35 / 0.05 is 86.99… in floats
        count = int(min(Decimal(repr(budget)) // Decimal(repr(cost)), Decimal(len(self._scores))))
        if count < 1:
            raise InvalidInput(f"audience.budget is {budget:g}, which pays for nobody at {cost:g} each")
        found = self._largest(self._people <= count)
        if found is None:
            raise InvalidInput(
                f"audience.budget is {budget:g}, which pays for {count} people, but more than these have the highest "
                "score; give more, or choose by top"
            )
        return found

    def _largest(self, fits: NDArray[np.bool_]) -> Reach | None:
        """Return the reach of the lowest threshold that *fits*; None if none does."""
        return self.at(float(self._thresholds[fits][-1])) if fits.any() else None

    def _precision(self, share: Any, name: str) -> Any:
        """Return what the test set showed for a share of the people, or for several."""
        shares = [row["share"] for row in self._by_share]
        return np.interp(share, shares, [row[name] for row in self._by_share])


def _conversions(people: int, precision: Measure) -> Measure:
    """Return how many of *people* will convert: not knowing the rate and the chance of each add up as variances."""
    value, chance = precision["value"], 1.96**2 * people * precision["value"] * (1 - precision["value"])
    below, above = (np.hypot(people * (precision[end] - value), np.sqrt(chance)) for end in ("low", "high"))
    found = {"value": people * value, "low": people * value - below, "high": people * value + above}
    return {name: float(np.clip(number, 0, people)) for name, number in found.items()}


def rule(score_path: str, threshold: float, group_path: str | None = None) -> str:
    """Return the PQL of everybody with at least *threshold*, without the control group if there is one.

    >>> rule("_acme.propensity.score", 1e-05)
    '_acme.propensity.score >= 0.00001'
    """
    text = format(Decimal(repr(float(threshold))), "f")
    found = f"{score_path} >= {text if '.' in text else text + '.0'}"
    return found if group_path is None else f'{found} and {group_path} = "treatment"'

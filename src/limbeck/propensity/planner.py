"""Whom to choose: reach, precision, expected conversions and profit by threshold, and the rule that says it in PQL.

Precision is what the test set showed: the conversion rate of the share of people with the highest scores, with its
bootstrap interval (`evaluate.by_share`): 95 times in 100 it holds the rate at which such people convert. How many of
the chosen do is a matter of chance beside that, so the interval of conversions is wider. Reach is counted in the scores
that will be used.

Money counts those who are contacted: the chosen without the control group. Profit is their conversions' margin less
the cost; some of them would have converted without the contact. What the contact itself adds is known only from an
experiment: `effects`, the mean effect among the share of people with the highest scores (`Gains.by_share`).

People may be chosen by predicted uplift instead of a score. Then precision and effects are what the experiment measured
among the share of its people with the highest uplift: precision is the rate at which they convert if contacted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import InvalidInput
from limbeck.propensity.evaluate import Measure, Numbers
from limbeck.propensity.money import Choice, Money, Worth

SHARES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
"""The rows of the planner's table."""

ENDS = ("value", "low", "high")
ByShare = Sequence[Mapping[str, Any]]
"""A measure for each share of the people, by rising `share`: `value`, `low`, `high`; the test's have `gain` too."""
WORDS: Mapping[Worth, str] = {"score": "a probability", "uplift": "an uplift"}
"""What a contact pays from a certain one on."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What choosing everybody with at least one score, or uplift, would bring."""

    threshold: float
    people: int
    share: float
    """Of all who were scored."""
    precision: Measure
    """Conversion rate of such people: `value`, `low`, `high`."""
    recall: Measure | None
    """Share of all conversions that are theirs; None if nobody converts, or the test's rows have no `gain`."""
    conversions: Measure
    """Conversions to expect, and the range in which their number will lie 95 times in 100."""
    forecast: float
    """What their scores add up to: as many conversions, if the scores are probabilities; added ones, of uplifts."""
    contacted: int
    """The chosen without the control group."""
    cost: float | None = None
    """Of contacting them; None if no money is named."""
    profit: Measure | None = None
    """Margin of the conversions among the contacted less the cost; None without the value of a conversion."""
    incremental: Measure | None = None
    """Conversions that the contact adds; None where no experiment tells."""
    incremental_profit: Measure | None = None
    """Margin of these less the cost."""
    by: Worth = "score"
    """What the threshold is one of."""

    @property
    def is_calibrated(self) -> bool:
        """Whether the scores promise as many conversions as the test's rate lets expect.

        Of uplifts, whether they promise as many added conversions as the experiment.
        """
        known = {"score": (self.precision, 1), "uplift": (self.incremental, self.contacted)}
        measure, people = known[self.by]
        if measure is None or not (people and self.people):
            return True
        return measure["low"] / people <= self.forecast / self.people <= measure["high"] / people

    def shown(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {name: dict(v) if isinstance(v, Mapping) else v for name, v in asdict(self).items()}


class Planner:
    """Scores to choose from, and what the test set promises of the best of them.

    *scores* are probabilities, one for each person; *by_share* is `evaluate.by_share` of the test set. *held* flags, in
    the same order, who is held out as control group; *effects* has the mean effect of a contact by share, up to the
    share that is known. *by* `uplift`, *scores* are uplifts, and *by_share* the rates if contacted
    (`experiment.experiment`).

    >>> rates = [{"share": n / 100, "value": 0.2, "low": 0.1, "high": 0.3} for n in range(1, 101)]
    >>> reach = Planner([0.1, 0.2, 0.3], rates, Money(cost=1, value=10)).choose(Choice("break_even"))
    >>> reach.people, reach.cost, reach.profit["value"]
    (3, 3.0, 3.0)
    """

    def __init__(
        self,
        scores: Numbers | Sequence[float],
        by_share: ByShare,
        money: Money | None = None,
        *,
        held: NDArray[np.bool_] | None = None,
        effects: ByShare | None = None,
        by: Worth = "score",
    ) -> None:
        if not len(scores):
            raise InvalidInput("nobody was scored; there is nobody to choose")
        given = np.asarray(scores, float)
        order = np.argsort(-given, kind="stable")
        self._scores = given[order]
        falling, counts = np.unique(-self._scores, return_counts=True)
        self._thresholds = -falling
        """Every score that somebody has, the highest first: people with the same one stay together."""
        self._people = np.cumsum(counts)
        """How many have at least that score."""
        self._forecasts = np.append(0.0, np.cumsum(self._scores))
        silent = np.zeros(len(given)) if held is None else np.asarray(held, float)[order]
        self._contacted = np.append(0.0, np.cumsum(1 - silent))
        """How many of the best so many are contacted."""
        self._by_share, self._effects, self._money, self._by = by_share, effects, money, by
        told = bool(by_share[-1]["value"]) and "gain" in by_share[-1]
        self._lifts = [{"share": r["share"], **times(1 / r["share"], r["gain"])} for r in by_share if told]

    def table(self) -> list[Reach]:
        """Return what the usual shares would bring."""
        return [self.at(self._threshold(share)) for share in SHARES]

    def curve(self) -> list[Reach]:
        """Return what each percent of the people would bring; thresholds that are alike come once."""
        found = dict.fromkeys(self._threshold(n / 100) for n in range(1, 101))
        return [self.at(threshold) for threshold in found]

    def at(self, threshold: float) -> Reach:
        """Return what everybody with a score of at least *threshold* would bring."""
        people = int(np.searchsorted(-self._scores, -threshold, side="right"))
        share, contacted = people / len(self._scores), int(self._contacted[people])
        precision = at_share(self._by_share, share)
        return Reach(
            threshold,
            people,
            share,
            precision,
            self._recall(share),
            _conversions(people, precision),
            float(self._forecasts[people]),
            contacted,
            **self._paid(contacted, share, precision),
            by=self._by,
        )

    def _recall(self, share: float) -> Measure | None:
        """Return the share of all conversions that a share of the people has: its part of them, times the lift."""
        if not self._lifts:
            return None
        return {end: min(1.0, found) for end, found in times(share, at_share(self._lifts, share)).items()}

    def _paid(self, contacted: int, share: float, precision: Measure) -> dict[str, Any]:
        """Return what contacting so many costs and brings, as far as that is known."""
        money, found = self._money, dict[str, Any]()
        told = self._effects if self._is_told(share) else None
        added = None if told is None else times(contacted, at_share(told, share))
        if added is not None:
            found["incremental"] = added
        if money is None:
            return found
        found["cost"] = money.spent(contacted)
        if money.value is not None:
            brought = {"profit": _conversions(contacted, precision), "incremental_profit": added}
            found |= {n: less(times(money.value, m), found["cost"]) for n, m in brought.items() if m is not None}
        return found

    def _is_told(self, share: Any) -> Any:
        """Whether the experiment reaches as far as a share of the people, or several."""
        return self._effects is not None and share <= self._effects[-1]["share"] + 1e-9

    # -- choices --------------------------------------------------------------------------------------------------

    def choose(self, choice: Choice) -> Reach:
        """Return the reach that *choice* asks for; raise `InvalidInput` if nothing satisfies it."""
        match choice.by:
            case "top":
                return self.at(self._threshold(choice.value))
            case "precision":
                return self._precise(choice.value)
            case "budget":
                return self._affordable(choice.value)
            case "break_even":
                return self._paying()
            case _:
                return self._most_profitable()

    def _threshold(self, share: float) -> float:
        count = max(1, round(share * len(self._scores)))
        return float(self._scores[count - 1])

    def _precise(self, wanted: float) -> Reach:
        """Return the largest reach whose precision is at least *wanted*."""
        found = self._largest(_values(self._by_share, self._people / len(self._scores)) >= wanted)
        if found is None:
            best = max(row["value"] for row in self._by_share)
            raise InvalidInput(
                f"audience.precision is {wanted:g}, but even the best percent of the people converted at {best:.3f} in "
                "the test, or more than these have the highest score; ask for less, or choose by top"
            )
        return found

    def _affordable(self, budget: float) -> Reach:
        """Return the largest reach that the budget pays for."""
        money = self._money or Money()
        count = money.pays_for(budget, len(self._scores))
        if count < 0:
            raise InvalidInput(f"audience.budget is {budget:g}, less than audience.fixed_cost, {money.fixed_cost:g}")
        if count < 1:
            raise InvalidInput(f"audience.budget is {budget:g}, which pays for nobody at {money.cost:g} each")
        found = self._largest(self._contacted[self._people] <= count)
        if found is None:
            raise InvalidInput(
                f"audience.budget is {budget:g}, which pays for {count} people, but more than these have the highest "
                f"{self._by}; give more, or choose by top"
            )
        return found

    def _paying(self) -> Reach:
        """Return the reach of all whose expected margin covers their cost; scores are taken for what they say."""
        least = self._valued("break_even").break_even or 0.0
        found = self.at(least)
        if not found.people:
            raise InvalidInput(
                f"audience.break_even chooses nobody: a contact pays from {WORDS[self._by]} of {least:.4f} on "
                f"(cost ÷ value), and the highest {self._by} is {self._scores[0]:.4f}"
            )
        return found

    def _most_profitable(self) -> Reach:
        """Return the reach of the largest profit to expect, of the incremental one where it is known.

        It is the largest by the test's curve, or the experiment's, which has noise: a flat top has no sharp end.
        """
        money = self._valued("max_profit")
        rates, shares = self._by_share if self._effects is None else self._effects, self._people / len(self._scores)
        margin = (money.value or 0.0) * _values(rates, shares) - money.cost
        profit = self._contacted[self._people] * margin - money.fixed_cost
        if self._effects is not None:
            profit = np.where(self._is_told(shares), profit, -np.inf)
        best = int(np.argmax(profit))
        if profit[best] == -np.inf:
            raise InvalidInput(
                "audience.max_profit goes by what the experiment tells, and more people than took part in it have the "
                f"highest {self._by}; choose by top"
            )
        if profit[best] <= 0:
            known = "test" if self._effects is None else "experiment"
            raise InvalidInput(
                f"audience.max_profit chooses nobody: by the {known}, no reach brings more than it costs (the best "
                f"loses {money.told(-float(profit[best]))}); lower the cost, or choose by top"
            )
        return self.at(float(self._thresholds[best]))

    def _valued(self, by: str) -> Money:
        if self._money is None or self._money.value is None:
            raise InvalidInput(f"audience.{by} needs audience.cost and audience.value, the margin of a conversion")
        return self._money

    def _largest(self, fits: NDArray[np.bool_]) -> Reach | None:
        """Return the reach of the lowest threshold that *fits*; None if none does."""
        return self.at(float(self._thresholds[fits][-1])) if fits.any() else None


# -- measures -----------------------------------------------------------------------------------------------------


def _values(rows: ByShare, share: Any, end: str = "value") -> Any:
    """Return what *rows* tell of a share of the people, or of several: on the straight line between two of them."""
    return np.interp(share, [row["share"] for row in rows], [row[end] for row in rows])


def at_share(rows: ByShare, share: float) -> Measure:
    """Return what *rows* tell of one share of the people."""
    return {end: float(_values(rows, share, end)) for end in ENDS}


def times(number: float, measure: Measure) -> Measure:
    """Return a measure so many times."""
    return {end: number * measure[end] for end in ENDS}


def less(measure: Measure, number: float) -> Measure:
    """Return a measure less a number that is known."""
    return {end: measure[end] - number for end in ENDS}


def _conversions(people: int, precision: Measure) -> Measure:
    """Return how many of *people* will convert: not knowing the rate and the chance of each add up as variances."""
    value, chance = precision["value"], 1.96**2 * people * precision["value"] * (1 - precision["value"])
    below, above = (np.hypot(people * (precision[end] - value), np.sqrt(chance)) for end in ("low", "high"))
    found = {"value": people * value, "low": people * value - below, "high": people * value + above}
    return {name: float(np.clip(number, 0, people)) for name, number in found.items()}


def rule(path: str, threshold: float, group_path: str | None = None) -> str:
    """Return the PQL of everybody with at least *threshold* at *path*, without the control group if there is one.

    >>> rule("_acme.propensity.score", 1e-05)
    '_acme.propensity.score >= 0.00001'
    """
    text = format(Decimal(repr(float(threshold))), "f")
    found = f"{path} >= {text if '.' in text else text + '.0'}"
    return found if group_path is None else f'{found} and {group_path} = "treatment"'

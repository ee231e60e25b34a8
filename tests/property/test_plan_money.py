"""What a plan costs and brings, against sums over single people; how often its ranges hold; reach over two levers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.errors import InvalidInput
from limbeck.propensity.evaluate import by_share
from limbeck.propensity.intervals import Measure, rate
from limbeck.propensity.money import Choice, Money
from limbeck.propensity.planner import Planner, Reach
from limbeck.propensity.surface import FEW, MISSING, OTHERS, bands, surface

SOME = settings(max_examples=80, deadline=None)

CENTS = st.integers(0, 500).map(lambda n: n / 100)
PEOPLE = st.lists(st.tuples(st.integers(0, 8).map(lambda n: n / 8), st.booleans()), min_size=1, max_size=40)
"""Score, and whether held out."""


def flat(rate: float, low: float, high: float) -> list[dict[str, float]]:
    """The same for every share."""
    return [{"share": n / 100, "value": rate, "low": low, "high": high} for n in range(1, 101)]


def made(people: list[tuple[float, bool]], money: Money, **more: Any) -> Planner:
    scores, held = (np.array(column) for column in zip(*people, strict=True))
    return Planner(scores, flat(0.25, 0.2, 0.3), money, held=held.astype(bool), **more)


@SOME
@given(PEOPLE, CENTS, CENTS, CENTS, st.integers(1, 900))
def test_money_counts_those_who_are_contacted(
    people: list[tuple[float, bool]], cost: float, fixed: float, threshold: float, value: float
) -> None:
    effects = flat(0.05, -0.01, 0.11)
    found = made(people, Money(cost, fixed, value), effects=effects).at(threshold)
    contacted = [score for score, held in people if score >= threshold and not held]
    spent = Decimal(repr(fixed)) + sum((Decimal(repr(cost)) for _ in contacted), Decimal(0))
    assert found.people == sum(score >= threshold for score, _ in people)
    assert (found.contacted, found.cost) == (len(contacted), float(spent))
    assert found.profit is not None
    assert found.incremental is not None
    assert found.incremental_profit is not None
    assert found.profit["value"] == pytest.approx(len(contacted) * 0.25 * value - float(spent))
    assert found.profit["low"] <= found.profit["value"] <= found.profit["high"]
    for end, effect in {"value": 0.05, "low": -0.01, "high": 0.11}.items():
        assert found.incremental[end] == pytest.approx(len(contacted) * effect)
        assert found.incremental_profit[end] == pytest.approx(len(contacted) * effect * value - float(spent))


@SOME
@given(PEOPLE, CENTS.filter(bool), CENTS.filter(bool))
def test_everybody_whose_expected_margin_covers_the_cost_is_chosen(
    people: list[tuple[float, bool]], cost: float, value: float
) -> None:
    paying = [score for score, _ in people if score >= cost / value]
    planner = made(people, Money(cost, value=value))
    if not paying:
        with pytest.raises(InvalidInput, match=r"break_even chooses nobody: a contact pays from a probability of"):
            planner.choose(Choice("break_even"))
        return
    assert planner.choose(Choice("break_even")).people == len(paying)


@SOME
@given(
    st.lists(st.tuples(st.integers(1, 99).map(lambda n: n / 100), st.booleans()), min_size=1, max_size=40),
    CENTS.filter(bool),
    CENTS,
    st.sampled_from([None, 0.5]),
)
def test_no_reach_brings_more_than_the_most_profitable(
    people: list[tuple[float, bool]], cost: float, fixed: float, share: float | None
) -> None:
    """By the curve of the test; where an experiment tells what the contact adds, by that."""
    falling = [{"share": n / 100, "value": 1 - n / 101, "low": 0.0, "high": 1.0} for n in range(1, 101)]
    effects = None if share is None else [{**row, "value": row["value"] * share} for row in falling]
    scores, held = (np.array(column) for column in zip(*people, strict=True))
    planner = Planner(scores, falling, Money(cost, fixed, 4.0), held=held.astype(bool), effects=effects)

    def worth(reach: Reach) -> float:
        profit = reach.profit if effects is None else reach.incremental_profit
        assert profit is not None
        return profit["value"]

    most = max(worth(planner.at(score)) for score, _ in people)
    if most <= 1e-12:
        if most < -1e-12:
            with pytest.raises(
                InvalidInput, match=r"max_profit chooses nobody: by the (test|experiment), no reach brings more"
            ):
                planner.choose(Choice("max_profit"))
        return
    assert worth(planner.choose(Choice("max_profit"))) == pytest.approx(most)


def test_beyond_those_of_the_experiment_nothing_is_told() -> None:
    """An experiment among the best half says nothing of the others, and the largest profit is sought among them."""
    effects = [{**row, "share": row["share"] / 2} for row in flat(0.1, 0.05, 0.15)]
    planner = Planner(np.arange(100) / 100, flat(0.25, 0.2, 0.3), Money(0.1, value=9), effects=effects)
    assert planner.at(0.5).incremental is not None
    beyond = planner.at(0.49)
    assert (beyond.incremental, beyond.incremental_profit) == (None, None)
    assert beyond.profit is not None
    assert planner.choose(Choice("max_profit")).people == 50
    with pytest.raises(InvalidInput, match="more people than took part in it have the highest score"):
        Planner([0.5] * 9, flat(0.25, 0.2, 0.3), Money(0.1, value=9), effects=effects).choose(Choice("max_profit"))


@pytest.mark.parametrize("by", ["break_even", "max_profit"])
@pytest.mark.parametrize("money", [None, Money(1.0)])
def test_without_a_value_there_is_no_profit_to_choose_by(by: Any, money: Money | None) -> None:
    with pytest.raises(InvalidInput, match=rf"audience\.{by} needs audience\.cost and audience\.value"):
        Planner([0.5], flat(0.1, 0.0, 0.2), money).choose(Choice(by))


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"cost": -1}, "cost is -1; wanted is a number from 0"),
        ({"cost": float("nan")}, "cost is nan"),
        ({"fixed_cost": -0.5}, r"fixed_cost is -0\.5"),
        ({"fixed_cost": float("inf")}, "fixed_cost is inf"),
        ({"value": 0}, "value is 0; wanted is a number above 0"),
        ({"value": -3}, "value is -3"),
    ],
)
def test_what_is_no_money_is_refused(given_: dict[str, float], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Money(**given_)


def test_the_fixed_cost_comes_off_the_budget_and_the_control_group_costs_nothing() -> None:
    people = [(n / 100, n % 2 == 0) for n in range(100)]
    found = made(people, Money(cost=0.1, fixed_cost=2.0)).choose(Choice("budget", 3.0))
    assert (found.contacted, found.cost) == (10, 3.0)
    assert found.people > 10
    with pytest.raises(InvalidInput, match=r"audience\.budget is 1, less than audience\.fixed_cost, 2"):
        made(people, Money(cost=0.1, fixed_cost=2.0)).choose(Choice("budget", 1.0))


def test_the_curve_has_every_percent_once() -> None:
    found = made([(n / 1000, False) for n in range(1000)], Money()).curve()
    assert [reach.people for reach in found] == list(range(10, 1001, 10))
    assert len(made([(0.5, False)] * 9, Money()).curve()) == 1


def test_scores_that_add_up_to_something_else_are_no_probabilities() -> None:
    planner = Planner(np.full(100, 0.25), flat(0.25, 0.2, 0.3))
    assert planner.at(0.0).is_calibrated
    assert not Planner(np.full(100, 0.5), flat(0.25, 0.2, 0.3)).at(0.0).is_calibrated


@SOME
@given(st.lists(st.integers(-8, 8).map(lambda n: n / 16), min_size=1, max_size=40), CENTS.filter(bool), st.booleans())
def test_uplifts_are_chosen_as_scores_are(uplifts: list[float], value: float, high: bool) -> None:
    """What they add up to is compared with what the experiment says that a contact adds."""
    paying = [uplift for uplift in uplifts if uplift >= 0.5 / value]
    effect = 0.5 if high else 0.0625
    effects = flat(effect, effect - 0.0625, effect + 0.0625)
    planner = Planner(uplifts, flat(0.9, 0.9, 0.9), Money(0.5, value=value), effects=effects, by="uplift")
    if not paying:
        with pytest.raises(InvalidInput, match=r"a contact pays from an uplift of .* the highest uplift is"):
            planner.choose(Choice("break_even"))
        return
    found = planner.choose(Choice("break_even"))
    assert (found.people, found.by, found.forecast) == (len(paying), "uplift", sum(paying))
    assert found.is_calibrated == (abs(sum(paying) / len(paying) - effect) <= 0.0625)


def test_the_ranges_hold_as_often_as_they_say() -> None:
    """People of a known chance: plan on a test set, then count what others like them do."""
    draw, held, rounds = np.random.default_rng(2), {"rate": 0, "conversions": 0, "profit": 0}, 120
    money = Money(cost=0.5, fixed_cost=20, value=5)
    for n in range(rounds):
        then, now = draw.beta(1, 4, 400), draw.beta(1, 4, 400)
        rates = by_share(np.arange(400), (draw.random(400) < then).astype(float), then, 60, n)
        found = Planner(now, rates, money).choose(Choice("top", 0.3))
        best = now >= found.threshold
        converted = int((draw.random(400) < now)[best].sum())
        told = {
            "rate": (found.precision, _mean_of_best(0.3)),
            "conversions": (found.conversions, converted),
            "profit": (found.profit, 5 * converted - 0.5 * best.sum() - 20),
        }
        for name, (measure, truth) in told.items():
            held[name] += measure is not None and measure["low"] <= truth <= measure["high"]
    # 95 % of 120 are 114; three standard deviations are 7
    assert all(rounds * 0.95 - 8 <= count for count in held.values()), held
    assert held["rate"] < rounds


def _mean_of_best(share: float) -> float:
    """The mean of the best of very many such people."""
    drawn = np.sort(np.random.default_rng(0).beta(1, 4, 200_000))[::-1]
    return float(drawn[: int(share * len(drawn))].mean())


# -- the surface --------------------------------------------------------------------------------------------------


def share(hits: int, trials: int) -> Measure:
    return rate((np.arange(trials) < hits).astype(float), np.ones(trials), np.arange(trials))


@SOME
@given(st.integers(0, 10_000), st.integers(1, 200))
def test_cells_are_counted_person_by_person(seed: int, count: int) -> None:
    draw = np.random.default_rng(seed)
    now, then = (np.round(draw.random(n), 1) for n in (50, count))
    labels, here, there = draw.integers(0, 2, count).astype(float), draw.random(50) < 0.7, draw.random(count) < 0.5
    (cell,) = surface(now, then, labels, {"some": (here, there)}, [0.3], Money(1.0, 7.0, 4.0))
    people = sum(1 for score, flag in zip(now, here, strict=True) if flag and score >= 0.3)
    seen = [label for label, score, flag in zip(labels, then, there, strict=True) if flag and score >= 0.3]
    assert (cell["people"], cell["tested"]) == (people, len(seen))
    if len(seen) < FEW:
        assert (cell["precision"], cell["profit"]) == (None, None)
        return
    assert cell["precision"] == pytest.approx(share(int(sum(seen)), len(seen)))
    twice = [np.tile(column, 2) for column in (then, labels, there, np.arange(count))]
    (same,) = surface(now, *twice[:2], {"some": (here, twice[2])}, [0.3], None, twice[3])
    assert same["tested"] == 2 * len(seen)
    assert same["precision"] == pytest.approx(cell["precision"])  # rows of the same people add nothing
    assert cell["profit"]["value"] == pytest.approx(people * (4 * sum(seen) / len(seen) - 1))


def test_the_interval_of_a_share_holds_for_small_numbers() -> None:
    draw = np.random.default_rng(1)
    for true, trials in ((0.02, 60), (0.5, 20), (0.9, 40)):
        found = [share(hits, trials) for hits in draw.binomial(trials, true, 2000)]
        assert 0.92 < np.mean([m["low"] <= true <= m["high"] for m in found]) <= 1
    assert share(0, 30)["low"] == 0
    assert share(30, 30)["high"] == pytest.approx(1)


@SOME
@given(
    st.lists(st.none() | st.sampled_from("abcdefghijk"), min_size=1, max_size=80)
    | st.lists(st.none() | st.integers(0, 40), min_size=1, max_size=80)
    | st.lists(st.integers(0, 3), min_size=1, max_size=80)
)
def test_everybody_is_in_one_group(values: list[Any]) -> None:
    now = pd.Series(values)
    if now.isna().all():
        now = now.astype(float)
    groups = bands(now, now)
    inside = np.sum([here for here, _ in groups.values()], axis=0)
    assert (inside == 1).all()
    assert all((here == there).all() for here, there in groups.values())
    assert (MISSING in groups) == now.isna().any()
    assert len(groups) <= 10
    assert OTHERS not in groups or now.nunique() > 8

"""Measures, intervals and curves are those of scikit-learn, and of slow references that say what is meant."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from limbeck.errors import InvalidInput
from limbeck.propensity.evaluate import (
    Comparison,
    Numbers,
    Ranking,
    area,
    by_share,
    compare,
    curves,
    evaluate,
    loss,
    placements,
    separation,
)
from limbeck.propensity.reliability import Forecasts

SOME = settings(max_examples=80, deadline=None)
FEW = settings(max_examples=25, deadline=None)
MEASURES = ["roc_auc", "pr_auc", "lift_at_10", "brier", "log_loss"]
"""Those of which a weighted row is as good as a repeated one; others are in test_reliability.py."""


class Rows(NamedTuple):
    """People with their outcomes and scores; some people have several rows."""

    people: list[str]
    labels: Numbers
    scores: Numbers
    weights: Numbers


OUTCOMES = st.integers(0, 1).map(float)
SCORES = st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1, allow_subnormal=False)
ONE = st.tuples(st.integers(0, 11).map("p{:02d}".format), OUTCOMES, SCORES, st.integers(0, 3).map(float))


@st.composite
def rows(draw: st.DrawFn, most: int = 40) -> Rows:
    """Both outcomes are there, with some weight, at any place."""
    found = draw(st.lists(ONE, max_size=most))
    found += [("p01", outcome, draw(SCORES), float(draw(st.integers(1, 3)))) for outcome in (0.0, 1.0)]
    people, *numbers = zip(*draw(st.permutations(found)), strict=True)
    return Rows(list(people), *(np.array(column) for column in numbers))


# -- measures -----------------------------------------------------------------------------------------------------


def slow_measures(labels: Numbers, scores: Numbers) -> dict[str, float]:
    return {
        "roc_auc": roc_auc_score(labels, scores),
        "pr_auc": average_precision_score(labels, scores),
        "lift_at_10": slow_lift(labels, scores),
        "brier": float(np.mean((scores - labels) ** 2)),
        "log_loss": slow_log_loss(labels, scores),
    }


def slow_log_loss(labels: Numbers, scores: Numbers) -> float:
    """A chance of nothing given to what happened counts as the least number that a computer adds to one."""
    least = float(np.finfo(float).eps)
    chances = [score if label else 1 - score for label, score in zip(labels, scores, strict=True)]
    return -statistics.fmean(math.log(min(max(chance, least), 1 - least)) for chance in chances)


def slow_lift(labels: Sequence[float], scores: Sequence[float]) -> float:
    """Give the places of the best tenth away, group by group; the last group shares what is left."""
    places = left = Fraction(len(labels), 10)
    converters = Fraction(0)
    for level in sorted(set(scores), reverse=True):
        group = [int(label) for label, score in zip(labels, scores, strict=True) if score == level]
        taken = min(left, Fraction(len(group)))
        converters += taken * Fraction(sum(group), len(group))
        left -= taken
    return float(converters / places / Fraction(int(sum(labels)), len(labels)))


@SOME
@given(rows())
def test_measures_of_weighted_rows_are_those_of_repeated_rows(found: Rows) -> None:
    times = found.weights.astype(int)
    ranking, forecasts = Ranking(found.labels, found.scores), Forecasts(found.labels, found.scores)
    weights = np.stack([np.ones(len(times)), found.weights])
    measures = ranking.measures(weights[:, ranking.order]) | forecasts.measures(weights)
    wanted = slow_measures(np.repeat(found.labels, times), np.repeat(found.scores, times))
    assert {name: measures[name][1] for name in MEASURES} == pytest.approx(wanted, abs=1e-12)


@FEW
@given(rows())
def test_values_are_those_of_all_rows(found: Rows) -> None:
    measures = evaluate(np.array(found.people), found.labels, found.scores, 2, 0)
    assert {name: measures[name]["value"] for name in MEASURES} == pytest.approx(
        slow_measures(found.labels, found.scores), abs=1e-12
    )
    assert measures["brier"]["value"] == pytest.approx(brier_score_loss(found.labels, found.scores), abs=1e-12)
    assert measures["log_loss"]["value"] == pytest.approx(log_loss(found.labels, found.scores), abs=1e-9)


def test_people_at_the_edge_of_the_tenth_share_its_places() -> None:
    """Of 30 people three are in the tenth: one of the first two, and two of the next eight, of whom half convert."""
    scores = np.array([0.9] * 1 + [0.5] * 8 + [0.1] * 21)
    labels = np.array([1.0] + [1.0, 0.0] * 4 + [0.0] * 21)
    assert evaluate(np.arange(30), labels, scores, 2, 0)["lift_at_10"]["value"] == pytest.approx((2 / 3) / (5 / 30))


# -- intervals ----------------------------------------------------------------------------------------------------


def slow_intervals(found: Rows, resamples: int, seed: int) -> dict[str, tuple[float, float]]:
    """Draw people, take all rows of each as often as drawn, and measure; without a second outcome, draw again."""
    draw = np.random.default_rng(seed)
    names = sorted(set(found.people))
    drawn: list[dict[str, float]] = []
    while len(drawn) < resamples:
        picked = [names[number] for number in draw.integers(0, len(names), len(names))]
        taken = [row for row, person in enumerate(found.people) for _ in range(picked.count(person))]
        if len(set(found.labels[taken])) == 2:
            drawn.append(slow_measures(found.labels[taken], found.scores[taken]))
    return {name: tuple(np.quantile([d[name] for d in drawn], [0.025, 0.975])) for name in MEASURES}


@FEW
@given(rows(most=20), st.integers(0, 99))
def test_intervals_are_those_of_a_slow_bootstrap_over_people(found: Rows, seed: int) -> None:
    measures = evaluate(np.array(found.people), found.labels, found.scores, 8, seed)
    wanted = slow_intervals(found, 8, seed)
    for name, (low, high) in wanted.items():
        assert (measures[name]["low"], measures[name]["high"]) == pytest.approx((low, high), abs=1e-12)


def forecasts(people: int, copies: int, seed: int) -> Rows:
    """People with one row at each of several cutoffs, all alike; the ROC-AUC of the whole world is about 0.76."""
    draw = np.random.default_rng(seed)
    labels = (draw.random(people) < 0.3).astype(float)
    scores = 1 / (1 + np.exp(-draw.normal(labels, 1.0)))
    names = [f"p{n:03d}" for n in range(people)]
    return Rows(names * copies, np.tile(labels, copies), np.tile(scores, copies), np.ones(people * copies))


def test_a_persons_further_rows_add_no_certainty() -> None:
    one, four = forecasts(100, 1, 3), forecasts(100, 4, 3)
    once = evaluate(np.array(one.people), one.labels, one.scores, 100, 5)
    again = evaluate(np.array(four.people), four.labels, four.scores, 100, 5)
    for name in MEASURES:
        assert again[name] == pytest.approx(once[name], abs=1e-9)
        assert once[name]["low"] < once[name]["value"] < once[name]["high"]


def test_nineteen_of_twenty_intervals_hold_what_is_true() -> None:
    truth = statistics.NormalDist().cdf(1 / 2**0.5)
    held = 0
    for seed in range(120):
        found = forecasts(150, 2, seed)
        area = evaluate(np.array(found.people), found.labels, found.scores, 100, seed)["roc_auc"]
        held += area["low"] <= truth <= area["high"]
    assert 0.9 <= held / 120 <= 0.99


def test_the_seed_decides_and_the_order_of_rows_does_not() -> None:
    found = forecasts(60, 2, 1)
    people = np.array(found.people)
    first = evaluate(people, found.labels, found.scores, 50, 7)
    assert evaluate(people, found.labels, found.scores, 50, 7) == first
    assert evaluate(people, found.labels, found.scores, 50, 8) != first
    mixed = np.random.default_rng(2).permutation(len(people))
    again = evaluate(people[mixed], found.labels[mixed], found.scores[mixed], 50, 7)
    for name in MEASURES:
        assert again[name] == pytest.approx(first[name], abs=1e-12)


@FEW
@given(rows(most=20), st.integers(0, 99))
def test_scores_are_compared_on_the_same_draws(found: Rows, seed: int) -> None:
    people, other = np.array(found.people), found.scores[::-1]
    both = compare(people, found.labels, {"one": found.scores, "other": other}, 10, seed)
    assert both["one"] == evaluate(people, found.labels, found.scores, 10, seed)
    assert both["other"] == evaluate(people, found.labels, other, 10, seed)


@FEW
@given(rows(most=20), st.integers(0, 99))
def test_what_one_is_beyond_another_is_taken_draw_by_draw(found: Rows, seed: int) -> None:
    people, other = np.array(found.people), found.scores[::-1]
    compared = Comparison(people, found.labels, {"one": found.scores, "other": other}, 10, seed)
    beyond, values = compared.beyond("one", "other"), compared.measures()
    assert compared.beyond("one", "one")["roc_auc"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    for name, measure in beyond.items():
        assert measure["value"] == values["one"][name]["value"] - values["other"][name]["value"]
        back = compared.beyond("other", "one")[name]
        assert (-back["high"], -back["low"]) == pytest.approx((measure["low"], measure["high"]), rel=1e-9, abs=1e-12)


def test_a_worse_copy_is_surely_worse_where_the_intervals_overlap() -> None:
    found = forecasts(400, 1, 4)
    worse = np.clip(found.scores + np.random.default_rng(1).normal(0, 0.2, 400), 0, 1)
    compared = Comparison(np.array(found.people), found.labels, {"good": found.scores, "worse": worse}, 200, 1)
    good, bad = (compared.measures()[name]["roc_auc"] for name in ("good", "worse"))
    assert bad["high"] > good["low"]
    assert compared.beyond("good", "worse")["roc_auc"]["low"] > 0


def test_one_outcome_is_refused() -> None:
    with pytest.raises(InvalidInput, match="same outcome"):
        evaluate(np.arange(3), np.ones(3), np.array([0.1, 0.2, 0.3]), 5, 0)


# -- the best percents --------------------------------------------------------------------------------------------


@FEW
@given(rows(most=30), st.integers(0, 99))
def test_rates_and_gains_of_the_best_are_those_of_places_given_away(found: Rows, seed: int) -> None:
    made = by_share(np.array(found.people), found.labels, found.scores, 20, seed)
    assert [row["share"] for row in made] == pytest.approx([n / 100 for n in range(1, 101)])
    base = found.labels.mean()
    assert made[9]["value"] / base == pytest.approx(slow_lift(found.labels, found.scores))
    for row in made:
        assert row["gain"]["value"] == pytest.approx(row["value"] * row["share"] / base)
        assert row["low"] <= row["high"]
    assert made[-1]["gain"] == pytest.approx({"value": 1, "low": 1, "high": 1})


def test_gains_are_surer_than_rates_times_shares() -> None:
    """How many convert in all is a matter of luck too, and the gain does not depend on it."""
    found = forecasts(200, 1, 5)
    row = by_share(np.array(found.people), found.labels, found.scores, 300, 2)[79]
    wide = (row["high"] - row["low"]) * row["share"] / found.labels.mean()
    assert row["gain"]["high"] - row["gain"]["low"] < 0.7 * wide


# -- one area -----------------------------------------------------------------------------------------------------


@SOME
@given(rows())
def test_an_area_by_people_is_that_of_all_rows(found: Rows) -> None:
    person = np.unique(found.people, return_inverse=True)[1]
    made = area(found.labels, found.scores, person)
    assert made["value"] == pytest.approx(roc_auc_score(found.labels, found.scores))
    assert 0 <= made["low"] <= made["value"] <= made["high"] <= 1


def test_the_interval_of_an_area_is_that_of_many_draws_of_people() -> None:
    found = forecasts(600, 2, 6)
    people = np.array(found.people)
    drawn = evaluate(people, found.labels, found.scores, 600, 1)["roc_auc"]
    made = area(found.labels, found.scores, np.unique(people, return_inverse=True)[1])
    assert made["high"] - made["low"] == pytest.approx(drawn["high"] - drawn["low"], rel=0.12)


# -- what a shuffled feature loses --------------------------------------------------------------------------------


@SOME
@given(rows())
def test_placements_are_those_of_all_pairs(found: Rows) -> None:
    wanted = []
    for label, score in zip(found.labels, found.scores, strict=True):
        side = 1 if label else -1
        others = [side * (score - s) for s, other in zip(found.scores, found.labels, strict=True) if other != label]
        wanted.append(sum((d > 0) + (d == 0) / 2 for d in others) / len(others))
    made = placements(found.labels, found.scores)
    assert made.tolist() == pytest.approx(wanted, abs=1e-12)
    for side in (0, 1):
        assert made[found.labels == side].mean() == pytest.approx(roc_auc_score(found.labels, found.scores))


@SOME
@given(rows(), rows())
def test_a_loss_is_the_difference_of_the_areas_and_within_its_interval(found: Rows, other: Rows) -> None:
    few = min(len(found.labels), len(other.labels))
    labels, one, two = found.labels[:few], found.scores[:few], other.scores[:few]
    assume(0 < labels.sum() < few)
    made = loss(labels, placements(labels, one), placements(labels, two))
    assert made["value"] == pytest.approx(roc_auc_score(labels, one) - roc_auc_score(labels, two), abs=1e-12)
    assert made["low"] <= made["value"] <= made["high"]


@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_the_interval_of_a_loss_covers_the_truth_as_often_as_it_says(noise: float) -> None:
    """Of many samples of one world, 95 in 100, up to the luck of so few."""
    draw = np.random.default_rng(8)

    def world(people: int) -> tuple[Numbers, Numbers, Numbers]:
        labels = (draw.random(people) < 0.2).astype(float)
        scores = draw.normal(labels, 1.0)
        return labels, scores, scores + noise * draw.standard_normal(people)

    def lost(people: int) -> dict[str, float]:
        labels, scores, worse = world(people)
        return dict(loss(labels, placements(labels, scores), placements(labels, worse)))

    truth = lost(400_000)["value"]
    held = sum(found["low"] <= truth <= found["high"] for found in (lost(300) for _ in range(400)))
    assert 370 <= held <= 392


# -- curves -------------------------------------------------------------------------------------------------------


def slow_curves(labels: Numbers, scores: Numbers) -> dict[str, list[tuple[float, float]]]:
    """The points that each lowest score accepted gives, beginning with none."""
    converters, others = labels.sum(), (1 - labels).sum()
    taken = [scores >= level for level in sorted(set(scores), reverse=True)]
    hits = [(labels[t].sum(), (1 - labels[t]).sum(), t.mean()) for t in taken]
    return {
        "roc": [(0, 0), *((f / others, p / converters) for p, f, _ in hits)],
        "pr": [(p / converters, p / (p + f)) for p, f, _ in hits],
        "gains": [(0, 0), *((share, p / converters) for p, _, share in hits)],
        "lift": [(share, p / converters / share) for p, _, share in hits],
    }


def points(curve: dict[str, list[float]]) -> list[tuple[float, float]]:
    return list(zip(curve["x"], curve["y"], strict=True))


@SOME
@given(rows())
def test_curves_of_few_scores_are_complete(found: Rows) -> None:
    made = curves(found.labels, found.scores)
    for name, wanted in slow_curves(found.labels, found.scores).items():
        assert np.array(points(made[name])) == pytest.approx(np.array(wanted), abs=1e-12)


@FEW
@given(st.integers(1, 1500), st.integers(0, 99), st.booleans())
def test_curves_of_many_scores_keep_their_ends_and_their_course(people: int, seed: int, ties: bool) -> None:
    found = forecasts(people, 1, seed)
    assume(0 < found.labels.sum() < people)
    scores = found.scores.round(2) if ties else found.scores
    made, wanted = curves(found.labels, scores), slow_curves(found.labels, scores)
    for name, whole in wanted.items():
        kept = points(made[name])
        assert len(kept) == min(len(whole), 200)
        assert (kept[0], kept[-1]) == (pytest.approx(whole[0]), pytest.approx(whole[-1]))
        assert all(min(abs(x - a) + abs(y - b) for a, b in whole) < 1e-9 for x, y in kept[:: len(kept) // 20 + 1])
        assert made[name]["x"] == sorted(made[name]["x"])
    for name in ("roc", "gains"):
        assert made[name]["y"] == sorted(made[name]["y"])
        assert (points(made[name])[0], points(made[name])[-1]) == ((0, 0), (1, 1))
    assert points(made["lift"])[-1] == (1, pytest.approx(1))
    assert points(made["pr"])[-1] == (1, pytest.approx(found.labels.mean()))


@SOME
@given(rows())
def test_lift_is_gain_over_share(found: Rows) -> None:
    made = curves(found.labels, found.scores)
    gains = points(made["gains"])[1:]
    assert points(made["lift"]) == [(share, pytest.approx(gain / share)) for share, gain in gains]


@FEW
@given(rows(most=300))
def test_calibration_weighs_all_rows_once(found: Rows) -> None:
    made = curves(found.labels, found.scores)["calibration"]
    count = np.array(made["count"])
    assert len(count) == min(10, len(found.labels))
    assert count == pytest.approx(len(found.labels) / len(count))
    assert count @ made["predicted"] == pytest.approx(found.scores.sum())
    assert count @ made["observed"] == pytest.approx(found.labels.sum())
    assert made["predicted"] == pytest.approx(sorted(made["predicted"]))


def test_calibration_compares_the_same_people() -> None:
    scores = np.linspace(0, 1, 100)
    made = curves((scores >= 0.5).astype(float), scores)["calibration"]
    assert made["predicted"] == pytest.approx([scores[n : n + 10].mean() for n in range(0, 100, 10)])
    assert made["observed"] == [0.0] * 5 + [1.0] * 5


def test_scores_that_are_no_probabilities_have_no_calibration() -> None:
    labels, scores = np.array([0.0, 1.0, 1.0]), np.array([0.1, 0.7, 0.4])
    plain = curves(labels, scores, probabilities=False)
    assert list(plain) == ["roc", "pr", "gains", "lift"]
    assert {**plain, "calibration": curves(labels, scores)["calibration"]} == curves(labels, scores)


# -- separation ---------------------------------------------------------------------------------------------------

VALUES = st.sampled_from([float("nan"), -2.0, 0.0, 1.0, 3.0]) | st.floats(-1e6, 1e6)


def slow_separation(labels: Sequence[float], values: Sequence[float]) -> float:
    """Compare each who converts with each who does not, with unknown values below all others, then above."""
    areas = []
    for end in (float("-inf"), float("inf")):
        known = [end if np.isnan(value) else value for value in values]
        ones = [v for v, label in zip(known, labels, strict=True) if label]
        zeros = [v for v, label in zip(known, labels, strict=True) if not label]
        area = sum((one > zero) + (one == zero) / 2 for one in ones for zero in zeros) / (len(ones) * len(zeros))
        areas += [area, 1 - area]
    return max(areas)


@SOME
@given(st.lists(st.tuples(OUTCOMES, VALUES), max_size=30), VALUES, VALUES)
def test_separation_is_that_of_all_pairs(found: list[tuple[float, float]], one: float, zero: float) -> None:
    labels, values = (np.array(column) for column in zip(*found, (1.0, one), (0.0, zero), strict=True))
    assert separation(labels, values) == pytest.approx(slow_separation(labels, values), abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 7.5, -3.0, float("nan")])
def test_a_constant_separates_nothing(value: float) -> None:
    assert separation(np.array([0.0, 1.0, 1.0, 0.0, 0.0]), np.full(5, value)) == 0.5


@pytest.mark.parametrize("others", [5.0, -5.0])
def test_a_value_that_only_converters_lack_separates_them(others: float) -> None:
    assert separation(np.array([0.0, 1.0, 0.0, 1.0]), np.array([others, np.nan, others + 1, np.nan])) == 1.0

"""Uplift: measures against slow references, estimators against people whose true uplift is known, and no uplift."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.errors import InvalidInput
from limbeck.propensity.experiment import GROUPS, SIGNIFICANT, doubts, experiment, name_groups
from limbeck.propensity.incremental import by_uplift
from limbeck.propensity.money import Money
from limbeck.propensity.qini import SHARES, Judged, detectable, effect_scores, needed, outcome_scores
from limbeck.propensity.uplift import ESTIMATORS, LEAST, Learning, cross_fit, fit, folds, within_folds

SOME = settings(max_examples=60, deadline=None)
QUICK = Learning(folds=2, resamples=40)
RATES = st.floats(0, 1)


def made(seed: int, count: int, *, change: float = 0.0, spread: float = 0.0, chance: float = 0.5) -> pd.DataFrame:
    """People: `want` says who converts, the sign of `mood` whom the treatment changes, by *change* ± *spread*."""
    draw = np.random.default_rng(seed)
    want, mood, noise = draw.normal(size=(3, count))
    treated = (draw.random(count) < chance).astype(int)
    effect = change + spread * np.sign(mood)
    chances = 0.2 + 0.25 / (1 + np.exp(-2 * want)) + treated * effect
    frame = pd.DataFrame({"want": want, "mood": mood, "noise": noise, "treated": treated})
    frame["entity_id"] = [f"p{n}" for n in range(count)]
    frame["label"] = (draw.random(count) < chances).astype(int)
    return frame


CHANGE, SPREAD = 0.03, 0.15


def effect(frame: pd.DataFrame) -> Any:
    """The true effect of the treatment on each of the people of `strong`."""
    return CHANGE + SPREAD * np.sign(frame["mood"].to_numpy())


@pytest.fixture(scope="module")
def strong() -> pd.DataFrame:
    """An experiment in which half of the people are persuadable, and half sleeping dogs."""
    return made(4, 3000, change=CHANGE, spread=SPREAD)


@pytest.fixture(scope="module")
def found(strong: pd.DataFrame) -> dict[str, Any]:
    return experiment(strong, QUICK, 1, scores=strong["want"].to_numpy())


# -- single people's scores ---------------------------------------------------------------------------------------


@SOME
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 1), st.floats(0.05, 0.95), RATES, RATES), min_size=1, max_size=4
    )
)
def test_over_all_that_chance_can_decide_scores_are_the_effects(
    people: list[tuple[int, int, float, float, float]],
) -> None:
    """Whatever the forecasts say: with and without treatment, the chance of it, and two forecasts a person."""
    with_it, without, chance, forecast, other = (np.array(column, float) for column in zip(*people, strict=True))
    mean, outcome = np.zeros((2, len(people)))
    for drawn in itertools.product([0.0, 1.0], repeat=len(people)):
        treated = np.array(drawn)
        seen = np.where(treated == 1, with_it, without)
        weight = np.prod(np.where(treated == 1, chance, 1 - chance))
        mean += weight * effect_scores(seen, treated, chance, forecast, other)
        outcome += weight * outcome_scores(seen, treated, chance, forecast)
    assert mean == pytest.approx(with_it - without)
    assert outcome == pytest.approx(with_it)


# -- curves -------------------------------------------------------------------------------------------------------

RANKED = st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(-8, 8)), min_size=1, max_size=30)
"""Ranking with ties, and score of the effect."""


def slow_gains(rows: Sequence[tuple[float, int]]) -> list[Fraction]:
    """For each percent give its places away, group by group; the last group shares what is left."""
    gains = []
    for percent in range(101):
        left, gained = Fraction(len(rows) * percent, 100), Fraction(0)
        for place in sorted({place for place, _ in rows}, reverse=True):
            group = [effect for p, effect in rows if p == place]
            taken = min(left, Fraction(len(group)))
            gained += taken * sum(group) / len(group)
            left -= taken
        gains.append(gained / len(rows))
    return gains


@SOME
@given(RANKED)
def test_the_curve_is_what_the_best_so_many_gain(rows: list[tuple[float, int]]) -> None:
    ranking, effects = (np.array(column, float) for column in zip(*rows, strict=True))
    ranked = Judged(np.arange(len(rows)), effects, 5, 0).gains(ranking, cross_fitted=False).shown()
    gains = [float(g) for g in slow_gains(rows)]
    assert ranked["curve"]["gain"] == pytest.approx(gains)
    assert ranked["curve"]["random"] == pytest.approx([n / 100 * gains[-1] for n in range(101)])
    assert [row["value"] for row in ranked["by_share"]] == pytest.approx(
        [gain * 100 / n for n, gain in enumerate(gains) if n]
    )
    between = [gain - n / 100 * gains[-1] for n, gain in enumerate(gains)]
    area = sum((left + right) / 200 for left, right in itertools.pairwise(between))
    assert ranked["qini"]["value"] == pytest.approx(area)


@SOME
@given(RANKED)
def test_the_other_way_round_the_area_is_below_the_line(rows: list[tuple[float, int]]) -> None:
    ranking, effects = (np.array(column, float) for column in zip(*rows, strict=True))
    judged = Judged(np.arange(len(rows)), effects, 5, 0)
    ahead, back = (judged.gains(order, cross_fitted=False).shown()["qini"]["value"] for order in (ranking, -ranking))
    assert ahead == pytest.approx(-back)
    assert judged.gains(np.zeros(len(rows)), cross_fitted=False).shown()["qini"]["value"] == pytest.approx(0)


@SOME
@given(RANKED, st.randoms(use_true_random=False))
def test_a_ranking_is_beyond_another_by_the_difference_of_their_areas(rows: list[tuple[float, int]], draw: Any) -> None:
    ranking, effects = (np.array(column, float) for column in zip(*rows, strict=True))
    judged, other = Judged(np.arange(len(rows)), effects, 9, 0), np.array([draw.random() for _ in rows])
    mine, theirs = judged.gains(ranking, cross_fitted=True), judged.gains(other, cross_fitted=False)
    ahead, back = mine.beyond(theirs), theirs.beyond(mine)
    assert ahead["value"] == pytest.approx(mine.shown()["qini"]["value"] - theirs.shown()["qini"]["value"])
    assert (ahead["low"], ahead["high"]) == pytest.approx((-back["high"], -back["low"]))
    assert mine.beyond(mine)["p"] == 1.0


@SOME
@given(RANKED)
def test_tenths_hold_everybody_once(rows: list[tuple[float, int]]) -> None:
    ranking, effects = (np.array(column, float) for column in zip(*rows, strict=True))
    judged = Judged(np.arange(len(rows)), effects, 5, 0)
    tenths = judged.tenths(ranking)
    assert sum(tenth["people"] for tenth in tenths) == len(rows)
    assert sum(t["people"] * t["value"] for t in tenths) == pytest.approx(effects.sum())
    assert judged.average()["value"] == pytest.approx(effects.mean())


def test_ranges_are_of_people_not_of_rows() -> None:
    """Everybody twice is no more evidence."""
    effects, ranking = np.random.default_rng(1).normal(size=(2, 200))
    once = Judged(np.arange(200), effects, 200, 0)
    twice = Judged(np.tile(np.arange(200), 2), np.tile(effects, 2), 200, 0)
    assert twice.average() == pytest.approx(once.average())
    both = ((once, ranking), (twice, np.tile(ranking, 2)))
    one, other = (judged.gains(order, cross_fitted=False).shown()["qini"] for judged, order in both)
    assert other["high"] - other["low"] == pytest.approx(one["high"] - one["low"], rel=0.02)


def test_the_range_of_the_mean_effect_holds_as_often_as_it_says() -> None:
    held = 0
    for seed in range(300):
        frame = made(seed, 300, change=0.1, spread=0.1)
        labels, treated = frame["label"].to_numpy(float), frame["treated"].to_numpy(float)
        scores = effect_scores(labels, treated, np.full(300, 0.5), np.full(300, 0.4), np.full(300, 0.3))
        mean = Judged(np.arange(300), scores, 1, 0).average()
        held += mean["low"] <= 0.1 <= mean["high"]
    assert 270 <= held <= 298, held


def test_an_experiment_of_the_size_that_is_needed_detects_the_effect() -> None:
    measure = {"value": 0.01, "low": -0.01, "high": 0.03}
    more = needed(measure, 1000)
    assert more is not None
    narrower = {end: 0.01 + (measure[end] - 0.01) * (1000 / more) ** 0.5 for end in measure}
    assert detectable(narrower) == pytest.approx(0.01, rel=1e-3)
    assert needed({"value": 0.0, "low": -1, "high": 1}, 1000) is None


# -- what is learnt -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_whom_the_treatment_changes_is_found(strong: pd.DataFrame, found: dict[str, Any], estimator: Any) -> None:
    ranked = found["rankings"][estimator]
    assert ranked["qini"]["p"] < SIGNIFICANT
    assert ranked["qini"]["low"] > 0
    half = ranked["by_share"][49]
    assert half["low"] - 0.03 < 0.18 < half["high"] + 0.03
    learnt = cross_fit(strong, np.full(len(strong), 0.5), QUICK, 1).uplift[estimator]
    assert np.corrcoef(learnt, effect(strong))[0, 1] > 0.5


def test_the_experiment_is_told_as_it_was(strong: pd.DataFrame, found: dict[str, Any]) -> None:
    rates = strong.groupby("treated")["label"].mean()
    assert found["arms"]["treated"]["rate"] == pytest.approx(rates[1])
    assert found["arms"]["control"]["rate"] == pytest.approx(rates[0])
    assert found["average"]["low"] < effect(strong).mean() < found["average"]["high"]
    assert found["average"]["value"] == pytest.approx(rates[1] - rates[0], abs=0.02)
    assert found["balance"]["by_chance"]
    assert json.loads(json.dumps(found)) == found
    assert found == experiment(strong, QUICK, 1, scores=strong["want"].to_numpy())
    assert "Choosing by uplift finds whom it changes" in found["told"][1]


def test_who_is_likely_to_convert_is_not_whom_it_changes(found: dict[str, Any]) -> None:
    """What they want says nothing of their mood, on which alone the effect depends."""
    for name in ("propensity", "score"):
        assert found["rankings"][name]["qini"]["value"] < found["rankings"]["two_model"]["qini"]["value"]
    assert found["rankings"]["score"]["qini"]["low"] < 0 < found["rankings"]["score"]["qini"]["high"]
    assert all(found["beyond"][name]["p"] < SIGNIFICANT for name in ("score", "propensity"))
    assert not list(doubts(found))


def test_how_many_convert_if_treated_is_told_by_share(strong: pd.DataFrame, found: dict[str, Any]) -> None:
    rows, rate = found["if_treated"], strong[strong["treated"] == 1]["label"].mean()
    assert rows[-1]["low"] < rate < rows[-1]["high"]
    assert rows[-1]["value"] == pytest.approx(rate, abs=0.02)
    assert rows[29]["value"] > rows[-1]["value"]
    assert all(0 <= row["low"] <= row["value"] <= row["high"] <= 1 for row in rows)


def test_whoever_is_changed_most_is_whoever_converts_most() -> None:
    """Then there is a difference between people, and the score finds it as well."""
    draw, frame = np.random.default_rng(3), made(3, 3000)
    chances = 0.1 + 0.3 * (frame["want"] > 0) * (1 + frame["treated"])
    frame["label"] = (draw.random(3000) < chances).astype(int)
    found = experiment(frame, QUICK, scores=frame["want"].to_numpy())
    assert found["rankings"]["two_model"]["qini"]["p"] < SIGNIFICANT
    assert found["beyond"]["score"]["p"] >= SIGNIFICANT
    (doubt,) = doubts(found)
    assert doubt.startswith("No evidence that choosing by uplift is better than choosing by the score")
    assert doubt in found["told"]


def test_the_four_groups_are_those_of_the_forecasts(strong: pd.DataFrame, found: dict[str, Any]) -> None:
    groups = found["groups"]
    assert tuple(groups) == GROUPS
    assert sum(group["people"] for group in groups.values()) == len(strong)
    assert groups["persuadable"]["shown"]
    assert groups["sleeping dog"]["shown"]
    assert groups["sleeping dog"]["effect"]["high"] < 0 < groups["persuadable"]["effect"]["low"]
    assert "better left alone" in found["told"][-1]


@SOME
@given(RATES, RATES, st.floats(0.01, 0.5), RATES)
def test_a_group_is_told_by_both_forecasts(treated: float, control: float, least: float, usual: float) -> None:
    (kind,) = name_groups(np.array([treated]), np.array([control]), least, usual)
    if treated - control >= least:
        expected = "persuadable"
    elif treated - control <= -least:
        expected = "sleeping dog"
    else:
        expected = "sure thing" if control >= usual else "lost cause"
    assert GROUPS[kind] == expected


def test_models_of_all_forecast_people_they_have_not_seen(strong: pd.DataFrame) -> None:
    model = fit(strong, np.full(len(strong), 0.5), QUICK, 1)
    others = made(9, 500, change=CHANGE, spread=SPREAD)
    forecasts = model.forecast(others)
    for name in ESTIMATORS:
        assert np.corrcoef(forecasts.uplift[name], effect(others))[0, 1] > 0.6
    assert (forecasts.uplift["two_model"] == forecasts.treated - forecasts.control).all()


@SOME
@given(st.lists(st.integers(-4, 8).map(lambda n: n / 8), min_size=1, max_size=40), st.integers(1, 300))
def test_reaches_by_uplift_are_counted_and_their_gain_read_off_the_experiment(uplift: list[float], value: int) -> None:
    effects = [{"share": n / 100, "value": 0.2 - n / 1000, "low": -0.1, "high": 0.3} for n in range(1, 101)]
    money = Money(cost=1, fixed_cost=2, value=value)
    for row, plain in zip(
        by_uplift(np.array(uplift), effects, money), by_uplift(np.array(uplift), effects), strict=True
    ):
        chosen = [u for u in uplift if u >= row["threshold"]]
        share = len(chosen) / len(uplift)
        assert (row["people"], row["share"], row["cost"]) == (len(chosen), share, 2 + len(chosen))
        assert row["forecast"] == pytest.approx(sum(chosen))
        gained = len(chosen) * (0.2 - max(share, 0.01) / 10)
        assert row["incremental"]["value"] == pytest.approx(gained)
        assert row["incremental_profit"]["value"] == pytest.approx(value * gained - row["cost"])
        assert row["pays"] == (row["threshold"] >= 1 / value)
        assert plain == {key: row[key] for key in plain}
        assert "cost" not in plain
    assert row["people"] == len(uplift)


def test_by_nobodys_uplift_nobody_is_chosen() -> None:
    with pytest.raises(InvalidInput, match="nobody's uplift is forecast"):
        by_uplift(np.array([]), [])


# -- where there is nothing to find -------------------------------------------------------------------------------


@pytest.mark.parametrize(("candidate", "rounds", "most"), [("logistic", 24, 4), ("lightgbm", 8, 2)])
def test_no_difference_between_people_is_seldom_taken_for_one(candidate: str, rounds: int, most: int) -> None:
    """2.5 in 100 are allowed: more than *most* of so many come once in ten thousand times."""
    how = Learning(candidate=candidate, folds=2, resamples=40)
    wrong = dict.fromkeys(ESTIMATORS, 0)
    for seed in range(rounds):
        frame, even = made(seed, 400, change=0.1), np.full(400, 0.5)
        forecasts = cross_fit(frame, even, how, seed)
        labels, treated = frame["label"].to_numpy(float), frame["treated"].to_numpy(float)
        scores = effect_scores(labels, treated, even, forecasts.treated, forecasts.control)
        judged = Judged(frame["entity_id"].to_numpy(), scores, how.resamples, seed)
        for name in ESTIMATORS:
            ranking = within_folds(forecasts.uplift[name], forecasts.fold)
            wrong[name] += judged.gains(ranking, cross_fitted=True).shown()["qini"]["p"] < SIGNIFICANT
    assert max(wrong.values()) <= most, wrong


def test_no_effect_at_all_is_told_with_what_would_be_needed() -> None:
    told = " ".join(experiment(made(1, 600), QUICK)["told"])
    assert "The range holds 0: no evidence that it does anything" in told
    assert "No evidence that choosing by uplift is better" in told


def test_nobody_is_learnt_from_too_few() -> None:
    frame = made(2, 90, change=0.1)
    found = experiment(frame, QUICK, scores=frame["want"].to_numpy())
    assert frame.groupby(["treated", "label"]).size().min() < LEAST
    assert "Too few to learn whom it changes" in found["told"][-1]
    assert "groups" not in found
    assert set(found["rankings"]) == {"score"}
    rates = frame.groupby("treated")["label"].mean()
    assert found["average"]["value"] == pytest.approx(rates[1] - rates[0], abs=0.02)


# -- who was treated ----------------------------------------------------------------------------------------------


def test_a_treatment_that_the_features_tell_is_not_called_chance() -> None:
    """Those who want it anyway are treated more often: the plain difference is far off, the adjusted one is not."""
    draw, frame = np.random.default_rng(44), made(4, 3000)
    frame["treated"] = (draw.random(3000) < 1 / (1 + np.exp(-frame["want"]))).astype(int)
    found = experiment(frame, QUICK)
    rates = frame.groupby("treated")["label"].mean()
    assert rates[1] - rates[0] > 0.03
    assert not found["balance"]["by_chance"]
    assert found["average"]["low"] < 0 < found["average"]["high"]
    assert any("Chance alone did not decide who was treated" in line for line in found["told"])


def test_known_chances_that_differ_are_made_even() -> None:
    """Nine of ten of the keen are treated, one of ten of the others: by the chances' column nothing is left of that."""
    draw, frame = np.random.default_rng(55), made(5, 3000, change=0.1)
    frame["chance"] = np.where(frame["want"] > 0, 0.9, 0.1)
    treated = draw.random(3000) < frame["chance"]
    keen = 0.2 + 0.25 / (1 + np.exp(-2 * frame["want"])) + 0.1 * treated
    frame["treated"], frame["label"] = treated.astype(int), (draw.random(3000) < keen).astype(int)
    rates = frame.groupby("treated")["label"].mean()
    mean = experiment(frame, QUICK, chance="chance")["average"]
    assert rates[1] - rates[0] > 0.15
    assert mean["low"] < 0.1 < mean["high"]


def test_a_person_is_in_one_fold(strong: pd.DataFrame) -> None:
    frame = pd.concat([strong[:300], strong[:300]])
    for known, left in folds(frame, 3, 0):
        assert not set(frame["entity_id"].iloc[known]) & set(frame["entity_id"].iloc[left])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"treated": 2}, "the column treated holds 2 in 50 rows; wanted is 0 or 1"),
        ({"label": None}, "the column label holds None in 50 rows"),
        ({"treated": 1}, "nobody was left alone as control, so there is nothing to compare"),
        ({"treated": 0}, "nobody was treated, so there is nothing to compare"),
    ],
)
def test_what_is_no_experiment_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        experiment(made(1, 50).assign(**changes))


def test_a_frame_without_its_columns_is_refused() -> None:
    with pytest.raises(InvalidInput, match="has no column 'treated'"):
        experiment(made(1, 50).drop(columns="treated"))
    with pytest.raises(InvalidInput, match="has no column 'odds'"):
        experiment(made(1, 50), chance="odds")


@pytest.mark.parametrize("chance", [0.0, 1.0, -0.5, float("nan")])
def test_a_chance_that_is_none_is_refused(chance: float) -> None:
    with pytest.raises(InvalidInput, match="must lie between 0 and 1"):
        experiment(made(1, 50), chance=chance)


def test_shares_are_percents() -> None:
    assert SHARES.tolist() == [n / 100 for n in range(101)]

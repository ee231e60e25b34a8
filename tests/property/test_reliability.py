"""Whether forecasts are right: calibration, rates and groups are those of slow references, and intervals cover."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from limbeck.propensity.evaluate import Comparison, by_share, evaluate
from limbeck.propensity.groups import MISSING, MOST, OTHERS, Group, compared, groups, tenths
from limbeck.propensity.intervals import Numbers, rate
from limbeck.propensity.reliability import Forecasts, logit, parts
from tests.property.test_evaluate import Rows, forecasts, rows

SOME = settings(max_examples=60, deadline=None)
FEW = settings(max_examples=20, deadline=None)


def world(people: int, seed: int, shift: float = 0.0, slope: float = 1.0) -> tuple[Numbers, Numbers, Numbers]:
    """People with forecasts, what these should have been, and outcomes by the latter."""
    draw = np.random.default_rng(seed)
    odds = draw.normal(-1.5, 1.0, people)
    forecast, truth = (1 / (1 + np.exp(-x)) for x in (odds, shift + slope * odds))
    return forecast, truth, (draw.random(people) < truth).astype(float)


# -- tenths -------------------------------------------------------------------------------------------------------


def slow_parts(scores: Numbers, count: int) -> list[list[Fraction]]:
    """Give each row the places of its group of equal scores, in equal shares."""
    size, found = Fraction(len(scores), count), []
    for score in scores:
        begin, same = int((scores < score).sum()), int((scores == score).sum())
        places = [max(Fraction(0), min(begin + same, (k + 1) * size) - max(begin, k * size)) for k in range(count)]
        found.append([place / same for place in places])
    return found


@SOME
@given(rows(), st.integers(1, 12))
def test_parts_are_equal_and_share_the_places_of_ties(found: Rows, count: int) -> None:
    made = parts(found.scores, count)
    assert made == pytest.approx(np.array(slow_parts(found.scores, count), dtype=float), abs=1e-9)
    assert made.sum(axis=0) == pytest.approx(len(found.scores) / count)
    assert made.sum(axis=1) == pytest.approx(1)


@SOME
@given(rows())
def test_the_error_is_the_mean_distance_of_forecast_and_outcome_in_tenths(found: Rows) -> None:
    made = Forecasts(found.labels, found.scores).measures(np.stack([found.weights, found.weights]))
    share = np.array(slow_parts(found.scores, min(10, len(found.scores))), dtype=float)
    weighed = share * found.weights[:, None]
    filled = weighed[:, weighed.sum(axis=0) > 0]
    distance = [abs(np.average(found.labels, weights=w) - np.average(found.scores, weights=w)) for w in filled.T]
    assert made["calibration_error"] == pytest.approx([np.average(distance, weights=filled.sum(axis=0))] * 2)
    if (expected := found.weights @ found.scores) > 0.01:
        assert made["observed_to_expected"][0] == pytest.approx(found.weights @ found.labels / expected)


def test_tenths_hold_all_rows_best_first_and_lead_to_all_gains() -> None:
    forecast, _, labels = world(437, 1)
    forecast = forecast.round(2)  # many ties
    people = np.arange(437)
    made = tenths(people, labels, forecast, by_share(people, labels, forecast, 20, 1))
    assert len(made) == 10
    assert sum(row["rows"] for row in made) == pytest.approx(437)
    assert sum(row["rows"] * row["expected"] for row in made) == pytest.approx(forecast.sum())
    assert sum(row["rows"] * row["observed"]["value"] for row in made) == pytest.approx(labels.sum())
    assert [row["expected"] for row in made] == sorted((row["expected"] for row in made), reverse=True)
    converted = np.cumsum([row["rows"] * row["observed"]["value"] for row in made])
    assert [row["gain"]["value"] for row in made] == pytest.approx(converted / labels.sum())
    for row in made:
        assert row["least"] <= row["expected"] <= row["most"]
        assert row["lift"]["high"] == pytest.approx(row["gain"]["high"] / row["share"])


# -- intercept and slope ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shift", "slope"), [(0.0, 1.0), (0.7, 1.0), (-0.5, 0.4), (0.3, 2.0)])
def test_intercept_and_slope_are_those_of_logistic_regressions(shift: float, slope: float) -> None:
    forecast, _, labels = world(800, 2, shift, slope)
    made = Forecasts(labels, forecast).measures(np.ones(800))
    fitted = LogisticRegression(C=np.inf, tol=1e-10, solver="newton-cholesky").fit(logit(forecast)[:, None], labels)
    assert made["calibration_slope"] == pytest.approx(fitted.coef_[0, 0], abs=1e-6)
    adjusted = 1 / (1 + np.exp(-logit(forecast) - made["calibration_intercept"]))
    assert adjusted.sum() == pytest.approx(labels.sum())  # what the likelihood of an intercept asks for


def test_one_step_for_each_draw_finds_the_interval_of_a_whole_fit() -> None:
    forecast, _, labels = world(500, 3, 0.2, 0.8)
    made = evaluate(np.arange(500), labels, forecast, 200, 4)["calibration_slope"]
    draw, found = np.random.default_rng(4), []
    while len(found) < 200:
        taken = draw.integers(0, 500, 500)
        model = LogisticRegression(C=np.inf, tol=1e-8, solver="newton-cholesky")
        found.append(model.fit(logit(forecast[taken])[:, None], labels[taken]).coef_[0, 0])
    low, high = np.quantile(found, [0.025, 0.975])
    assert (made["low"], made["high"]) == pytest.approx((low, high), abs=0.03)


def test_outcomes_that_the_forecast_tells_apart_have_no_slope() -> None:
    labels = np.array([0.0, 0.0, 1.0, 1.0])
    for forecast in ([0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1], [0.2] * 4, [0.0, 0.0, 1.0, 1.0]):
        made = evaluate(np.arange(4), labels, np.array(forecast), 10, 0)
        assert "calibration_slope" not in made
        assert all(np.isfinite(list(measure.values())).all() for measure in made.values())


@SOME
@given(rows(most=20))
def test_every_measure_is_a_number_with_its_range(found: Rows) -> None:
    for measure in evaluate(np.array(found.people), found.labels, found.scores, 10, 0).values():
        assert np.isfinite(list(measure.values())).all()
        assert measure["low"] <= measure["high"]


# -- intervals cover ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.4])
def test_the_interval_of_the_error_holds_the_true_error(shift: float) -> None:
    """It knows that luck adds to the error of a forecast that is right."""
    held = 0
    for seed in range(40):
        forecast, truth, labels = world(600, seed, shift)
        measure = evaluate(np.arange(600), labels, forecast, 100, seed)["calibration_error"]
        true = np.abs(parts(forecast).T @ (truth - forecast)).sum() / 600
        held += measure["low"] <= true + 1e-12 and true <= measure["high"]
        assert measure["low"] <= measure["value"] <= measure["high"]
    assert held >= 36


def test_chance_is_what_right_forecasts_show() -> None:
    forecast, _, labels = world(500, 7)
    chance = Comparison(np.arange(500), labels, {"": forecast}, 2000, 1).chance[""]
    draw, within = np.random.default_rng(3), parts(forecast)
    errors = [np.abs(within.T @ ((draw.random(500) < forecast) - forecast)).sum() / 500 for _ in range(2000)]
    wanted = [np.mean(errors), *np.quantile(errors, [0.025, 0.975])]
    assert [chance[name] for name in ("value", "low", "high")] == pytest.approx(wanted, rel=0.08)


def wilson(converted: int, rows: int) -> tuple[float, float]:
    """Solve for the rates that lie 1.96 standard errors, by their own reckoning, from what was observed."""
    share = converted / rows
    roots = np.roots([1 + 1.96**2 / rows, -2 * share - 1.96**2 / rows, share**2])
    return float(min(roots.real)), float(max(roots.real))


@pytest.mark.parametrize(("converted", "rows"), [(0, 4), (0, 200), (1, 3), (7, 40), (40, 40)])
def test_rates_of_single_rows_have_wilsons_interval_and_copies_add_nothing(converted: int, rows: int) -> None:
    labels, person = (np.arange(rows) < converted).astype(float), np.arange(rows)
    made = rate(labels, np.ones(rows), person)
    low, high = wilson(converted, rows)
    assert (made["low"], made["high"]) == pytest.approx((min(low, converted / rows), high), abs=1e-6)
    again = rate(np.tile(labels, 3), np.ones(3 * rows), np.tile(person, 3))
    assert again == pytest.approx(made)


def test_few_who_convert_are_covered_as_often_as_it_says() -> None:
    draw, held = np.random.default_rng(2), 0
    for _ in range(600):
        chances = draw.beta(0.4, 3.6, 60)  # of people, each with two rows; a tenth converts
        made = rate((draw.random((2, 60)) < chances).ravel().astype(float), np.ones(120), np.tile(np.arange(60), 2))
        held += made["low"] <= 0.1 <= made["high"]
    assert 0.92 <= held / 600 <= 0.99


# -- groups -------------------------------------------------------------------------------------------------------

COLUMNS = st.lists(
    st.tuples(
        st.sampled_from([None, "a", "b", "c d"]), st.sampled_from([None, 0.0, 1.0]), st.none() | st.floats(-9, 9)
    ),
    min_size=1,
    max_size=40,
)


@SOME
@given(COLUMNS)
def test_each_row_is_in_one_group_of_each_feature_that_has_several(found: list[tuple[object, ...]]) -> None:
    frame = pd.DataFrame(found, columns=["city", "member", "age"])
    frame = frame.astype({"city": object, "member": float, "age": float})
    frame = frame.assign(entity_id=[f"p{n}" for n in range(len(frame))])
    made = groups(frame, ["age"])
    for feature in {group.feature for group in made}:
        mine = [group for group in made if group.feature == feature]
        assert len(mine) > 1
        assert (np.sum([group.rows for group in mine], axis=0) == 1).all()
        assert len({group.value for group in mine}) == len(mine)
        assert all(group.rows.any() for group in mine)
    for group in made:
        if group.value == MISSING:
            assert frame[group.feature].isna()[group.rows].all()
        elif group.feature == "city":
            assert (frame["city"][group.rows] == group.value).all()
        elif group.feature == "member":
            assert (frame["member"][group.rows] == {"no": 0.0, "yes": 1.0}[group.value]).all()
    assert not any(group.feature == "age" for group in groups(frame) if frame["age"].dropna().nunique() > 2)


def test_numbers_are_told_as_ranges_and_rare_texts_together() -> None:
    numbers = pd.DataFrame({"age": np.arange(40.0), "city": [f"c{n:02d}" for n in np.arange(40) // 2 % 15]})
    made = {(group.feature, group.value): group.rows for group in groups(numbers, ["age"])}
    ages = ["below 9.75", "9.75 to below 19.5", "19.5 to below 29.25", "29.25 and more"]
    assert [value for feature, value in made if feature == "age"] == ages
    assert made["age", ages[1]].nonzero()[0].tolist() == list(range(10, 20))
    cities = [value for feature, value in made if feature == "city"]
    assert len(cities) == MOST + 1
    assert cities[-1] == OTHERS


def test_a_group_that_the_model_is_wrong_about_is_seen_and_a_small_one_promises_nothing() -> None:
    forecast, _, labels = world(3000, 8)
    within = np.arange(3000) % 3 == 0
    wrong = np.where(within, np.clip(forecast * 2, 0, 1), forecast)
    some = [Group("city", "Oslo", within), Group("city", "Rome", ~within), Group("tier", "gold", np.arange(3000) < 9)]
    oslo, rome, gold = compared(np.arange(3000), labels, wrong, some)
    assert oslo["expected"] > oslo["observed"]["high"]
    assert rome["observed"]["low"] <= rome["expected"] <= rome["observed"]["high"]
    assert (oslo["rows"], oslo["converted"]) == (1000, labels[within].sum())
    assert (oslo["small"], gold["small"]) == (False, True)
    assert oslo["roc_auc"]["value"] == pytest.approx(roc_auc_score(labels[within], wrong[within]))
    assert "roc_auc" not in gold
    assert gold["observed"]["high"] - gold["observed"]["low"] > 0.25


def test_a_persons_further_rows_make_a_group_no_surer() -> None:
    one, four = forecasts(100, 1, 3), forecasts(100, 4, 3)
    (once,), (again,) = (
        compared(np.array(f.people), f.labels, f.scores, [Group("x", "y", np.ones(len(f.labels), bool))])
        for f in (one, four)
    )
    assert again["observed"] == pytest.approx(once["observed"])
    assert again["roc_auc"] == pytest.approx(once["roc_auc"])

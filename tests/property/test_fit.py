"""How a model is found: folds in time know no later, the plainest of equals is taken, probabilities come true."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import log_loss, roc_auc_score

from limbeck.errors import InvalidInput
from limbeck.propensity import calibrate, small
from limbeck.propensity.candidates import MOST, NAMES, candidates
from limbeck.propensity.fit import Fitted, Modelling, fit, inputs_of, probability, tune
from limbeck.propensity.splits import LEAST, LabelEnd, in_time, splits

START = datetime(2026, 1, 1)


def world(
    seed: int, people: int = 400, cutoffs: Sequence[int] = (0, 30, 60), *, ring: bool = False, slope: float = 2.0
) -> pd.DataFrame:
    """People at cutoffs some days from the start; `visits` tells who converts, by its size in a *ring*."""
    draw = np.random.default_rng(seed)
    count = people * len(cutoffs)
    visits, spend = draw.normal(size=(2, count))
    pull = 3 * np.abs(visits) - 3 if ring else slope * visits - 1
    return pd.DataFrame(
        {
            "entity_id": np.tile([f"p{n:04d}" for n in range(people)], len(cutoffs)),
            "cutoff": np.repeat([np.datetime64(START + timedelta(days=d), "ms") for d in cutoffs], people),
            "label": (draw.random(count) < 1 / (1 + np.exp(-pull))).astype("int32"),
            "visits": visits,
            "spend": np.exp(spend),
        }
    )


def after(days: float) -> LabelEnd:
    return lambda cutoff: cutoff + timedelta(days=days)


def fitted(known: pd.DataFrame, **how: object) -> Fitted:
    heard: list[str] = []
    return fit(known, Modelling(**{"folds": 3, **how}), 5, heard.append, after(30))


# -- folds --------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 120), min_size=1, max_size=8, unique=True),
    st.integers(1, 60),
    st.integers(2, 6),
    st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_a_fold_in_time_is_fitted_on_what_was_known_when_it_began(
    days: list[int], horizon: int, count: int, seed: int
) -> None:
    known = world(seed, 60, days)
    labels, times = known["label"].to_numpy(), known["cutoff"]
    found = in_time(known, count, after(horizon))
    assert len(found) <= count
    judged_once: list[int] = []
    for fit_rows, judged in found:
        assert (times.iloc[fit_rows] + timedelta(days=horizon)).max() <= times.iloc[judged].min()
        early = times + timedelta(days=horizon) <= times.iloc[judged].min()
        assert set(fit_rows) == set(np.flatnonzero(early))
        assert all(LEAST <= labels[side].sum() <= len(side) - LEAST for side in (fit_rows, judged))
        judged_once += judged.tolist()
    assert len(judged_once) == len(set(judged_once))


def test_folds_are_of_people_where_time_says_too_little() -> None:
    known = world(1)
    assert splits(known, 3, 5, after(30)).in_time
    for label_end in (None, lambda _: None, after(90)):
        found = splits(known, 3, 5, label_end)
        assert not found.in_time
        people = known["entity_id"].to_numpy()
        assert all(not set(people[a]) & set(people[b]) for a, b in found.folds)


def test_later_cutoffs_judge_the_candidates() -> None:
    """What told the outcome until the last cutoff, and no longer, is not taken."""
    known = world(2, cutoffs=(0, 30))
    late = (known["cutoff"] == known["cutoff"].max()).to_numpy()
    known["fashion"] = np.where(late, -1, 1) * (2.0 * known["label"] - 1)
    found = fitted(known, candidates=("logistic",))
    assert found.told["validation"] == {"in_time": True, "folds": 1, "rows": 400}
    assert found.champion.roc_auc < 0.5


# -- the choice ---------------------------------------------------------------------------------------------------


def test_the_plainest_of_equals_is_taken_and_a_better_one_is_not_passed_over() -> None:
    plain, bent = (fitted(world(3, ring=ring), candidates=("lightgbm", "logistic")) for ring in (False, True))
    assert plain.champion.candidate.name == "logistic"
    assert bent.champion.candidate.name == "lightgbm"
    assert bent.told["candidates"]["logistic"]["behind"]["low"] > 0.1
    assert bent.told["candidates"]["lightgbm"]["behind"]["value"] == 0


@pytest.mark.parametrize("name", NAMES)
def test_each_candidate_learns(name: str) -> None:
    known, later = world(4), world(5)
    found = fitted(known, candidates=(name,))
    assert roc_auc_score(later["label"], probability(found.model, later)) > 0.8
    assert found.champion.candidate.name == name


def test_a_candidate_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_my_own.py").write_text(
        "from sklearn.ensemble import ExtraTreesClassifier\n"
        "def trees(): return ExtraTreesClassifier(30, min_samples_leaf=10)\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "def nothing(): return object()\n"
        "def wanting(more): return more\n"
        "def unlucky(): raise RuntimeError('no licence')\n"
        "class Flat(LogisticRegression):\n"
        "    def predict_proba(self, X): return super().predict_proba(X)[:, 1]\n"
        "class Odds(LogisticRegression):\n"
        "    def predict_proba(self, X): return 1 + super().predict_proba(X)\n"
        "class Unable(LogisticRegression):\n"
        "    def fit(self, X, y): raise ValueError('cannot learn')\n"
    )
    (tmp_path / "of_no_one.py").write_text("raise RuntimeError('not here')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    known = world(6).assign(city=["Oslo", "Rome", None] * 400)
    first, again = (fitted(known, candidates=("of_my_own:trees",)) for _ in range(2))
    assert roc_auc_score(known["label"], probability(first.model, known)) > 0.8
    assert (probability(first.model, known) == probability(again.model, known)).all()
    for name, told in (
        ("of_my_own:nothing", "no fit and predict_proba"),
        ("of_my_own:absent", "cannot be imported"),
        ("of_no_one:trees", "cannot be imported: not here"),
        ("of_my_own:wanting", "failed: TypeError.*takes no arguments"),
        ("of_my_own:unlucky", "failed: RuntimeError: no licence"),
        ("of_my_own:Unable", "failed: ValueError: cannot learn"),
        ("of_my_own:Flat", "a column for each outcome"),
        ("of_my_own:Odds", "no probability from 0 to 1"),
    ):
        with pytest.raises(InvalidInput, match=told):
            fitted(known, candidates=(name,))
    sys.modules.pop("of_my_own")


# -- training sets of one's own -----------------------------------------------------------------------------------


UNUSABLE: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "no label": (lambda f: f.drop(columns="label"), "no column label"),
    "no features": (lambda f: f[["entity_id", "cutoff", "label"]], "no features"),
    "no rows": (lambda f: f.iloc[:0], "is empty"),
    "words": (lambda f: f.assign(label="yes"), "label has 'yes'; wanted is 1"),
    "twos": (lambda f: f.assign(label=2 * f["label"]), "label has 2;"),
    "open labels": (
        lambda f: f.assign(label=f["label"].where(f["visits"] < 2)),
        "rows of the training set have no label",
    ),
    "nobody": (lambda f: f.assign(label=0), "nobody reaches the goal"),
    "everybody": (lambda f: f.assign(label=1), "everybody reaches the goal"),
    "no times": (lambda f: f.assign(cutoff=1), "cutoff is int64; wanted are times"),
    "nobody's rows": (lambda f: f.assign(entity_id=None), "have no entity_id"),
    "mixed": (lambda f: f.assign(code=pd.Series([1, "x"] * 600, dtype=object)), "the feature code mixes int and str"),
    "twice": (lambda f: pd.concat([f, f[["visits"]]], axis=1), "column visits 2 times"),
    "numbers for names": (lambda f: f.rename(columns={"visits": 3}), "a column called 3"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_training_set_that_teaches_nothing_is_refused_in_words(case: str) -> None:
    spoil, told = UNUSABLE[case]
    with pytest.raises(InvalidInput, match=told):
        fitted(spoil(world(1)))


@pytest.mark.parametrize(
    ("how", "told"),
    [({"folds": 1}, "folds is 1"), ({"trials": -1}, "trials is -1"), ({"candidates": ()}, "candidates is"),
     ({"candidates": "logistic"}, "candidates is"), ({"calibration": "platt"}, "one of auto, none, sigmoid")],
)  # fmt: skip
def test_a_way_of_modelling_that_is_none_is_refused(how: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        Modelling(**how)


@pytest.mark.parametrize("name", ["logistic", "hist_gradient_boosting"])
def test_columns_of_pandas_kinds_are_taken_as_those_of_a_platform(name: str) -> None:
    """Infinite is missing, flags and nullable numbers are numbers, categories texts, times days."""
    known, times = world(11), pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(1200) % 90, unit="D")
    odd = known["visits"] > 1.5
    cities = pd.Series(["Oslo", "Rome", None] * 400, dtype="object")
    usual = known.assign(
        spend=known["spend"].mask(odd), high=odd.astype(float), since=(np.arange(1200) % 90) + 20454.0, city=cities
    )
    own = known.assign(
        label=known["label"].astype(bool),
        spend=known["spend"].mask(odd, np.inf),
        high=odd.astype("boolean"),
        since=times,
        city=cities.astype("category"),
    )
    first, second = (probability(fitted(f, candidates=(name,)).model, f) for f in (usual, own))
    assert second.tolist() == first.tolist()


def test_texts_of_many_values_make_a_bounded_number_of_flags() -> None:
    known = world(12, 700).assign(zip=[f"{n % 170:03d}" for n in range(2100)])
    assert fitted(known, candidates=("logistic",)).pipeline[0].transform(inputs_of(known)).shape[1] == 2 + MOST


def test_a_search_is_never_worse_than_what_a_candidate_comes_with_and_repeats() -> None:
    known = world(7, 200)
    found = splits(known, 2, 5, after(30))
    (candidate,) = candidates(["lightgbm"], 5, str)
    plain = tune(known, candidate, found.folds)
    first, again = (tune(known, candidate, found.folds, trials=4, seed=5) for _ in range(2))
    assert first.roc_auc >= plain.roc_auc
    assert first.settings == again.settings
    assert (first.settings == plain.settings) == (first.roc_auc == plain.roc_auc)


# -- calibration --------------------------------------------------------------------------------------------------


def chances(seed: int, count: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True probabilities, what came of them, and whose they are."""
    draw = np.random.default_rng(seed)
    true = 1 / (1 + np.exp(-draw.normal(-1.5, 1.2, count)))
    return true, (draw.random(count) < true).astype(float), np.arange(count).astype(str)


SPOILT = {
    "overconfident": lambda p: 1 / (1 + np.exp(-2.5 * np.log(p / (1 - p)))),
    "timid": lambda p: 1 / (1 + np.exp(-0.4 * np.log(p / (1 - p)))),
    "too high": lambda p: 1 / (1 + np.exp(-np.log(p / (1 - p)) - 1.5)),
    "bent": lambda p: np.where(p < 0.15, p * 0.05, 0.4 + p * 0.6),
}


@pytest.mark.parametrize("how", SPOILT)
def test_probabilities_that_are_off_are_mended(how: str) -> None:
    true, labels, people = chances(1)
    spoilt = SPOILT[how](true)
    method, losses = calibrate.choose(labels, spoilt, people)
    assert method == ("isotonic" if how == "bent" else "sigmoid")
    assert losses[method] < losses["none"]
    fresh, outcomes, _ = chances(2)
    taught = calibrate.calibrator(method, labels, spoilt)
    mended = taught.predict_proba(SPOILT[how](fresh)[:, None])[:, 1]
    assert log_loss(outcomes, mended) < log_loss(outcomes, SPOILT[how](fresh))
    assert log_loss(outcomes, mended) < log_loss(outcomes, fresh) + 0.015
    assert abs(mended.mean() - outcomes.mean()) < 0.02


def test_probabilities_that_come_true_are_mostly_left_alone() -> None:
    left = [
        calibrate.choose(labels, true, people)[0] == "none"
        for true, labels, people in (chances(n, 900) for n in range(8))
    ]
    assert sum(left) >= 5


def test_a_calibrated_model_ranks_as_its_pipeline_does_and_is_asked_for_by_name() -> None:
    known, later = world(8), world(9)
    found = {m: fitted(known, candidates=("logistic",), calibration=m) for m in calibrate.METHODS}
    plain = found["none"].model.predict_proba(inputs_of(later))[:, 1]
    for method, one in found.items():
        assert one.method == one.told["calibration"]["method"] == method
        assert one.pipeline.predict_proba(inputs_of(later))[:, 1] == pytest.approx(plain)
        assert set(one.validation) >= {"entity_id", "cutoff", "label", "fold", "raw", "probability"}
    assert rankdata(probability(found["sigmoid"].model, later)) == pytest.approx(rankdata(plain))
    steps = probability(found["isotonic"].model, later)
    assert (np.diff(steps[np.argsort(plain, kind="stable")]) >= 0).all()


def test_rates_that_move_do_not_cost_the_order_of_people() -> None:
    """Forecasts rise from fold to fold while rates fall: taken together they rank the wrong way round."""
    draw, folds = np.random.default_rng(1), np.repeat([0, 1, 2], 1500)
    merit = draw.normal(size=len(folds))
    labels = (draw.random(len(folds)) < 1 / (1 + np.exp(-merit + 2 * (folds - 1)))).astype(float)
    forecasts, people = 1 / (1 + np.exp(-merit - 2 * (folds - 1))), np.arange(len(folds)).astype(str)
    pooled, _ = calibrate.choose(labels, forecasts, people)
    spoilt = calibrate.by_others(pooled, labels, forecasts, people)
    assert roc_auc_score(labels[folds == 1], spoilt[folds == 1]) < 0.6
    apart, losses = calibrate.choose(labels, forecasts, people, folds)
    assert apart == "none"
    assert losses[pooled] < losses["none"]


# -- few converters -----------------------------------------------------------------------------------------------


def test_few_converters_get_a_cautious_model_and_are_told() -> None:
    known = world(10, 200)
    rare = known["label"].where(known["entity_id"] < "p0030", 0)
    heard: list[str] = []
    found = fit(known.assign(label=rare), Modelling(), 5, heard.append)
    assert found.champion.candidate.name == "logistic"
    (note,) = heard
    assert "people reach the goal in the training set" in note


@pytest.mark.parametrize(("pull", "converters", "others"), [(0.6, 60, 300), (1.5, 30, 300), (0.0, 100, 100)])
def test_the_interval_of_few_is_about_what_repeating_shows(pull: float, converters: int, others: int) -> None:
    draw = np.random.default_rng(3)
    labels = np.repeat([1, 0], [converters, others])
    areas = [roc_auc_score(labels, draw.normal(pull * labels)) for _ in range(300)]
    told = small.half_interval(float(np.mean(areas)), converters, others)
    assert told == pytest.approx(1.96 * np.std(areas), rel=0.25)


@given(st.floats(0.5, 0.95), st.floats(0.01, 0.9))
@settings(max_examples=50, deadline=None)
def test_as_many_as_are_needed_are_enough(area: float, rate: float) -> None:
    count = small.needed(area, rate)
    others = max(1, round(count * (1 - rate) / rate))
    assert small.half_interval(area, count, others) <= small.WANTED
    assert small.told(area, count, others)["further"] <= max(2, count // 20)

"""Effects of features against Shapley values from their definition (Shapley 1953): all coalitions, one by one."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.special import logit
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline

from limbeck.errors import InvalidInput
from limbeck.propensity import calibrate, candidates, reasons, shapley

FEATURES = ["visits", "spend", "city", "city_Oslo"]
"""The last is called as a flag of the third might be."""


def people(seed: int, count: int = 200) -> pd.DataFrame:
    """Features with gaps, texts of which some are rare, and nothing to be seen from names of columns."""
    draw = np.random.default_rng(seed)
    spend = np.where(draw.random(count) < 0.3, np.nan, draw.exponential(10, count).round(1))
    cities = pd.Series(draw.choice(["Oslo", "Rome", "Bern", "Riga"], count, p=[0.5, 0.44, 0.03, 0.03]), dtype="str")
    columns = {"visits": draw.integers(0, 5, count) * 1.0, "spend": spend, "city": cities.where(spend != 1.0)}
    return pd.DataFrame({**columns, "city_Oslo": pd.Series(draw.choice(["x", "y"], count), dtype="str")})


def fitted(kind: str, frame: pd.DataFrame, **settings: Any) -> Pipeline:
    """A model of frequent visitors who spend, more so in Oslo."""
    (candidate,) = candidates.candidates([kind], 5, str)
    return candidate.build(frame, **{**candidate.settings[0], **settings}).fit(frame, labels(frame))


def labels(frame: pd.DataFrame) -> pd.Series:
    noise = np.random.default_rng(9).normal(size=len(frame))
    return (frame["visits"] + frame["spend"].fillna(15) / 10 + (frame["city"] == "Oslo") + noise > 4).astype(int)


def shares(count: int, worth: Callable[[frozenset[int]], float]) -> list[float]:
    """The Shapley values of *count* players of a game in which a coalition is *worth* so much."""
    found, worth = [0.0] * count, cache(worth)
    for player in range(count):
        others = [n for n in range(count) if n != player]
        for size in range(count):
            weight = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
            for coalition in combinations(others, size):
                found[player] += weight * (worth(frozenset({*coalition, player})) - worth(frozenset(coalition)))
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_a_regression_is_shared_as_by_definition(seed: int) -> None:
    """A coalition is worth the mean forecast of its values with those that others have of the rest."""
    known = people(seed)
    model = fitted("logistic", known)
    asked = people(seed + 10, 2)
    found = shapley.explainer(model, shapley.typical(model, known))
    assert (found.features, found.unit) == (tuple(FEATURES), "log-odds")

    for number, effects in enumerate(found.effects(asked)):

        def worth(coalition: frozenset[int], row: pd.Series = asked.iloc[number]) -> float:
            mixed = known.assign(**{FEATURES[n]: row[FEATURES[n]] for n in coalition})
            return float(model.decision_function(mixed.astype(known.dtypes)).mean())

        assert effects.tolist() == pytest.approx(shares(4, worth), abs=1e-9)
        assert found.base == pytest.approx(worth(frozenset()), abs=1e-9)


def followed(node: dict[str, Any], row: Sequence[float], coalition: frozenset[int]) -> float:
    """What a tree says of *row* if only the columns of *coalition* are known: else both branches, by their rows."""
    if "leaf_value" in node:
        return float(node["leaf_value"])
    left, right = node["left_child"], node["right_child"]
    if (column := node["split_feature"]) in coalition:
        value = row[column]
        first = node["default_left"] if math.isnan(value) else value <= node["threshold"]
        return followed(left if first else right, row, coalition)
    rows = [child.get("internal_count", child.get("leaf_count")) for child in (left, right)]
    parts = [followed(child, row, coalition) for child in (left, right)]
    return float(np.average(parts, weights=rows))


@pytest.mark.parametrize("seed", [1, 2])
def test_trees_are_shared_as_by_definition(seed: int) -> None:
    """Columns by the branches of the trees, and flags of a text summed up."""
    known = people(seed, 600)
    model = fitted("lightgbm", known, trees=5, leaves=6)
    trees = [tree["tree_structure"] for tree in model[-1].booster_.dump_model()["tree_info"]]
    asked = people(seed + 10, 2)
    found = shapley.explainer(model)
    columns = model[:-1].transform(asked)
    names = [0, 1, *([2] * (columns.shape[1] - 4)), 3, 3]
    for row, effects in zip(columns, found.effects(asked), strict=True):
        single = shares(len(row), lambda coalition, row=row: sum(followed(tree, row, coalition) for tree in trees))
        wanted = [sum(s for s, name in zip(single, names, strict=True) if name == n) for n in range(4)]
        assert effects.tolist() == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("kind", ["logistic", "lightgbm"])
def test_base_and_effects_are_the_log_odds(kind: str) -> None:
    known, asked = people(4), people(5)
    model = fitted(kind, known)
    found = shapley.explainer(model, shapley.typical(model, known))
    wanted = logit(model.predict_proba(asked)[:, 1])
    assert found.base + found.effects(asked).sum(axis=1) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_a_calibrated_model_is_explained_before_its_calibration(method: Any) -> None:
    known = people(4)
    model = fitted("lightgbm", known)
    taught = calibrate.calibrator(method, labels(known).to_numpy(float), model.predict_proba(known)[:, 1])
    whole = calibrate.calibrated(model, taught, known, labels(known))
    found, plain = (shapley.explainer(one).effects(known) for one in (whole, model))
    assert found.tolist() == plain.tolist()


def test_trees_of_scikit_learn_are_explained_by_shap() -> None:
    """The parts add up: those of boosting to log-odds, those of a forest to the probability."""
    pytest.importorskip("shap", reason="needs the extra `tune`")
    known, asked = people(4), people(5, 30)
    boosting = HistGradientBoostingClassifier(max_iter=10, max_leaf_nodes=6, random_state=1)
    forest = RandomForestClassifier(10, min_samples_leaf=10, random_state=1)
    for last, numbers, unit in (
        (boosting, "passthrough", "log-odds"),
        (forest, SimpleImputer(add_indicator=True), "probability"),
    ):
        model = make_pipeline(candidates.columns(known, numbers), last).fit(known, labels(known))
        found = shapley.explainer(model)
        forecast = model.predict_proba(asked)[:, 1]
        wanted = logit(forecast) if unit == "log-odds" else forecast
        assert (found.unit, found.features) == (unit, tuple(FEATURES))
        assert found.base + found.effects(asked).sum(axis=1) == pytest.approx(wanted, abs=1e-6)


def test_xgboost_explains_itself() -> None:
    """Gaps, flags of texts and all: base and effects are the log-odds, of all trees or of those before a stop."""
    xgboost = pytest.importorskip("xgboost", reason="needs the extra `boost`, which is not installed")
    known, asked = people(4), people(5)
    columns = candidates.columns(known, "passthrough").fit(known)
    early = {"early_stopping_rounds": 2, "eval_metric": "logloss"}
    stopped = xgboost.XGBClassifier(n_estimators=60, max_depth=4, **early)
    stopped.fit(
        columns.transform(known), labels(known), eval_set=[(columns.transform(asked), labels(asked))], verbose=False
    )
    assert stopped.best_iteration < 57
    whole = xgboost.XGBClassifier(n_estimators=20, max_depth=3).fit(columns.transform(known), labels(known))
    for last in (whole, stopped):
        model = make_pipeline(columns, last)
        found = shapley.explainer(model)
        assert (found.unit, found.features) == ("log-odds", tuple(FEATURES))
        effects = found.effects(asked)
        assert found.base + effects.sum(axis=1) == pytest.approx(logit(model.predict_proba(asked)[:, 1]), abs=1e-4)
        assert (np.abs(effects).max(axis=0) > 0.01).sum() >= 2


def test_columns_whose_feature_is_not_known_are_refused() -> None:
    from sklearn.decomposition import PCA

    (candidate,) = candidates.candidates(["logistic"], 5, str)
    known = people(4)
    first, last = candidate.build(known, C=1.0)
    with pytest.raises(InvalidInput, match="the step PCA makes other columns of its columns"):
        shapley.explainer(make_pipeline(first, PCA(2), last).fit(known, labels(known)))


# -- what is told -------------------------------------------------------------------------------------------------

ODD = pa.table(
    {
        'a "b"\\': pa.array(['say "é"\n', None, "", "\u2028"]),
        "number": pa.array([0.1, None, math.inf, 1e-7]),
        "count": pa.array([3, -1, None, 2**53]),
        "flag": pa.array([True, None, False, True]),
        "money": pa.array([Decimal("1.50"), None, Decimal("-2.00"), Decimal("0.01")]),
        "day": pa.array([date(2026, 1, 2), None, date(1969, 1, 1), date(2026, 1, 1)]),
        "moment": pa.array([datetime(2026, 1, 2, 3), None, None, None], pa.timestamp("ms")),
        "nothing": pa.nulls(4),
    }
)
SAID: dict[str, list[Any]] = {
    **{name: ODD[name].to_pylist() for name in ('a "b"\\', "count", "flag", "nothing")},
    "number": [0.1, None, None, 1e-7],
    "money": [1.5, None, -2.0, 0.01],
    "day": ["2026-01-02", None, "1969-01-01", "2026-01-01"],
    "moment": ["2026-01-02 03:00:00.000", None, None, None],
}


@pytest.mark.parametrize("most", [0, 1, 3, 8, 20])
def test_reasons_are_json_whatever_the_values(most: int) -> None:
    draw = np.random.default_rng(most)
    effects = draw.normal(size=(4, 8)).round(1)
    effects[3, :6] = 0
    found = [json.loads(text) for text in reasons.texts(ODD, ODD.column_names, effects, most).to_pylist()]
    for row, told in enumerate(found):
        order = np.argsort(-np.abs(effects[row]), kind="stable")[:most]
        names = [ODD.column_names[n] for n in order if effects[row, n]]
        assert [reason["feature"] for reason in told] == names
        for reason in told:
            assert reason["value"] == SAID[reason["feature"]][row]
            assert reason["effect"] == effects[row, ODD.column_names.index(reason["feature"])]


@pytest.mark.parametrize(
    ("unit", "said"), [("log-odds", "odds × 2.00"), ("probability", "+69.3 points of probability")]
)
def test_reasons_are_said_in_words(unit: str, said: str) -> None:
    told = [{"feature": "visits", "value": 7, "effect": math.log(2)}, {"feature": "age", "value": None, "effect": -0.1}]
    assert reasons.because(told, unit).startswith(f"visits = 7 raises it ({said}); age missing lowers it (")
    assert reasons.because([], unit) is None


def test_what_moves_all_is_told_the_strongest_first() -> None:
    known, later = people(4, 600), people(5, 600)
    model = fitted("logistic", known)
    found = reasons.overall(model, known, later, 3)
    assert json.loads(json.dumps(found)) == found
    assert found == reasons.overall(model, known, later, 3)
    effects = shapley.explainer(model, found["typical"]).effects(later)
    told = {feature["feature"]: feature for feature in found["features"]}
    assert set(told) == set(FEATURES)
    sizes = [feature["value"] for feature in found["features"]]
    assert sizes == sorted(sizes, reverse=True)
    for name, column in zip(FEATURES, effects.T, strict=True):
        assert told[name]["value"] == pytest.approx(np.abs(column).mean())
        assert told[name]["low"] < told[name]["value"] < told[name]["high"]
    assert told["visits"]["direction"] == "raises"
    assert told["city"]["direction"] is None
    assert {place for _, place in told["city"]["points"]} == {None}


def test_what_cannot_be_explained_says_why() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    known = people(4)
    model = make_pipeline(candidates.columns(known, SimpleImputer()), KNeighborsClassifier())
    found = reasons.overall(model.fit(known, labels(known)), known, known, 3)
    assert (found["features"], found["typical"]) == ([], {})
    assert found["told"].startswith("no exact reasons are known for KNeighborsClassifier; they are for logistic")

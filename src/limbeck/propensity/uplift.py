"""Uplift: whom a contact changes, learnt from an experiment in which chance decided who was contacted.

Two ways to learn it, both made of the candidates of `candidates`:

- `two_model`: one model of the treated, one of the others; the uplift is the difference of their forecasts.
- `transformed_outcome`: one model of a class that says whether treatment and outcome agree (treated and converted, or
  neither), each row weighed by one over twice the chance of its arm: the probability is (1 + uplift) ÷ 2. It is that
  of Jaskowski and Jaroszewicz (2012) for even chances; by the weights, as in the transformed outcome of Athey and
  Imbens (2015), for any.

Models are cross-fitted over people: each row's forecasts come of models that saw nobody of its fold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import InvalidInput
from limbeck.propensity import frames
from limbeck.propensity.candidates import Candidate, candidates
from limbeck.propensity.evaluate import Numbers

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

Estimator = Literal["two_model", "transformed_outcome"]
ESTIMATORS: tuple[Estimator, ...] = ("two_model", "transformed_outcome")
TREATED = "treated"
"""Column of who was treated, 1 or 0."""
LEAST = 20
"""Converters, and others, in each arm below which nobody's uplift is learnt."""
CERTAIN = 0.02
"""Chances of treatment nearer to 0 or 1 are taken for this: they would weigh single people too much."""


@dataclass(frozen=True, slots=True)
class Learning:
    """How uplift is learnt and judged. It is fixed beforehand: what is chosen by its result flatters itself."""

    estimator: Estimator = "two_model"
    candidate: str = "logistic"
    """A candidate of `candidates.candidates`, with the middle one of its settings."""
    folds: int = 5
    resamples: int = 300


@dataclass(frozen=True, slots=True)
class Forecasts:
    """What models say of each row; uplift by every estimator."""

    treated: Numbers
    """Probability of converting if treated."""
    control: Numbers
    """Probability of converting if not."""
    uplift: Mapping[Estimator, Numbers]
    fold: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """Number of the fold that each row was left out with; empty for rows that no model has seen."""


@dataclass(frozen=True, slots=True)
class UpliftModel:
    """The models of an experiment."""

    treated: Pipeline
    control: Pipeline
    transformed: Pipeline

    def forecast(self, frame: pd.DataFrame) -> Forecasts:
        """Return what the models say of the rows of *frame*, which has the features of the experiment's."""
        inputs = frame[features_of(frame)]
        models = (self.treated, self.control, self.transformed)
        with_it, without, agreeing = (cast("Numbers", model.predict_proba(inputs)[:, 1]) for model in models)
        found: dict[Estimator, Numbers] = {"two_model": with_it - without, "transformed_outcome": 2 * agreeing - 1}
        return Forecasts(with_it, without, found)


def features_of(frame: pd.DataFrame) -> list[str]:
    """Return the names of the features: neither keys nor the treatment."""
    return [name for name in frames.features_of(frame) if name != TREATED]


def fit(frame: pd.DataFrame, chance: Numbers, learning: Learning, seed: int) -> UpliftModel:
    """Return the models of an experiment: a frame with the columns `label` and `treated`, and each row's *chance*."""
    candidate = _candidate(learning, seed)
    features = frame[features_of(frame)]
    treated, label = (frame[name].to_numpy(float) for name in (TREATED, "label"))
    agreeing = (treated == label).astype(float)
    weights = 0.5 / np.where(treated == 1, chance, 1 - chance)
    return UpliftModel(
        _fitted(candidate, features[treated == 1], label[treated == 1]),
        _fitted(candidate, features[treated == 0], label[treated == 0]),
        _fitted(candidate, features, agreeing, weights),
    )


def cross_fit(frame: pd.DataFrame, chance: Numbers, learning: Learning, seed: int) -> Forecasts:
    """Return forecasts of every row by models that saw nobody of its fold."""
    count = len(frame)
    treated, control, fold = np.empty(count), np.empty(count), np.empty(count, np.int64)
    uplift: dict[Estimator, Numbers] = {name: np.empty(count) for name in ESTIMATORS}
    for number, (known, left) in enumerate(folds(frame, learning.folds, seed)):
        found = fit(frame.iloc[known], chance[known], learning, seed).forecast(frame.iloc[left])
        treated[left], control[left], fold[left] = found.treated, found.control, number
        for name in ESTIMATORS:
            uplift[name][left] = found.uplift[name]
    return Forecasts(treated, control, uplift, fold)


def folds(frame: pd.DataFrame, count: int, seed: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return *count* folds of people, with about as many of each arm and outcome in each."""
    from sklearn.model_selection import StratifiedGroupKFold

    kind = 2 * frame[TREATED].to_numpy(int) + frame["label"].to_numpy(int)
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    return list(splitter.split(frame, kind, frame["entity_id"]))


def within_folds(values: Numbers, fold: NDArray[np.int64]) -> Numbers:
    """Return each row's place among its fold, 0 to 1: the levels of different models are not compared."""
    from scipy.stats import rankdata

    found = np.empty(len(values))
    for number in np.unique(fold):
        mine = fold == number
        found[mine] = (rankdata(values[mine]) - 0.5) / np.count_nonzero(mine)
    return found


def check(frame: pd.DataFrame, chance: float | str | None) -> None:
    """Raise `InvalidInput` for a frame that is no experiment, naming the column and what is wrong with it."""
    for name in ("entity_id", "label", TREATED, *([chance] if isinstance(chance, str) else [])):
        if name not in frame.columns:
            raise InvalidInput(f"the frame of the experiment has no column {name!r}")
    for name in ("label", TREATED):
        odd = frame[name][~frame[name].isin([0, 1])]
        if len(odd):
            raise InvalidInput(f"the column {name} holds {odd.iloc[0]} in {len(odd):,} rows; wanted is 0 or 1")
    for arm, told in ((1, "treated"), (0, "left alone as control")):
        if not (frame[TREATED] == arm).any():
            raise InvalidInput(f"nobody was {told}, so there is nothing to compare")
    given = frame[chance].to_numpy(float) if isinstance(chance, str) else np.array([0.5 if chance is None else chance])
    if not ((given > 0) & (given < 1)).all():
        raise InvalidInput("the chance of being treated must lie between 0 and 1, without either")


def learnable(frame: pd.DataFrame) -> bool:
    """Whether each arm has enough converters, and others, to learn from."""
    counts = frame.groupby([TREATED, "label"])["entity_id"].nunique()
    return len(counts) == 4 and bool(counts.min() >= LEAST)


def estimated_chance(frame: pd.DataFrame, count: int, seed: int) -> Numbers:
    """Return each row's chance of having been treated, as far as the features tell: out of its fold."""
    from limbeck.propensity.candidates import logistic

    features, treated, found = frame[features_of(frame)], frame[TREATED].to_numpy(float), np.empty(len(frame))
    for known, left in folds(frame, count, seed):
        model = logistic(features.iloc[known], C=0.1).fit(features.iloc[known], treated[known])
        found[left] = model.predict_proba(features.iloc[left])[:, 1]
    return np.clip(found, CERTAIN, 1 - CERTAIN)


def _candidate(learning: Learning, seed: int) -> Candidate:
    (found,) = candidates([learning.candidate], seed, lambda _: None)
    return found


def _fitted(candidate: Candidate, inputs: pd.DataFrame, labels: Numbers, weights: Numbers | None = None) -> Pipeline:
    model = candidate.build(inputs, **candidate.settings[len(candidate.settings) // 2])
    told = {} if weights is None else {f"{model.steps[-1][0]}__sample_weight": weights}
    return model.fit(inputs, labels.astype(int), **told)

"""From a training set to a model: candidates are tuned, one is chosen and calibrated, and fitted on everything.

What judges them are forecasts of rows that they did not learn from (`splits`). No row is weighed or left out because
its outcome is rare: that would give other probabilities than those of the people who are asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from limbeck.errors import InvalidInput
from limbeck.propensity import calibrate, evaluate, frames, small
from limbeck.propensity.candidates import Candidate, blamed, candidates
from limbeck.propensity.evaluate import Measure, Numbers
from limbeck.propensity.search import search
from limbeck.propensity.splits import Fold, LabelEnd, Splits, splits
from limbeck.propensity.usable import usable

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.base import ClassifierMixin
    from sklearn.pipeline import Pipeline

DIGITS = 12
"""Of a probability: those beyond depend on the rows beside it."""


@dataclass(frozen=True, slots=True)
class Modelling:
    """How a model is found."""

    candidates: tuple[str, ...] = ("logistic", "lightgbm")
    """Names of `candidates.NAMES`, or `package.module:factory`."""
    folds: int = 5
    trials: int = 0
    """Settings that Optuna draws for each candidate, beside those that it comes with."""
    calibration: str = "auto"
    """One of `calibrate.METHODS`, or `auto`: whichever does best."""

    def __post_init__(self) -> None:
        """Raise `InvalidInput` for what is none."""
        methods = ("auto", *calibrate.METHODS)
        for name, right, wanted in (
            ("candidates", bool(self.candidates) and not isinstance(self.candidates, str), "a tuple of names"),
            ("folds", self.folds >= 2, "2 or more"),
            ("trials", self.trials >= 0, "0 or more"),
            ("calibration", self.calibration in methods, f"one of {', '.join(methods)}"),
        ):
            if not right:
                raise InvalidInput(f"{name} is {getattr(self, name)!r}; wanted is {wanted}")


@dataclass(frozen=True, slots=True)
class Tuned:
    """A candidate with the settings that the folds preferred."""

    candidate: Candidate
    settings: Mapping[str, Any]
    roc_auc: float
    """Mean over the folds."""
    forecasts: Sequence[Numbers]
    """Of the rows that judge, fold by fold."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """The chosen model, fitted on the whole training set, and what is known of the choice."""

    model: ClassifierMixin
    """Over the features as they are: a pipeline, or a calibrator around one; of scikit-learn's and LightGBM's classes
    only, unless the candidate is the user's own."""
    champion: Tuned
    tuned: Sequence[Tuned]
    method: calibrate.Method
    """How it was calibrated."""
    validation: pd.DataFrame
    """The champion's forecasts of rows that it did not learn from, calibrated by other people's outcomes: `entity_id`,
    `cutoff`, `label`, `fold`, `raw` and `probability`."""
    told: Mapping[str, Any]
    """`candidates`, `champion`, `validation` and `calibration`, as JSON has them."""

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline inside the model."""
        return calibrate.pipeline_of(self.model)


def fit(
    known: pd.DataFrame,
    how: Modelling,
    seed: int,
    tell: Callable[[str], None],
    label_end: LabelEnd | None = None,
) -> Fitted:
    """Return the model that *how* finds for the training set *known*: its keys, 0 or 1 as `label`, and features.

    *label_end* tells when the label of a cutoff is known: then later cutoffs judge, as far as there are such. *tell*
    hears what is done otherwise than asked. Raise `InvalidInput` for a set that nothing can be learnt from (`usable`),
    if too few people reach the goal, and for candidates that there are not, or that fail.
    """
    from threadpoolctl import threadpool_limits

    known = usable(known)
    asked = _asked(known, how, seed, tell)
    with threadpool_limits(frames.threads(known)):
        found = splits(known, how.folds, seed, label_end)
        tuned = [tune(known, candidate, found.folds, how.trials, seed) for candidate in asked]
        champion, behind = _choose(known, tuned, found.folds)
        with blamed(champion.candidate.name):
            pipeline = champion.candidate.build(known, **champion.settings).fit(inputs_of(known), known["label"])
        validation = _validation(known, champion, found)
        method, losses = _method(how.calibration, validation)
        model = _calibrated(pipeline, method, known, validation)
    told = {
        "candidates": {t.candidate.name: _told(t, behind[t.candidate.name]) for t in tuned},
        "champion": champion.candidate.name,
        "validation": {"in_time": found.in_time, "folds": len(found.folds), "rows": len(validation)},
        "calibration": {"method": method, "log_loss": losses},
    }
    return Fitted(model, champion, tuned, method, validation, told)


def _asked(known: pd.DataFrame, how: Modelling, seed: int, tell: Callable[[str], None]) -> tuple[Candidate, ...]:
    named = tuple(candidates(how.candidates, seed, tell))
    converters = int(known.loc[known["label"] == 1, "entity_id"].nunique())
    found = small.cautious(named, converters)
    if found != named:
        tell(
            f"only {converters} people reach the goal in the training set: a strongly regularised logistic regression "
            f"is fitted, and nothing else is tried below {small.FEW}"
        )
    return found


# -- tuning -------------------------------------------------------------------------------------------------------


def tune(known: pd.DataFrame, candidate: Candidate, folds: Sequence[Fold], trials: int = 0, seed: int = 0) -> Tuned:
    """Return *candidate* with the settings of the best mean ROC-AUC over *folds*, its own and *trials* drawn ones."""
    from sklearn.metrics import roc_auc_score

    with blamed(candidate.name):
        parts = [_Part(known, candidate, fold) for fold in folds]
    outcomes = [known["label"].to_numpy()[judged] for _, judged in folds]
    best: Tuned | None = None

    def score(settings: Mapping[str, Any]) -> float:
        nonlocal best
        found = [part.forecast(settings) for part in parts]
        area = float(np.mean([roc_auc_score(o, f) for o, f in zip(outcomes, found, strict=True)]))
        if best is None or area > best.roc_auc:
            best = Tuned(candidate, settings, area, found)
        return area

    if trials:
        search(candidate, score, trials, seed)
    if best is None:
        for settings in candidate.settings:
            score(settings)
    assert best is not None
    return best


class _Part:
    """A fold, with what precedes the last step of a candidate's pipeline fitted once for all settings."""

    def __init__(self, known: pd.DataFrame, candidate: Candidate, fold: Fold) -> None:
        inputs, (fit, judged) = inputs_of(known), fold
        self._known, self._candidate = known, candidate
        self._labels = known["label"].iloc[fit]
        self._learnt, self._asked = inputs.iloc[fit], inputs.iloc[judged]
        *before, _ = candidate.build(known, **candidate.settings[0])
        for step in before:
            self._learnt = step.fit_transform(self._learnt, self._labels)
            self._asked = step.transform(self._asked)

    def forecast(self, settings: Mapping[str, Any]) -> Numbers:
        """Return the forecast of the rows that judge; raise `InvalidInput` if it is no probabilities."""
        with blamed(self._candidate.name):
            model = self._candidate.build(self._known, **settings)[-1].fit(self._learnt, self._labels)
            found: Numbers = model.predict_proba(self._asked)[:, 1].round(DIGITS)
        if not ((found >= 0) & (found <= 1)).all():
            raise InvalidInput(f"the candidate {self._candidate.name!r} forecasts what is no probability from 0 to 1")
        return found


def _choose(known: pd.DataFrame, tuned: Sequence[Tuned], folds: Sequence[Fold]) -> tuple[Tuned, Mapping[str, Measure]]:
    """Return the plainest candidate that is not worse than the best by more than a standard error, and the distances.

    That is the rule of Breiman et al. (1984); the error is that of the difference of two areas over the same people
    (DeLong, DeLong and Clarke-Pearson 1988).
    """
    labels = [known["label"].to_numpy(float)[judged] for _, judged in folds]
    placed = {t.candidate.name: _placements(labels, t.forecasts) for t in tuned}
    best, together = max(tuned, key=lambda t: t.roc_auc), np.concatenate(labels)
    behind = {name: evaluate.loss(together, placed[best.candidate.name], one) for name, one in placed.items()}
    near = [t for t in tuned if _within_error(behind[t.candidate.name])]
    return min(near, key=lambda t: (t.candidate.plainness, -t.roc_auc)), behind


def _placements(labels: Sequence[Numbers], forecasts: Sequence[Numbers]) -> Numbers:
    """Return the placements of each fold's rows among that fold's: folds have models of their own."""
    return np.concatenate([evaluate.placements(o, f) for o, f in zip(labels, forecasts, strict=True)])


def _within_error(behind: Measure) -> bool:
    return behind["value"] <= (behind["high"] - behind["value"]) / 1.96


def _told(tuned: Tuned, behind: Measure) -> dict[str, Any]:
    return {"cv_roc_auc": tuned.roc_auc, "settings": dict(tuned.settings), "behind": dict(behind)}


# -- calibration --------------------------------------------------------------------------------------------------


def _validation(known: pd.DataFrame, champion: Tuned, found: Splits) -> pd.DataFrame:
    import pandas as pd

    parts = [
        known[["entity_id", "cutoff", "label"]].iloc[judged].assign(fold=number, raw=forecast)
        for number, ((_, judged), forecast) in enumerate(zip(found.folds, champion.forecasts, strict=True))
    ]
    return pd.concat(parts, ignore_index=True)


def _method(asked: str, validation: pd.DataFrame) -> tuple[calibrate.Method, Mapping[str, float]]:
    """Return the calibration that was *asked* for, and what was found of all."""
    labels, people = validation["label"].to_numpy(float), validation["entity_id"].to_numpy()
    folds = validation["fold"].to_numpy()
    best, losses = calibrate.choose(labels, validation["raw"].to_numpy(), people, folds)
    chosen = next((method for method in calibrate.METHODS if method == asked), best)
    return chosen, losses


def _calibrated(
    pipeline: Pipeline, method: calibrate.Method, known: pd.DataFrame, validation: pd.DataFrame
) -> ClassifierMixin:
    labels, raw = validation["label"].to_numpy(float), validation["raw"].to_numpy()
    validation["probability"] = calibrate.by_others(method, labels, raw, validation["entity_id"].to_numpy())
    if method == "none":
        return pipeline
    taught = calibrate.calibrator(method, labels, raw)
    return calibrate.calibrated(pipeline, taught, inputs_of(known), known["label"])


# -- forecasts ----------------------------------------------------------------------------------------------------


def probability(model: Any, frame: pd.DataFrame) -> Numbers:
    """Return the forecast probability of each row, rounded. The frame may be of somebody's own."""
    return forecast(model, inputs_of(frames.plain(frame)))


def forecast(model: Any, inputs: pd.DataFrame) -> Numbers:
    """Return the forecast probability of each row of features alone, as `frames.of` makes them, rounded."""
    found: Numbers = model.predict_proba(inputs)[:, 1].round(DIGITS)
    return found


def inputs_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the features alone."""
    return frame[frames.features_of(frame)]

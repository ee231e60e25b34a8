"""Step 4: tune and choose on the training cutoffs, then judge the choice once, on a cutoff later than all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import InvalidInput
from limbeck.propensity import candidates, evaluate, frames
from limbeck.propensity.candidates import Candidate
from limbeck.workflow.definition import ModelPart

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

SUSPICIOUS = 0.95
"""A single feature that separates the outcomes this well knows them: honest ones rarely reach 0.8."""

FREQUENT = 10
"""Rows that a text stands in to count by itself in the search for leaks."""

DIGITS = 12
"""Of a probability: those beyond depend on the rows beside it."""

SHUFFLES = 3
"""How often a feature is shuffled to see what it is worth."""

WITNESSES = 3000
"""People of each outcome, at most, among whom features are shuffled: ROC-AUC does not depend on how many there are."""


Rows = NDArray[np.int64]
"""Numbers of rows."""
Fold = tuple[Rows, Rows]
"""The rows that a model is fitted on, and those that judge it."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """A candidate with the settings that cross-validation preferred."""

    candidate: Candidate
    settings: Mapping[str, Any]
    roc_auc: float
    """Mean over the folds of the training set."""


@dataclass(frozen=True, slots=True)
class Trained:
    """The chosen model, fitted on the whole training set, and what is known of it."""

    model: Pipeline
    champion: Tuned
    evaluation: Mapping[str, Any]
    """`test`, `baselines`, `candidates`, `champion`, `base_rate`, `resamples`, `curves`, `by_share` and `importance`,
    as JSON has them."""


def train(
    train_files: Sequence[Path],
    test_files: Sequence[Path],
    part: ModelPart,
    seed: int,
    tell: Callable[[str], None],
) -> Trained:
    """Choose among the candidates of *part* by cross-validation over people, and evaluate the choice on the test set.

    A person's rows of several cutoffs are always in the same fold. The test set decides nothing. Raise `InvalidInput`
    if there are too few converters, and if a feature by itself tells the outcome: it knows what it cannot know.
    """
    from threadpoolctl import threadpool_limits

    known, later = frames.read(train_files), frames.read(test_files)
    for name, frame, least in (("training", known, 2), ("test", later, 1)):
        _check_outcomes(name, frame, least)
    _refuse_leaks(known)
    with threadpool_limits(frames.threads(known)):
        parts = folds(known, part.folds, seed)
        found = [tune(known, candidate, parts) for candidate in candidates.candidates(part.candidates, seed, tell)]
        champion = max(found, key=lambda tuned: tuned.roc_auc)
        model = champion.candidate.build(known, **champion.settings).fit(_inputs(known), known["label"])
        return Trained(model, champion, _evaluation(model, champion, found, known, later, part, seed))


def tune(known: pd.DataFrame, candidate: Candidate, parts: Sequence[Fold]) -> Tuned:
    """Return the settings of *candidate* with the best mean ROC-AUC over the folds *parts*."""
    scores = np.mean([_fold_scores(known, candidate, *part) for part in parts], axis=0)
    best = int(np.argmax(scores))
    return Tuned(candidate, candidate.settings[best], float(scores[best]))


def suspicious_features(known: pd.DataFrame) -> dict[str, float]:
    """Return the features that alone separate the outcomes better than `SUSPICIOUS`, with their ROC-AUC."""
    labels, numbers = known["label"].to_numpy(float), frames.numbers_of(known)
    values = {n: known[n] if n in numbers else _rates(known[n], known["label"]) for n in frames.features_of(known)}
    found = {n: evaluate.separation(labels, column.to_numpy(float)) for n, column in values.items()}
    return {name: area for name, area in found.items() if area >= SUSPICIOUS}


def _rates(texts: pd.Series[Any], labels: pd.Series[Any]) -> pd.Series[Any]:
    """Return, for each text, the conversion rate of its frequent values; the rare ones are taken together."""
    known = texts.fillna("\0")
    frequent = known.where(known.map(known.value_counts()) >= FREQUENT, "\1")
    return frequent.map(labels.groupby(frequent).mean())


def _check_outcomes(name: str, frame: pd.DataFrame, least: int) -> None:
    converters = frame.loc[frame["label"] == 1, "entity_id"].nunique()
    if len(frame) and frame["label"].min() == 1:
        raise InvalidInput(f"everybody reaches the goal in the {name} set; with one outcome there is nothing to learn")
    if converters < least:
        told = f"{converters} {'person reaches' if converters == 1 else 'people reach'} the goal in the {name} set"
        raise InvalidInput(f"{told}; at least {least} must. Widen goal.within, or choose other cutoffs")


def _refuse_leaks(known: pd.DataFrame) -> None:
    if found := suspicious_features(known):
        told = ", ".join(f"{name} (ROC-AUC {area:.3f})" for name, area in found.items())
        raise InvalidInput(
            f"suspicious features: {told}. By itself each tells the outcome, so it probably knows what happened "
            "after the cutoff; take it out, or compute it from what was known before",
            features=sorted(found),
        )


def folds(known: pd.DataFrame, count: int, seed: int) -> list[Fold]:
    """Return up to *count* folds of people, with about as many converters in each.

    A fold without both outcomes is left out; raise `InvalidInput` if none is left.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    converters = known.loc[known["label"] == 1, "entity_id"].nunique()
    splitter = StratifiedGroupKFold(min(count, converters), shuffle=True, random_state=seed)
    parts = list(splitter.split(known, known["label"], known["entity_id"]))
    usable = [p for p in parts if all(known["label"].iloc[side].nunique() == 2 for side in p)]
    if not usable:
        raise InvalidInput("too few people reach the goal to compare models; widen goal.within or add cutoffs")
    return usable


def _fold_scores(known: pd.DataFrame, candidate: Candidate, fit: Rows, rest: Rows) -> list[float]:
    """Return the ROC-AUC of each of the candidate's settings; what precedes the last step is fitted once for all."""
    from sklearn.metrics import roc_auc_score

    inputs, labels = _inputs(known), known["label"]
    learnt, asked = inputs.iloc[fit], inputs.iloc[rest]
    *before, _ = candidate.build(known, **candidate.settings[0])
    for step in before:
        learnt, asked = step.fit_transform(learnt), step.transform(asked)
    found = []
    for settings in candidate.settings:
        model = candidate.build(known, **settings)[-1].fit(learnt, labels.iloc[fit])
        forecast = model.predict_proba(asked)[:, 1].round(DIGITS)
        found.append(float(roc_auc_score(labels.iloc[rest], forecast)))
    return found


def probability(model: Pipeline, frame: pd.DataFrame) -> evaluate.Numbers:
    """Return the forecast probability of each row, rounded."""
    found: evaluate.Numbers = model.predict_proba(_inputs(frame))[:, 1].round(DIGITS)
    return found


def _inputs(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frames.features_of(frame)]


# -- evaluation ---------------------------------------------------------------------------------------------------


def _evaluation(
    model: Pipeline,
    champion: Tuned,
    found: Sequence[Tuned],
    known: pd.DataFrame,
    later: pd.DataFrame,
    part: ModelPart,
    seed: int,
) -> dict[str, Any]:
    people, labels = later["entity_id"].to_numpy(), later["label"].to_numpy(float)
    scores = {"model": probability(model, later)}
    scores |= {name: _baseline(columns, known, later) for name, columns in _baselines(part).items()}
    measures = evaluate.compare(people, labels, scores, part.resamples, seed)
    return {
        "test": measures.pop("model"),
        "baselines": measures,
        "candidates": {t.candidate.name: {"cv_roc_auc": t.roc_auc, "settings": dict(t.settings)} for t in found},
        "champion": champion.candidate.name,
        "base_rate": float(labels.mean()),
        "resamples": part.resamples,
        "curves": {n: evaluate.curves(labels, s, probabilities=n == "model") for n, s in scores.items()},
        "by_share": evaluate.by_share(people, labels, scores["model"], part.resamples, seed),
        "importance": _importance(model, later, seed),
    }


def _baselines(part: ModelPart) -> dict[str, list[str]]:
    return {"rule": [part.rule], "rfm": list(part.rfm)}


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


def _importance(model: Pipeline, later: pd.DataFrame, seed: int) -> list[dict[str, Any]]:
    """Return what ROC-AUC loses when a feature of the test set is shuffled (`value`, `low`, `high`), largest first.

    Of each outcome at most `WITNESSES` people are asked; the interval says what that costs.
    """
    draw = np.random.default_rng(seed)
    sample = later.iloc[_witnesses(later["label"].to_numpy(), draw)]
    labels, inputs = sample["label"].to_numpy(float), _inputs(sample)
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

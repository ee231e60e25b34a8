"""Step 4: tune and choose on the training cutoffs, then judge the choice once, on a cutoff later than all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from limbeck.errors import InvalidInput
from limbeck.workflow import evaluate, models
from limbeck.workflow.definition import ModelPart
from limbeck.workflow.models import Candidate

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

SUSPICIOUS = 0.95
"""A single feature that separates the outcomes this well knows them: honest ones rarely reach 0.8."""

FREQUENT = 10
"""Rows that a text stands in to count by itself in the search for leaks."""

SHUFFLES = 3
"""How often a feature is shuffled to see what it is worth."""


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

    known, later = models.read(train_files), models.read(test_files)
    for name, frame, least in (("training", known, 2), ("test", later, 1)):
        _check_outcomes(name, frame, least)
    _refuse_leaks(known)
    with threadpool_limits(models.threads(known)):
        found = [tune(known, c, part.folds, seed) for c in models.candidates(part.candidates, seed, tell)]
        champion = max(found, key=lambda tuned: tuned.roc_auc)
        model = champion.candidate.build(known, **champion.settings).fit(_inputs(known), known["label"])
        return Trained(model, champion, _evaluation(model, champion, found, known, later, part, seed))


def tune(known: pd.DataFrame, candidate: Candidate, folds: int, seed: int) -> Tuned:
    """Return the settings of *candidate* with the best mean ROC-AUC over *folds* folds of people."""
    parts = _folds(known, folds, seed)
    scores = [np.mean([_fold_score(known, candidate, s, *part) for part in parts]) for s in candidate.settings]
    best = int(np.argmax(scores))
    return Tuned(candidate, candidate.settings[best], float(scores[best]))


def suspicious_features(known: pd.DataFrame) -> dict[str, float]:
    """Return the features that alone separate the outcomes better than `SUSPICIOUS`, with their ROC-AUC."""
    labels, numbers = known["label"].to_numpy(float), models.numbers_of(known)
    values = {n: known[n] if n in numbers else _rates(known[n], known["label"]) for n in models.features_of(known)}
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


def _folds(known: pd.DataFrame, folds: int, seed: int) -> list[tuple[Any, Any]]:
    from sklearn.model_selection import StratifiedGroupKFold

    converters = known.loc[known["label"] == 1, "entity_id"].nunique()
    splitter = StratifiedGroupKFold(min(folds, converters), shuffle=True, random_state=seed)
    parts = list(splitter.split(known, known["label"], known["entity_id"]))
    usable = [p for p in parts if all(known["label"].iloc[side].nunique() == 2 for side in p)]
    if not usable:
        raise InvalidInput("too few people reach the goal to compare models; widen goal.within or add cutoffs")
    return usable


def _fold_score(known: pd.DataFrame, candidate: Candidate, settings: Mapping[str, Any], fit: Any, rest: Any) -> float:
    from sklearn.metrics import roc_auc_score

    model = candidate.build(known, **settings).fit(_inputs(known.iloc[fit]), known["label"].iloc[fit])
    return float(roc_auc_score(known["label"].iloc[rest], probability(model, known.iloc[rest])))


def probability(model: Pipeline, frame: pd.DataFrame) -> evaluate.Numbers:
    """Return the forecast probability of each row, rounded: its last digits depend on the rows beside it."""
    found: evaluate.Numbers = model.predict_proba(_inputs(frame))[:, 1].round(12)
    return found


def _inputs(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[models.features_of(frame)]


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
    measures = {n: evaluate.evaluate(people, labels, s, part.resamples, seed) for n, s in scores.items()}
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
    model = make_pipeline(models.columns(known[list(columns)], numbers), StandardScaler(), LogisticRegression())
    model.fit(known[list(columns)], known["label"])
    found: evaluate.Numbers = model.predict_proba(later[list(columns)])[:, 1]
    return found


def _importance(model: Pipeline, later: pd.DataFrame, seed: int) -> list[dict[str, Any]]:
    """Return what ROC-AUC loses when a feature of the test set is shuffled, largest loss first."""
    from sklearn.inspection import permutation_importance

    inputs = _inputs(later)
    lost = permutation_importance(
        model, inputs, later["label"], scoring="roc_auc", n_repeats=SHUFFLES, random_state=seed
    ).importances_mean
    order = np.argsort(-lost, kind="stable")
    return [{"feature": inputs.columns[i], "value": float(lost[i])} for i in order]

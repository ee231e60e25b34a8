"""Making scores into probabilities, by what came of out-of-fold forecasts (Platt 1999; Zadrozny and Elkan 2002).

The result is made of scikit-learn's classes only, so that it loads where Limbeck is not installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from limbeck.propensity.evaluate import Numbers

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.base import ClassifierMixin
    from sklearn.pipeline import Pipeline

Method = Literal["none", "sigmoid", "isotonic"]
METHODS: tuple[Method, ...] = ("none", "sigmoid", "isotonic")

EDGE = 1e-6
"""How near to 0 and 1 a probability comes."""
STEPS_NEED = (1000, 100)
"""Forecasts, and converters among them, from which on isotonic regression is tried: it follows whatever there is."""
PARTS = 5
ORDER = 0.01
"""ROC-AUC that a method may cost at most."""


def choose(
    labels: Numbers, forecasts: Numbers, people: NDArray[Any], folds: NDArray[Any] | None = None
) -> tuple[Method, Mapping[str, float]]:
    """Return the method whose forecasts have the least log loss, and the log loss of each that was tried.

    Each is fitted on some people and judged on others. A method that does more is taken only if it is better by more
    than one standard error of the difference, and keeps the order of people within each of the *folds*: where rates
    move much from one to the next, forecasts of all taken together may have none.
    """
    tried = ["none", "sigmoid"]
    if len(labels) >= STEPS_NEED[0] and STEPS_NEED[1] <= labels.sum() <= len(labels) - STEPS_NEED[1]:
        tried.append("isotonic")
    found = {method: by_others(method, labels, forecasts, people) for method in METHODS if method in tried}
    losses = {method: _losses(labels, mended) for method, mended in found.items()}
    apart = np.zeros(len(labels)) if folds is None else folds
    area, best = _area(labels, forecasts, apart), METHODS[0]
    for method, loss in losses.items():
        gain = losses[best] - loss
        better = gain.mean() > gain.std() / np.sqrt(len(gain))
        if better and area - _area(labels, found[method], apart) <= ORDER:
            best = method
    return best, {method: float(loss.mean()) for method, loss in losses.items()}


def _losses(labels: Numbers, forecasts: Numbers) -> Numbers:
    found = np.clip(forecasts, EDGE, 1 - EDGE)
    loss: Numbers = -(labels * np.log(found) + (1 - labels) * np.log(1 - found))
    return loss


def _area(labels: Numbers, forecasts: Numbers, folds: NDArray[Any]) -> float:
    """Return the mean ROC-AUC within the folds."""
    from sklearn.metrics import roc_auc_score

    return float(np.mean([roc_auc_score(labels[folds == fold], forecasts[folds == fold]) for fold in np.unique(folds)]))


def by_others(method: Method, labels: Numbers, forecasts: Numbers, people: NDArray[Any]) -> Numbers:
    """Return the probability of each forecast by *method*, which other people's outcomes taught."""
    from sklearn.model_selection import GroupKFold

    found = np.array(forecasts, float)
    if method != "none":
        for rest, asked in GroupKFold(min(PARTS, len(np.unique(people)))).split(forecasts, labels, people):
            if 0 < labels[rest].sum() < len(rest):
                taught = calibrator(method, labels[rest], forecasts[rest])
                found[asked] = taught.predict_proba(forecasts[asked, None])[:, 1]
    return found


def calibrator(method: Method, labels: Numbers, forecasts: Numbers) -> Any:
    """Return a classifier that was taught what forecasts, its only column, come true how often."""
    from scipy.special import logit
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    edges = FunctionTransformer(np.clip, kw_args={"a_min": EDGE, "a_max": 1 - EDGE})
    line = make_pipeline(edges, FunctionTransformer(logit), LogisticRegression(C=1e6))
    line.fit(forecasts[:, None], labels)
    if method == "sigmoid":
        return line
    return CalibratedClassifierCV(FrozenEstimator(line), method="isotonic").fit(forecasts[:, None], labels)


def calibrated(pipeline: Pipeline, taught: Any, inputs: pd.DataFrame, labels: pd.Series[Any]) -> ClassifierMixin:
    """Return the classifier that gives the forecasts of *pipeline* to the calibrator *taught*; both stay the same."""
    from sklearn.ensemble import StackingClassifier
    from sklearn.frozen import FrozenEstimator

    whole = StackingClassifier(
        [("model", pipeline)], FrozenEstimator(taught), cv="prefit", stack_method="predict_proba"
    )
    return whole.fit(*_both_outcomes(inputs, labels))


def _both_outcomes(inputs: pd.DataFrame, labels: pd.Series[Any]) -> Sequence[Any]:
    """Return one row of each outcome: nothing is learnt from them but what outcomes there are."""
    rows = [int(np.flatnonzero(labels.to_numpy() == outcome)[0]) for outcome in (0, 1)]
    return inputs.iloc[rows], labels.iloc[rows]


def pipeline_of(model: Any) -> Pipeline:
    """Return the pipeline inside a model, calibrated or not."""
    return model.named_estimators_["model"] if hasattr(model, "named_estimators_") else model

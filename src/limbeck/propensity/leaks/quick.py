"""A quick model of several features, as probes need many: gradient boosting with few trees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from limbeck.propensity.leaks.findings import FOLDS, Codes, Evidence, Numbers

if TYPE_CHECKING:
    import pandas as pd

ROWS = 20_000
"""Rows that a model is fitted on at most."""


def fitted(evidence: Evidence, names: Sequence[str]) -> Callable[[pd.DataFrame], Numbers]:
    """Return the forecast of a model of the features *names*, fitted on the training set."""
    coded = coder(evidence.known, names, evidence.numeric)
    return _fit(coded, evidence.known, evidence.labels, evidence.seed)


def across(frame: pd.DataFrame, names: Sequence[str], evidence: Evidence, labels: NDArray[Any], fold: Codes) -> Numbers:
    """Return the forecast of each row of *frame* by a model that was fitted on the other folds."""
    coded, found = coder(frame, names, evidence.numeric), np.empty(len(frame))
    for part in range(FOLDS):
        asked = fold == part
        found[asked] = _fit(coded, frame[~asked], labels[~asked], evidence.seed)(frame[asked])
    return found


def coder(frame: pd.DataFrame, names: Sequence[str], numeric: frozenset[str]) -> Callable[[pd.DataFrame], Numbers]:
    """Return what makes numbers of features: texts by how frequent they are in *frame*."""
    texts = {
        name: {text: n for n, text in enumerate(frame[name].value_counts().index)}
        for name in names
        if name not in numeric
    }

    def coded(rows: pd.DataFrame) -> Numbers:
        columns: list[Any] = [rows[n].map(texts[n]) if n in texts else rows[n] for n in names]
        return np.column_stack([column.to_numpy(float) for column in columns])

    return coded


def _fit(
    coded: Callable[[pd.DataFrame], Numbers], frame: pd.DataFrame, labels: NDArray[Any], seed: int
) -> Callable[[pd.DataFrame], Numbers]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    if len(frame) > ROWS:
        chosen = np.random.default_rng(seed).choice(len(frame), ROWS, replace=False)
        frame, labels = frame.iloc[chosen], labels[chosen]
    rate = float(labels.mean())
    if rate in (0.0, 1.0):
        return lambda rows: np.full(len(rows), rate)
    model = HistGradientBoostingClassifier(
        max_iter=50, max_leaf_nodes=15, min_samples_leaf=20, early_stopping=False, random_state=seed
    ).fit(coded(frame), labels)
    return lambda rows: np.asarray(model.predict_proba(coded(rows))[:, 1])

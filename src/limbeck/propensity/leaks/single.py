"""One feature as a forecast: the conversion rate of each of its values, or ranges of values, in the training set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from limbeck.propensity.leaks.findings import FOLDS, Codes, Evidence, Numbers, area

if TYPE_CHECKING:
    import pandas as pd

RANGES = 20
"""Ranges of a number, with as many rows in each."""
FREQUENT = 10
"""Rows that a text stands in to count by itself."""
CAUTION = 10.0
"""Rows of the base rate that are added to each value: few rows do not say much."""
MISSING = 0
"""The code of what is missing."""


@dataclass(frozen=True, slots=True)
class Single:
    """What a feature forecasts by itself."""

    name: str
    edges: Numbers | None
    """Between the ranges of a number; None for a text."""
    texts: tuple[Any, ...]
    """The texts that count by themselves."""
    rates: Numbers
    """The conversion rate of each code."""
    counts: Codes
    """The rows of each code in the training set."""
    converted: Codes
    """How many of them reach the goal."""
    roc_auc: float
    """Across folds of people, whatever way the feature points."""

    def codes(self, values: pd.Series[Any]) -> Codes:
        """Return the code of each value: `MISSING`, that of its range or text, or the last one for other texts."""
        return _codes(values, self.edges, self.texts)

    def forecast(self, frame: pd.DataFrame) -> Numbers:
        """Return the rate of each row's value."""
        found: Numbers = self.rates[self.codes(frame[self.name])]
        return found


def single(evidence: Evidence, name: str) -> Single:
    """Return the forecast by one feature."""
    values, labels = evidence.known[name], evidence.labels
    edges = _edges(values) if name in evidence.numeric else None
    texts = () if edges is not None else _frequent(values)
    codes = _codes(values, edges, texts)
    size = (len(edges) if edges is not None else len(texts)) + 2
    across = np.empty(len(labels))
    for part in range(FOLDS):
        asked = evidence.fold == part
        across[asked] = _rates(codes[~asked], labels[~asked], size)[codes[asked]]
    counts = np.bincount(codes, minlength=size)
    converted = np.bincount(codes, labels, minlength=size).astype(int)
    return Single(name, edges, texts, _rates(codes, labels, size), counts, converted, roc_auc=area(labels, across))


def _edges(values: pd.Series[Any]) -> Numbers:
    there = values.dropna().to_numpy(float)
    if not len(there):
        return np.empty(0)
    found: Numbers = np.unique(np.quantile(there, np.linspace(0, 1, RANGES + 1)[1:-1]))
    return found


def _frequent(values: pd.Series[Any]) -> tuple[Any, ...]:
    counts = values.value_counts()
    return tuple(counts.index[counts >= FREQUENT])


def _codes(values: pd.Series[Any], edges: Numbers | None, texts: tuple[Any, ...]) -> Codes:
    if edges is None:
        place = {text: n + 1 for n, text in enumerate(texts)}
        found = values.map(place).fillna(len(texts) + 1).to_numpy(int)
    else:
        found = np.searchsorted(edges, values.to_numpy(float), side="right") + 1
        found = np.minimum(found, len(edges) + 1)
    return np.where(values.isna(), MISSING, found)


def _rates(codes: Codes, labels: Numbers, size: int) -> Numbers:
    base = labels.mean() if len(labels) else 0.0
    rows, converted = np.bincount(codes, minlength=size), np.bincount(codes, labels, minlength=size)
    found: Numbers = (converted + CAUTION * base) / (rows + CAUTION)
    return found

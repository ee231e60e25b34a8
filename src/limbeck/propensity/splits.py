"""Which rows judge candidates: later ones where their labels are known in time, other people where they are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd

Rows = NDArray[np.int64]
"""Numbers of rows."""
Fold = tuple[Rows, Rows]
"""The rows that a model is fitted on, and those that judge it."""
LabelEnd = Callable[[datetime], datetime | None]
"""Tells when the label of a cutoff is known."""

LEAST = 10
"""Converters that each side of a fold in time has at least."""
ENOUGH = 30
"""Converters that all folds in time must judge together; with fewer, folds of people say more."""


@dataclass(frozen=True, slots=True)
class Splits:
    """The folds of a training set."""

    folds: tuple[Fold, ...]
    in_time: bool
    """Whether every fold judges by cutoffs at which all labels that it is fitted on were known."""


def splits(known: pd.DataFrame, count: int, seed: int, label_end: LabelEnd | None = None) -> Splits:
    """Return up to *count* folds: in time if the cutoffs and *label_end* give such with enough converters, else people.

    A forecast is always about later than what it learnt from, and folds in time ask for just that. Raise `InvalidInput`
    if no fold has both outcomes on both sides.
    """
    found = in_time(known, count, label_end) if label_end is not None else []
    labels = known["label"].to_numpy()
    if sum(int(labels[judged].sum()) for _, judged in found) >= ENOUGH:
        return Splits(tuple(found), True)
    return Splits(tuple(by_people(known, count, seed)), False)


def in_time(known: pd.DataFrame, count: int, label_end: LabelEnd) -> list[Fold]:
    """Return folds that judge by the next block of cutoffs each, and are fitted on all that was known when it began.

    The first block judges nothing. A fold with fewer than `LEAST` of an outcome on a side is left out.
    """
    moments, row = np.unique(known["cutoff"].to_numpy(), return_inverse=True)
    if len(moments) < 2:
        return []
    ends = np.array([_end(moment, label_end) for moment in moments], "datetime64[ns]")
    blocks = np.array_split(np.arange(len(moments)), min(count + 1, len(moments)))
    labels, found = known["label"].to_numpy(), []
    for block in blocks[1:]:
        judged = np.flatnonzero((row >= block[0]) & (row <= block[-1]))
        fitted = np.flatnonzero(ends[row] <= moments[block[0]])
        if all(LEAST <= labels[side].sum() <= len(side) - LEAST for side in (fitted, judged)):
            found.append((fitted, judged))
    return found


def by_people(known: pd.DataFrame, count: int, seed: int) -> list[Fold]:
    """Return up to *count* folds of people, with about as many converters in each: a person is in one of them only.

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


def _end(moment: np.datetime64, label_end: LabelEnd) -> np.datetime64:
    """Return when the label of a cutoff is known; never, if that is not said."""
    end = label_end(moment.astype("datetime64[us]").item())
    return np.datetime64("NaT") if end is None else np.datetime64(end, "ns")

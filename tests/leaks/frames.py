"""What a case of the corpus is, and how much a frame promises and keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

Numbers = NDArray[np.float64]
KEYS = ("entity_id", "object_id", "cutoff", "label")


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of a forecast: keys, label and features, as a training has them."""

    known: pd.DataFrame
    """The training set."""
    later: pd.DataFrame
    """The test set."""
    honest: pd.DataFrame
    """Rows with labels and the features as they were really known then: what the model will meet."""
    asked: pd.DataFrame | None = None
    """The scoring set, without labels: of the moment up to which the data go."""
    aged: tuple[pd.DataFrame, ...] = ()
    """The rows of the training set with features of one horizon earlier, and of two."""

    @property
    def scoring(self) -> pd.DataFrame:
        """The scoring set of a case that has one."""
        assert self.asked is not None
        return self.asked


@dataclass(frozen=True)
class Case:
    """A planted leak, or something that is none."""

    name: str
    told: str
    """What is wrong with it; of a clean case, why one might take it for a leak."""
    build: Callable[[], Frames]
    features: tuple[str, ...] = ()
    """The features that leak; none where the choice of rows does."""
    real: bool = False
    """Whether it is made from real data."""
    ranks: bool = True
    """Whether the leak shows in the ranking of people; if not, in how many are expected to reach the goal."""

    @cached_property
    def frames(self) -> Frames:
        """The frames, built once."""
        return self.build()


def promised_and_kept(found: Frames) -> tuple[float, float]:
    """Return the ROC-AUC of a model on the test set as it is, and on the rows as they are really met."""
    later, honest = _forecasts(found)
    return float(roc_auc_score(found.later["label"], later)), float(roc_auc_score(found.honest["label"], honest))


def expected_and_met(found: Frames) -> tuple[float, float]:
    """Return which share of the rows that are really met a model expects to reach the goal, and which does."""
    _, honest = _forecasts(found)
    return float(honest.mean()), float(found.honest["label"].mean())


def _forecasts(found: Frames) -> tuple[Numbers, Numbers]:
    shapes = [found.known, found.later, found.honest]
    known, later, honest = _numbers(shapes)
    model = LGBMClassifier(n_estimators=60, num_leaves=15, min_child_samples=20, verbose=-1, n_jobs=1, random_state=1)
    model.fit(known, found.known["label"])
    first, second = (model.predict_proba(numbers)[:, 1] for numbers in (later, honest))
    return first, second


def _numbers(frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the features of frames, texts as flags."""
    features = [c for c in frames[0].columns if c not in KEYS]
    whole = pd.get_dummies(pd.concat([frame[features] for frame in frames], ignore_index=True))
    whole.columns = pd.Index([f"f{n}" for n, _ in enumerate(whole.columns)])
    ends = [int(end) for end in np.cumsum([len(frame) for frame in frames])]
    return [whole.iloc[end - len(frame) : end] for frame, end in zip(frames, ends, strict=True)]

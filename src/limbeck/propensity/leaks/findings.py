"""What a probe looks at, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from limbeck.propensity import frames

if TYPE_CHECKING:
    import pandas as pd

Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]

PEOPLE = 100
"""People with several rows, at least, to say that an attribute never changes."""
CHANGING = 0.005
"""Share of the people whose attribute may differ between their rows."""
FOLDS = 3
"""Of people: no row of a person helps to forecast another row of the same person."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A leak, or what looks so much like one that a person has to look."""

    kind: str
    """The probe: `alone`, `pure`, `echo`, `missing`, `together`, `vanishes`, `today`, `ageing`, `time`, `sides`,
    `twins`, `survivors` or `arrival`."""
    features: tuple[str, ...]
    """The features that leak; none where the choice of rows does."""
    numbers: Mapping[str, float]
    """What was measured."""
    verdict: str
    """What is wrong, with the number, for who knows the business and not the statistics."""
    remedy: str
    """What to do about it."""

    def shown(self) -> dict[str, Any]:
        """Return it as JSON values."""
        whole = {"kind": self.kind, "features": list(self.features), "numbers": dict(self.numbers)}
        return {**whole, "verdict": self.verdict, "remedy": self.remedy}


@dataclass(frozen=True)
class Evidence:
    """The frames of a forecast: what is learnt from, and what can bear witness against it."""

    known: pd.DataFrame
    """The training set."""
    later: pd.DataFrame
    """The test set."""
    asked: pd.DataFrame | None = None
    """The scoring set, without labels. What has not happened yet cannot be in its features."""
    aged: Callable[[], Sequence[pd.DataFrame]] = tuple
    """Gives rows of the training set with the features of one horizon earlier, and of two; asked only if needed."""
    arrived: Callable[[], Mapping[str, pd.DataFrame]] = dict
    """Gives, by columns that may say when a row arrived, rows of the training set without what had not arrived."""
    last: Callable[[], bool] = lambda: True
    """Tells whether the scoring set is of the moment up to which the data go. Then what it shows was known before."""
    seed: int = 0
    names: list[str] = field(init=False)
    """The features."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", frames.features_of(self.known))

    @cached_property
    def numeric(self) -> frozenset[str]:
        """The features that are numbers."""
        return frozenset(frames.numbers_of(self.known))

    @cached_property
    def labels(self) -> Numbers:
        """The outcomes of the training set."""
        return self.known["label"].to_numpy(float)

    @cached_property
    def fold(self) -> Codes:
        """The fold of each row of the training set: all rows of a person have the same."""
        return fold_of(self.known, self.seed)

    @property
    def is_asked(self) -> bool:
        """Whether there is a scoring set with somebody in it."""
        return self.asked is not None and len(self.asked) > 0

    @property
    def scoring(self) -> pd.DataFrame:
        """The scoring set, where there is one."""
        assert self.asked is not None
        return self.asked

    @cached_property
    def both(self) -> pd.DataFrame:
        """The rows of training and test."""
        import pandas as pd

        return pd.concat([self.known, self.later], ignore_index=True)

    @cached_property
    def lasting(self) -> frozenset[str]:
        """The features that are the same in all rows of training and test of nearly everybody, if many have several."""
        several = self.both[self.both["entity_id"].duplicated(keep=False)]
        people = several.groupby("entity_id", sort=False)[self.names]
        if people.ngroups < PEOPLE:
            return frozenset()
        changes = people.nunique(dropna=False).gt(1).mean()
        return frozenset(name for name in self.names if changes[name] <= CHANGING)

    @cached_property
    def personal(self) -> list[str]:
        """The features that differ between the rows of one cutoff: the others are of a season, or of an object."""
        groups = self.known.groupby("cutoff", sort=False)
        if groups.ngroups > len(self.known) / 2:  # a cutoff for each row says nothing about what is shared at one
            return self.names
        return [name for name in self.names if (groups[name].nunique(dropna=False) > 1).any()]


def fold_of(frame: pd.DataFrame, seed: int) -> Codes:
    """Return a fold for each row, the same for all rows of a person."""
    import pandas as pd

    person, people = pd.factorize(frame["entity_id"])
    found: Codes = (np.random.default_rng(seed).permutation(len(people)) % FOLDS)[person]
    return found


def area(labels: NDArray[Any], scores: NDArray[Any]) -> float:
    """Return the ROC-AUC; 0.5 if all have the same outcome."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, scores)) if 0 < labels.sum() < len(labels) else 0.5


def away(test: Numbers, now: Numbers) -> float:
    """Return by how many standard errors the mean forecast of who is asked now differs from that of the test."""
    spread = np.sqrt(np.var(test) / len(test) + np.var(now) / len(now))
    return float(abs(test.mean() - now.mean()) / spread) if spread else 0.0


def listed(names: tuple[str, ...]) -> str:
    """Return names as a sentence has them.

    >>> listed(("a", "b", "c"))
    'a, b and c'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

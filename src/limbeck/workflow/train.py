"""Step 4: tune and choose on the training cutoffs, then judge the choice once, on a cutoff later than all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.errors import InvalidInput
from limbeck.propensity import assess, evaluate, fit, frames
from limbeck.propensity.fit import Tuned
from limbeck.propensity.splits import LabelEnd
from limbeck.workflow.modelling import ModelPart

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.base import ClassifierMixin

SUSPICIOUS = 0.95
"""A single feature that separates the outcomes this well knows them: honest ones rarely reach 0.8."""

FREQUENT = 10
"""Rows that a text stands in to count by itself in the search for leaks."""


@dataclass(frozen=True, slots=True)
class Trained:
    """The chosen model, fitted on the whole training set, and what is known of it."""

    model: ClassifierMixin
    champion: Tuned
    evaluation: Mapping[str, Any]
    """What `assess.assess` gives, as JSON has it."""


def train(
    train_files: Sequence[Path],
    test_files: Sequence[Path],
    part: ModelPart,
    seed: int,
    tell: Callable[[str], None],
    label_end: LabelEnd | None = None,
) -> Trained:
    """Choose among the candidates of *part*, and evaluate the choice on the test set, which decides nothing.

    *label_end* tells when the label of a cutoff is known, *tell* hears what is done otherwise than asked. Raise
    `InvalidInput` if there are too few converters, and if a feature by itself tells the outcome: it knows what it
    cannot know.
    """
    known, later = frames.read(train_files), frames.read(test_files)
    for name, frame, least in (("training", known, 2), ("test", later, 1)):
        _check_outcomes(name, frame, least)
    _refuse_leaks(known)
    fitted = fit.fit(known, part, seed, tell, label_end)
    evaluation = assess.assess(fitted, known, later, part.baselines, part.resamples, seed)
    return Trained(fitted.model, fitted.champion, evaluation)


@dataclass(frozen=True, slots=True)
class Before:
    """A model that was trained before, and what its training found out."""

    model: ClassifierMixin
    told: Mapping[str, Any]

    @property
    def validation(self) -> pd.DataFrame:
        """Nothing: what it forecast in its training is in the document only."""
        import pandas as pd

        return pd.DataFrame(columns=["entity_id", "cutoff", "label", "probability"])


def again(
    before: Before, train_files: Sequence[Path], test_files: Sequence[Path], part: ModelPart, seed: int
) -> dict[str, Any]:
    """Return what a later test set says of a model of before: the document of its training, with the measures anew."""
    known, later = frames.read(train_files), frames.read(test_files)
    found = assess.assess(before, known, later, part.baselines, part.resamples, seed)
    validated = [one for one in before.told["moments"] if one["set"] == "validation"]
    return found | {"moments": [*validated, *found["moments"]]}


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

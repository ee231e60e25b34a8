"""Step 4: tune and choose on the training cutoffs, then judge the choice once, on a cutoff later than all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.errors import InvalidInput
from limbeck.propensity import assess, fit, frames, leaks
from limbeck.propensity.fit import Tuned
from limbeck.propensity.leaks import Finding
from limbeck.propensity.splits import LabelEnd
from limbeck.workflow.modelling import ModelPart

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.base import ClassifierMixin


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What bears witness against a training set, beside it and its test."""

    scoring: Sequence[Path] = ()
    """Files of the scoring set."""
    aged: Callable[[pd.DataFrame], Sequence[pd.DataFrame]] = lambda known: ()
    """Gives the rows of the training set with the features of one horizon earlier, and of two."""
    arrived: Callable[[pd.DataFrame], Mapping[str, pd.DataFrame]] = lambda known: {}
    """Gives, by columns that may say when a row arrived, these rows without what had not."""
    last: Callable[[], bool] = lambda: True
    """Tells whether nothing happened after the scoring cutoff."""


@dataclass(frozen=True, slots=True)
class Trained:
    """The chosen model, fitted on the whole training set, and what is known of it."""

    model: ClassifierMixin
    champion: Tuned
    evaluation: Mapping[str, Any]
    """What `assess.assess` gives, and the `leaks` that were found, as JSON has it."""


def train(
    train_files: Sequence[Path],
    test_files: Sequence[Path],
    part: ModelPart,
    seed: int,
    tell: Callable[[str], None],
    label_end: LabelEnd | None = None,
    witnesses: Witnesses | None = None,
) -> Trained:
    """Choose among the candidates of *part*, and evaluate the choice on the test set, which decides nothing.

    *label_end* tells when the label of a cutoff is known, *tell* hears what is done otherwise than asked. Raise
    `InvalidInput` if there are too few converters, and if something knows the outcome that cannot know it
    (`propensity.leaks`; *witnesses* help to find out), unless the part says otherwise.
    """
    known, later = frames.read(train_files), frames.read(test_files)
    for name, frame, least in (("training", known, 2), ("test", later, 1)):
        _check_outcomes(name, frame, least)
    found = look_for_leaks(known, later, part, seed, tell, witnesses or Witnesses())
    fitted = fit.fit(known, part, seed, tell, label_end)
    evaluation = assess.assess(fitted, known, later, part.baselines, part.resamples, seed)
    told = {**evaluation, "leaks": [one.shown() for one in found]}
    return Trained(fitted.model, fitted.champion, told)


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


def _check_outcomes(name: str, frame: pd.DataFrame, least: int) -> None:
    converters = frame.loc[frame["label"] == 1, "entity_id"].nunique()
    if len(frame) and frame["label"].min() == 1:
        raise InvalidInput(f"everybody reaches the goal in the {name} set; with one outcome there is nothing to learn")
    if converters < least:
        told = f"{converters} {'person reaches' if converters == 1 else 'people reach'} the goal in the {name} set"
        raise InvalidInput(f"{told}; at least {least} must. Widen goal.within, or choose other cutoffs")


def look_for_leaks(
    known: pd.DataFrame,
    later: pd.DataFrame,
    part: ModelPart,
    seed: int,
    tell: Callable[[str], None],
    witnesses: Witnesses,
) -> list[Finding]:
    """Return the leaks that are found, and tell them; raise `InvalidInput` instead if they are to stop the run."""
    if part.leaks == "off":
        return []
    asked = frames.read(witnesses.scoring) if witnesses.scoring else None
    aged, arrived = partial(witnesses.aged, known), partial(witnesses.arrived, known)
    found = leaks.find(leaks.Evidence(known, later, asked, aged, arrived, witnesses.last, seed))
    if part.leaks == "stop":
        leaks.refuse(found)
    for one in found:
        tell(f"leak: {one.verdict}. {one.remedy}")
    return found

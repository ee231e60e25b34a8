"""A task: how it is run, and what others reached on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from limbeck.propensity.evaluate import Measure

MEASURES = ("roc_auc", "pr_auc", "lift_at_10", "brier")


@dataclass(frozen=True)
class Measured:
    """What a run reached: measures with their intervals, and what the model was."""

    values: Mapping[str, Measure]
    chosen: str


@dataclass(frozen=True)
class Task:
    """A data set and its protocol."""

    name: str
    run: Callable[[], Measured]
    anchor: Mapping[str, float]
    """By measure: the better of the untuned models that the data set's protocol was tried with."""
    half: float
    """Half of the 95 % interval of the anchor's measure that it is judged by."""
    published: Mapping[str, str] = field(default_factory=dict)
    judged_by: str = "roc_auc"

    def passed(self, measured: Measured) -> bool:
        """Whether ours is not below the anchor by more than its half-interval."""
        return measured.values[self.judged_by]["value"] >= self.anchor[self.judged_by] - self.half

"""The part of a definition that says how the model is found, and what it is held against (docs/definition.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from limbeck.errors import nearest
from limbeck.propensity.calibrate import METHODS
from limbeck.propensity.candidates import NAMES, OWN
from limbeck.propensity.fit import Modelling
from limbeck.workflow.families import Feature
from limbeck.workflow.toml_text import Table

AUTO = "auto"
LEAKS = ("stop", "warn", "off")


@dataclass(frozen=True, kw_only=True)
class ModelPart(Modelling):
    """How the model is found and judged."""

    resamples: int
    rule: str
    """The feature that alone makes the baseline `rule`."""
    rfm: tuple[str, ...]
    """The features of the baseline `rfm`: recency, frequency, money."""
    leaks: str = "stop"
    """What is done about leaks: one of `LEAKS`."""
    reasons: int = 3
    """How many reasons each score is given."""

    @property
    def baselines(self) -> Mapping[str, Sequence[str]]:
        """The features of each baseline."""
        return {"rule": [self.rule], "rfm": self.rfm}


def model(table: Table, features: Sequence[Feature]) -> ModelPart:
    """Read `[model]`."""
    names, plain = [f.name for f in features], Modelling()
    candidates = table.texts("candidates", plain.candidates)
    wanted = f"one or more of {', '.join(NAMES)}, or your own as package.module:factory"
    if not candidates:
        raise table.error("candidates", "is an empty list", wanted)
    for candidate in candidates:
        if candidate not in NAMES and not OWN.fullmatch(candidate):
            raise table.error("candidates", f"names {candidate!r}", wanted, nearest(candidate, list(NAMES)))
    baselines = table.table("baselines", optional=True)
    found = ModelPart(
        candidates=candidates,
        folds=table.number("folds", plain.folds, 2, 20),
        trials=table.number("trials", plain.trials, 0, 10_000),
        calibration=table.choice("calibration", (AUTO, *METHODS), plain.calibration),
        resamples=table.number("resamples", 1000, 100, 100_000),
        reasons=table.number("reasons", 3, 0, 20),
        rule=baselines.choice("rule", names, names[0]),
        rfm=baselines.texts("rfm", names[:3]),
        leaks=table.choice("leaks", LEAKS, LEAKS[0]),
    )
    for name in found.rfm:
        if name not in names:
            raise baselines.error("rfm", f"names {name!r}", "names of features", nearest(name, names))
    baselines.close()
    table.close()
    return found

"""The part of a definition that names an experiment of the past: who was treated by chance (docs/uplift.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from limbeck.propensity.candidates import NAMES, OWN
from limbeck.propensity.money import Worth
from limbeck.propensity.uplift import ESTIMATORS, Learning
from limbeck.workflow.campaign import SCORE, WORTHS
from limbeck.workflow.question import duration
from limbeck.workflow.times import Duration
from limbeck.workflow.toml_text import Table


@dataclass(frozen=True, slots=True)
class UpliftPart:
    """A campaign whose recipients were chosen by chance, and how to learn from it."""

    cutoff: datetime
    """When it began: features are known before, outcomes and treatments come from then on."""
    treated: str = ""
    """SQL condition: who has such an event from the cutoff on was treated; empty for our own audience."""
    within: Duration | None = None
    """How long from the cutoff on treatments happened; None for as long as the goal has time."""
    least: float | None = None
    """Score, or uplift, from which on people were chosen for our own audience; None if treatments are events."""
    by: Worth = SCORE
    """What they were chosen by."""
    chance: float | None = None
    """Known probability of being treated; None takes the share of the treated."""
    learning: Learning = field(default_factory=Learning)

    @property
    def forecasts(self) -> bool:
        """Whether it may tell of everybody: our own audience tells only of those who were chosen then."""
        return self.least is None


def uplift(table: Table, zone: ZoneInfo) -> UpliftPart:
    """Read `[uplift]`."""
    given = [key for key in ("treated", "audience") if key in table]
    if len(given) != 1:
        told = f"has {' and '.join(given)}" if given else "says not who was treated"
        raise table.error("", told, "either treated, a condition over events, or audience = { least = 0.2 }")
    own = table.table("audience", optional=True)
    found = UpliftPart(
        cutoff=table.moment("cutoff", zone),
        treated=table.text("treated") if "treated" in table else "",
        within=duration(table, "within") if "within" in table else None,
        least=own.share("least", above=False) if "audience" in table else None,
        by=WORTHS[WORTHS.index(own.choice("by", WORTHS, SCORE))],
        chance=table.share("chance") if "chance" in table else None,
        learning=_learning(table),
    )
    own.close()
    if found.chance == 1:
        raise table.error("chance", "is 1", "a share below 1, for somebody must have been left alone")
    table.close(("treated", "audience", "within", "chance"))
    return found


def _learning(table: Table) -> Learning:
    plain = Learning()
    candidate = table.text("candidate", plain.candidate)
    if candidate not in NAMES and not OWN.fullmatch(candidate):
        raise table.error("candidate", f"is {candidate!r}", f"one of {', '.join(NAMES)}, or package.module:factory")
    return Learning(
        estimator=ESTIMATORS[ESTIMATORS.index(table.choice("estimator", ESTIMATORS, plain.estimator))],
        candidate=candidate,
        folds=table.number("folds", plain.folds, 2, 20),
        resamples=table.number("resamples", plain.resamples, 100, 100_000),
    )

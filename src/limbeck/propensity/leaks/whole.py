"""Probes of all features together: too good, gone from who is asked, or of use only while they are fresh."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from limbeck.propensity.leaks import quick
from limbeck.propensity.leaks.features import GONE, GONE_OUT, OUT, SURELY, TREND
from limbeck.propensity.leaks.findings import Evidence, Finding, Numbers, area, away, fold_of, listed
from limbeck.propensity.leaks.single import Single

if TYPE_CHECKING:
    import pandas as pd

TOGETHER = 0.97
"""ROC-AUC that a forecast of people from what is known beforehand does not reach."""
SUSPECTS = 8
"""Features, the best first, that are left out one after the other to find who it was."""
LOSES = 0.05
"""What the ROC-AUC loses without a feature that is to blame for it."""
RESTORED = 0.85
"""The share of the forecast that is left in the scoring set, if the feature that is to blame is left out."""
FRESH, HONEST = 0.05, 2.0
"""What features lose in their last horizon at least, and how many times what they lose in the one before it."""
FEWER, LIKELY = 0.93, 2.5
"""What is left of the forecast in the scoring set at most; and the standard errors that it is away from all."""


def whole(evidence: Evidence, singles: Sequence[Single]) -> Iterator[Finding]:
    """Yield what the features do together; at most one finding, for they have the same cause."""
    names = evidence.personal
    if len(names) < 2:
        return
    labels, fold = evidence.labels, evidence.fold
    across = quick.across(evidence.known, names, evidence, labels, fold)
    found = area(labels, across)
    suspects = [one.name for one in sorted(singles, key=lambda s: -s.roc_auc) if one.name in names][:SUSPECTS]
    if found >= TOGETHER:
        yield _together(evidence, found, suspects)
        return
    if not evidence.is_asked:
        return
    gone = _gone(evidence, suspects)
    if gone is not None:
        yield gone
    else:
        yield from _ageing(evidence, found, singles)


def _together(evidence: Evidence, found: float, suspects: Sequence[str]) -> Finding:
    losses = {}
    for name in suspects:
        others = [other for other in evidence.personal if other != name]
        without = quick.across(evidence.known, others, evidence, evidence.labels, evidence.fold)
        losses[name] = found - area(evidence.labels, without)
    blamed = tuple(n for n in suspects if losses[n] >= LOSES) or tuple(sorted(suspects, key=lambda n: -losses[n])[:3])
    rest = f"; without {blamed[0]} it is {found - losses[blamed[0]]:.3f}" if len(blamed) == 1 else ""
    return Finding(
        "together",
        blamed,
        {"roc_auc": found, "loss": losses[blamed[0]]},
        f"the features together know who reaches the goal (ROC-AUC {found:.3f}{rest}), and people are not that "
        f"predictable. Look at {listed(blamed)} first: something in it happened after the cutoff",
        OUT,
    )


def _gone(evidence: Evidence, suspects: Sequence[str]) -> Finding | None:
    """Return a finding if much fewer are to be expected among those who are asked than in the test."""
    forecasts = _expected(evidence, evidence.personal)
    test, now = (float(forecast.mean()) for forecast in forecasts)
    drift = min(1.0, test / float(evidence.labels.mean()))
    if now / test > min(GONE, TREND * drift) or away(*forecasts) < SURELY:
        return None
    left = {}
    for name in suspects:
        before, after = _expected(evidence, [other for other in evidence.personal if other != name])
        left[name] = float(after.mean() / before.mean())
    blamed = tuple(name for name in suspects if left[name] >= RESTORED)
    if not blamed:
        return None
    return Finding(
        "vanishes",
        blamed,
        {"test": test, "scoring": now, "left_without": left[blamed[0]]},
        f"of the people of the test {100 * test:.1f} % were to be expected to reach the goal, and of those who are "
        f"scored now {100 * now:.1f} %; without {listed(blamed)} it would be {100 * left[blamed[0]]:.0f} % as many. "
        f"What {listed(blamed)} {'tells' if len(blamed) == 1 else 'tell'} in the training is not there before the "
        "outcome is",
        GONE_OUT,
    )


def _expected(evidence: Evidence, names: Sequence[str]) -> tuple[Numbers, Numbers]:
    """Return the forecasts of the test, and of the scoring set, by a model of some features."""
    model = quick.fitted(evidence, names)
    return model(evidence.later), model(evidence.scoring)


def _ageing(evidence: Evidence, fresh: float, singles: Sequence[Single]) -> Iterator[Finding]:
    """Yield a finding if the last horizon is worth far more than the one before, and not there when it is asked.

    Honest features age, too, and those of a moment's intent age at once; but there are as many such moments before the
    scoring as before any other cutoff. Events that are dated before the cutoff, and told after it, are not there yet.
    """
    test, now = _expected(evidence, evidence.personal)
    left = float(now.mean() / test.mean())
    drift = min(1.0, float(test.mean() / evidence.labels.mean()))
    if left > FEWER * drift or away(test, now) < LIKELY:
        return
    late = list(_late(evidence, fresh))
    yield from late
    aged, blamed = evidence.aged(), _fewer(evidence, singles)
    if late or len(aged) < 2 or not blamed:
        return
    once, twice = (_aged(evidence, frame) for frame in aged[:2])
    lost, usual = fresh - once, max(once - twice, 0.0)
    if lost < FRESH or lost < HONEST * usual:
        return
    yield Finding(
        "ageing",
        blamed,
        {"roc_auc": fresh, "earlier": once, "before_that": twice, "left": left},
        f"computed one horizon earlier, the features lose {lost:.3f} of their ROC-AUC ({fresh:.3f}), and one more "
        f"horizon earlier only {usual:.3f} more; but what makes the last days tell so much is rarer by "
        f"{100 * (1 - left):.0f} % among those who are scored now. {listed(blamed)} seems to count what is dated "
        "before the cutoff, but came to be known after it",
        "Give the source's column that says when a row arrived (arrival), or correct the times of its events",
    )


def _late(evidence: Evidence, fresh: float) -> Iterator[Finding]:
    """Yield the columns that say when rows arrived, if the features lose much without those that were late."""
    for column, frame in evidence.arrived().items():
        punctual = _aged(evidence, frame)
        if fresh - punctual >= FRESH:
            yield Finding(
                "arrival",
                (),
                {"roc_auc": fresh, "punctual": punctual},
                f"rows are counted whose {column} lies after the cutoff: they are dated before it, but were not known "
                f"yet. Without them the ROC-AUC falls from {fresh:.3f} to {punctual:.3f}",
                f"Say when rows of this source arrive: arrival = {column.split()[0]!r}",
            )


def _aged(evidence: Evidence, frame: pd.DataFrame) -> float:
    """Return the ROC-AUC of other features of the rows of the training set, or of some of them."""
    there = [name for name in evidence.personal if frame[name].notna().any()]
    labels, fold = frame["label"].to_numpy(float), fold_of(frame, evidence.seed)
    return area(labels, quick.across(frame, there, evidence, labels, fold)) if there else 0.5


def _fewer(evidence: Evidence, singles: Sequence[Single]) -> tuple[str, ...]:
    """Return the features that alone expect fewer converters among those who are asked."""
    found = {}
    for one in singles:
        if one.roc_auc >= 0.6 and one.name in evidence.personal:
            left = float(one.forecast(evidence.scoring).mean() / one.forecast(evidence.later).mean())
            if left <= FEWER:
                found[one.name] = left
    return tuple(sorted(found, key=lambda name: found[name]))

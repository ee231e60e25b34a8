"""Probes of single features: what one tells alone, by a value, by being there, and whether it does when it is asked.

Kaufman, Rosset, Perlich and Stitelman (2012) call a feature legitimate if it is known before the target is; exploratory
analysis, they say, looks first at features that are surprisingly good. What is too good alone is found so (`alone`),
and a value that decides (`pure`, `missing`). Whether a feature is known beforehand is seen where nobody can cheat: in
the scoring set (`vanishes`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from limbeck.propensity.leaks.findings import Evidence, Finding, Numbers, area, away
from limbeck.propensity.leaks.single import MISSING, Single

if TYPE_CHECKING:
    import pandas as pd

ALONE = 0.95
"""ROC-AUC that what is known beforehand does not reach alone."""
ABSENCE = 0.85
"""ROC-AUC of being there or not, and no more, that honest fields do not reach."""
PURE, SURE, MANY = 0.99, 0.95, 20
"""A value that decides: its conversion rate, the least that chance allows for it, and its converters."""
THERE = 0.8
"""What is left of the value's share of the people, in the scoring set, if it is known beforehand."""
DISTINCT = 10
"""A number with more values than this comes near to certainty by degrees, as honest ones do."""
GOOD, GONE, SURELY = 0.7, 0.65, 5.0
"""A feature worth a witness: its ROC-AUC; the share of its forecast that must be left in the scoring set, and the
standard errors by which it has to be away to be no chance."""
TREND = 0.75
"""And the share that must be left of what is left in the test of the training: people who convert may leave."""

ECHO, GROUPS, CONVERTERS = 0.4, 50, 50
"""How much of the chance between groups is left, where their own outcomes were used; and the least to judge by."""
NOTICED = 0.55
"""ROC-AUC below which a feature alone does no harm."""

OUT = "Take it out, or compute it from what was known before the cutoff"
GONE_OUT = f"{OUT}. If it is of something that has ended (a campaign), take it out as well: it tells nothing any more"


def alone(evidence: Evidence, singles: Sequence[Single]) -> Iterator[Finding]:
    """Yield the features that tell the outcome by themselves: the target in disguise, or what follows from it."""
    for one in singles:
        if one.roc_auc >= ALONE:
            yield Finding(
                "alone",
                (one.name,),
                {"roc_auc": one.roc_auc},
                f"{one.name} alone tells who reaches the goal (ROC-AUC {one.roc_auc:.3f}): of two people it picks the "
                f"right one {100 * one.roc_auc:.0f} times in 100, and nothing that is known beforehand does so more "
                f"than {100 * ALONE:.0f} times. It knows what happened after the cutoff, or is the goal under another "
                "name",
                OUT,
            )


def pure(evidence: Evidence, singles: Sequence[Single]) -> Iterator[Finding]:
    """Yield the texts and flags with a value that everybody has reached the goal with, where most people do not.

    A standing order decides, too, and is known beforehand: as many have it in the scoring set, where nobody has reached
    anything yet.
    """
    base = evidence.labels.mean()
    for one in singles:
        if one.edges is not None and evidence.known[one.name].nunique() > DISTINCT:
            continue
        for rows, converted in zip(one.counts, one.converted, strict=True):
            side = converted if base <= 0.5 else rows - converted
            if side >= MANY and side / rows >= PURE and _least(side, rows) >= SURE:
                code = int(np.flatnonzero((one.counts == rows) & (one.converted == converted))[0])
                if _is_there(evidence, one, code):
                    continue
                yield _pure(one, code, int(rows), float(side / rows), reached=base <= 0.5, base=float(base))
                break


def _pure(one: Single, code: int, rows: int, rate: float, *, reached: bool, base: float) -> Finding:
    value = "nothing" if code == MISSING else repr(one.texts[code - 1]) if 0 < code <= len(one.texts) else "one value"
    who, usual = ("reach", base) if reached else ("miss", 1 - base)
    return Finding(
        "pure",
        (one.name,),
        {"rate": rate, "rows": rows, "base_rate": base},
        f"of the {rows} rows with {value} in {one.name}, {100 * rate:.1f} % {who} the goal, and of all "
        f"{100 * usual:.0f} %: the value is given to people whose outcome is known",
        f"{OUT}; or let the value count only from the time on when it was given",
    )


def _is_there(evidence: Evidence, one: Single, code: int) -> bool:
    """Whether people of the scoring set have a value as often as those of the test, or as those of the training."""
    if not evidence.is_asked or not evidence.last():
        return False
    known, test, now = (
        float((one.codes(frame[one.name]) == code).mean())
        for frame in (evidence.known, evidence.later, evidence.scoring)
    )
    return now >= THERE * min(known, test)


def _least(count: float, rows: float) -> float:
    """Return the lower end of Wilson's 95 % interval of a rate (Wilson 1927)."""
    z, rate = 1.96, count / rows
    middle, spread = rate + z * z / (2 * rows), z * np.sqrt(rate * (1 - rate) / rows + (z / (2 * rows)) ** 2)
    return float((middle - spread) / (1 + z * z / rows))


def missing(evidence: Evidence, singles: Sequence[Single]) -> Iterator[Finding]:
    """Yield the features of which it tells the outcome whether they are there at all."""
    for one in singles:
        absent = evidence.known[one.name].isna().to_numpy(float)
        found = area(evidence.labels, absent)
        found = max(found, 1 - found)
        if found >= ABSENCE:
            rates = [100 * evidence.labels[absent == side].mean() for side in (0, 1)]
            yield Finding(
                "missing",
                (one.name,),
                {"roc_auc": found},
                f"whether {one.name} is known at all tells the outcome (ROC-AUC {found:.3f}): {rates[0]:.0f} % reach "
                f"the goal where it is, {rates[1]:.0f} % where it is not. It seems to be asked, or filled in, on the "
                "way to the goal",
                "Take it out, or take only what had been filled in before the cutoff (a source of class history)",
            )


def echo(evidence: Evidence, singles: Sequence[Single]) -> Iterator[Finding]:
    """Yield the numbers that are rates of the outcome, of groups to which the rows themselves belong.

    Rows with the same number are a group, and so are the rows of a person where the number never changes. A group's
    conversion rate differs from what the number forecasts by chance, and by how much is known (the binomial variance);
    a rate that the same outcomes went into leaves no room for chance.
    """
    for one in singles:
        if one.edges is None or one.roc_auc < NOTICED:
            continue
        by = [one.name, "entity_id"] if one.name in evidence.lasting else [one.name]
        sides = [(frame, groups) for frame in (evidence.known, evidence.both) for groups in by]
        found = [left for frame, groups in sides if (left := _chance_left(frame, one.name, groups)) is not None]
        if found and min(found) <= ECHO:
            yield Finding(
                "echo",
                (one.name,),
                {"chance": min(found)},
                f"{one.name} agrees with the outcomes of the rows that share its values better than chance allows: "
                f"they scatter around it {min(found):.2f} times as much as they must. It seems to be a conversion rate "
                "into which these outcomes went",
                "Compute such rates from outcomes that were known before each cutoff, of other people or earlier times",
            )


def _chance_left(frame: pd.DataFrame, name: str, by: str) -> float | None:
    """Return the scatter of groups' rates around a line through the feature, as a share of what it must be.

    That is the binomial one, and for people what is seen without the feature, if that is less: who can reach the goal
    but once has less luck.
    """
    groups = (
        frame[frame[name].notna()]
        .groupby(by)
        .agg(value=(name, "first"), mean=("label", "mean"), count=("label", "count"))
    )
    groups = groups[groups["count"] >= 2]
    value, rate, rows = (groups[column].to_numpy(float) for column in ("value", "mean", "count"))
    if len(groups) < GROUPS or rows.sum() < len(frame) / 2 or rows @ rate < CONVERTERS:
        return None
    slope, level = np.polyfit(value, rate, 1, w=np.sqrt(rows))
    left, usual = _scatter(rate, rows, level + slope * value), _scatter(rate, rows, np.average(rate, weights=rows))
    return None if left is None else left / min(1.0, usual or 1.0) if by != name else left


def _scatter(rate: Numbers, rows: Numbers, line: Any) -> float | None:
    """Return how much groups' rates scatter around a forecast, as a share of the binomial scatter."""
    chance = float((line * (1 - line) + np.zeros(len(rate))).sum())
    return float((rows * (rate - line) ** 2).sum()) / chance if chance > 0 else None


def vanishes(evidence: Evidence, singles: Sequence[Single]) -> Iterator[Finding]:
    """Yield the features whose telling values the people have no more who are asked about now.

    By a feature alone, so many converters are to be expected among those of the test, and so many in the scoring set.
    An honest feature gives about the same shares: people of one kind. One that is written when the outcome is known has
    nothing to write yet.
    """
    if not evidence.is_asked:
        return
    for one in singles:
        if one.roc_auc < GOOD or one.name not in evidence.personal:
            continue
        shares = [one.forecast(frame) for frame in (evidence.known, evidence.later, evidence.scoring)]
        if away(*shares[1:]) < SURELY:
            continue
        before, test, now = (share.mean() for share in shares)
        left, drift = _left(test, now), _left(before, test)
        if left <= GONE and left <= TREND * drift:
            yield Finding(
                "vanishes",
                (one.name,),
                {"roc_auc": one.roc_auc, "test": float(test), "scoring": float(now)},
                f"by {one.name} alone, {100 * test:.1f} % of the people of the test were to be expected to reach the "
                f"goal, but {100 * now:.1f} % of those who are scored now: the values that tell (ROC-AUC "
                f"{one.roc_auc:.2f}) are not there before the outcome is",
                OUT,
            )


def _left(before: float, now: float) -> float:
    """Return what is left of a forecast share, of the outcome that has become rarer."""
    return float(min(now / before, (1 - now) / (1 - before)))

"""A probe of attributes that are those of today: the more of the past they are asked about, the less they fit it.

What is true of a person for good fits what the person did as well at one cutoff as at another. A total, a tier or a
date that is read today sums up everything until today: the features at the scoring cutoff explain it, and those at an
old cutoff do not, for they lack what happened since; and that is the outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from limbeck.propensity.leaks import quick
from limbeck.propensity.leaks.findings import Evidence, Finding, area, fold_of
from limbeck.propensity.leaks.single import Single

if TYPE_CHECKING:
    import pandas as pd

USEFUL = 0.6
"""ROC-AUC of a feature alone that is worth a look."""
FITS, BETTER = 0.85, 2.5
"""How well the other features explain the attribute when asked (ROC-AUC), and how many times less is unexplained."""
FEWEST = 25
"""People on either side of what is explained."""
ROWS = 4000


def today(evidence: Evidence, singles: Sequence[Single]) -> Iterator[Finding]:
    """Yield the attributes that fit the present much better than the past."""
    useful = [one.name for one in singles if one.roc_auc >= USEFUL and one.name in evidence.personal]
    if not evidence.is_asked or not useful:
        return
    lasting = evidence.lasting
    changing = [name for name in evidence.personal if name not in lasting] if lasting else []
    first = evidence.known[evidence.known["cutoff"] <= evidence.known["cutoff"].quantile(0.3)]
    if not changing:
        return
    for name in useful:
        if name in lasting:
            yield from _told(
                evidence, name, changing, _some(first, evidence.seed), _some(evidence.scoring, evidence.seed)
            )


def _some(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    return frame if len(frame) <= ROWS else frame.sample(ROWS, random_state=seed)


def _told(
    evidence: Evidence, name: str, changing: Sequence[str], past: pd.DataFrame, now: pd.DataFrame
) -> Iterator[Finding]:
    for what, sides in _sides(past[name], now[name], numeric=name in evidence.numeric):
        before, after = (
            _explained(evidence, frame, changing, side) for frame, side in zip((past, now), sides, strict=True)
        )
        if before is not None and after is not None and after >= FITS and (1 - before) >= BETTER * (1 - after):
            yield Finding(
                "today",
                (name,),
                {"past": before, "today": after},
                f"{what} follows from the other features at the scoring cutoff (ROC-AUC {after:.3f}), and much less at "
                f"the first training cutoff ({before:.3f}): it is that of today, and so it holds what happened after "
                "the cutoffs, the outcome included",
                "Take it as it was at each cutoff (a source of class history), or compute it from events",
            )
            return


def _sides(
    past: pd.Series[Any], now: pd.Series[Any], *, numeric: bool
) -> Iterator[tuple[str, tuple[NDArray[Any], NDArray[Any]]]]:
    """Yield what is to be explained: being there, a high number, each of the two most frequent texts."""
    yield f"whether {past.name} is known", (past.notna().to_numpy(float), now.notna().to_numpy(float))
    if numeric:
        middle = now.median()
        yield str(past.name), ((past > middle).to_numpy(float), (now > middle).to_numpy(float))
        return
    for text in now.value_counts().index[:2]:
        yield f"{past.name} {text!r}", ((past == text).to_numpy(float), (now == text).to_numpy(float))


def _explained(evidence: Evidence, frame: pd.DataFrame, changing: Sequence[str], side: NDArray[Any]) -> float | None:
    if min(side.sum(), len(side) - side.sum()) < FEWEST:
        return None
    across = quick.across(frame, changing, evidence, side, fold_of(frame, evidence.seed))
    return area(side, across)

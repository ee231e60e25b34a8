"""Propensity and reach over two levers at once: the least score, and a second thing by which people can be told apart.

Reach is counted among those scored now, precision in the test set: of those with such a score in such a group *then*,
the share who converted, with the interval of Wilson (1927) for a share (`intervals.rate`). A cell that few people of
the test were in has no precision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from limbeck.propensity.intervals import Measure, Numbers, rate
from limbeck.propensity.money import Money

if TYPE_CHECKING:
    import pandas as pd

FEW = 20
"""People of the test below which a cell's precision is not told."""
VALUES, BANDS = 8, 5
"""Values of a feature that are groups of their own, and the bands of numbers that have more."""
OTHERS, MISSING = "others", "missing"

Flags = NDArray[np.bool_]
Groups = Mapping[str, tuple[Flags, Flags]]
"""By name: who is in the group of those scored now, and who of the test was. Groups may overlap."""


def surface(
    now: Numbers,
    then: Numbers,
    labels: Numbers,
    groups: Groups,
    thresholds: Sequence[float],
    money: Money | None,
    people: NDArray[Any] | None = None,
) -> list[dict[str, Any]]:
    """Return a cell for each group and threshold, as JSON values.

    *now* are the scores of those who can be chosen, *then* those of the test set, whose outcomes are *labels*; *people*
    says whose rows these are, if a person may have several. A cell has `group`, `threshold`, `people`, `tested` (rows
    of the test in it), `precision` and `profit` (each `value`,
    `low`, `high`, or None); the profit is without the fixed cost, which no cell bears alone.
    """
    person = np.arange(len(labels)) if people is None else np.unique(people, return_inverse=True)[1]
    found = []
    for name, (here, there) in groups.items():
        for threshold in thresholds:
            reached, tested = int(np.count_nonzero(here & (now >= threshold))), there & (then >= threshold)
            rows = int(np.count_nonzero(tested))
            precision = rate(labels, tested.astype(np.float64), person) if rows >= FEW else None
            found.append(
                {
                    "group": name,
                    "threshold": float(threshold),
                    "people": reached,
                    "tested": rows,
                    "precision": precision,
                    "profit": None if precision is None else _profit(reached, precision, money),
                }
            )
    return found


def _profit(people: int, precision: Measure, money: Money | None) -> Measure | None:
    if money is None or money.value is None:
        return None
    return {end: people * (precision[end] * money.value - money.cost) for end in precision}


def bands(now: pd.Series[Any], then: pd.Series[Any]) -> Groups:
    """Return groups by the values of a feature: the most frequent ones, or bands with about as many people in each."""
    from pandas.api.types import is_numeric_dtype

    if is_numeric_dtype(now) and now.nunique() > VALUES:
        return _with_missing(_numeric(now, then), now, then)
    frequent = now.value_counts().index[:VALUES]
    found = {str(value): ((now == value).to_numpy(bool), (then == value).to_numpy(bool)) for value in frequent}
    rest = [(~column.isin(frequent) & column.notna()).to_numpy(bool) for column in (now, then)]
    return _with_missing(found | ({OTHERS: (rest[0], rest[1])} if rest[0].any() else {}), now, then)


def _numeric(now: pd.Series[Any], then: pd.Series[Any]) -> dict[str, tuple[Flags, Flags]]:
    edges = np.unique(np.nanquantile(now.to_numpy(float), np.linspace(0, 1, BANDS + 1)))
    edges[0], edges[-1] = -np.inf, np.inf
    found = {}
    for low, high in pairwise(edges):
        name = f"up to {high:g}" if low == -np.inf else (f"above {low:g}" if high == np.inf else f"{low:g} to {high:g}")
        inside = [((column > low) & (column <= high)).to_numpy(bool) for column in (now, then)]
        found[name] = (inside[0], inside[1])
    return found


def _with_missing(found: Groups, now: pd.Series[Any], then: pd.Series[Any]) -> Groups:
    gaps = (now.isna().to_numpy(bool), then.isna().to_numpy(bool))
    return {**found, MISSING: gaps} if gaps[0].any() else found

"""Forecast and outcome of parts of the people: tenths by score, and groups by what is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from limbeck.propensity import frames
from limbeck.propensity.evaluate import area
from limbeck.propensity.intervals import Numbers, rate
from limbeck.propensity.reliability import BINS, parts

if TYPE_CHECKING:
    import pandas as pd

MOST = 10
"""Values of a feature that are groups of their own; the rarer ones are one group."""
RANGES = 4
"""Groups of a number with more values than that."""
ENOUGH = 10
"""Converters, and others, from which on a group says something about the model."""

MISSING, OTHERS = "(missing)", "(others)"


@dataclass(frozen=True, slots=True)
class Group:
    """The people who have one value of a feature, or one of several."""

    feature: str
    value: str
    """As a reader is told."""
    rows: NDArray[np.bool_]


def tenths(
    people: NDArray[Any], labels: Numbers, scores: Numbers, shares: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the tenths of the people, the highest scores first; *shares* is what `evaluate.by_share` found.

    Each has the `share` of all down to it, its `rows` (people at the edge count in part), the `least` and the `most` of
    its scores, the conversion rates `expected` and `observed`, and down to it `gain` and `lift`.
    """
    within, person = parts(scores, min(BINS, len(scores))), np.unique(people, return_inverse=True)[1]
    count = within.shape[1]
    found = []
    for place, inside in enumerate(within.T[::-1], 1):
        held, row = scores[inside > 0], shares[round(place / count * len(shares)) - 1]
        lift = {end: number / row["share"] for end, number in row["gain"].items()}
        scored = {"rows": float(inside.sum()), "least": float(held.min()), "most": float(held.max())}
        beside = _beside(labels, scores, inside, person)
        found.append({"share": row["share"], **scored, **beside, "gain": dict(row["gain"]), "lift": lift})
    return found


def compared(people: NDArray[Any], labels: Numbers, scores: Numbers, groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Return for each group `feature`, `value`, its `rows`, how many `converted`, and two rates.

    These are `expected` (the mean forecast) and `observed`. A group with fewer than `ENOUGH` converters, or others, is
    `small`; one that is not has its `roc_auc` too.
    """
    person = np.unique(people, return_inverse=True)[1]
    found = []
    for group in groups:
        inside, converted = group.rows, int(labels[group.rows].sum())
        small = min(converted, int(inside.sum()) - converted) < ENOUGH
        told = {"feature": group.feature, "value": group.value, "rows": int(inside.sum()), "converted": converted}
        told |= _beside(labels, scores, inside.astype(np.float64), person) | {"small": small}
        found.append(told if small else told | {"roc_auc": area(labels[inside], scores[inside], person[inside])})
    return found


def _beside(labels: Numbers, scores: Numbers, within: Numbers, person: NDArray[np.int64]) -> dict[str, Any]:
    return {"expected": float(within @ scores / within.sum()), "observed": rate(labels, within, person)}


def groups(frame: pd.DataFrame, chosen: Sequence[str] = ()) -> list[Group]:
    """Return the groups of the rows by texts and flags, and by the features *chosen*; each row is in one of a feature.

    A text or a number has a group for each of its `MOST` most frequent values, or for each of `RANGES` ranges with
    about as many rows. A feature that has one group is left out.
    """
    numbers = frames.numbers_of(frame)
    found: list[Group] = []
    for name in frames.features_of(frame):
        column = frame[name]
        if name not in numbers or _is_flag(column) or name in chosen:
            told, order = _told(column.dropna(), number=name in numbers)
            values = np.full(len(column), MISSING, dtype=object)
            values[column.notna().to_numpy()] = told
            present = [value for value in dict.fromkeys([*order, MISSING]) if (values == value).any()]
            found += [Group(name, value, values == value) for value in present] if len(present) > 1 else []
    return found


def _is_flag(column: pd.Series[Any]) -> bool:
    return set(column.dropna().unique()) <= {0.0, 1.0}


def _told(known: pd.Series[Any], *, number: bool) -> tuple[list[str], list[str]]:
    """Return the group of each row, and the groups in the order in which they are told."""
    if not number:
        frequent = known.value_counts().index[:MOST]
        return [*map(str, known.where(known.isin(frequent), OTHERS))], [*map(str, frequent), OTHERS]
    if _is_flag(known):
        return ["yes" if value else "no" for value in known], ["no", "yes"]
    values = sorted(known.unique())
    if len(values) <= MOST:
        return [f"{value:g}" for value in known], [f"{value:g}" for value in values]
    edges = list(dict.fromkeys(known.quantile([n / RANGES for n in range(1, RANGES)])))
    inner = [f"{low:g} to below {high:g}" for low, high in pairwise(edges)]
    names = [f"below {edges[0]:g}", *inner, f"{edges[-1]:g} and more"]
    return [names[place] for place in np.searchsorted(edges, known, side="right")], names

"""How far the people who are scored differ from those of training: feature by feature, and by their scores.

The population stability index (PSI) of two distributions over bins is the sum of (now - before) log(now / before), of
shares (Siddiqi, *Credit Risk Scorecards*, 2006, whose thresholds are used). Samples of one distribution have a PSI
above 0 as well: (bins - 1)(1/n + 1/m) is to be expected (Yurdakul and Naranjo, *Statistical properties of the
population stability index*, 2020), and is taken off. Whether a difference is more than chance is asked of Pearson's
chi-squared test over the same bins, over all features together by the procedure of Benjamini and Hochberg (1995): where
nothing has changed, the chance that any feature is named is at most `LEVEL`.

Bins are tenths of the training set, fixed then; texts have a bin for each value; what is missing has one too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from limbeck.propensity import frames
from limbeck.propensity.intervals import Numbers

if TYPE_CHECKING:
    import pandas as pd

TENTHS = np.arange(1, 10) / 10
MOST_TEXTS = 100
"""Values of a text that are told apart; the others are taken together."""
LEAST_EXPECTED = 5.0
"""Of a bin: what has less is taken together with others, as the chi-squared test wants it (Cochran 1954)."""
LEVEL = 0.01
MODERATE, STRONG = 0.1, 0.25
"""PSI from which on a shift is called so."""

Bins = NDArray[np.float64]
Shift = Literal["none", "slight", "moderate", "strong"]


# -- what is kept of training -------------------------------------------------------------------------------------


def reference(known: pd.DataFrame, scores: Numbers) -> dict[str, Any]:
    """Return what has to be kept of a training set, and of scores of people like these, to compare others with them.

    The result is JSON: `rows`, `people` (a person of several cutoffs is one), `features` by name, and `scores`. Each of
    the last two has the `edges` of its bins, or its `values`, with the rows in each, and how many are `missing`.
    """
    numbers = frames.numbers_of(known)
    features = {n: _numbers(known[n]) if n in numbers else _texts(known[n]) for n in frames.features_of(known)}
    people = int(known["entity_id"].nunique())
    return {"rows": len(known), "people": people, "features": features, "scores": _numbers(_series(scores))}


def _numbers(column: pd.Series[Any]) -> dict[str, Any]:
    found = column.dropna().to_numpy(float)
    edges = np.unique(np.quantile(found, TENTHS)) if len(found) else np.array([])
    return {"edges": edges.tolist(), "counts": _binned(found, edges).tolist(), "missing": int(column.isna().sum())}


def _texts(column: pd.Series[Any]) -> dict[str, Any]:
    counts = column.value_counts()
    kept = counts.head(MOST_TEXTS)
    return {
        "values": {str(value): int(count) for value, count in kept.items()},
        "others": int(counts.sum() - kept.sum()),
        "missing": int(column.isna().sum()),
    }


def _binned(values: Numbers, edges: Numbers) -> Bins:
    """Return how many values lie in each bin, whose upper edge belongs to it; the last has none."""
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1).astype(float)


def _series(scores: Numbers) -> pd.Series[Any]:
    import pandas as pd

    return pd.Series(scores)


# -- comparison ---------------------------------------------------------------------------------------------------


def compare(before: Mapping[str, Any], now: pd.DataFrame, scores: Numbers) -> dict[str, Any]:
    """Return how the people *now*, with their *scores*, differ from those of the `reference` *before*.

    `features` has for each `feature` the `psi`, which chance is taken off, the probability `p` that chance alone makes
    such a difference, adjusted for the number of features, the `shift` in a word, the share that is `missing` `before`
    and `now`, and for texts the `new` values and those that `vanished`; those that shifted most come first. `scores`
    has `psi`, `p` and `shift`. A feature that is no longer there counts as missing for everybody.
    """
    from scipy.stats import false_discovery_control

    people = int(now["entity_id"].nunique())
    found = [
        {"feature": name, **_compared(kept, _column(now, name), before, people)}
        for name, kept in before["features"].items()
    ]
    if found:
        for one, p in zip(found, false_discovery_control([one["p"] for one in found]), strict=True):
            one["p"] = float(p)
            one["shift"] = _shift(one["psi"], one["p"])
    scored = _compared(before["scores"], _series(scores), before, people)
    told = {"psi": scored["psi"], "p": scored["p"], "shift": _shift(scored["psi"], scored["p"])}
    features = sorted(found, key=lambda one: (one["shift"] == "none", -one["psi"]))
    return {"people": {"before": before["people"], "now": people}, "features": features, "scores": told}


def _column(now: pd.DataFrame, name: str) -> pd.Series[Any]:
    import pandas as pd

    return now[name] if name in now else pd.Series([None] * len(now), dtype=object)


def _compared(
    kept: Mapping[str, Any], column: pd.Series[Any], before: Mapping[str, Any], people: int
) -> dict[str, Any]:
    texts: dict[str, Any] = {}
    missing = int(column.isna().sum())
    if "values" in kept:
        counts = {str(value): int(count) for value, count in column.value_counts().items()}
        old, new = _text_bins(kept, counts)
        texts = _changed_texts(kept, counts)
    else:
        old, new = np.array(kept["counts"]), _binned(column.dropna().to_numpy(float), np.array(kept["edges"]))
    old, new = np.append(old, kept["missing"]), np.append(new, missing)
    rates = {"before": float(kept["missing"] / max(old.sum(), 1)), "now": float(missing / max(new.sum(), 1))}
    psi, p = distance(_of_people(old, before["people"]), _of_people(new, people))
    return {"psi": psi, "p": p, "missing": rates, **texts}


def _of_people(counts: Bins, people: int) -> Bins:
    """Return counts of rows as if each person were one: rows of one person tell little more than one does."""
    rows = counts.sum()
    return counts * min(1.0, people / rows) if rows else counts


def _text_bins(kept: Mapping[str, Any], counts: Mapping[str, int]) -> tuple[Bins, Bins]:
    names = list(kept["values"])
    now = [float(counts.get(name, 0)) for name in names]
    others = float(sum(count for name, count in counts.items() if name not in kept["values"]))
    return np.array([*map(float, kept["values"].values()), float(kept["others"])]), np.array([*now, others])


def _changed_texts(kept: Mapping[str, Any], counts: Mapping[str, int]) -> dict[str, Any]:
    """Return which values were never seen in training, as long as all were told apart, and which are seen no more."""
    new = [] if kept["others"] else [name for name in counts if name not in kept["values"]]
    rows, before = sum(counts.values()), sum(kept["values"].values()) + kept["others"]
    gone = [n for n, c in kept["values"].items() if n not in counts and c / before * rows >= LEAST_EXPECTED]
    return {"new": new, "vanished": gone}


def distance(before: Bins, now: Bins) -> tuple[float, float]:
    """Return the PSI of counts in the same bins, what chance makes of it taken off, and p of the chi-squared test."""
    from scipy.stats import chi2_contingency

    old, new = _together(before, now)
    n, m, bins = old.sum(), new.sum(), len(old)
    if bins < 2 or not n or not m:
        return 0.0, 1.0
    shares = [(counts + 0.5) / (counts.sum() + 0.5 * bins) for counts in (old, new)]  # no bin is quite empty
    psi = float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))
    p = float(chi2_contingency(np.array([old, new]), correction=False)[1])
    return max(0.0, psi - (bins - 1) * (1 / n + 1 / m)), p


def _together(before: Bins, now: Bins) -> tuple[Bins, Bins]:
    """Take bins together of which too little is to be expected."""
    table = np.array([before, now])
    table = table[:, table.sum(axis=0) > 0]
    smaller = min(before.sum(), now.sum()) / max(table.sum(), 1.0)
    few = table.sum(axis=0) * smaller < LEAST_EXPECTED
    kept = table[:, ~few]
    rest = table[:, few].sum(axis=1, keepdims=True)
    if rest.sum() * smaller >= LEAST_EXPECTED or not kept.shape[1]:
        kept = np.hstack([kept, rest])
    elif rest.sum():
        kept[:, [int(np.argmin(kept.sum(axis=0)))]] += rest
    return kept[0], kept[1]


def _shift(psi: float, p: float) -> Shift:
    if p > LEVEL:
        return "none"
    return "strong" if psi >= STRONG else "moderate" if psi >= MODERATE else "slight"


def shifted(drift: Mapping[str, Any], shift: Shift, among: Sequence[str] | None = None) -> list[str]:
    """Return the features whose shift is so large, those of *among* if that is given."""
    found = [one["feature"] for one in drift["features"] if one["shift"] == shift]
    return [name for name in found if among is None or name in among]

"""Probes of the choice of rows: leaks that no feature is to blame for.

Kapoor and Narayanan (2023) found them in most of the fields they looked at: the same people in training and test (their
L1.4, L3.2), a test set of a time that the training knew (L3.1), and people who were chosen by their outcome (L3.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from limbeck.propensity.leaks.findings import FOLDS, Codes, Evidence, Finding, Numbers, area

if TYPE_CHECKING:
    import pandas as pd

TIMELY = 0.85
"""ROC-AUC of the time of the row alone: seasons stay below."""
SIDES = 0.01
"""Share of the test's rows whose person is known from the same time, or a later one."""
TWINS, TWIN_SHARE = 20, 0.01
"""Pairs of the same row under two identities: at least so many, and this share of the rows."""
RESEMBLANCE = 0.5
"""Correlation of the outcomes of such pairs, beyond what their features forecast."""
RARE = 3
"""Rows that share all their features by chance: at most so many look like one person."""
BEGINNERS, STILL, NOBODY = 0.08, 0.04, 0.001
"""Share of the rows with the least of something that only grows: in training and test at least, when asked at most."""
GROWS = 0.99
"""Share of the steps from a row of a person to the next one in which such a number does not fall."""


def time(evidence: Evidence) -> Iterator[Finding]:
    """Yield a finding if the time of the rows alone tells the outcome."""
    from sklearn.tree import DecisionTreeClassifier

    moments, labels = evidence.known["cutoff"], evidence.labels
    inputs = np.column_stack(
        [moments.astype("int64"), moments.dt.hour * 60 + moments.dt.minute, moments.dt.day_of_week]
    ).astype(float)
    across = np.empty(len(labels))
    for part in range(FOLDS):
        asked = evidence.fold == part
        tree = DecisionTreeClassifier(max_depth=6, min_samples_leaf=10, random_state=evidence.seed)
        across[asked] = _positive(tree.fit(inputs[~asked], labels[~asked]), inputs[asked])
    if (found := area(labels, across)) >= TIMELY:
        yield Finding(
            "time",
            (),
            {"roc_auc": found},
            f"the time at which a row is taken tells the outcome by itself (ROC-AUC {found:.3f}): people who reach the "
            "goal are looked at at another moment than those who do not, such as that of their conversion",
            "Take everybody's features at the same cutoffs, whatever happens afterwards",
        )


def _positive(model: Any, inputs: Any) -> Numbers:
    """Return the probability of reaching the goal, also where a model knows one outcome only."""
    found = model.predict_proba(inputs)
    return np.asarray(found[:, list(model.classes_).index(1.0)] if 1.0 in model.classes_ else np.zeros(len(found)))


def sides(evidence: Evidence) -> Iterator[Finding]:
    """Yield a finding if people of the test are known from the same time, or from a later one."""
    last = evidence.known.groupby("entity_id")["cutoff"].max()
    known = evidence.later["entity_id"].map(last) >= evidence.later["cutoff"]
    share = float(known.mean())
    if share >= SIDES:
        yield Finding(
            "sides",
            (),
            {"share": share},
            f"{100 * share:.0f} % of the rows of the test are of people of whom the training set holds a row of "
            "the same time or a later one: the model has seen their outcome",
            "Split by time, or by people, and never row by row: all cutoffs of the test after those of the training",
        )


def twins(evidence: Evidence) -> Iterator[Finding]:
    """Yield a finding if the same person seems to be there under two identities.

    One of the two is in the training and the other in the test, of the same cutoff: who share an account have the same
    rows as well, and split by time they tell nothing of each other. Rows may agree by chance; then their outcomes agree
    no more than those of people who look alike.
    """
    whole = evidence.both
    pairs = _pairs(whole, evidence.names, len(evidence.known))
    if len(pairs) < max(TWINS, TWIN_SHARE * len(whole)):
        return
    labels = whole["label"].to_numpy(float)
    first, second = labels[pairs[:, 0]], labels[pairs[:, 1]]
    if 0.0 in (float(first.std()), float(second.std())):
        return
    alike = float(np.corrcoef(first, second)[0, 1])
    chance = _chance(evidence, whole, pairs)
    if alike - chance >= RESEMBLANCE:
        yield Finding(
            "twins",
            (),
            {"pairs": len(pairs), "correlation": alike, "chance": chance},
            f"{len(pairs)} rows have a twin under another identity: the same features and cutoff, and nearly "
            f"always the same outcome (correlation {alike:.2f}; people who look alike come to {chance:.2f}). They are "
            "the same people twice, and the model is tested on whom it has learnt from",
            "Link the identities of a person, or take one of them, before the sets are made",
        )


def _pairs(whole: pd.DataFrame, names: list[str], known: int) -> Codes:
    """Return the numbers of rows that agree in cutoff and features, under two identities, where few do.

    The first is one of the *known* rows, which stand before those of the test; the second is one of the test.
    """
    if not names:
        return np.empty((0, 2), int)
    key = whole.groupby(["cutoff", *names], sort=False, dropna=False).ngroup().to_numpy()
    order = np.argsort(key, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(key[order])) + 1, len(order))
    starts = np.append(0, ends[:-1])
    few = (ends - starts >= 2) & (ends - starts <= RARE)
    found = np.column_stack([order[starts[few]], order[ends[few] - 1]])
    people = whole["entity_id"].to_numpy()
    apart: Codes = found[(people[found[:, 0]] != people[found[:, 1]]) & (found[:, 0] < known) & (found[:, 1] >= known)]
    return apart


def _chance(evidence: Evidence, whole: pd.DataFrame, pairs: Codes) -> float:
    """Return how much outcomes correlate of those who are nearest in forecast, without being twins."""
    from limbeck.propensity.leaks.quick import fitted

    model = fitted(evidence, evidence.personal)
    forecast, labels = model(whole), whole["label"].to_numpy(float)
    lonely = np.setdiff1d(np.arange(len(whole)), pairs.ravel())
    if len(lonely) < TWINS:
        rates = forecast[pairs[:, 0]]
        return float(np.var(rates)) / max(float(rates.mean() * (1 - rates.mean())), 1e-9)
    order = lonely[np.argsort(forecast[lonely], kind="stable")]
    left, right = labels[order[0:-1:2]], labels[order[1::2]]
    size = min(len(left), len(right))
    return float(np.nan_to_num(np.corrcoef(left[:size], right[:size])[0, 1]))


def survivors(evidence: Evidence) -> Iterator[Finding]:
    """Yield a finding if everybody who had begun has gone on: who did not seems to have been left out.

    A count of all time only grows, and who does not come again keeps the one of the first time. If such people are many
    at the old cutoffs, some are left at the scoring cutoff, unless people were chosen by what they did later.
    """
    if not evidence.is_asked or "object_id" in evidence.known:
        return
    sets = (evidence.known, evidence.later, evidence.scoring)
    for name in _growing(evidence):
        least = evidence.known[name].min()
        known, test, now = (float((frame[name] <= least).mean()) for frame in sets)
        if known >= BEGINNERS and test >= STILL and now <= NOBODY:
            yield Finding(
                "survivors",
                (),
                {"training": known, "test": test, "scoring": now},
                f"{100 * known:.0f} % of the rows of the training set and {100 * test:.0f} % of the test have {name} = "
                f"{least:g}, and nobody who is scored now: everybody has gone on, as people never do. Who did not "
                "seems to be left out of the data, so the rest had to reach the goal",
                "Load everybody who was there at the cutoffs, also those who never came again",
            )
            return


def _growing(evidence: Evidence) -> list[str]:
    """Return the features that do not fall from a row of a person to the next one."""
    import pandas as pd

    names = [name for name in evidence.personal if name in evidence.numeric]
    columns = ["entity_id", "cutoff", *names]
    whole = pd.concat([frame[columns] for frame in (evidence.known, evidence.later, evidence.scoring)])
    whole = whole.sort_values(["entity_id", "cutoff"], kind="stable")
    same = (whole["entity_id"] == whole["entity_id"].shift()).to_numpy()
    if not same.any():
        return []
    steps = whole[names].diff()[same]
    return [name for name in names if (steps[name] >= 0).mean() >= GROWS and (steps[name] > 0).any()]

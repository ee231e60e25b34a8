"""Tasks over a table of people, where nothing is known of events.

`bank_marketing/bank-additional-full.csv.gz` and `online_shoppers/online_shoppers_intention.csv.gz` are UCI's data sets
222 (Moro, Cortez and Rita 2014) and 468 (Sakar et al. 2019), both CC BY 4.0; `hillstrom_email/hillstrom.csv.gz` is
Kevin Hillstrom's e-mail test of 2008. Each is gzipped, else unchanged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from measures import Measured, Task
from sklearn.model_selection import StratifiedKFold

from limbeck.propensity import evaluate
from limbeck.propensity.fit import Modelling, fit, probability

Fold = tuple[np.ndarray, np.ndarray]
START = np.datetime64("2008-05-01", "ms")
HIDDEN = ("conversion", "spend")


def tasks(data: Path) -> Iterator[Task]:
    """Yield the tasks of the tables in *data*."""
    bank, shop, mail = partial(bank_marketing, data), partial(online_shoppers, data), partial(hillstrom, data)
    yield Task(
        "bank_marketing_10_fold",
        partial(judged, lambda: bank().assign(cutoff=START), ten_folds),
        {"roc_auc": 0.805, "pr_auc": 0.475, "lift_at_10": 4.61, "brier": 0.0762},
        0.008,
    )
    yield Task(
        "bank_marketing_rolling",
        partial(judged, bank, rolling),
        {"roc_auc": 0.746, "pr_auc": 0.525, "lift_at_10": 2.72, "brier": 0.156},
        0.010,
        {"roc_auc": "0.80 on 150 features of a larger set (Moro et al. 2014)"},
    )
    yield Task(
        "online_shoppers_10_fold",
        partial(judged, shop, ten_folds),
        {"roc_auc": 0.936, "pr_auc": 0.758, "lift_at_10": 5.14},
        0.005,
        {"roc_auc": "0.937, split not checked (PMC10121810)", "pr_auc": "0.754"},
    )
    yield Task(
        "online_shoppers_in_time",
        partial(judged, lambda: shop().drop(columns="Month"), lambda _: [late(shop()["Month"])]),
        {"roc_auc": 0.840, "pr_auc": 0.668, "lift_at_10": 3.76},
        0.013,
    )
    yield Task(
        "online_shoppers_no_PageValues",
        partial(judged, lambda: shop().drop(columns="PageValues"), ten_folds),
        {"roc_auc": 0.790, "pr_auc": 0.379, "lift_at_10": 2.88},
        0.010,
    )
    yield Task(
        "hillstrom_visit",
        partial(judged, mail, ten_folds),
        {"roc_auc": 0.648, "pr_auc": 0.230, "lift_at_10": 1.86},
        0.005,
    )


def judged(table: Callable[[], pd.DataFrame], folds: Callable[[pd.DataFrame], Iterable[Fold]]) -> Measured:
    """Return the measures of the pooled forecasts of the folds' second rows, each by a model of its first rows."""
    frame = table()
    rows, forecasts, chosen = [], [], Counter[str]()
    for known, later in folds(frame):
        fitted = fit(frame.iloc[known], Modelling(), 0, print, lambda cutoff: cutoff)
        rows.append(later)
        forecasts.append(probability(fitted.model, frame.iloc[later]))
        chosen[f"{fitted.champion.candidate.name}, calibration {fitted.method}"] += 1
    asked = frame.iloc[np.concatenate(rows)]
    labels, scores = asked["label"].to_numpy(float), np.concatenate(forecasts)
    told = "; ".join(f"{count} × {name}" if len(rows) > 1 else name for name, count in chosen.most_common())
    return Measured(evaluate.evaluate(asked["entity_id"].to_numpy(), labels, scores, 500, 0), told)


# -- protocols ----------------------------------------------------------------------------------------------------


def ten_folds(frame: pd.DataFrame) -> Iterable[Fold]:
    """Return stratified folds of everybody, shuffled by seed 0."""
    found: Iterable[Fold] = StratifiedKFold(10, shuffle=True, random_state=0).split(frame, frame["label"])
    return found


def rolling(frame: pd.DataFrame) -> Iterable[Fold]:
    """Yield the 20,000 rows before each 2,000 from row 28,000 on, in the file's order, which is that of time."""
    for begin in range(28_000, len(frame), 2_000):
        yield np.arange(begin - 20_000, begin), np.arange(begin, min(begin + 2_000, len(frame)))


def late(month: pd.Series) -> Fold:
    """Return February to October, and the two months after."""
    is_late = month.isin(["Nov", "Dec"]).to_numpy()
    return np.flatnonzero(~is_late), np.flatnonzero(is_late)


# -- tables -------------------------------------------------------------------------------------------------------


def bank_marketing(data: Path) -> pd.DataFrame:
    """Return the calls in order of time, without `duration`, which is known only after the outcome."""
    table = pd.read_csv(data / "bank_marketing" / "bank-additional-full.csv.gz", sep=";").drop(columns="duration")
    hours = START + np.arange(len(table)).astype("timedelta64[h]")
    return with_keys(table.drop(columns="y"), table["y"] == "yes", hours)


def online_shoppers(data: Path) -> pd.DataFrame:
    """Return the sessions; codes are categories."""
    table = pd.read_csv(data / "online_shoppers" / "online_shoppers_intention.csv.gz", sep=";")
    codes = ["OperatingSystems", "Browser", "Region", "TrafficType"]
    table = table.assign(**{name: table[name].astype(str) for name in codes}, Weekend=table["Weekend"].astype(float))
    return with_keys(table.drop(columns="Revenue"), table["Revenue"], START)


def hillstrom(data: Path) -> pd.DataFrame:
    """Return the customers with what was known before the mailing, and the arm they were in."""
    table = pd.read_csv(data / "hillstrom_email" / "hillstrom.csv.gz").drop(columns=list(HIDDEN))
    return with_keys(table.drop(columns="visit"), table["visit"], START)


def with_keys(features: pd.DataFrame, label: pd.Series, cutoff: np.ndarray | np.datetime64) -> pd.DataFrame:
    """Return a feature set of one row a person."""
    people = [f"p{n:06d}" for n in range(len(features))]
    return features.assign(entity_id=people, cutoff=cutoff, label=label.astype("int32"))

"""Uplift by arm of an e-mail test: whom a mail changes, learnt on one half of the people and judged on the other.

Kevin Hillstrom's customers (2008) were mailed by chance: a third each a men's e-mail, a women's, or none. For each of
ten halvings of the people models are fitted on one half, and the effect on visits is taken among the 30 % of the other
half with the highest predicted uplift, by plain differences of means; the range is 1.96 standard deviations of the ten.
The average effect is that of `experiment`, cross-fitted over all of them, and so are the Qini coefficient (visits per
100 people), and by how much it exceeds that of choosing by propensity. All is in points.

The anchor of an average is the plain difference of the arms' rates, for any e-mail that of the halves. Any e-mail's
best 30 % have that of two untuned LightGBM models by the same protocol, ± 0.8 points over the halvings.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from measures import Measured, Task

from limbeck.propensity.evaluate import Measure
from limbeck.propensity.experiment import experiment
from limbeck.propensity.uplift import ESTIMATORS, TREATED, Learning, fit

TOP, HALVINGS = 0.3, 10
OUTCOMES = ("segment", "visit", "conversion", "spend")
NONE = "No E-Mail"
ARMS = {"mens": ("Mens E-Mail",), "womens": ("Womens E-Mail",), "any": ("Mens E-Mail", "Womens E-Mail")}
ANCHORS = {
    "mens": ({"average": 7.66}, 0.66),
    "womens": ({"average": 4.52}, 0.64),
    "any": ({"average": 6.2, "logistic, two models": 7.7, "lightgbm, two models": 7.7}, 0.54),
}
"""By measure, and half of the 95 % interval of the average."""
NAMES = {"two_model": "two models", "transformed_outcome": "transformed"}


def tasks(data: Path) -> Iterator[Task]:
    """Yield a task for each arm of the test in *data*, and one for any e-mail."""
    for arm, (anchor, half) in ANCHORS.items():
        yield Task(f"hillstrom_uplift_{arm}", partial(run, data, arm), anchor, half, judged_by="average")


def run(data: Path, arm: str) -> Measured:
    """Return what an e-mail changes, and among the best 30 % by candidate and estimator."""
    frame = customers(data, arm)
    found = experiment(frame, Learning())
    qini = found["rankings"]["two_model"]["qini"]
    beyond = found["beyond"]["propensity"]
    values = {"average": in_points(found["average"]), "qini": in_points(qini), "beyond propensity": in_points(beyond)}
    for candidate in ("logistic", "lightgbm"):
        values |= best(frame, candidate)
    return Measured(values, " ".join(line for line in found["told"] if "hoosing by uplift" in line))


def customers(data: Path, arm: str) -> pd.DataFrame:
    """Return the customers of an arm and those without e-mail, as an experiment on visits.

    What came of the e-mail besides is no feature.
    """
    table = pd.read_csv(data / "hillstrom_email" / "hillstrom.csv.gz")
    table = table[table["segment"].isin((*ARMS[arm], NONE))].reset_index(drop=True)
    ids, treated = [f"c{n}" for n in range(len(table))], (table["segment"] != NONE).astype(int)
    return table.drop(columns=list(OUTCOMES)).assign(**{"entity_id": ids, TREATED: treated, "label": table["visit"]})


def best(frame: pd.DataFrame, candidate: str) -> dict[str, Measure]:
    """Return the effect among the 30 % with the highest uplift, by estimator: its mean over the halvings."""
    found: dict[str, list[float]] = {name: [] for name in ESTIMATORS}
    for seed in range(HALVINGS):
        order = np.random.default_rng(seed).permutation(len(frame))
        known, other = (frame.iloc[half].reset_index(drop=True) for half in np.array_split(order, 2))
        chance = np.full(len(known), known[TREATED].mean())
        forecasts = fit(known, chance, Learning(candidate=candidate), seed).forecast(other)
        for name, uplift in forecasts.uplift.items():
            chosen = np.argsort(-uplift, kind="stable")[: round(TOP * len(other))]
            found[name].append(difference(other.iloc[chosen]))
    return {f"{candidate}, {NAMES[name]}": spread(effects) for name, effects in found.items()}


def difference(frame: pd.DataFrame) -> float:
    """Return by how many points more of the treated visited."""
    rates = frame.groupby(TREATED)["label"].mean()
    return 100 * float(rates[1] - rates[0])


def spread(effects: list[float]) -> Measure:
    """Return the mean of several effects, and the range in which 95 % of such lie."""
    mean, wide = float(np.mean(effects)), 1.96 * float(np.std(effects, ddof=1))
    return {"value": mean, "low": mean - wide, "high": mean + wide}


def in_points(measure: Measure) -> Measure:
    """Return a share in points."""
    return {end: 100 * measure[end] for end in ("value", "low", "high")}

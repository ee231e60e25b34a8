"""What an experiment tells: what the treatment adds, to whom, and how sure that is.

The verdicts are stated with their error: where the treatment changes everybody alike, at most 2.5 experiments in 100
are said to have found whom it changes more (`SIGNIFICANT`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from limbeck.propensity import qini, uplift
from limbeck.propensity.evaluate import Measure, Numbers, Ranking
from limbeck.propensity.qini import Gains, Judged, effect_scores, outcome_scores
from limbeck.propensity.uplift import TREATED, Forecasts, Learning

if TYPE_CHECKING:
    import pandas as pd

SIGNIFICANT = 0.025
"""Chance of a ranking's Qini under no difference between people, below which it is believed."""
BASELINES = {"score": "the score", "propensity": "propensity"}
"""Rankings that uplift is compared with, the first that there is, with their names for readers."""
UNBALANCED = 4.0
"""Standard errors from which on the features tell who was treated, so that chance alone did not decide."""
GROUPS = ("persuadable", "sure thing", "lost cause", "sleeping dog")


def experiment(
    frame: pd.DataFrame,
    learning: Learning | None = None,
    seed: int = 0,
    *,
    chance: float | str | None = None,
    least: float | None = None,
    scores: Numbers | None = None,
) -> dict[str, Any]:
    """Return what an experiment tells, as JSON values (docs/uplift.md names them all).

    *frame* has a row for each person, with `entity_id`, `label` (converted or not), `treated` (1 or 0) and features
    known before the treatment. *chance* is the known probability of being treated, or the column that holds it; None
    takes the share of the treated, or, where the features tell who was treated, what they tell. *least* is the uplift
    that makes a group's name (cost ÷ value where money is known). *scores*, of a forecast that has not seen these
    labels, are judged as a ranking too. Raise `InvalidInput` for a frame that is no experiment.
    """
    how = learning or Learning()
    uplift.check(frame, chance)
    learnt = uplift.learnable(frame)
    balance = _balance(frame, how, seed) if learnt and not isinstance(chance, str) else None
    chances = chances_of(frame, chance, how, seed, by_chance=balance is None or balance["by_chance"])
    frame = frame.drop(columns=chance) if isinstance(chance, str) else frame
    forecasts = uplift.cross_fit(frame, chances, how, seed) if learnt else _means(frame)
    labels, treated = frame["label"].to_numpy(float), frame[TREATED].to_numpy(float)
    effects = effect_scores(labels, treated, chances, forecasts.treated, forecasts.control)
    judged = Judged(frame["entity_id"].to_numpy(), effects, how.resamples, seed)
    rankings = dict(_rankings(judged, forecasts, chances, scores, learnt=learnt))
    found: dict[str, Any] = {
        "people": int(frame["entity_id"].nunique()),
        "arms": {name: _arm(labels[treated == arm]) for name, arm in (("treated", 1), ("control", 0))},
        "balance": balance,
        "average": judged.average(),
        "learning": {"estimator": how.estimator, "candidate": how.candidate, "folds": how.folds},
        "rankings": {name: gains.shown() for name, gains in rankings.items()},
    }
    found |= {"detectable": qini.detectable(found["average"])}
    found |= {"needed": qini.needed(found["average"], found["people"])}
    if learnt:
        ranking = uplift.within_folds(forecasts.uplift[how.estimator], forecasts.fold)
        found |= {"tenths": judged.tenths(ranking), **_groups(judged, forecasts, how, found["average"], least)}
        found["beyond"] = {n: rankings[how.estimator].beyond(rankings[n]) for n in BASELINES if n in rankings}
        outcomes = outcome_scores(labels, treated, chances, forecasts.treated)
        found["if_treated"] = _rates(Judged(frame["entity_id"].to_numpy(), outcomes, how.resamples, seed), ranking)
    return found | {"told": list(told(found))}


def _arm(labels: Numbers) -> dict[str, float]:
    return {"people": len(labels), "converters": int(labels.sum()), "rate": float(labels.mean())}


def _balance(frame: pd.DataFrame, how: Learning, seed: int) -> dict[str, Any]:
    """Return how well the features tell who was treated; chance alone gives a ROC-AUC of 0.5, within its error."""
    treated = frame[TREATED].to_numpy(float)
    scores = uplift.estimated_chance(frame, how.folds, seed)
    positive, negative = Ranking(treated, scores).counts(np.ones(len(treated)))
    area = float(np.trapezoid(positive / positive[-1], negative / negative[-1]))
    error = np.sqrt((len(treated) + 1) / (12 * positive[-1] * negative[-1]))
    sigmas = float((area - 0.5) / error)
    return {"roc_auc": area, "sigmas": sigmas, "by_chance": sigmas < UNBALANCED}


def chances_of(
    frame: pd.DataFrame, chance: float | str | None, how: Learning, seed: int, *, by_chance: bool
) -> Numbers:
    """Return each row's chance of being treated: as it is known, or the share of the treated.

    Where chance alone did not decide, and none is known, it is what the features tell.
    """
    if isinstance(chance, str):
        return frame[chance].to_numpy(float)
    if chance is None and not by_chance:
        return uplift.estimated_chance(frame, how.folds, seed)
    return np.full(len(frame), frame[TREATED].mean() if chance is None else chance)


def _means(frame: pd.DataFrame) -> Forecasts:
    """Return the rates of the arms as everybody's forecast, where there is too little to learn from."""
    treated, label = frame[TREATED].to_numpy(), frame["label"].to_numpy(float)
    with_it, without = (np.full(len(frame), label[treated == arm].mean()) for arm in (1, 0))
    return Forecasts(with_it, without, {})


def _rankings(
    judged: Judged, forecasts: Forecasts, chances: Numbers, scores: Numbers | None, *, learnt: bool
) -> Iterator[tuple[str, Gains]]:
    """Yield the rankings by name: uplift by each estimator, `propensity` by these models, and `score`."""
    if learnt:
        for name, values in forecasts.uplift.items():
            yield name, judged.gains(uplift.within_folds(values, forecasts.fold), cross_fitted=True)
        propensity = chances * forecasts.treated + (1 - chances) * forecasts.control
        yield "propensity", judged.gains(uplift.within_folds(propensity, forecasts.fold), cross_fitted=False)
    if scores is not None:
        yield "score", judged.gains(np.asarray(scores, float), cross_fitted=False)


def _rates(judged: Judged, ranking: Numbers) -> list[dict[str, float]]:
    """Return the rate of converting if treated by share of the people, those ranked highest first, with its range."""
    rows = judged.gains(ranking, cross_fitted=True).by_share()
    return [{"share": row["share"], **{end: min(max(row[end], 0.0), 1.0) for end in qini.ENDS}} for row in rows]


# -- the four groups ----------------------------------------------------------------------------------------------


def name_groups(treated: Numbers, control: Numbers, least: float, usual: float) -> NDArray[np.int64]:
    """Return each person's group, as an index into `GROUPS`, by the forecasts with and without treatment.

    Who gains at least *least* is a persuadable, who loses as much a sleeping dog; of the others those who convert with
    at least the *usual* rate anyway are sure things, the rest lost causes. Nobody's group is ever seen.
    """
    gain = treated - control
    return np.select([gain >= least, gain <= -least, control >= usual], [0, 3, 1], 2)


def _groups(
    judged: Judged, forecasts: Forecasts, how: Learning, average: Measure, least: float | None
) -> dict[str, Any]:
    usual = float(forecasts.control.mean())
    pays = max(abs(average["value"]) / 2, usual / 10) if least is None else least
    gain = forecasts.uplift[how.estimator]
    kind = name_groups(forecasts.control + gain, forecasts.control, pays, usual)
    found = {}
    for number, name in enumerate(GROUPS):
        rows = kind == number
        effect = judged.average(rows) if rows.any() else None
        found[name] = {
            "people": int(rows.sum()),
            "share": float(rows.mean()),
            "forecast": float(gain[rows].mean()) if rows.any() else None,
            "control": float(forecasts.control[rows].mean()) if rows.any() else None,
            "effect": effect,
            "shown": effect is not None and _shown(name, effect, average),
        }
    return {"least": pays, "usual": usual, "groups": found}


def _shown(name: str, effect: Measure, average: Measure) -> bool:
    """Whether the experiment bears the name out: the measured effect's whole range is on the name's side."""
    if name == "persuadable":
        return effect["low"] > 0
    if name == "sleeping dog":
        return effect["high"] < 0
    return effect["high"] < average["value"]


# -- in words -----------------------------------------------------------------------------------------------------


def told(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the experiment tells in sentences."""
    arms, average, balance = found["arms"], found["average"], found["balance"]
    yield (
        f"{arms['treated']['people']:,} were treated, and {arms['treated']['rate']:.2%} of them converted; of "
        f"{arms['control']['people']:,} who were not, {arms['control']['rate']:.2%} did. Adjusted for their "
        f"features, the treatment changes that by {points(average)}."
    )
    if average["low"] <= 0 <= average["high"]:
        more = f"; for one like this it would take about {found['needed']:,} people" if found["needed"] else ""
        yield (
            "The range holds 0: no evidence that it does anything. An experiment of this size finds effects from "
            f"{100 * found['detectable']:.1f} points on{more}."
        )
    if balance is not None and not balance["by_chance"]:
        yield (
            f"Chance alone did not decide who was treated: the features tell it (ROC-AUC {balance['roc_auc']:.3f}, "
            f"{balance['sigmas']:.0f} standard errors from chance). Effects are adjusted for the features, and for "
            "nothing else that differed; do not take them for those of an experiment."
        )
    yield from _targeting(found)


def _targeting(found: Mapping[str, Any]) -> Iterator[str]:
    if "groups" not in found:
        fewest = min(min(a["converters"], a["people"] - a["converters"]) for a in found["arms"].values())
        yield (
            f"Too few to learn whom it changes: an arm has {fewest} of one outcome, and at least {uplift.LEAST} are "
            "needed. The average is all that can be told."
        )
        return
    ranked = found["rankings"][found["learning"]["estimator"]]
    value = ranked["qini"]
    if value["p"] < SIGNIFICANT:
        best = ranked["by_share"][29]
        yield (
            f"Choosing by uplift finds whom it changes (Qini {_qini(value)}): in the 30 % with the highest uplift it "
            f"changes the rate by {points(best)}."
        )
    yield from doubts(found)
    dogs = found["groups"]["sleeping dog"]
    if dogs["people"]:
        sure = "they are better left alone" if dogs["shown"] else "which the experiment does not bear out"
        yield f"{dogs['people']:,} look like sleeping dogs: {points(dogs['effect'])} if treated; {sure}."


def doubts(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what speaks against choosing by uplift: that the experiment does not show it to be better."""
    value = found["rankings"][found["learning"]["estimator"]]["qini"]
    if value["p"] >= SIGNIFICANT:
        needed = qini.needed(value, found["people"]) if value["value"] > 0 else None
        more = f" If there is a difference of this size, about {needed:,} people would show it." if needed else ""
        yield (
            "No evidence that choosing by uplift is better than choosing at random, or than contacting everybody "
            f"(Qini {_qini(value)}).{more}"
        )
    name, beyond = next(iter(found["beyond"].items()))
    if beyond["p"] >= SIGNIFICANT:
        yield (
            f"No evidence that choosing by uplift is better than choosing by {BASELINES[name]} (difference of the Qini "
            f"{_qini(beyond)})."
        )


def points(measure: Measure) -> str:
    """Return an effect in percentage points, with its range."""
    value, low, high = (f"{100 * measure[end]:+.1f}" for end in qini.ENDS)
    return f"{value} points ({low} to {high})"


def _qini(measure: Mapping[str, float]) -> str:
    return "{value:.4f}, {low:.4f} to {high:.4f}, p = {p:.3f}".format(**measure)

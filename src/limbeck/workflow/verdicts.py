"""What the evaluation says, in the words of somebody who decides over a campaign: sentences with their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from limbeck.propensity.planner import Reach

Evaluation = Mapping[str, Any]

NEAR = 0.1
"""Of the base rate, or of the number that was forecast: errors up to this matter to no campaign."""
FALL = 0.02
"""Of ROC-AUC: what is less matters to no campaign."""
WELL = 0.7
"""ROC-AUC from which on a model is called good."""
LIKELY = 0.05
"""Share of the groups that lie outside a 95 % interval by chance."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that the evaluation says."""

    mark: Literal["good", "fair", "bad", "todo"]
    head: str
    told: str


def verdicts(
    evaluation: Evaluation, chosen: Reach | None, truth: Mapping[str, Any] | None, doubts: Sequence[str] = ()
) -> list[Verdict]:
    """Return what is to be known before anything else, and at the end what is to be done.

    *doubts* speak against choosing by uplift, if that is how people are *chosen*.
    """
    found = [ranking(evaluation), compared(evaluation), trusted(evaluation), sure(evaluation)]
    right = found[2].mark != "bad"  # else it is not the groups' fault
    groups = among_groups(evaluation["groups"]) if right else None
    more = (stable(evaluation["moments"]), groups, achieved(truth) if truth else None)
    return [*found, *(verdict for verdict in more if verdict is not None), advice(evaluation, chosen, doubts)]


def ranking(evaluation: Evaluation) -> Verdict:
    """Say how well the model tells who will convert."""
    area, lift, gain = evaluation["test"]["roc_auc"], evaluation["test"]["lift_at_10"], evaluation["tenths"][0]["gain"]
    told = (
        f"The tenth of the people with the highest scores held {_percent(gain)} of all who reached the goal, "
        f"{lift['value']:.1f} times as many as a tenth taken at random. Of two people of whom one reached it, that one "
        f"had the higher score {_of_hundred(area)} times in 100; 50 is guessing."
    )
    if area["low"] <= 0.5:
        return Verdict("bad", "It cannot be told from guessing", told)
    if area["value"] < WELL:
        return Verdict("fair", "It finds who will, better than chance, but not well", told)
    return Verdict("good", "It finds who will", told)


def compared(evaluation: Evaluation) -> Verdict:
    """Say whether the model is worth more than what comes without one."""
    beyond = {name: found["roc_auc"] for name, found in evaluation["beyond"].items()}
    told = ", and ".join(_more_often(one, evaluation["compared_with"][name]) for name, one in beyond.items())
    told = f"Of two such people it ranks the right one first {told}."
    if all(one["low"] > 0 for one in beyond.values()):
        return Verdict("good", "It is better than what comes without a model", told)
    if any(one["high"] < 0 for one in beyond.values()):
        return Verdict("bad", "It is worse than what comes without a model: take that", told)
    return Verdict("fair", "It is not surely better than what comes without a model", told)


def _more_often(beyond: Mapping[str, float], features: Sequence[str]) -> str:
    value, low, high = (100 * beyond[end] for end in ("value", "low", "high"))
    side = "more" if value >= 0 else "less"
    alone = "alone" if len(features) == 1 else "together"
    return f"{abs(value):.1f} times in 100 {side} often than {', '.join(features)} {alone} ({low:+.1f} to {high:+.1f})"


def trusted(evaluation: Evaluation) -> Verdict:
    """Say whether scores can be read as probabilities."""
    error, chance, base = evaluation["test"]["calibration_error"], evaluation["chance"], evaluation["base_rate"]
    ratio = evaluation["test"]["observed_to_expected"]
    came = evaluation["small"]["converters"]
    told = f"{came / max(ratio['value'], 1e-9):,.0f} conversions were forecast for the test, {came:,} came"
    if (ratio["low"] > 1 or ratio["high"] < 1) and abs(ratio["value"] - 1) > NEAR:
        side = "too low" if ratio["value"] > 1 else "too high"
        told += (
            f": {ratio['value']:.2f} for each that was forecast ({ratio['low']:.2f} to {ratio['high']:.2f}). Who is "
            "ranked above whom is not touched by that, and what is said here of whom to choose goes by what came."
        )
        if _were_right([m for m in evaluation["moments"] if m["set"] != "test" and m["measures"]]):
            told += " At the cutoffs before, the forecasts were right: something has moved since."
        return Verdict("bad", f"The probabilities are {side}", told)
    told += (
        f". In tenths of the people by score, forecast and outcome lie {100 * error['value']:.2f} percentage points "
        f"apart; by chance alone, right forecasts lie {100 * chance['value']:.2f} apart "
        f"(up to {100 * chance['high']:.2f})."
    )
    if error["value"] <= max(chance["high"], NEAR * base):
        return Verdict("good", "The probabilities can be trusted", told)
    return Verdict("fair", "The probabilities are right on the average, but not at every height", told)


def _were_right(moments: Sequence[Mapping[str, Any]]) -> bool:
    ratios = [moment["measures"]["observed_to_expected"]["value"] for moment in moments]
    return bool(ratios) and all(abs(ratio - 1) <= NEAR for ratio in ratios)


def sure(evaluation: Evaluation) -> Verdict:
    """Say how much the numbers themselves are to be trusted."""
    small = evaluation["small"]
    several = sum(moment["set"] == "test" for moment in evaluation["moments"]) > 1
    counted = " (counted at each cutoff)" if several else ""
    told = (
        f"The test has {small['converters']:,} who reached the goal{counted}: how often the right one of two is ranked "
        f"first is known to ± {100 * small['half']:.1f} in 100."
    )
    if not small["further"]:
        return Verdict("good", "There are enough people to say so", told)
    further = f" To know it to ± {100 * small['wanted']:g}, {small['further']:,} more would be needed."
    return Verdict("fair", "There are few people to say so", told + further)


def stable(moments: Sequence[Mapping[str, Any]]) -> Verdict | None:
    """Say whether the model does as well at one time as at another; None if there is one time only."""
    areas = [(m["since"], m["set"], m["measures"]["roc_auc"]) for m in moments if "roc_auc" in m["measures"]]
    if len(areas) < 2:
        return None
    worst, best = (f(areas, key=lambda a: a[2]["value"]) for f in (min, max))
    told = (
        f"Over {len(areas)} cutoffs ROC-AUC was between {worst[2]['value']:.3f} ({day(worst[0])}) and "
        f"{best[2]['value']:.3f} ({day(best[0])})."
    )
    tested = [moment for moment in moments if "beside" in moment]
    lower, off = [m for m in tested if _is_lower(m["beside"]["roc_auc"])], _off(tested)
    told += "".join(_said_of(moment, lower=True) for moment in lower) + "".join(map(_said_of, off))
    if lower or worst[2]["high"] < best[2]["low"]:
        return Verdict("fair", "It does better at some times than at others", told)
    if off:
        return Verdict("fair", "Its probabilities are right at some times, and wrong at others", told)
    if tested:
        told += f" None of the {len(tested)} cutoffs of the test is worse than the others beyond chance."
    return Verdict("good", "It does as well at one time as at another", told)


def _is_lower(beside: Mapping[str, float]) -> bool:
    return beside["high"] < 0 and beside["value"] <= -FALL


def _off(tested: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the cutoffs at which the level is wrong; none if all are wrong on one side, which is told elsewhere."""
    ratios = [(moment, moment["beside"]["observed_to_expected"]) for moment in tested]
    found = [(m, r) for m, r in ratios if abs(r["value"] - 1) > NEAR and not r["low"] <= 1 <= r["high"]]
    sides = {ratio["value"] > 1 for _, ratio in found}
    return [] if len(found) == len(tested) and len(sides) == 1 else [moment for moment, _ in found]


def _said_of(moment: Mapping[str, Any], *, lower: bool = False) -> str:
    beside, at = moment["beside"], f" At the test cutoff {day(moment['since'])}"
    if lower:
        area = beside["roc_auc"]
        return (
            f"{at} it is worse than at the others beyond chance: ROC-AUC is lower by {-area['value']:.3f} "
            f"({-area['high']:.3f} to {-area['low']:.3f})."
        )
    ratio = beside["observed_to_expected"]
    return f"{at} {ratio['value']:.2f} came per forecast conversion ({ratio['low']:.2f} to {ratio['high']:.2f})."


def outside(groups: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the groups whose forecast is off by more than a tenth and than chance, of those that are not small."""
    able = (g for g in groups if not g["small"] and abs(g["observed"]["value"] - g["expected"]) > NEAR * g["expected"])
    found = [g for g in able if not g["observed"]["low"] <= g["expected"] <= g["observed"]["high"]]
    return sorted(found, key=lambda g: -g["rows"] * abs(g["observed"]["value"] - g["expected"]))


def among_groups(groups: Sequence[Mapping[str, Any]]) -> Verdict | None:
    """Say whether forecasts are right in parts of the people too; None if there are no groups to ask."""
    asked, found = sum(not group["small"] for group in groups), outside(groups)
    if not asked:
        return None
    told = (
        f"In {len(found)} of {asked} groups forecast and outcome differ by more than a tenth, and more than by chance"
    )
    told += f"; {LIKELY * asked:.0f} would by chance alone." if LIKELY * asked >= 1 else "."
    told += "".join(
        f" {g['feature']} {g['value']}: {g['expected']:.1%} forecast, {g['observed']['value']:.1%} came."
        for g in found[:2]
    )
    if len(found) <= max(1, 2 * LIKELY * asked):
        return Verdict("good", "It is right about groups of people too", told)
    return Verdict("fair", "It is wrong about some groups of people", told)


def achieved(truth: Mapping[str, Any]) -> Verdict:
    """Say how near the model comes to what is possible, where that is known."""
    areas = truth["roc_auc"]
    told = (
        f"These people are synthetic, so it is known what can be known of them: whoever knew everybody's true "
        f"probability would rank the right one of two first {100 * areas['oracle']:.0f} times in 100, as outcomes are "
        f"partly luck; the model does {100 * areas['model']:.0f} times."
    )
    mark: Literal["good", "fair"] = "good" if areas["share"] >= 0.9 else "fair"
    return Verdict(mark, f"It goes {areas['share']:.0%} of the way from guessing to what is possible", told)


def advice(evaluation: Evaluation, chosen: Reach | None, doubts: Sequence[str] = ()) -> Verdict:
    """Say what is to be done."""
    if chosen is not None and chosen.by == "uplift":
        return _contact(chosen, doubts)
    if evaluation["test"]["roc_auc"]["low"] <= 0.5:
        told = "More people, other features or a longer time after the cutoff may help."
        return Verdict("todo", "Do not choose by these scores", told)
    if chosen is None:
        told = "A section [audience] in the definition chooses those with the best scores, by top = 0.1 for instance."
        return Verdict("todo", "Choose whom to address", told)
    found = chosen.conversions
    head = f"the {chosen.people:,} people who are chosen"
    told = (
        f"{chosen.share:.0%} of all, with a score of {chosen.threshold:.3f} or more. {found['value']:,.0f} of them are "
        f"expected to reach the goal ({found['low']:,.0f} to {found['high']:,.0f}); of as many taken at random, about "
        f"{chosen.people * evaluation['base_rate']:,.0f}."
    )
    if held := chosen.people - chosen.contacted:
        head = f"{chosen.contacted:,} of {head}"
        told += f" The other {held:,} are held out by chance, to see afterwards what the contact did."
    return Verdict("todo", f"Address {head}", told)


def _contact(chosen: Reach, doubts: Sequence[str]) -> Verdict:
    """Say whom to contact, of people who are chosen by what a contact changes."""
    head, told = f"{chosen.contacted:,} of the {chosen.people:,} people who are chosen by uplift", ""
    if (added := chosen.incremental) is not None:
        told = (
            f"{chosen.share:.0%} of all, with a predicted uplift of {100 * chosen.threshold:.1f} points or more. "
            f"Contacting them adds {added['value']:,.0f} conversions ({added['low']:,.0f} to {added['high']:,.0f}), by "
            "the experiment."
        )
    return Verdict("todo", f"Address {head}", " ".join([told, *doubts]))


def day(moment: str) -> str:
    """Return a moment in ISO form, without the time if that is midnight."""
    return moment.removesuffix("T00:00:00").replace("T", " ")


def _percent(measure: Mapping[str, float]) -> str:
    return f"{measure['value']:.0%} ({measure['low']:.0%} to {measure['high']:.0%})"


def _of_hundred(measure: Mapping[str, float]) -> str:
    return f"{100 * measure['value']:.0f} ({100 * measure['low']:.0f} to {100 * measure['high']:.0f})"

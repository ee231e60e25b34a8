"""The parts of the report that say what the forecast is worth: to a marketer in words, to a statistician in tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from limbeck.workflow import pictures, verdicts
from limbeck.workflow.page import details, picture, section, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from limbeck.workflow.planning import Planned

Found = Mapping[str, Any]

RANKS = {
    "roc_auc": ("ROC-AUC", "chance that who converts is ranked above who does not; 0.5 is guessing, 1 is perfect"),
    "pr_auc": ("PR-AUC", "average share of converters among the chosen; guessing gives the base rate"),
    "lift_at_10": ("Lift at 10 %", "how many times the base rate the tenth with the highest scores converts"),
    "brier": ("Brier score", "mean squared error of the probabilities; smaller is better"),
    "log_loss": ("Log loss", "mean surprise at the outcomes, in nats; smaller is better, and hard on false certainty"),
}
"""Measures by which methods are compared."""
TRUSTS = {
    "calibration_error": ("Calibration error", "mean distance of forecast and outcome in tenths by score; 0 is right"),
    "observed_to_expected": ("Observed to expected", "conversions for each that was forecast; 1 is right"),
    "calibration_intercept": ("Calibration intercept", "the same in log odds; 0 is right, above it more came"),
    "calibration_slope": ("Calibration slope", "below 1, high forecasts are too high and low ones too low; 1 is right"),
}
"""Measures of whether scores are probabilities."""
MEASURES = RANKS | TRUSTS
RANKED_BY = {"model": "the model", "rule": "one rule, no model", "rfm": "recency, frequency, money"}
FEW = 12
"""Groups that are shown at once; a reader opens the others."""


def short(evaluation: Found, planned: Planned | None, truth: Found | None) -> str:
    """Return what is to be done, and what is to be known before, as a list of sentences."""
    chosen, doubts = (planned.chosen, planned.doubts) if planned else (None, ())
    *known, to_do = verdicts.verdicts(evaluation, chosen, truth, doubts)
    items = "".join(
        f'<li class="{found.mark}"><b>{escape(found.head)}.</b> {escape(found.told)}</li>\n'
        for found in (to_do, *known)
    )
    return f'<ul class="verdicts">\n{items}</ul>\n'


# -- ranking ------------------------------------------------------------------------------------------------------


def quality(evaluation: Found) -> str:
    """Return the measures of the model beside those of what comes without one."""
    baselines = evaluation["baselines"]
    head = ["measure", *(escape(_ranked_by(evaluation, name)) for name in ("model", *baselines))]
    rows = []
    for name, told in RANKS.items():
        cells = [measured(evaluation["test"][name])]
        for other, found in baselines.items():
            beyond = evaluation["beyond"][other][name]
            cells.append(f"{measured(found[name])}<br><span class='range'>model {_signed(beyond)}</span>")
        rows.append([_named(told), *cells])
    note = (
        f'<p class="quiet">In brackets: where 95 % of {evaluation["resamples"]:,} resamples of the people lie. Below a '
        "method: by how much the model exceeds it on the same resamples; a range without 0 is a difference beyond "
        "chance (of Brier score and log loss, less is better).</p>\n"
    )
    return section("How good it is, and compared to what", table(head, rows, numbers=True) + note)


def _ranked_by(evaluation: Found, name: str) -> str:
    features = ", ".join(evaluation["compared_with"].get(name, ()))
    return RANKED_BY.get(name, name) + (f": {features}" if features else "")


def ranking(evaluation: Found) -> str:
    """Return the curves, and the tenths of the people."""
    curves = evaluation["curves"]
    drawn = {
        "ROC curve": pictures.roc(curves),
        "Precision-recall curve": pictures.precision_recall(curves, evaluation["base_rate"]),
        "Gains curve": pictures.gains(curves),
        "Lift curve": pictures.lift(curves),
    }
    head = ["tenth", "people", "scores", "forecast", "came", "lift down to it", "converters found down to it"]
    rows = [
        [
            f"{place}",
            f"{row['rows']:,.0f}",
            f"{row['least']:.4f} to {row['most']:.4f}",
            f"{row['expected']:.2%}",
            _share(row["observed"]),
            measured(row["lift"], ".2f"),
            _share(row["gain"], ".0%"),
        ]
        for place, row in enumerate(evaluation["tenths"], 1)
    ]
    note = '<p class="quiet">Tenths of the people of the test, highest scores first.</p>\n'
    return section("How it ranks people", _pictures(drawn) + note + table(head, rows, numbers=True))


# -- probabilities ------------------------------------------------------------------------------------------------


def calibration(evaluation: Found) -> str:
    """Return whether forecasts come true, in all and by tenths."""
    test, chance, found = evaluation["test"], evaluation["chance"], verdicts.trusted(evaluation)
    drawn = {
        "Calibration curve": pictures.calibration(_points(evaluation["tenths"])),
        "Forecast and outcome by tenth": pictures.expected(evaluation["tenths"]),
    }
    rows = [[_named(told), measured(test[name])] for name, told in TRUSTS.items() if name in test]
    by_chance = "What the calibration error would be by chance", "of forecasts as these, if they were right"
    rows.insert(1, [_named(by_chance), measured(chance)])
    method = evaluation["calibration"]["method"]
    made = "The scores are the model's own." if method == "none" else f"The scores were calibrated ({escape(method)})."
    told = f"<p>{escape(found.head)}. {escape(found.told)} {made}</p>\n"
    return section(
        "Can the probabilities be trusted?",
        told + _pictures(drawn) + table(["measure", "the model"], rows, numbers=True),
    )


def _points(tenths: Sequence[Found]) -> dict[str, list[float]]:
    low, high = ([row["observed"][end] for row in tenths] for end in ("low", "high"))
    observed = [row["observed"]["value"] for row in tenths]
    return {"predicted": [row["expected"] for row in tenths], "observed": observed, "low": low, "high": high}


# -- parts of the people, and times -------------------------------------------------------------------------------


def groups(found: Sequence[Found]) -> str:
    """Return forecast and outcome by group; nothing if there are no groups."""
    if not found:
        return ""
    outside = verdicts.outside(found)
    shown = [group for group in found if not group["small"]]
    told = verdicts.among_groups(found)
    words = "All groups are too small to say anything." if told is None else f"{told.head}. {told.told}"
    small = len(found) - len(shown)
    note = (
        f'<p class="quiet">Too small to say anything about the model, with fewer than ten who reached the goal or who '
        f"did not: {small} of {len(found)} groups.</p>\n"
        if small
        else ""
    )
    head = ["group", "people", "reached the goal", "forecast", "came", "ROC-AUC", "beyond chance"]
    rows = table(head, [_group(group, group in outside) for group in found], numbers=True)
    drawn = picture(pictures.groups(shown), "Forecast and outcome by group") if shown else ""
    listed = rows if len(found) <= FEW else details(f"All {len(found)} groups", rows)
    return section("Is it right about everybody?", f"<p>{escape(words)}</p>\n{drawn}{listed}{note}")


def _group(group: Found, outside: bool) -> list[str]:
    more = group["observed"]["value"] > group["expected"]
    said = "too small to say" if group["small"] else f"{'more' if more else 'fewer'} than forecast" if outside else ""
    area = measured(group["roc_auc"]) if "roc_auc" in group else ""
    name = f"{escape(group['feature'])}: {escape(group['value'])}"
    counts = [f"{group['rows']:,}", f"{group['converted']:,}"]
    return [name, *counts, f"{group['expected']:.1%}", _share(group["observed"], ".1%"), area, said]


def moments(found: Sequence[Found], *, in_time: bool) -> str:
    """Return the measures at each cutoff."""
    told = verdicts.stable(found)
    words = f"<p>{escape(f'{told.head}. {told.told}')}</p>\n" if told else ""
    drawn = [moment for moment in found if "roc_auc" in moment["measures"]]
    shown = picture(pictures.moments(drawn), "ROC-AUC by cutoff") if len(drawn) > 1 else ""
    beside = any("beside" in moment for moment in found)
    head = ["cutoff", "", "people", "forecast", "came", "ROC-AUC", "lift at 10 %", "calibration error"]
    head += ["ROC-AUC beside the other test cutoffs"] if beside else []
    knew = "knew earlier times only" if in_time else "did not know these people"
    note = f'<p class="quiet">Validation: forecasts by models that {knew}. Test: those of the final model.'
    note += " Beside the others: less the mean of theirs; these ranges hold together 95 times in 100." if beside else ""
    rows = [
        [
            escape(_when(moment)),
            escape(moment["set"]),
            f"{moment['rows']:,}",
            f"{moment['expected']:.2%}",
            _share(moment["observed"]),
            *(_of(moment, name) for name in ("roc_auc", "lift_at_10", "calibration_error")),
            *([measured(moment["beside"]["roc_auc"], "+.3f") if "beside" in moment else ""] if beside else []),
        ]
        for moment in found
    ]
    return section("Is it as good at every time?", words + shown + table(head, rows, numbers=True) + note + "</p>\n")


def _when(moment: Found) -> str:
    since, until = verdicts.day(moment["since"]), verdicts.day(moment["until"])
    return since if since == until else f"{since} to {until}"


def _of(moment: Found, name: str) -> str:
    return measured(moment["measures"][name]) if name in moment["measures"] else ""


def achievable(found: Found) -> str:
    """Return how near the scores of synthetic people come to the truth."""
    areas = {"the people who were scored, by their true probabilities": found["roc_auc"]}
    areas["the people of the test, by their outcomes"] = found["test"]
    head = ["ROC-AUC of", "the model", "whoever knows the truth", "share of the way from 0.5"]
    rows = [[name, f"{area['model']:.3f}", f"{area['oracle']:.3f}", _shared(area)] for name, area in areas.items()]
    off = found["calibration"]
    told = (
        f"<p>{escape(verdicts.achieved(found).told)} Beside the true probabilities, the scores of a tenth of the "
        f"people are off by {off['error']:.2%} on average.</p>\n"
    )
    return section("How near it comes to what is possible", told + table(head, rows, numbers=True))


def _shared(area: Found) -> str:
    return measured({"value": area["share"], "low": area["low"], "high": area["high"]}, ".1%")


# -- pieces -------------------------------------------------------------------------------------------------------


def _pictures(drawn: Mapping[str, Figure]) -> str:
    shown = "".join(picture(figure, name) for name, figure in drawn.items())
    return f'<div class="pictures">{shown}</div>\n'


def measured(measure: Mapping[str, float], form: str = ".3f") -> str:
    """Return a measure with its interval below it."""
    return f"{measure['value']:{form}}<br>{_range(measure, form)}"


def _range(measure: Mapping[str, float], form: str = ".3f") -> str:
    return f'<span class="range">({measure["low"]:{form}} to {measure["high"]:{form}})</span>'


def _share(measure: Mapping[str, float], form: str = ".2%") -> str:
    return measured(measure, form)


def _signed(measure: Mapping[str, float]) -> str:
    return f"{measure['value']:+.3f} ({measure['low']:+.3f} to {measure['high']:+.3f})"


def _named(told: tuple[str, str]) -> str:
    return f"{told[0]}<br><span class='quiet'>{told[1]}</span>"

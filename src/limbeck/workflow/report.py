"""The report: one HTML file that stands by itself, for whoever decides over the campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.workflow import pictures, plan_page
from limbeck.workflow.page import moment, page, picture, section, table
from limbeck.workflow.whole import whole

if TYPE_CHECKING:
    from limbeck.workflow.planning import Planned

MEASURES = {
    "roc_auc": ("ROC-AUC", "chance that who converts is ranked above who does not; 0.5 is guessing, 1 is perfect"),
    "pr_auc": ("PR-AUC", "average share of converters among the chosen; guessing gives the base rate"),
    "lift_at_10": ("Lift at 10 %", "how many times the base rate the tenth with the highest scores converts"),
    "brier": ("Brier score", "mean squared error of the probabilities; smaller is better"),
}
RANKED_BY = {"model": "the model", "rule": "one rule, no model", "rfm": "recency, frequency, money"}


def write(
    summary: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    exploration: Mapping[str, Any],
    planned: Planned | None,
    path: Path,
) -> None:
    """Write the report of a run to *path*; the file appears whole and needs no other.

    *summary* is what `summary.json` says, *evaluation* what training found out, *exploration* what `explore` counted,
    *planned* whom the definition chooses.
    """
    parts = [
        _head(summary),
        section("What may know the outcome", _leaks(evaluation["leaks"])) if evaluation.get("leaks") else "",
        _quality(summary, evaluation["resamples"]),
        section("How it ranks people", _curves(evaluation)),
        plan_page.plan(summary, planned) if planned else "",
        section("How people come to the goal", picture(pictures.funnel(exploration["funnel"]), "Funnel")),
        section("What it looks at", _looks(evaluation)),
        section("What it is made of", _events(exploration)),
        section("How old every number is", _ages(summary, exploration)),
    ]
    with whole(path) as beside:
        beside.write_text(page(summary["title"], parts), encoding="utf-8")


# -- sections -----------------------------------------------------------------------------------------------------


def _head(summary: Mapping[str, Any]) -> str:
    rows, goal = summary["rows"], summary["goal"]
    told = (
        f"{rows['scored']:,} people were scored as of {_day(summary['cutoffs']['score'])}: how probable is it that "
        f"<code>{escape(goal['event'])}</code> happens to them {escape(goal['time'])}? The model was judged "
        f"on {rows['test']:,} people as of {_day(summary['cutoffs']['test'])}, a date later than everything it was "
        f"trained on; {summary['base_rate']:.1%} of them reached the goal."
    )
    tiles = "".join(_tile(name, summary["test"][name]) for name in MEASURES)
    return f'<h1>{escape(summary["title"])}</h1>\n<p>{told}</p>\n<div class="tiles">{tiles}</div>\n'


def _tile(name: str, measure: Mapping[str, float]) -> str:
    return f'<div class="tile">{MEASURES[name][0]}<b>{measure["value"]:.3f}</b>{_range(measure)}</div>'


def _quality(summary: Mapping[str, Any], resamples: int) -> str:
    ranked = {"model": summary["test"], **summary["baselines"]}
    head = ["", *(RANKED_BY.get(name, name) for name in ranked)]
    rows = [
        [f"{title}<br><span class='quiet'>{told}</span>", *(_measured(found[name]) for found in ranked.values())]
        for name, (title, told) in MEASURES.items()
    ]
    note = (
        f'<p class="quiet">In brackets: where 95 % of {resamples:,} resamples of the people lie. Two methods whose '
        "ranges overlap widely may be equally good.</p>\n"
    )
    return section("How good it is, and compared to what", table(head, rows, numbers=True) + note)


def _curves(evaluation: Mapping[str, Any]) -> str:
    curves = evaluation["curves"]
    drawn = {
        "ROC curve": pictures.roc(curves),
        "Precision-recall curve": pictures.precision_recall(curves, evaluation["base_rate"]),
        "Gains curve": pictures.gains(curves),
        "Lift curve": pictures.lift(curves),
        "Calibration curve": pictures.calibration(curves["model"]["calibration"]),
    }
    shown = "".join(picture(figure, name) for name, figure in drawn.items())
    note = "Dashed: what guessing gives; for calibration, a forecast that is right."
    return f'<div class="pictures">{shown}</div>\n<p class="quiet">{note}</p>\n'


def _leaks(found: Sequence[Mapping[str, Any]]) -> str:
    """Return what the search for leaks found, before any number that may be too good for it."""
    lines = [f"<li>{escape(one['verdict'])}. <i>{escape(one['remedy'])}.</i></li>" for one in found]
    return (
        "<p>The definition asks to go on all the same. If it is so, every number below is better than what a campaign "
        f"will see.</p>\n<ul>{''.join(lines)}</ul>\n"
    )


def _looks(evaluation: Mapping[str, Any]) -> str:
    head = ["candidate", "ROC-AUC in cross-validation", "settings"]
    rows = [
        [
            escape(name),
            f"{found['cv_roc_auc']:.3f}",
            escape(", ".join(f"{k} {v}" for k, v in found["settings"].items())),
        ]
        for name, found in evaluation["candidates"].items()
    ]
    chosen = f"<p>Chosen, without a look at the test set: {escape(evaluation['champion'])}.</p>\n"
    return picture(pictures.importance(evaluation["importance"]), "Importance of features") + table(head, rows) + chosen


def _events(exploration: Mapping[str, Any]) -> str:
    rows = [[escape(str(kind)), f"{count:,}"] for kind, count in exploration["events"].items()]
    told = (
        f"<p>{exploration['people']:,} people; events from {moment(exploration['first'])} to "
        f"{moment(exploration['last'])}.</p>\n"
    )
    return told + table(["event type", "events"], rows, numbers=True)


def _ages(summary: Mapping[str, Any], exploration: Mapping[str, Any]) -> str:
    model, cutoffs = summary["model"], summary["cutoffs"]
    trained_on = ", ".join(map(_day, cutoffs["train"]))
    rows = [
        ["events", f"until {moment(exploration['last'])}"],
        *([f"dataset {escape(name)}", _snapshot(found)] for name, found in summary["snapshots"].items()),
        ["training set", f"{summary['rows']['training']:,} rows, known before {trained_on}"],
        ["measures and curves", f"{summary['rows']['test']:,} people as of {_day(cutoffs['test'])}"],
        ["scores", f"{summary['rows']['scored']:,} people as of {_day(cutoffs['score'])}"],
        ["model", _model(model)],
        ["this report", moment(summary["generated"])],
    ]
    return table(["number", "as of"], rows)


def _model(model: Mapping[str, str]) -> str:
    run = f"run <code>{escape(model['run_id'])}</code>"
    return f"{escape(model['name'])} version {escape(model['version'])}, {run}, trained {moment(model['trained'])}"


def _snapshot(found: Mapping[str, Any]) -> str:
    return (
        f"version {escape(found['version'])} with {found['rows']:,} rows, table <code>{escape(found['table'])}</code>"
    )


# -- pieces -------------------------------------------------------------------------------------------------------


def _measured(measure: Mapping[str, float]) -> str:
    return f"{measure['value']:.3f}<br>{_range(measure)}"


def _range(measure: Mapping[str, float]) -> str:
    return f'<span class="range">({measure["low"]:.3f} to {measure["high"]:.3f})</span>'


def _day(moment: str) -> str:
    return escape(moment.removesuffix("T00:00:00").replace("T", " "))

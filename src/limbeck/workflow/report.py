"""The report: one HTML file that stands by itself, for whoever decides over the campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.workflow import judged, pictures, plan_page, protocol, tiles
from limbeck.workflow.page import moment, page, picture, section, table
from limbeck.workflow.verdicts import day
from limbeck.workflow.whole import whole

if TYPE_CHECKING:
    from limbeck.workflow.planning import Planned

CALIBRATED = {
    "none": "Its probabilities needed no correction.",
    "sigmoid": "Its probabilities are corrected by a line through their log-odds (Platt).",
    "isotonic": "Its probabilities are corrected by a rising staircase (isotonic regression).",
}
"""What was done to probabilities, by method."""
POINTS = (
    '<p class="quiet">Each point is a person of the test; grey are texts and what is missing. This is what the model '
    "looks at, and no cause.</p>\n"
)


def write(
    summary: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    exploration: Mapping[str, Any],
    planned: Planned | None,
    path: Path,
    *,
    truth: Mapping[str, Any] | None = None,
    chosen: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write the report of a run to *path*; the file appears whole and needs no other.

    *summary* is what `summary.json` says, *evaluation* what training found out, *exploration* what `explore` counted,
    *planned* whom the definition chooses, *truth* what `truth.told` says of synthetic people, and *chosen* forecast and
    outcome by the groups that the definition names (`assess.by_group`).
    """
    names = {group["feature"] for group in chosen}
    groups = [*chosen, *(group for group in evaluation["groups"] if group["feature"] not in names)]
    parts = [
        _head(summary),
        section("What may know the outcome", _leaks(evaluation["leaks"])) if evaluation.get("leaks") else "",
        tiles.tiles(evaluation, planned, summary),
        judged.short({**evaluation, "groups": groups}, planned, truth),
        plan_page.plan(summary, planned) if planned else "",
        judged.quality(evaluation),
        judged.ranking(evaluation),
        judged.calibration(evaluation),
        judged.groups(groups),
        judged.moments(evaluation["moments"], in_time=evaluation["validation"]["in_time"]),
        judged.achievable(truth) if truth else "",
        section("What it looks at", _looks(evaluation)),
        protocol.asked(summary, evaluation),
        section("How it was found", _found(evaluation)),
        protocol.limits(planned),
        section("How people come to the goal", picture(pictures.funnel(exploration["funnel"]), "Funnel")),
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
        f"on {_judged_on(summary)} later than everything it was trained on; {summary['base_rate']:.1%} of them reached "
        "the goal."
    )
    return f"<h1>{escape(summary['title'])}</h1>\n<p>{told}</p>\n"


def _judged_on(summary: Mapping[str, Any]) -> str:
    rows, test = summary["rows"]["test"], summary["cutoffs"]["test"]
    if isinstance(test, str):
        return f"{rows:,} people as of {_day(test)}, a date"
    return f"{rows:,} forecasts for people as of {_days(test)}, dates"


def _leaks(found: Sequence[Mapping[str, Any]]) -> str:
    """Return what the search for leaks found, before any number that may be too good for it."""
    lines = [f"<li>{escape(one['verdict'])}. <i>{escape(one['remedy'])}.</i></li>" for one in found]
    return (
        "<p>The definition asks to go on all the same. If it is so, every number below is better than what a campaign "
        f"will see.</p>\n<ul>{''.join(lines)}</ul>\n"
    )


def _looks(evaluation: Mapping[str, Any]) -> str:
    reasons = evaluation["reasons"]
    moved = (
        picture(pictures.reasons(reasons), "Reasons of the scores") + POINTS
        if reasons["features"]
        else f"<p>{escape(reasons['told'])}</p>\n"
    )
    return picture(pictures.importance(evaluation["importance"]), "Importance of features") + moved


def _found(evaluation: Mapping[str, Any]) -> str:
    """Return which candidates there were, what chose among them, and how scores became probabilities."""
    head = ["candidate", "ROC-AUC in cross-validation", "settings"]
    rows = [
        [
            escape(name),
            f"{found['cv_roc_auc']:.3f}",
            escape(", ".join(f"{k} {v}" for k, v in found["settings"].items())),
        ]
        for name, found in evaluation["candidates"].items()
    ]
    judged_by = "later cutoffs" if evaluation["validation"]["in_time"] else "other people"
    chosen = (
        f"<p>Chosen, without a look at the test set: {escape(evaluation['champion'])}, the plainest of those that come "
        f"within a standard error of the best. {judged_by.capitalize()} judged them. "
        f"{CALIBRATED[evaluation['calibration']['method']]}</p>\n"
    )
    return table(head, rows) + chosen


def _events(exploration: Mapping[str, Any]) -> str:
    rows = [[escape(str(kind)), f"{count:,}"] for kind, count in exploration["events"].items()]
    told = (
        f"<p>{exploration['people']:,} people; events from {moment(exploration['first'])} to "
        f"{moment(exploration['last'])}.</p>\n"
    )
    return told + table(["event type", "events"], rows, numbers=True)


def _ages(summary: Mapping[str, Any], exploration: Mapping[str, Any]) -> str:
    model, cutoffs = summary["model"], summary["cutoffs"]
    trained_on, test = _days(cutoffs["train"]), cutoffs["test"]
    judged_on = _day(test) if isinstance(test, str) else _days(test)
    rows = [
        ["events", f"until {moment(exploration['last'])}"],
        *([f"dataset {escape(name)}", _snapshot(found)] for name, found in summary["snapshots"].items()),
        ["training set", f"{summary['rows']['training']:,} rows, known before {trained_on}"],
        ["measures and curves", f"{summary['rows']['test']:,} people as of {judged_on}"],
        ["scores", f"{summary['rows']['scored']:,} people as of {_day(cutoffs['score'])}"],
        ["model", f"{_model(model)}; {escape(summary['verdict'])}"],
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


def _days(moments: Sequence[str]) -> str:
    return ", ".join(map(_day, moments))


def _day(moment: str) -> str:
    return escape(day(moment))

"""The report's part on how its numbers came about: what was asked, of whom, how it was judged, and what stays open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from limbeck.workflow.page import section, table
from limbeck.workflow.verdicts import day

if TYPE_CHECKING:
    from limbeck.workflow.planning import Planned


def asked(summary: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    """Return the goal, and the protocol by which the model was found and judged."""
    goal, rows, cutoffs, found = summary["goal"], summary["rows"], summary["cutoffs"], evaluation["validation"]
    by = "later cutoffs than those learnt from" if found["in_time"] else "other people than those learnt from"
    converters, folds = evaluation["small"]["converters"], found["folds"]
    folds = "one fold" if folds == 1 else f"{folds} folds"
    told = [
        ["the goal", f"<code>{escape(goal['event'])}</code> {escape(goal['time'])}"],
        ["who is asked about", f"who has {_eligible(goal['eligible'])} before the cutoff"],
        ["what is known", "what happened before the cutoff; the goal counts from it on"],
        ["learnt from", f"{rows['training']:,} rows, as of {_days(cutoffs['train'])}"],
        ["chosen and calibrated by", f"{folds} of {by}: {found['rows']:,} rows"],
        ["judged on, once", f"{rows['test']:,} rows, as of {_days(cutoffs['test'])}; {converters:,} reached the goal"],
        *([f"compared with {escape(n)}", _regression(on)] for n, on in evaluation["compared_with"].items()),
        ["ranges", f"95 %; {evaluation['resamples']:,} bootstrap draws of people, with all rows of each"],
    ]
    note = '<p class="quiet">Each measure, its definition and its source: docs/evaluation.md of Limbeck.</p>\n'
    return section("What was asked, and how it was judged", table(["", ""], told) + note)


def _eligible(condition: str) -> str:
    return "any event" if condition == "true" else f"<code>{escape(condition)}</code>"


def _regression(features: Sequence[str]) -> str:
    return f"a logistic regression on {escape(', '.join(features))}"


def _days(moments: str | Sequence[str]) -> str:
    return escape(", ".join(map(day, [moments] if isinstance(moments, str) else moments)))


def limits(planned: Planned | None) -> str:
    """Return what the numbers do not say."""
    lines = [
        "That the time to come is like that of the test: a change of season, prices or offer is in no range.",
        "Why people reach the goal: features that move scores need not be causes.",
    ]
    if planned is None or planned.chosen.incremental is None:
        lines.append(
            "Whom a contact changes: likely converters may come without one. A control group, or an experiment of the "
            "past, tells (docs/uplift.md)."
        )
    items = "".join(f"<li>{line}</li>\n" for line in lines)
    return section("What these numbers do not say", f"<ul>\n{items}</ul>\n")

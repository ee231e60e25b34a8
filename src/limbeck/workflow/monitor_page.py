"""The page of `limbeck monitor`: whether the model still holds, for whoever decides to train it anew."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from limbeck.workflow import pictures
from limbeck.workflow.page import page, picture, section, table
from limbeck.workflow.verdicts import day
from limbeck.workflow.whole import whole

WORDS = {
    "fine": ("good", "Nothing is to be done."),
    "recalibrate": ("fair", "Train again; until then keep the order of the scores, and mistrust their height."),
    "retrain": ("bad", "Train again before people are chosen by these scores."),
}
"""How a verdict is marked, and what is to be done then."""
LEAST_P = 0.0001

MOST = 30
"""Features that the table has at most."""


def write(found: Mapping[str, Any], path: Path) -> None:
    """Write the page of what `monitor` found to *path*; the file appears whole."""
    parts = [
        _head(found),
        section("Who is scored now, beside training", _drift(found["drift"])),
        section("What became of forecasts", _outcome(found)),
    ]
    with whole(path) as beside:
        beside.write_text(page(found["title"], parts), encoding="utf-8")


def _head(found: Mapping[str, Any]) -> str:
    model, people = found["model"], found["drift"]["people"]
    mark, to_do = WORDS[found["verdict"]]
    why = found["told"].removeprefix(f"{found['verdict']}: ")
    told = (
        f"Does the model still hold? {people['now']:,} people were scored as of {escape(day(found['cutoff']))} by "
        f"version {escape(model['version'])} of {escape(model['name'])}, which learnt from {people['before']:,} people."
    )
    verdict = f"<b>{found['verdict'].capitalize()}.</b> {escape(why[:1].upper() + why[1:])}. {to_do}"
    return (
        f"<h1>{escape(found['title'])}</h1>\n<p>{told}</p>\n"
        f'<ul class="verdicts"><li class="{mark}">{verdict}</li></ul>\n'
    )


def _drift(drift: Mapping[str, Any]) -> str:
    scores, shown = drift["scores"], drift["features"][:MOST]
    values = [escape(", ".join(_texts(one))) for one in shown]
    rows = [
        [
            escape(one["feature"]),
            one["shift"],
            f"{one['psi']:.3f}",
            f"{one['p']:.4f}" if one["p"] >= LEAST_P else f"below {LEAST_P:.4f}",
            f"{one['missing']['before']:.1%}",
            f"{one['missing']['now']:.1%}",
            *([value] if any(values) else []),
        ]
        for one, value in zip(shown, values, strict=True)
    ]
    head = ["feature", "shift", "PSI", "p", "missing in training", "missing now", *(["values"] if any(values) else [])]
    told = (
        f"<p>The scores: {'no' if scores['shift'] == 'none' else scores['shift']} shift, PSI {scores['psi']:.3f}.</p>\n"
        '<p class="quiet">PSI is the population stability index, with what chance makes of it taken off: from 0.1 a '
        "shift is moderate, from 0.25 strong, if it is more than chance (p at most 0.01, adjusted for the number of "
        "features). Features that look back over all time grow with the history: they shift though nobody has "
        "changed.</p>\n"
    )
    more = len(drift["features"]) - len(shown)
    rest = f'<p class="quiet">{more:,} more features shifted less.</p>\n' if more else ""
    return told + table(head, rows, numbers=True) + rest


def _texts(one: Mapping[str, Any]) -> list[str]:
    return [f"{name} {kind}" for kind in ("new", "vanished") for name in one.get(kind, [])[:3]]


def _outcome(found: Mapping[str, Any]) -> str:
    outcome, of = found["outcome"], found["outcome_of"]
    if outcome is None:
        return f"<p>Not known yet: {escape(found['outcome_told'])}.</p>\n"
    area, test = outcome["roc_auc"]["now"], outcome["roc_auc"]["test"]
    ranking = f"ROC-AUC {area['value']:.3f} ({area['low']:.3f} to {area['high']:.3f})" if area else "no ranking"
    told = (
        f"<p>Of {outcome['people']:,} people who were scored as of {escape(day(of['cutoff']))} by version "
        f"{escape(of['version'])}, {outcome['actual']:,.0f} converted; {outcome['expected']:,.0f} were expected. "
        f"{ranking}, in the test {test['value']:.3f}.</p>\n"
    )
    rows = [
        [
            f"{n}",
            f"{t['people']:,}",
            f"{t['expected']:,.1f}",
            f"{t['low']:,.1f} to {t['high']:,.1f}",
            f"{t['actual']:,.0f}",
        ]
        for n, t in enumerate(outcome["tenths"], 1)
    ]
    head = ["tenth by score", "people", "expected", "where chance leaves 95 %", "actual"]
    drawn = picture(pictures.expected_actual(outcome["tenths"]), "Expected and actual conversions by tenth")
    return told + drawn + table(head, rows, numbers=True)

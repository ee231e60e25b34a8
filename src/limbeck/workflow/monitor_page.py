"""The page of `limbeck monitor`: whether the model still holds, for whoever decides to train it anew."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from limbeck.workflow import pictures
from limbeck.workflow.page import moment, page, picture, section, table
from limbeck.workflow.whole import whole

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
    told = (
        f"{people['now']:,} people were scored as of {moment(found['cutoff'])} by version "
        f"{escape(model['version'])} of {escape(model['name'])}, which learnt from {people['before']:,} people."
    )
    return f"<h1>{escape(found['title'])}</h1>\n<p><b>{escape(found['told'])}.</b></p>\n<p>{told}</p>\n"


def _drift(drift: Mapping[str, Any]) -> str:
    scores = drift["scores"]
    rows = [
        [
            escape(one["feature"]),
            one["shift"],
            f"{one['psi']:.3f}",
            f"{one['p']:.4f}",
            f"{one['missing']['before']:.1%}",
            f"{one['missing']['now']:.1%}",
            escape(", ".join(_texts(one))),
        ]
        for one in drift["features"][:MOST]
    ]
    head = ["feature", "shift", "PSI", "p", "missing in training", "missing now", "values"]
    told = (
        f"<p>The scores: {scores['shift']} shift, PSI {scores['psi']:.3f}.</p>\n"
        '<p class="quiet">PSI is the population stability index, with what chance makes of it taken off: from 0.1 a '
        "shift is moderate, from 0.25 strong, if it is more than chance (p at most 0.01, adjusted for the number of "
        "features).</p>\n"
    )
    return told + table(head, rows)


def _texts(one: Mapping[str, Any]) -> list[str]:
    return [f"{name} {kind}" for kind in ("new", "vanished") for name in one.get(kind, [])[:3]]


def _outcome(found: Mapping[str, Any]) -> str:
    outcome, of = found["outcome"], found["outcome_of"]
    if outcome is None:
        return f"<p>Not known yet: {escape(found['outcome_told'])}.</p>\n"
    area, test = outcome["roc_auc"]["now"], outcome["roc_auc"]["test"]
    ranking = f"ROC-AUC {area['value']:.3f} ({area['low']:.3f} to {area['high']:.3f})" if area else "no ranking"
    told = (
        f"<p>Of {outcome['people']:,} people who were scored as of {moment(of['cutoff'])} by version "
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

"""Forecasts beside what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from textwrap import shorten
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from limbeck.workflow.pictures import canvas
from limbeck.workflow.pictures.canvas import COLOURS, GUIDE, PALE, WIDTH

NAMED = 50
"""Letters of a group's name, at most."""


def calibration(points: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the outcome of each tenth of the people (`observed`) against its forecast (`predicted`).

    Where `low` and `high` are given, the interval of each outcome is drawn too.
    """
    with canvas.styled():
        figure, axes = canvas.axes("Calibration", "forecast", "reach the goal")
        canvas.percent(axes.xaxis, axes.yaxis)
        end = max(*points["predicted"], *points["observed"], *points.get("high", ()), 0.01) * 1.08
        axes.plot([0, end], [0, end], color=GUIDE, linestyle=":", label="as forecast")
        if "low" in points:
            axes.vlines(points["predicted"], points["low"], points["high"], color=COLOURS["model"], alpha=0.5)
        axes.plot(
            points["predicted"], points["observed"], color=COLOURS["model"], marker="o", markersize=4, label="came"
        )
        axes.legend(frameon=False, loc="upper left")
        axes.set(xlim=(0, end), ylim=(0, end))
        return figure


def expected(tenths: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw forecast (`expected`) and outcome (`observed`, with its interval) of tenths of the people, best first."""
    with canvas.styled():
        figure, axes = canvas.axes("Forecast and outcome", "tenths of the people, best first", "reach the goal")
        canvas.percent(axes.yaxis)
        places = np.arange(1, len(tenths) + 1)
        forecasts = [tenth["expected"] for tenth in tenths]
        axes.bar(places, forecasts, color=PALE, label="forecast")
        values, errors = canvas.whiskers([tenth["observed"] for tenth in tenths])
        axes.errorbar(places, values, yerr=errors, fmt="o", markersize=4, color=COLOURS["model"], label="came")
        axes.set_xticks(places)
        axes.legend(frameon=False)
        return figure


def groups(rows: Sequence[Mapping[str, Any]], most: int = 30) -> Figure:
    """Draw forecast (`expected`) and outcome (`observed`, with its interval) of the first *most* groups."""
    with canvas.styled():
        shown = rows[:most]
        figure, axes = canvas.axes(
            "Forecast and outcome by group", "reach the goal", "group", 2 * WIDTH, 1.3 + 0.24 * len(shown)
        )
        canvas.percent(axes.xaxis)
        places = np.arange(len(shown))
        values, errors = canvas.whiskers([row["observed"] for row in shown])
        axes.errorbar(values, places, xerr=errors, fmt="o", markersize=4, color=COLOURS["model"], label="came")
        forecasts = [row["expected"] for row in shown]
        axes.plot(forecasts, places, "|", color=COLOURS["rule"], markersize=10, markeredgewidth=2, label="forecast")
        axes.set_yticks(places, [shorten(f"{row['feature']}: {row['value']}", NAMED, placeholder="…") for row in shown])
        axes.invert_yaxis()
        axes.set_xlim(0, None)
        axes.legend(frameon=False)
        return figure


def moments(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw ROC-AUC, with its interval, at each cutoff (`since`, `set`, `measures`)."""
    with canvas.styled():
        figure, axes = canvas.axes("The same at every time?", "cutoff", "ROC-AUC", 2 * WIDTH, 2.6)
        for name, colour in (("validation", COLOURS["rfm"]), ("test", COLOURS["model"])):
            found = [row for row in rows if row["set"] == name]
            if not found:
                continue
            days = [datetime.fromisoformat(row["since"]) for row in found]
            values, errors = canvas.whiskers([row["measures"]["roc_auc"] for row in found])
            axes.errorbar(canvas.times(days), values, yerr=errors, fmt="o", color=colour, label=name)
        axes.xaxis_date()
        axes.axhline(0.5, color=GUIDE, linestyle=":", label="guessing")
        figure.legend(frameon=False, loc="outside right upper")
        return figure


def expected_actual(tenths: Sequence[Mapping[str, float]]) -> Figure:
    """Draw how many conversions came in each tenth by score (`actual`), and how many to expect (`low` to `high`)."""
    with canvas.styled():
        figure, axes = canvas.axes("Expected and actual", "tenth by score, lowest first", "conversions", 2 * WIDTH)
        places = range(1, len(tenths) + 1)
        expected = [one["expected"] for one in tenths]
        errors = [[one["expected"] - one["low"] for one in tenths], [one["high"] - one["expected"] for one in tenths]]
        axes.bar(places, [one["actual"] for one in tenths], color=COLOURS["model"], label="actual")
        axes.errorbar(places, expected, errors, fmt="o", color=COLOURS["rule"], label="expected, and its 95 % range")
        axes.set_xticks(places)
        axes.legend(frameon=False)
        return figure

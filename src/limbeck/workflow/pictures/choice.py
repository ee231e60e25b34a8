"""Whom to choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from limbeck.workflow.pictures import canvas
from limbeck.workflow.pictures.canvas import COLOURS, WIDTH

BINS = 40


def reach(table: Sequence[Mapping[str, Any]], chosen: Mapping[str, Any] | None = None) -> Figure:
    """Draw precision, with its range, against how many people are chosen (`people`, `precision`); mark *chosen*."""
    with canvas.styled():
        figure, axes = canvas.axes(
            "Propensity and reach", "people chosen, highest scores first", "converters among them", 2 * WIDTH
        )
        axes.xaxis.set_major_formatter("{x:,.0f}")
        canvas.percent(axes.yaxis)
        people = [row["people"] for row in table]
        value, low, high = ([row["precision"][name] for row in table] for name in ("value", "low", "high"))
        axes.fill_between(people, low, high, color=COLOURS["model"], alpha=0.15, linewidth=0)
        axes.plot(people, value, color=COLOURS["model"], linewidth=2.0)
        if chosen is not None:
            axes.axvline(chosen["people"], color=COLOURS["rule"], linestyle="--")
            canvas.beside(axes, f"{chosen['people']:,} chosen", (chosen["people"], max(high)), COLOURS["rule"])
        axes.set_ylim(0, None)
        return figure


def thresholds(table: Sequence[Mapping[str, Any]], chosen: Mapping[str, Any] | None = None) -> Figure:
    """Draw how many people have at least a score, and the conversions to expect of them with their range.

    Rows have `threshold`, `people` and `conversions`; mark *chosen*.
    """
    with canvas.styled():
        figure, axes = canvas.axes("Reach by threshold", "least score (probability)", "people", 2 * WIDTH)
        rows = sorted(table, key=lambda row: row["threshold"])
        least = [row["threshold"] for row in rows]
        value, low, high = ([row["conversions"][name] for row in rows] for name in ("value", "low", "high"))
        axes.plot(least, [row["people"] for row in rows], color=COLOURS["rfm"], linewidth=2.0, label="people reached")
        axes.plot(least, value, color=COLOURS["model"], linewidth=2.0, label="conversions to expect")
        axes.fill_between(least, low, high, color=COLOURS["model"], alpha=0.15, linewidth=0)
        if chosen is not None:
            place = (chosen["threshold"], chosen["people"])
            axes.axvline(place[0], color=COLOURS["rule"], linestyle="--")
            canvas.beside(axes, f"{chosen['people']:,} chosen", place, COLOURS["rule"])
        axes.set_yscale("symlog", linthresh=10)
        axes.set_ylim(0, None)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.legend(frameon=False)
        return figure


def distribution(scores: Sequence[float], base_rate: float, threshold: float | None = None) -> Figure:
    """Draw how many people have which score, with the *base_rate*, and from which *threshold* on they are chosen."""
    with canvas.styled():
        figure, axes = canvas.axes("Scores", "score (probability)", "people", 2 * WIDTH)
        axes.hist(scores, bins=BINS, color=COLOURS["model"])
        axes.axvline(base_rate, color=COLOURS["rfm"], linestyle="--", label="base rate")
        if threshold is not None:
            axes.axvline(threshold, color=COLOURS["rule"], linestyle="--", label="chosen from here on")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.legend(frameon=False)
        return figure

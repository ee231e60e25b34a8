"""Whom a contact changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from limbeck.workflow.pictures import canvas
from limbeck.workflow.pictures.canvas import COLOURS, GUIDE, INK, WIDTH

LINES = (*zip(COLOURS.values(), ("-", (0, (7, 1.5)), (0, (2, 1))), strict=True), ("#5b5f97", (0, (7, 1.5, 1.5, 1.5))))
"""How the rankings are drawn."""


def qini(curves: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draw, by ranking, how many more of 100 people convert if the best so many are contacted (`share`, `gain`).

    The first ranking has its range (`low`, `high`) and the line of as many at random (`random`).
    """
    with canvas.styled():
        figure, axes = canvas.axes(
            "Qini", "people contacted, best first", "conversions added per 100 people", 2 * WIDTH
        )
        canvas.percent(axes.xaxis)
        first = next(iter(curves.values()))
        axes.plot(first["share"], 100 * np.array(first["random"]), color=GUIDE, linestyle=":", label="at random")
        low, high = (100 * np.array(first[end]) for end in ("low", "high"))
        axes.fill_between(first["share"], low, high, color=COLOURS["model"], alpha=0.15, linewidth=0)
        for (name, curve), (colour, style) in zip(curves.items(), LINES, strict=False):
            gain = 100 * np.array(curve["gain"])
            axes.plot(curve["share"], gain, label=name, color=colour, linewidth=1.5, linestyle=style)
        axes.legend(frameon=False)
        return figure


def tenths(found: Sequence[Mapping[str, float]]) -> Figure:
    """Draw the measured effect by tenth of the people, those of the highest uplift first (`value`, `low`, `high`)."""
    with canvas.styled():
        figure, axes = canvas.axes(
            "Uplift by tenth", "tenth of the people, highest uplift first", "change of the rate, points", 2 * WIDTH
        )
        value, low, high = (100 * np.array([tenth[end] for tenth in found]) for end in ("value", "low", "high"))
        places = np.arange(1, len(found) + 1)
        axes.bar(places, value, color=COLOURS["model"], yerr=[value - low, high - value], ecolor=INK)
        axes.axhline(0, color=GUIDE, linewidth=0.8)
        axes.set_xticks(places)
        return figure

"""How scores rank people, beside what comes without a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from limbeck.workflow.pictures import canvas
from limbeck.workflow.pictures.canvas import COLOURS, GUIDE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Numbers = NDArray[np.float64]

Curves = Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]
"""Curves by model (`model` and the baselines), then by kind: what `evaluate.curves` gives."""

NAMED = {"model": "model", "rule": "rule: one feature", "rfm": "rfm: recency, frequency, money"}
LINES = {"model": "-", "rule": (0, (7, 1.5)), "rfm": (0, (2, 1))}
"""How lines are drawn, for those who see no colours."""
FIRST = 0.01
"""Share of the people up to which lift is mere chance, and may leave the picture."""
FINE = 200
"""Points of a line that is bent between those of a curve."""


def roc(curves: Curves) -> Figure:
    """Draw the share of converters found against the share of others taken along."""
    with canvas.styled():
        figure, axes = canvas.axes("ROC", "others taken along (false positives)", "converters found (true positives)")
        canvas.percent(axes.xaxis, axes.yaxis)
        axes.plot([0, 1], [0, 1], color=GUIDE, linestyle=":", label="guessing")
        return _lines(figure, axes, curves, "roc")


def precision_recall(curves: Curves, base_rate: float) -> Figure:
    """Draw the share of converters among those chosen, against the share of converters found."""
    with canvas.styled():
        figure, axes = canvas.axes(
            "Precision and recall", "converters found (recall)", "converters among chosen (precision)"
        )
        canvas.percent(axes.xaxis, axes.yaxis)
        axes.axhline(base_rate, color=GUIDE, linestyle=":", label="guessing: the base rate")
        axes.set_ylim(0, 1.02)
        for name, shares, found in _finely(curves):
            _line(axes, name, found, base_rate * found / shares)
        axes.legend(frameon=False)
        axes.set_xlim(0, 1)
        return figure


def gains(curves: Curves) -> Figure:
    """Draw the share of converters found against the share of people chosen, highest scores first."""
    with canvas.styled():
        figure, axes = canvas.axes("Gains", "people chosen, best first", "converters found")
        canvas.percent(axes.xaxis, axes.yaxis)
        axes.plot([0, 1], [0, 1], color=GUIDE, linestyle=":", label="guessing")
        return _lines(figure, axes, curves, "gains")


def lift(curves: Curves) -> Figure:
    """Draw how many times the base rate the chosen convert, against the share of people chosen."""
    with canvas.styled():
        figure, axes = canvas.axes("Lift", "people chosen, best first", "times the base rate")
        canvas.percent(axes.xaxis)
        axes.axhline(1, color=GUIDE, linestyle=":", label="guessing")
        most = 1.0
        for name, shares, found in _finely(curves):
            _line(axes, name, shares, found / shares)
            most = max(most, float((found / shares)[shares >= FIRST].max()))
        axes.legend(frameon=False)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.1 * most)
        return figure


def _line(axes: Axes, name: str, x: Sequence[float] | Numbers, y: Sequence[float] | Numbers) -> None:
    width, style = 2.0 if name == "model" else 1.3, LINES.get(name, "-")
    axes.plot(x, y, label=NAMED.get(name, name), color=COLOURS.get(name), linewidth=width, linestyle=style)


def _lines(figure: Figure, axes: Axes, curves: Curves, kind: str) -> Figure:
    for name, found in curves.items():
        _line(axes, name, found[kind]["x"], found[kind]["y"])
    axes.set_xlim(0, 1)
    axes.legend(frameon=False)
    return figure


def _finely(curves: Curves) -> Iterator[tuple[str, Numbers, Numbers]]:
    """Yield shares of people and of converters among them, also between the scores: people with the same are mixed.

    What follows from both is no straight line there.
    """
    for name, found in curves.items():
        x, y = (np.array(found["gains"][axis]) for axis in "xy")
        shares = np.union1d(x[1:], np.linspace(x[1], 1, FINE))
        yield name, shares, np.interp(shares, x, y)

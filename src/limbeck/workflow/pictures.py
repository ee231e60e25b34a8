"""Pictures of a forecast, as matplotlib figures: a notebook shows them, the report embeds them."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curves = Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]
"""Curves by model (`model` and the baselines), then by kind: what `evaluate.curves` gives."""

COLOURS = {"model": "#0b6e74", "rule": "#c2703d", "rfm": "#8a8f98"}
GUIDE = "#c9ccd1"
WIDTH, HEIGHT = 4.6, 3.4
"""Inches of one picture."""

STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # names may hold a dollar sign
    "svg.fonttype": "none",
    "svg.hashsalt": "limbeck",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a8f98",
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
}


def funnel(stages: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw how many people reached each stage (`stage`, `people`), with their share of the first."""
    with _styled():
        figure, axes = _axes("Towards the goal", width=2 * WIDTH, height=0.7 + 0.45 * len(stages))
        people = [stage["people"] for stage in stages]
        axes.barh(range(len(stages)), people, color=COLOURS["model"])
        axes.set_yticks(range(len(stages)), [stage["stage"] for stage in stages])
        axes.invert_yaxis()
        first = max(people[0], 1) if people else 1
        for place, count in enumerate(people):
            axes.annotate(f" {count:,} · {count / first:.0%}", (count, place), va="center")
        axes.set_xlim(0, max([*people, 1]) * 1.15)
        axes.set_xlabel("people")
        return figure


def roc(curves: Curves) -> Figure:
    """Draw the share of converters found against the share of others taken along."""
    with _styled():
        figure, axes = _axes("ROC", "others taken along", "converters found")
        axes.plot([0, 1], [0, 1], color=GUIDE, linestyle="--")
        return _lines(figure, axes, curves, "roc")


def precision_recall(curves: Curves, base_rate: float) -> Figure:
    """Draw the share of converters among those chosen, against the share of converters found."""
    with _styled():
        figure, axes = _axes("Precision and recall", "converters found (recall)", "converters among chosen (precision)")
        axes.axhline(base_rate, color=GUIDE, linestyle="--")
        axes.set_ylim(0, 1.02)
        return _lines(figure, axes, curves, "pr")


def gains(curves: Curves) -> Figure:
    """Draw the share of converters found against the share of people chosen, highest scores first."""
    with _styled():
        figure, axes = _axes("Gains", "people chosen, best first", "converters found")
        axes.plot([0, 1], [0, 1], color=GUIDE, linestyle="--")
        return _lines(figure, axes, curves, "gains")


def lift(curves: Curves) -> Figure:
    """Draw how many times the base rate the chosen convert, against the share of people chosen."""
    with _styled():
        figure, axes = _axes("Lift", "people chosen, best first", "times the base rate")
        axes.axhline(1, color=GUIDE, linestyle="--")
        return _lines(figure, axes, curves, "lift")


def reach(table: Sequence[Mapping[str, Any]], chosen: Mapping[str, Any] | None = None) -> Figure:
    """Draw precision, with its range, against how many people are chosen (`people`, `precision`); mark *chosen*."""
    with _styled():
        figure, axes = _axes("Propensity and reach", "people chosen, best first", "converters among them", 2 * WIDTH)
        people = [row["people"] for row in table]
        value, low, high = ([row["precision"][name] for row in table] for name in ("value", "low", "high"))
        axes.fill_between(people, low, high, color=COLOURS["model"], alpha=0.15, linewidth=0)
        axes.plot(people, value, color=COLOURS["model"], linewidth=2.0)
        if chosen is not None:
            axes.axvline(chosen["people"], color=COLOURS["rule"], linestyle="--")
            axes.annotate(f" {chosen['people']:,} chosen", (chosen["people"], max(high)), color=COLOURS["rule"])
        axes.set_ylim(0, None)
        return figure


def calibration(points: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the outcome of each tenth of the people (`observed`) against its forecast (`predicted`)."""
    with _styled():
        figure, axes = _axes("Calibration", "forecast", "outcome")
        end = max(*points["predicted"], *points["observed"], 0.01) * 1.08
        axes.plot([0, end], [0, end], color=GUIDE, linestyle="--")
        axes.plot(points["predicted"], points["observed"], color=COLOURS["model"], marker="o", markersize=4)
        axes.set(xlim=(0, end), ylim=(0, end))
        return figure


def importance(features: Sequence[Mapping[str, Any]], most: int = 15) -> Figure:
    """Draw what ROC-AUC loses when a feature is shuffled (`feature`, `value`, `low`, `high`), for the first *most*."""
    with _styled():
        shown = features[:most]
        figure, axes = _axes("What the model looks at", width=2 * WIDTH, height=0.9 + 0.24 * len(shown))
        values = [f["value"] for f in shown]
        errors = [[f["value"] - f["low"] for f in shown], [f["high"] - f["value"] for f in shown]]
        axes.barh([f["feature"] for f in shown], values, xerr=errors, color=COLOURS["model"], ecolor=GUIDE)
        axes.invert_yaxis()
        axes.set_xlabel("ROC-AUC lost when the feature is shuffled, and its 95 % interval")
        return figure


def data_uri(figure: Figure) -> str:
    """Return *figure* as an SVG in a `data:` URI; the same figure, the same text."""
    with _styled():
        held = io.BytesIO()
        figure.savefig(held, format="svg", metadata={"Date": None})
        return "data:image/svg+xml;base64," + base64.b64encode(held.getvalue()).decode()


def _styled() -> Any:
    from matplotlib import rc_context

    return rc_context(STYLE)


def _axes(title: str, x: str = "", y: str = "", width: float = WIDTH, height: float = HEIGHT) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes


def _lines(figure: Figure, axes: Axes, curves: Curves, kind: str) -> Figure:
    for name, found in curves.items():
        width = 2.0 if name == "model" else 1.2
        axes.plot(found[kind]["x"], found[kind]["y"], label=name, color=COLOURS.get(name), linewidth=width)
    axes.set_xlim(0, 1)
    axes.legend(frameon=False)
    return figure

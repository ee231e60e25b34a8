"""What every picture is drawn on: size, colours, letters, the look of axes, and the way to PNG and SVG."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

BLANK = "#ffffff"
COLOURS = {"model": "#0b6e74", "rule": "#c2703d", "rfm": "#8a8f98"}
GUIDE = "#8f959c"
"""Of lines that others are read by."""
PALE = "#c9ccd1"
INK = "#22262b"
WIDTH, HEIGHT = 4.6, 3.4
"""Inches of one picture."""
DPI = 110
"""Dots per inch in a notebook."""
DAY_S = 86_400

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
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.w_pad": 0.1,
}


class Picture(Figure):
    """A figure that a notebook shows as the value of a cell, with or without pyplot."""

    def _repr_png_(self) -> bytes:
        with styled():
            held = io.BytesIO()
            self.savefig(held, format="png", dpi=DPI)
            return held.getvalue()


def data_uri(figure: Figure) -> str:
    """Return *figure* as an SVG in a `data:` URI; the same figure, the same text."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg(figure)).decode()


def svg(figure: Figure) -> bytes:
    """Return *figure* as an SVG; the same figure, the same text."""
    with styled():
        held = io.BytesIO()
        figure.savefig(held, format="svg", metadata={"Date": None})
        return held.getvalue()


def styled() -> Any:
    """Return the context in which pictures are drawn and written."""
    from matplotlib import rc_context

    return rc_context(STYLE)


def told(figure: Figure) -> str:
    """Return in words what a figure shows: its axes, and the names of what is drawn."""
    drawn = figure.axes[0]
    along = [text for text in (drawn.get_ylabel(), drawn.get_xlabel()) if text]
    legends = [*figure.legends, drawn.get_legend()]
    names = [text.get_text() for legend in legends if legend is not None for text in legend.get_texts()]
    bars = [axes.get_ylabel() for axes in figure.axes[1:]]
    return "; ".join([" by ".join(along), *bars, *([", ".join(names)] if names else [])])


def beside(drawn: Axes, text: str, place: tuple[float, float], colour: str = INK) -> None:
    """Write a text at the right of a place."""
    drawn.annotate(text, place, (4, 0), textcoords="offset points", va="center", color=colour)


def axes(title: str, x: str = "", y: str = "", width: float = WIDTH, height: float = HEIGHT) -> tuple[Figure, Axes]:
    """Return a figure of so many inches, and its axes with the labels *x* and *y*."""
    figure = Picture(figsize=(width, height), layout="constrained")
    drawn = figure.subplots()
    drawn.set(title=title, xlabel=x, ylabel=y)
    return figure, drawn


def percent(*along: Axis) -> None:
    """Write shares along axes as percentages."""
    from matplotlib.ticker import PercentFormatter

    for axis in along:
        axis.set_major_formatter(PercentFormatter(1))


def times(moments: Iterable[datetime]) -> list[float]:
    """Return moments as axes count them: in days since 1970, UTC."""
    return [moment.replace(tzinfo=UTC).timestamp() / DAY_S for moment in moments]


def whiskers(measures: Sequence[Mapping[str, float]]) -> tuple[list[float], list[list[float]]]:
    """Return the values, and how far their intervals reach below and above."""
    below, above = ([abs(m["value"] - m[end]) for m in measures] for end in ("low", "high"))
    return [m["value"] for m in measures], [below, above]

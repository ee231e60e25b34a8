"""What happened: events over time, and the way to the goal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from matplotlib.figure import Figure

from limbeck.workflow.pictures import canvas
from limbeck.workflow.pictures.canvas import COLOURS, INK, WIDTH

MARKS = ((COLOURS["model"], "--"), (COLOURS["rule"], "-."), (INK, ":"))
"""How cutoffs are marked, by what they are for."""


def timeline(
    days: Sequence[datetime],
    events: Sequence[int],
    cutoffs: Mapping[str, Sequence[datetime]],
    label_end: Callable[[datetime], datetime],
) -> Figure:
    """Draw the events of each day, the cutoffs by what they are for, and the time after each in which labels arise."""
    with canvas.styled():
        figure, axes = canvas.axes("Events by day; shaded: when outcomes are counted", "day (UTC)", "events", 2 * WIDTH)
        axes.plot(canvas.times(days), events, color=COLOURS["rfm"], linewidth=1.2)
        for (name, moments), (colour, style) in zip(cutoffs.items(), MARKS, strict=False):
            for n, (begin, end) in enumerate(
                zip(canvas.times(moments), canvas.times(map(label_end, moments)), strict=True)
            ):
                axes.axvline(begin, color=colour, linestyle=style, label="" if n else f"cutoff of {name}")
                axes.axvspan(begin, end, color=colour, alpha=0.12, linewidth=0)
        axes.xaxis_date()
        axes.set_ylim(0, None)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        figure.legend(frameon=False, loc="outside lower center", ncols=6)
        return figure


def recency(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw which share of the people reached the goal (`people`, `reached`), by when they were `seen` last."""
    with canvas.styled():
        height = 0.9 + 0.35 * len(rows)
        figure, axes = canvas.axes("Who was there lately?", "reach the goal", "seen last", 2 * WIDTH, height)
        shares = [row["reached"] / row["people"] for row in rows]
        axes.barh(range(len(rows)), shares, color=COLOURS["model"])
        axes.set_yticks(range(len(rows)), [row["seen"] for row in rows])
        axes.invert_yaxis()
        for place, (share, row) in enumerate(zip(shares, rows, strict=True)):
            canvas.beside(axes, f"{share:.1%} of {row['people']:,}", (share, place))
        axes.set_xlim(0, max([*shares, 0.01]) * 1.2)
        canvas.percent(axes.xaxis)
        return figure


def funnel(stages: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw how many people reached each stage (`stage`, `people`), with their share of the first."""
    with canvas.styled():
        figure, axes = canvas.axes("Towards the goal", width=2 * WIDTH, height=0.7 + 0.45 * len(stages))
        people = [stage["people"] for stage in stages]
        axes.barh(range(len(stages)), people, color=COLOURS["model"])
        axes.set_yticks(range(len(stages)), [stage["stage"] for stage in stages])
        axes.invert_yaxis()
        first = max(people[0], 1) if people else 1
        for place, count in enumerate(people):
            canvas.beside(axes, f"{count:,} · {count / first:.0%}", (count, place))
        axes.set_xlim(0, max([*people, 1]) * 1.15)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("people")
        return figure

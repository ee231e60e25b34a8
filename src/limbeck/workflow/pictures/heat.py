"""Tables as coloured cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from limbeck.workflow.pictures import canvas
from limbeck.workflow.pictures.canvas import BLANK, COLOURS

if TYPE_CHECKING:
    import pandas as pd

Texts = Sequence[Sequence[str]]
"""What stands in the cells."""

CELL = 0.3
"""Inches of a cell."""
LETTER = 0.07
"""Inches of a letter beside or below one, about."""
SHORT = 4
"""Letters of the names of columns up to which they are written level."""
WRITTEN = 12
"""Columns up to which values stand in the cells."""


def together(shares: pd.DataFrame) -> Figure:
    """Draw the share of those who have one thing (row) that have the other too (column)."""
    with canvas.styled():
        colours = (BLANK, COLOURS["model"])
        figure = _heat("What people have together", shares, "share", colours, (0, 1), _texts(shares, ".0%"))
        figure.axes[0].set(xlabel="also have", ylabel="of those who have")
        canvas.percent(figure.axes[1].yaxis)
        return figure


def correlations(matrix: pd.DataFrame) -> Figure:
    """Draw the correlation of each row with each column, from -1 to 1."""
    with canvas.styled():
        colours = (COLOURS["rule"], BLANK, COLOURS["model"])
        return _heat("What goes together", matrix, "correlation, -1 to 1", colours, (-1, 1), _texts(matrix, "z.2f"))


def cohorts(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw who is active so many months after the first event, by the month of that (`month`, `people`, `active`)."""
    import pandas as pd

    with canvas.styled():
        index = [f"{row['month']} ({row['people']:,})" for row in rows]
        months = max((len(row["active"]) for row in rows), default=0)
        padded = [[*row["active"], *([None] * (months - len(row["active"])))] for row in rows]
        shares = pd.DataFrame(padded, index=index, dtype=float)
        figure = _heat("Who comes back", shares, "active", (BLANK, COLOURS["model"]), (0, 1), _texts(shares, ".0%"))
        figure.axes[0].set(xlabel="months after the first event", ylabel="first event in (people)")
        canvas.percent(figure.axes[1].yaxis)
        return figure


def surface(rates: pd.DataFrame, people: pd.DataFrame, rows: str, columns: str) -> Figure:
    """Draw conversion rates over two ways to choose people, called *rows* and *columns*, and in each cell its people.

    Both tables have the same rows and columns; a rate that nobody shows may be missing.
    """
    with canvas.styled():
        colours, most = (BLANK, COLOURS["model"]), max(float(np.nanmax(rates.to_numpy(float), initial=0)), 0.01)
        figure = _heat(
            "Propensity, reach and look-back",
            rates,
            "converters; written: people",
            colours,
            (0, most),
            _texts(people, ",.0f"),
        )
        figure.axes[0].set(xlabel=columns, ylabel=rows)
        canvas.percent(figure.axes[1].yaxis)
        return figure


def _heat(
    title: str, table: pd.DataFrame, told: str, colours: Sequence[str], limits: tuple[float, float], texts: Texts
) -> Figure:
    """Draw a table as coloured cells, with *texts* in them if the columns are few; *told* is what the colours say."""
    from matplotlib.colors import LinearSegmentedColormap

    few = len(table.columns) <= WRITTEN
    beside, below = (1.0 + LETTER * max(len(str(n)) for n in names) for names in (table.index, table.columns))
    width = beside + 1.0 + (2 if few else 1) * CELL * len(table.columns)
    figure, axes = canvas.axes(title, width=width, height=below + CELL * len(table))
    scale = LinearSegmentedColormap.from_list(title, list(colours))
    values = table.to_numpy(float)
    image = axes.imshow(values, scale, vmin=limits[0], vmax=limits[1], aspect="auto")
    names = list(map(str, table.columns))
    axes.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > SHORT else 0)
    axes.set_yticks(range(len(table)), list(map(str, table.index)))
    figure.colorbar(image, label=told)
    shades = image.to_rgba(values)
    for row, line in enumerate(texts if few else ()):
        for column, text in enumerate(line):
            light = _light(shades[row, column].tolist())
            axes.annotate(text, (column, row), ha="center", va="center", color="black" if light else "white")
    return figure


def _light(colour: Sequence[float]) -> bool:
    """Return whether black is read better than white on a colour (relative luminance and contrast of WCAG 2.1)."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179


def _texts(table: pd.DataFrame, form: str) -> Texts:
    return [["" if value != value else format(value, form) for value in line] for line in table.to_numpy()]

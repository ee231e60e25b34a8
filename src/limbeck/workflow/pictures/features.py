"""What a model looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from limbeck.workflow.pictures import canvas
from limbeck.workflow.pictures.canvas import COLOURS, GUIDE, INK, PALE, WIDTH


def importance(features: Sequence[Mapping[str, Any]], most: int = 15) -> Figure:
    """Draw what ROC-AUC loses when a feature is shuffled (`feature`, `value`, `low`, `high`), for the first *most*."""
    with canvas.styled():
        shown = features[:most]
        figure, axes = canvas.axes("What the model looks at", width=2 * WIDTH, height=0.9 + 0.24 * len(shown))
        values, errors = canvas.whiskers(shown)
        axes.barh([f["feature"] for f in shown], values, xerr=errors, color=COLOURS["model"], ecolor=INK)
        axes.invert_yaxis()
        axes.set_xlabel("ROC-AUC lost when the feature is shuffled, and its 95 % interval")
        return figure


def reasons(overall: Mapping[str, Any]) -> Figure:
    """Draw what each feature adds to the forecasts of some people: a point each, coloured by the feature's value.

    Texts and gaps are grey. *overall* is what `limbeck.propensity.reasons.overall` tells; features without points are
    not drawn.
    """
    from matplotlib.colors import LinearSegmentedColormap

    with canvas.styled():
        shown = [feature for feature in overall["features"] if feature["points"]]
        figure, axes = canvas.axes("What moves the scores", width=2 * WIDTH, height=1.1 + 0.3 * len(shown))
        scale = LinearSegmentedColormap.from_list("value", [COLOURS["rule"], PALE, COLOURS["model"]])
        axes.axvline(0, color=GUIDE, linestyle="--")
        image = None
        for line, feature in enumerate(shown):
            effects, places = np.array(feature["points"], float).T
            drawn: dict[str, Any] = {"s": 7, "linewidths": 0, "rasterized": True}
            height = line + _beside(effects)
            known = ~np.isnan(places)
            axes.scatter(effects[~known], height[~known], color=COLOURS["rfm"], **drawn)
            image = axes.scatter(effects[known], height[known], c=places[known], cmap=scale, vmin=0, vmax=1, **drawn)
        axes.set_yticks(range(len(shown)), [feature["feature"] for feature in shown])
        axes.set_ylim(max(len(shown), 1) - 0.5, -0.5)
        axes.set_xlabel(f"added to the forecast ({overall['unit']})")
        if image is not None:
            bar = figure.colorbar(image, label="value of the feature", aspect=40)
            bar.set_ticks([0, 1], labels=["lowest", "highest"])
        return figure


def _beside(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far up or down each point is moved, so that points of about the same value lie side by side."""
    width = max(float(np.ptp(values)), 1e-9) / 60
    cells = np.floor((values - values.min()) / width).astype(int)
    order = np.argsort(cells, kind="stable")
    starts = np.searchsorted(cells[order], cells[order])
    number = np.empty(len(values))
    number[order] = np.arange(len(values)) - starts
    away = (number + 1) // 2 * np.where(number % 2, 1, -1)
    most: NDArray[np.float64] = away * min(0.05, 0.4 / max(1.0, float(np.abs(away).max())))
    return most

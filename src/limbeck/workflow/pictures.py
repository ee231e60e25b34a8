"""Pictures of a forecast, as matplotlib figures: a notebook shows them, the report embeds them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

Curves = Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]
"""Curves by model (`model` and the baselines), then by kind: what `evaluate.curves` gives."""

Texts = Sequence[Sequence[str]]
"""What stands in the cells of a heat map."""

BLANK = "#ffffff"
COLOURS = {"model": "#0b6e74", "rule": "#c2703d", "rfm": "#8a8f98"}
GUIDE = "#c9ccd1"
WIDTH, HEIGHT = 4.6, 3.4
"""Inches of one picture."""
CELL = 0.3
"""Inches of a cell of a heat map."""
LETTER = 0.07
"""Inches of a letter beside or below one, about."""
WRITTEN = 12
"""Columns of a heat map up to which its values stand in the cells."""
BINS = 40
NAMED = 50
"""Letters of a group's name, at most."""
FINE = 200
"""Points of a line that is bent between those of a curve."""
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
}


class Picture(Figure):
    """A figure that a notebook shows as the value of a cell, with or without pyplot."""

    def _repr_png_(self) -> bytes:
        with _styled():
            held = io.BytesIO()
            self.savefig(held, format="png", dpi=DPI)
            return held.getvalue()


def timeline(
    days: Sequence[datetime],
    events: Sequence[int],
    cutoffs: Mapping[str, Sequence[datetime]],
    label_end: Callable[[datetime], datetime],
) -> Figure:
    """Draw the events of each day, the cutoffs by what they are for, and the time after each in which labels arise."""
    with _styled():
        figure, axes = _axes("Events by day, and the times of the labels", "day (UTC)", "events", 2 * WIDTH)
        axes.plot(_times(days), events, color=COLOURS["rfm"], linewidth=1.2)
        for (name, moments), colour in zip(cutoffs.items(), (*COLOURS.values(), GUIDE), strict=False):
            for n, (begin, end) in enumerate(zip(_times(moments), _times(map(label_end, moments)), strict=True)):
                axes.axvline(begin, color=colour, linestyle="--", label="" if n else f"cutoff of {name}")
                axes.axvspan(begin, end, color=colour, alpha=0.12, linewidth=0)
        axes.xaxis_date()
        axes.set_ylim(0, None)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.legend(frameon=False, loc="lower left")
        return figure


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
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("people")
        return figure


def together(shares: pd.DataFrame) -> Figure:
    """Draw the share of those who have one thing (row) that have the other too (column)."""
    with _styled():
        colours = (BLANK, COLOURS["model"])
        figure = _heat("What people have together", shares, "share", colours, (0, 1), _texts(shares, ".0%"))
        figure.axes[0].set(xlabel="also have", ylabel="of those who have")
        _percent(figure.axes[1].yaxis)
        return figure


def correlations(matrix: pd.DataFrame) -> Figure:
    """Draw the correlation of each row with each column, from -1 to 1."""
    with _styled():
        colours = (COLOURS["rule"], BLANK, COLOURS["model"])
        return _heat("What goes together", matrix, "correlation, -1 to 1", colours, (-1, 1), _texts(matrix, ".2f"))


def cohorts(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw who is active so many months after the first event, by the month of that (`month`, `people`, `active`)."""
    import pandas as pd

    with _styled():
        index = [f"{row['month']} ({row['people']:,})" for row in rows]
        months = max((len(row["active"]) for row in rows), default=0)
        padded = [[*row["active"], *([None] * (months - len(row["active"])))] for row in rows]
        shares = pd.DataFrame(padded, index=index, dtype=float)
        figure = _heat("Who comes back", shares, "active", (BLANK, COLOURS["model"]), (0, 1), _texts(shares, ".0%"))
        figure.axes[0].set(xlabel="months after the first event", ylabel="first event in (people)")
        _percent(figure.axes[1].yaxis)
        return figure


def roc(curves: Curves) -> Figure:
    """Draw the share of converters found against the share of others taken along."""
    with _styled():
        figure, axes = _axes("ROC", "others taken along", "converters found")
        _percent(axes.xaxis, axes.yaxis)
        axes.plot([0, 1], [0, 1], color=GUIDE, linestyle="--")
        return _lines(figure, axes, curves, "roc")


def precision_recall(curves: Curves, base_rate: float) -> Figure:
    """Draw the share of converters among those chosen, against the share of converters found."""
    with _styled():
        figure, axes = _axes("Precision and recall", "converters found (recall)", "converters among chosen (precision)")
        _percent(axes.xaxis, axes.yaxis)
        axes.axhline(base_rate, color=GUIDE, linestyle="--")
        axes.set_ylim(0, 1.02)
        for name, shares, found in _finely(curves):
            _line(axes, name, found, base_rate * found / shares)
        axes.legend(frameon=False)
        axes.set_xlim(0, 1)
        return figure


def gains(curves: Curves) -> Figure:
    """Draw the share of converters found against the share of people chosen, highest scores first."""
    with _styled():
        figure, axes = _axes("Gains", "people chosen, best first", "converters found")
        _percent(axes.xaxis, axes.yaxis)
        axes.plot([0, 1], [0, 1], color=GUIDE, linestyle="--")
        return _lines(figure, axes, curves, "gains")


def lift(curves: Curves) -> Figure:
    """Draw how many times the base rate the chosen convert, against the share of people chosen."""
    with _styled():
        figure, axes = _axes("Lift", "people chosen, best first", "times the base rate")
        _percent(axes.xaxis)
        axes.axhline(1, color=GUIDE, linestyle="--")
        for name, shares, found in _finely(curves):
            _line(axes, name, shares, found / shares)
        axes.legend(frameon=False)
        axes.set_xlim(0, 1)
        return figure


def reach(table: Sequence[Mapping[str, Any]], chosen: Mapping[str, Any] | None = None) -> Figure:
    """Draw precision, with its range, against how many people are chosen (`people`, `precision`); mark *chosen*."""
    with _styled():
        figure, axes = _axes("Propensity and reach", "people chosen, best first", "converters among them", 2 * WIDTH)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        _percent(axes.yaxis)
        people = [row["people"] for row in table]
        value, low, high = ([row["precision"][name] for row in table] for name in ("value", "low", "high"))
        axes.fill_between(people, low, high, color=COLOURS["model"], alpha=0.15, linewidth=0)
        axes.plot(people, value, color=COLOURS["model"], linewidth=2.0)
        if chosen is not None:
            axes.axvline(chosen["people"], color=COLOURS["rule"], linestyle="--")
            axes.annotate(f" {chosen['people']:,} chosen", (chosen["people"], max(high)), color=COLOURS["rule"])
        axes.set_ylim(0, None)
        return figure


def thresholds(table: Sequence[Mapping[str, Any]], chosen: Mapping[str, Any] | None = None) -> Figure:
    """Draw how many people have at least a score, and the conversions to expect of them with their range.

    Rows have `threshold`, `people` and `conversions`; mark *chosen*.
    """
    with _styled():
        figure, axes = _axes("Reach by threshold", "least score (probability)", "people", 2 * WIDTH)
        rows = sorted(table, key=lambda row: row["threshold"])
        least = [row["threshold"] for row in rows]
        value, low, high = ([row["conversions"][name] for row in rows] for name in ("value", "low", "high"))
        axes.plot(least, [row["people"] for row in rows], color=COLOURS["rfm"], linewidth=2.0, label="people reached")
        axes.plot(least, value, color=COLOURS["model"], linewidth=2.0, label="conversions to expect")
        axes.fill_between(least, low, high, color=COLOURS["model"], alpha=0.15, linewidth=0)
        if chosen is not None:
            place = (chosen["threshold"], chosen["people"])
            axes.axvline(place[0], color=COLOURS["rule"], linestyle="--")
            axes.annotate(f" {chosen['people']:,} chosen", place, color=COLOURS["rule"])
        axes.set_yscale("symlog", linthresh=10)
        axes.set_ylim(0, None)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.legend(frameon=False)
        return figure


def surface(rates: pd.DataFrame, people: pd.DataFrame, rows: str, columns: str) -> Figure:
    """Draw conversion rates over two ways to choose people, called *rows* and *columns*, and in each cell its people.

    Both tables have the same rows and columns; a rate that nobody shows may be missing.
    """
    with _styled():
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
        _percent(figure.axes[1].yaxis)
        return figure


def distribution(scores: Sequence[float], base_rate: float, threshold: float | None = None) -> Figure:
    """Draw how many people have which score, with the *base_rate*, and from which *threshold* on they are chosen."""
    with _styled():
        figure, axes = _axes("Scores", "score (probability)", "people", 2 * WIDTH)
        axes.hist(scores, bins=BINS, color=COLOURS["model"])
        axes.axvline(base_rate, color=COLOURS["rfm"], linestyle="--", label="base rate")
        if threshold is not None:
            axes.axvline(threshold, color=COLOURS["rule"], linestyle="--", label="chosen from here on")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.legend(frameon=False)
        return figure


def calibration(points: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the outcome of each tenth of the people (`observed`) against its forecast (`predicted`).

    Where `low` and `high` are given, the interval of each outcome is drawn too.
    """
    with _styled():
        figure, axes = _axes("Calibration", "forecast", "outcome")
        _percent(axes.xaxis, axes.yaxis)
        end = max(*points["predicted"], *points["observed"], *points.get("high", ()), 0.01) * 1.08
        axes.plot([0, end], [0, end], color=GUIDE, linestyle="--")
        if "low" in points:
            axes.vlines(points["predicted"], points["low"], points["high"], color=COLOURS["model"], alpha=0.5)
        axes.plot(points["predicted"], points["observed"], color=COLOURS["model"], marker="o", markersize=4)
        axes.set(xlim=(0, end), ylim=(0, end))
        return figure


def expected(tenths: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw forecast (`expected`) and outcome (`observed`, with its interval) of tenths of the people, best first."""
    with _styled():
        figure, axes = _axes("Forecast and outcome", "tenths of the people, best first", "reach the goal")
        _percent(axes.yaxis)
        places = np.arange(1, len(tenths) + 1)
        forecasts = [tenth["expected"] for tenth in tenths]
        axes.bar(places, forecasts, color=GUIDE, label="forecast")
        values, errors = _whiskers([tenth["observed"] for tenth in tenths])
        axes.errorbar(places, values, yerr=errors, fmt="o", markersize=4, color=COLOURS["model"], label="came")
        axes.set_xticks(places)
        axes.legend(frameon=False)
        return figure


def groups(rows: Sequence[Mapping[str, Any]], most: int = 30) -> Figure:
    """Draw forecast (`expected`) and outcome (`observed`, with its interval) of the first *most* groups."""
    with _styled():
        shown = rows[:most]
        figure, axes = _axes(
            "Forecast and outcome by group", "reach the goal", "group", 2 * WIDTH, 1.3 + 0.24 * len(shown)
        )
        _percent(axes.xaxis)
        places = np.arange(len(shown))
        values, errors = _whiskers([row["observed"] for row in shown])
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
    with _styled():
        figure, axes = _axes("The same at every time?", "cutoff", "ROC-AUC", 2 * WIDTH)
        for name, colour in (("validation", COLOURS["rfm"]), ("test", COLOURS["model"])):
            found = [row for row in rows if row["set"] == name]
            if not found:
                continue
            days = [datetime.fromisoformat(row["since"]) for row in found]
            values, errors = _whiskers([row["measures"]["roc_auc"] for row in found])
            axes.errorbar(_times(days), values, yerr=errors, fmt="o", color=colour, label=name)
        axes.xaxis_date()
        axes.axhline(0.5, color=GUIDE, linestyle="--")
        axes.legend(frameon=False)
        return figure


def importance(features: Sequence[Mapping[str, Any]], most: int = 15) -> Figure:
    """Draw what ROC-AUC loses when a feature is shuffled (`feature`, `value`, `low`, `high`), for the first *most*."""
    with _styled():
        shown = features[:most]
        figure, axes = _axes("What the model looks at", width=2 * WIDTH, height=0.9 + 0.24 * len(shown))
        values, errors = _whiskers(shown)
        axes.barh([f["feature"] for f in shown], values, xerr=errors, color=COLOURS["model"], ecolor=GUIDE)
        axes.invert_yaxis()
        axes.set_xlabel("ROC-AUC lost when the feature is shuffled, and its 95 % interval")
        return figure


def expected_actual(tenths: Sequence[Mapping[str, float]]) -> Figure:
    """Draw how many conversions came in each tenth by score (`actual`), and how many to expect (`low` to `high`)."""
    with _styled():
        figure, axes = _axes("Expected and actual", "tenth by score, lowest first", "conversions", 2 * WIDTH)
        places = range(1, len(tenths) + 1)
        expected = [one["expected"] for one in tenths]
        errors = [[one["expected"] - one["low"] for one in tenths], [one["high"] - one["expected"] for one in tenths]]
        axes.bar(places, [one["actual"] for one in tenths], color=COLOURS["model"], label="actual")
        axes.errorbar(places, expected, errors, fmt="o", color=COLOURS["rule"], label="expected, and its 95 % range")
        axes.set_xticks(places)
        axes.legend(frameon=False)
        return figure


def qini(curves: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draw, by ranking, how many more of 100 people convert if the best so many are contacted (`share`, `gain`).

    The first ranking has its range (`low`, `high`) and the line of as many at random (`random`).
    """
    with _styled():
        figure, axes = _axes("Qini", "people contacted, best first", "conversions added per 100 people", 2 * WIDTH)
        _percent(axes.xaxis)
        first, colours = next(iter(curves.values())), (*COLOURS.values(), "#5b5f97")
        axes.plot(first["share"], 100 * np.array(first["random"]), color=GUIDE, linestyle="--")
        low, high = (100 * np.array(first[end]) for end in ("low", "high"))
        axes.fill_between(first["share"], low, high, color=COLOURS["model"], alpha=0.15, linewidth=0)
        for (name, curve), colour in zip(curves.items(), colours, strict=False):
            axes.plot(curve["share"], 100 * np.array(curve["gain"]), label=name, color=colour, linewidth=1.5)
        axes.legend(frameon=False)
        return figure


def tenths(found: Sequence[Mapping[str, float]]) -> Figure:
    """Draw the measured effect by tenth of the people, those of the highest uplift first (`value`, `low`, `high`)."""
    with _styled():
        figure, axes = _axes("Uplift by tenth", "tenth of the people, highest uplift first", "points", 2 * WIDTH)
        value, low, high = (100 * np.array([tenth[end] for tenth in found]) for end in ("value", "low", "high"))
        places = np.arange(1, len(found) + 1)
        axes.bar(places, value, color=COLOURS["model"], yerr=[value - low, high - value], ecolor=COLOURS["rfm"])
        axes.axhline(0, color=COLOURS["rfm"], linewidth=0.8)
        axes.set_xticks(places)
        return figure


def reasons(overall: Mapping[str, Any]) -> Figure:
    """Draw what each feature adds to the forecasts of some people: a point each, coloured by the feature's value.

    Texts and gaps are grey. *overall* is what `limbeck.propensity.reasons.overall` tells; features without points are
    not drawn.
    """
    from matplotlib.colors import LinearSegmentedColormap

    with _styled():
        shown = [feature for feature in overall["features"] if feature["points"]]
        figure, axes = _axes("What moves the scores", width=2 * WIDTH, height=1.1 + 0.3 * len(shown))
        scale = LinearSegmentedColormap.from_list("value", [COLOURS["rule"], GUIDE, COLOURS["model"]])
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


def data_uri(figure: Figure) -> str:
    """Return *figure* as an SVG in a `data:` URI; the same figure, the same text."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg(figure)).decode()


def svg(figure: Figure) -> bytes:
    """Return *figure* as an SVG; the same figure, the same text."""
    with _styled():
        held = io.BytesIO()
        figure.savefig(held, format="svg", metadata={"Date": None})
        return held.getvalue()


def _styled() -> Any:
    from matplotlib import rc_context

    return rc_context(STYLE)


def _axes(title: str, x: str = "", y: str = "", width: float = WIDTH, height: float = HEIGHT) -> tuple[Figure, Axes]:
    figure = Picture(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes


def _line(axes: Axes, name: str, x: Sequence[float] | Numbers, y: Sequence[float] | Numbers) -> None:
    axes.plot(x, y, label=name, color=COLOURS.get(name), linewidth=2.0 if name == "model" else 1.2)


def _finely(curves: Curves) -> Iterator[tuple[str, Numbers, Numbers]]:
    """Yield shares of people and of converters among them, also between the scores: people with the same are mixed.

    What follows from both is no straight line there.
    """
    for name, found in curves.items():
        x, y = (np.array(found["gains"][axis]) for axis in "xy")
        shares = np.union1d(x[1:], np.linspace(x[1], 1, FINE))
        yield name, shares, np.interp(shares, x, y)


def _lines(figure: Figure, axes: Axes, curves: Curves, kind: str) -> Figure:
    for name, found in curves.items():
        _line(axes, name, found[kind]["x"], found[kind]["y"])
    axes.set_xlim(0, 1)
    axes.legend(frameon=False)
    return figure


def _whiskers(measures: Sequence[Mapping[str, float]]) -> tuple[list[float], list[list[float]]]:
    """Return the values, and how far their intervals reach below and above."""
    below, above = ([abs(m["value"] - m[end]) for m in measures] for end in ("low", "high"))
    return [m["value"] for m in measures], [below, above]


def _percent(*axes: Axis) -> None:
    from matplotlib.ticker import PercentFormatter

    for axis in axes:
        axis.set_major_formatter(PercentFormatter(1))


def _times(moments: Iterable[datetime]) -> list[float]:
    return [moment.replace(tzinfo=UTC).timestamp() / DAY_S for moment in moments]


def _heat(
    title: str, table: pd.DataFrame, told: str, colours: Sequence[str], limits: tuple[float, float], texts: Texts
) -> Figure:
    """Draw a table as coloured cells, with *texts* in them if the columns are few; *told* is what the colours say."""
    from matplotlib.colors import LinearSegmentedColormap

    few = len(table.columns) <= WRITTEN
    beside, below = (1.0 + LETTER * max(len(str(n)) for n in names) for names in (table.index, table.columns))
    width = beside + 1.0 + (2 if few else 1) * CELL * len(table.columns)
    figure, axes = _axes(title, width=width, height=below + CELL * len(table))
    scale = LinearSegmentedColormap.from_list(title, list(colours))
    values = table.to_numpy(float)
    image = axes.imshow(values, scale, vmin=limits[0], vmax=limits[1], aspect="auto")
    axes.set_xticks(range(len(table.columns)), list(map(str, table.columns)), rotation=90)
    axes.set_yticks(range(len(table)), list(map(str, table.index)))
    figure.colorbar(image, label=told)
    for row, line in enumerate(texts if few else ()):
        for column, text in enumerate(line):
            light = abs(values[row, column]) < 0.6 * limits[1]
            axes.annotate(text, (column, row), ha="center", va="center", color="black" if light else "white")
    return figure


def _texts(table: pd.DataFrame, form: str) -> Texts:
    return [["" if value != value else format(value, form) for value in line] for line in table.to_numpy()]

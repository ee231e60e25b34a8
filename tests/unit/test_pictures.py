"""Pictures show what they are given, and show themselves in a notebook."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from limbeck.workflow import pictures

NAMES = ["sent", "opened", "clicked"]
SHARES = pd.DataFrame([[1.0, 0.5, 0.1], [1.0, 1.0, 0.2], [1.0, 1.0, np.nan]], NAMES, NAMES)
PEOPLE = pd.DataFrame([[1200, 600, 120], [600, 600, 120], [120, 120, 0]], NAMES, NAMES)
DAY = datetime(2026, 1, 1)
NEXT = DAY + timedelta(1)


def reach(threshold: float, people: int) -> dict[str, Any]:
    return {"threshold": threshold, "people": people, "conversions": {"value": people / 2, "low": 1, "high": people}}


POINTS = [[0.5, 0.9], [0.5, 0.8], [-0.2, 0.1], [0.1, None]]
REASONS = {
    "unit": "log-odds",
    "features": [{"feature": "spend", "points": POINTS}, {"feature": "city", "points": []}],
}
RATE = {"value": 0.3, "low": 0.2, "high": 0.5}
TIER = {"feature": "tier", "value": "gold", "expected": 0.1, "observed": RATE}


def moment(month: int, name: str) -> dict[str, Any]:
    return {"since": f"2026-0{month}-01T00:00:00", "set": name, "measures": {"roc_auc": RATE}}


FIGURES = {
    "timeline": lambda: pictures.timeline([DAY, NEXT], [3, 5], {"training": [DAY]}, lambda _: NEXT),
    "together": lambda: pictures.together(SHARES),
    "correlations": lambda: pictures.correlations(SHARES),
    "surface": lambda: pictures.surface(SHARES, PEOPLE, "last seen", "least score"),
    "thresholds": lambda: pictures.thresholds([reach(0.5, 10), reach(0.1, 100)], reach(0.5, 10)),
    "expected": lambda: pictures.expected([{"expected": 0.2, "observed": RATE}] * 10),
    "groups": lambda: pictures.groups([TIER, {**TIER, "value": "silver " * 30}]),
    "moments": lambda: pictures.moments([moment(1, "validation"), moment(2, "validation"), moment(3, "test")]),
    "calibration": lambda: pictures.calibration({"predicted": [0.1], "observed": [0.2], "low": [0.1], "high": [0.6]}),
    "reasons": lambda: pictures.reasons(REASONS),
    "distribution": lambda: pictures.distribution([0.1, 0.2, 0.2, 0.9], 0.3, 0.5),
}


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("name", FIGURES)
def test_a_notebook_shows_it_with_title_and_labels(name: str) -> None:
    figure = FIGURES[name]()
    assert figure._repr_png_().startswith(b"\x89PNG")
    axes = figure.axes[0]
    assert axes.get_title(loc="left")
    named = [axes.get_xlabel(), axes.get_ylabel()]
    assert all(named) or (len(figure.axes) == 2 and figure.axes[1].get_ylabel())


def test_whiskers_are_the_intervals() -> None:
    for name, axis in (("expected", 1), ("groups", 0), ("moments", 1)):
        (segment, *_) = FIGURES[name]().axes[0].collections[0].get_segments()
        assert segment[:, axis].tolist() == pytest.approx([0.2, 0.5])


def test_people_with_the_same_score_are_mixed_in_the_lift() -> None:
    """Half of the people hold nine tenths of the converters, and nobody tells them apart: halfway the lift is 1.8."""
    curve = {"x": [0.0, 0.5, 1.0], "y": [0.0, 0.9, 1.0]}
    line = pictures.lift({"model": {"gains": curve}}).axes[0].lines[1]
    x, y = line.get_data()
    assert (x[0], y[0], x[-1], y[-1]) == (0.5, pytest.approx(1.8), 1.0, pytest.approx(1.0))
    assert y == pytest.approx((0.9 + 0.1 * (x - 0.5) / 0.5) / x)
    precision = pictures.precision_recall({"model": {"gains": curve}}, 0.2).axes[0].lines[1]
    assert precision.get_ydata() == pytest.approx(0.2 * y)


def test_cells_say_their_values_and_gaps_nothing() -> None:
    assert texts(pictures.together(SHARES)) == ["100%", "50%", "10%", "100%", "100%", "20%", "100%", "100%", ""]
    assert texts(pictures.correlations(SHARES))[:3] == ["1.00", "0.50", "0.10"]


def test_a_surface_is_coloured_by_rates_and_says_people() -> None:
    figure = pictures.surface(SHARES, PEOPLE, "last seen", "least score")
    assert texts(figure) == ["1,200", "600", "120", "600", "600", "120", "120", "120", "0"]
    shown = figure.axes[0].images[0].get_array()
    assert np.ma.filled(shown, -1).tolist() == SHARES.fillna(-1).to_numpy().tolist()


def test_a_surface_that_nobody_shows_is_blank() -> None:
    assert texts(pictures.surface(SHARES * np.nan, PEOPLE, "a", "b"))[0] == "1,200"


def test_many_columns_have_no_values_written() -> None:
    many = pd.DataFrame(np.eye(30))
    assert texts(pictures.correlations(many)) == []


def test_a_timeline_marks_cutoffs_at_their_days() -> None:
    figure = FIGURES["timeline"]()
    line, cutoff = figure.axes[0].lines
    assert cutoff.get_xdata()[0] == line.get_xdata()[0] == 20454  # days from 1970 to 2026
    assert line.get_ydata().tolist() == [3, 5]


def test_reasons_are_a_point_for_each_person_at_its_effect() -> None:
    axes = FIGURES["reasons"]().axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["spend"]
    grey, coloured = axes.collections
    places = [*coloured.get_offsets().tolist(), *grey.get_offsets().tolist()]
    assert [effect for effect, _ in places] == [effect for effect, _ in POINTS]
    assert len(set(map(tuple, places))) == len(POINTS)
    assert coloured.get_array().tolist() == [0.9, 0.8, 0.1]


def test_reasons_of_nothing_are_an_empty_picture() -> None:
    assert pictures.reasons({"unit": None, "features": []})._repr_png_()

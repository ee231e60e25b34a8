"""Pictures of a forecast, as matplotlib figures: a notebook shows them, the report embeds them."""

from limbeck.workflow.pictures.canvas import data_uri, svg, told
from limbeck.workflow.pictures.choice import distribution, reach, thresholds
from limbeck.workflow.pictures.curves import gains, lift, precision_recall, roc
from limbeck.workflow.pictures.events import funnel, recency, timeline
from limbeck.workflow.pictures.features import importance, reasons
from limbeck.workflow.pictures.forecasts import calibration, expected, expected_actual, groups, moments
from limbeck.workflow.pictures.heat import cohorts, correlations, surface, together
from limbeck.workflow.pictures.uplift import qini, tenths

__all__ = [
    "calibration",
    "cohorts",
    "correlations",
    "data_uri",
    "distribution",
    "expected",
    "expected_actual",
    "funnel",
    "gains",
    "groups",
    "importance",
    "lift",
    "moments",
    "precision_recall",
    "qini",
    "reach",
    "reasons",
    "recency",
    "roc",
    "surface",
    "svg",
    "tenths",
    "thresholds",
    "timeline",
    "together",
    "told",
]

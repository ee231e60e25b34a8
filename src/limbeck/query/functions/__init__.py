"""The functions that are served; nothing else leaves the resolver."""

from limbeck.query.functions import (
    aggregates,
    attribution,
    between,
    collections,
    dates,
    pathing,
    scalars,
    sessions,
    windows,
)
from limbeck.query.functions.model import Function

FUNCTIONS: dict[str, Function] = {
    **scalars.FUNCTIONS,
    **dates.FUNCTIONS,
    **collections.FUNCTIONS,
    **aggregates.FUNCTIONS,
    **windows.FUNCTIONS,
    **between.FUNCTIONS,
    **sessions.FUNCTIONS,
    **pathing.FUNCTIONS,
    **attribution.FUNCTIONS,
}
"""By lower-case name."""

__all__ = ["FUNCTIONS", "Function"]

"""The functions that are served; nothing else leaves the resolver."""

from limbeck.query.functions import (
    aggregates,
    attribution,
    between,
    binary,
    conversions,
    dates,
    documents,
    lists,
    logic,
    maps,
    maths,
    pathing,
    sessions,
    text,
    windows,
)
from limbeck.query.functions.model import Function

FUNCTIONS: dict[str, Function] = {
    **conversions.FUNCTIONS,
    **maths.FUNCTIONS,
    **logic.FUNCTIONS,
    **text.FUNCTIONS,
    **binary.FUNCTIONS,
    **documents.FUNCTIONS,
    **dates.FUNCTIONS,
    **lists.FUNCTIONS,
    **maps.FUNCTIONS,
    **aggregates.FUNCTIONS,
    **windows.FUNCTIONS,
    **between.FUNCTIONS,
    **sessions.FUNCTIONS,
    **pathing.FUNCTIONS,
    **attribution.FUNCTIONS,
}
"""By lower-case name."""

__all__ = ["FUNCTIONS", "Function"]

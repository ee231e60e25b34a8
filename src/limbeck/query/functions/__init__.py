"""The functions that are served; nothing else leaves the resolver."""

from limbeck.query.functions import aggregates, collections, dates, scalars, windows
from limbeck.query.functions.model import Function

FUNCTIONS: dict[str, Function] = {
    **scalars.FUNCTIONS,
    **dates.FUNCTIONS,
    **collections.FUNCTIONS,
    **aggregates.FUNCTIONS,
    **windows.FUNCTIONS,
}
"""By lower-case name."""

__all__ = ["FUNCTIONS", "Function"]

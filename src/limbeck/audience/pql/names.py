"""The methods and functions of PQL: which are served, which are known, and how a refusal of either reads."""

from __future__ import annotations

from limbeck.errors import PqlError, nearest

NULL_TESTS = frozenset({"isNull", "isNotNull"})
TEXT_TESTS = frozenset(
    {
        "equals",
        "notEqualTo",
        "contains",
        "doesNotContain",
        "startsWith",
        "doesNotStartWith",
        "endsWith",
        "doesNotEndWith",
    }
)
PATTERNS = frozenset({"matches", "regexGroup"})
DATE_PARTS = {"getYear": "YEAR", "getMonth": "MONTH", "getDayOfMonth": "DAY"}
CURRENT_PARTS = {"currentYear": "year", "currentMonth": "month", "currentDayOfMonth": "day"}

METHODS = NULL_TESTS | TEXT_TESTS | PATTERNS | DATE_PARTS.keys()
"""The methods served."""
FUNCTIONS = frozenset({"if", "inSegment", "date"}) | CURRENT_PARTS.keys()
"""The functions served; `date` is a literal and handled where the tree is built."""

_SETS = {"intersects", "intersection", "subsetOf", "supersetOf", "includes", "distinct"}
_LISTS = {"groupBy", "filter", "exists", "map", "topN", "bottomN", "head"}
_TOTALS = {"count", "sum", "average", "min", "max"}
_MAPS = {"get", "keys", "values"}
_LATER_METHODS = frozenset(_SETS | _LISTS | _TOTALS | _MAPS)
_LATER_FUNCTIONS = frozenset({"mapEntry"})


def not_served(what: str, position: int, instead: str = "") -> PqlError:
    """Return the refusal of something that is PQL and that this version does not evaluate."""
    return PqlError(f"{what} is not served yet{'; ' + instead if instead else ''}", position=position)


def unknown_method(name: str, position: int) -> PqlError:
    """Return the refusal of a method that is not served."""
    return _unknown("method", name, position, METHODS, _LATER_METHODS)


def unknown_function(name: str, position: int) -> PqlError:
    """Return the refusal of a function that is not served."""
    return _unknown("function", name, position, FUNCTIONS, _LATER_FUNCTIONS)


def _unknown(what: str, name: str, position: int, served: frozenset[str], later: frozenset[str]) -> PqlError:
    if name in later:
        return not_served(f"the {what} {name}", position)
    hint = nearest(name, sorted(served | later))
    return PqlError(f"there is no {what} {name}{'; ' + hint if hint else ''}", position=position)

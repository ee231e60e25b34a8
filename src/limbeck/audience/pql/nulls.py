"""What a missing value does to each operator, method and function (profile contract, section 4.4).

The one place that says so: `sql.py` asks it how to treat NULL, and the tests walk it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Nulls(Enum):
    """What an operator gives when operands are null."""

    FALSE = "false when an operand is null"
    ONE_SIDE = "true when exactly one side is null, false when both are"
    NULL = "null when an operand is null"
    AS_FALSE = "an operand that is null counts as false"
    ASKS = "asks whether its operand is null"


NULLS: Mapping[str, Nulls] = {
    # comparisons
    "=": Nulls.FALSE,
    "!=": Nulls.ONE_SIDE,
    "<": Nulls.FALSE,
    "<=": Nulls.FALSE,
    ">": Nulls.FALSE,
    ">=": Nulls.FALSE,
    "in": Nulls.FALSE,
    "notIn": Nulls.FALSE,
    "like": Nulls.FALSE,
    "occurs": Nulls.FALSE,
    # conditions
    "and": Nulls.AS_FALSE,
    "or": Nulls.AS_FALSE,
    "not": Nulls.AS_FALSE,
    "if": Nulls.AS_FALSE,
    # arithmetic; division and remainder by zero are null too
    "+": Nulls.NULL,
    "-": Nulls.NULL,
    "*": Nulls.NULL,
    "/": Nulls.NULL,
    "%": Nulls.NULL,
    "negative": Nulls.NULL,
    # methods
    "isNull": Nulls.ASKS,
    "isNotNull": Nulls.ASKS,
    "equals": Nulls.FALSE,
    "notEqualTo": Nulls.FALSE,
    "contains": Nulls.FALSE,
    "doesNotContain": Nulls.FALSE,
    "startsWith": Nulls.FALSE,
    "doesNotStartWith": Nulls.FALSE,
    "endsWith": Nulls.FALSE,
    "doesNotEndWith": Nulls.FALSE,
    "matches": Nulls.FALSE,
    "regexGroup": Nulls.NULL,
    "getYear": Nulls.NULL,
    "getMonth": Nulls.NULL,
    "getDayOfMonth": Nulls.NULL,
}
"""By operator, method or function. `and`, `or`, `not`: the operands. `if`: the condition; its values pass through.
A null in the list of `in` and `notIn` is no element of it; an empty list is null to `isNull` and `isNotNull` only."""

"""Choices and checks (SQL contract, section 4.2)."""

from __future__ import annotations

from limbeck.query.functions.model import ANY, Function, Types, first_type, one
from limbeck.query.types import BOOLEAN, STRING, widest
from limbeck.xdm.types import Type


def _branch(types: Types) -> Type | None:
    return widest(types[1:])


_ASSERT = "CASE WHEN NOT coalesce({0}, false) THEN error(%s) END"

FUNCTIONS = {
    "if": one("CASE WHEN {0} THEN {1} ELSE {2} END", _branch, count=3),
    "coalesce": Function({ANY: "coalesce({*})"}, widest),
    "ifnull": one("coalesce({0}, {1})", widest, count=2),
    "nvl": one("coalesce({0}, {1})", widest, count=2),
    "nvl2": one("CASE WHEN {0} IS NOT NULL THEN {1} ELSE {2} END", _branch, count=3),
    "nullif": one("nullif({0}, {1})", first_type, count=2),
    "isnull": one("({0} IS NULL)", BOOLEAN),
    "isnotnull": one("({0} IS NOT NULL)", BOOLEAN),
    "equal_null": one("({0} IS NOT DISTINCT FROM {1})", BOOLEAN, count=2),
    "assert_true": Function(
        {1: _ASSERT % "'the condition of assert_true is not true'", 2: _ASSERT % "{1}"}, None, wants="-s"
    ),
    "raise_error": one("error({0})", STRING, "s"),
}

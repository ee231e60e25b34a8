"""Choices between values, and what tells whether there is one. In a condition null counts as false."""

from __future__ import annotations

from collections.abc import Sequence

from limbeck.errors import ExpressionError
from limbeck.flow.expressions.model import Function
from limbeck.flow.expressions.operators import chosen, same
from limbeck.flow.expressions.values import Names, Value, common, convert


def _decoded(names: Names, arguments: Sequence[Value], position: int) -> Value:
    key, *rest = arguments
    if len(rest) < 2:
        raise ExpressionError("decode(key, option, value, …, [default]) takes at least 3 arguments", position=position)
    options, values = rest[0 : len(rest) // 2 * 2 : 2], rest[1::2]
    default = rest[-1] if len(rest) % 2 else Value("NULL", "null", position)
    kind = common([*values, default])
    results = [convert(v, kind, names) for v in values]

    def decide(x: str) -> str:
        held = Value(x, key.kind, key.position, True)
        branches = [
            f"WHEN {same(names, held, option)} THEN {value}" for option, value in zip(options, results, strict=True)
        ]
        return f"CASE {' '.join(branches)} ELSE {convert(default, kind, names)} END"

    return Value(decide(key.sql) if key.is_simple else names.let(key.sql, decide), kind, position)


_EMPTY = (
    "CASE json_type({0}) WHEN 'ARRAY' THEN json_array_length({0}) = 0 WHEN 'OBJECT' THEN len(json_keys({0})) = 0 "
    "WHEN 'VARCHAR' THEN ({0} ->> '$') = '' ELSE {0} IS NULL END"
)

FUNCTIONS = (
    Function("iif", "Logical", "condition:boolean one:same other:same", None, chosen,
             "One of two values, by a condition.", 'iif(1 < 2, "True", "False")', "True"),
    Function("decode", "Logical", "key:any option:any value:any...", None, _decoded,
             "The value behind the option that is the key; the default that may follow, or null, if none is.",
             'decode("k2", "k1", "v1", "k2", "v2", "other")', "v2"),
    Function("coalesce", "Logical", "value:same...", None, "coalesce({*})", "The first value that is not null.",
             'coalesce(null, null, "first", "second")', "first", ("first_non_null",)),
    Function("nullify", "Logical", "", "any", "CAST(NULL AS JSON)", "No value: null.", "nullify()", None),
    Function("is_empty", "Logical", "value:any", "boolean", _EMPTY,
             "Whether there is nothing: null, an empty text, list or map.", 'is_empty("")', True),
)  # fmt: skip

"""Functions of lists and maps, whose items are JSON."""

from __future__ import annotations

from collections.abc import Sequence

from limbeck.errors import ExpressionError
from limbeck.flow.expressions.model import Function
from limbeck.flow.expressions.values import Names, Value, convert, required


def _array(names: Names, arguments: Sequence[Value], position: int) -> Value:
    first, *rest = arguments
    if not isinstance(first.constant if first.is_constant else None, bool):
        raise ExpressionError("to_array begins with true, to keep null, or false", position=first.position)
    items = f"CAST([{', '.join(convert(v, 'any', names) for v in rest)}] AS JSON[])"
    kept = items if first.constant else f"list_filter({items}, lambda limbeck_part: limbeck_part IS NOT NULL)"
    return Value(kept, "list", position)


def _map(names: Names, arguments: Sequence[Value], position: int) -> Value:
    if len(arguments) % 2:
        raise ExpressionError("to_object takes keys, each with its value", position=position)
    keys = ", ".join(convert(k, "text", names) for k in arguments[::2])
    values = ", ".join(convert(v, "any", names) for v in arguments[1::2])
    return Value(f"map(CAST([{keys}] AS VARCHAR[]), CAST([{values}] AS JSON[]))", "map", position)


_SIZE = (
    "CASE json_type({0}) WHEN 'ARRAY' THEN json_array_length({0}) WHEN 'OBJECT' THEN len(json_keys({0})) "
    "WHEN 'VARCHAR' THEN length({0} ->> '$') END"
)
_PAIRS = required(
    "length({1}) > 0 AND length({2}) > 0",
    "map_from_entries(list_transform(list_filter(string_split({0}, {2}), "
    "lambda limbeck_part: contains(limbeck_part, {1})), lambda limbeck_part: struct_pack("
    "key := trim(split_part(limbeck_part, {1}, 1)), "
    "value := to_json(trim(substr(limbeck_part, instr(limbeck_part, {1}) + length({1})))))))",
    3,
)


def _list(name: str, takes: str, sql: str, says: str, example: str, result: object, *aliases: str) -> Function:
    return Function(name, "List", takes, "list", sql, says, example, result, aliases)


FUNCTIONS = (
    Function("to_array", "List", "keep_null:boolean value:any...", "list", _array, "A list of values.",
             'to_array(false, 1, "a", null)', [1, "a"]),
    _list("add_to_array", "list:list value:any...", "list_concat({0}, CAST([{*}] AS JSON[]))",
          "A list with more at its end.", "add_to_array(to_array(false, 1), 2)", [1, 2]),
    _list("join_arrays", "list:list...", "list_concat(CAST([] AS JSON[]), {*})",
          "Lists one after the other; null is an empty one.",
          "join_arrays(to_array(false, 1), to_array(false, 2))", [1, 2]),
    Function("first", "List", "list:list", "any", "({0})[1]", "The first item of a list.", 'first(split("a,b", ","))',
             "a"),
    Function("last", "List", "list:list", "any", "({0})[-1]", "The last item of a list.", 'last(split("a,b", ","))',
             "b"),
    Function("item", "List", "list:list place:integer", "any",
             required("{1} >= 0", "({0})[least({1}, 2147483647) + 1]", 2),
             "The item at a place of a list, from 0; null behind its end.", 'item(split("a,b", ","), 1)', "b"),
    Function("size_of", "List", "value:any", "integer", _SIZE,
             "How many items a list, entries a map, or characters a text has.", 'size_of(split("a,b", ","))', 2),
    Function("to_object", "Map", "key:text value:any...", "map", _map, "A map of keys and values.",
             'to_object("first", "John", "age", 5)', {"first": "John", "age": 5}, ("to_map",)),
    Function("str_to_object", "Map", "input:text value_delimiter:text field_delimiter:text", "map", _PAIRS,
             "The map that a text spells; what has no value is left out.",
             'str_to_object("a: 1, b: 2", ":", ",")', {"a": "1", "b": "2"}),
    Function("json_to_object", "Map", "input:text", "any", "CAST({0} AS JSON)", "What a text of JSON stands for.",
             'json_to_object("{\\"a\\": [1]}")', {"a": [1]}),
    _list("get_keys", "map:map", "list_transform(map_keys({0}), lambda limbeck_part: to_json(limbeck_part))",
          "The keys of a map.", 'get_keys(to_object("a", 1))', ["a"]),
    _list("get_map_values", "map:map", "map_values({0})", "The values of a map.",
          'get_map_values(to_object("a", 1))', [1]),
    Function("get_values", "Map", "input:text key:text value_delimiter:text field_delimiter:text", "any",
             f"({_PAIRS.replace('{2}', '{3}').replace('{1}', '{2}')})[{{1}}]",
             "The value of a key in the map that a text spells.",
             'get_values("first - John, last - Cena", "last", "-", ",")', "Cena"),
    Function("map_get_values", "Map", "map:map key:text", "any", "({0})[{1}]", "The value of a key, null without it.",
             'map_get_values(to_object("a", 1), "a")', 1),
    Function("map_has_keys", "Map", "map:map key:text...", "boolean",
             "list_has_all(map_keys({0}), CAST([{*}] AS VARCHAR[]))", "Whether a map has all of some keys.",
             'map_has_keys(to_object("a", 1), "a", "b")', False),
    Function("add_to_map", "Map", "map:map other:map", "map", "map_concat({0}, {1})",
             "A map with the entries of another, which count more.",
             'add_to_map(to_object("a", 1), to_object("b", 2))', {"a": 1, "b": 2}),
)  # fmt: skip

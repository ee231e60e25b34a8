"""Lists, maps and structs."""

from __future__ import annotations

from limbeck.query.functions.model import ANY, Function, Types, first_type, one
from limbeck.query.types import BOOLEAN, INT, STRING, widest
from limbeck.xdm.types import Array, Map, Type


def _items(types: Types) -> Type | None:
    return types[0].items if types and isinstance(types[0], Array) else None


def _of_items(types: Types) -> list[Type | None]:
    return [_items(types), INT]


def _listed(types: Types) -> Type | None:
    found = widest(types)
    return None if found is None else Array(found)


def _last_listed(types: Types) -> Type | None:
    return None if types[-1] is None else Array(types[-1])


def _values(types: Types) -> Type | None:
    return Array(types[0].values) if isinstance(types[0], Map) else None


_SIZE = one("coalesce(CAST(len({0}) AS INTEGER), -1)", INT)

FUNCTIONS = {
    "array": Function({0: "[]", ANY: "[{*}]"}, _listed),
    "size": _SIZE,
    "cardinality": _SIZE,
    "array_contains": one("list_contains({0}, {1})", BOOLEAN, count=2),
    "array_distinct": one("list_distinct({0})", first_type),
    "array_max": one("list_max({0})", _items),
    "array_min": one("list_min({0})", _items),
    "array_position": one("CAST(coalesce(list_position({0}, {1}), 0) AS BIGINT)", INT, count=2),
    "array_join": one("array_to_string({0}, {1})", STRING, count=2),
    "flatten": one("flatten({0})", _items),
    "slice": one("list_slice({0}, {1}, {1} + {2} - 1)", first_type, count=3),
    "sequence": one("generate_series({0}, {1}, CASE WHEN {0} <= {1} THEN 1 ELSE -1 END)", _listed, count=2),
    "map_keys": one("map_keys({0})", Array(STRING)),
    "map_values": one("map_values({0})", _values),
    "transform": Function({2: "list_transform({0}, {1})"}, _last_listed, lambdas=_of_items),
    "filter": Function({2: "list_filter({0}, {1})"}, first_type, lambdas=_of_items),
    "exists": Function({2: "(len(list_filter({0}, {1})) > 0)"}, BOOLEAN, lambdas=_of_items),
    "explode": one("unnest({0})", _items),
}

"""Lists, maps and structs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from limbeck.errors import FeatureNotSupported
from limbeck.query.dialect import position
from limbeck.query.functions.model import ANY, Function, Types, first_type, one, template
from limbeck.query.types import BOOLEAN, INT, LONG, NUMBER, STRING, is_numeric, scalar_name, type_of, widest
from limbeck.xdm.types import Array, Field, Map, Object, Type

_MANY = range(2, 65, 2)
"""Numbers of arguments that pairs may make."""


def _items(types: Types) -> Type | None:
    return types[0].items if types and isinstance(types[0], Array) else None


def _of_items(types: Types) -> list[Type | None]:
    return [_items(types), INT]


def _of_pairs(types: Types) -> list[Type | None]:
    return [t.items if isinstance(t, Array) else None for t in types]


def _of_folding(types: Types) -> list[Type | None]:
    """The state and an item, for the finish the state alone; a state that is a number may grow to any number."""
    return [NUMBER if is_numeric(types[1]) else types[1], _items(types)]


def _listed(types: Types) -> Type | None:
    found = widest(types)
    return None if found is None else Array(found)


def _last_listed(types: Types) -> Type | None:
    return None if types[-1] is None else Array(types[-1])


def _keys(types: Types) -> Type | None:
    return Array(STRING) if isinstance(types[0], Map) else None


def _values(types: Types) -> Type | None:
    return Array(types[0].values) if isinstance(types[0], Map) else None


def _mapped(types: Types) -> Type | None:
    values = widest(types[1::2])
    return Map(values) if values is not None and types[0] == STRING else None


def _mapped_lists(types: Types) -> Type | None:
    keys, values = types
    known = isinstance(keys, Array) and keys.items == STRING and isinstance(values, Array)
    return Map(values.items) if known and isinstance(values, Array) else None


def _element(types: Types) -> Type | None:
    return types[0].values if isinstance(types[0], Map) else _items(types)


def _element_at(arguments: Sequence[exp.Expr]) -> exp.Expr:
    if isinstance(type_of(arguments[0]), Map):
        return template("({0})[{1}]", *arguments)
    return template("list_extract({0}, {1})", *arguments)


def _map(arguments: Sequence[exp.Expr]) -> exp.Expr:
    count = len(arguments)
    keys, values = (", ".join(f"{{{n}}}" for n in range(first, count, 2)) for first in (0, 1))
    return template(f"map([{keys}], [{values}])", *arguments)


def _struct(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """Each argument comes as an alias: `struct(a, b AS x, 1)` has fields a, x, col3."""
    pairs = [template("{0} := {1}", exp.to_identifier(a.alias, quoted=True), a.this) for a in arguments]
    return template("struct_pack({*})", *pairs)


def _struct_type(arguments: Sequence[exp.Expr]) -> Type | None:
    fields = [(a.alias, type_of(a)) for a in arguments]
    known = tuple(Field(name, t) for name, t in fields if t is not None)
    return Object(known) if len(known) == len(fields) else None


def _size(arguments: Sequence[exp.Expr]) -> exp.Expr:
    counter = "cardinality" if isinstance(type_of(arguments[0]), Map) else "len"
    return template(f"coalesce(CAST({counter}({{0}}) AS INTEGER), -1)", *arguments)


def _sequence(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """From one to the other, both included; of the type of its bounds, where the engine makes bigints."""
    step = "{2}" if len(arguments) == 3 else "CASE WHEN {0} <= {1} THEN 1 ELSE -1 END"
    whole = all(scalar_name(type_of(a)) == "int" for a in arguments)
    text = f"generate_series({{0}}, {{1}}, {step})"
    return template(f"CAST({text} AS INTEGER[])" if whole else text, *arguments)


def _zip_with(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """The engine's lambdas run over one list: the pair is bound one after the other."""
    body, *parameters = arguments[2].expressions
    if len(parameters) != 2:
        raise FeatureNotSupported("zip_with takes (x, y) -> …", position=position(body))
    return template(_ZIP, arguments[0], arguments[1], *parameters, body)


def _over(name: str) -> Callable[[Sequence[exp.Expr]], exp.Expr]:
    """The engine counts a lambda's second parameter, the position, from 1; here it begins with 0."""

    def build(arguments: Sequence[exp.Expr]) -> exp.Expr:
        if len(arguments[1].expressions) != 3:
            return template(f"{name}({{0}}, {{1}})", *arguments)
        body, item, index = arguments[1].expressions
        shifted = "list_transform([{2} - 1], LAMBDA {2} : {3})[1]"
        return template(f"{name}({{0}}, LAMBDA {{1}}, {{2}} : {shifted})", arguments[0], item, index, body)

    return build


def _distinct(text: str) -> str:
    """The first of each, in order; NULL counts as a value."""
    return f"list_filter({text}, LAMBDA _x, _n : list_position({text}, _x) = _n)"


_SIZE = Function({1: ""}, INT, build=_size)
_FOLD = "list_reduce({0}, {2}, {1})"
_FINISH = "list_transform([list_reduce({0}, {2}, {1})], {3})[1]"
_ZIP = (
    "list_transform(range(1, greatest(len({0}), len({1})) + 1), LAMBDA _i : "
    "list_transform([({0})[_i]], LAMBDA {2} : list_transform([({1})[_i]], LAMBDA {3} : {4})[1])[1])"
)
_SORT = "list_sort({0}, 'ASC', 'NULLS FIRST')"
_REPEATED = "CASE WHEN {1} > 0 THEN list_transform(range({1}), LAMBDA _n : {0}) ELSE [] END"

LISTS = {
    "array": Function({0: "[]", ANY: "[{*}]"}, _listed),
    "size": _SIZE,
    "cardinality": _SIZE,
    "array_contains": one("list_contains({0}, {1})", BOOLEAN, count=2),
    "array_max": one("list_max({0})", _items),
    "array_min": one("list_min({0})", _items),
    "array_position": one("CAST(coalesce(list_position({0}, {1}), 0) AS BIGINT)", LONG, count=2),
    "array_join": one("array_to_string({0}, {1})", STRING, count=2),
    "array_union": one(_distinct("list_concat({0}, {1})"), first_type, count=2),
    "array_intersect": one(
        "list_filter({0}, LAMBDA _x, _n : list_position({1}, _x) IS NOT NULL AND list_position({0}, _x) = _n)",
        first_type,
        count=2,
    ),
    "array_except": one(
        "list_filter({0}, LAMBDA _x, _n : list_position({1}, _x) IS NULL AND list_position({0}, _x) = _n)",
        first_type,
        count=2,
    ),
    "array_distinct": one(_distinct("{0}"), first_type),
    "arrays_overlap": one("list_has_any({0}, {1})", BOOLEAN, count=2),
    "array_remove": one("list_filter({0}, LAMBDA _x : _x <> {1})", first_type, count=2),
    "sort_array": Function(
        {
            1: _SORT,
            2: f"CASE WHEN {{1}} THEN {_SORT} ELSE list_sort({{0}}, 'DESC', 'NULLS LAST') END",
        },
        first_type,
    ),
    "array_sort": one("list_sort({0}, 'ASC', 'NULLS LAST')", first_type),
    "array_repeat": one(_REPEATED, lambda types: _listed(types[:1]), count=2),
    "flatten": one("flatten({0})", _items),
    "slice": one("list_slice({0}, {1}, {1} + {2} - 1)", first_type, count=3),
    "sequence": Function({2: "", 3: ""}, _listed, build=_sequence),
    "transform": Function({2: ""}, _last_listed, lambdas=_of_items, build=_over("list_transform")),
    "filter": Function({2: ""}, first_type, lambdas=_of_items, build=_over("list_filter")),
    "exists": Function({2: "(len(list_filter({0}, {1})) > 0)"}, BOOLEAN, lambdas=_of_items),
    "zip_with": Function({3: ""}, None, lambdas=_of_pairs, build=_zip_with),
    "aggregate": Function({3: _FOLD, 4: _FINISH}, None, lambdas=_of_folding),
    "reduce": Function({3: _FOLD, 4: _FINISH}, None, lambdas=_of_folding),
}

MAPS = {
    "map": Function({**dict.fromkeys(_MANY, "")}, _mapped, build=_map),
    "map_from_arrays": one("map({0}, {1})", _mapped_lists, count=2),
    "map_concat": Function({ANY: "map_concat({*})"}, first_type),
    "map_keys": one("map_keys({0})", _keys),
    "map_values": one("map_values({0})", _values),
    "element_at": Function({2: "list_extract({0}, {1})"}, _element, build=_element_at),
    "struct": Function({ANY: "struct_pack({*})"}, None, build=_struct, typing=_struct_type, named=True),
}

FUNCTIONS = {**LISTS, **MAPS}

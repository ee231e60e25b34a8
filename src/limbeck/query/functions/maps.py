"""Maps and structs (SQL contract, section 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from limbeck.errors import SqlSyntaxError
from limbeck.query.dialect import position
from limbeck.query.functions.model import ANY, Function, Types, first_type, one, template
from limbeck.query.types import BOOLEAN, STRING, key_of, map_of, type_of, widest
from limbeck.xdm.types import Array, Field, Map, Object, Type

_MANY = range(2, 65, 2)
"""Numbers of arguments that pairs may make."""


def _key(t: Type | None) -> Type | None:
    return key_of(t) if isinstance(t, Map) else None


def _keys(types: Types) -> Type | None:
    key = _key(types[0])
    return None if key is None else Array(key)


def _values(types: Types) -> Type | None:
    return Array(types[0].values) if isinstance(types[0], Map) else None


def _of_entries(types: Types) -> list[Type | None]:
    return [_key(types[0]), types[0].values if isinstance(types[0], Map) else None]


def _of_both(types: Types) -> list[Type | None]:
    return [_key(types[0]), *(t.values if isinstance(t, Map) else None for t in types[:2])]


def _entries(types: Types) -> Type | None:
    key, value = _of_entries(types)
    return Array(Object((Field("key", key), Field("value", value)))) if key is not None and value is not None else None


def _made(key: Type | None, value: Type | None) -> Type | None:
    return None if key is None or value is None else map_of(key, value)


def _mapped(types: Types) -> Type | None:
    return _made(widest(types[::2]), widest(types[1::2]) or STRING) if types else Map(STRING)


def _mapped_lists(types: Types) -> Type | None:
    keys, values = (t.items if isinstance(t, Array) else None for t in types)
    return _made(keys, values)


def _mapped_entries(types: Types) -> Type | None:
    entry = types[0].items if isinstance(types[0], Array) else None
    if not isinstance(entry, Object) or len(entry.fields) != 2:
        return None
    return _made(entry.fields[0].type, entry.fields[1].type)


def _map(arguments: Sequence[exp.Expr]) -> exp.Expr:
    if not arguments:
        return template("CAST(map() AS MAP(VARCHAR, VARCHAR))")
    count = len(arguments)
    keys, values = (", ".join(f"{{{n}}}" for n in range(first, count, 2)) for first in (0, 1))
    return template(f"map([{keys}], [{values}])", *arguments)


def _struct(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """Each argument comes as an alias: `struct(a, b AS x, 1)` has fields a, x, col3."""
    pairs = [template("{0} := {1}", exp.to_identifier(a.alias, quoted=True), a.this) for a in arguments]
    return template("struct_pack({*})", *pairs)


def _struct_type(arguments: Sequence[exp.Expr]) -> Type | None:
    return _object([(a.alias, type_of(a)) for a in arguments])


def _object(fields: Sequence[tuple[str, Type | None]]) -> Type | None:
    known = tuple(Field(name, t) for name, t in fields if t is not None)
    return Object(known) if len(known) == len(fields) else None


def _pairs(arguments: Sequence[exp.Expr]) -> list[tuple[str, exp.Expr]]:
    for name in arguments[::2]:
        if not (isinstance(name, exp.Literal) and name.is_string):
            raise SqlSyntaxError("named_struct takes names, in quotes, and values by turns", position=position(name))
    return [(name.name, value) for name, value in zip(arguments[::2], arguments[1::2], strict=True)]


def _named_struct(arguments: Sequence[exp.Expr]) -> exp.Expr:
    return _struct([exp.Alias(this=value, alias=exp.to_identifier(name)) for name, value in _pairs(arguments)])


def _named_struct_type(arguments: Sequence[exp.Expr]) -> Type | None:
    return _object([(name, type_of(value)) for name, value in _pairs(arguments)])


def _over_entries(key: str, value: str) -> Callable[[Sequence[exp.Expr]], exp.Expr]:
    """A map of what *key* and *value* make of each entry `_e`; `{call}` is what the lambda gives for it."""

    def build(arguments: Sequence[exp.Expr]) -> exp.Expr:
        body, *parameters = arguments[1].expressions
        call = "list_transform([_e.key], LAMBDA {1} : list_transform([_e.value], LAMBDA {2} : {3})[1])[1]"
        entry = f"struct_pack(key := {key}, value := {value})".replace("{call}", call)
        text = f"map_from_entries(list_transform(map_entries({{0}}), LAMBDA _e : {entry}))"
        return template(text, arguments[0], *parameters, body)

    return build


def _filter(arguments: Sequence[exp.Expr]) -> exp.Expr:
    body, *parameters = arguments[1].expressions
    call = "list_transform([_e.key], LAMBDA {1} : list_transform([_e.value], LAMBDA {2} : {3})[1])[1]"
    text = f"map_from_entries(list_filter(map_entries({{0}}), LAMBDA _e : {call}))"
    return template(text, arguments[0], *parameters, body)


def _zip(arguments: Sequence[exp.Expr]) -> exp.Expr:
    body, *parameters = arguments[2].expressions
    return template(_ZIP, arguments[0], arguments[1], *parameters, body)


def _text_map(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """Pairs and what stands between key and value are cut at regular expressions, the value at the first only."""
    defaults = [template("','"), template("':'")]
    return template(_TEXT_MAP, *arguments, *defaults[len(arguments) - 1 :])


_MARKED = "string_split(regexp_replace(_p, {2}, chr(1)), chr(1))"
_TEXT_MAP = (
    "map_from_entries(list_transform(regexp_split_to_array({0}, {1}), "
    f"LAMBDA _p : struct_pack(key := {_MARKED}[1], value := {_MARKED}[2])))"
)
_ALL_KEYS = "list_concat(map_keys({0}), list_filter(map_keys({1}), LAMBDA _k : NOT list_contains(map_keys({0}), _k)))"
_ZIP = (
    f"map_from_entries(list_transform({_ALL_KEYS}, LAMBDA _k : struct_pack(key := _k, value := "
    "list_transform([_k], LAMBDA {2} : list_transform([({0})[_k]], LAMBDA {3} : "
    "list_transform([({1})[_k]], LAMBDA {4} : {5})[1])[1])[1])))"
)
_CONCAT = "CASE WHEN NOT (%s) THEN map_concat({*}) END"

FUNCTIONS = {
    "map": Function({0: "", **dict.fromkeys(_MANY, "")}, _mapped, build=_map),
    "map_from_arrays": one("map({0}, {1})", _mapped_lists, count=2),
    "map_from_entries": one("map_from_entries({0})", _mapped_entries),
    "map_concat": Function(
        {n: _CONCAT % " OR ".join(f"{{{k}}} IS NULL" for k in range(n)) for n in range(1, 17)}, first_type
    ),
    "map_keys": one("map_keys({0})", _keys),
    "map_values": one("map_values({0})", _values),
    "map_entries": one("map_entries({0})", _entries),
    "map_contains_key": one("map_contains({0}, {1})", BOOLEAN, count=2),
    "map_filter": Function({2: ""}, first_type, lambdas=_of_entries, build=_filter),
    "transform_keys": Function(
        {2: ""},
        lambda types: _made(types[1], _of_entries(types)[1]),
        lambdas=_of_entries,
        build=_over_entries("{call}", "_e.value"),
    ),
    "transform_values": Function(
        {2: ""},
        lambda types: _made(_key(types[0]), types[1]),
        lambdas=_of_entries,
        build=_over_entries("_e.key", "{call}"),
    ),
    "map_zip_with": Function({3: ""}, lambda types: _made(_key(types[0]), types[2]), lambdas=_of_both, build=_zip),
    "str_to_map": Function({1: "", 2: "", 3: ""}, Map(STRING), wants="s", build=_text_map),
    "struct": Function({ANY: ""}, None, build=_struct, typing=_struct_type, named=True),
    "named_struct": Function(dict.fromkeys(_MANY, ""), None, build=_named_struct, typing=_named_struct_type),
}

"""Lists and functions over them (SQL contract, section 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from limbeck.errors import FeatureNotSupported
from limbeck.query.casts import text
from limbeck.query.dialect import position
from limbeck.query.functions.model import ANY, Function, Types, first_type, one, template
from limbeck.query.types import (
    BOOLEAN,
    DATE,
    INT,
    LONG,
    NUMBER,
    STRING,
    is_numeric,
    scalar_name,
    type_of,
    widest,
)
from limbeck.xdm.types import Array, Field, Map, Object, Type


def _items(types: Types) -> Type | None:
    return types[0].items if types and isinstance(types[0], Array) else None


def _of_items(types: Types) -> list[Type | None]:
    return [_items(types), INT]


def _of_two_items(types: Types) -> list[Type | None]:
    return [_items(types), _items(types)]


def _of_pairs(types: Types) -> list[Type | None]:
    return [t.items if isinstance(t, Array) else None for t in types]


def _of_folding(types: Types) -> list[Type | None]:
    """The state and an item, for the finish the state alone; a state that is a number may grow to any number."""
    return [NUMBER if is_numeric(types[1]) else types[1], _items(types)]


def _folded(types: Types) -> Type | None:
    """What the finish or the merge gives."""
    return types[-1] if len(types) == 4 else widest([types[1], types[2]])


def _listed(types: Types) -> Type | None:
    found = widest(types)
    return None if found is None else Array(found)


def _last_listed(types: Types) -> Type | None:
    return None if types[-1] is None else Array(types[-1])


def _array(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """Texts among the items make all of them texts."""
    types = [type_of(a) for a in arguments]
    mixed = STRING in types and any(t is not None and t != STRING for t in types)
    return template("[{*}]", *(map(text, arguments) if mixed else arguments))


def _array_type(types: Types) -> Type | None:
    return Array(STRING) if STRING in types else _listed(types)


def _size(arguments: Sequence[exp.Expr]) -> exp.Expr:
    counter = "cardinality" if isinstance(type_of(arguments[0]), Map) else "len"
    return template(f"coalesce(CAST({counter}({{0}}) AS INTEGER), -1)", *arguments)


def _sequence(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """From one to the other, both included; dates go by days, or by the interval that is given."""
    kind = type_of(arguments[0])
    if scalar_name(kind) in ("date", "date-time"):
        step = "{2}" if len(arguments) == 3 else "INTERVAL 1 DAY"
        made = template(f"generate_series(CAST({{0}} AS TIMESTAMP), CAST({{1}} AS TIMESTAMP), {step})", *arguments)
        return template("CAST({0} AS DATE[])", made) if kind == DATE else made
    step = "{2}" if len(arguments) == 3 else "CASE WHEN {0} <= {1} THEN 1 ELSE -1 END"
    whole = all(scalar_name(type_of(a)) == "int" or isinstance(a, exp.Null) for a in arguments)
    made_of = f"generate_series({{0}}, {{1}}, {step})"
    return template(f"CAST({made_of} AS INTEGER[])" if whole else made_of, *arguments)


def _sequence_type(types: Types) -> Type | None:
    return _listed(types[:2])


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
        shifted = "list_transform([CAST({2} - 1 AS INTEGER)], LAMBDA {2} : {3})[1]"
        return template(f"{name}({{0}}, LAMBDA {{1}}, {{2}} : {shifted})", arguments[0], item, index, body)

    return build


def _sort_by(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """Sort by a function that compares two items: an item's place is how many of the others come before it."""
    if len(arguments) == 1:
        return template("list_sort({0}, 'ASC', 'NULLS LAST')", arguments[0])
    body, *parameters = arguments[1].expressions
    if len(parameters) != 2:
        raise FeatureNotSupported("array_sort takes (left, right) -> …", position=position(body))
    return template(_SORT_BY, arguments[0], *parameters, body)


def _zipped(arguments: Sequence[exp.Expr]) -> exp.Expr:
    fields = [
        template("{0} := ({1})[_i]", exp.to_identifier(_zip_name(a, n), quoted=True), a.this)
        for n, a in enumerate(arguments)
    ]
    longest = template(
        f"greatest({', '.join(f'len({{{n}}})' for n in range(len(arguments)))})", *(a.this for a in arguments)
    )
    missing = template(" OR ".join(f"{{{n}}} IS NULL" for n in range(len(arguments))), *(a.this for a in arguments))
    packed = template("struct_pack({*})", *fields)
    return template(
        "CASE WHEN NOT ({2}) THEN list_transform(range(1, {0} + 1), LAMBDA _i : {1}) END", longest, packed, missing
    )


def _zipped_type(arguments: Sequence[exp.Expr]) -> Type | None:
    types = [type_of(a) for a in arguments]
    fields = [
        Field(_zip_name(a, n), t.items)
        for n, (a, t) in enumerate(zip(arguments, types, strict=True))
        if isinstance(t, Array)
    ]
    return Array(Object(tuple(fields))) if len(fields) == len(types) else None


def _zip_name(argument: exp.Expr, number: int) -> str:
    """A list without a name of its own is called by its number, from 0."""
    return str(number) if argument.alias == f"col{number + 1}" else str(argument.alias)


def _distinct(text_: str) -> str:
    """The first of each, in order; NULL counts as a value."""
    return f"list_filter({text_}, LAMBDA _x, _n : list_position({text_}, _x) = _n)"


def _if_both(text_: str) -> str:
    return f"CASE WHEN {{0}} IS NOT NULL AND {{1}} IS NOT NULL THEN {text_} END"


def _element(types: Types) -> Type | None:
    return types[0].values if isinstance(types[0], Map) else _items(types)


def _element_at(arguments: Sequence[exp.Expr]) -> exp.Expr:
    if isinstance(type_of(arguments[0]), Map):
        return template("({0})[{1}]", *arguments)
    return template("list_extract({0}, {1})", *arguments)


_SIZE = Function({1: ""}, INT, build=_size)
_FOLD = "list_reduce({0}, {2}, {1})"
_FINISH = "list_transform([list_reduce({0}, {2}, {1})], {3})[1]"
_ZIP = (
    "list_transform(range(1, greatest(len({0}), len({1})) + 1), LAMBDA _i : "
    "list_transform([({0})[_i]], LAMBDA {2} : list_transform([({1})[_i]], LAMBDA {3} : {4})[1])[1])"
)
_ZIP = f"CASE WHEN {{0}} IS NOT NULL AND {{1}} IS NOT NULL THEN {_ZIP} END"
_BEFORE = (
    "len(list_filter(range(1, len({0}) + 1), LAMBDA _j : list_transform([({0})[_j]], LAMBDA {1} : "
    "list_transform([({0})[_i]], LAMBDA {2} : ({3}) < 0 OR (({3}) = 0 AND _j < _i))[1])[1]))"
)
_SORT_BY = (
    "list_transform(list_sort(list_transform(range(1, len({0}) + 1), LAMBDA _i : "
    f"struct_pack(place := {_BEFORE}, number := _i))), LAMBDA _s : ({{0}})[_s.number])"
)
_SORT = "list_sort({0}, 'ASC', 'NULLS FIRST')"
_ANY_NULL = "(len(list_filter({0}, LAMBDA _x : _x IS NULL)) > 0)"
_HAS = "len(list_filter({0}, LAMBDA _x : list_position({1}, _x) IS NOT NULL AND _x IS NOT NULL)) > 0"
_OVERLAP = (
    f"CASE WHEN {{0}} IS NULL OR {{1}} IS NULL THEN NULL WHEN {_HAS} THEN true WHEN len({{0}}) > 0 AND len({{1}}) > 0 "
    f"AND ({_ANY_NULL} OR {_ANY_NULL.replace('{0}', '{1}')}) THEN NULL ELSE false END"
)
_CONTAINS = (
    "CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL WHEN list_contains({0}, {1}) THEN true "
    f"WHEN {_ANY_NULL} THEN NULL ELSE false END"
)
_POSITION = (
    "CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN CAST(coalesce(list_position({0}, {1}), 0) AS BIGINT) END"
)
_REMOVED = "CASE WHEN {1} IS NOT NULL THEN list_filter({0}, LAMBDA _x : _x IS NULL OR _x <> {1}) END"
_REPEATED = (
    "CASE WHEN {1} > 0 THEN list_transform(range({1}), LAMBDA _n : {0}) "
    "WHEN {1} IS NOT NULL THEN list_slice([{0}], 2, 1) END"
)
_SLICE_FROM = "(CASE WHEN {1} < 0 THEN len({0}) + {1} + 1 ELSE {1} END)"
_SLICED = (
    "CASE WHEN {2} = 0 OR ({1} < 0 AND -({1}) > len({0})) THEN list_slice({0}, 2, 1) "
    f"ELSE list_slice({{0}}, {_SLICE_FROM}, {_SLICE_FROM} + {{2}} - 1) END"
)
_TESTED = "list_transform({0}, {1})"
_EXISTS = (
    f"CASE WHEN {{0}} IS NULL THEN NULL WHEN list_contains({_TESTED}, true) THEN true "
    f"WHEN len(list_filter({_TESTED}, LAMBDA _x : _x IS NULL)) > 0 THEN NULL ELSE false END"
)
_FORALL = _EXISTS.replace("true) THEN true", "false) THEN false").replace("ELSE false", "ELSE true")
_JOINED = "array_to_string(CAST({0} AS VARCHAR[]), {1})"
_JOINED_NULLS = "array_to_string(list_transform(CAST({0} AS VARCHAR[]), LAMBDA _x : coalesce(_x, {2})), {1})"
_SHUFFLED = (
    "list_transform(list_sort(list_transform({0}, LAMBDA _x : struct_pack(place := random(), item := _x))), "
    "LAMBDA _s : _s.item)"
)
_FLAT = "CASE WHEN len(list_filter({0}, LAMBDA _x : _x IS NULL)) = 0 THEN flatten({0}) END"
_INSERTED = (
    "list_slice({0}, 1, {1} - 1) || list_transform(range(greatest({1} - 1 - len({0}), 0)), LAMBDA _n : NULL) "
    "|| [{2}] || list_slice({0}, {1}, len({0}))"
)

FUNCTIONS = {
    "array": Function({0: "[]", ANY: ""}, _array_type, build=_array),
    "size": _SIZE,
    "cardinality": _SIZE,
    "array_size": one("CAST(len({0}) AS INTEGER)", INT),
    "array_contains": one(_CONTAINS, BOOLEAN, count=2),
    "array_max": one("list_max({0})", _items),
    "array_min": one("list_min({0})", _items),
    "array_position": one(_POSITION, LONG, count=2),
    "array_join": Function({2: _JOINED, 3: _JOINED_NULLS}, STRING),
    "array_union": one(_if_both(_distinct("list_concat({0}, {1})")), widest, count=2),
    "array_intersect": one(
        _if_both(
            "list_filter({0}, LAMBDA _x, _n : list_position({1}, _x) IS NOT NULL AND list_position({0}, _x) = _n)"
        ),
        first_type,
        count=2,
    ),
    "array_except": one(
        _if_both("list_filter({0}, LAMBDA _x, _n : list_position({1}, _x) IS NULL AND list_position({0}, _x) = _n)"),
        first_type,
        count=2,
    ),
    "array_distinct": one(_distinct("{0}"), first_type),
    "arrays_overlap": one(_OVERLAP, BOOLEAN, count=2),
    **dict.fromkeys(
        ("arrays_zip", "array_zip"), Function({ANY: ""}, None, build=_zipped, typing=_zipped_type, named=True)
    ),
    "array_remove": one(_REMOVED, first_type, count=2),
    "array_append": one("({0} || [{1}])", first_type, count=2),
    "array_prepend": one("([{1}] || {0})", first_type, count=2),
    "array_insert": one(f"({_INSERTED})", first_type, count=3),
    "array_compact": one("list_filter({0}, LAMBDA _x : _x IS NOT NULL)", first_type),
    "sort_array": Function(
        {
            1: _SORT,
            2: f"CASE WHEN {{1}} THEN {_SORT} ELSE list_sort({{0}}, 'DESC', 'NULLS LAST') END",
        },
        first_type,
    ),
    "array_sort": Function({1: "", 2: ""}, first_type, lambdas=_of_two_items, build=_sort_by),
    "array_repeat": one(_REPEATED, lambda types: _listed(types[:1]), count=2),
    "shuffle": one(_SHUFFLED, first_type),
    "flatten": one(_FLAT, _items),
    "slice": one(_SLICED, first_type, count=3),
    "sequence": Function({2: "", 3: ""}, _sequence_type, build=_sequence),
    "element_at": Function({2: ""}, _element, build=_element_at),
    "try_element_at": Function({2: ""}, _element, build=_element_at),
    "get": one("({0})[CASE WHEN {1} >= 0 THEN {1} + 1 END]", _items, count=2),
    "transform": Function({2: ""}, _last_listed, lambdas=_of_items, build=_over("list_transform")),
    "filter": Function({2: ""}, first_type, lambdas=_of_items, build=_over("list_filter")),
    "exists": Function({2: _EXISTS}, BOOLEAN, lambdas=_of_items),
    "forall": Function({2: _FORALL}, BOOLEAN, lambdas=_of_items),
    "zip_with": Function({3: ""}, _last_listed, lambdas=_of_pairs, build=_zip_with),
    "aggregate": Function({3: _FOLD, 4: _FINISH}, _folded, lambdas=_of_folding),
    "reduce": Function({3: _FOLD, 4: _FINISH}, _folded, lambdas=_of_folding),
}

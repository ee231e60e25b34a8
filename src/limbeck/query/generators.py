"""Generators: calls that give rows, in a SELECT list, in FROM and in LATERAL VIEW (SQL contract, 2.1 and 4.2).

Each comes down to one list that has an item for each row, and what its columns take from an item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from limbeck.errors import DatatypeMismatch, FeatureNotSupported, SqlSyntaxError, UndefinedFunction
from limbeck.query.dialect import Template, position, template
from limbeck.query.scope import Column
from limbeck.query.types import INT, STRING, is_string, key_of, type_of, typed, widest
from limbeck.xdm.types import Array, Map, Object, Type


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that a generator gives for one row of its input."""

    items: exp.Expr
    """A list with an item for each row; NULL and the empty list give none."""
    columns: tuple[Column, ...]
    taken: tuple[str, ...]
    """For each column the text that takes it from `{0}`, an item."""

    def from_item(self, item: exp.Expr) -> list[exp.Expr]:
        """Return the columns of *item*."""
        return [typed(template(text, item.copy()), c.type) for text, c in zip(self.taken, self.columns, strict=True)]

    def query(self, names: Sequence[str]) -> exp.Subquery:
        """Return a query that gives the rows, its columns called *names*; it sees what stands before it in FROM."""
        item = exp.column(exp.to_identifier("_item", quoted=True), table=exp.to_identifier("_items", quoted=True))
        unnested = exp.Select(expressions=[exp.alias_(template("unnest({0})", self.items), "_item", quoted=True)])
        columns = [exp.alias_(c, name, quoted=True) for c, name in zip(self.from_item(item), names, strict=True)]
        alias = exp.TableAlias(this=exp.to_identifier("_items", quoted=True))
        inner = exp.Subquery(this=unnested, alias=alias)
        return exp.Subquery(this=exp.Select(expressions=columns, from_=exp.From(this=inner)))

    def outer(self) -> Rows:
        """Return these rows, and one of NULLs where there would be none."""
        kept = template("CASE WHEN len({0}) > 0 THEN {0} ELSE [NULL] END", self.items)
        return Rows(kept, self.columns, self.taken)


def generated(call: exp.Anonymous, arguments: Sequence[exp.Expr]) -> Rows:
    """Return the rows of *call*, a generator, whose *arguments* are bound.

    Raise `UndefinedFunction` for a wrong number of arguments, `DatatypeMismatch` for one of a wrong type.
    """
    name = call.name.lower()
    at_least, build = _GENERATORS[name.removesuffix("_outer")]
    if len(arguments) < at_least or (at_least == 1 and len(arguments) > 1):
        wanted = "1 argument" if at_least == 1 else "at least 2 arguments"
        raise UndefinedFunction(f"{name} takes {wanted}, found {len(arguments)}", position=position(call))
    rows = build(arguments)
    return rows.outer() if name.endswith("_outer") else rows


def _explode(arguments: Sequence[exp.Expr]) -> Rows:
    items, columns, taken = _entries(arguments[0], "explode")
    return Rows(items, columns, tuple(text.format("{0}") for text in taken))


def _posexplode(arguments: Sequence[exp.Expr]) -> Rows:
    items, columns, taken = _entries(arguments[0], "posexplode")
    numbered = "list_transform({0}, LAMBDA _e, _n : struct_pack(pos := CAST(_n - 1 AS INTEGER), item := _e))"
    return Rows(
        template(numbered, items),
        (Column("pos", INT), *columns),
        ("{0}.pos", *(text.format("{0}.item") for text in taken)),
    )


def _entries(argument: exp.Expr, name: str) -> tuple[exp.Expr, tuple[Column, ...], tuple[str, ...]]:
    """Return a list or a map as a list, its columns, and how they are taken from an item."""
    match type_of(argument):
        case Array(items=kind):
            return argument, (Column("col", kind),), ("{}",)
        case Map(values=kind) as found:
            columns = (Column("key", key_of(found)), Column("value", kind))
            return template("map_entries({0})", argument), columns, ("{}.key", "{}.value")
        case None if _makes_map(argument):
            columns = (Column("key", None), Column("value", None))
            return template("map_entries({0})", argument), columns, ("{}.key", "{}.value")
        case None:
            return argument, (Column("col", None),), ("{}",)
        case kind:
            raise _mismatch(name, "a list or a map", argument)


def _makes_map(node: exp.Expr) -> bool:
    """Whether *node*, of a type that is not known, calls what makes maps: keys may be of any type there."""
    text = str(node.this) if isinstance(node, Template) else ""
    return text.startswith("map") and not text.startswith(("map_keys", "map_values", "map_entries"))


def _inline(arguments: Sequence[exp.Expr]) -> Rows:
    match type_of(arguments[0]):
        case Array(items=Object(fields=fields)):
            names = [exp.to_identifier(f.name, quoted=True).sql() for f in fields]
            taken = tuple("{0}." + name.replace("{", "{{").replace("}", "}}") for name in names)
            return Rows(arguments[0], tuple(Column(f.name, f.type) for f in fields), taken)
        case None:
            raise FeatureNotSupported("inline needs to know the fields of its structs", position=position(arguments[0]))
        case _:
            raise _mismatch("inline", "a list of structs", arguments[0])


def _stack(arguments: Sequence[exp.Expr]) -> Rows:
    count, *values = arguments
    if not (isinstance(count, exp.Literal) and count.is_int and int(count.name) > 0):
        raise SqlSyntaxError("stack begins with the number of rows, written as a number", position=position(count))
    height = int(count.name)
    width = -(-len(values) // height)
    columns = tuple(Column(f"col{n}", _common(values[n::width], n)) for n in range(width))
    rows = [
        template("struct_pack(" + ", ".join(f"col{n} := {{{n}}}" for n in range(width)) + ")", *cells)
        for cells in _rows([*values, *(exp.Null() for _ in range(height * width - len(values)))], width)
    ]
    return Rows(template("[{*}]", *rows), columns, tuple(f"{{0}}.col{n}" for n in range(width)))


def _rows(values: Sequence[exp.Expr], width: int) -> list[Sequence[exp.Expr]]:
    return [values[start : start + width] for start in range(0, len(values), width)]


def _common(cells: Sequence[exp.Expr], number: int) -> Type | None:
    """The type of one column of `stack`, whose cells have one kind of values."""
    known = [c for c in cells if type_of(c) is not None]
    different = [c for c in known if is_string(type_of(c)) != is_string(type_of(known[0]))]
    if different:
        raise DatatypeMismatch(
            f"column {number} of stack has strings and other values", position=position(different[0]), hint="cast them"
        )
    return widest(type_of(c) for c in known)


def _json_tuple(arguments: Sequence[exp.Expr]) -> Rows:
    text, *keys = arguments
    for argument in arguments:
        if type_of(argument) is not None and not is_string(type_of(argument)):
            raise _mismatch("json_tuple", "strings", argument)
    pointer = "'/' || replace(replace({1}, '~', '~0'), '/', '~1')"
    found = "CASE WHEN json_valid({0}) THEN json_extract_string({0}, " + pointer + ") END"
    values = template("[{*}]", *(template(found, text, key) for key in keys))
    columns = tuple(Column(f"c{n}", STRING) for n in range(len(keys)))
    return Rows(template("[{0}]", values), columns, tuple(f"{{0}}[{n}]" for n in range(1, len(keys) + 1)))


def _mismatch(name: str, wanted: str, found: exp.Expr) -> DatatypeMismatch:
    return DatatypeMismatch(f"{name} takes {wanted}", position=position(found))


_GENERATORS: Mapping[str, tuple[int, Callable[[Sequence[exp.Expr]], Rows]]] = {
    "explode": (1, _explode),
    "posexplode": (1, _posexplode),
    "inline": (1, _inline),
    "stack": (2, _stack),
    "json_tuple": (2, _json_tuple),
}
"""At how many arguments each begins (those that begin at 1 take no more), and what it makes of them."""

GENERATORS = frozenset({*_GENERATORS, "explode_outer", "posexplode_outer", "inline_outer"})
"""The names of all generators."""

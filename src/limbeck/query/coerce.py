"""Values that have to be of one type: conditions, branches of CASE, rows of VALUES, sides of UNION (contract, 4.1)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from limbeck.errors import DatatypeMismatch
from limbeck.query.casts import wanted
from limbeck.query.dialect import position, template
from limbeck.query.types import BOOLEAN, STRING, is_numeric, is_string, scalar_name, type_of, typed, widest
from limbeck.xdm.types import Array, Map, Object, Scalar, Type


def condition(node: exp.Expr, place: str) -> exp.Expr:
    """Return *node*, a bound expression that stands where a truth value belongs; *place* says where, for errors.

    A text counts as what it says, NULL if it says nothing. Raise `DatatypeMismatch` for every other type.
    """
    kind = type_of(node)
    if is_string(kind):
        return typed(template("TRY_CAST({0} AS BOOLEAN)", node), BOOLEAN)
    if kind is None or kind == BOOLEAN:
        return node
    raise DatatypeMismatch(f"argument of {place} must be type boolean, not type {named(kind)}", position=position(node))


def common(types: Sequence[Type | None], nodes: Sequence[exp.Expr], what: str) -> Type | None:
    """Return the type that values of all *types* are brought to: text, if some are texts and some are not.

    *nodes* are where they stand. Raise `DatatypeMismatch` if there is none; *what* says what they are.
    """
    known = [(t, n) for t, n in zip(types, nodes, strict=True) if t is not None]
    if not known:
        return None
    plain = [t for t, _ in known if isinstance(t, Scalar)]
    if any(is_string(t) for t, _ in known) and len(plain) == len(known):
        return STRING
    first = known[0][0]
    for kind, node in known:
        if _family(kind) != _family(first):
            raise DatatypeMismatch(
                f"{what} {named(first)} and {named(kind)} cannot be matched", position=position(node)
            )
    if {scalar_name(t) for t in plain} >= {"date", "date-time"}:
        return Scalar("date-time")
    return widest(t for t, _ in known)


def brought(node: exp.Expr, kind: Type | None) -> exp.Expr:
    """Return *node* as a value of type *kind*, which `common` has found for it and others."""
    return wanted(node, "s") if is_string(kind) else node


def unified(nodes: Sequence[exp.Expr], what: str) -> list[exp.Expr]:
    """Return bound expressions, brought to one type; *what* says what they are, for errors."""
    kind = common([type_of(n) for n in nodes], nodes, what)
    return [brought(n, kind) for n in nodes]


def named(kind: Type | None) -> str:
    """Return what a type is called in messages."""
    match kind:
        case Object():
            return "struct"
        case Array(items=items):
            return f"array<{named(items)}>"
        case Map():
            return "map"
        case Scalar(name=name):
            return _NAMES.get(name, name)
        case _:
            return "unknown"


_NAMES = {"byte": "tinyint", "short": "smallint", "long": "bigint", "number": "double", "date-time": "timestamp"}


def _family(kind: Type) -> str:
    if is_numeric(kind):
        return "number"
    name = scalar_name(kind)
    if name is not None:
        return "time" if name in ("date", "date-time") else name
    return type(kind).__name__

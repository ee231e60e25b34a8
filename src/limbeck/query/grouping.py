"""Where aggregates and windows may stand, and what a SELECT with groups may name (SQL contract, section 2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp

from limbeck.errors import GroupingError, InvalidColumnReference, WindowingError
from limbeck.query.below import is_grouped
from limbeck.query.dialect import position, rendered
from limbeck.query.marks import is_aggregate, is_alias, level_of

_CLAUSES = ("having", "qualify", "order")
_HOLDERS = (exp.Rollup, exp.Cube, exp.GroupingSets, exp.Tuple)


def check_plain(node: exp.Expr, level: int, place: str, *, windows: bool = False) -> None:
    """See to it that *node*, a bound part of the SELECT at *level*, has no aggregates, and no windows unless they may.

    Raise `GroupingError` or `WindowingError`; *place* says where, for their text.
    """
    for part in node.walk():
        if level_of(part) != level:
            continue
        if is_aggregate(part):
            raise GroupingError(f"aggregate functions are not allowed in {place}", position=_place(part))
        if isinstance(part, exp.Window) and not windows:
            raise WindowingError(f"window functions are not allowed in {place}", position=_place(part))


def check_no_windows(nodes: Iterable[exp.Expr], level: int, place: str) -> None:
    """See to it that *nodes*, bound parts of the SELECT at *level*, have no windows; *place* says where, for errors."""
    for part in (part for node in nodes for part in node.find_all(exp.Window)):
        if level_of(part) == level:
            raise WindowingError(
                f"window functions are not allowed in {place}",
                position=_place(part),
                hint="give the window a name in a query below, and use that",
            )


def check_groups(select: exp.Select, level: int) -> None:
    """See to it that *select*, a bound SELECT at *level*, names only what its groups are made of, or aggregates.

    Raise `GroupingError`, or `InvalidColumnReference` for the number of a column that is not there.
    """
    group = select.args.get("group")
    if group is not None and group.args.get("all"):
        return
    if not is_grouped(select, level):
        return
    keys = [_spelled(key, select) for key in _keys(group)] if group is not None else []
    for key in keys:
        check_plain(key, level, "GROUP BY")
    check = _Check(keys, level)
    for item in select.expressions:
        check.visit(item, None)
    for clause in _CLAUSES:
        if select.args.get(clause) is not None:
            check.visit(select.args[clause], None)


def check_number(key: exp.Expr, count: int, place: str) -> None:
    """See to it that *key*, if it is a number, is that of one of *count* columns; *place* says where it stands."""
    inner = key.this if isinstance(key, exp.Ordered) else key
    if isinstance(inner, exp.Literal) and inner.is_int and not 1 <= int(inner.name) <= count:
        raise InvalidColumnReference(f"{place} position {inner.name} is not in select list", position=position(key))


def check_distinct(select: exp.Select, level: int) -> None:
    """See to it that SELECT DISTINCT is sorted by what it gives; else raise `InvalidColumnReference`."""
    order = select.args.get("order")
    if order is None or not select.args.get("distinct"):
        return
    try:
        _Check([item.this for item in select.expressions], level).visit(order, None)
    except GroupingError as error:
        raise InvalidColumnReference(
            "for SELECT DISTINCT, ORDER BY expressions must appear in select list", position=error.position
        ) from error


class _Check:
    def __init__(self, keys: Sequence[exp.Expr], level: int) -> None:
        self._texts = {rendered(key) for key in keys}
        self._types = {type(key) for key in keys}
        self._level = level

    def visit(self, node: exp.Expr, place: int | None) -> None:
        place = position(node) or place
        if type(node) in self._types and rendered(node) in self._texts:
            return
        if is_aggregate(node) and level_of(node) == self._level:
            self._nested(node)
            return
        if isinstance(node, exp.Column) and level_of(node) == self._level and not is_alias(node):
            name = ".".join(part.name for part in node.parts)
            raise GroupingError(
                f'column "{name}" must appear in the GROUP BY clause or be used in an aggregate function',
                position=place,
            )
        for part in node.iter_expressions():
            self.visit(part, place)

    def _nested(self, aggregate: exp.Expr) -> None:
        for part in aggregate.walk():
            if part is not aggregate and is_aggregate(part) and level_of(part) == self._level:
                raise GroupingError("aggregate function calls cannot be nested", position=_place(part))


def _keys(group: exp.Expr) -> Iterator[exp.Expr]:
    for value in group.args.values():
        for node in value if isinstance(value, list) else []:
            if isinstance(node, _HOLDERS):
                yield from _keys(node)
            else:
                yield node


def _spelled(key: exp.Expr, select: exp.Select) -> exp.Expr:
    """The expression that a name or number of a column of the SELECT list stands for."""
    if isinstance(key, exp.Literal) and key.is_int:
        check_number(key, len(select.expressions), "GROUP BY")
        item: exp.Expr = select.expressions[int(key.name) - 1].this
        return item
    if isinstance(key, exp.Column) and is_alias(key):
        found = (e.this for e in select.expressions if e.alias.lower() == key.name.lower())
        return next(found, key)
    return key


def _place(node: exp.Expr) -> int | None:
    found = position(node)
    while found is None and node.parent is not None:
        node = node.parent
        found = position(node)
    return found

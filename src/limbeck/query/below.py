"""Columns made below: what a SELECT needs but cannot compute beside its windows.

The engine refuses a window inside a window, and a random number in the order of one. Such an expression stands in the
bound tree as `Below`; here it moves, with FROM and WHERE, into a query of its own that gives a row for each row the
windows see. What the SELECT takes from its relations goes through that query by name. An expression made below may
hold others: each depth is a query more.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from sqlglot import exp

from limbeck.errors import FeatureNotSupported
from limbeck.query.dialect import Below, Template, position, rendered, template
from limbeck.query.marks import at_level, is_aggregate, is_alias, level_of
from limbeck.query.types import type_of, typed

RELATION = "_below"
"""What a query below is called."""

_MADE, _COLUMN = "_made", "_column"
_VOLATILE = ("random()", "uuid()")
_ROWS = ("from_", "joins", "laterals", "where")
_GROUPS = ("group", "having")

_KEYS = itertools.count()


def made(node: exp.Expr, level: int, key: str | None = None) -> exp.Expr:
    """Return *node*, an expression of the SELECT at *level*, as one that is made below."""
    return at_level(typed(Below(this=node, key=key), type_of(node)), level)


def settle(window: exp.Window, level: int) -> None:
    """Have the random numbers made below that *window*, a bound one of the SELECT at *level*, sorts by."""
    keys = [*(window.args.get("partition_by") or []), *filter(None, [window.args.get("order")])]
    for part in [p for key in keys for p in key.find_all(Template) if _is_volatile(p)]:
        # alone, any random order will do
        number = template("random()") if isinstance(part.parent, exp.Ordered) else part.copy()
        part.replace(made(number, level, str(next(_KEYS))))


def is_random(window: exp.Window) -> bool:
    """Return whether *window* is sorted by a random number, so that no two rows are equal in its order."""
    order = window.args.get("order")
    return order is not None and any(b.args.get("key") for b in order.find_all(Below))


def is_grouped(select: exp.Select, level: int) -> bool:
    """Return whether the rows of *select*, a bound SELECT at *level*, are groups of rows."""
    if any(select.args.get(key) for key in _GROUPS):
        return True
    parts = [*select.expressions, *filter(None, [select.args.get("order"), select.args.get("qualify")])]
    return any(is_aggregate(n) and level_of(n) == level for part in parts for n in part.walk())


def group_keys(select: exp.Select) -> list[exp.Expr]:
    """Return what *select* is grouped by, each key as an expression of its relations."""
    group = select.args.get("group")
    if group is None:
        return []
    _spell_out(select)
    return list(_keys(group))


def hoist(select: exp.Select, level: int) -> None:
    """Move what *select*, a bound SELECT at *level*, has made below into queries below it."""
    _share_random(select, level)
    if not _wanted(select, level):
        return
    for node in _wanted(select, level):
        _inline(node, select, level)
    if is_grouped(select, level):
        _group_below(select, level)
    while innermost := [b for b in _wanted(select, level) if not _wanted(b.this, level)]:
        _push(select, level, innermost)


def stand_on_columns(select: exp.Select, level: int) -> exp.Select:
    """Put a query below *select*, one at *level*, that gives what it takes from its relations; return that query."""
    below = _moved(select, _ROWS)
    _stand_on(select, below, _Names(below, level))
    return below


def _wanted(node: exp.Expr, level: int) -> list[Below]:
    return [b for b in node.find_all(Below) if level_of(b) == level]


def _is_volatile(part: Template) -> bool:
    return not part.expressions and any(name in str(part.this) for name in _VOLATILE)


def _share_random(select: exp.Select, level: int) -> None:
    """A random column of the SELECT list that a window is sorted by is the same in both places."""
    windows = [w for w in select.find_all(exp.Window) if level_of(w) == level]
    orders = [order for w in windows if (order := w.args.get("order")) is not None]
    for column in [c for order in orders for c in order.find_all(exp.Column) if is_alias(c)]:
        item = _item(select, column)
        if item is not None and any(map(_is_volatile, item.this.find_all(Template))):
            item.set("this", made(item.this.copy(), level, str(next(_KEYS))))
        if item is not None and isinstance(item.this, Below):
            column.replace(item.this.copy())


def _item(select: exp.Select, column: exp.Column) -> exp.Alias | None:
    """The column of the SELECT list that *column* names."""
    found = (e for e in select.expressions if isinstance(e, exp.Alias) and e.alias.lower() == column.name.lower())
    return next(found, None)


def _inline(node: exp.Expr, select: exp.Select, level: int) -> None:
    """Put the columns of the SELECT list in place of their names, which mean nothing in a query below."""
    for column in list(node.find_all(exp.Column)):
        item = _item(select, column) if is_alias(column) and level_of(column) == level else None
        if item is not None:
            copy = exp.Paren(this=item.this.copy())
            _inline(copy, select, level)
            column.replace(copy.this if isinstance(copy.this, exp.Column) else copy)


def _spell_out(select: exp.Select) -> None:
    """Put expressions in place of the names and numbers of columns in GROUP BY and HAVING."""
    group = select.args["group"]
    if group.args.get("all"):
        raise FeatureNotSupported(
            "GROUP BY ALL is not served beside windows", position=position(select), hint="name what is grouped by"
        )
    for key in list(_keys(group)):
        if isinstance(key, exp.Literal) and key.is_int and 1 <= int(key.name) <= len(select.expressions):
            key.replace(select.expressions[int(key.name) - 1].this.copy())
    clauses = [group, *filter(None, [select.args.get("having")])]
    for column in [c for clause in clauses for c in clause.find_all(exp.Column) if is_alias(c)]:
        item = _item(select, column)
        if item is not None:
            column.replace(item.this.copy())


def _keys(group: exp.Expr) -> Iterator[exp.Expr]:
    for value in group.args.values():
        for node in value if isinstance(value, list) else []:
            if isinstance(node, exp.Rollup | exp.Cube | exp.GroupingSets | exp.Tuple):
                yield from _keys(node)
            else:
                yield node


# -- moving -------------------------------------------------------------------------------------------------


class _Names:
    """The columns of a query below, by their text."""

    def __init__(self, below: exp.Select, level: int) -> None:
        self._below = below
        self._level = level
        self._names: dict[str, str] = {}
        self._mine: set[int] = set()

    def give(self, node: exp.Expr, key: str, name: str) -> None:
        """Let the query below give *node*, called *name* and a number, and use that in its place."""
        if key not in self._names:
            self._names[key] = f"{name}{len(self._names)}"
            self._below.append("expressions", exp.alias_(node.copy(), self._names[key], quoted=True))
        column = exp.column(
            exp.to_identifier(self._names[key], quoted=True), table=exp.to_identifier(RELATION, quoted=True)
        )
        self._mine.add(id(column))
        node.replace(at_level(typed(column, type_of(node)), self._level))

    def paths(self, select: exp.Select) -> list[exp.Expr]:
        """Return the columns, each with the fields below it, that *select* takes from its relations."""
        found: list[exp.Expr] = []
        for column in select.find_all(exp.Column):
            if level_of(column) != self._level or is_alias(column) or id(column) in self._mine:
                continue
            path: exp.Expr = column
            while isinstance(path.parent, exp.Dot) and path.arg_key == "this":
                path = path.parent
            found.append(path)
        return found


def _push(select: exp.Select, level: int, innermost: Iterable[Below]) -> None:
    """Put a query below *select* that computes *innermost*."""
    below = _moved(select, _ROWS)
    names = _Names(below, level)
    for node in innermost:
        inner, key = node.this, node.args.get("key")
        node.replace(inner)
        names.give(inner, f"key {key}" if key else rendered(inner), _MADE)
    _stand_on(select, below, names)


def _group_below(select: exp.Select, level: int) -> None:
    """Put a query below *select* that does its grouping."""
    keys = {rendered(key) for key in group_keys(select)}
    below = _moved(select, (*_ROWS, *_GROUPS))
    names = _Names(below, level)

    def visit(node: exp.Expr) -> None:
        if (is_aggregate(node) and level_of(node) == level) or (keys and rendered(node) in keys):
            names.give(node, rendered(node), _MADE)
            return
        for part in list(node.iter_expressions()):
            visit(part)

    for clause in list(select.iter_expressions()):
        if clause.arg_key != "with_":
            visit(clause)
    _stand_on(select, below, names)


def _moved(select: exp.Select, clauses: Iterable[str]) -> exp.Select:
    below = exp.Select(expressions=[])
    for key in clauses:
        value = select.args.get(key)
        select.set(key, None)
        below.set(key, value)
    return below


def _stand_on(select: exp.Select, below: exp.Select, names: _Names) -> None:
    for path in names.paths(select):
        names.give(path, rendered(path), _COLUMN)
    if not below.expressions:
        below.append("expressions", exp.alias_(exp.Literal.number(1), _COLUMN, quoted=True))
    alias = exp.TableAlias(this=exp.to_identifier(RELATION, quoted=True))
    select.set("from_", exp.From(this=exp.Subquery(this=below, alias=alias)))

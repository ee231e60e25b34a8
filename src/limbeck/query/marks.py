"""What the resolver notes on the nodes of a bound tree, for the steps that come after it.

Levels are the numbers of scopes: a column, an aggregate or a window belongs to the SELECT whose scope has its level,
wherever in the tree it stands.
"""

from __future__ import annotations

from sqlglot import exp

_LEVEL, _ALIAS, _AGGREGATE, _ROWS, _ADOBE = "level", "alias", "aggregate", "rows", "adobe"


def at_level(node: exp.Expr, level: int) -> exp.Expr:
    """Note that *node* belongs to the SELECT of this level, and return it."""
    node.meta[_LEVEL] = level
    return node


def level_of(node: exp.Expr) -> int | None:
    """Return the level noted on *node*, None if there is none."""
    found: int | None = node.meta.get(_LEVEL)
    return found


def as_alias(node: exp.Expr) -> exp.Expr:
    """Note that *node* stands for a column of the SELECT list by its name, and return it."""
    node.meta[_ALIAS] = True
    return node


def is_alias(node: exp.Expr) -> bool:
    """Return whether *node* stands for a column of the SELECT list by its name."""
    return _ALIAS in node.meta


def as_aggregate(node: exp.Expr) -> exp.Expr:
    """Note that *node* is an aggregate without OVER, and return it."""
    node.meta[_AGGREGATE] = True
    return node


def is_aggregate(node: exp.Expr) -> bool:
    """Return whether *node* is an aggregate without OVER."""
    return _AGGREGATE in node.meta


def row_wise(window: exp.Window, adobe: bool = False) -> exp.Window:
    """Note that *window* tells apart rows which are equal in its order; *adobe*: for one of Adobe's functions."""
    window.meta[_ROWS] = True
    if adobe:
        window.meta[_ADOBE] = True
    return window


def is_row_wise(window: exp.Window) -> bool:
    """Return whether *window* tells apart rows which are equal in its order."""
    return _ROWS in window.meta


def is_adobe(window: exp.Window) -> bool:
    """Return whether *window* belongs to one of Adobe's functions."""
    return _ADOBE in window.meta

"""One spelling for what can be written in several ways (SQL contract, section 2.1).

Works on the tree as it was parsed, before any name has a meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from sqlglot import exp

_ROWS_OF_VALUES = "_values"


def normalised(tree: exp.Expr) -> exp.Expr:
    """Return *tree*, changed in place, in the spelling that the resolver knows."""
    for node in list(tree.walk()):
        change = _CHANGES.get(type(node))
        if change is None:
            continue
        new = change(node)
        if node is tree:
            tree = new
        elif new is not node:
            node.replace(new)
    return _created(tree)


def _values(node: exp.Values) -> exp.Expr:
    """VALUES that stand for a query become one; as an item of FROM they stay."""
    item = isinstance(node.parent, exp.From | exp.Join | exp.Lateral)
    if item and not any(node.args.get(key) for key in ("order", "limit", "offset")):
        return node
    inner = exp.Values(
        expressions=node.expressions, alias=exp.TableAlias(this=exp.to_identifier(_ROWS_OF_VALUES, quoted=True))
    )
    query = exp.Select(expressions=[exp.Star()], from_=exp.From(this=inner))
    for key in ("order", "limit", "offset"):
        query.set(key, node.args.get(key))
    return exp.Subquery(this=query, alias=node.args.get("alias")) if item else query


def _within(node: exp.In) -> exp.Expr:
    """`IN (VALUES …)` holds a query."""
    only = node.expressions[0] if len(node.expressions) == 1 else None
    if isinstance(only, exp.Values):
        node.set("expressions", None)
        node.set("query", exp.Subquery(this=_values(only)))
    return node


def _quantified(node: exp.Binary) -> exp.Expr:
    """`= ANY (SELECT …)` is IN, `<> ALL (SELECT …)` is NOT IN."""
    quantifier = exp.Any if isinstance(node, exp.EQ) else exp.All
    held = node.expression.this if isinstance(node.expression, quantifier) else None
    while isinstance(held, exp.Paren):
        held = held.this
    if not isinstance(held, exp.Query):
        return node
    query = held if isinstance(held, exp.Subquery) else exp.Subquery(this=held)
    found = exp.In(this=node.this, query=query)
    return found if isinstance(node, exp.EQ) else exp.Not(this=found)


def _like(node: exp.Expr) -> exp.Expr:
    """`LIKE ANY (p, q)` is one LIKE for each pattern, joined by OR; by AND for ALL."""
    like = node.this if isinstance(node, exp.Escape) else node
    quantifier = like.args.get("expression")
    if not isinstance(quantifier, exp.Any | exp.All):
        return node
    given = quantifier.this
    patterns = given.expressions if isinstance(given, exp.Tuple) else [given.unnest()]

    def one(pattern: exp.Expr) -> exp.Expr:
        copy = node.copy()
        (copy.this if isinstance(copy, exp.Escape) else copy).set("expression", pattern.copy())
        return copy

    connector = exp.Or if isinstance(quantifier, exp.Any) else exp.And
    return exp.Paren(this=reduce(lambda left, right: connector(this=left, expression=right), map(one, patterns)))


def _fetch(node: exp.Fetch) -> exp.Expr:
    """`FETCH FIRST n ROWS ONLY` is LIMIT."""
    options = node.args.get("limit_options")
    if options is not None and (options.args.get("percent") or options.args.get("with_ties")):
        return node
    return exp.Limit(expression=node.args.get("count") or exp.Literal.number(1))


def _texts(node: exp.Concat) -> exp.Expr:
    """Strings side by side are one."""
    return exp.Literal.string("".join(part.name for part in node.expressions))


def _group(node: exp.Group) -> exp.Expr:
    """`GROUP BY a, b WITH ROLLUP` is `GROUP BY ROLLUP (a, b)`."""
    for key, kind in (("rollup", exp.Rollup), ("cube", exp.Cube)):
        held = node.args.get(key) or []
        if len(held) == 1 and not held[0].expressions and node.expressions:
            node.set(key, [kind(expressions=node.expressions)])
            node.set("expressions", None)
    return node


def _created(tree: exp.Expr) -> exp.Expr:
    """`SELECT … INTO t` is `CREATE TABLE t AS SELECT …`."""
    first = tree
    while isinstance(first, exp.SetOperation | exp.Subquery):
        first = first.this
    into = first.args.get("into") if isinstance(first, exp.Select) else None
    if into is None:
        return tree
    first.set("into", None)
    temporary = [exp.TemporaryProperty()] if into.args.get("temporary") else []
    properties = exp.Properties(expressions=temporary) if temporary else None
    return exp.Create(this=into.this, kind="TABLE", expression=tree, properties=properties)


_CHANGES: dict[type[exp.Expr], Callable[[Any], exp.Expr]] = {
    exp.Values: _values,
    exp.In: _within,
    exp.EQ: _quantified,
    exp.NEQ: _quantified,
    exp.Like: _like,
    exp.ILike: _like,
    exp.Escape: _like,
    exp.Fetch: _fetch,
    exp.Concat: _texts,
    exp.Group: _group,
}

"""Random numbers in the order of a window.

The engine refuses `OVER (… ORDER BY random())`. The number is made in a query of its own below, one for each row
that the window sees.
"""

from __future__ import annotations

from sqlglot import exp

from limbeck.errors import FeatureNotSupported
from limbeck.query.dialect import Template, position
from limbeck.query.functions.model import template

_RELATION, _NUMBER, _COLUMN = "_below", "_random", "_column"


def hoist(node: exp.Select) -> None:
    """Move random numbers that order windows of *node*, a bound SELECT, into a query below it."""
    found = [template_ for order in _orders(node) for template_ in order.find_all(Template) if _is_random(template_)]
    if not found:
        return
    if node.args.get("group") is not None:
        raise FeatureNotSupported(
            "a window over groups cannot be ordered at random; group in a query of its own",
            position=position(node),
        )
    below = exp.Select(expressions=[])
    for number, random in enumerate(found):
        name = f"{_NUMBER}{number}"
        random.replace(_below(name))
        below.append("expressions", exp.alias_(template("random()"), name, quoted=True))
    for key in ("from_", "joins", "laterals", "where", "with_"):
        below.set(key, node.args.get(key))
        node.set(key, None)
    _export(node, below)
    alias = exp.TableAlias(this=exp.to_identifier(_RELATION, quoted=True))
    node.set("from_", exp.From(this=exp.Subquery(this=below, alias=alias)))


def _orders(node: exp.Select) -> list[exp.Expr]:
    windows = [w for w in node.find_all(exp.Window) if w.find_ancestor(exp.Select) is node]
    return [order for w in windows if (order := w.args.get("order")) is not None]


def _is_random(node: Template) -> bool:
    """`random()` itself or the normal form made of it: to order rows they are the same."""
    text = str(node.this)
    return "random()" in text and not node.expressions


def _below(name: str) -> exp.Column:
    return exp.column(exp.to_identifier(name, quoted=True), table=exp.to_identifier(_RELATION, quoted=True))


def _export(node: exp.Select, below: exp.Select) -> None:
    """Give every column or field that *node* uses a name in *below*, and use that."""
    names: dict[str, str] = {}
    for path in [p for p in _paths(node) if _is_ours(p, node)]:
        key = path.sql()
        if key not in names:
            names[key] = f"{_COLUMN}{len(names)}"
            below.append("expressions", exp.alias_(path.copy(), names[key], quoted=True))
        path.replace(_below(names[key]))


def _paths(node: exp.Select) -> list[exp.Expr]:
    found = []
    for column in node.find_all(exp.Column):
        path: exp.Expr = column
        while isinstance(path.parent, exp.Dot) and path.arg_key == "this":
            path = path.parent
        found.append(path)
    return found


def _is_ours(path: exp.Expr, node: exp.Select) -> bool:
    column = path.find(exp.Column)
    if column is None or column.table in ("", _RELATION):
        return False
    return True

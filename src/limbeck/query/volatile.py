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
_VOLATILE = ("random()", "uuid()")


def hoist(node: exp.Select) -> None:
    """Move random numbers that order windows of *node*, a bound SELECT, into a query below it."""
    found = [part for order in _orders(node) for part in order.find_all(Template) if _is_volatile(part)]
    if not found:
        return
    merging = [j for j in node.args.get("joins") or [] if j.args.get("using") or j.args.get("method")]
    if node.args.get("group") is not None or merging:
        raise FeatureNotSupported(
            "a window beside GROUP BY, JOIN … USING or NATURAL JOIN cannot be ordered at random",
            position=position(node),
            hint="group or join in a query of its own below",
        )
    below = exp.Select(expressions=[_numbered(part, n) for n, part in enumerate(found)])
    paths = _paths(node)
    for key in ("from_", "joins", "laterals", "where"):
        below.set(key, node.args.get(key))
        node.set(key, None)
    _export(paths, below)
    alias = exp.TableAlias(this=exp.to_identifier(_RELATION, quoted=True))
    node.set("from_", exp.From(this=exp.Subquery(this=below, alias=alias)))


def _orders(node: exp.Select) -> list[exp.Expr]:
    windows = [w for w in node.find_all(exp.Window) if w.find_ancestor(exp.Select) is node]
    return [order for w in windows if (order := w.args.get("order")) is not None]


def _is_volatile(part: Template) -> bool:
    return not part.expressions and any(name in str(part.this) for name in _VOLATILE)


def _numbered(part: exp.Expr, number: int) -> exp.Expr:
    """Put a name in the place of *part* and return what it is called so; alone, any random order will do."""
    name = f"{_NUMBER}{number}"
    made = template("random()") if isinstance(part.parent, exp.Ordered) else part.copy()
    part.replace(_below(name))
    return exp.alias_(made, name, quoted=True)


def _below(name: str) -> exp.Column:
    return exp.column(exp.to_identifier(name, quoted=True), table=exp.to_identifier(_RELATION, quoted=True))


def _export(paths: list[exp.Expr], below: exp.Select) -> None:
    """Give every column or field a name in *below*, and use that."""
    names: dict[str, str] = {}
    for path in paths:
        key = path.sql()
        if key not in names:
            names[key] = f"{_COLUMN}{len(names)}"
            below.append("expressions", exp.alias_(path.copy(), names[key], quoted=True))
        path.replace(_below(names[key]))


def _paths(node: exp.Select) -> list[exp.Expr]:
    """Return the columns, each with the fields below it, that *node*'s own clauses take from its relations."""
    moving = {id(part) for key in ("from_", "joins", "laterals", "where") for part in _parts(node, key)}
    found: list[exp.Expr] = []
    for column in node.find_all(exp.Column):
        if not column.table or column.table == _RELATION or _is_foreign(column, node, moving):
            continue
        path: exp.Expr = column
        while isinstance(path.parent, exp.Dot) and path.arg_key == "this":
            path = path.parent
        found.append(path)
    return found


def _parts(node: exp.Select, key: str) -> list[exp.Expr]:
    value = node.args.get(key)
    return value if isinstance(value, list) else [value] if value is not None else []


def _is_foreign(column: exp.Column, node: exp.Select, moving: set[int]) -> bool:
    """Whether *column* stands in a clause that moves, or belongs to a query nested in *node* or around it."""
    part: exp.Expr | None = column
    while part is not None and part is not node:
        if id(part) in moving or (isinstance(part, exp.Select) and column.table in _aliases(part)):
            return True
        part = part.parent
    return column.table not in _aliases(node)


def _aliases(node: exp.Select) -> set[str]:
    items = [p.this for key in ("from_", "joins") for p in _parts(node, key)]
    items += [p.this if isinstance(p, exp.Join) else p for p in _parts(node, "laterals")]
    return {item.alias_or_name for item in items}

"""`*`, `relation.*` and `struct.*` in a SELECT list."""

from __future__ import annotations

from sqlglot import exp

from limbeck.errors import FeatureNotSupported, SqlSyntaxError
from limbeck.query import names
from limbeck.query.checks import only
from limbeck.query.dialect import position
from limbeck.query.scope import Column, Scope
from limbeck.query.types import type_of
from limbeck.xdm.types import Object


def expanded(item: exp.Expr, scope: Scope) -> list[tuple[exp.Expr, Column]]:
    """Return the columns that a star in a SELECT list stands for, each as an expression with its name."""
    star = item.this if isinstance(item, exp.Column) else item
    if not only(star, frozenset({"except_"})):
        raise FeatureNotSupported("after * only EXCEPT (columns) is served", position=position(item))
    without = {c.name.lower() for c in star.args.get("except_") or []}
    found = _starred(item, scope) if isinstance(item, exp.Column) else _everything(scope)
    if not found:
        raise SqlSyntaxError("SELECT * needs FROM", position=position(item))
    kept = [(e, c) for e, c in found if c.name.lower() not in without]
    return [(exp.Alias(this=e, alias=exp.to_identifier(c.name, quoted=True)), c) for e, c in kept]


def _starred(item: exp.Column, scope: Scope) -> list[tuple[exp.Expr, Column]]:
    """Return the columns of `relation.*`, or the fields of `struct.*`."""
    parts = [p for p in item.parts if not isinstance(p, exp.Star)]
    for relation, rest in scope.before(parts):
        if not rest:
            return [(names.reference(relation, c), c) for c in relation.columns]
    base = names.resolve(parts, scope)
    if base is None:
        raise names.undefined(parts, scope)
    kind = type_of(base)
    if not isinstance(kind, Object):
        raise SqlSyntaxError("before .* comes a relation or a struct", position=position(item))
    fields = [names.fields(base.copy(), [exp.to_identifier(f.name)]) for f in kind.fields]
    return [(e, Column(f.name, f.type)) for e, f in zip(fields, kind.fields, strict=True)]


def _everything(scope: Scope) -> list[tuple[exp.Expr, Column]]:
    found: list[tuple[exp.Expr, Column]] = []
    seen: set[str] = set()
    for relation in scope.relations:
        for column in relation.columns:
            name = column.name.lower()
            if name in scope.merged:
                if name in seen:
                    continue
                seen.add(name)
                found.append((names.merged(column, scope), column))
            else:
                found.append((names.reference(relation, column), column))
    return found

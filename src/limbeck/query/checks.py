"""Which clauses a node of the tree may have: what is not listed does not pass."""

from __future__ import annotations

from sqlglot import exp

from limbeck.errors import FeatureNotSupported
from limbeck.query.dialect import position


def only(node: exp.Expr, parts: frozenset[str]) -> bool:
    """Return whether *node* has no other clauses than *parts*."""
    return all(key in parts for key, value in node.args.items() if value)


def check_parts(node: exp.Expr, parts: frozenset[str]) -> None:
    """Raise `FeatureNotSupported` if *node* has other clauses than *parts*."""
    for key, value in node.args.items():
        if value and key not in parts:
            where = value if isinstance(value, exp.Expr) else node
            raise FeatureNotSupported(
                f"{key.strip('_').upper()} is not served in {node.key.upper()}", position=position(where)
            )

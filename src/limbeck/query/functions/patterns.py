"""Java's regular expressions in the engine's words, which are RE2's."""

from __future__ import annotations

import re

from sqlglot import exp

from limbeck.errors import FeatureNotSupported
from limbeck.query.dialect import position
from limbeck.query.functions.model import template
from limbeck.query.types import STRING, typed

_REFUSED = (
    (re.compile(r"(?<!\\)(?:\\\\)*\(\?<?[=!]"), "looking ahead or behind"),
    (re.compile(r"(?<!\\)(?:\\\\)*\(\?>"), "an atomic group"),
    (re.compile(r"(?<!\\)(?:\\\\)*[*+?}]\+"), "a possessive quantifier"),
    (re.compile(r"(?<!\\)(?:\\\\)*\\[1-9]"), "a reference to a group"),
)
_NAMED = re.compile(r"\(\?<(?![=!])")


def pattern(node: exp.Expr) -> exp.Expr:
    """Return a pattern for the engine; raise `FeatureNotSupported` for what RE2 cannot do.

    One that is no literal goes through as it is.
    """
    if not (isinstance(node, exp.Literal) and node.is_string):
        return node
    for refused, what in _REFUSED:
        if refused.search(node.name):
            raise FeatureNotSupported(f"{what} in a regular expression is not served", position=position(node))
    return typed(exp.Literal.string(_NAMED.sub("(?P<", node.name)), STRING)


def replacement(node: exp.Expr) -> exp.Expr:
    """Return what is put in: `$1` names a group, a backslash takes the next character as it is."""
    if isinstance(node, exp.Literal):
        return typed(exp.Literal.string(re.sub(r"\\(.)|\$(\d)|\\", _part, node.name)), STRING)
    return typed(template(r"regexp_replace({0}, '\$(\d)', '\\\1', 'g')", node), STRING)


def _part(found: re.Match[str]) -> str:
    if found[2]:
        return f"\\{found[2]}"
    return "\\\\" if found[1] in ("\\", None) else found[1]

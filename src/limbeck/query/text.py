"""Texts that are put into a statement before it is read: `$parameters` and `#templates` (SQL contract, section 2.9)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from limbeck.errors import SqlSyntaxError, nearest
from limbeck.query.block import without_remarks

Template = Callable[[str], str | None]
"""From the name of a saved template to its SQL; None if there is none."""

_PARAMETER = re.compile(r"\$\$|\$(?P<name>[A-Za-z_]\w*)")
_REFERENCE = re.compile(
    r"""
      '(?:[^'\\]|\\.|'')*(?:'|\Z) | "(?:[^"]|"")*(?:"|\Z) | `(?:[^`]|``)*(?:`|\Z)
    | --[^\n]* | /\*.*?(?:\*/|\Z)
    | \#(?P<name>[A-Za-z_]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)


def substituted(sql: str, values: Mapping[str, str]) -> str:
    """Return *sql* with the values of its `$name`s, also inside quotes and names; `$1` and `$$` are left alone.

    Values that nothing asks for are of no matter. Raise `SqlSyntaxError` for a parameter without a value.

    >>> substituted("select '$a' from $b where c = $1", {"a": "x", "b": "t"})
    "select 'x' from t where c = $1"
    """

    def value(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return found[0]
        if name not in values:
            hint = nearest(name, list(values)) or "give it in queryParameters"
            raise SqlSyntaxError(f"parameter ${name} has no value", position=found.start() + 1, hint=hint)
        return str(values[name])

    return _PARAMETER.sub(value, sql)


def expanded(sql: str, template: Template) -> str:
    """Return *sql* with each `#NAME` replaced by the SQL of the template of that name, and those in it, and so on.

    In strings, quoted names and comments nothing is replaced; a `#` that begins a line of a block and names no template
    begins a comment. Raise `SqlSyntaxError` for a template that there is not, and for one that contains itself.
    """
    return _expanded(sql, template, ())


def _expanded(sql: str, template: Template, within: tuple[str, ...]) -> str:
    if "#" not in sql:
        return sql
    if "$$" in sql:
        sql = without_remarks(sql, lambda name: template(name) is not None)

    def text(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return found[0]
        inner = template(name)
        if inner is None:
            raise SqlSyntaxError(f"there is no template #{name}", position=found.end("name") - len(name))
        if name in within:
            circle = " in ".join(f"#{n}" for n in (name, *reversed(within)))
            raise SqlSyntaxError(f"template #{name} contains itself: {circle}")
        return _expanded(inner, template, (*within, name)).strip().rstrip(";").rstrip()

    return _REFERENCE.sub(text, sql)

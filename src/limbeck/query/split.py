"""Cutting a text of several statements (SQL contract, section 1.4)."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
      (?P<text>'(?:[^'\\]|\\.|'')*(?:'|\Z) | "(?:[^"]|"")*(?:"|\Z) | `(?:[^`]|``)*(?:`|\Z))
    | (?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<block>\$\$.*?(?:\$\$|\Z))
    | (?P<end>;)
    | (?P<other>[^'"`$;/-]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)


def last_begins(text: str) -> int | None:
    """Return where, from 1, the last token of *text* begins: the open one, if a quote or comment is not closed."""
    starts = [token.start() for token in _TOKEN.finditer(text)]
    return starts[-1] + 1 if starts else None


def statements(text: str) -> list[str]:
    """Return the statements of *text*, without their semicolons and without empty ones.

    Semicolons in strings, quoted names, comments and `$$` blocks do not cut.

    >>> statements("select ';' -- a; b\\n; ; select 2;")
    ["select ';' -- a; b", 'select 2']
    """
    found: list[str] = []
    current: list[str] = []
    meant = False
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "end":
            if meant:
                found.append("".join(current).strip())
            current, meant = [], False
            continue
        current.append(token[0])
        meant = meant or (token.lastgroup != "comment" and not token[0].isspace())
    if meant:
        found.append("".join(current).strip())
    return found

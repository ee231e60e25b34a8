"""Cutting a text of several statements (SQL contract, section 1.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TEXT = r"""'(?:[^'\\]|\\.|'')*(?:'|\Z) | "(?:[^"]|"")*(?:"|\Z) | `(?:[^`]|``)*(?:`|\Z)"""
_COMMENT = r"--[^\n]*|/\*.*?(?:\*/|\Z)"
_TOKEN = re.compile(
    rf"""
      (?P<text>{_TEXT})
    | (?P<comment>{_COMMENT})
    | (?P<open>\$\$(?=(?:\s|{_COMMENT})*BEGIN\b))
    | (?P<end>;)
    | (?P<other>[^'"`$;/-]+|.)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_IN_BLOCK = re.compile(
    rf"""
      (?P<text>{_TEXT})
    | (?P<comment>{_COMMENT}|^[^\S\n]*\#[^\n]*)
    | (?P<open>\$\$(?=(?:\s|{_COMMENT})*BEGIN\b))
    | (?P<close>\$\$(?:\s*END\b)?)
    | (?P<other>[^'"`$/\n-]+|.)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE | re.MULTILINE,
)


def _tokens(text: str) -> Iterator[re.Match[str]]:
    """Yield the tokens of *text*; those in `$$ BEGIN … END $$` blocks, which may hold others, do not end anything."""
    at = depth = 0
    while at < len(text):
        token = (_IN_BLOCK if depth else _TOKEN).match(text, at)
        if token is None:
            raise AssertionError("every character is a token at least")
        yield token
        at = token.end()
        depth += {"open": 1, "close": -1}.get(token.lastgroup or "", 0)


def last_begins(text: str) -> int | None:
    """Return where, from 1, the last token of *text* begins: the open one, if a quote or comment is not closed."""
    starts = [token.start() for token in _tokens(text)]
    return starts[-1] + 1 if starts else None


def statements(text: str) -> list[str]:
    """Return the statements of *text*, without their semicolons and without empty ones.

    Semicolons in strings, quoted names, comments and `$$ BEGIN … END $$` blocks, which may hold others, do not cut.

    >>> statements("select ';' -- a; b\\n; ; select 2;")
    ["select ';' -- a; b", 'select 2']
    """
    return [statement for _, statement in pieces(text)]


def pieces(text: str) -> list[tuple[int, str]]:
    """Return the statements of *text*, each with the place, from 0, where it begins."""
    found: list[tuple[int, str]] = []
    start, meant = 0, False
    for token in _tokens(text):
        if token.lastgroup == "end":
            if meant:
                found.append(_piece(text, start, token.start()))
            start, meant = token.end(), False
            continue
        meant = meant or (token.lastgroup != "comment" and not token[0].isspace())
    if meant:
        found.append(_piece(text, start, len(text)))
    return found


def _piece(text: str, start: int, end: int) -> tuple[int, str]:
    raw = text[start:end]
    return start + len(raw) - len(raw.lstrip()), raw.strip()

"""From text to the typed tree: Lark and its grammar are used here only."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from importlib.resources import files

from lark import Lark
from lark.exceptions import UnexpectedInput, UnexpectedToken

from limbeck.audience.pql.build import build
from limbeck.audience.pql.syntax import explained
from limbeck.audience.pql.tree import Expr
from limbeck.errors import PqlError

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def parse(text: str) -> Expr:
    """Return the tree of a rule; names are not looked up yet.

    Raise `PqlError`, with the position of the character at fault, if *text* is not PQL, or not served yet
    (profile contract, sections 4.1, 4.2 and 4.11).
    """
    half = _HALF_CHARACTER.search(text)
    if half:
        raise PqlError("half of a surrogate pair is no character", position=half.start())
    try:
        parsed = _parser().parse(text)
    except UnexpectedInput as error:
        raise explained(text, _place(text, error), _accepted(text)) from error
    return build(parsed)


@cache
def _parser() -> Lark:
    grammar = (files("limbeck.audience.pql") / "grammar.lark").read_text(encoding="utf-8")
    return Lark(
        grammar,
        parser="lalr",
        propagate_positions=True,
        maybe_placeholders=False,
        g_regex_flags=re.ASCII,
    )


def _place(text: str, error: UnexpectedInput) -> int:
    at_the_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    return len(text) if at_the_end or error.pos_in_stream is None else error.pos_in_stream


def _accepted(text: str) -> set[str]:
    """Return the terminals that could have stood where the text went wrong."""
    again = _parser().parse_interactive(text)
    with suppress(UnexpectedInput):
        again.exhaust_lexer()
    return set(again.accepts())  # type: ignore[no-untyped-call]

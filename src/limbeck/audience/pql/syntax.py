"""What to say about text that is not PQL (profile contract, section 4.11)."""

from __future__ import annotations

import re
from collections.abc import Callable, Set
from typing import get_args

from limbeck.audience.pql.tree import Unit
from limbeck.errors import PqlError, nearest

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_$][A-Za-z0-9_$]*|[0-9]+(?:\.[0-9]+)?|[<>!=]=|\s+|.', re.DOTALL)
_COMPARISONS = {"=", "!=", "<", "<=", ">", ">=", "in", "notin", "like", "occurs"}
_MEANT = {"==": "=", "<>": "!=", "=<": "<=", "=>": ">=", "&&": "and", "||": "or"}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_SPAN = "a span is written like this: occurs <= 3 days before now; its end may be before, after or from a point of time"

Said = tuple[str, int]
"""A message, and the position it is about."""


def explained(text: str, position: int, accepted: Set[str]) -> PqlError:
    """Return the error for *text*, of which all before *position* could have gone on with a terminal *accepted*."""
    found = _PIECE.match(text, position)
    word = found[0] if found else ""
    said = _about_characters(text, position) or _about_place(text, position, word, accepted)
    return PqlError(said[0], position=said[1])


def _about_characters(text: str, position: int) -> Said | None:
    """What is wrong whatever stands around it."""
    for start in (position - 1, position):
        meant = _MEANT.get(text[start : start + 2]) if start >= 0 else None
        if meant:
            return f"{text[start : start + 2]} is no operator; write {meant}", start
    sign = text[position : position + 1]
    if sign and sign in "'“”„‘’":
        return 'a string stands in straight double quotes: "…"', position
    if sign == '"' and not _STRING.match(text, position):
        return "the string is not closed", position
    if re.match(r"\.[0-9]", text[position : position + 2]):
        return "a number has a digit before its point: write 0.5", position
    if sign and not re.match(r"""[\w\s"$^()\[\]{}.,:=!<>+*/%-]""", sign, re.ASCII):
        return f"the character {sign!r} has no place in a rule outside a string", position
    return None


def _about_place(text: str, position: int, word: str, accepted: Set[str]) -> Said:
    """What is wrong in this place: the first that applies."""
    found = f'"{word}"' if word else "the end"
    for applies, message in _CASES:
        if applies(text[:position], word, accepted):
            return message(found, word), position
    opened = _open_bracket(text[:position])
    if opened is None:
        return (f"{found} cannot stand here" if word else "the rule is not complete at its end"), position
    closing = _CLOSING[text[opened]]
    if not word:
        return f"{text[opened]} is not closed by {closing}", opened
    return f"{found} cannot stand here, before {closing} closes the bracket", position


def _open_bracket(text: str) -> int | None:
    """Return the place of the innermost bracket that is still open at the end."""
    opened = []
    for piece in _PIECE.finditer(text):
        if piece[0] in _CLOSING:
            opened.append(piece.start())
        elif piece[0] in _CLOSING.values() and opened:
            opened.pop()
    return opened[-1] if opened else None


def _operand(accepted: Set[str]) -> bool:
    return {"NAME", "INT", "STRING"} <= accepted


def _unit(found: str, word: str) -> str:
    units = [*get_args(Unit)]
    hint = nearest(word, units) or f"the units are {', '.join(units)}"
    return f"{found} is no unit of time; {hint}" if word else f"a unit of time is missing at the end; {hint}"


_Applies = Callable[[str, str, Set[str]], bool]
_CASES: list[tuple[_Applies, Callable[[str, str], str]]] = [
    (lambda before, word, accepted: accepted == {"UNIT"}, _unit),
    (lambda before, word, accepted: accepted == {"INT"}, lambda found, word: _SPAN),
    (lambda before, word, accepted: {"BEFORE", "AFTER", "FROM"} <= accepted, lambda found, word: _SPAN),
    (
        lambda before, word, accepted: (
            bool(re.search(r"\boccurs\s+(on\s+)?[0-9]+\s*$", before, re.IGNORECASE)) and word.isalpha()
        ),
        lambda found, word: _SPAN,
    ),
    (
        lambda before, word, accepted: {"WHAT", "WHEN"} <= accepted and word != "",
        lambda found, word: f"{found} is no clause of a step; the clauses are WHAT, WHERE, WHEN and COUNT",
    ),
    (
        lambda before, word, accepted: accepted == {"NAME"},
        lambda found, word: f"a name for the item is missing before {found}, as in: exists X from xEvent",
    ),
    (
        lambda before, word, accepted: accepted == {"_FROM"},
        lambda found, word: f"from and a list are missing before {found}, as in: exists X from xEvent",
    ),
    (
        lambda before, word, accepted: _operand(accepted),
        lambda found, word: f"an operand is missing before {found}",
    ),
    (
        lambda before, word, accepted: word.lower() in _COMPARISONS,
        lambda found, word: f"a comparison does not chain: join comparisons with and, before {found}",
    ),
    (
        lambda before, word, accepted: word.lower() == "not",
        lambda found, word: "write notIn as one word; not stands before what it negates",
    ),
    (
        lambda before, word, accepted: word.lower() == "is",
        lambda found, word: "there is no operator is; write a.isNull() or a.isNotNull()",
    ),
    (
        lambda before, word, accepted: word in _CLOSING.values() and _open_bracket(before) is None,
        lambda found, word: f"{found} closes nothing that is open",
    ),
    (
        lambda before, word, accepted: "$END" in accepted and word != "",
        lambda found, word: f"the rule is complete before {found}; join conditions with and or or",
    ),
]

"""Texts that regular expressions describe, for samples. Pure.

Python's own parser reads the pattern; whoever asks tries the text, for RE2 reads some patterns otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from random import Random
from string import ascii_letters, digits, punctuation
from typing import Any

_PARSER: Any = import_module("re._parser")
"""What `re.compile` parses with; it has no public name any more."""

_PLAIN = f"{ascii_letters}{digits}"
_ALL = f"{_PLAIN}{punctuation} \t€"
_CATEGORIES = {"DIGIT": digits, "WORD": f"{_PLAIN}_", "SPACE": " \t"}

_CLASSES = {"[:alpha:]": "a-zA-Z", "[:alnum:]": "a-zA-Z0-9", "[:digit:]": "0-9", "[:lower:]": "a-z", "[:upper:]": "A-Z"}
_IN_PYTHON = re.compile("|".join(map(re.escape, (r"\\", r"\z", *_CLASSES))))
"""What RE2 spells in another way."""


class NoText(Exception):
    """The pattern is none of Python's, or has parts that no text is made for."""


def described(pattern: str, chance: Random, spare: int) -> str:
    """Return a text for *pattern*, in which repetitions occur *spare* times more than they have to, all together.

    Raise `NoText` if there is none to be made.
    """
    try:
        parsed = _PARSER.parse(_IN_PYTHON.sub(lambda found: _in_python(found[0]), pattern))
        return _Writer(chance, spare).all_of(parsed)
    except (re.error, OverflowError, RecursionError) as error:
        raise NoText(pattern) from error


def _in_python(part: str) -> str:
    return _CLASSES.get(part, r"\Z" if part == r"\z" else part)


class _Writer:
    def __init__(self, chance: Random, spare: int) -> None:
        self._chance = chance
        self._spare = spare

    def all_of(self, nodes: Iterable[tuple[Any, Any]]) -> str:
        return "".join(self._one(kind.name, about) for kind, about in nodes)

    def _one(self, kind: str, about: Any) -> str:
        match kind:
            case "LITERAL":
                return chr(about)
            case "ANY":
                return self._chance.choice(_PLAIN)
            case "NOT_LITERAL":
                return self._chance.choice(_all_but(chr(about)))
            case "IN":
                return self._chance.choice(_members(about))
            case "AT":
                return ""
            case "BRANCH":
                return self.all_of(self._chance.choice(about[1]))
            case "SUBPATTERN":
                return self.all_of(about[-1])
            case "MAX_REPEAT" | "MIN_REPEAT":
                return self._repeated(int(about[0]), int(about[1]), about[2])
        raise NoText(kind)

    def _repeated(self, least: int, most: int, nodes: Any) -> str:
        more = self._chance.randint(0, min(most - least, self._spare))
        self._spare -= more
        return "".join(self.all_of(nodes) for _ in range(least + more))


def _members(choices: Sequence[tuple[Any, Any]]) -> str:
    """Return characters that a class has, but for the rare ones of a negated class."""
    first, *rest = choices
    if first[0].name == "NEGATE":
        return _all_but("".join(_members_of(kind.name, about) for kind, about in rest))
    return "".join(_members_of(kind.name, about) for kind, about in choices)


def _members_of(kind: str, about: Any) -> str:
    match kind:
        case "LITERAL":
            return chr(about)
        case "RANGE":
            return "".join(map(chr, range(about[0], min(about[1], about[0] + 255) + 1)))
        case "CATEGORY":
            name = about.name.removeprefix("CATEGORY_")
            known = _CATEGORIES[name.removeprefix("NOT_")]
            return _all_but(known) if name.startswith("NOT_") else known
    raise NoText(kind)


def _all_but(excluded: str) -> str:
    for known in (_PLAIN, _ALL):
        if found := "".join(c for c in known if c not in excluded):
            return found
    raise NoText(f"anything but {excluded}")

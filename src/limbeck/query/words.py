"""Words of statements that SQLGlot does not know, taken one by one (SQL contract, sections 1.8, 2.3 to 2.8)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from limbeck.errors import SqlSyntaxError

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<string>[eE]?'(?:[^'\\]|\\.|'')*')
    | (?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`)
    | (?P<word>[^\W\d]\w*(?:\.[^\W\d]\w*)*)
    | (?P<number>[-+]?\d+(?:\.\d+)?)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, name, text, number or mark of a statement, and where it stands."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The word in capitals; empty for everything else."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def value(self) -> str:
        """The text or name without its quotes; a bare word in lower case."""
        if self.kind == "string":
            inner = self.text[self.text.index("'") + 1 : -1]
            return re.sub(r"\\(.)|''", lambda m: m[1] or "'", inner, flags=re.DOTALL)
        if self.kind == "name":
            return self.text[1:-1].replace(self.text[0] * 2, self.text[0])
        return self.text.lower() if self.kind == "word" else self.text


class Words:
    """The tokens of a statement, taken one after the other."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self._tokens = list(tokens(sql))
        self._at = 0

    def peek(self, ahead: int = 0) -> str:
        """The word that comes next, in capitals."""
        at = self._at + ahead
        return self._tokens[at].word or self._tokens[at].text if at < len(self._tokens) else ""

    def take(self, *words: str) -> bool:
        """Go past *words* if they come next."""
        if all(self.peek(n) == word for n, word in enumerate(words)):
            self._at += len(words)
            return True
        return False

    def one_of(self, *words: str) -> str:
        """Go past one of *words*, if one comes next, and return it."""
        return next((word for word in words if self.take(word)), "")

    def next(self) -> Token:
        """Take any token."""
        if self._at >= len(self._tokens):
            raise SqlSyntaxError("syntax error at end of input", position=len(self.sql) + 1)
        self._at += 1
        return self._tokens[self._at - 1]

    def name(self) -> str:
        """Take a name."""
        token = self.next()
        if token.kind not in ("word", "name"):
            raise self.unexpected(token)
        return token.value

    def spelled(self) -> str:
        """Take a name as it is written: a bare one keeps its case."""
        token = self.next()
        if token.kind not in ("word", "name") or "." in token.word:
            raise self.unexpected(token)
        return token.text if token.kind == "word" else token.value

    def path(self) -> tuple[str, ...]:
        """Take a name with dots as its parts, as they are written."""
        parts: list[str] = []
        while True:
            token = self.next()
            if token.kind not in ("word", "name"):
                raise self.unexpected(token)
            parts += token.text.split(".") if token.kind == "word" else [token.value]
            if not self.take("."):
                return tuple(parts)

    def paths(self) -> tuple[tuple[str, ...], ...]:
        """Take names with dots in parentheses, between commas."""
        self.expect("(")
        found = [self.path()]
        while self.take(","):
            found.append(self.path())
        self.expect(")")
        return tuple(found)

    def string(self) -> str:
        """Take a text in quotes."""
        token = self.next()
        if token.kind != "string":
            raise self.unexpected(token)
        return token.value

    def query(self) -> str:
        """Take everything that is left, a query, with spaces before it, so that it stands where it stands."""
        text, start = self.rest()
        return " " * start + text

    def number(self) -> int | None:
        """Take a whole number if one comes next."""
        if re.fullmatch(r"[-+]?\d+", self.peek()):
            return int(self.next().text)
        return None

    def expect(self, *words: str) -> None:
        """Go past *words*, which have to come now."""
        for word in words:
            if not self.take(word):
                raise self.unexpected(self.next())

    def rest(self) -> tuple[str, int]:
        """Take everything that is left, and tell where it begins."""
        if self._at >= len(self._tokens):
            raise SqlSyntaxError("syntax error at end of input", position=len(self.sql) + 1)
        start = self._tokens[self._at].start
        self._at = len(self._tokens)
        return self.sql[start:], start

    def parenthesised(self) -> tuple[str, int]:
        """Take a pair of parentheses, and return what stands between them."""
        self.expect("(")
        start, depth = self._tokens[self._at].start if self._at < len(self._tokens) else 0, 1
        while True:
            token = self.next()
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if depth == 0:
                return self.sql[start : token.start], start

    def ended(self) -> bool:
        """Whether nothing is left."""
        return self._at >= len(self._tokens)

    def end(self) -> None:
        """See to it that nothing is left."""
        if not self.ended():
            raise self.unexpected(self.next())

    def all(self) -> None:
        """Go past everything that is left."""
        self._at = len(self._tokens)

    def unexpected(self, token: Token) -> SqlSyntaxError:
        """Return the error for a token that has no place here."""
        return SqlSyntaxError(f'syntax error at or near "{token.text}"', position=token.start + 1)


def tokens(sql: str) -> Iterator[Token]:
    """Yield the tokens of a statement, without comments."""
    for found in _TOKEN.finditer(sql):
        if found.lastgroup != "space":
            yield Token(found.lastgroup or "mark", found[0], found.start(), found.end())

"""Anonymous blocks as trees (SQL contract, section 2.6).

`$$ BEGIN statement; … [EXCEPTION WHEN OTHER THEN statement; …] END $$`, with IF, variables and blocks inside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from limbeck.errors import SqlSyntaxError
from limbeck.query.words import Token, tokens


@dataclass(frozen=True, slots=True)
class Text:
    """A statement or an expression, in which `@variables` are still to be replaced."""

    sql: str
    start: int
    """Where it begins in the block's text."""


@dataclass(frozen=True, slots=True)
class Assign:
    """SET @name = query or expression."""

    name: str
    value: Text


@dataclass(frozen=True, slots=True)
class Branch:
    """IF … THEN … ELSEIF … ELSE … END IF."""

    arms: tuple[tuple[Text, tuple[Step, ...]], ...]
    otherwise: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Statements, and what is done when one of them fails."""

    steps: tuple[Step, ...]
    handler: tuple[Step, ...] | None = None


Step = Text | Assign | Branch | Block

_QUOTED = r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"]|\"\")*\""
_REMARK = r"--[^\n]*|/\*.*?\*/"
_COMMENT = re.compile(
    rf"{_QUOTED}|{_REMARK}|(?P<hash>^[^\S\n]*\#(?P<word>[A-Za-z_]\w*)?[^\n]*)", re.DOTALL | re.MULTILINE
)
_VARIABLE = re.compile(rf"(?P<text>{_QUOTED})|(?P<comment>{_REMARK})|@(?P<name>[A-Za-z_]\w*)", re.DOTALL)
_INSIDE = re.compile(r"@([A-Za-z_]\w*)")


def without_remarks(sql: str, means: Callable[[str], bool] = lambda _: False) -> str:
    """Blank out the comments that begin with `#` at the start of a line, so that places stay what they are.

    Where *means* says so of the word behind the `#`, it is no comment.
    """

    def blank(found: re.Match[str]) -> str:
        is_remark = found["hash"] is not None and not (found["word"] and means(found["word"]))
        return " " * len(found[0]) if is_remark else found[0]

    return _COMMENT.sub(blank, sql)


def parse(sql: str) -> Block:
    """Return the block in *sql*; raise `SqlSyntaxError` with a position if it is none.

    Lines that begin with `#` are comments. Statements are only cut, not read.
    """
    found = _Parser(without_remarks(sql))
    try:
        block = found.block()
    except RecursionError as error:
        raise SqlSyntaxError("the block is nested too deeply") from error
    found.end()
    return block


def steps(block: Block) -> Iterator[Step]:
    """Yield every step of *block*, those inside others too."""
    for step in (*block.steps, *(block.handler or ())):
        yield step
        if isinstance(step, Block):
            yield from steps(step)
        elif isinstance(step, Branch):
            inner = [s for _, body in step.arms for s in body]
            yield from steps(Block((*inner, *step.otherwise)))


def filled(sql: str, values: Mapping[str, str], bare: Callable[[str], str]) -> str:
    """Return *sql* with `@name`s replaced: in quotes by *values*, elsewhere by what *bare* gives for the name.

    In quotes a name that has no value is left as it is, since addresses hold an @, too.
    """

    def one(found: re.Match[str]) -> str:
        if found["comment"]:
            return found[0]
        return _in_quotes(found[0], values) if found["text"] else bare(found["name"])

    return _VARIABLE.sub(one, sql)


def _in_quotes(text: str, values: Mapping[str, str]) -> str:
    quote = text[0]

    def value(found: re.Match[str]) -> str:
        plain = values.get(found[1].lower())
        if plain is None:
            return found[0]
        return (plain.replace("\\", "\\\\") if quote == "'" else plain).replace(quote, quote * 2)

    return _INSIDE.sub(value, text)


_ENDS = frozenset({"END", "ELSE", "ELSEIF", "EXCEPTION"})


class _Parser:
    """The tokens of a block, taken one after the other."""

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._tokens = list(tokens(sql))
        self._at = 0

    def block(self) -> Block:
        """Take a block with its delimiters."""
        dollars = self._take("$", "$")
        self._expect("BEGIN")
        inner = self._steps()
        handler: tuple[Step, ...] | None = None
        if self._take("EXCEPTION"):
            self._expect("WHEN")
            if not (self._take("OTHER") or self._take("OTHERS")):
                raise self._unexpected()
            self._expect("THEN")
            handler = self._steps()
        if dollars and self._take("$", "$"):
            self._expect("END")
        else:
            self._expect("END", *("$$" if dollars else ""))
        return Block(inner, handler)

    def end(self) -> None:
        """See to it that nothing is left but a semicolon."""
        self._take(";")
        if self._at < len(self._tokens):
            raise self._unexpected()

    def _steps(self) -> tuple[Step, ...]:
        found: list[Step] = []
        while not self._ended():
            if self._take(";"):
                continue
            found.append(self._step())
        return tuple(found)

    def _ended(self) -> bool:
        if self._at >= len(self._tokens):
            raise SqlSyntaxError("the block is not closed: END $$ is missing", position=len(self._sql) + 1)
        closing = self._word() == "$" and self._word(2) == "END"
        return self._word() in _ENDS or closing

    def _step(self) -> Step:
        if self._word() == "IF":
            return self._branch()
        if self._word() == "BEGIN" or (self._word() == "$" and self._word(2) == "BEGIN"):
            block = self.block()
            self._expect(";")
            return block
        if self._word() == "SET" and self._word(1) == "@":
            self._at += 2
            name = self._next().text
            self._expect("=")
            return Assign(name.lower(), self._text(";"))
        return self._text(";")

    def _branch(self) -> Branch:
        self._expect("IF")
        arms = [(self._text("THEN"), self._steps())]
        while self._take("ELSEIF"):
            arms.append((self._text("THEN"), self._steps()))
        otherwise = self._steps() if self._take("ELSE") else ()
        self._expect("END", "IF", ";")
        return Branch(tuple(arms), otherwise)

    def _text(self, until: str) -> Text:
        """Take everything up to *until*, which is taken, too; one inside CASE … END is not meant."""
        if self._at >= len(self._tokens):
            raise self._unexpected()
        first = self._at
        cases = 0
        while self._at < len(self._tokens):
            word = self._word()
            if word == until and (cases == 0 or until == ";"):
                break
            cases = max(0, cases + {"CASE": 1, "END": -1}.get(word, 0))
            self._at += 1
        else:
            raise SqlSyntaxError(f"{until} is missing", position=self._tokens[first].start + 1)
        if self._at == first:
            raise self._unexpected()
        start, stop = self._tokens[first].start, self._tokens[self._at].start
        self._at += 1
        return Text(self._sql[start:stop].rstrip(), start)

    def _word(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at].word or self._tokens[at].text if at < len(self._tokens) else ""

    def _take(self, *words: str) -> bool:
        if all(self._word(n) == word for n, word in enumerate(words)):
            self._at += len(words)
            return True
        return False

    def _expect(self, *words: str) -> None:
        for word in words:
            if not self._take(word):
                raise self._unexpected()

    def _next(self) -> Token:
        if self._at >= len(self._tokens):
            raise self._unexpected()
        self._at += 1
        return self._tokens[self._at - 1]

    def _unexpected(self) -> SqlSyntaxError:
        if self._at >= len(self._tokens):
            return SqlSyntaxError("syntax error at end of the block", position=len(self._sql) + 1)
        token = self._tokens[self._at]
        return SqlSyntaxError(f'syntax error at or near "{token.text}" in the block', position=token.start + 1)

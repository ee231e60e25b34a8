"""The grammar of calculated fields: text to a small tree whose nodes know where they stand.

    iif(status == "new" && amount > 0, upper(trim(person.name)), ${e-mail})

Operators are calls under their sign, so that one table tells of both. `a.f(b)` is `f(a, b)`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from limbeck.errors import ExpressionError
from limbeck.ingest.formats.mapped import Path


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, number, truth value or null that stands in the expression."""

    position: int
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Name:
    """A column of the source, or something inside one."""

    position: int
    path: Path


@dataclass(frozen=True, slots=True)
class Call:
    """A function or an operator, and what it is given."""

    position: int
    name: str
    arguments: Sequence[Node]


Node = Literal | Name | Call

TERNARY = "?:"
NEGATIVE = "-x"
BINARY = {
    **dict.fromkeys(("||",), 1),
    **dict.fromkeys(("&&",), 2),
    **dict.fromkeys(("==", "!="), 3),
    **dict.fromkeys(("<", "<=", ">", ">="), 4),
    **dict.fromkeys(("+", "-"), 5),
    **dict.fromkeys(("*", "/", "%"), 6),
}
"""How strongly the operators between two operands bind."""
PRECEDENCE = {TERNARY: 0, **BINARY, NEGATIVE: 7, "!": 7}

DEEPEST = 50
"""Calls and parentheses inside one another."""

_WORDS = {"and": "&&", "or": "||", "not": "!", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_CONSTANTS = {"true": True, "false": False, "null": None}
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<number>\d+(\.\d+)?([eE][+-]?\d+)?)
    | (?P<text>"([^"\\]|\\.)*"|'([^'\\]|\\.)*')
    | (?P<name>[^\W\d]\w*|\$\{[^}]+\})
    | (?P<sign>\|\||&&|==|!=|<=|>=|[-+*/%<>!?:(),.\[\]])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


def parse(text: str) -> Node:
    """Return the tree of an expression; raise `ExpressionError`, with its position, where it is none."""
    parser = _Parser(_tokens(text), len(text))
    found = parser.expression()
    parser.expect_end()
    return found


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            quote = text[position] in "\"'"
            said = (
                "a text that does not end" if quote else f"the character {text[position]!r}, which means nothing here"
            )
            raise ExpressionError(f"found {said}", position=position)
        kind = str(token.lastgroup)
        if kind != "space":
            word = _WORDS.get(token.group()) if kind == "name" else None
            found.append(_Token("sign" if word else kind, word or token.group(), position))
        position = token.end()
    return found


class _Parser:
    def __init__(self, tokens: Sequence[_Token], length: int) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0
        self._end = _Token("end", "", length)

    # -- tokens ------------------------------------------------------------------------------------------------

    @property
    def _here(self) -> _Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else self._end

    def _take(self, *signs: str) -> _Token | None:
        """Go past the next token if it is one of these signs."""
        here = self._here
        if here.kind != "sign" or here.text not in signs:
            return None
        self._next += 1
        return here

    def _expect(self, sign: str) -> None:
        if self._take(sign) is None:
            raise self._wrong(f'"{sign}"')

    def _wrong(self, wanted: str) -> ExpressionError:
        here = self._here
        found = "the expression ends" if here.kind == "end" else f"found {here.text}"
        return ExpressionError(f"{found} where {wanted} should stand", position=here.position)

    def expect_end(self) -> None:
        """Raise `ExpressionError` if something follows."""
        if self._here.kind != "end":
            raise self._wrong("an operator or the end")

    # -- expressions -------------------------------------------------------------------------------------------

    def expression(self) -> Node:
        """Read an expression that may be a choice: `condition ? one : other`."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpressionError(f"it is nested more than {DEEPEST} deep", position=self._here.position)
        found = self._operation(1)
        choice = self._take("?")
        if choice is not None:
            one = self.expression()
            self._expect(":")
            found = Call(choice.position, TERNARY, (found, one, self.expression()))
        self._depth -= 1
        return found

    def _operation(self, strength: int) -> Node:
        left, count = self._operand(), 0
        while (here := self._here).kind == "sign" and BINARY.get(here.text, 0) >= strength:
            self._next += 1
            left, count = Call(here.position, here.text, (left, self._operation(BINARY[here.text] + 1))), count + 1
            if count > DEEPEST:
                raise ExpressionError(f"more than {DEEPEST} operators follow one another", position=here.position)
        return left

    def _operand(self) -> Node:
        sign = self._take("-", "!")
        if sign is None:
            return self._inside(self._primary())
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpressionError(f"it is nested more than {DEEPEST} deep", position=sign.position)
        operand = self._operand()
        self._depth -= 1
        if sign.text == "-" and isinstance(operand, Literal) and _is_number(operand.value):
            return Literal(sign.position, -operand.value)  # type: ignore[operator]
        return Call(sign.position, NEGATIVE if sign.text == "-" else "!", (operand,))

    def _primary(self) -> Node:
        here = self._here
        if self._take("("):
            found = self.expression()
            self._expect(")")
            return found
        self._next += 1
        match here.kind:
            case "number":
                return Literal(here.position, float(here.text) if set(here.text) & set(".eE") else _whole(here))
            case "text":
                return Literal(here.position, _unescaped(here.text[1:-1]))
            case "name" if here.text in _CONSTANTS:
                return Literal(here.position, _CONSTANTS[here.text])
            case "name" if self._take("("):
                return Call(here.position, here.text, self._arguments())
            case "name":
                return Name(here.position, (_bare(here.text),))
        self._next -= 1
        raise self._wrong("a value")

    def _inside(self, found: Node) -> Node:
        """Read what follows a value: `.field`, `[place]` or `.function(…)`."""
        while (sign := self._take(".", "[")) is not None:
            here = self._here
            self._next += 1
            if sign.text == "[" and here.kind == "number" and here.text.isdecimal():
                self._expect("]")
                found = _step(found, int(here.text), sign.position)
            elif sign.text == "." and here.kind == "name" and self._take("("):
                found = Call(here.position, here.text, (found, *self._arguments()))
            elif sign.text == "." and here.kind == "name":
                found = _step(found, _bare(here.text), sign.position)
            else:
                self._next -= 1
                raise self._wrong("the name of a field" if sign.text == "." else "a place in the list, from 0,")
        return found

    def _arguments(self) -> Sequence[Node]:
        if self._take(")"):
            return ()
        found = [self.expression()]
        while self._take(","):
            found.append(self.expression())
        self._expect(")")
        return tuple(found)


def _step(found: Node, step: str | int, position: int) -> Node:
    if not isinstance(found, Name):
        raise ExpressionError("only a column has something inside; a function's result has not", position=position)
    return Name(found.position, (*found.path, step))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(token: _Token) -> int:
    value = int(token.text)
    if value >= 2**63:
        raise ExpressionError(f"the whole number {token.text} is too large", position=token.position)
    return value


def _bare(name: str) -> str:
    return name[2:-1] if name.startswith("${") else name


def _unescaped(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        mark = found[1]
        return chr(int(mark[1:], 16)) if len(mark) == 5 else _ESCAPED.get(mark, mark)

    return _ESCAPE.sub(one, text)

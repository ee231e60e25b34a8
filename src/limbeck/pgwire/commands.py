"""Statements that concern the session and not the lake: recognised here, carried out in `session.py`.

What is not recognised is Query Service's. Sections 1.8 and 2.8 of the SQL contract list them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from limbeck.errors import FeatureNotSupported, SqlSyntaxError
from limbeck.pgwire.types import BOOL, DATE, FLOAT4, FLOAT8, INT2, INT4, INT8, NUMERIC, TEXT, TIMESTAMP, TIMESTAMPTZ

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<string>[eE]?'(?:[^'\\]|\\.|'')*')
    | (?P<name>"(?:[^"]|"")*")
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
            return self.text[1:-1].replace('""', '"')
        return self.text.lower() if self.kind == "word" else self.text


# -- the commands -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transaction:
    """BEGIN, COMMIT, ROLLBACK and savepoints; *status* is that of the session afterwards, None as it was."""

    tag: str
    status: Literal["I", "T"] | None


@dataclass(frozen=True, slots=True)
class Set:
    """SET name = value; value None is the default."""

    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Accepted for the clients that send it, without effect."""

    tag: str


@dataclass(frozen=True, slots=True)
class Show:
    """SHOW name, SHOW ALL (name None), and SET in its reading forms."""

    name: str | None


@dataclass(frozen=True, slots=True)
class Reset:
    """RESET name; None is all."""

    name: str | None


@dataclass(frozen=True, slots=True)
class Discard:
    """DISCARD: forget what the session holds."""

    what: str


@dataclass(frozen=True, slots=True)
class Declare:
    """DECLARE name CURSOR FOR query."""

    name: str
    hold: bool
    query: str
    start: int
    """Where the query begins in the statement."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """FETCH (or MOVE, which shows no rows) from a cursor.

    *how* is `forward` (count None: all the rest), `absolute` or `relative`.
    """

    cursor: str
    how: Literal["forward", "absolute", "relative"]
    count: int | None
    moves: bool


@dataclass(frozen=True, slots=True)
class CloseCursor:
    """CLOSE name; None is all."""

    name: str | None


@dataclass(frozen=True, slots=True)
class Prepare:
    """PREPARE name (types) AS query."""

    name: str
    types: tuple[int, ...]
    query: str
    start: int


@dataclass(frozen=True, slots=True)
class ExecutePrepared:
    """EXECUTE name (values); values are texts, None for NULL."""

    name: str
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Deallocate:
    """DEALLOCATE name; None is all."""

    name: str | None


@dataclass(frozen=True, slots=True)
class CopyOut:
    """COPY (query) TO STDOUT."""

    query: str
    start: int
    format: Literal["text", "csv", "binary"] = "text"
    header: bool = False
    delimiter: str = "\t"
    null: str = "\\N"
    quote: str = '"'


Command = (
    Transaction | Set | Ignored | Show | Reset | Discard | Declare | Fetch | CloseCursor | Prepare | ExecutePrepared
    | Deallocate | CopyOut
)  # fmt: skip


def command(sql: str) -> Command | None:
    """Return the session's command in *sql*, one statement; None if it is not one. Raise `SqlSyntaxError`.

    >>> command("FETCH FORWARD 10 FROM c")
    Fetch(cursor='c', how='forward', count=10, moves=False)
    """
    first = next(tokens(sql), None)
    parse = _PARSERS.get(first.word) if first is not None else None
    return parse(_Words(sql)) if parse is not None else None


class _Words:
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


# -- transactions -------------------------------------------------------------------------------------------------


def _begin(words: _Words) -> Command | None:
    tag = "START TRANSACTION" if words.take("START") else "BEGIN"
    words.expect(*(["TRANSACTION"] if tag != "BEGIN" else ["BEGIN"]))
    words.all()  # isolation levels: a statement reads one snapshot of each table, whatever is asked for
    return Transaction(tag, "T")


def _end(words: _Words) -> Command | None:
    tag = "COMMIT" if words.one_of("COMMIT", "END") else "ROLLBACK"
    words.one_of("ROLLBACK", "ABORT")
    if words.peek() == "PREPARED":
        raise FeatureNotSupported("two-phase commit is not served")
    words.one_of("WORK", "TRANSACTION")
    if tag == "ROLLBACK" and words.take("TO"):
        words.take("SAVEPOINT")
        words.name()
        words.end()
        return Transaction(tag, None)
    words.take("AND", "NO", "CHAIN")
    words.end()
    return Transaction(tag, "I")


def _savepoint(words: _Words) -> Command | None:
    tag = words.one_of("SAVEPOINT", "RELEASE")
    words.take("SAVEPOINT")
    words.name()
    words.end()
    return Transaction(tag, None)


# -- settings -----------------------------------------------------------------------------------------------------


def _set(words: _Words) -> Command | None:
    words.expect("SET")
    if words.ended():
        return Show(None)
    two = f"{words.peek()} {words.peek(1)}"
    if two.startswith(("TRANSACTION ", "CONSTRAINTS ")) or two == "SESSION CHARACTERISTICS":
        words.all()
        return Ignored("SET")
    words.one_of("SESSION", "LOCAL")
    if words.take("TIME", "ZONE"):
        return Set("timezone", _value(words))
    name = words.name()
    if words.ended():
        return Show(name)
    if not words.one_of("=", "TO"):
        raise words.unexpected(words.next())
    return Set(name.lower(), _value(words))


def _value(words: _Words) -> str | None:
    if words.take("DEFAULT") or words.take("LOCAL"):
        words.end()
        return None
    parts = []
    while not words.ended():
        token = words.next()
        parts.append(token.text if token.kind == "word" else token.value)
        if not words.ended():
            words.expect(",")
    if not parts:
        raise SqlSyntaxError("SET needs a value", position=len(words.sql) + 1)
    return ", ".join(parts)


def _show(words: _Words) -> Command | None:
    words.expect("SHOW")
    if words.take("ALL"):
        words.end()
        return Show(None)
    if words.take("TRANSACTION", "ISOLATION", "LEVEL"):
        words.end()
        return Show("transaction_isolation")
    if words.take("TIME", "ZONE"):
        words.end()
        return Show("timezone")
    if words.peek() == "TABLES":
        return None
    name = words.name()
    words.end()
    return Show(name)


def _reset(words: _Words) -> Command | None:
    words.expect("RESET")
    if words.take("ALL"):
        words.end()
        return Reset(None)
    if words.take("TIME", "ZONE"):
        words.end()
        return Reset("timezone")
    name = words.name()
    words.end()
    return Reset(name.lower())


def _discard(words: _Words) -> Command | None:
    words.expect("DISCARD")
    what = words.one_of("ALL", "PLANS", "SEQUENCES", "TEMP", "TEMPORARY")
    if not what:
        raise words.unexpected(words.next())
    words.end()
    return Discard(what)


def _listen(words: _Words) -> Command | None:
    tag = words.next().word
    words.all()
    return Ignored(tag)


# -- cursors and prepared statements ------------------------------------------------------------------------------


def _declare(words: _Words) -> Command | None:
    words.expect("DECLARE")
    name = words.name()
    while words.one_of("BINARY", "ASENSITIVE", "INSENSITIVE", "NO", "SCROLL"):
        pass  # every cursor here is a copy of its rows, which can be read in any order
    words.expect("CURSOR")
    hold = words.take("WITH", "HOLD")
    words.take("WITHOUT", "HOLD")
    words.expect("FOR")
    query, start = words.rest()
    return Declare(name, hold, query, start)


def _fetch(words: _Words) -> Command | None:
    moves = words.one_of("FETCH", "MOVE") == "MOVE"
    how, count = _direction(words, moves)
    words.one_of("FROM", "IN")
    name = words.name()
    words.end()
    return Fetch(name, how, count, moves)


def _direction(words: _Words, moves: bool) -> tuple[Literal["forward", "absolute", "relative"], int | None]:
    if words.take("FIRST"):
        return "absolute", 1
    for word, how in (("ABSOLUTE", "absolute"), ("RELATIVE", "relative")):
        if words.take(word):
            number = words.number()
            if number is None:
                raise words.unexpected(words.next())
            return ("absolute" if how == "absolute" else "relative"), number
    if words.peek() in ("BACKWARD", "PRIOR", "LAST"):
        raise FeatureNotSupported(f"FETCH {words.peek()} is not served", hint="MOVE ABSOLUTE n goes back")
    forward = words.one_of("NEXT", "FORWARD")
    if words.take("ALL"):
        return "forward", None
    number = None if forward == "NEXT" else words.number()
    if number is not None and number < 0 and moves:
        return "relative", number
    if number is not None and number < 0:
        raise FeatureNotSupported("fetching backward is not served", hint="MOVE ABSOLUTE n goes back")
    return "forward", 1 if number is None else number


def _close(words: _Words) -> Command | None:
    words.expect("CLOSE")
    name = None if words.take("ALL") else words.name()
    words.end()
    return CloseCursor(name)


_TYPE_NAMES = {
    **dict.fromkeys(("BOOL", "BOOLEAN"), BOOL),
    **dict.fromkeys(("SMALLINT", "INT2", "TINYINT"), INT2),
    **dict.fromkeys(("INT", "INTEGER", "INT4"), INT4),
    **dict.fromkeys(("BIGINT", "INT8"), INT8),
    **dict.fromkeys(("FLOAT", "REAL", "FLOAT4"), FLOAT4),
    **dict.fromkeys(("DOUBLE", "FLOAT8"), FLOAT8),
    **dict.fromkeys(("NUMERIC", "DECIMAL"), NUMERIC),
    **dict.fromkeys(("TEXT", "VARCHAR", "CHAR", "STRING"), TEXT),
    "DATE": DATE,
    "TIMESTAMP": TIMESTAMP,
    "TIMESTAMPTZ": TIMESTAMPTZ,
}


def _prepare(words: _Words) -> Command | None:
    words.expect("PREPARE")
    name = words.name().lower()
    types: list[int] = []
    while words.peek() == "(" or types:
        if not words.one_of("(", ","):
            words.expect(")")
            break
        token = words.next()
        if token.word not in _TYPE_NAMES:
            raise words.unexpected(token)
        types.append(_TYPE_NAMES[token.word])
        words.take("PRECISION")
    words.expect("AS")
    query, start = words.rest()
    return Prepare(name, tuple(types), query, start)


def _execute(words: _Words) -> Command | None:
    words.expect("EXECUTE")
    name = words.name().lower()
    values: list[str | None] = []
    if words.take("("):
        while True:
            token = words.next()
            if token.kind not in ("string", "number") and token.word not in ("NULL", "TRUE", "FALSE"):
                raise words.unexpected(token)
            values.append(None if token.word == "NULL" else token.value)
            if words.take(")"):
                break
            words.expect(",")
    words.end()
    return ExecutePrepared(name, tuple(values))


def _deallocate(words: _Words) -> Command | None:
    words.expect("DEALLOCATE")
    words.take("PREPARE")
    name = None if words.take("ALL") else words.name()
    words.end()
    return Deallocate(name)


# -- COPY ---------------------------------------------------------------------------------------------------------


def _copy(words: _Words) -> Command | None:
    words.expect("COPY")
    query, start = _copied(words)
    if not words.take("TO"):
        raise FeatureNotSupported("of COPY, only COPY … TO STDOUT is served", hint="upload files as a batch, or INSERT")
    words.expect("STDOUT")
    options = _options(words)
    words.end()
    form = options.get("format", "text").lower()
    if form not in ("text", "csv", "binary"):
        raise FeatureNotSupported(f"COPY FORMAT {form} is not served", hint="text, csv and binary are")
    csv = form == "csv"
    found = CopyOut(
        query,
        start,
        "csv" if csv else "binary" if form == "binary" else "text",
        options.get("header", "false").lower() in ("true", "on", "1", ""),
        options.get("delimiter", "," if csv else "\t"),
        options.get("null", "" if csv else "\\N"),
        options.get("quote", '"'),
    )
    if len(found.delimiter) != 1 or len(found.quote) != 1:
        raise SqlSyntaxError("DELIMITER and QUOTE of COPY are one character each")
    return found


def _copied(words: _Words) -> tuple[str, int]:
    """The query of a COPY; a table, with the columns listed or not, is one over all its rows."""
    if words.peek() == "(":
        return words.parenthesised()
    token = words.next()
    if token.kind not in ("word", "name"):
        raise words.unexpected(token)
    columns = words.parenthesised()[0] if words.peek() == "(" else "*"
    return f"SELECT {columns} FROM {token.text}", token.start


def _options(words: _Words) -> dict[str, str]:
    """`(FORMAT csv, HEADER)`, and the older spelling `WITH CSV HEADER`."""
    words.take("WITH")
    found: dict[str, str] = {}
    listed = words.take("(")
    while not words.ended() and not (listed and words.take(")")):
        token = words.next()
        key = token.word.lower()
        if key in ("csv", "binary") and not listed:
            found["format"] = key
        elif key == "header":
            found[key] = words.one_of("TRUE", "FALSE", "ON", "OFF") or words.one_of("1", "0")
        elif key in ("format", "delimiter", "null", "quote", "encoding"):
            words.take("AS")
            found[key] = words.next().value
        else:
            raise FeatureNotSupported(f"the option {token.text} of COPY is not served", position=token.start + 1)
        words.take(",")
    return found


_PARSERS: dict[str, Callable[[_Words], Command | None]] = {
    "BEGIN": _begin,
    "START": _begin,
    "COMMIT": _end,
    "END": _end,
    "ROLLBACK": _end,
    "ABORT": _end,
    "SAVEPOINT": _savepoint,
    "RELEASE": _savepoint,
    "SET": _set,
    "SHOW": _show,
    "RESET": _reset,
    "DISCARD": _discard,
    "LISTEN": _listen,
    "UNLISTEN": _listen,
    "DECLARE": _declare,
    "FETCH": _fetch,
    "MOVE": _fetch,
    "CLOSE": _close,
    "PREPARE": _prepare,
    "EXECUTE": _execute,
    "DEALLOCATE": _deallocate,
    "COPY": _copy,
}

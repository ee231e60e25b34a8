"""Statements that concern the session and not the lake: recognised here, carried out in `session.py`.

What is not recognised is Query Service's. Section 2.8 of the SQL contract lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from limbeck.errors import FeatureNotSupported, SqlSyntaxError
from limbeck.pgwire.types import BOOL, DATE, FLOAT4, FLOAT8, INT2, INT4, INT8, NUMERIC, TEXT, TIMESTAMP, TIMESTAMPTZ
from limbeck.query.words import Words, tokens

# -- the commands -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transaction:
    """BEGIN, COMMIT, ROLLBACK and savepoints; *status* is that of the session afterwards, None as it was."""

    tag: str
    status: Literal["I", "T"] | None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Accepted for the clients that send it, without effect."""

    tag: str


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
    Transaction | Ignored | Discard | Declare | Fetch | CloseCursor | Prepare | ExecutePrepared | Deallocate | CopyOut
)


def command(sql: str) -> Command | None:
    """Return the session's command in *sql*, one statement; None if it is not one. Raise `SqlSyntaxError`.

    >>> command("FETCH FORWARD 10 FROM c")
    Fetch(cursor='c', how='forward', count=10, moves=False)
    """
    first = next(tokens(sql), None)
    parse = _PARSERS.get(first.word) if first is not None else None
    return parse(Words(sql)) if parse is not None else None


# -- transactions -------------------------------------------------------------------------------------------------


def _begin(words: Words) -> Command | None:
    tag = "START TRANSACTION" if words.take("START") else "BEGIN"
    words.expect(*(["TRANSACTION"] if tag != "BEGIN" else ["BEGIN"]))
    words.all()  # isolation levels: a statement reads one snapshot of each table, whatever is asked for
    return Transaction(tag, "T")


def _end(words: Words) -> Command | None:
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


def _savepoint(words: Words) -> Command | None:
    tag = words.one_of("SAVEPOINT", "RELEASE")
    words.take("SAVEPOINT")
    words.name()
    words.end()
    return Transaction(tag, None)


# -- what is forgotten and what is ignored -------------------------------------------------------------------------


def _discard(words: Words) -> Command | None:
    words.expect("DISCARD")
    what = words.one_of("ALL", "PLANS", "SEQUENCES", "TEMP", "TEMPORARY")
    if not what:
        raise words.unexpected(words.next())
    words.end()
    return Discard(what)


def _listen(words: Words) -> Command | None:
    tag = words.next().word
    words.all()
    return Ignored(tag)


# -- cursors and prepared statements ------------------------------------------------------------------------------


def _declare(words: Words) -> Command | None:
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


def _fetch(words: Words) -> Command | None:
    moves = words.one_of("FETCH", "MOVE") == "MOVE"
    how, count = _direction(words, moves)
    words.one_of("FROM", "IN")
    name = words.name()
    words.end()
    return Fetch(name, how, count, moves)


def _direction(words: Words, moves: bool) -> tuple[Literal["forward", "absolute", "relative"], int | None]:
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


def _close(words: Words) -> Command | None:
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


def _prepare(words: Words) -> Command | None:
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


def _execute(words: Words) -> Command | None:
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


def _deallocate(words: Words) -> Command | None:
    words.expect("DEALLOCATE")
    words.take("PREPARE")
    name = None if words.take("ALL") else words.name()
    words.end()
    return Deallocate(name)


# -- COPY ---------------------------------------------------------------------------------------------------------


def _copy(words: Words) -> Command | None:
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


def _copied(words: Words) -> tuple[str, int]:
    """The query of a COPY; a table, with the columns listed or not, is one over all its rows."""
    if words.peek() == "(":
        return words.parenthesised()
    token = words.next()
    if token.kind not in ("word", "name"):
        raise words.unexpected(token)
    columns = words.parenthesised()[0] if words.peek() == "(" else "*"
    return f"SELECT {columns} FROM {token.text}", token.start


def _options(words: Words) -> dict[str, str]:
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


_PARSERS: dict[str, Callable[[Words], Command | None]] = {
    "BEGIN": _begin,
    "START": _begin,
    "COMMIT": _end,
    "END": _end,
    "ROLLBACK": _end,
    "ABORT": _end,
    "SAVEPOINT": _savepoint,
    "RELEASE": _savepoint,
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

"""Statements that concern the session and not the lake: recognised here, carried out in `session.py`.

What is not recognised is Query Service's. Section 2.8 of the SQL contract lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from limbeck.errors import FeatureNotSupported
from limbeck.pgwire import copies, cursors, prepared
from limbeck.pgwire.copies import CopyOut
from limbeck.pgwire.cursors import CloseCursor, Declare, Fetch
from limbeck.pgwire.prepared import Deallocate, ExecutePrepared, Prepare
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


_MODES = frozenset({"", "WORK", "TRANSACTION", "ISOLATION", "READ", "DEFERRABLE", "NOT"})
"""What may stand behind BEGIN; with anything else it is a block without its delimiters."""

# -- transactions -------------------------------------------------------------------------------------------------


def _begin(words: Words) -> Command | None:
    tag = "START TRANSACTION" if words.take("START") else "BEGIN"
    words.expect(*(["TRANSACTION"] if tag != "BEGIN" else ["BEGIN"]))
    if tag == "BEGIN" and words.peek() not in _MODES:
        return None
    words.all()  # isolation levels: a statement reads one snapshot of each table, whatever is asked for
    return Transaction(tag, "T")


def _end(words: Words) -> Command:
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


def _savepoint(words: Words) -> Command:
    tag = words.one_of("SAVEPOINT", "RELEASE")
    words.take("SAVEPOINT")
    words.name()
    words.end()
    return Transaction(tag, None)


# -- what is forgotten and what is ignored -------------------------------------------------------------------------


def _discard(words: Words) -> Command:
    words.expect("DISCARD")
    what = words.one_of("ALL", "PLANS", "SEQUENCES", "TEMP", "TEMPORARY")
    if not what:
        raise words.unexpected(words.next())
    words.end()
    return Discard(what)


def _listen(words: Words) -> Command:
    tag = words.next().word
    words.all()
    return Ignored(tag)


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
    **cursors.PARSERS,
    **prepared.PARSERS,
    **copies.PARSERS,
}

"""Cursors: DECLARE, FETCH, MOVE and CLOSE (SQL contract, section 2.8).

The query runs at DECLARE and its rows wait on disk, so that a cursor goes in any direction and holds up nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from limbeck.errors import DuplicateCursor, SqlSyntaxError, UndefinedCursor, WrongState
from limbeck.pgwire.answer import Answer, SetAside
from limbeck.pgwire.held import Held
from limbeck.query.words import Words

# -- the commands -------------------------------------------------------------------------------------------------

How = Literal["forward", "backward", "absolute", "relative"]


@dataclass(frozen=True, slots=True)
class Declare:
    """DECLARE name CURSOR FOR query."""

    name: str
    query: str
    start: int
    """Where the query begins in the statement."""
    hold: bool = False
    scrolls: bool = True
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """FETCH (or MOVE, which shows no rows) from a cursor: *count* rows on or back, None for all, or one row."""

    cursor: str
    how: How
    count: int | None
    moves: bool


@dataclass(frozen=True, slots=True)
class CloseCursor:
    """CLOSE name; None is all."""

    name: str | None


def _declare(words: Words) -> Declare:
    words.expect("DECLARE")
    name = words.name()
    said: set[str] = set()
    while word := words.one_of("BINARY", "ASENSITIVE", "INSENSITIVE", "NO", "SCROLL"):
        said.add(word)  # every cursor here is a copy of its rows, and none of them sees a later change
    words.expect("CURSOR")
    hold = words.take("WITH", "HOLD")
    words.take("WITHOUT", "HOLD")
    words.expect("FOR")
    query, start = words.rest()
    return Declare(name, query, start, hold, "NO" not in said, "BINARY" in said)


def _fetch(words: Words) -> Fetch:
    moves = words.one_of("FETCH", "MOVE") == "MOVE"
    how, count = _direction(words)
    words.one_of("FROM", "IN")
    name = words.name()
    words.end()
    return Fetch(name, how, count, moves)


_ONE: dict[str, tuple[How, int]] = {
    "FIRST": ("absolute", 1),
    "LAST": ("absolute", -1),
    "NEXT": ("forward", 1),
    "PRIOR": ("backward", 1),
}


def _direction(words: Words) -> tuple[How, int | None]:
    if one := words.one_of(*_ONE):
        return _ONE[one]
    how: How
    for how in ("absolute", "relative"):
        if words.take(how.upper()):
            number = words.number()
            if number is None:
                raise words.unexpected(words.next())
            return how, number
    how = "backward" if words.one_of("FORWARD", "BACKWARD") == "BACKWARD" else "forward"
    if words.take("ALL"):
        return how, None
    number = words.number()
    if number is None or number >= 0:
        return how, 1 if number is None else number
    return ("forward" if how == "backward" else "backward"), -number


def _close(words: Words) -> CloseCursor:
    words.expect("CLOSE")
    name = None if words.take("ALL") else words.name()
    words.end()
    return CloseCursor(name)


PARSERS: dict[str, Callable[[Words], Declare | Fetch | CloseCursor]] = {
    "DECLARE": _declare,
    "FETCH": _fetch,
    "MOVE": _fetch,
    "CLOSE": _close,
}

# -- what they work on --------------------------------------------------------------------------------------------


class Cursor:
    """All rows of a query, and a place among them: 0 before the first, `rows + 1` behind the last."""

    def __init__(self, declared: Declare, answer: Answer, set_aside: SetAside) -> None:
        if answer.schema is None:
            answer.close()
            raise SqlSyntaxError("DECLARE takes a query")
        self.declared = declared
        self.schema = answer.schema
        try:
            self._spool = set_aside(self.schema, answer.take())
            self.was_capped = answer.was_capped
        finally:
            answer.close()
        self._place = 0

    def fetch(self, how: How, count: int | None, *, moves: bool = False) -> Answer:
        """Go to another place; the answer has the rows gone over, or the one arrived at."""
        if how == "absolute" or how == "relative":
            return self._to((count or 0) if how == "absolute" else self._place + (count or 0), how, moves)
        if count == 0:
            return self._rows(self._place, self._place, moves)
        return self._forward(count, moves) if how == "forward" else self._backward(count, moves)

    def close(self) -> None:
        """Forget the rows."""
        self._spool.close()

    def _to(self, place: int, how: How, moves: bool) -> Answer:
        behind = self._spool.rows + 1
        if how == "absolute" and place < 0:  # from the end
            place += behind
        place = min(max(place, 0), behind)
        self._may_go_back(place < self._place)
        self._place = place
        return self._rows(place, place, moves)

    def _forward(self, count: int | None, moves: bool) -> Answer:
        behind = self._spool.rows + 1
        first = self._place + 1
        self._place = behind if count is None else min(self._place + count, behind)
        return self._rows(first, self._place, moves)

    def _backward(self, count: int | None, moves: bool) -> Answer:
        self._may_go_back(True)
        last = self._place - 1
        self._place = 0 if count is None else max(self._place - count, 0)
        return self._rows(self._place, last, moves, back=True)

    def _may_go_back(self, back: bool) -> None:
        if back and not self.declared.scrolls:
            raise WrongState("cursor can only scan forward: declare it with SCROLL to go back")

    def _rows(self, first: int, last: int, moves: bool, *, back: bool = False) -> Answer:
        """The rows of places *first* to *last*, without those that are none."""
        start, stop = max(first, 1) - 1, min(last, self._spool.rows)
        count = max(0, stop - start)
        if moves:
            return Answer("MOVE", sent=count)
        read = self._spool.backward if back else self._spool.read
        return Answer("FETCH", self.schema, read(start, stop) if count else (), binary=self.declared.binary)


class Cursors(Held[Cursor]):
    """The cursors of a session."""

    def __init__(self) -> None:
        super().__init__("cursor", UndefinedCursor, DuplicateCursor)

    def fetch(self, fetch: Fetch) -> Answer:
        """Carry out FETCH or MOVE."""
        return self.get(fetch.cursor).fetch(fetch.how, fetch.count, moves=fetch.moves)

    def close(self, name: str | None) -> Answer:
        """Carry out CLOSE."""
        if name is None:
            self.close_all()
            return Answer("CLOSE CURSOR ALL")
        self.get(name).close()
        self.pop(name)
        return Answer("CLOSE CURSOR")

    def end_transaction(self) -> None:
        """Close those that were not declared WITH HOLD."""
        for cursor in self:
            if not cursor.declared.hold:
                self.close(cursor.declared.name)

    def close_all(self) -> None:
        """Close every cursor."""
        for cursor in self.clear():
            cursor.close()

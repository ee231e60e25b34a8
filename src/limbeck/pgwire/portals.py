"""Prepared statements and portals: what the extended protocol keeps between its messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa

from limbeck.errors import DuplicateCursor, UndefinedCursor
from limbeck.pgwire.answer import Answer
from limbeck.pgwire.commands import Command
from limbeck.pgwire.copies import CopyOut
from limbeck.pgwire.cursors import Declare
from limbeck.pgwire.held import Held
from limbeck.query.service import Parameter
from limbeck.query.words import tokens


@dataclass(slots=True)
class Prepared:
    """A statement, parsed once."""

    sql: str
    start: int
    """Where it begins in what the client sent."""
    oids: tuple[int, ...] = ()
    """The parameters' types as far as the client declared them; 0 where not."""
    command: Command | None = None
    types: list[int] | None = None
    """The parameters' types, once they were asked for."""
    described: pa.Schema | None = None
    """The columns that the client was told of before it gave values, if it asked."""
    was_described: bool = False

    @property
    def query(self) -> str:
        """The part that is Query Service's, parameters and all."""
        inner = self.command
        return inner.query if isinstance(inner, Declare | CopyOut) else self.sql

    @property
    def query_start(self) -> int:
        """Where that part begins in the statement."""
        return self.command.start if isinstance(self.command, Declare | CopyOut) else 0

    @property
    def takes_parameters(self) -> bool:
        """Whether there may be `$1` in it."""
        return bool(self.sql) and isinstance(self.command, Declare | CopyOut | None)

    @property
    def is_query(self) -> bool:
        """Whether it is a query of Query Service, which may be begun before it is executed."""
        first = next(tokens(self.sql), None)
        named = first is not None and (first.word in ("SELECT", "WITH", "VALUES") or first.text in ("(", "$"))
        return self.command is None and named

    @property
    def is_block(self) -> bool:
        """Whether it is an anonymous block: what it gives is known for sure when it has run, and it runs once."""
        first = next(tokens(self.sql), None)
        return self.command is None and first is not None and first.text == "$"


@dataclass(slots=True)
class Portal:
    """A statement with its values, about to run or running."""

    prepared: Prepared
    values: list[Parameter] = field(default_factory=list)
    formats: Sequence[int] = ()
    answer: Answer | None = None
    touched: bool = False
    """Some of its rows were taken."""

    @property
    def begins_anew(self) -> bool:
        """Whether it may be given back and run again, since nobody has seen its rows and nothing was done."""
        return not self.touched and not self.prepared.is_block

    def close(self) -> None:
        """Give back what it holds."""
        if self.answer is not None:
            self.answer.close()
            self.answer = None

    @contextmanager
    def given_back_on_error(self) -> Iterator[None]:
        """Give back what it holds if its client fails or goes away."""
        try:
            yield
        except BaseException:
            self.close()
            raise


class Portals(Held[Portal]):
    """The portals of a session."""

    def __init__(self) -> None:
        super().__init__("portal", UndefinedCursor, DuplicateCursor)

    @property
    def hold_unread(self) -> bool:
        """Whether a query was begun only to be described."""
        return any(portal.answer is not None and portal.begins_anew for portal in self)

    def rest(self) -> None:
        """Give back what was only described; it begins anew when it is executed."""
        for portal in self:
            if portal.begins_anew:
                portal.close()

    def forget(self, name: str) -> None:
        """Close a portal, if there is one of that name."""
        portal = self.pop(name)
        if portal is not None:
            portal.close()

    def close_all(self) -> None:
        """Close every portal."""
        for portal in self.clear():
            portal.close()

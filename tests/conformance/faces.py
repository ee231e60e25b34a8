"""The ways a case is run: psycopg2 on the wire, the query service in process, the wire's session without a socket."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import psycopg2
import psycopg2.errors
import pyarrow as pa

from limbeck.errors import LimbeckError
from limbeck.pgwire import codec, types
from limbeck.pgwire.desk import Desk
from limbeck.pgwire.failure import Teller
from limbeck.pgwire.session import Session
from limbeck.query.split import pieces
from limbeck.query.variables import Variables
from tests.conformance.model import Case, Rows, from_arrow
from tests.wire.conftest import PASSWORD, USER, Wire

TYPES = {
    16: "bool",
    17: "bytea",
    20: "int8",
    21: "int2",
    23: "int4",
    25: "text",
    700: "float4",
    701: "float8",
    1082: "date",
    1114: "timestamp",
    1700: "numeric",
}


class Refused(Exception):
    """A statement or a log-in was refused."""

    def __init__(self, sqlstate: str, text: str) -> None:
        super().__init__(f"{sqlstate}: {text}")
        self.sqlstate = sqlstate
        self.text = text


@dataclass(frozen=True)
class Answer:
    """What came back for a text: that of its last statement."""

    names: list[str]
    types: list[str]
    rows: Rows


class Face(Protocol):
    """An open session."""

    is_wire: bool

    def run(self, sql: str) -> Answer:
        """Send a text; raise `Refused`."""

    def close(self) -> None:
        """End the session."""


Open = Callable[[Wire, Case, str], Face]


class Driver:
    """psycopg2, in its implied transaction."""

    is_wire = True

    def __init__(self, wire: Wire, case: Case, database: str) -> None:
        try:
            self._connection = wire.psycopg2(dbname=database, **{"password": token(wire), **case.connect})
        except psycopg2.OperationalError as error:
            raise Refused(_told(str(error)), str(error)) from error
        self._cursor = self._connection.cursor()

    def run(self, sql: str) -> Answer:
        try:
            self._cursor.execute(sql)
        except psycopg2.Error as error:
            known = isinstance(error, psycopg2.errors.lookup(str(error.pgcode)))
            worded = str(error).startswith(f"ErrorCode: {error.pgcode} sessionId: ")
            raise Refused(str(error.pgcode) if known and worded else "?", str(error)) from error
        columns = self._cursor.description
        if columns is None:
            return Answer([], [], [])
        return Answer([c.name for c in columns], [TYPES[c.type_code] for c in columns], self._cursor.fetchall())

    def close(self) -> None:
        self._connection.close()


class Process:
    """The query service, called in this process."""

    is_wire = False

    def __init__(self, wire: Wire, case: Case, database: str) -> None:
        self._desk = _desk(wire, case, database)

    def run(self, sql: str) -> Answer:
        desk, answer = self._desk, Answer([], [], [])
        service = desk.platform.query
        for _, text in pieces(sql):
            try:
                with service.run(desk.sandbox, text, principal=desk.principal, session=desk.session) as result:
                    table = pa.Table.from_batches(list(result.batches()), result.schema)
            except LimbeckError as error:
                raise Refused(error.sqlstate, str(error)) from error
            answer = _answer(table)
        return answer

    def close(self) -> None:
        self._desk.close()


class Messages:
    """The wire's session: messages in, bytes out."""

    is_wire = True

    def __init__(self, wire: Wire, case: Case, database: str) -> None:
        desk = _desk(wire, case, database)
        self._session = Session(desk, Teller("s", str(wire.platform.settings.home)))

    def run(self, sql: str) -> Answer:
        fields: list[tuple[str, int]] = []
        rows: list[tuple[Any, ...]] = []
        for tag, body in _messages(b"".join(bytes(part) for part in self._session.handle(codec.Query(sql)))):
            if tag == b"T":
                fields, rows = _fields(body), []
            elif tag == b"D":
                pairs = zip(_values(body), fields, strict=True)
                rows.append(tuple(None if v is None else READERS.get(oid, str)(v) for v, (_, oid) in pairs))
            elif tag == b"E":
                told = {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}
                raise Refused(told[b"C"], told[b"M"])
        return Answer([name for name, _ in fields], [TYPES[oid] for _, oid in fields], rows)

    def close(self) -> None:
        self._session.close()


def face(case: Case, *, wire: bool) -> Open:
    """How a case is run."""
    if wire:
        return Driver
    return Messages if case.commands else Process


@cache
def token(wire: Wire) -> str:
    """A password that is quickly checked."""
    client, _, secret = PASSWORD.partition(":")
    return wire.platform.access.token(client, secret)[0]


def _told(text: str) -> str:
    """The SQLSTATE in the text of an error: where a log-in fails, psycopg2 has it nowhere else."""
    found = re.search(r"ErrorCode: (\w{5}) ", text)
    return found[1] if found else "?"


def _desk(wire: Wire, case: Case, database: str) -> Desk:
    password = case.connect.get("password") or token(wire)
    try:
        return Desk.open(wire.platform, USER, password, database, Variables(USER, {}))
    except LimbeckError as error:
        raise Refused(error.sqlstate, str(error)) from error


def _answer(table: pa.Table) -> Answer:
    columns = [[from_arrow(v, c.type) for v in c.to_pylist()] for c in table.columns]
    named = [TYPES[types.oid_of(field)] for field in table.schema]
    return Answer(table.schema.names, named, list(zip(*columns, strict=True)))


READERS: dict[int, Callable[[str], Any]] = {
    16: lambda text: text == "t",
    20: int,
    21: int,
    23: int,
    701: float,
    1114: dt.datetime.fromisoformat,
}


def _messages(sent: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 0
    while at < len(sent):
        end = at + 1 + int.from_bytes(sent[at + 1 : at + 5])
        found.append((sent[at : at + 1], sent[at + 5 : end]))
        at = end
    return found


def _fields(body: bytes) -> list[tuple[str, int]]:
    found, at = [], 2
    for _ in range(int.from_bytes(body[:2])):
        end = body.index(b"\0", at)
        found.append((body[at:end].decode(), int.from_bytes(body[end + 7 : end + 11])))
        at = end + 19
    return found


def _values(body: bytes) -> list[str | None]:
    found: list[str | None] = []
    at = 2
    for _ in range(int.from_bytes(body[:2])):
        size = int.from_bytes(body[at : at + 4], signed=True)
        at += 4
        found.append(None if size < 0 else body[at : at + size].decode())
        at += max(size, 0)
    return found

"""A client that says exactly what it is told to, byte by byte."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from tests.wire.conftest import PASSWORD, USER, Wire

PROTOCOL = 3 << 16
SSL, GSS = 80877103, 80877104


class Raw:
    """A connection; `log_in` begins a session on it."""

    def __init__(self, wire: Wire) -> None:
        self.socket = socket.create_connection(("127.0.0.1", wire.port))
        self.socket.settimeout(30)  # against a hang only: nothing waits for it
        self.key = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def opening(self, code: int, body: bytes = b"") -> None:
        """Send a message without a tag."""
        self.socket.sendall(struct.pack("!II", len(body) + 8, code) + body)

    def send(self, *messages: tuple[bytes, bytes]) -> None:
        """Send messages, each a tag and a body, in one piece."""
        self.socket.sendall(b"".join(tag + struct.pack("!I", len(body) + 4) + body for tag, body in messages))

    def read(self, size: int) -> bytes:
        """Read exactly *size* bytes, fewer only at the end."""
        found = b""
        while len(found) < size and (more := self.socket.recv(size - len(found))):
            found += more
        return found

    def messages(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield messages up to ReadyForQuery, or to the end of the connection."""
        while header := self.read(5):
            tag, size = header[:1], struct.unpack("!I", header[1:])[0]
            yield tag, self.read(size - 4)
            if tag == b"Z":
                return

    def tags(self) -> str:
        """The tags of the messages up to ReadyForQuery."""
        return b"".join(tag for tag, _ in self.messages()).decode()

    def log_in(self, database: str = "prod:all", **settings: str) -> dict[str, str]:
        """Begin a session, and return what the server tells of itself."""
        sent = {"user": USER, "database": database, **settings}
        self.opening(PROTOCOL, b"".join(text(k) + text(v) for k, v in sent.items()) + b"\0")
        assert self.read(9) == b"R\0\0\0\x08\0\0\0\x03"
        self.send((b"p", text(PASSWORD)))
        told: dict[str, str] = {}
        for tag, body in self.messages():
            if tag == b"S":
                name, value, _ = body.decode().split("\0")
                told[name] = value
            elif tag == b"K":
                self.key = body
            elif tag == b"E":
                raise AssertionError(error(body))
        return told


def text(value: str) -> bytes:
    """A text as messages carry it."""
    return value.encode() + b"\0"


def query(sql: str) -> tuple[bytes, bytes]:
    """Query."""
    return b"Q", text(sql)


def parse(sql: str, name: str = "", *oids: int) -> tuple[bytes, bytes]:
    """Parse."""
    return b"P", text(name) + text(sql) + struct.pack(f"!H{len(oids)}I", len(oids), *oids)


def bind(portal: str = "", statement: str = "", *values: bytes | None, form: int = 0) -> tuple[bytes, bytes]:
    """Bind, with parameters and results all in one format."""
    parts = (b"\xff\xff\xff\xff" if v is None else struct.pack("!I", len(v)) + v for v in values)
    head = text(portal) + text(statement) + struct.pack("!HHH", 1, form, len(values))
    return b"B", head + b"".join(parts) + struct.pack("!HH", 1, form)


def describe(kind: str, name: str = "") -> tuple[bytes, bytes]:
    """Describe a statement (S) or a portal (P)."""
    return b"D", kind.encode() + text(name)


def execute(portal: str = "", limit: int = 0) -> tuple[bytes, bytes]:
    """Execute."""
    return b"E", text(portal) + struct.pack("!I", limit)


SYNC = (b"S", b"")


def error(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse."""
    return {field[:1].decode(): field[1:].decode() for field in body.split(b"\0") if field}


def values(body: bytes) -> list[bytes | None]:
    """The values of a DataRow."""
    count, at = struct.unpack("!H", body[:2])[0], 2
    found: list[bytes | None] = []
    for _ in range(count):
        size = struct.unpack("!i", body[at : at + 4])[0]
        at += 4
        found.append(None if size < 0 else body[at : at + size])
        at += max(size, 0)
    return found

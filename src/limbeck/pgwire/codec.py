"""Bytes to messages and back. Pure: no sockets, no state.

Names and layouts are those of the chapter *Frontend/Backend Protocol* of PostgreSQL's manual.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from limbeck.errors import ProtocolViolation

PROTOCOL = 3 << 16
SSL, GSS, CANCEL = (1234 << 16 | 5679, 1234 << 16 | 5680, 1234 << 16 | 5678)

MAX_OPENING = 10_000
"""Most bytes of a message before somebody has logged in."""
MAX_MESSAGE = 16 * 1024 * 1024
"""Most bytes of a message."""

_INT16, _INT32 = struct.Struct("!h"), struct.Struct("!i")
_UINT16, _UINT32 = struct.Struct("!H"), struct.Struct("!I")


# -- what clients send --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SslRequest:
    """Asks for TLS; answered with one byte, S or N."""


@dataclass(frozen=True, slots=True)
class GssRequest:
    """Asks for GSSAPI encryption; answered with N."""


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Ends the running statement of another connection."""

    process: int
    secret: int


@dataclass(frozen=True, slots=True)
class Startup:
    """Opens a session."""

    minor: int
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Password:
    """The answer to AuthenticationCleartextPassword."""

    text: str


@dataclass(frozen=True, slots=True)
class Query:
    """Statements of the simple protocol."""

    sql: str


@dataclass(frozen=True, slots=True)
class Parse:
    """Prepares a statement; type 0 leaves a parameter's type to the server."""

    name: str
    sql: str
    types: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bind:
    """Makes a portal of a prepared statement. Formats: 0 is text, 1 binary; none for all text, one for all alike."""

    portal: str
    statement: str
    formats: tuple[int, ...]
    values: tuple[bytes | None, ...]
    result_formats: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Describe:
    """Asks for the columns of a statement (S) or a portal (P)."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Execute:
    """Runs a portal for at most *limit* rows; 0 is no limit."""

    portal: str
    limit: int


@dataclass(frozen=True, slots=True)
class Close:
    """Forgets a statement (S) or a portal (P)."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Sync:
    """Ends a round of the extended protocol."""


@dataclass(frozen=True, slots=True)
class Flush:
    """Asks for what has been held back; nothing is."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """Says good-bye."""


@dataclass(frozen=True, slots=True)
class CopyInput:
    """Rows for a COPY … FROM STDIN, which is not served; PostgreSQL ignores those that come late."""


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """The protocol's old way of calling a function; not served."""


Opening = SslRequest | GssRequest | CancelRequest | Startup
Message = (
    Query | Parse | Bind | Describe | Execute | Close | Sync | Flush | Terminate | Password | CopyInput | FunctionCall
)


class _Body:
    """Reads the fields of one message, and sees to it that nothing is missing and nothing is left."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def raw(self, size: int) -> bytes:
        if size < 0 or self._at + size > len(self._data):
            raise ProtocolViolation("a message is shorter than its fields")
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self, layout: struct.Struct) -> int:
        return int(layout.unpack(self.raw(layout.size))[0])

    def numbers(self, layout: struct.Struct) -> tuple[int, ...]:
        count = self.number(_UINT16)
        return tuple(self.number(layout) for _ in range(count))

    def text(self) -> str:
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise ProtocolViolation("a text in a message has no end")
        raw = self.raw(end - self._at)
        self._at += 1
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise ProtocolViolation("a text in a message is not UTF-8") from error

    def value(self) -> bytes | None:
        size = self.number(_INT32)
        return None if size == -1 else self.raw(size)

    def rest(self) -> bytes:
        return self.raw(len(self._data) - self._at)

    def done(self) -> None:
        if self._at != len(self._data):
            raise ProtocolViolation("a message is longer than its fields")


def length(header: bytes, most: int) -> int:
    """Return how many bytes of a message follow its length word, the last four bytes of *header*."""
    size = int(_UINT32.unpack(header[-4:])[0]) - 4
    if not 0 <= size <= most:
        raise ProtocolViolation(f"a message of {size + 4} bytes: at most {most + 4} are taken here")
    return size


def opening(body: bytes) -> Opening:
    """Return the message of a connection that has not begun a session; raise `ProtocolViolation`."""
    fields = _Body(body)
    code = fields.number(_UINT32)
    found: Opening
    if code == SSL:
        found = SslRequest()
    elif code == GSS:
        found = GssRequest()
    elif code == CANCEL:
        found = CancelRequest(fields.number(_UINT32), fields.number(_UINT32))
    elif code >> 16 == PROTOCOL >> 16:
        found = Startup(code & 0xFFFF, _parameters(fields))
    else:
        raise ProtocolViolation(f"protocol {code >> 16}.{code & 0xFFFF} is not spoken here; 3.0 is")
    fields.done()
    return found


def _parameters(fields: _Body) -> dict[str, str]:
    found: dict[str, str] = {}
    while name := fields.text():
        found[name] = fields.text()
    return found


def message(tag: bytes, body: bytes) -> Message:
    """Return the message of an open session; raise `ProtocolViolation`."""
    read = _READERS.get(tag)
    if read is None:
        raise ProtocolViolation(f"there is no message of type {tag!r}")
    fields = _Body(body)
    found = read(fields)
    fields.done()
    return found


def _bind(fields: _Body) -> Bind:
    portal, statement, formats = fields.text(), fields.text(), fields.numbers(_INT16)
    values = tuple(fields.value() for _ in range(fields.number(_UINT16)))
    result_formats = fields.numbers(_INT16)
    if {*formats, *result_formats} - {0, 1}:
        raise ProtocolViolation("a format is 0 or 1")
    return Bind(portal, statement, formats, values, result_formats)


def _target(fields: _Body) -> tuple[str, str]:
    kind, name = fields.raw(1).decode("latin-1"), fields.text()
    if kind not in ("S", "P"):
        raise ProtocolViolation(f"{kind!r} is neither a statement (S) nor a portal (P)")
    return kind, name


def _ignored(fields: _Body) -> CopyInput:
    fields.rest()
    return CopyInput()


def _function_call(fields: _Body) -> FunctionCall:
    fields.rest()
    return FunctionCall()


_READERS: dict[bytes, Callable[[_Body], Message]] = {
    b"Q": lambda fields: Query(fields.text()),
    b"P": lambda fields: Parse(fields.text(), fields.text(), fields.numbers(_UINT32)),
    b"B": _bind,
    b"D": lambda fields: Describe(*_target(fields)),
    b"E": lambda fields: Execute(fields.text(), fields.number(_INT32)),
    b"C": lambda fields: Close(*_target(fields)),
    b"S": lambda fields: Sync(),
    b"H": lambda fields: Flush(),
    b"X": lambda fields: Terminate(),
    b"p": lambda fields: Password(fields.text()),
    b"d": _ignored,
    b"c": _ignored,
    b"f": _ignored,
    b"F": _function_call,
}


# -- what the server sends ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Field:
    """A column as RowDescription tells of it."""

    name: str
    oid: int
    size: int
    modifier: int
    format: int


def _message(tag: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return tag + _UINT32.pack(len(body) + 4) + body


def _text(text: str) -> bytes:
    return text.replace("\0", "").encode("utf-8", "replace") + b"\0"


TLS_ACCEPTED, REFUSED = b"S", b"N"
AUTHENTICATION_CLEARTEXT_PASSWORD = _message(b"R", _INT32.pack(3))
AUTHENTICATION_OK = _message(b"R", _INT32.pack(0))
PARSE_COMPLETE = _message(b"1")
BIND_COMPLETE = _message(b"2")
CLOSE_COMPLETE = _message(b"3")
NO_DATA = _message(b"n")
EMPTY_QUERY_RESPONSE = _message(b"I")
PORTAL_SUSPENDED = _message(b"s")
COPY_DONE = _message(b"c")


def negotiate_protocol_version(options: Sequence[str]) -> bytes:
    """NegotiateProtocolVersion: 3.0 is the newest here, and *options* are not understood."""
    return _message(b"v", _INT32.pack(PROTOCOL), _INT32.pack(len(options)), *map(_text, options))


def parameter_status(name: str, value: str) -> bytes:
    """ParameterStatus: a setting that clients want to know of."""
    return _message(b"S", _text(name), _text(value))


def backend_key_data(process: int, secret: int) -> bytes:
    """BackendKeyData: what a CancelRequest has to say."""
    return _message(b"K", _UINT32.pack(process), _UINT32.pack(secret))


def ready_for_query(status: Literal["I", "T"]) -> bytes:
    """ReadyForQuery: outside (I) or inside (T) of a transaction."""
    return _message(b"Z", status.encode())


def row_description(fields: Sequence[Field]) -> bytes:
    """RowDescription: the columns of the rows that follow."""
    layout = struct.Struct("!IhIhih")
    parts = (_text(f.name) + layout.pack(0, 0, f.oid, f.size, f.modifier, f.format) for f in fields)
    return _message(b"T", _UINT16.pack(len(fields)), *parts)


def parameter_description(oids: Sequence[int]) -> bytes:
    """ParameterDescription: the types of a statement's parameters."""
    return _message(b"t", _UINT16.pack(len(oids)), *map(_UINT32.pack, oids))


def copy_out_response(columns: int, format: int) -> bytes:
    """CopyOutResponse: rows of a COPY … TO STDOUT follow."""
    return _message(b"H", bytes([format]), _UINT16.pack(columns), _UINT16.pack(format) * columns)


def copy_data(data: bytes) -> bytes:
    """CopyData: a piece of a COPY; rows are encoded by the batch elsewhere (`rows.py`)."""
    return _message(b"d", data)


def command_complete(tag: str) -> bytes:
    """CommandComplete: a statement has ended well."""
    return _message(b"C", _text(tag))


def error_response(fields: Mapping[str, str]) -> bytes:
    """ErrorResponse: fields by their letter."""
    return _message(b"E", *(key.encode() + _text(value) for key, value in fields.items()), b"\0")


def notice_response(fields: Mapping[str, str]) -> bytes:
    """NoticeResponse: like an error, and work goes on."""
    return _message(b"N", *(key.encode() + _text(value) for key, value in fields.items()), b"\0")

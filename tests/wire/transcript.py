"""Transcripts of the wire: texts that say what a client sends and what a server answers.

A transcript is a file of scenes. `== title` begins one, on a connection that has logged in; `== title (raw)` on one
that has said nothing. In a scene `F>` is a message of the client, `B>` one of the server, and `L>` and `P>` are the
server's where Limbeck and PostgreSQL differ by contract; `FL>` and `FP>` are the client's for one of them. Fields are
`name=JSON`; a text that begins with `\\x` stands for bytes in hexadecimal. Lines that begin with `#` are remarks.
"""

from __future__ import annotations

import json
import re
import select
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.wire.conftest import PASSWORD, USER

SSL, GSS, CANCEL, PROTOCOL = 80877103, 80877104, 80877102, 3 << 16
_FIELD = re.compile(r'([\w.]+)=("(?:[^"\\]|\\.)*"|\[[^\]]*\]|\{[^}]*\}|[-\w.]+)')


@dataclass
class Scene:
    """One connection: its lines, as sides and texts."""

    title: str
    raw: bool
    lines: list[tuple[str, str]] = field(default_factory=list)

    def play(self, port: int, side: str) -> None:
        """Say the client's lines to a server, and check that it answers with those of *side*, L or P."""
        with Player(port) as player:
            if not self.raw:
                player.log_in()
            for who, line in self.lines:
                if who in ("F", f"F{side}"):
                    player.say(line)
                elif who in ("B", side):
                    heard = player.hear()
                    assert heard == " ".join(line.split()), f"{self.title}: {heard!r} instead of {line!r}"


def scenes(path: Path) -> list[Scene]:
    """Read a transcript."""
    found: list[Scene] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("=="):
            title = line.removeprefix("==").strip()
            found.append(Scene(title.removesuffix(" (raw)"), title.endswith(" (raw)")))
        elif line.strip() and not line.startswith("#"):
            who, arrow, text = line.partition(">")
            assert arrow, f"{path.name}, line {number}: {line}"
            assert who in ("F", "B", "L", "P", "FL", "FP"), f"{path.name}, line {number}: {line}"
            found[-1].lines.append((who, text.strip()))
    return found


class Player:
    """A client that says lines and writes down answers."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.settimeout(30)  # against a hang only: nothing waits for it
        self._key = b""
        self._byte = False
        self._heard: list[str] = []

    def __enter__(self) -> Player:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def log_in(self) -> None:
        """Begin a session."""
        self.say("Startup")
        assert self.hear() == "AuthenticationCleartextPassword"
        self.say("Password")
        assert self.hear() == "AuthenticationOk"
        while self.hear() != 'ReadyForQuery status="I"':
            pass

    def say(self, line: str) -> None:
        """Send the message that a line stands for."""
        name, _, rest = line.partition(" ")
        fields = {key: json.loads(value) for key, value in _FIELD.findall(rest)}
        if name == "Cancel":
            self._cancel()
        elif name == "Tls":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._socket = context.wrap_socket(self._socket)
        else:
            self._byte = name in ("SslRequest", "GssRequest")
            self._socket.sendall(_SAYING[name](**fields))

    def hear(self) -> str:
        """Return the line for the next message; settings that are told of one after the other come in order."""
        if not self._heard:
            self._heard = [self._message()]
            while self._heard[-1].startswith("ParameterStatus"):
                self._heard = [*sorted(self._heard, key=str.lower), self._message()]
        return self._heard.pop(0)

    def _message(self) -> str:
        tag = self._read(1)
        if not tag:
            return "Closed"
        if self._byte:
            self._byte = False
            return f'Byte value="{tag.decode()}"'
        body = self._read(struct.unpack("!I", self._read(4))[0] - 4)
        if tag == b"K":
            self._key = body
        name, write = _HEARING[tag]
        told = write(_Body(body))
        if name == "Authentication":
            return {0: "AuthenticationOk", 3: "AuthenticationCleartextPassword"}[told["type"]]
        return " ".join([name, *(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in told.items())])

    def _cancel(self) -> None:
        """Ask for the end of what is running until it is heard: PostgreSQL forgets a request that comes too early."""
        while not select.select([self._socket], [], [], 0.05)[0]:
            with socket.create_connection(("127.0.0.1", self._port)) as other:
                other.sendall(struct.pack("!II", 16, CANCEL) + self._key)
                assert other.recv(1) == b""

    def _read(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            try:
                more = self._socket.recv(size - len(found))
            except ConnectionResetError:
                more = b""
            if not more:
                return found
            found += more
        return found


# -- what clients send --------------------------------------------------------------------------------------------


def _bytes(value: str | None) -> bytes:
    return bytes.fromhex(value[2:]) if value and value.startswith("\\x") else (value or "").encode()


def _text(value: str) -> bytes:
    return _bytes(value) + b"\0"


def _tagged(tag: str, body: bytes = b"") -> bytes:
    return tag.encode() + struct.pack("!I", len(body) + 4) + body


def _shorts(values: list[int]) -> bytes:
    return struct.pack(f"!H{len(values)}H", len(values), *values)


def _startup(version: float = 3.0, **settings: str) -> bytes:
    major, minor = str(version).split(".")
    sent = {"user": USER, "database": "prod:all", **settings}
    body = b"".join(_text(k) + _text(v) for k, v in sent.items()) + b"\0"
    return struct.pack("!IHH", len(body) + 8, int(major), int(minor)) + body


def _bind(
    portal: str = "",
    statement: str = "",
    formats: list[int] | None = None,
    values: list[str | None] | None = None,
    results: list[int] | None = None,
) -> bytes:
    raw = [struct.pack("!i", -1) if v is None else struct.pack("!i", len(_bytes(v))) + _bytes(v) for v in values or []]
    body = _text(portal) + _text(statement) + _shorts(formats or []) + struct.pack("!H", len(raw)) + b"".join(raw)
    return _tagged("B", body + _shorts(results or []))


def _parse(name: str = "", sql: str = "", types: list[int] | None = None) -> bytes:
    oids = types or []
    return _tagged("P", _text(name) + _text(sql) + struct.pack(f"!H{len(oids)}I", len(oids), *oids))


_SAYING: dict[str, Callable[..., bytes]] = {
    "SslRequest": lambda: struct.pack("!II", 8, SSL),
    "GssRequest": lambda: struct.pack("!II", 8, GSS),
    "Startup": _startup,
    "Password": lambda text=PASSWORD: _tagged("p", _text(text)),
    "Query": lambda sql: _tagged("Q", _text(sql)),
    "Parse": _parse,
    "Bind": _bind,
    "Describe": lambda kind, name="": _tagged("D", kind.encode() + _text(name)),
    "Execute": lambda portal="", limit=0: _tagged("E", _text(portal) + struct.pack("!I", limit)),
    "Close": lambda kind, name="": _tagged("C", kind.encode() + _text(name)),
    "Sync": lambda: _tagged("S"),
    "Flush": lambda: _tagged("H"),
    "Terminate": lambda: _tagged("X"),
    "CopyData": lambda data: _tagged("d", _bytes(data)),
    "CopyDone": lambda: _tagged("c"),
    "CopyFail": lambda reason: _tagged("f", _text(reason)),
    "Bytes": lambda data: _bytes(data),
}

# -- what servers send --------------------------------------------------------------------------------------------


class _Body:
    """The fields of a message, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, layout: str) -> Any:
        size = struct.calcsize(f"!{layout}")
        found, self._data = struct.unpack(f"!{layout}", self._data[:size])[0], self._data[size:]
        return found

    def text(self) -> str:
        found, _, self._data = self._data.partition(b"\0")
        return found.decode()

    def value(self) -> str | None:
        size = self.take("i")
        if size < 0:
            return None
        found, self._data = self._data[:size], self._data[size:]
        return _shown(found)

    def rest(self) -> str:
        return _shown(self._data)

    def fields(self) -> dict[str, str]:
        return {f[:1].decode(): f[1:].decode() for f in self._data.split(b"\0") if f}


def _shown(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return f"\\x{raw.hex()}"
    return text if all(c.isprintable() or c in "\t\n" for c in text) else f"\\x{raw.hex()}"


def _columns(body: _Body) -> dict[str, Any]:
    found = []
    for _ in range(body.take("H")):
        name = body.text()
        _table, _number, oid, _size, modifier, form = (body.take(layout) for layout in "IhIhih")
        found.append(f"{name}:{oid}{'' if modifier < 0 else f'({modifier})'}:{'binary' if form else 'text'}")
    return {"columns": found}


def _problem(body: _Body) -> dict[str, Any]:
    """Severity, code and place; the words differ by contract."""
    told = body.fields()
    place = {"position": int(told["P"])} if "P" in told else {}
    return {"severity": told["S"], "code": told["C"], **place}


_HEARING: dict[bytes, tuple[str, Callable[[_Body], dict[str, Any]]]] = {
    b"R": ("Authentication", lambda body: {"type": body.take("I")}),
    b"S": ("ParameterStatus", lambda body: {"name": body.text(), "value": body.text()}),
    b"K": ("BackendKeyData", lambda body: {}),
    b"v": (
        "NegotiateProtocolVersion",
        lambda body: {"minor": body.take("I") & 0xFFFF, "options": [body.text() for _ in range(body.take("I"))]},
    ),
    b"Z": ("ReadyForQuery", lambda body: {"status": body.rest()}),
    b"T": ("RowDescription", _columns),
    b"D": ("DataRow", lambda body: {"values": [body.value() for _ in range(body.take("H"))]}),
    b"C": ("CommandComplete", lambda body: {"tag": body.text()}),
    b"E": ("ErrorResponse", _problem),
    b"N": ("NoticeResponse", _problem),
    b"1": ("ParseComplete", lambda body: {}),
    b"2": ("BindComplete", lambda body: {}),
    b"3": ("CloseComplete", lambda body: {}),
    b"n": ("NoData", lambda body: {}),
    b"I": ("EmptyQueryResponse", lambda body: {}),
    b"s": ("PortalSuspended", lambda body: {}),
    b"t": ("ParameterDescription", lambda body: {"types": [body.take("I") for _ in range(body.take("H"))]}),
    b"H": (
        "CopyOutResponse",
        lambda body: {"format": body.take("b"), "columns": [body.take("H") for _ in range(body.take("H"))]},
    ),
    b"d": ("CopyData", lambda body: {"data": body.rest()}),
    b"c": ("CopyDone", lambda body: {}),
}

"""Clients that send anything at all: the server stays up, others go on, and nothing is left behind."""

from __future__ import annotations

import logging
import random
import struct
import threading
from contextlib import suppress

import pytest

from tests.wire.conftest import PASSWORD, USER, Wire
from tests.wire.raw import PROTOCOL, SYNC, Raw, bind, describe, execute, parse, query, text

Message = tuple[bytes, bytes]

TEXT = """
    SELECT FROM WHERE GROUP BY ORDER LIMIT AS CASE WHEN THEN END JOIN ON USING WITH UNION VALUES IN NOT NULL
    cust id name city many n ev _id commerce identityMap nope count sum explode cast int struct array
    BEGIN COMMIT ROLLBACK DECLARE c CURSOR FOR FETCH MOVE BACKWARD ALL CLOSE PREPARE p EXECUTE DEALLOCATE
    COPY TO STDOUT SET SHOW RESET EXPLAIN FORMAT JSON CREATE TABLE VIEW DROP SNAPSHOT SINCE DISCARD
    ( ) , ; . * = < > + - / || :: [ ] $1 $2 0 1 3 -1 1e3 9999999999999 '' 'x' 'it''s' "id" `name` -- /* */
    $$ @ # \\ ' " \u00fc
"""
WORDS = [*TEXT.split(), "\n"]


def sql(random_: random.Random) -> str:
    """Words in any order."""
    return " ".join(random_.choices(WORDS, k=random_.randint(0, 12)))


def messages(random_: random.Random) -> list[Message]:
    """Messages that are right in their form, with anything in them, in any order."""
    name = lambda: random_.choice(["", "p", "s", "c", "no"])  # noqa: E731
    value = lambda: random_.choice([None, b"", b"1", b"x", b"\0\0\0\1", random_.randbytes(8)])  # noqa: E731
    make = [
        lambda: query(sql(random_)),
        lambda: parse(sql(random_), name(), *random_.choices([0, 16, 17, 20, 23, 25, 701, 1016, 1700, 600], k=2)),
        lambda: parse("SELECT $1 AS a, id FROM cust WHERE id > $2", name()),
        lambda: bind(name(), name(), *(value() for _ in range(random_.randint(0, 3))), form=random_.randint(0, 1)),
        lambda: describe(random_.choice("SP"), name()),
        lambda: execute(name(), random_.choice([0, 1, 2, 2**31 - 1])),
        lambda: (b"C", random_.choice([b"S", b"P"]) + text(name())),
        lambda: (random_.choice([b"d", b"c", b"f", b"H"]), b""),
        lambda: SYNC,
    ]
    return [random_.choice(make)() for _ in range(random_.randint(1, 10))]


def as_bytes(sent: list[Message]) -> bytes:
    return b"".join(tag + struct.pack("!I", len(body) + 4) + body for tag, body in sent)


def broken(random_: random.Random, data: bytes) -> bytes:
    """Bytes with something done to them: cut off, changed, doubled, left out, more of them, or a length too large."""
    at, end = sorted(random_.choices(range(len(data) + 1), k=2))
    return random_.choice(
        [
            lambda: data[:at],
            lambda: data[:at] + random_.randbytes(1) + data[at + 1 :],
            lambda: data[:end] + data[at:],
            lambda: data[:at] + data[end:],
            lambda: data[:at] + random_.randbytes(end - at) + data[end:],
            lambda: data[:at] + struct.pack("!I", random_.choice([2**31, 2**32 - 1, 16 << 20, 9, 3])) + data[at + 4 :],
            lambda: random_.randbytes(len(data)),
        ]
    )()


def beginning() -> bytes:
    body = b"".join(map(text, ("user", USER, "database", "prod:all"))) + b"\0"
    startup = struct.pack("!II", len(body) + 8, PROTOCOL) + body
    return startup + as_bytes([(b"p", text(PASSWORD))])


@pytest.fixture
def unharmed(wire: Wire, caplog: pytest.LogCaptureFixture) -> object:
    """Sees to it that nothing is left behind, and that no error of ours has come up."""
    assert wire.server is not None
    with Raw(wire) as other, caplog.at_level(logging.ERROR, "limbeck.pgwire"):
        other.log_in()
        before = len(wire.server._links)
        yield
        other.send(query("SELECT name FROM cust WHERE id = 1"))
        assert other.tags() == "TDCZ"
        pause = threading.Event()
        while len(wire.server._links) > before:  # those that were left are being closed
            pause.wait(0.005)
        assert wire.platform.engine.running == 0
        assert sum(t.name.startswith("limbeck-pg_") for t in threading.enumerate()) <= 101
        assert [record.exc_text or record.getMessage() for record in caplog.records] == []


def send_all(client: Raw, data: bytes) -> None:
    """Send bytes, hear whatever is said, and leave."""
    with suppress(OSError):
        client.socket.sendall(data)
        client.socket.shutdown(1)
        while client.socket.recv(65536):
            pass


def test_anything_before_somebody_has_logged_in(wire: Wire, unharmed: object) -> None:
    random_ = random.Random(1)
    for _ in range(80):
        with Raw(wire) as client:
            send_all(client, broken(random_, beginning()))


def test_anything_afterwards(wire: Wire, unharmed: object) -> None:
    random_ = random.Random(2)
    for _ in range(40):
        with Raw(wire) as client:
            client.log_in()
            send_all(client, broken(random_, as_bytes([*messages(random_), SYNC])))


def test_any_statements_in_one_session(wire: Wire, unharmed: object) -> None:
    random_ = random.Random(3)
    with Raw(wire) as client:
        client.log_in()
        for _ in range(60):
            client.send(*messages(random_), SYNC, query("SHOW server_encoding"))
            while b"UTF8" not in b"".join(body for _, body in client.messages()):
                pass


def test_what_is_too_large_is_not_read(wire: Wire, unharmed: object) -> None:
    for logged_in, size in ((False, 10_001), (True, (16 << 20) + 1)):
        with Raw(wire) as client:
            if logged_in:
                client.log_in()
                client.socket.sendall(b"Q" + struct.pack("!I", size + 4))
            else:
                client.socket.sendall(struct.pack("!II", size + 4, PROTOCOL))
            assert [tag for tag, _ in client.messages()] == [b"E"]

"""The protocol itself: beginnings, both query protocols, cursors, cancelling, endings, and clients that misbehave."""

from __future__ import annotations

import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import psycopg2.errors
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limbeck.api.app import create_app
from limbeck.api.server import listen
from limbeck.pgwire import PgServer
from limbeck.platform import Platform
from tests.wire.conftest import MANY, PASSWORD, USER, Wire
from tests.wire.raw import GSS, PROTOCOL, SSL, SYNC, Raw, bind, describe, error, execute, parse, query, text, values

NUMBERS = "(SELECT explode(sequence(1, 100000)) AS n)"
ENDLESS = f"SELECT count(1) FROM {NUMBERS} a CROSS JOIN {NUMBERS} b CROSS JOIN {NUMBERS} c WHERE a.n + b.n > c.n"


@pytest.fixture
def raw(wire: Wire) -> Any:
    """A session of a client that says what it is told to."""
    with Raw(wire) as client:
        client.log_in()
        yield client


def code(body: bytes) -> str:
    return error(body)["C"]


# -- beginnings ---------------------------------------------------------------------------------------------------


def test_a_session_begins_with_what_clients_need_to_know(wire: Wire) -> None:
    with Raw(wire) as client:
        told = client.log_in(application_name="mine", client_encoding="'utf-8'")
    assert told["server_version"].startswith("13.")
    assert told["DateStyle"].startswith("ISO")
    same = ("client_encoding", "server_encoding", "TimeZone", "integer_datetimes", "application_name")
    assert {name: told[name] for name in same} == {
        "client_encoding": "UTF8",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "integer_datetimes": "on",
        "application_name": "mine",
    }


def test_encryption_is_negotiated_in_any_order(wire: Wire, certificate: Path) -> None:
    with Raw(wire) as client:
        client.opening(GSS)
        assert client.read(1) == b"N"
        client.opening(SSL)
        assert client.read(1) == b"S"
        context = ssl.create_default_context(cafile=str(certificate))
        client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
        assert client.socket.version() in ("TLSv1.2", "TLSv1.3")
        client.log_in()
        client.send(query("SELECT 1"))
        assert client.tags() == "TDCZ"


def test_plaintext_behind_the_request_for_tls_is_not_read(wire: Wire) -> None:
    with Raw(wire) as client:
        client.socket.sendall(struct.pack("!II", 8, SSL) + struct.pack("!II", 8, PROTOCOL))
        assert client.read(1) == b"S"
        assert [(tag, code(body)) for tag, body in client.messages()] == [(b"E", "08P01")]


def test_the_key_is_for_its_owner_only(wire: Wire, certificate: Path) -> None:
    assert certificate.with_name("server.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", ["allow", "prefer", "require", "verify-ca", "verify-full"])
def test_tls_where_it_is_required(strict: Wire, mode: str, certificate: Path) -> None:
    host = {"host": "localhost"} if mode == "verify-full" else {}
    with strict.psycopg2(sslmode=mode, sslrootcert=str(certificate), **host) as connection:
        assert connection.info.ssl_in_use


def test_plaintext_where_tls_is_required(strict: Wire) -> None:
    with pytest.raises(psycopg2.OperationalError, match=r"28000.*sslmode=require"):
        strict.psycopg2()


def test_a_newer_protocol_is_talked_down(wire: Wire) -> None:
    with Raw(wire) as client:
        body = text("user") + text(USER) + text("_pq_.new") + text("1") + b"\0"
        client.opening(PROTOCOL + 2, body)
        assert client.read(1) == b"v"
        size = struct.unpack("!I", client.read(4))[0]
        assert client.read(size - 4) == struct.pack("!II", PROTOCOL, 1) + b"_pq_.new\0"
        assert client.read(1) == b"R"


@pytest.mark.parametrize(
    ("other", "state"),
    [
        ({"password": "wire:wrong"}, "28P01"),
        ({"password": "nobody:secret"}, "28P01"),
        ({"password": "no-token"}, "28P01"),
        ({"user": "somebody@AdobeOrg"}, "28P01"),
        ({"dbname": "nowhere:all"}, "3D000"),
        ({"dbname": "prod:nothing"}, "42P12"),
        ({"replication": "database"}, "0A000"),
    ],
    ids=str,
)
def test_who_is_not_let_in(wire: Wire, other: dict[str, str], state: str) -> None:
    with pytest.raises(psycopg2.OperationalError, match=f"ErrorCode: {state} "):
        wire.psycopg2(**other)


def test_a_credential_that_is_bound_to_a_sandbox_opens_no_other(wire: Wire) -> None:
    wire.platform.access.ensure_sandbox(USER, "dev")
    wire.platform.access.create_credential(USER, client_id="bound", client_secret="s", only=["dev"])
    with closing(wire.psycopg2(password="bound:s", dbname="dev:all")) as session, session.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == [(1,)]
        for other in ("prod:all", "all", "nowhere:all"):
            with pytest.raises(psycopg2.OperationalError, match="may not work in sandbox"):
                wire.psycopg2(password="bound:s", dbname=other)
        wire.platform.access.revoke_credential("bound")
        with pytest.raises(psycopg2.Error, match="revoked"):
            cursor.execute("SELECT 1")


def test_an_access_token_is_a_password(wire: Wire) -> None:
    token, _ = wire.platform.access.token(*PASSWORD.split(":"))
    with wire.psycopg2(password=token), pytest.raises(psycopg2.OperationalError, match="28P01"):
        wire.psycopg2(password=token[:-2])


@pytest.mark.parametrize("name", ["all", "prod:all?", "prod:all"])
def test_names_of_a_whole_sandbox(wire: Wire, name: str) -> None:
    with wire.psycopg2(dbname=name) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        assert {"ev", "cust", "many"} <= {row[0] for row in cursor.fetchall()}


def test_a_name_of_one_table_shows_no_other(wire: Wire) -> None:
    dataset = wire.platform.lake.datasets.by_table(wire.sandbox, "ev")
    assert dataset is not None
    for scope in ("ev", "EV", dataset.id):
        with wire.psycopg2(dbname=f"prod:{scope}") as connection, connection.cursor() as cursor:
            cursor.execute("SHOW TABLES")
            assert [row[0] for row in cursor.fetchall()] == ["ev"]
            cursor.execute("SELECT count(*) FROM ev")
            assert cursor.fetchall() == [(3,)]
            for refused in ("SELECT * FROM cust", "DROP TABLE cust", "INSERT INTO cust SELECT 1 AS id"):
                with pytest.raises(psycopg2.errors.UndefinedTable):
                    cursor.execute(refused)


def test_fields_are_columns_by_their_path(wire: Wire) -> None:
    with wire.psycopg2(dbname="prod:all?FLATTEN") as connection, connection.cursor() as cursor:
        cursor.execute("""SELECT SUM("commerce.order.priceTotal") AS r FROM ev WHERE "commerce.purchases.value" > 0""")
        assert cursor.fetchall() == [(3018.0,)]
        cursor.execute("SELECT * FROM ev AS e WHERE e._id = 'e1'")
        found = dict(zip([c.name for c in cursor.description], cursor.fetchone(), strict=True))
        assert found["directMarketing.emailDelivered.value"] == 1.0
        assert found["_tenant.userid"] == "A"
        assert {"identityMap", "productListItems"} < set(found)
        assert "commerce" not in found


def test_as_many_sessions_as_there_may_be(small: Wire) -> None:
    first, _second = small.psycopg2(), small.psycopg2()
    with pytest.raises(psycopg2.OperationalError, match="Session Limit Reached"):
        small.psycopg2()
    first.cursor().execute("SELECT 1")


def test_connection_parameters(wire: Wire) -> None:
    token, _ = wire.platform.access.token(*PASSWORD.split(":"))
    headers = {"authorization": f"Bearer {token}", "x-api-key": "wire", "x-gw-ims-org-id": USER}

    async def answers() -> list[httpx.Response]:
        found = []
        for address in (("127.0.0.1", wire.port), None):
            transport = httpx.ASGITransport(create_app(wire.platform, address))
            async with httpx.AsyncClient(transport=transport, base_url="http://limbeck") as http:
                found.append(await http.get("/data/foundation/query/connection_parameters", headers=headers))
        return found

    import asyncio

    with_wire, without = asyncio.run(answers())
    found = with_wire.json()
    assert {"dbName", "host", "port", "username", "token", "websocketHost"} <= set(found)
    where = {key: found[key] for key in ("host", "port")}
    with wire.psycopg2(**where, dbname=found["dbName"], user=found["username"], password=found["token"]):
        pass
    assert (without.status_code, without.json()["status"]) == (404, 404)


# -- the simple protocol ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "tags"),
    [
        ("", "IZ"),
        (" ; -- nothing\n", "IZ"),
        ("SELECT 1; SELECT 2;", "TDCTDCZ"),
        ("SELECT 1; SELECT nope; SELECT 2", "TDCEZ"),
        ("SET application_name = 'x'", "CSZ"),
        ("SHOW DateStyle", "TDCZ"),
        ("COPY (SELECT 1 AS a UNION ALL SELECT 2) TO STDOUT", "HddcCZ"),
        ("SELECT n FROM many LIMIT 0", "T" + "D" * MANY + "CZ"),
    ],
    ids=range(8),
)
def test_each_statement_of_a_text_is_answered(raw: Raw, sql: str, tags: str) -> None:
    raw.send(query(sql))
    assert raw.tags() == tags


def test_a_transaction_is_never_failed(raw: Raw) -> None:
    for sql, status in (("BEGIN", b"T"), ("SELECT nope", b"T"), ("SELECT 1", b"T"), ("ROLLBACK", b"I")):
        raw.send(query(sql))
        assert list(raw.messages())[-1] == (b"Z", status)


def shown(raw: Raw, sql: str) -> list[list[bytes | None]]:
    raw.send(query(sql))
    return [values(body) for tag, body in raw.messages() if tag == b"D"]


def test_settings(raw: Raw) -> None:
    assert shown(raw, "SHOW DateStyle") == [[b"ISO, MDY"]]
    assert shown(raw, "SET auto_to_json = TRUE; SHOW Auto_To_Json; set AUTO_TO_JSON") == [[b"TRUE"], [b"TRUE"]]
    assert shown(raw, "RESET auto_to_json; SHOW auto_to_json") == [[b"false"]]
    assert [b"auto_to_json", b"false"] in shown(raw, "SET")
    raw.send(query("SHOW nothing_of_that_name"))
    assert raw.tags() == "EZ"
    raw.send(query("SET client_encoding = 'latin1'"))
    assert [code(body) for tag, body in raw.messages() if tag == b"E"] == ["22023"]


def test_prepared_statements_and_cursors_in_sql(raw: Raw) -> None:
    assert shown(raw, "PREPARE byId (int) AS SELECT name FROM cust WHERE id = $1; EXECUTE byid(2)") == [[b"alf"]]
    for sql, state in (
        ("EXECUTE byid(1, 2)", "42601"),
        ("DEALLOCATE byid; EXECUTE byid(1)", "26000"),
        ("FETCH 1 FROM nowhere", "34000"),
        ("DECLARE c CURSOR FOR SELECT nope", "42703"),
    ):
        raw.send(query(sql))
        assert [code(body) for tag, body in raw.messages() if tag == b"E"] == [state], sql
    declare = "DECLARE c CURSOR FOR SELECT n FROM many WHERE n < 5 ORDER BY n LIMIT 10; "
    assert shown(raw, declare + "FETCH 2 FROM c; MOVE 1 IN c; FETCH ALL c; FETCH c") == [[b"0"], [b"1"], [b"3"], [b"4"]]
    assert shown(raw, "FETCH ABSOLUTE 2 FROM c; FETCH RELATIVE -1 FROM c; FETCH ABSOLUTE -1 FROM c") == [
        [b"1"],
        [b"0"],
        [b"4"],
    ]
    raw.send(query("CLOSE c; FETCH 1 FROM c"))
    assert raw.tags() == "CEZ"
    declared = "BEGIN; DECLARE a CURSOR FOR SELECT 1; DECLARE b CURSOR WITH HOLD FOR SELECT 2; COMMIT; "
    raw.send(query(declared + "FETCH b; FETCH a"))
    assert raw.tags() == "CCCCTDCEZ"


def test_errors_say_what_where_and_how_to_mend_it(raw: Raw) -> None:
    raw.send(query("SELECT 1; -- ü\n SELECT nme FROM cust"))
    fields = next(error(body) for tag, body in raw.messages() if tag == b"E")
    assert (fields["S"], fields["C"], fields["H"]) == ("ERROR", "42703", 'did you mean "name"?')
    assert int(fields["P"]) == "SELECT 1; -- ü\n SELECT nme FROM cust".index("nme") + 1
    assert fields["M"].startswith("ErrorCode: 42703 sessionId: ")


def test_an_error_of_ours_tells_no_path(raw: Raw, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    home = str(wire.platform.settings.home)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"{home}/lake is broken")

    monkeypatch.setattr(wire.platform.query, "run", broken)
    raw.send(query("SELECT 1"))
    fields = next(error(body) for tag, body in raw.messages() if tag == b"E")
    assert fields["C"] == "58000"
    assert home not in str(fields)


# -- the extended protocol ----------------------------------------------------------------------------------------


def test_a_statement_is_described_before_it_runs(raw: Raw) -> None:
    raw.send(parse("SELECT id, name FROM cust WHERE id = $1 AND name = $2", "s"), describe("S", "s"), SYNC)
    found = list(raw.messages())
    assert [tag for tag, _ in found] == [b"1", b"t", b"T", b"Z"]
    assert found[1][1] == struct.pack("!HII", 2, 20, 25)
    raw.send(bind("p", "s", b"1", b"Anna"), describe("P", "p"), execute("p"), SYNC)
    found = list(raw.messages())
    assert [tag for tag, _ in found] == [b"2", b"T", b"D", b"C", b"Z"]
    assert values(found[2][1]) == [b"1", b"Anna"]
    raw.send(bind("p", "s", b"x", b"Anna"), SYNC)
    assert [code(body) for tag, body in raw.messages() if tag == b"E"] == ["22P02"]


def test_a_portal_gives_its_rows_in_portions_and_blocks_nobody(raw: Raw, wire: Wire) -> None:
    raw.send(query("BEGIN"))
    raw.tags()
    for number in range(4):  # more than the engine has places
        raw.send(parse("SELECT n FROM many LIMIT 0"), bind(f"p{number}"), execute(f"p{number}", 2), SYNC)
        assert raw.tags() == "12DDsZ"
    assert wire.table("SELECT 1 AS a").num_rows == 1
    raw.send(execute("p0", 3), execute("p0"), SYNC)
    assert raw.tags() == "DDDs" + "D" * (MANY - 5) + "CZ"
    raw.send(query("COMMIT"))
    raw.tags()
    raw.send(SYNC, execute("p1", 1), SYNC)
    assert (raw.tags(), raw.tags()) == ("Z", "EZ")


def test_what_is_described_and_not_run_blocks_nobody(raw: Raw, wire: Wire) -> None:
    raw.send(query("BEGIN"))
    raw.tags()
    for number in range(4):
        raw.send(parse("SELECT n FROM many"), bind(f"p{number}"), describe("P", f"p{number}"))
        assert [raw.read(1 + 4 + size)[:1] for size in (0, 0, 22)] == [b"1", b"2", b"T"]
    assert wire.table("SELECT 1 AS a").num_rows == 1
    raw.send(execute("p3", 1), SYNC)
    assert raw.tags() == "DsZ"


@pytest.mark.parametrize(
    ("messages", "tags"),
    [
        ([parse("SELECT nope"), bind(), describe("P"), execute(), SYNC], "12EZ"),
        ([bind("", "unknown"), query("SELECT 1"), SYNC], "EZ"),
        ([execute("unknown"), SYNC], "EZ"),
        ([parse("SELECT 1; SELECT 2"), SYNC], "EZ"),
        ([parse(""), bind(), describe("P"), execute(), SYNC], "12nIZ"),
        ([parse("SELECT 1", "s"), parse("SELECT 1", "s"), SYNC], "1EZ"),
        ([parse("SELECT $1"), bind(), SYNC], "1EZ"),
        ([parse("BEGIN"), bind(), describe("P"), execute(), SYNC], "12nCZ"),
        ([parse("INSERT INTO cust SELECT 1 AS id"), describe("S"), SYNC], "1tnZ"),
        ([parse("SELECT 1"), bind(), execute(), execute(), SYNC], "12DCCZ"),
        ([(b"C", b"Sunknown\0"), (b"H", b""), (b"c", b""), SYNC], "3Z"),
        ([(b"F", b"12345"), query("SELECT 1")], "E"),
        ([(b"p", b"again\0")], "E"),
    ],
    ids=range(13),
)
def test_rounds_of_the_extended_protocol(raw: Raw, messages: list[tuple[bytes, bytes]], tags: str) -> None:
    raw.send(*messages)
    assert raw.tags() == tags


# -- cancelling and ending ----------------------------------------------------------------------------------------


def running(platform: Platform) -> bool:
    """Whether a statement has the engine's attention."""
    return platform.engine.running > 0


def wait_until(done: Callable[[], bool]) -> None:
    """Wait for something that another thread does; no test's result hangs on how long that takes."""
    pause = threading.Event()
    while not done():
        pause.wait(0.005)


def test_a_running_statement_is_cancelled(wire: Wire, raw: Raw) -> None:
    raw.send(query(ENDLESS))
    wait_until(lambda: running(wire.platform))
    with Raw(wire) as other:
        other.opening(80877102, raw.key)
        assert other.read(1) == b""
    assert [code(body) for tag, body in raw.messages() if tag == b"E"] == ["57014"]
    raw.send(query("SELECT 1"))
    assert raw.tags() == "TDCZ"


def test_a_statement_that_waits_for_its_turn_is_cancelled(wire: Wire, raw: Raw) -> None:
    with Raw(wire) as first, Raw(wire) as second, Raw(wire) as other:  # two are as many as the engine has places
        for client in (first, second):
            client.log_in()
            client.send(query(ENDLESS))
        wait_until(lambda: wire.platform.engine.running == 2)
        raw.send(query("SELECT 1"))
        wait_until(lambda: bool(wire.platform.engine._admission._waiting))
        other.opening(80877102, raw.key)
        assert [code(body) for tag, body in raw.messages() if tag == b"E"] == ["57014"]
    raw.send(query("SELECT 1"))
    assert raw.tags() == "TDCZ"


def test_a_wrong_key_cancels_nothing(wire: Wire, raw: Raw) -> None:
    for key in (bytes(8), raw.key[:4] + bytes(4)):
        with Raw(wire) as other:
            other.opening(80877102, key)
            assert other.read(1) == b""
    raw.send(query("SELECT 1"))
    assert raw.tags() == "TDCZ"


def test_who_goes_away_takes_the_statement_along(wire: Wire) -> None:
    for _ in range(3):  # more than the engine has places
        with Raw(wire) as client:
            client.log_in()
            client.send(query(ENDLESS))
            wait_until(lambda: running(wire.platform))
    assert wire.table("SELECT 1 AS a").num_rows == 1
    wait_until(lambda: not running(wire.platform))


def test_who_reads_nothing_is_left(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limbeck.pgwire.server.STALLED_S", 0.05)
    with Raw(wire) as client:
        client.log_in()
        client.send(query("SELECT a.t, a.t AS u FROM many a CROSS JOIN ev_n LIMIT 0"))
        wait_until(lambda: running(wire.platform))
        wait_until(lambda: not running(wire.platform))
        with suppress(ConnectionError):
            assert "Z" not in client.tags()


def test_a_slow_reader_gets_everything(raw: Raw) -> None:
    raw.send(query("SELECT a.n, a.t FROM many a LIMIT 0"))
    count = sum(1 for tag, _ in raw.messages() if tag == b"D")
    assert count == MANY


def test_a_statement_that_takes_too_long(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    query = wire.platform.query
    monkeypatch.setattr(query, "services", replace(query.services, timeout=0.05))
    with wire.psycopg2() as connection, pytest.raises(psycopg2.errors.ConfigurationLimitExceeded):
        connection.cursor().execute(ENDLESS)


def test_a_server_that_stops_says_so(platform: Platform) -> None:
    bound = listen("127.0.0.1", 0)
    server = PgServer(platform, bound)
    server.start()
    there = Wire(platform, bound.getsockname()[1], platform.access.sandbox(USER, "prod"))
    with Raw(there) as idle, Raw(there) as busy, Raw(there) as silent:
        idle.log_in()
        busy.log_in()
        busy.send(query(ENDLESS))
        wait_until(lambda: running(platform))
        server.stop()
        assert [code(body) for _, body in idle.messages()] == ["57P01"]
        assert [code(body) for tag, body in busy.messages() if tag == b"E"][-1] == "57P01"
        assert [code(body) for _, body in silent.messages()] == ["57P01"]


# -- clients that misbehave ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("!II", 4, 0),
        struct.pack("!II", 2**31, PROTOCOL),
        struct.pack("!II", 9, PROTOCOL) + b"x",
        struct.pack("!II", 8, 2 << 16),
        struct.pack("!II", 8, 80877102),
        struct.pack("!II", 14, PROTOCOL) + b"user\0\xff",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=range(7),
)
def test_beginnings_that_are_none(wire: Wire, data: bytes) -> None:
    with Raw(wire) as client:
        client.socket.sendall(data)
        assert [code(body) for _, body in client.messages()] == ["08P01"]


@pytest.mark.parametrize(
    "data",
    [
        b"Q\0\0\0\3",
        b"Q\xff\xff\xff\xff",
        b"Q\0\0\0\x08text",
        b"Q\0\0\0\x06\xff\0",
        b"!\0\0\0\4",
        b"D\0\0\0\x06X\0",
        b"S\0\0\0\5\0",
        b"B\0\0\0\x0c\0\0\0\1\0\2\0\0",
    ],
    ids=range(8),
)
def test_messages_that_are_none_end_their_connection_only(wire: Wire, raw: Raw, data: bytes) -> None:
    with Raw(wire) as client:
        client.log_in()
        client.socket.sendall(data)
        assert [(tag, code(body)) for tag, body in client.messages()] == [(b"E", "08P01")]
    raw.send(query("SELECT 1"))
    assert raw.tags() == "TDCZ"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nothing_that_a_client_sends_harms_another(wire: Wire, raw: Raw, data: st.DataObject) -> None:
    tag = st.sampled_from([b"Q", b"P", b"B", b"D", b"E", b"C", b"S", b"H", b"d", b"c", b"f", b"F", b"p", b"?"])
    body = st.binary(max_size=40) | st.sampled_from(
        [b"\0", b"p\0\0\0\0\0", b"S\0", b"SHOW DateStyle\0", b"\0\0\0\0\0\0"]
    )
    with Raw(wire) as client:
        if data.draw(st.booleans()):
            client.log_in()
            client.send(*data.draw(st.lists(st.tuples(tag, body), max_size=6)), (b"X", b""))
        else:
            client.socket.sendall(data.draw(st.binary(max_size=60)))
            client.socket.shutdown(1)
        while client.socket.recv(65536):
            pass
    raw.send(query("SHOW DateStyle"))
    assert raw.tags() == "TDCZ"

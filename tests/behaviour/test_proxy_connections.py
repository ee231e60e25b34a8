"""The proxy's connections: who may use it, what it refuses and how, and that nothing hangs or is left open."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.api.server import listen
from limbeck.errors import Internal
from limbeck.proxy import Authority, ProxyServer
from tests.behaviour.test_exec import application

NOWHERE = {"http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"}


@contextmanager
def proxying(folder: Path, host: str = "127.0.0.1", **environ: str) -> Iterator[tuple[ProxyServer, int]]:
    bound = listen(host, 0)
    port = bound.getsockname()[1]
    running = ProxyServer(application, bound, Authority(folder), environ)
    running.start()
    try:
        yield running, port
    finally:
        running.stop()


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A host that is not Adobe's; give its port."""
    with socket.create_server(("127.0.0.1", 0)) as bound, ThreadPoolExecutor() as pool:

        def serve(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                answer(connection)

        def run() -> None:
            with suppress(OSError):
                while True:
                    pool.submit(serve, bound.accept()[0])

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield bound.getsockname()[1]
        finally:
            bound.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def tunnel(proxy: int, target: str) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy), timeout=60) as connection:
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        assert head.startswith(b"HTTP/1.1 200 ")
        yield connection


def rest(connection: socket.socket) -> bytes:
    """Everything until the other side ends; a timeout is an error."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def said(proxy: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", proxy), timeout=60) as connection:
        with suppress(OSError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        try:
            return rest(connection)
        except ConnectionResetError:
            return b""


def refused(proxy: int, sent: bytes) -> tuple[int, dict[str, object]]:
    head, _, body = said(proxy, sent).partition(b"\r\n\r\n")
    assert b"Content-Type: application/json" in head
    found = json.loads(body)
    assert "id" not in found
    assert int(head.split()[1]) == found["status"]
    return found["status"], found


def echo(connection: socket.socket) -> None:
    while data := connection.recv(65536):
        connection.sendall(data)


def test_only_a_proxy_on_this_machines_own_address_passes_on(tmp_path: Path) -> None:
    with answering(echo) as other, proxying(tmp_path, "0.0.0.0") as (running, port):
        for asked in (f"CONNECT 127.0.0.1:{other}", f"GET http://127.0.0.1:{other}/"):
            status, told = refused(port, f"{asked} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert (status, told["title"]) == (403, "ForbiddenError")
            assert "127.0.0.1 is not Adobe's, and a proxy that listens on 0.0.0.0 passes nothing on" in str(told)
        trusted = ssl.create_default_context(cafile=Authority(tmp_path).certificate)
        with httpx.Client(proxy=f"http://127.0.0.1:{port}", verify=trusted) as client:
            assert client.get("https://platform.adobe.io/x").text == "GET platform.adobe.io 0"
        assert not running.passes_on
    with answering(echo) as other, proxying(tmp_path, "::1" if socket.has_ipv6 else "127.0.0.1") as (running, _):
        assert running.passes_on


def test_what_is_not_served_is_named_in_json(tmp_path: Path) -> None:
    with proxying(tmp_path, **NOWHERE) as (running, port):
        status, told = refused(
            port, b"POST http://dcs.adobedc.net/a?b HTTP/1.1\r\nContent-Length: 9\r\n\r\n" + b"x" * 9
        )
        assert (status, "POST http://dcs.adobedc.net/a is not served" in str(told["detail"])) == (501, True)
        status, told = refused(port, b"CONNECT far.example:443 HTTP/1.1\r\n\r\n")
        assert (status, "far.example:443 cannot be reached" in str(told["detail"])) == (502, True)
        trusted = ssl.create_default_context(cafile=Authority(tmp_path).certificate)
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        with httpx.Client(proxy=f"http://127.0.0.1:{port}", verify=trusted) as client:
            answer = client.get("https://edge.adobedc.net/live", headers=upgrade)
            assert (answer.status_code, "https://edge.adobedc.net/live" in answer.json()["detail"]) == (501, True)
        assert running.unserved.all() == [
            ("POST", "http://dcs.adobedc.net/a", 1),
            ("GET", "https://edge.adobedc.net/live", 1),
        ]


@pytest.mark.parametrize("host", ["_x.adobe.io", "ADOBE.IO", "platform.adobe.io.", "a-.demdex.net"])
def test_no_spelling_of_adobes_hosts_leaves_the_machine(tmp_path: Path, host: str) -> None:
    with proxying(tmp_path, **NOWHERE) as (_, port), tunnel(port, f"{host}:443"):
        pass
    with proxying(tmp_path, **NOWHERE) as (_, port):
        assert refused(port, "CONNECT platform.\xaadobe.io:443 HTTP/1.1\r\n\r\n".encode("latin-1"))[0] == 400


def test_a_proxy_that_cannot_listen_says_so(tmp_path: Path) -> None:
    bound = listen("127.0.0.1", 0)
    running = ProxyServer(application, bound, Authority(tmp_path), {})
    bound.close()
    with pytest.raises(Internal, match="the proxy did not start: "):
        running.start()


def test_the_proxy_before_this_one_is_told_who_asks(tmp_path: Path) -> None:
    heard: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with answering(answer) as far, proxying(tmp_path, ALL_PROXY=f"http://me:se%20cret@127.0.0.1:{far}") as (_, port):
        with httpx.Client(proxy=f"http://127.0.0.1:{port}") as client:
            assert client.get("http://far.example/x").status_code == 200
        with tunnel(port, "[2001:db8::1]:443"):
            pass
    assert all(b"Proxy-Authorization: Basic bWU6c2UgY3JldA==\r\n" in head for head in heard)
    assert [head.splitlines()[0] for head in heard] == [
        b"GET http://far.example/x HTTP/1.1",
        b"CONNECT [2001:db8::1]:443 HTTP/1.1",
    ]


# -- tunnels ----------------------------------------------------------------------------------------------------


def test_a_side_that_has_said_all_still_hears_the_answer(tmp_path: Path) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(hashlib.sha256(rest(connection)).hexdigest().encode())

    sent = os.urandom(20_000_000)
    with answering(answer) as other, proxying(tmp_path) as (_, port), tunnel(port, f"127.0.0.1:{other}") as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert rest(connection).decode() == hashlib.sha256(sent).hexdigest()


def test_both_sides_talk_at_once_and_one_reads_late(tmp_path: Path) -> None:
    sent = os.urandom(8_000_000)
    with answering(echo) as other, proxying(tmp_path) as (_, port), tunnel(port, f"127.0.0.1:{other}") as connection:

        def send() -> None:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)

        sending = threading.Thread(target=send)
        sending.start()
        assert rest(connection) == sent
        sending.join()
        with tunnel(port, f"127.0.0.1:{other}") as another:  # as a web socket does
            for word in (b"ping", b"\x89\x00", b"pong"):
                another.sendall(word)
                assert another.recv(100) == word


def test_a_client_that_says_its_request_byte_by_byte(tmp_path: Path) -> None:
    with (
        answering(echo) as other,
        proxying(tmp_path) as (_, port),
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
    ):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in f"CONNECT 127.0.0.1:{other} HTTP/1.1\r\n\r\nx".encode():
            connection.sendall(bytes([byte]))
        connection.shutdown(socket.SHUT_WR)
        assert rest(connection).endswith(b"\r\n\r\nx")


HTTP2 = """
const server = require("http2").createServer((_, answer) => answer.end("x".repeat(3000000)));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
"""


@pytest.mark.needs("curl")
@pytest.mark.needs("node")
def test_http_2_goes_through(tmp_path: Path) -> None:
    with subprocess.Popen(["node", "-e", HTTP2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdin is not None
        assert node.stdout is not None
        other = int(node.stdout.readline())
        with proxying(tmp_path) as (_, port):
            how = ("--http2-prior-knowledge", "--proxytunnel", "--noproxy", "", "-x", f"http://127.0.0.1:{port}")
            line = ["curl", "-sS", *how, "-o", os.devnull, "-w", "%{http_version} %{size_download}"]
            told = subprocess.check_output([*line, f"http://127.0.0.1:{other}/"], text=True)
        node.stdin.close()
    assert told == "2 3000000"


def test_stopping_ends_what_is_open(tmp_path: Path) -> None:
    begun = set(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else set()
    with (
        answering(lambda connection: rest(connection) and None) as other,
        proxying(tmp_path) as (running, port),
        tunnel(port, f"127.0.0.1:{other}") as idle,
        tunnel(port, "platform.adobe.io:443") as silent,
        socket.create_connection(("127.0.0.1", port), timeout=60) as mute,
    ):
        running.stop()
        assert [rest(connection) for connection in (idle, silent, mute)] == [b"", b"", b""]
    assert not begun or set(os.listdir("/proc/self/fd")) <= begun


# -- garbage ----------------------------------------------------------------------------------------------------

targets = st.sampled_from(
    ["platform.adobe.io:443", "127.0.0.1:1", "[::1", "x:y", "http://", "http://platform.adobe.io/"]
)
lines = st.builds(
    lambda method, target, version, after: f"{method} {target} {version}\r\n".encode("latin-1") + after,
    st.sampled_from(["CONNECT", "GET", "", "P\xd6ST"]),
    targets | st.text(st.characters(max_codepoint=255), max_size=30).map(lambda text: text.replace("\r\n", "")),
    st.sampled_from(["HTTP/1.1", "HTTP/9", ""]),
    st.sampled_from([b"\r\n", b"", b"a: b\r\n\r\n", b"\r\n\x16\x03\x01\xff\xff", b"x" * 70_000])
    | st.binary(max_size=99),
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with proxying(tmp_path_factory.mktemp("fuzzed"), **NOWHERE) as (_, port):
        yield port


@settings(deadline=None, max_examples=150)
@given(lines | st.binary(max_size=300))
def test_garbage_is_refused_or_cut_off_and_hurts_nobody(fuzzed: int, sent: bytes) -> None:
    heard = said(fuzzed, sent)
    assert heard == b"" or heard.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 ", b"HTTP/1.1 501 ", b"HTTP/1.1 502 "))
    with tunnel(fuzzed, "platform.adobe.io:443"):
        pass

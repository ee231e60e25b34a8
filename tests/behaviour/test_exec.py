"""`limbeck exec`, and the proxy behind it: programs written for Adobe's hosts reach the home instead."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from limbeck.api.server import listen, url_of
from limbeck.proxy import Authority, ProxyServer
from tests import environments
from tests.commands import limbeck
from tests.platforms import serving

AEP_PROGRAM = """
import json, os, aepp
from aepp import catalog, schema
aepp.importConfigFile(os.path.join(os.environ["ADOBE_HOME"], "config.json"))
print(json.dumps([schema.Schema().getTenantId(), catalog.Catalog().getDataSets(output="raw")]))
"""

BARE_PROGRAM = """
import json, os, sys, {library} as client
told = json.load(open(os.path.join(os.environ["ADOBE_HOME"], "config.json")))
form = {{"grant_type": "client_credentials", "client_id": told["client_id"], "client_secret": told["secret"]}}
token = client.post("https://ims-na1.adobelogin.com/ims/token/v3", data=form).json()["access_token"]
sent = {{"Authorization": "Bearer " + token, "x-api-key": told["client_id"], "x-gw-ims-org-id": told["org_id"]}}
stats = client.get("https://platform.adobe.io/data/foundation/schemaregistry/stats", headers=sent)
print(stats.json()["tenantId"])
"""


def executed(home: Path, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return limbeck("exec", "--home", home, "--", *command, env=environ)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exec") / "home"


def test_a_program_of_aepps_users_runs_as_it_is(home: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(AEP_PROGRAM)
    done = executed(home, str(environments.python("aepp-0.6.0")), str(program))
    assert (done.returncode, json.loads(done.stdout or "null")) == (0, ["limbeck", {}]), done.stderr


def test_clients_that_check_certificates_and_settings_of_their_own(home: Path) -> None:
    done = executed(home, sys.executable, "-c", BARE_PROGRAM.format(library="requests"))
    assert (done.returncode, done.stdout) == (0, "limbeck\n"), done.stderr
    done = executed(home, sys.executable, "-c", BARE_PROGRAM.format(library="httpx"))
    assert (done.returncode, done.stdout) == (0, "limbeck\n"), done.stderr
    asked = "import os; print(os.environ['NO_PROXY'], os.environ['no_proxy'] == os.environ['NO_PROXY'])"
    done = executed(home, sys.executable, "-c", asked, NO_PROXY="intern.example,127.0.0.1", no_proxy="")
    assert done.stdout == "intern.example,127.0.0.1,localhost,::1 True\n"


def test_the_commands_status_is_ours(home: Path) -> None:
    assert executed(home, sys.executable, "-c", "raise SystemExit(3)").returncode == 3
    died = executed(home, sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
    assert died.returncode == 128 + signal.SIGKILL
    absent = executed(home, "no-such-program")
    assert (absent.returncode, "no-such-program cannot be run" in absent.stderr) == (2, True)


def test_what_is_not_served_is_named_and_seen_in_the_status(home: Path) -> None:
    asks = "import httpx; print([httpx.get(u).status_code for u in {}])"
    unknown = ["https://platform.adobe.io/data/core/nothing", "https://dcs.adobedc.net/collection/1"]
    done = executed(home, sys.executable, "-c", asks.format(unknown))
    assert (done.returncode, done.stdout) == (70, "[501, 501]\n")
    assert all(f"GET {url}" in done.stderr for url in unknown)
    known = ["https://platform.adobe.io/data/foundation/schemaregistry/stats"]
    done = executed(home, sys.executable, "-c", asks.format(known))
    assert (done.returncode, done.stdout) == (0, "[401]\n")


def test_ctrl_c_and_sigterm_reach_the_program(home: Path) -> None:
    waits = "import signal; print('up', flush=True); signal.sigwait([signal.SIGTERM]); raise SystemExit(9)"
    ready = f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); {waits}"
    line = [sys.executable, "-m", "limbeck", "exec", "--home", str(home), "--", sys.executable, "-c", ready]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 9


# -- the proxy --------------------------------------------------------------------------------------------------


class Other(BaseHTTPRequestHandler):
    """A host that is not Adobe's."""

    def do_GET(self) -> None:
        self._say(f"GET {self.path}".encode())

    def do_POST(self) -> None:
        self._say(self.rfile.read(int(self.headers["Content-Length"])))

    def _say(self, said: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def other() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Other) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Tells who was asked, and how many bytes came."""
    count = 0
    while (message := await receive())["type"] == "http.request":
        count += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    host = dict(scope["headers"])[b"host"].decode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": f"{scope['method']} {host} {count}".encode()})


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[str]:
    bound = listen("127.0.0.1", 0)
    url = url_of(bound)
    running = ProxyServer(application, bound, Authority(tmp_path / "proxy"), {})
    running.start()
    yield url
    running.stop()


def trusting(tmp_path: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(Authority(tmp_path / "proxy").certificate))


def test_adobes_hosts_are_answered_here_under_their_own_names(proxy: str, tmp_path: Path) -> None:
    with httpx.Client(proxy=proxy, verify=trusting(tmp_path)) as client:
        for host in (
            "platform.adobe.io",
            "platform-va7.adobe.io",
            "ims-na1.adobelogin.com",
            "ims-na1-stg1.adobelogin.com",
        ):
            assert client.get(f"https://{host}/x").text == f"GET {host} 0"
        body = os.urandom(3_000_000)
        assert client.put("https://platform.adobe.io/f", content=body).text == f"PUT platform.adobe.io {len(body)}"
        refused = client.post("https://server.adobedc.net/ee/v1/interact?x=1", json={})
        assert (refused.status_code, refused.json()["status"]) == (501, 501)
        assert "https://server.adobedc.net/ee/v1/interact" in refused.json()["detail"]
        assert "id" not in refused.json()


def test_a_client_that_trusts_only_the_system_is_not_deceived(proxy: str) -> None:
    with httpx.Client(proxy=proxy) as client, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        client.get("https://platform.adobe.io/")


def test_other_hosts_are_passed_on(proxy: str, other: HTTPServer, tmp_path: Path) -> None:
    port = other.server_port
    with httpx.Client(proxy=proxy) as client:
        assert client.get(f"http://127.0.0.1:{port}/a?b=c").text == "GET /a?b=c"
        assert client.post(f"http://127.0.0.1:{port}/", content=b"12345").text == "12345"
        assert client.get(f"http://127.0.0.1:{port}/again").text == "GET /again"
    with socket.create_connection(("127.0.0.1", int(proxy.rpartition(":")[2]))) as tunnel:
        tunnel.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert tunnel.recv(100).startswith(b"HTTP/1.1 200 ")
        tunnel.sendall(b"GET /through HTTP/1.0\r\n\r\n")
        said = b""
        while chunk := tunnel.recv(1000):
            said += chunk
        assert said.endswith(b"GET /through")


def test_the_proxy_before_this_one_is_asked(tmp_path: Path, other: HTTPServer, proxy: str) -> None:
    bound = listen("127.0.0.1", 0)
    second = ProxyServer(
        application, bound, Authority(tmp_path / "second"), {"http_proxy": proxy, "https_proxy": proxy}
    )
    url = url_of(bound)
    second.start()
    try:
        with httpx.Client(proxy=url) as client:
            assert client.get(f"http://127.0.0.1:{other.server_port}/far").text == "GET /far"
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as tunnel:
            tunnel.sendall(f"CONNECT 127.0.0.1:{other.server_port} HTTP/1.1\r\n\r\n".encode())
            assert tunnel.recv(100).startswith(b"HTTP/1.1 200 ")
    finally:
        second.stop()


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"\x00\x01\x02\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT nowhere HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT :443 HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT x:99999 HTTP/1.1\r\n\r\n", 400),
        (b"GET ftp://x/ HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n", 502),
        (b"GET http://platform.adobe.io/x HTTP/1.1\r\n\r\n", 501),
    ],
)
def test_what_is_no_request_is_refused(proxy: str, said: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", int(proxy.rpartition(":")[2]))) as connection:
        connection.sendall(said)
        assert connection.recv(1000).startswith(f"HTTP/1.1 {status} ".encode())


def test_serve_has_the_proxy_too(tmp_path: Path) -> None:
    with serving(tmp_path / "home", "--pg", "off", "--proxy", "127.0.0.1:0", lines=2) as (_, way):
        trusted = ssl.create_default_context(cafile=str(tmp_path / "home" / "proxy" / "ca.crt"))
        with httpx.Client(proxy=way, verify=trusted) as client:
            assert client.get("https://platform.adobe.io/health").json()["status"] == "ok"

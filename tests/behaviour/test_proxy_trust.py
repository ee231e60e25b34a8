"""Whom programs trust behind the proxy, and which way they go: certificates, bundles, `NO_PROXY`."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest.mock import patch
from urllib.request import proxy_bypass_environment

import httpx
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from httpx._utils import URLPattern, get_environment_proxies
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck import certificates
from limbeck.pgwire.certificate import tls_context
from limbeck.proxy import Authority, trust, way
from limbeck.proxy.hosts import DOMAINS, without_adobes
from tests import crash

# -- the way ----------------------------------------------------------------------------------------------------

HOSTS = [f"{label}{domain}" for domain in DOMAINS for label in ("", "x.", "platform.", "a.b.")]

pieces = st.sampled_from(
    [*DOMAINS, *HOSTS, "io", "net", "e.io", "intern.example", "notadobe.io", "10.1.2.3", "10.0.0.0/8", "0.0.0.0/0"]
)
entries = st.builds(
    lambda before, piece, after: before + piece + after,
    st.sampled_from(["", ".", "*.", "*", "https://", " ", "all://*."]),
    pieces,
    st.sampled_from(["", ".", ":443", " ", ":80"]),
) | st.sampled_from(["*", "", " ", "*.*", "."])


@settings(deadline=None)
@given(st.lists(entries, max_size=5), st.sampled_from([",", " ", ", "]))
def test_no_client_passes_by_to_adobe(listed: list[str], between: str) -> None:
    kept = ",".join(without_adobes(between.join(listed)))
    for host in HOSTS:
        assert not requests.utils.should_bypass_proxies(f"https://{host}/", kept)
        assert not proxy_bypass_environment(host, {"no": kept})
    with patch.dict(os.environ, {"no_proxy": kept, "https_proxy": "http://proxy.example"}, clear=True):
        straight = [URLPattern(pattern) for pattern, way in get_environment_proxies().items() if way is None]
    assert not any(pattern.matches(httpx.URL(f"https://{host}/")) for pattern in straight for host in HOSTS)


def test_what_is_no_host_of_adobes_stays() -> None:
    others = ["intern.example", ".corp", "notadobe.io", "adobe.io.example", "10.0.0.0/8", "[::1]:80", "192.168.1.1:99"]
    assert without_adobes(", ".join(others)) == others
    found = way("http://127.0.0.1:1", {"NO_PROXY": "*,.adobe.io,intern.example,127.0.0.1"})
    assert found["NO_PROXY"] == found["no_proxy"] == "intern.example,127.0.0.1,localhost,::1"
    assert way("http://p", {"NO_PROXY": "upper", "no_proxy": "lower"})["NO_PROXY"].split(",")[0] == "lower"


# -- certificates -----------------------------------------------------------------------------------------------


@contextmanager
def answering(context: ssl.SSLContext) -> Iterator[int]:
    """A TLS server that greets whoever comes; give its port."""
    with socket.create_server(("127.0.0.1", 0)) as bound:

        def run() -> None:
            with suppress(OSError):
                while True:
                    plain, _ = bound.accept()
                    with plain, suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
                        connection.recv(65536)
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")

        thread = threading.Thread(target=run)
        thread.start()
        yield bound.getsockname()[1]
        bound.shutdown(socket.SHUT_RDWR)
        thread.join()


def by_python(certificate: Path, host: str, port: int) -> bool:
    context = ssl.create_default_context(cafile=str(certificate))
    try:
        with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain, server_hostname=host):
            return True
    except ssl.SSLCertVerificationError:
        return False


def by_curl(certificate: Path, host: str, port: int) -> bool:
    where = ("--connect-to", f"{host}:443:127.0.0.1:{port}")
    done = subprocess.run(["curl", "-sS", "--noproxy", "*", *where, f"https://{host}/"], capture_output=True,
                          env=os.environ | {"CURL_CA_BUNDLE": str(certificate)}, text=True, check=False)  # fmt: skip
    assert (done.stdout == "hi") == (done.returncode == 0), done.stderr
    assert done.returncode in (0, 60), done.stderr
    return done.returncode == 0


NODE = """
const [host, port] = process.argv.slice(1);
const seen = require("tls").connect({host: "127.0.0.1", port, servername: host}, () => process.exit(0));
seen.on("error", e => { console.error(e.message); process.exit(60); });
"""


def by_node(certificate: Path, host: str, port: int) -> bool:
    done = subprocess.run(["node", "-e", NODE, host, str(port)], capture_output=True, text=True,
                          env=os.environ | {"NODE_EXTRA_CA_CERTS": str(certificate)}, check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "") or "subtree violation" in done.stderr
    return done.returncode == 0


CLIENTS = [
    by_python,
    pytest.param(by_curl, marks=pytest.mark.needs("curl")),
    pytest.param(by_node, marks=pytest.mark.needs("node")),
]


@pytest.mark.parametrize("client", CLIENTS)
def test_the_authority_vouches_for_adobes_hosts_and_for_no_other(
    tmp_path: Path, client: Callable[[Path, str, int], bool]
) -> None:
    authority = Authority(tmp_path)
    for host, good in [("platform.adobe.io", True), ("dcs.adobedc.net", True), ("bank.example", False)]:
        with answering(authority.context(host)) as port:
            assert client(authority.certificate, host, port) is good, host


def test_the_authority_vouches_for_no_address(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    key = certificates.new_key()
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    stolen = serialization.load_pem_private_key((tmp_path / "ca.key").read_bytes(), None)
    assert isinstance(stolen, certificates.Key)
    issuer = certificates.name("Limbeck of this home")
    made = certificates.builder(certificates.name("x"), issuer, key, 9).add_extension(names, critical=False)
    certificates.load(context, key, certificates.signed(made, stolen))
    with answering(context) as port:
        assert not by_python(authority.certificate, "127.0.0.1", port)
        trusted = ssl.create_default_context(cafile=authority.certificate)
        with httpx.Client(verify=trusted) as client, pytest.raises(httpx.ConnectError, match="excluded subtree"):
            client.get(f"https://127.0.0.1:{port}/")


@pytest.mark.needs("openssl")
def test_openssl_reads_the_limits(tmp_path: Path) -> None:
    shown = subprocess.run(["openssl", "x509", "-in", Authority(tmp_path).certificate, "-noout", "-text"],
                           capture_output=True, text=True, check=True).stdout  # fmt: skip
    assert "X509v3 Name Constraints: critical" in shown
    assert all(f"DNS:{domain}" in shown for domain in DOMAINS)


def test_an_authority_is_kept_unless_it_may_vouch_for_everybody_or_ends_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Authority(tmp_path).text()
    assert (tmp_path / "ca.crt").read_bytes() == first == Authority(tmp_path).text()
    assert (tmp_path / "ca.key").stat().st_mode & 0o077 == 0
    key, name = certificates.new_key(), certificates.name("Limbeck of this home")
    anybody = certificates.builder(name, name, key, 3650).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    certificates.keep(tmp_path / "ca.key", tmp_path / "ca.crt", key, certificates.signed(anybody, key))
    second = Authority(tmp_path).text()
    assert second not in (first, certificates.signed(anybody, key).public_bytes(serialization.Encoding.PEM))
    (tmp_path / "ca.crt").unlink()
    monkeypatch.setattr("limbeck.proxy.authority.CA_DAYS", 20)
    ends_soon = Authority(tmp_path).text()
    assert Authority(tmp_path).text() != ends_soon


MAKES = "import sys; from pathlib import Path; from limbeck.proxy import Authority; Authority(Path(sys.argv[1]))"


def test_a_crash_leaves_no_certificate_of_another_key(tmp_path: Path) -> None:
    crash.run("-c", MAKES, str(tmp_path), crash_at="certificates.keep.between")
    assert [file.name for file in tmp_path.iterdir() if file.suffix] == ["ca.key"]
    first = Authority(tmp_path).text()
    (tmp_path / "ca.key").unlink()
    crash.run("-c", MAKES, str(tmp_path), crash_at="certificates.keep.between")
    assert [file.name for file in tmp_path.iterdir() if file.suffix] == ["ca.key"]
    assert Authority(tmp_path).text() not in (b"", first)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "ca.crt", tmp_path / "ca.key")


def test_a_crashed_server_of_the_wire_leaves_no_certificate_of_another_key(tmp_path: Path) -> None:
    serve = ("-m", "limbeck", "serve", "--home", str(tmp_path), "--http", "127.0.0.1:0", "--pg", "127.0.0.1:0")
    crash.run(*serve, crash_at="certificates.keep.between")
    assert {file.name for file in (tmp_path / "pgwire").iterdir()} == {"lock", "server.key"}
    tls_context(tmp_path / "pgwire")


@pytest.mark.parametrize("make", [tls_context, Authority])
def test_many_that_start_at_once_make_one_pair(tmp_path: Path, make: Callable[[Path], object]) -> None:
    for turn in range(5):
        folder, ready = tmp_path / str(turn), threading.Barrier(8)

        def start(folder: Path = folder, ready: threading.Barrier = ready) -> bytes:
            ready.wait()
            make(folder)
            (certificate,) = folder.glob("*.crt")
            return certificate.read_bytes()

        with ThreadPoolExecutor(8) as pool:
            assert len({found.result() for found in [pool.submit(start) for _ in range(8)]}) == 1
        (certificate,) = folder.glob("*.crt")
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, certificate.with_suffix(".key"))


def test_a_certificate_with_the_key_of_another_is_refused(tmp_path: Path) -> None:
    from limbeck.errors import InvalidInput

    tls_context(tmp_path / "one")
    tls_context(tmp_path / "two")
    shutil.copy(tmp_path / "one" / "server.key", tmp_path / "two" / "server.key")
    with pytest.raises(InvalidInput, match=r"server\.crt and server\.key beside it are no certificate and its key"):
        tls_context(tmp_path / "two")


# -- bundles ----------------------------------------------------------------------------------------------------


def certificate_of(folder: Path) -> bytes:
    tls_context(folder)
    return (folder / "server.crt").read_bytes().strip()


def test_each_variable_keeps_whom_it_trusted(tmp_path: Path) -> None:
    own = {name: certificate_of(tmp_path / name) for name in ("a", "b", "c")}
    (tmp_path / "several").mkdir()
    for name in ("b", "c"):
        shutil.copy(tmp_path / name / "server.crt", tmp_path / "several" / f"{name}.0")
    environ = {
        "SSL_CERT_FILE": str(tmp_path / "a" / "server.crt"),
        "REQUESTS_CA_BUNDLE": str(tmp_path / "several"),
        "NODE_EXTRA_CA_CERTS": str(tmp_path / "c" / "server.crt"),
        "AWS_CA_BUNDLE": str(tmp_path / "nothing.pem"),
    }
    out = tmp_path / "out"
    out.mkdir()
    found = trust(b"OURS", environ, out)
    read = {name: Path(file).read_bytes() for name, file in found.items()}
    assert read["SSL_CERT_FILE"] == own["a"] + b"\nOURS"
    assert read["REQUESTS_CA_BUNDLE"] == own["b"] + b"\n" + own["c"] + b"\nOURS"
    assert read["NODE_EXTRA_CA_CERTS"] == own["c"] + b"\nOURS"
    assert read["CURL_CA_BUNDLE"] == read["AWS_CA_BUNDLE"]
    assert read["CURL_CA_BUNDLE"].count(b"-----BEGIN CERTIFICATE-----") > 50
    assert trust(b"OURS", {}, out).keys() == found.keys()
    assert Path(found["NODE_EXTRA_CA_CERTS"]).read_bytes() == b"OURS"


SEVERAL = """
import os, subprocess, sys, httpx, requests
url = "https://platform.adobe.io/data/foundation/schemaregistry/stats"
curl = ["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", url]
print(requests.get(url).status_code, httpx.get(url).status_code, subprocess.check_output(curl, text=True))
print(os.environ["NO_PROXY"])
"""


@pytest.mark.needs("curl")
@pytest.mark.parametrize(
    ("listed", "left"),
    [("*", ""), (".adobe.io, intern.example adobelogin.com,platform.adobe.io:443,io", "intern.example,")],
)
def test_clients_of_a_caller_who_passes_by_proxies(tmp_path: Path, listed: str, left: str) -> None:
    line = [sys.executable, "-m", "limbeck", "exec", "--home", str(tmp_path / "home"), "--", sys.executable, "-c"]
    environ = os.environ | {"NO_PROXY": listed, "no_proxy": listed}
    done = subprocess.run([*line, SEVERAL], capture_output=True, text=True, env=environ, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, f"401 401 401\n{left}127.0.0.1,localhost,::1\n"), done.stderr

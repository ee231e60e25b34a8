"""Servers that stand for a cloud's storage, each started for the tests that want it and ended after them."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncssh
import httpx

from tests import environments

AZURITE_ACCOUNT = "azurite"
AZURITE_KEY = base64.b64encode(b"a key of sixty-four bytes that nobody has to keep as a secret...").decode()


@contextmanager
def azurite(folder: Path) -> Iterator[str]:
    """Azure Blob Storage; give the URL of the account."""
    program, port = environments.npm("azurite") / "azurite-blob", free_port()
    line = [str(program), "--blobPort", str(port), "--location", str(folder), "--skipApiVersionCheck", "--silent"]
    accounts = {"AZURITE_ACCOUNTS": f"{AZURITE_ACCOUNT}:{AZURITE_KEY}"}
    with _running([*line, "--disableTelemetry"], port, **accounts):
        yield f"http://127.0.0.1:{port}/{AZURITE_ACCOUNT}"


@contextmanager
def moto() -> Iterator[str]:
    """Amazon S3, with its token service; give its URL."""
    port = free_port()
    with _running([str(environments.python("moto")), "-m", "moto.server", "-p", str(port)], port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def gcs(bucket: str) -> Iterator[str]:
    """Google Cloud Storage with one bucket; give its URL."""
    port = free_port()
    program = environments.python("gcp-storage-emulator").with_name("gcp-storage-emulator")
    line = [str(program), "start", "--host", "127.0.0.1", "--port", str(port), "--quiet", "--in-memory"]
    with _running([*line, "--default-bucket", bucket], port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def sftp(folder: Path, home: Path) -> Iterator[int]:
    """An SFTP server that shows *folder* as its root; give its port.

    *home* becomes one of a user who may enter: with a key, and the host's key among those that are known.
    """
    host, own = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    secrets, port = home / ".ssh", free_port()
    secrets.mkdir(mode=0o700, parents=True)
    own.write_private_key(secrets / "id_ed25519")
    own.write_public_key(secrets / "authorized_keys")
    (secrets / "known_hosts").write_text(f"[127.0.0.1]:* {host.export_public_key().decode()}")
    host.write_private_key(home / "host_key")
    told = [str(port), str(folder), str(home / "host_key"), str(secrets / "authorized_keys")]
    with _running([sys.executable, "-m", "tests.sftp_server", *told], port):
        yield port


@contextmanager
def _running(line: Sequence[str], port: int, **variables: str) -> Iterator[None]:
    """Run a server for as long as the block lasts, which begins when it answers."""
    with subprocess.Popen(
        line, env=os.environ | variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        try:
            with (
                suppress(httpx.RemoteProtocolError),  # it speaks, if not HTTP
                httpx.Client(transport=httpx.HTTPTransport(retries=12), trust_env=False) as waiting,
            ):
                waiting.get(f"http://127.0.0.1:{port}/")
            yield
        finally:
            child.kill()


@contextmanager
def line_that_breaks(port: int, after: int) -> Iterator[tuple[int, threading.Event]]:
    """Pass on what is said to a server of this machine until that is *after* bytes long, and nothing from then on.

    Give the port to speak to, and what is set when the line has broken.
    """
    door, broken, said = socket.create_server(("127.0.0.1", 0)), threading.Event(), [0]

    def pass_on(source: socket.socket, target: socket.socket, counted: bool) -> None:
        with suppress(OSError), source, target:
            while not broken.is_set() and (chunk := source.recv(16_384)):
                said[0] += len(chunk) if counted else 0
                if said[0] > after:
                    broken.set()
                    for end in (source, target):
                        end.shutdown(socket.SHUT_RDWR)  # the other direction waits for it
                    return
                target.sendall(chunk)

    def let_in() -> None:
        with suppress(OSError):
            while not broken.is_set():
                caller, _ = door.accept()
                server = socket.create_connection(("127.0.0.1", port))
                for ends in ((caller, server, True), (server, caller, False)):
                    threading.Thread(target=pass_on, args=ends, daemon=True).start()

    threading.Thread(target=let_in, daemon=True).start()
    try:
        yield int(door.getsockname()[1]), broken
    finally:
        broken.set()
        door.close()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])

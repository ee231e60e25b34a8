"""Servers that stand for a cloud's storage, each started for the tests that want it and ended after them."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

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
def _running(line: Sequence[str], port: int, **variables: str) -> Iterator[None]:
    """Run a server for as long as the block lasts, which begins when it answers."""
    with subprocess.Popen(
        line, env=os.environ | variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        try:
            with httpx.Client(transport=httpx.HTTPTransport(retries=12), trust_env=False) as waiting:
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

"""Reading metadata over REST, and starting the server, beside a bare FastAPI application.

    uv run python benchmarks/rest.py [--reads 3000] [--starts 5]

One dataset of a Limbeck home is read by its id over `limbeck serve`, with a token, as every client does; beside it a
FastAPI application of a single route, which checks nothing and reads that dataset's row from the same SQLite file. Both
run under the same uvicorn settings, and one client asks them in turn over an open connection, so that whatever else the
machine does hits both. Printed are ratios of the median and of what 99 of 100 reads take at most.

Then both are started *starts* times in turn, Limbeck on an empty home, until they answer their first request.
"""

from __future__ import annotations

import argparse
import http.client
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from limbeck.client.config import Config

BARE = """
import sqlite3, sys, threading
import uvicorn
from fastapi import FastAPI

app = FastAPI()
local = threading.local()

@app.get("/datasets/{dataset_id}")
def read(dataset_id: str) -> dict[str, object]:
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(sys.argv[1])
        local.connection.row_factory = sqlite3.Row
    return dict(local.connection.execute("SELECT * FROM datasets WHERE id = ?", [dataset_id]).fetchone())

@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_config=None, access_log=False, lifespan="off")
"""

SCHEMA = {
    "title": "customers",
    "type": "object",
    "allOf": [
        {"$ref": "https://ns.adobe.com/xdm/context/profile"},
        {"$ref": "https://ns.adobe.com/xdm/context/profile-person-details"},
    ],
}


@contextmanager
def running(*line: str) -> Iterator[None]:
    """Run a process while the block lasts."""
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            yield
        finally:
            child.send_signal(signal.SIGINT)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def wait(url: str) -> None:
    """Return when *url* answers."""
    parts = urlsplit(url)
    while True:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        try:
            connection.request("GET", parts.path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.002)
        finally:
            connection.close()


def limbeck(home: Path, port: int) -> list[str]:
    """The command line of a server without the wire."""
    options = ["--home", str(home), "--http", f"127.0.0.1:{port}", "--pg", "off"]
    return [sys.executable, "-m", "limbeck", "serve", *options]


def bare(home: Path, port: int) -> list[str]:
    """The command line of the bare application."""
    return [sys.executable, "-c", BARE, str(home / "limbeck.db"), str(port)]


def headers(home: Path, url: str) -> dict[str, str]:
    """What a client sends with every call."""
    config = Config.read(home / "config.ini")
    form = {"grant_type": "client_credentials", "client_id": config.client_id, "client_secret": config.client_secret}
    token = httpx.post(f"{url}/ims/token/v3", data=form).json()["access_token"]
    who = {"x-api-key": config.client_id, "x-gw-ims-org-id": config.org_id, "x-sandbox-name": config.sandbox}
    return {"Authorization": f"Bearer {token}", **who}


def seconds(connection: http.client.HTTPConnection, path: str, sent: dict[str, str]) -> float:
    """How long one read takes."""
    began = time.perf_counter()
    connection.request("GET", path, headers=sent)
    answer = connection.getresponse()
    answer.read()
    taken = time.perf_counter() - began
    assert answer.status == 200, answer.status
    return taken


def reads(folder: Path, count: int) -> None:
    """Print how much longer a read of Limbeck takes than one of the bare application."""
    home, ours, theirs = folder / "reads", free_port(), free_port()
    with running(*limbeck(home, ours)):
        url = f"http://127.0.0.1:{ours}"
        wait(f"{url}/health")
        sent = headers(home, url)
        with httpx.Client(base_url=url, headers=sent) as client:
            schema = client.post("/data/foundation/schemaregistry/tenant/schemas", json=SCHEMA).json()["$id"]
            body = {"name": "customers", "schemaRef": {"id": schema}}
            dataset = client.post("/data/foundation/catalog/dataSets", json=body).json()[0].rpartition("/")[2]
        with running(*bare(home, theirs)):
            wait(f"http://127.0.0.1:{theirs}/health")
            a, b = (http.client.HTTPConnection("127.0.0.1", port) for port in (ours, theirs))
            pairs = [
                (
                    seconds(a, f"/data/foundation/catalog/dataSets/{dataset}", sent),
                    seconds(b, f"/datasets/{dataset}", {}),
                )
                for _ in range(count + 200)
            ][200:]
    first, second = (sorted(taken) for taken in zip(*pairs, strict=True))
    for name, at in (("median", count // 2), ("p99", count * 99 // 100)):
        print(f"a dataset by its id, {name:6} {first[at] / second[at]:5.2f} of a bare route")


def starts(folder: Path, count: int) -> None:
    """Print how much longer Limbeck takes from its start to its first answer."""
    taken: dict[str, list[float]] = {"limbeck": [], "bare": []}
    for number in range(count):
        for name in taken:
            port, home = free_port(), folder / f"start-{number}"
            began = time.perf_counter()
            with running(*(limbeck if name == "limbeck" else bare)(home, port)):
                wait(f"http://127.0.0.1:{port}/health")
                taken[name].append(time.perf_counter() - began)
    ratio = statistics.median(taken["limbeck"]) / statistics.median(taken["bare"])
    print(f"from the start on an empty home to the first answer {ratio:5.2f} of a bare application")


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--reads", type=int, default=3000)
    parser.add_argument("--starts", type=int, default=5)
    asked = parser.parse_args()
    os.environ.pop("HTTP_PROXY", None)
    with tempfile.TemporaryDirectory() as folder:
        reads(Path(folder), asked.reads)
        starts(Path(folder), asked.starts)


if __name__ == "__main__":
    main()

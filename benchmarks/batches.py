"""Many small batches over REST, from several threads, by a server that is killed in the middle.

    python benchmarks/batches.py [--batches 1000] [--threads 8] [--rows 20]

Each thread opens batches, uploads a file to each and completes it, twice. When half are acknowledged, the server is
killed (SIGKILL) and started again on the same home; the threads go on where they were. In the end every acknowledged
batch must be there once and whole. Printed are the batches a second that were published, by tenths: what takes longer
the more there are would show. The exit status is 1 if a row is missing or there twice.
"""

from __future__ import annotations

import argparse
import json
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

import limbeck
from limbeck.client import Client
from limbeck.client.config import Config
from limbeck.client.model import Dataset

CATALOG, IMPORT = "/data/foundation/catalog", "/data/foundation/import"
PROFILE = "https://ns.adobe.com/xdm/context/profile"


class Server:
    """`limbeck serve` on one home and one port, which may be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            self.port = int(bound.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and return when it answers."""
        options = ["--home", str(self.home), "--http", f"127.0.0.1:{self.port}", "--pg", "off"]
        self.child = subprocess.Popen(
            [sys.executable, "-m", "limbeck", "serve", *options], stdout=subprocess.PIPE, text=True
        )
        assert self.child.stdout is not None
        assert self.child.stdout.readline(), "the server did not start"

    def kill(self) -> None:
        """Kill it without a warning."""
        self.child.kill()
        self.child.wait()

    def stop(self) -> None:
        """End it in order."""
        self.child.terminate()
        self.child.wait()

    def headers(self) -> dict[str, str]:
        """What a client sends with every call."""
        config = Config.read(self.home / "config.ini")
        form = {
            "grant_type": "client_credentials",
            "client_id": config.client_id,
            "client_secret": config.client_secret,
        }
        token = httpx.post(f"{self.url}/ims/token/v3", data=form).json()["access_token"]
        who = {"x-api-key": config.client_id, "x-gw-ims-org-id": config.org_id, "x-sandbox-name": config.sandbox}
        return {"Authorization": f"Bearer {token}", **who}


class Load:
    """Threads that send batches, and what was acknowledged."""

    def __init__(self, server: Server, dataset: str, rows: int, kill_after: int) -> None:
        self._server, self._dataset, self._rows = server, dataset, rows
        self._kill_after = kill_after
        self._headers = server.headers()
        self._lock = threading.Lock()
        self._up = threading.Event()
        self._up.set()
        self.acknowledged: list[str] = []
        """The tags of batches whose completion was answered."""
        self.before_kill = 0

    def send(self, tags: list[str]) -> None:
        """Send a batch for each tag: its rows carry it as their person."""
        with httpx.Client(base_url=self._server.url, headers=self._headers, timeout=120) as client:
            for tag in tags:
                body = {"datasetId": self._dataset, "inputFormat": {"format": "json"}}
                batch = self._sent(client, "POST", f"{IMPORT}/batches", json=body).json()["id"]
                rows = [{"_id": f"{tag}-{n}", "personID": tag} for n in range(self._rows)]
                path = f"{IMPORT}/batches/{batch}/datasets/{self._dataset}/files/{tag}"
                self._sent(client, "PUT", path, content=json.dumps(rows))
                for _ in range(2):
                    self._sent(client, "POST", f"{IMPORT}/batches/{batch}?action=COMPLETE")
                self._acknowledge(tag)

    def _sent(self, client: httpx.Client, method: str, path: str, **how: Any) -> httpx.Response:
        """Send a request again and again until it is answered."""
        while True:
            self._up.wait()
            try:
                answer = client.request(method, path, **how)
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
            return answer

    def _acknowledge(self, tag: str) -> None:
        with self._lock:
            self.acknowledged.append(tag)
            if len(self.acknowledged) != self._kill_after:
                return
        self._up.clear()
        self._server.kill()
        self.before_kill = len(self.acknowledged)
        self._server.start()
        self._up.set()


def settle(client: Client, dataset: Dataset) -> None:
    """Return when no batch is on its way any more."""
    while any(client.batches(dataset, status) for status in ("loaded", "staging")):
        time.sleep(0.1)


def tenths(home: Path) -> Iterator[float]:
    """Yield how many batches were published a second, for each tenth of them."""
    with closing(sqlite3.connect(home / "limbeck.db")) as store:
        query = "SELECT completed FROM batches WHERE status = 'success' ORDER BY completed"
        moments = [moment for (moment,) in store.execute(query)]
    size = max(len(moments) // 10, 1)
    for first in range(0, len(moments) - size, size):
        yield size * 1000 / max(moments[first + size] - moments[first], 1)


def main(count: int, threads: int, rows: int) -> int:
    """Send the batches, and tell how many rows are not as they should be."""
    tags = [f"b{n:06d}" for n in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "home")
        server.start()
        try:
            with limbeck.connect(config=server.home / "config.ini") as client:
                schema = client.create_schema("load", PROFILE, [])
                dataset = client.create_dataset("load", schema)
                load = Load(server, dataset.id, rows, count // 2)
                began = time.perf_counter()
                with ThreadPoolExecutor(threads) as pool:
                    list(pool.map(load.send, [tags[n::threads] for n in range(threads)]))
                sent = time.perf_counter() - began
                settle(client, dataset)
                took = time.perf_counter() - began
                found = client.sql(f"SELECT personID, count(*), count(DISTINCT _id) FROM {dataset.table} GROUP BY 1")
                held = {tag: tuple(counts) for tag, *counts in zip(*found.table().to_pydict().values(), strict=True)}
            rates = [f"{rate:.1f}" for rate in tenths(server.home)]
        finally:
            server.stop()
    wrong = [tag for tag in load.acknowledged if held.get(tag) != (rows, rows)]
    half = [tag for tag, found_ in held.items() if found_ != (rows, rows)]
    print(f"{len(load.acknowledged)} batches acknowledged in {sent:.1f} s, {load.before_kill} before the kill")
    print(f"{count / took:.1f} batches a second until all were published; by tenths {' '.join(rates)}")
    print(f"{len(wrong)} acknowledged batches are not there once and whole; {len(half)} are there in part or twice")
    return 1 if wrong or half or len(load.acknowledged) != count else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batches", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--rows", type=int, default=20)
    sys.exit(main(*vars(parser.parse_args()).values()))

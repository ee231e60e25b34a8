"""`limbeck connect`: where a connection leads, and how to mend one that leads nowhere."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from limbeck.housekeeping import clean
from limbeck.version import VERSION
from tests.platforms import ORG, served
from tests.shop_definition import limbeck, tables, write

TOLD = {"kind", "where", "organisation", "tenant", "sandbox", "versions", "datasets"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the two datasets of the shop, and something to clean."""
    folder = tmp_path_factory.mktemp("shop")
    found = folder / "home"
    made = limbeck("credentials", "create", "--org", ORG, "--home", found)
    assert made.returncode == 0, made.stderr
    done = limbeck("generate", write(folder), "--home", found)
    assert done.returncode == 0, done.stderr
    (found / "workflow" / "shop" / ".train-0123456789ab.x.part").write_text("x" * 100)
    return found


def shown(*arguments: str | Path) -> Any:
    ended = limbeck("connect", *arguments, "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


def size(folder: Path, pattern: str = "*") -> int:
    return sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file())


def test_an_embedded_home(home: Path) -> None:
    found = shown("--home", home)
    assert set(found) == {*TOLD, "sizes", "clean"}
    assert (found["kind"], found["where"]) == ("embedded", str(home))
    assert (found["organisation"], found["tenant"]) == (ORG, "acme")
    assert found["sandbox"] == {"name": "prod", "type": "development"}
    assert (found["versions"]["limbeck"], found["versions"]["server"]) == (VERSION, VERSION)
    assert {d["table"]: d["rows"] for d in found["datasets"]} == tables(home)
    for dataset in found["datasets"]:
        assert dataset["bytes"] == size(home / "lake" / dataset["id"], "*.parquet") > 0
    assert found["sizes"]["lake"] == size(home / "lake")
    assert found["sizes"]["workflow"] == size(home / "workflow")
    assert found["sizes"]["models"] == 0 < found["sizes"]["metadata store"]
    assert found["clean"] == clean(home, dry_run=True).bytes == 100


def test_for_people(home: Path) -> None:
    ended = limbeck("connect", "--home", home)
    lines = [" ".join(line.split()) for line in ended.stdout.splitlines()]
    assert lines[:3] == [
        f"connected: embedded, home {home}",
        f"organisation {ORG}, tenant _acme",
        "sandbox prod (development)",
    ]
    assert "rows size table dataset" in lines
    assert any(line.startswith("300 ") and line.endswith("shop_people shop people") for line in lines)
    assert lines[-1] == "limbeck clean would free 100 B"


def test_an_empty_home(tmp_path: Path) -> None:
    found = shown("--home", tmp_path / "home")
    assert (found["datasets"], found["clean"]) == ([], 0)
    assert "no datasets" in limbeck("connect", "--home", tmp_path / "home").stdout


@pytest.fixture(scope="module")
def config(home: Path) -> Iterator[str]:
    """A configuration that leads to a server of that home."""
    with served(home):
        yield (home / "tester.ini").read_text()


def test_a_server_says_the_same_but_for_its_disk(home: Path, config: str, tmp_path: Path) -> None:
    (tmp_path / "config.ini").write_text(config)
    found = shown("--config", tmp_path / "config.ini")
    assert set(found) == TOLD
    assert (found["kind"], f"endpoint = {found['where']}\n" in config) == ("limbeck", True)
    assert found["datasets"] == shown("--home", home)["datasets"]
    text = limbeck("connect", "--config", tmp_path / "config.ini").stdout
    assert text.startswith(f"connected: Limbeck server {found['where']}\norganisation {ORG}, tenant _acme\n")


def refused(tmp_path: Path, config: str, *arguments: str) -> tuple[int, str]:
    path = tmp_path / "config.ini"
    path.write_text(config)
    ended = limbeck("connect", "--config", path, *arguments)
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    return ended.returncode, line.removeprefix("error: ")


def test_a_wrong_secret(config: str, tmp_path: Path) -> None:
    code, told = refused(tmp_path, config.replace("client_secret = s3cret", "client_secret = guess"))
    assert code == 3
    assert "/ims/token/v3 gave no token: " in told
    assert told.endswith("; check client_id and client_secret in the file of --config")


def test_a_sandbox_that_is_not_there(home: Path, config: str, tmp_path: Path) -> None:
    wrong = config.replace("sandbox_name = prod", "sandbox_name = porcelain")
    code, told = refused(tmp_path, wrong)
    place = f"sandbox_name in {tmp_path / 'config.ini'}"
    assert (code, told) == (
        2,
        f"organisation {ORG} has no sandbox 'porcelain', but prod; name one of them as {place}",
    )
    ended = limbeck("connect", "--home", home, "--sandbox", "porcelain")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.endswith("has no sandbox 'porcelain', but prod; name one of them as --sandbox\n")


def test_an_address_where_nobody_is(config: str, tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        code, told = refused(tmp_path, led_to(config, bound.getsockname()[1]))
    assert code == 2
    assert told.startswith(f"the platform cannot be reached: http://127.0.0.1:{bound_port(told)}: ")
    assert told.endswith("; check the endpoint of --config")


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (200, b'{"hello": 1}'), (404, b"")])
def test_an_address_where_something_else_is(config: str, tmp_path: Path, status: int, body: bytes) -> None:
    with stranger(status, body) as port:
        code, told = refused(tmp_path, led_to(config, port))
    assert code == 2
    assert told.endswith("; correct the endpoint in the file of --config")


def led_to(config: str, port: int) -> str:
    before, key, _ = config.partition("endpoint = ")
    return f"{before}{key}http://127.0.0.1:{port}\n"


def bound_port(told: str) -> str:
    return told.partition("http://127.0.0.1:")[2].partition(":")[0]


@contextmanager
def stranger(status: int, body: bytes) -> Iterator[int]:
    """A server that is no platform."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        (tmp_path / "home").write_text("a file, not a folder")
    else:
        (tmp_path / "home").mkdir(mode=0o500)
    ended = limbeck("connect", "--home", tmp_path / "home")
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (1, "", 1)
    assert ended.stderr.endswith("choose another with --home\n")

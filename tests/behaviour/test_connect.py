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

import httpx
import pytest

from limbeck.housekeeping import clean
from limbeck.version import VERSION
from tests.commands import limbeck
from tests.platforms import ORG, served
from tests.shop_definition import tables, write

STEPS = ["file", "keys", "host", "token", "sandbox", "tenant", "SQL wire", "landing zone"]
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
    assert set(found) == {*TOLD, "steps"}
    assert [step["name"] for step in found["steps"]] == STEPS
    assert {step["state"] for step in found["steps"] if step["name"] != "SQL wire"} == {"ok"}
    (wire,) = (step for step in found["steps"] if step["name"] == "SQL wire")
    assert (wire["state"], "limbeck serve --pg HOST:PORT serves it" in wire["told"]) == ("skipped", True)
    assert (found["kind"], f"endpoint = {found['where']}\n" in config) == ("limbeck", True)
    assert found["datasets"] == shown("--home", home)["datasets"]
    text = limbeck("connect", "--config", tmp_path / "config.ini").stdout
    assert text.startswith(f"connected: Limbeck server {found['where']}\norganisation {ORG}, tenant _acme\n")


def refused(tmp_path: Path, config: str, step: str) -> tuple[int, str]:
    """Try a configuration that fails at a step; return the exit status and the error."""
    path = tmp_path / "config.ini"
    path.write_text(config)
    ended = limbeck("connect", "--config", path)
    assert ended.stdout == ""
    assert "s3cret" not in ended.stderr
    *gone, line = ended.stderr.splitlines()
    assert line.startswith("error: ")
    steps = [(told[:8].strip(), told[8:21].strip()) for told in gone]
    assert steps == [*(("ok", name) for name in STEPS[: STEPS.index(step)]), ("failed", step)]
    assert gone[-1].endswith(line.removeprefix("error: "))
    return ended.returncode, line.removeprefix("error: ")


def test_a_file_that_is_none_and_keys_that_are_missing(config: str, tmp_path: Path) -> None:
    code, told = refused(tmp_path, config.replace("client_secret = s3", "s3"), "file")
    assert (code, told.endswith("cannot be read: line 4 is neither a [section] nor a new KEY = VALUE of one")) == (
        2,
        True,
    )
    code, told = refused(tmp_path, config.replace("client_id", "id").replace("client_secret", "password"), "keys")
    assert (code, told.endswith("lacks 'client_id', 'client_secret' in its section [Platform]")) == (2, True)
    ended = limbeck("connect", "--config", tmp_path / "nothing.ini", "--json")
    error = json.loads(ended.stderr)["error"]
    assert (ended.returncode, [step["state"] for step in error["details"]["steps"]]) == (2, ["failed"])


def test_a_wrong_secret(config: str, tmp_path: Path) -> None:
    code, told = refused(tmp_path, config.replace("client_secret = s3cret", "client_secret = guess"), "token")
    assert code == 3
    assert "/ims/token/v3 gave no token: " in told
    assert told.endswith("; check client_id and client_secret in the file of --config")


def test_a_sandbox_that_is_not_there(home: Path, config: str, tmp_path: Path) -> None:
    wrong = config.replace("sandbox_name = prod", "sandbox_name = porcelain")
    code, told = refused(tmp_path, wrong, "sandbox")
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
        code, told = refused(tmp_path, led_to(config, bound.getsockname()[1]), "host")
    assert code == 2
    assert told.startswith(f"the platform cannot be reached: http://127.0.0.1:{bound_port(told)}: ")
    assert told.endswith("; check the endpoint of --config")


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (200, b'{"hello": 1}'), (404, b"")])
def test_an_address_where_something_else_is(config: str, tmp_path: Path, status: int, body: bytes) -> None:
    with stranger(status, body) as port:
        code, told = refused(tmp_path, led_to(config, port), "token")
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

    with running(Handler) as port:
        yield port


@contextmanager
def running(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_wire_and_a_landing_zone_that_cannot_be_reached(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with served(home, pg="127.0.0.1:0"):
        good = (home / "tester.ini").read_text()
        (tmp_path / "config.ini").write_text(good)
        found = shown("--config", tmp_path / "config.ini")
        assert [step["state"] for step in found["steps"]] == ["ok"] * len(STEPS)
        with changed(good, wire_port=1, signature="sig=abc%2Bd") as config:
            (tmp_path / "config.ini").write_text(config)
            ended = limbeck("connect", "--config", tmp_path / "config.ini")
    assert (ended.returncode, ended.stdout) == (1, "")
    *_, wire, zone, error = ended.stderr.splitlines()
    assert (wire[:17], zone[:20]) == ("failed  SQL wire ", "failed  landing zone")
    assert "check that this machine reaches 127.0.0.1:1" in wire
    assert error.endswith(wire[21:])
    assert "abc%2Bd" not in ended.stderr


@contextmanager
def changed(config: str, wire_port: int, signature: str) -> Iterator[str]:
    """A gateway before the server, which names another port for the wire and leads the landing zone to nobody."""
    (endpoint,) = (line.rpartition(" ")[2] for line in config.splitlines() if line.startswith("endpoint = "))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = httpx.request(self.command, endpoint + self.path, headers=headers, content=body)
            told = answer.json()
            if "connection_parameters" in self.path:
                told |= {"port": wire_port}
            if "landingzone" in self.path:
                told |= {"SASUri": f"http://127.0.0.1:1/account/container?sv=1&{signature}"}
            self.send_response(answer.status_code)
            sent = json.dumps(told).encode()
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with running(Handler) as port:
        yield led_to(config, port)


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        (tmp_path / "home").write_text("a file, not a folder")
    else:
        (tmp_path / "home").mkdir(mode=0o500)
    ended = limbeck("connect", "--home", tmp_path / "home")
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (1, "", 1)
    assert ended.stderr.endswith("choose another with --home\n")

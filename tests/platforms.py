"""Reaching a platform in the two ways users do: embedded in the process, and through `limbeck serve`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import limbeck
from limbeck.client import Client

ORG = "acme@AdobeOrg"


def command(*arguments: str | Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, and return what it printed."""
    line = [sys.executable, "-m", "limbeck", *map(str, arguments)]
    return subprocess.run(line, env=os.environ | dict(env or {}), capture_output=True, text=True, check=False)


@contextmanager
def server(home: Path, env: Mapping[str, str] | None = None, pg: str = "off") -> Iterator[str]:
    """Run `limbeck serve` on a free port while the block lasts; give its address."""
    with serving(home, "--pg", pg, env=env) as (url,):
        yield url


@contextmanager
def serving(home: Path, *options: str, env: Mapping[str, str] | None = None, lines: int = 1) -> Iterator[list[str]]:
    """Run `limbeck serve` with *options* while the block lasts; give the addresses that its first lines end in."""
    line = [sys.executable, "-m", "limbeck", "serve", "--home", str(home), "--http", "127.0.0.1:0", *options]
    with subprocess.Popen(line, env=os.environ | dict(env or {}), stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            yield [child.stdout.readline().split()[-1] for _ in range(lines)]
        finally:
            child.send_signal(signal.SIGINT)


@contextmanager
def embedded(home: Path) -> Iterator[Client]:
    """A client of the platform in this process."""
    with limbeck.connect(home) as client:
        yield client


@contextmanager
def served(home: Path, pg: str = "off") -> Iterator[Client]:
    """A client of a server in another process, logged in with a credential made on the command line."""
    who = ("--id", "tester", "--secret", "s3cret", "--org", ORG, "--sandbox", "prod")
    made = command("credentials", "create", "--home", home, *who, "--endpoint", "http://here")
    assert made.returncode == 0, made.stderr
    with server(home, pg=pg) as url:
        config = home / "tester.ini"
        config.write_text(made.stdout.replace("http://here", url))
        with limbeck.connect(config=config) as client:
            yield client


@contextmanager
def as_aep(home: Path) -> Iterator[Client]:
    """A client that takes a server for AEP: its SQL goes over the PostgreSQL wire."""
    with served(home, pg="127.0.0.1:0") as client:
        yield Client(client._transport, client.sandbox, is_limbeck=False)

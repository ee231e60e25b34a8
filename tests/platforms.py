"""Reaching a platform in the two ways users do: embedded in the process, and through `limbeck serve`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from limbeck.client import Client
from limbeck.connect import connect
from tests.commands import limbeck, started

ORG = "acme@AdobeOrg"


@contextmanager
def server(home: Path, env: Mapping[str, str] | None = None, pg: str = "off") -> Iterator[str]:
    """Run `limbeck serve` on a free port while the block lasts; give its address."""
    with serving(home, "--pg", pg, env=env) as (url,):
        yield url


@contextmanager
def serving(home: Path, *options: str, env: Mapping[str, str] | None = None, lines: int = 1) -> Iterator[list[str]]:
    """Run `limbeck serve` with *options* while the block lasts; give the addresses that its first lines end in."""
    with started("serve", "--home", home, "--http", "127.0.0.1:0", *options, env=env, heard="stdout") as running:
        try:
            yield [running.until().split()[-1] for _ in range(lines)]
        finally:
            running.interrupt()


@contextmanager
def embedded(home: Path) -> Iterator[Client]:
    """A client of the platform in this process."""
    with connect(home) as client:
        yield client


@contextmanager
def served(home: Path, pg: str = "off") -> Iterator[Client]:
    """A client of a server in another process, logged in with a credential made on the command line."""
    who = ("--id", "tester", "--secret", "s3cret", "--org", ORG, "--sandbox", "prod")
    made = limbeck("credentials", "create", "--home", home, *who, "--endpoint", "http://here")
    assert made.returncode == 0, made.stderr
    with server(home, pg=pg) as url:
        config = home / "tester.ini"
        config.write_text(made.stdout.replace("http://here", url))
        with connect(config=config) as client:
            yield client


@contextmanager
def as_aep(home: Path) -> Iterator[Client]:
    """A client that takes a server for AEP: its SQL goes over the PostgreSQL wire."""
    with served(home, pg="127.0.0.1:0") as client:
        yield Client(client._transport, client.sandbox, is_limbeck=False)

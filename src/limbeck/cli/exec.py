"""`limbeck exec`: a program that was written for AEP runs against the platform, by its environment only."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from limbeck.cli import output
from limbeck.client.config import AEP, IMS
from limbeck.errors import InvalidInput, NotServedHere, Unauthenticated

if TYPE_CHECKING:
    from limbeck.client.config import Config
    from limbeck.platform import Platform
    from limbeck.proxy import Unserved

SHOWN = 20
"""Requests that are not served, of which the end tells."""


def run(home: Path | None, sandbox: str | None, command: Sequence[str]) -> int:
    """Run *command*, and return its exit status.

    Raise `NotServedHere` if it ended well, but has asked for something that is not served.
    """
    from limbeck.platform import Platform
    from limbeck.settings import Settings

    with Platform(Settings.load(home)) as platform, ExitStack() as stack:
        unserved, variables = stack.enter_context(_served(platform, sandbox))
        status = _run(command, {**os.environ, **variables})
        _tell(unserved, status)
    return status


@contextmanager
def _served(platform: Platform, sandbox: str | None) -> Iterator[tuple[Unserved, Mapping[str, str]]]:
    """Serve a platform on free ports; give what was asked in vain, and the variables that lead programs here."""
    from limbeck.api.app import create_app
    from limbeck.api.server import ThreadServer, listen, url_of
    from limbeck.pgwire import PgServer
    from limbeck.proxy import Authority, ProxyServer, trust, way

    with ExitStack() as stack:
        wire = listen("127.0.0.1", 0, "--pg")
        pg = PgServer(platform, wire)
        pg.start()
        stack.callback(pg.stop)
        address = ("127.0.0.1", int(wire.getsockname()[1]))
        bound = listen("127.0.0.1", 0)
        url = url_of(bound)
        stack.callback(ThreadServer(platform, bound, address, url).stop)
        authority = Authority(platform.settings.home / "proxy")
        door = listen("127.0.0.1", 0, "--proxy")
        proxy = ProxyServer(create_app(platform, address, url), door, authority, os.environ)
        proxy.start()
        stack.callback(proxy.stop)
        folder = platform.settings.home / "exec"
        config = _configuration(platform, folder, url, sandbox)
        own = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="limbeck-exec-")))
        _write(own / "config.ini", config.text())
        signed = platform.access.account_key().connection_string(url)
        named = {
            "AZURE_STORAGE_CONNECTION_STRING": signed,
            "LIMBECK_CONFIG": str(own / "config.ini"),
            "ADOBE_HOME": os.environ.get("ADOBE_HOME") or str(folder),
        }
        led = way(url_of(door), os.environ) | trust(authority.text(), os.environ, own)
        yield proxy.unserved, {**led, **named}


def _configuration(platform: Platform, folder: Path, url: str, sandbox: str | None) -> Config:
    """Return a configuration with the home's credential for programs, which *folder* keeps in the forms they read.

    What programs have written into their configuration stays, as long as its credential is good.
    """
    from limbeck.client.config import Config

    org = platform.access.ensure_organisation()
    where = platform.access.sandbox(org, sandbox or "prod").name
    kept = folder / "conf" / "config.ini"
    try:
        found = Config.read(kept)
        platform.access.token(found.client_id, found.client_secret)
        return replace(found, endpoint=url, ims=url, sandbox=where)
    except (InvalidInput, Unauthenticated):
        made = platform.access.create_credential(org, sandbox=where)
        config = Config(url, url, org, made.client_id, made.client_secret, where)
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(kept, replace(config, endpoint=AEP, ims=IMS).text())
    _write(folder / "config.json", config.json())
    return config


def _run(command: Sequence[str], environ: Mapping[str, str]) -> int:
    try:
        child = subprocess.Popen(command, env=environ)
    except OSError as error:
        raise InvalidInput(f"{command[0]} cannot be run: {error.strerror}") from error

    def pass_on(number: int, _: FrameType | None) -> None:
        child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGHUP)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells the child itself
    try:
        status = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status if status >= 0 else 128 - status


def _tell(unserved: Unserved, status: int) -> None:
    found = unserved.all()
    if not found:
        return
    lines = [
        f"  {method} https://{host}{path}" + (f" ({count} times)" if count > 1 else "")
        for method, host, path, count in found
    ]
    rest = [f"  and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    told = "\n".join(["the program asked for what Limbeck does not serve:", *lines[:SHOWN], *rest])
    if status == 0:
        raise NotServedHere(told)
    output.current().note(told)


def _write(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)

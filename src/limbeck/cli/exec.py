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

from limbeck.cli import credential, output
from limbeck.errors import InvalidInput, NotServedHere

if TYPE_CHECKING:
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

    folder, config = credential.given(platform, sandbox)
    programs = credential.folder_of_programs(os.environ, folder, sandbox)
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
        own = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="limbeck-exec-")))
        credential.write(own / "config.ini", replace(config, endpoint=url, ims=url).text())
        signed = platform.access.account_key().connection_string(url)
        named = {
            "AZURE_STORAGE_CONNECTION_STRING": signed,
            "LIMBECK_CONFIG": str(own / "config.ini"),
            "ADOBE_HOME": programs,
        }
        led = way(url_of(door), os.environ) | trust(authority.text(), os.environ, own)
        yield proxy.unserved, {**led, **named}


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
    lines = [f"  {method} {url}" + (f" ({count} times)" if count > 1 else "") for method, url, count in found]
    rest = [f"  and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    told = "\n".join(["the program asked for what Limbeck does not serve:", *lines[:SHOWN], *rest])
    if status == 0:
        raise NotServedHere(told)
    output.current().note(told)

"""Running the application: in a thread on a private socket, or in the foreground on a port."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import uvicorn

from limbeck.api.app import create_app
from limbeck.api.limits import HEAD_BYTES, JsonProtocol
from limbeck.errors import InvalidInput
from limbeck.platform import Platform

_PREFIX, _SOCKET = "limbeck-", "http.sock"
_STARTING_S = 60
"""A socket as young as that may be of a server that does not listen yet."""

GRACE_S = 10.0
"""How long what is in hand may take when the server is to end."""


class _Server(uvicorn.Server):
    """Uvicorn, which ends as soon as nothing is in hand: by itself it looks ten times a second for a reason to end, and
    again for the end of each connection.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def end(self) -> None:
        """Answer what is in hand, and end; may be called from any thread."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        """Go on until there is a reason to end."""
        self._loop = asyncio.get_running_loop()
        ticks = itertools.count()
        while not await self.on_tick(next(ticks)):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nobody in, answer what is in hand, and close all."""
        state = self.server_state
        for server in self.servers:
            server.close()
        for bound in sockets or []:
            bound.close()
        for connection in list(state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                while (state.connections or state.tasks) and not self.force_exit:
                    await asyncio.sleep(0.005)
                for server in self.servers:
                    await server.wait_closed()
        for task in state.tasks:
            task.cancel(f"not done {GRACE_S:g} seconds after the server was to end")


def _config(platform: Platform, pg: tuple[str, int] | None = None, http: str | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(platform, pg, http),
        http=JsonProtocol,
        h11_max_incomplete_event_size=HEAD_BYTES,
        log_config=None,
        access_log=False,
        lifespan="off",
    )


class ThreadServer:
    """The server in a thread of this process, on a socket that listens; *http* is the URL by which others reach it."""

    def __init__(
        self,
        platform: Platform,
        bound: socket.socket,
        pg: tuple[str, int] | None = None,
        http: str | None = None,
    ) -> None:
        self._bound = bound
        self._server = _Server(_config(platform, pg, http))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [bound]}, name="limbeck-http", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Answer what is in hand, then close the socket."""
        self._server.end()
        self._thread.join()
        self._bound.close()


class EmbeddedServer(ThreadServer):
    """The server in this process, on a socket that only this user can reach."""

    def __init__(self, platform: Platform) -> None:
        _sweep()
        self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        super().__init__(platform, self._bind())

    def _bind(self) -> socket.socket:
        if hasattr(socket, "AF_UNIX"):
            self.path: Path | None = self._folder / _SOCKET
            self.url = "http://limbeck"
            bound = socket.socket(socket.AF_UNIX)
            bound.bind(str(self.path))
        else:  # a system without Unix sockets
            self.path = None
            bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            bound.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        bound.listen(128)
        return bound

    def stop(self) -> None:
        """Answer what is in hand, then close and remove the socket."""
        super().stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _sweep() -> None:
    """Remove sockets of processes that were killed: nobody listens there any more."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_SOCKET}"):
        with suppress(OSError), socket.socket(socket.AF_UNIX) as tried:
            if time.time() - path.stat().st_mtime < _STARTING_S:
                continue
            tried.setblocking(False)
            if tried.connect_ex(str(path)) == errno.ECONNREFUSED:
                shutil.rmtree(path.parent, ignore_errors=True)


def listen(host: str, port: int, option: str = "--http") -> socket.socket:
    """Return a socket that listens on a TCP port (0: a free one); raise `InvalidInput` if it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sends at once if it is told TCP
    if os.name != "nt":
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise InvalidInput(f"cannot listen on {host}:{port}: {error.strerror}; choose another {option}") from error
    bound.listen(1024)
    return bound


def url_of(bound: socket.socket) -> str:
    """Return the address under which a listening socket is reached."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(platform: Platform, bound: socket.socket, pg: tuple[str, int] | None = None) -> None:
    """Serve *platform* on a listening socket until SIGINT or SIGTERM; *pg* is where its PostgreSQL wire is served."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)  # uvicorn ends in order, and then raises again what it was told to end by
    with suppress(KeyboardInterrupt):
        _Server(_config(platform, pg, url_of(bound))).run(sockets=[bound])

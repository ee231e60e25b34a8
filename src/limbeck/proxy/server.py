"""An HTTP proxy that answers for Adobe's hosts itself and passes everything else on (REST contract, section 2.2).

`CONNECT platform.adobe.io:443` is led to a TLS end of the application on a private socket; `CONNECT` to any other host,
and plain requests of the form `GET http://host/path`, go where they were meant to go, through the proxy of the
environment if there is one, and nothing of theirs is looked at.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import shutil
import socket
import ssl
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from limbeck.errors import Internal, LimbeckError
from limbeck.proxy import hosts, refusal
from limbeck.proxy.authority import Authority
from limbeck.proxy.front import Front, Unserved
from limbeck.proxy.streams import CHUNK, LINGER_S, Streams, flushed, joined
from limbeck.proxy.upstream import HEAD_BYTES, Upstream

log = logging.getLogger("limbeck.proxy")

HEAD_S = 60.0
"""How long a client may take to say what it wants."""

HOSTS = 256
"""Hosts whose certificates are kept."""

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_HOP = (b"connection", b"proxy-connection", b"proxy-authorization", b"keep-alive")


class ProxyServer:
    """The proxy, in a thread of its own, on a socket that listens.

    It passes requests for hosts that are not Adobe's on only where the socket is on this machine's own address: else
    everybody on the network could go anywhere through it, and to this machine's own ports.
    """

    def __init__(self, app: ASGIApp, bound: socket.socket, authority: Authority, environ: Mapping[str, str]) -> None:
        self.unserved = Unserved()
        self._bound = bound
        self._listens_on = str(bound.getsockname()[0])
        self._upstream = Upstream(environ)
        self._folder = Path(tempfile.mkdtemp(prefix="limbeck-proxy-"))
        self._private = _private_socket(self._folder)
        self._contexts = lru_cache(HOSTS)(authority.context)
        self._app = Front(app, self.unserved)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._busy: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="limbeck-proxy", daemon=True)

    @property
    def passes_on(self) -> bool:
        """Whether requests for other hosts go on to them."""
        return ipaddress.ip_address(self._listens_on).is_loopback

    def start(self) -> None:
        """Begin to listen; raise `Internal` if that cannot be done."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self.stop()
            raise Internal(f"the proxy did not start: {self._failure}") from self._failure

    def stop(self) -> None:
        """Answer what is in hand, then close all connections."""
        if self._thread.ident is not None:
            with suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self._bound.close()
        self._private.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve())
        except BaseException as failure:  # uvicorn raises SystemExit
            self._failure = failure
            log.exception("the proxy ended")
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        end = uvicorn.Server(self._tls_end())
        listening = await asyncio.start_server(self._connected, sock=self._bound, limit=HEAD_BYTES)
        answering = asyncio.create_task(end.serve(sockets=[self._private]))
        stopping = asyncio.create_task(self._stopping.wait())
        self._ready.set()
        await asyncio.wait({answering, stopping}, return_when=asyncio.FIRST_COMPLETED)
        listening.close()
        end.should_exit = True
        await answering
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    def _tls_end(self) -> uvicorn.Config:
        config = uvicorn.Config(
            self._app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=5
        )
        config.load()
        context = self._contexts("platform.adobe.io")
        context.sni_callback = self._named
        config.ssl = context
        return config

    def _named(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        """Show the certificate of the host that the client asks for."""
        if name is not None and hosts.is_adobes(name) and _NAME.fullmatch(name):
            connection.context = self._contexts(name.lower())

    # -- connections -------------------------------------------------------------------------------------------

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        try:
            await self._answer((reader, writer))
            await flushed(writer)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError):
            pass  # one of the two is gone, or the proxy stops
        except Exception:
            log.exception("a connection of the proxy failed")
        finally:
            self._busy.discard(task)
            writer.transport.abort()

    async def _answer(self, client: Streams) -> None:
        try:
            head = await asyncio.wait_for(client[0].readuntil(b"\r\n\r\n"), HEAD_S)
            other = await self._led(client[1], head)
        except LimbeckError as failure:
            await _refuse(client, failure)
        except asyncio.LimitOverrunError:
            await _refuse(client, refusal.no_request(f"the head of a request has {HEAD_BYTES} bytes at most"))
        else:
            await joined(client, other)

    async def _led(self, writer: asyncio.StreamWriter, head: bytes) -> Streams:
        """Return the connection to which a client's request leads, once all is said that comes before the rest."""
        line, _, rest = head.partition(b"\r\n")
        parts = line.decode("latin-1").split(" ")
        if len(parts) != 3:
            raise refusal.no_request("this is no HTTP request")
        method, target, version = parts
        try:
            if method == "CONNECT":
                other = await self._tunnel(target)
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                return other
            return await self._passed_on(method, target, version, rest)
        except ValueError as error:
            raise refusal.no_request(f"{target[:200]} is no address; this is a proxy") from error
        except (OSError, TimeoutError) as error:
            raise refusal.unreachable(target, error) from error

    async def _tunnel(self, target: str) -> Streams:
        host, port = _address(f"//{target}", None)
        if hosts.is_adobes(host):
            return await self._private_end()
        self._require_passing(host)
        return await self._upstream.tunnel(host, port)

    async def _passed_on(self, method: str, target: str, version: str, rest: bytes) -> Streams:
        """Pass a plain request on, the first and only one of its connection."""
        url = urlsplit(target)
        if url.scheme != "http":
            raise ValueError(target)
        host, port = _address(target, 80)
        if hosts.is_adobes(host):
            self.unserved.note(method, host, url.path or "/", "http")
            raise refusal.not_served(method, f"http://{host}{url.path or '/'}")
        self._require_passing(host)
        other, asked, login = await self._upstream.plain(host, port, target)
        first = f"{method} {asked} {version}\r\n".encode("latin-1") + login
        headers = [h for h in rest.split(b"\r\n") if h and h.partition(b":")[0].strip().lower() not in _HOP]
        other[1].write(first + b"\r\n".join([*headers, b"Connection: close", b"", b""]))
        return other

    def _require_passing(self, host: str) -> None:
        if not self.passes_on:
            raise refusal.not_passed_on(host, self._listens_on)

    async def _private_end(self) -> Streams:
        if self._private.family == getattr(socket, "AF_UNIX", None):
            return await asyncio.open_unix_connection(self._private.getsockname())
        return await asyncio.open_connection(*self._private.getsockname()[:2])


async def _refuse(client: Streams, failure: LimbeckError) -> None:
    """Say no, and take what else the client sends, for it would not hear the answer otherwise."""
    reader, writer = client
    body = refusal.body(failure)
    head = f"HTTP/1.1 {failure.status} Refused\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
    await writer.drain()
    writer.write_eof()
    async with asyncio.timeout(LINGER_S):
        while await reader.read(CHUNK):
            pass


def _address(url: str, port: int | None) -> tuple[str, int]:
    """Return host and port; raise `ValueError` for what is none."""
    parts = urlsplit(url)
    found = parts.port or port
    if not parts.hostname or not found or not parts.hostname.isascii():
        raise ValueError(url)
    return parts.hostname.lower(), found


def _private_socket(folder: Path) -> socket.socket:
    if hasattr(socket, "AF_UNIX"):
        bound = socket.socket(socket.AF_UNIX)
        bound.bind(str(folder / "tls.sock"))
    else:  # a system without Unix sockets
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.bind(("127.0.0.1", 0))
    bound.listen(128)
    return bound

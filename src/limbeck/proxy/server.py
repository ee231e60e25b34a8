"""An HTTP proxy that answers for Adobe's hosts itself and passes everything else on (REST contract, section 2.2).

`CONNECT platform.adobe.io:443` is led to a TLS end of the application on a private socket; `CONNECT` to any other host,
and plain requests of the form `GET http://host/path`, go where they were meant to go, through the proxy of the
environment if there is one, and nothing of theirs is looked at.
"""

from __future__ import annotations

import asyncio
import base64
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
from urllib.parse import unquote, urlsplit

import uvicorn
from starlette.types import ASGIApp

from limbeck.errors import Internal
from limbeck.proxy import hosts
from limbeck.proxy.authority import Authority
from limbeck.proxy.front import Front, Unserved

log = logging.getLogger("limbeck.proxy")

HEAD_BYTES = 64 * 1024
HEAD_S = 60.0
"""How long a client may take to say what it wants."""

CONNECT_S = 30.0

HOSTS = 256
"""Hosts whose certificates are kept."""

_NAME = re.compile(r"[A-Za-z0-9._-]+")

CHUNK = 256 * 1024

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ProxyServer:
    """The proxy, in a thread of its own, on a socket that listens."""

    def __init__(self, app: ASGIApp, bound: socket.socket, authority: Authority, environ: Mapping[str, str]) -> None:
        self.unserved = Unserved()
        self._bound = bound
        self._upstream = Upstream(environ)
        self._folder = Path(tempfile.mkdtemp(prefix="limbeck-proxy-"))
        self._private = _private_socket(self._folder)
        self._contexts = lru_cache(HOSTS)(authority.context)
        self._app = Front(app, self.unserved)
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._busy: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="limbeck-proxy", daemon=True)

    def start(self) -> None:
        """Begin to listen; raise `Internal` if that cannot be done."""
        self._thread.start()
        if not self._ready.wait(60):
            raise Internal("the proxy did not start; the log tells more")

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
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except Exception:
            log.exception("the proxy ended")
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        end = uvicorn.Server(self._tls_end())
        answering = asyncio.create_task(end.serve(sockets=[self._private]))
        listening = await asyncio.start_server(self._connected, sock=self._bound, limit=HEAD_BYTES)
        self._ready.set()
        await self._stopping.wait()
        listening.close()
        end.should_exit = True
        await answering
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    def _tls_end(self) -> uvicorn.Config:
        config = uvicorn.Config(
            self._app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=5
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
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, asyncio.CancelledError):
            pass  # one of the two is gone
        except Exception:
            log.exception("a connection of the proxy failed")
        finally:
            self._busy.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_S)
        line, _, rest = head.partition(b"\r\n")
        parts = line.decode("latin-1").split(" ")
        if len(parts) != 3:
            await _refuse(writer, 400, "this is no HTTP request")
            return
        method, target, version = parts
        try:
            if method == "CONNECT":
                await self._tunnel(reader, writer, target)
            else:
                await self._pass_on((reader, writer), method, target, version, rest)
        except ValueError:
            await _refuse(writer, 400, f"{target[:200]} is no address; this is a proxy")

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str) -> None:
        host, port = _address(f"//{target}", None)
        try:
            other = await self._private_end() if hosts.is_adobes(host) else await self._upstream.tunnel(host, port)
        except (OSError, TimeoutError) as error:
            await _refuse(writer, 502, f"{host}:{port} cannot be reached: {error}")
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _joined((reader, writer), other)

    async def _pass_on(self, client: Streams, method: str, target: str, version: str, rest: bytes) -> None:
        """Pass a plain request on, the first and only one of its connection."""
        writer = client[1]
        url = urlsplit(target)
        if url.scheme != "http":
            raise ValueError(target)
        host, port = _address(target, 80)
        if hosts.is_adobes(host):
            self.unserved.note(method, host, url.path or "/")
            await _refuse(writer, 502, f"{host} is not served over plain HTTP")
            return
        try:
            other, asked = await self._upstream.plain(host, port, target)
        except (OSError, TimeoutError) as error:
            await _refuse(writer, 502, f"{host}:{port} cannot be reached: {error}")
            return
        first = f"{method} {asked} {version}\r\n".encode()
        headers = [h for h in rest.split(b"\r\n") if h and h.partition(b":")[0].strip().lower() not in _HOP]
        other[1].write(first + b"\r\n".join([*headers, b"Connection: close", b"", b""]))
        await _joined(client, other)

    async def _private_end(self) -> Streams:
        if self._private.family == getattr(socket, "AF_UNIX", None):
            return await asyncio.open_unix_connection(self._private.getsockname())
        return await asyncio.open_connection(*self._private.getsockname()[:2])


_HOP = (b"connection", b"proxy-connection", b"proxy-authorization", b"keep-alive")


class Upstream:
    """The way to other hosts: straight, or through the proxy that the environment names."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._proxies = {
            scheme: urlsplit(environ.get(f"{scheme}_proxy") or environ.get(f"{scheme.upper()}_PROXY") or "")
            for scheme in ("http", "https")
        }
        listed = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
        self._without = [name.strip().lstrip(".").lower() for name in listed.split(",") if name.strip()]

    async def tunnel(self, host: str, port: int) -> Streams:
        """Return a connection to a host, of which nothing has been said yet."""
        proxy = self._proxies["https"]
        if not proxy.hostname or self._goes_straight(host):
            return await _opened(host, port)
        streams = await _opened(proxy.hostname, proxy.port or 80)
        asked = f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{self._login('https')}\r\n"
        streams[1].write(asked.encode())
        head = await asyncio.wait_for(streams[0].readuntil(b"\r\n\r\n"), CONNECT_S)
        if head.split(b" ", 2)[1:2] != [b"200"]:
            raise ConnectionError(f"the proxy {proxy.hostname} refuses: {head.splitlines()[0].decode('latin-1')}")
        return streams

    async def plain(self, host: str, port: int, url: str) -> tuple[Streams, str]:
        """Return a connection for a plain request to *url*, and what it is to ask for there."""
        proxy = self._proxies["http"]
        if proxy.hostname and not self._goes_straight(host):
            return await _opened(proxy.hostname, proxy.port or 80), url
        parts = urlsplit(url)
        return await _opened(host, port), (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _login(self, scheme: str) -> str:
        proxy = self._proxies[scheme]
        if not proxy.username:
            return ""
        who = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        return f"Proxy-Authorization: Basic {base64.b64encode(who.encode()).decode()}\r\n"

    def _goes_straight(self, host: str) -> bool:
        return "*" in self._without or any(host == name or host.endswith(f".{name}") for name in self._without)


async def _opened(host: str, port: int) -> Streams:
    return await asyncio.wait_for(asyncio.open_connection(host, port), CONNECT_S)


async def _joined(one: Streams, other: Streams) -> None:
    """Carry bytes both ways until both sides have said all."""
    try:
        await asyncio.gather(_carried(one[0], other[1]), _carried(other[0], one[1]))
    finally:
        other[1].close()


async def _carried(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(CHUNK):
            target.write(data)
            await target.drain()
    except OSError:
        target.close()
        return
    if target.can_write_eof() and not target.is_closing():
        target.write_eof()


async def _refuse(writer: asyncio.StreamWriter, status: int, told: str) -> None:
    body = f"{told}\n".encode()
    head = f"HTTP/1.1 {status} Refused\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
    await writer.drain()


def _address(url: str, port: int | None) -> tuple[str, int]:
    """Return host and port; raise `ValueError` for what is none."""
    parts = urlsplit(url)
    found = parts.port or port
    if not parts.hostname or not found:
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

"""The way to other hosts: straight, or through the proxy that the environment names."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

from limbeck.proxy.streams import Streams

CONNECT_S = 30.0

HEAD_BYTES = 64 * 1024

Scheme = Literal["http", "https"]


class Upstream:
    """Opens connections to other hosts, as `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` of *environ* say."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        def named(name: str) -> str:
            return environ.get(name) or environ.get(name.upper()) or ""

        self._proxies: Mapping[Scheme, SplitResult] = {
            "http": _url(named("http_proxy") or named("all_proxy")),
            "https": _url(named("https_proxy") or named("all_proxy")),
        }
        listed = re.split(r"[,\s]+", named("no_proxy").lower())
        self._without = [entry.removeprefix("*").lstrip(".") if entry != "*" else "*" for entry in listed if entry]

    async def tunnel(self, host: str, port: int) -> Streams:
        """Return a connection to a host, of which nothing has been said yet; raise `OSError` or `TimeoutError`."""
        if not self._is_behind("https", host, port):
            return await _opened(host, port)
        streams = await self._proxy("https")
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            streams[1].write(f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n".encode() + self._login("https") + b"\r\n")
            head = await asyncio.wait_for(streams[0].readuntil(b"\r\n\r\n"), CONNECT_S)
            if head.split(b" ", 2)[1:2] != [b"200"]:
                told = head.splitlines()[0].decode("latin-1")
                raise ConnectionError(f"the proxy {self._proxies['https'].hostname} refuses: {told}")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            streams[1].transport.abort()
            raise ConnectionError(f"the proxy {self._proxies['https'].hostname} gave no answer") from error
        except BaseException:
            streams[1].transport.abort()
            raise
        return streams

    async def plain(self, host: str, port: int, url: str) -> tuple[Streams, str, bytes]:
        """Return a connection for a plain request to *url*, what it is to ask for there, and a header for the proxy."""
        if self._is_behind("http", host, port):
            return await self._proxy("http"), url, self._login("http")
        parts = urlsplit(url)
        return await _opened(host, port), (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), b""

    def _is_behind(self, scheme: Scheme, host: str, port: int) -> bool:
        names = (f".{host}", f".{host}:{port}")
        straight = "*" in self._without or any(name.endswith(f".{end}") for end in self._without for name in names)
        return bool(self._proxies[scheme].hostname) and not straight

    async def _proxy(self, scheme: Scheme) -> Streams:
        proxy = self._proxies[scheme]
        if proxy.scheme not in ("http", "https"):
            raise ConnectionError(f"the environment names a proxy of the kind {proxy.scheme}, which is not spoken here")
        assert proxy.hostname is not None
        tls = proxy.scheme == "https"
        return await _opened(proxy.hostname, proxy.port or (443 if tls else 80), tls)

    def _login(self, scheme: Scheme) -> bytes:
        proxy = self._proxies[scheme]
        if not proxy.username:
            return b""
        who = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        return b"Proxy-Authorization: Basic " + base64.b64encode(who.encode()) + b"\r\n"


def _url(text: str) -> SplitResult:
    return urlsplit(text if "://" in text or not text else f"http://{text}")


async def _opened(host: str, port: int, tls: bool = False) -> Streams:
    return await asyncio.wait_for(
        asyncio.open_connection(host, port, ssl=True if tls else None, limit=HEAD_BYTES), CONNECT_S
    )

"""One connection's bytes: read in exact numbers, written with the reader's pace, plain or in TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

from limbeck.errors import ProtocolViolation

MAX_WAITING = 1024 * 1024
"""Bytes that wait to be read before the peer has to wait."""

PIECE = 512 * 1024
"""Bytes that are given to the transport at once: it copies, again and again, what the peer does not take."""


class Gone(Exception):
    """The peer went away."""


class Channel(asyncio.Protocol):
    """Both directions of a connection. `on_lost` is called when the peer goes away, whatever is going on.

    *served* is called when it begins, *closed* when its socket is closed; with TLS that waits for the peer's farewell.
    """

    def __init__(self, served: Callable[[Channel], object], closed: Callable[[Channel], object]) -> None:
        self.on_lost: Callable[[], None] = lambda: None
        self._served = served
        self._closed = closed
        self._transport: asyncio.Transport | None = None
        self._waiting = bytearray()
        self._wanted = 0
        self._lost = False
        self._changed = asyncio.Event()
        self._may_write = asyncio.Event()
        self._may_write.set()

    # -- what asyncio calls --------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection has begun, or has changed to TLS."""
        first = self._transport is None
        self._transport = cast("asyncio.Transport", transport)
        if first:
            self._served(self)

    def data_received(self, data: bytes) -> None:
        """Keep bytes until they are read."""
        self._waiting += data
        self._changed.set()
        if len(self._waiting) > max(MAX_WAITING, self._wanted):
            self._pipe.pause_reading()

    def eof_received(self) -> bool:
        """A peer that sends no more is gone, for us."""
        self._lose()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._lose()
        self._closed(self)

    def pause_writing(self) -> None:
        """The peer reads more slowly than we write."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self._may_write.set()

    def _lose(self) -> None:
        if not self._lost:
            self._lost = True
            self._changed.set()
            self._may_write.set()
            self.on_lost()

    # -- what the server calls -----------------------------------------------------------------------------

    @property
    def _pipe(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    @property
    def is_lost(self) -> bool:
        """Whether the peer is gone."""
        return self._lost

    @property
    def has_more(self) -> bool:
        """Whether bytes have come that were not read yet."""
        return bool(self._waiting)

    @property
    def is_encrypted(self) -> bool:
        """Whether TLS is spoken."""
        return self._pipe.get_extra_info("ssl_object") is not None

    @property
    def peer(self) -> str:
        """The address of the other side; empty for a socket without one."""
        name = self._pipe.get_extra_info("peername")
        return str(name[0]) if isinstance(name, tuple) else ""

    async def read(self, size: int) -> bytes:
        """Return exactly *size* bytes; raise `Gone` if they do not come any more."""
        self._wanted = size
        while len(self._waiting) < size:
            if self._lost:
                raise Gone
            self._pipe.resume_reading()
            self._changed.clear()
            await self._changed.wait()
        found = bytes(memoryview(self._waiting)[:size])
        del self._waiting[:size]
        return found

    async def write(self, data: bytes | memoryview) -> None:
        """Send bytes, once what was sent before has gone; raise `Gone` if nobody is there to read them."""
        view = memoryview(data)
        for start in range(0, len(view), PIECE):
            if self._lost:
                raise Gone
            self._pipe.write(view[start : start + PIECE])
            await self._may_write.wait()

    async def start_tls(self, context: ssl.SSLContext, timeout: float) -> None:
        """Change to TLS; raise `ProtocolViolation` for bytes that came before it in plaintext, `Gone` if it fails."""
        if self._waiting:
            raise ProtocolViolation("bytes in plaintext behind the request for TLS")
        loop = asyncio.get_running_loop()
        self._pipe.resume_reading()
        try:
            made = await loop.start_tls(self._pipe, self, context, server_side=True, ssl_handshake_timeout=timeout)
        except (OSError, ssl.SSLError) as error:
            raise Gone from error
        if made is None:
            raise Gone
        self._transport = made

    def close(self) -> None:
        """Send what is left, and close."""
        self._pipe.close()

    def abort(self) -> None:
        """Close at once."""
        self._pipe.abort()

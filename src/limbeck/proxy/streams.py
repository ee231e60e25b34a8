"""Two connections that are joined: bytes go both ways until both sides have said all."""

from __future__ import annotations

import asyncio
import socket

CHUNK = 256 * 1024

HALF_S = 600.0
"""How long one side may be silent after the other has said all."""

LINGER_S = 10.0
"""How long a side may take for the last of what is sent to it."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def joined(one: Streams, other: Streams) -> None:
    """Carry bytes both ways, and close *other* in the end; raise `TimeoutError` if a half-closed pair falls silent."""
    for _, writer in (one, other):
        _watched(writer)
    try:
        async with asyncio.timeout(None) as limit:
            await asyncio.gather(_carried(one[0], other[1], limit), _carried(other[0], one[1], limit))
        await flushed(other[1])
    finally:
        other[1].transport.abort()


async def flushed(writer: asyncio.StreamWriter) -> None:
    """Close a connection once its peer has taken what was sent; raise `TimeoutError` if it does not."""
    writer.close()
    async with asyncio.timeout(LINGER_S):
        await writer.wait_closed()


async def _carried(source: asyncio.StreamReader, target: asyncio.StreamWriter, limit: asyncio.Timeout) -> None:
    now = asyncio.get_running_loop().time
    try:
        while data := await source.read(CHUNK):
            target.write(data)
            await target.drain()
            if limit.when() is not None:
                limit.reschedule(now() + HALF_S)
        if target.can_write_eof() and not target.is_closing():
            target.write_eof()
    except OSError:
        target.close()
    limit.reschedule(now() + HALF_S)


def _watched(writer: asyncio.StreamWriter) -> None:
    """Have the system notice when the machine of a silent peer is gone."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

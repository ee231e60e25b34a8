"""A request's body as a file, for work that is done in a thread."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

from anyio import from_thread
from fastapi import Request

CHUNK = 1024 * 1024


def body_of(request: Request) -> io.BufferedReader:
    """Return the body of a request, to be read in a worker thread while it arrives."""
    return io.BufferedReader(_Body(request.stream()), CHUNK)


class _Body(io.RawIOBase):
    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = from_thread.run(self._next)
            if chunk is None:
                return 0
            self._rest = chunk
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    async def _next(self) -> bytes | None:
        return await anext(self._chunks, None)

"""What a request may be: how large, how deep, and of which characters and numbers, before any service looks at it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import h11
from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from limbeck.api import batches, blobs, shapes
from limbeck.errors import InvalidInput, LimbeckError

DEPTH = 100
"""Most levels of lists and objects within each other; schemas have two for each level of fields."""

HEAD_BYTES = 64 * 1024
"""Longest line and headers of a request, together."""

INTEGER_DIGITS = 19
"""Of the largest number that has 64 bits."""

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_UPLOAD = re.compile(f"{batches.router.prefix}/batches/[^/]+/datasets/[^/]+/files/.+")


class TooLarge(InvalidInput):
    """The body is larger than the service takes."""

    code = "LIMB-1022-413"
    title = "ContentTooLargeError"
    status = 413


class Limits:
    """Refuses what no service could use; a body of JSON is read whole first, a file is counted while it streams.

    *json_bytes* and *file_bytes* are what a body may have. The landing zone's blobs come in blocks of any size.
    """

    def __init__(self, app: ASGIApp, json_bytes: int, file_bytes: int) -> None:
        self._app = app
        self._json_bytes = json_bytes
        self._file_bytes = file_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(f"{blobs.ROOT}/"):
            await self._app(scope, receive, send)
            return
        is_file = scope["method"] in ("PUT", "PATCH") and _UPLOAD.fullmatch(scope["path"]) is not None
        most = self._file_bytes if is_file else self._json_bytes
        request = Request(scope)
        try:
            if b"%00" in scope.get("raw_path", b"") or b"%00" in scope["query_string"]:
                raise InvalidInput("the URL holds the character U+0000")
            if _length(request.headers) > most:
                raise _too_large(most)
            counted = _Counted(receive, most)
            if is_file:
                await self._app(scope, counted, send)
                return
            body = await counted.whole()
            if body is None:  # the client went away
                return
            if body and _is_json(request.headers.get("content-type", "")):
                require_usable(body)
        except LimbeckError as failure:
            answer = refusal(request, failure)
            answer.headers["Connection"] = "close"  # whatever of the body is still to come
            await answer(scope, receive, send)
            return
        await self._app(scope, _Again(body, receive), send)


def refusal(request: Request, failure: LimbeckError) -> JSONResponse:
    """Return the answer that tells a failure, in the shape of the service that the request is for."""
    request_id = getattr(request.state, "request_id", "")
    return JSONResponse(shapes.error(failure, request_id, request.url.path), failure.status)


def require_usable(body: bytes) -> None:
    """Raise `InvalidInput` for what is no JSON, or holds what could not be kept or given back.

    That is: more levels than `DEPTH`, numbers beyond 64 bits, NaN, halves of surrogate pairs, U+0000. Of keys that
    stand twice in one object the last counts.
    """
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_int=_integer, parse_float=_float, parse_constant=_constant)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the body is no UTF-8: byte {error.start} is {body[error.start]:#04x}") from error
    except RecursionError as error:
        raise _too_deep() from error
    except json.JSONDecodeError as error:
        told = f"the body is no JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise InvalidInput(told) from error
    _require_shallow(value)
    text = json.dumps(value, ensure_ascii=False)
    if _NUL.search(text):
        raise InvalidInput("the body holds the character U+0000, which no text can have")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"the body holds half of a surrogate pair, \\u{ord(text[error.start]):04x}") from error


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > INTEGER_DIGITS or not -(2**63) <= int(text) < 2**63:
        raise InvalidInput(f"the body holds the number {text[:40]}, which has more than 64 bits")
    return int(text)


def _float(text: str) -> float:
    if abs(float(text)) == float("inf"):
        raise InvalidInput(f"the body holds the number {text[:40]}, which is too large")
    return float(text)


def _constant(name: str) -> Any:
    raise InvalidInput(f"the body holds {name}, which is no JSON")


def _require_shallow(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH + 1):
        inner = [v for v in level if isinstance(v, dict | list)]
        level = [c for v in inner for c in (v.values() if isinstance(v, dict) else v)]
        if not inner:
            return
    raise _too_deep()


def _too_deep() -> InvalidInput:
    return InvalidInput(f"the body has more than {DEPTH} levels of lists and objects within each other")


def _too_large(most: int) -> TooLarge:
    told = (
        f"the body is larger than {most} bytes; a file of a batch can come in parts: action=INITIALIZE, PATCH, COMPLETE"
    )
    return TooLarge(told)


def _length(headers: Mapping[str, str]) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdecimal() else 0


def _is_json(content_type: str) -> bool:
    media = content_type.partition(";")[0].strip().lower()
    return media.startswith("application/") and (media == "application/json" or media.endswith("+json"))


class _Counted:
    """A body that comes in, up to a size."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._most = most
        self._came = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._came += len(message.get("body", b""))
        if self._came > self._most:
            raise _too_large(self._most)
        return message

    async def whole(self) -> bytes | None:
        """Return all of it; None if the client goes away before its end."""
        chunks, more = [], True
        while more:
            message = await self()
            if message["type"] == "http.disconnect":
                return None
            chunks.append(message.get("body", b""))
            more = message.get("more_body", False)
        return b"".join(chunks)


class _Again:
    """A body that has been read, for who wants to read it; after it, news of the client."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._message: Message | None = {"type": "http.request", "body": body, "more_body": False}
        self._receive = receive

    async def __call__(self) -> Message:
        message, self._message = self._message, None
        return await self._receive() if message is None else message


class JsonProtocol(H11Protocol):
    """HTTP/1.1, whose own refusals are JSON too: aepp asks again for ever after an answer that is not."""

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, or has a line or headers beyond 64 KiB."""
        told = shapes.error(InvalidInput(f"{msg} Its line and headers may have 64 KiB together"), "")
        body = json.dumps(told).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        events = (
            h11.Response(status_code=400, headers=[*headers, (b"connection", b"close")]),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

"""Blobs: the landing zone's folder as Azure Storage shows containers, so that its clients work (section 9.2).

    GET  /limbeckdlz?comp=list                              containers
    GET  /limbeckdlz/{container}?restype=container[&comp=list]
    GET, HEAD, PUT, DELETE /limbeckdlz/{container}/{blob}   PUT also with comp=block, comp=blocklist

Who calls shows a shared access signature. Errors and lists are XML, as Azure's clients expect.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from limbeck import clock, ids
from limbeck.access import Access
from limbeck.access.sas import ACCOUNT, Level, NotAllowed
from limbeck.api.bodies import body_of
from limbeck.errors import (
    Conflict,
    DiskFull,
    InvalidInput,
    LandingZoneError,
    LimbeckError,
    NotFound,
    Unauthenticated,
)
from limbeck.flow.blobs import Blob, BlobExists, Blobs, NoContainer
from limbeck.flow.storage import CONTAINERS

log = logging.getLogger("limbeck.api.blobs")

ROOT = f"/{ACCOUNT}"
MOST = 5000
CHUNK = 1024 * 1024
DEFAULT_VERSION = "2022-11-02"
LIST_BYTES = 8 * 1024 * 1024
"""Longest list of blocks."""

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class ConditionNotMet(Conflict):
    """The blob is not the one that the request is about."""


class InvalidRange(InvalidInput):
    """Bytes were asked for that the blob does not have."""


_CODES: tuple[tuple[type[LimbeckError], int, str], ...] = (
    (NotAllowed, 403, "AuthorizationPermissionMismatch"),
    (Unauthenticated, 403, "AuthenticationFailed"),
    (NoContainer, 404, "ContainerNotFound"),
    (NotFound, 404, "BlobNotFound"),
    (BlobExists, 409, "BlobAlreadyExists"),
    (ConditionNotMet, 412, "ConditionNotMet"),
    (InvalidRange, 416, "InvalidRange"),
    (DiskFull, 507, "InsufficientStorage"),
    (LandingZoneError, 503, "ServerBusy"),
    (InvalidInput, 400, "InvalidInput"),
)
"""Azure's status and code for an error."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A request, and what it is about."""

    request: Request
    blobs: Blobs
    access: Access
    container: str
    blob: str

    @property
    def asked(self) -> Mapping[str, str]:
        """The parameters of the URL."""
        return self.request.query_params

    def allow(self, level: Level, *any_of: str) -> None:
        """Check the signature."""
        secure = self.request.url.scheme == "https"
        self.access.check_signature(self.asked, self.container, self.blob, level, *any_of, secure=secure)

    def found(self) -> Blob:
        """The blob, if it is the one that the request's conditions are about."""
        found = self.blobs.get(self.container, self.blob)
        self._require(found)
        return found

    def require_conditions(self) -> None:
        """Check the conditions of a request that writes a blob."""
        self._require(self.blobs.find(self.container, self.blob))

    def _require(self, found: Blob | None) -> None:
        wanted, unwanted = (self.request.headers.get(h) for h in ("if-match", "if-none-match"))
        if wanted and (found is None or wanted not in ("*", found.etag)):
            raise ConditionNotMet(f"the blob {self.blob!r} is not the one that If-Match names")
        if unwanted == "*" and found is not None:
            raise BlobExists(f"the blob {self.blob!r} exists already")
        if unwanted and found is not None and unwanted == found.etag:
            raise ConditionNotMet(f"the blob {self.blob!r} is the one that If-None-Match names")


def application(platform: Any) -> Starlette:
    """Return the application that serves the containers of a platform's landing zone under `ROOT`."""
    blobs = Blobs(platform.zone.storage)

    async def answer(request: Request) -> Response:
        parts = request.path_params
        call = _Call(request, blobs, platform.access, parts.get("container", ""), parts.get("blob", ""))
        try:
            response = await run_in_threadpool(_handler(call), call)
        except LimbeckError as error:
            response = _refused(call, error)
        response.headers.update(_common(request))
        return response

    methods = ["GET", "HEAD", "PUT", "DELETE", "POST"]
    paths = ("/", "/{container}", "/{container}/{blob:path}")
    return Starlette(routes=[Route(path, answer, methods=methods) for path in paths])


def _handler(call: _Call) -> Callable[[_Call], Response]:
    method, kind = call.request.method, (call.asked.get("restype"), call.asked.get("comp"))
    level = "object" if call.blob else "container" if call.container else "account"
    found = _HANDLERS.get((method, level, *kind))
    if found is None:
        raise InvalidInput(f"{method} with restype={kind[0]} and comp={kind[1]} is not served on the {level}")
    return found


# -- the account and containers --------------------------------------------------------------------------------


def _list_containers(call: _Call) -> Response:
    call.allow("s", "l")
    root = ElementTree.Element("EnumerationResults", ServiceEndpoint=_endpoint(call))
    listed = ElementTree.SubElement(root, "Containers")
    for name in sorted(CONTAINERS.values()):
        one = ElementTree.SubElement(listed, "Container")
        ElementTree.SubElement(one, "Name").text = name
        properties = ElementTree.SubElement(one, "Properties")
        ElementTree.SubElement(properties, "Last-Modified").text = _http_date(clock.now())
        ElementTree.SubElement(properties, "Etag").text = f'"{name}"'
    ElementTree.SubElement(root, "NextMarker")
    return _xml(root)


def _show_container(call: _Call) -> Response:
    call.allow("c", "r", "l")
    call.blobs.area(call.container)
    return Response(headers={"ETag": f'"{call.container}"', "Last-Modified": _http_date(clock.now())})


def _make_container(call: _Call) -> Response:
    call.allow("c", "c", "w")
    call.blobs.area(call.container)
    return _error(call, 409, "ContainerAlreadyExists", f"the container {call.container} exists already")


def _list_blobs(call: _Call) -> Response:
    call.allow("c", "l")
    prefix, delimiter, marker = (call.asked.get(key, "") for key in ("prefix", "delimiter", "marker"))
    most = _whole(call.asked.get("maxresults"), MOST)
    page = call.blobs.page(call.container, prefix, delimiter, marker, min(most, MOST))
    root = ElementTree.Element("EnumerationResults", ServiceEndpoint=_endpoint(call), ContainerName=call.container)
    for name, value in (("Prefix", prefix), ("Marker", marker), ("MaxResults", str(most)), ("Delimiter", delimiter)):
        ElementTree.SubElement(root, name).text = value
    listed = ElementTree.SubElement(root, "Blobs")
    for blob in page.blobs:
        _describe(ElementTree.SubElement(listed, "Blob"), blob)
    for beginning in page.prefixes:
        ElementTree.SubElement(ElementTree.SubElement(listed, "BlobPrefix"), "Name").text = beginning
    ElementTree.SubElement(root, "NextMarker").text = page.following
    return _xml(root)


def _describe(parent: ElementTree.Element, blob: Blob) -> None:
    ElementTree.SubElement(parent, "Name").text = blob.name
    properties = ElementTree.SubElement(parent, "Properties")
    told = {
        "Creation-Time": _http_date(blob.modified),
        "Last-Modified": _http_date(blob.modified),
        "Etag": blob.etag.strip('"'),
        "Content-Length": str(blob.bytes),
        "Content-Type": "application/octet-stream",
        "BlobType": "BlockBlob",
        "LeaseStatus": "unlocked",
        "LeaseState": "available",
        "ServerEncrypted": "false",
    }
    for name, value in told.items():
        ElementTree.SubElement(properties, name).text = value


# -- blobs -----------------------------------------------------------------------------------------------------


def _show_blob(call: _Call) -> Response:
    call.allow("o", "r")
    found = call.found()
    return Response(headers={**_about(found), "Content-Length": str(found.bytes)})


def _get_blob(call: _Call) -> Response:
    call.allow("o", "r")
    found = call.found()
    span = _span(call.request, found)
    if span is None:
        return StreamingResponse(
            _bytes(found, 0, found.bytes), 200, {**_about(found), "Content-Length": str(found.bytes)}
        )
    first, last = span
    told = {"Content-Range": f"bytes {first}-{last}/{found.bytes}", "Content-Length": str(last - first + 1)}
    return StreamingResponse(_bytes(found, first, last - first + 1), 206, {**_about(found), **told})


def _put_blob(call: _Call) -> Response:
    call.allow("o", "w", "c")
    kind = call.request.headers.get("x-ms-blob-type", "")
    if kind != "BlockBlob":
        raise InvalidInput(f"the header x-ms-blob-type is {kind!r}; blobs here are of the type BlockBlob")
    if "x-ms-copy-source" in call.request.headers:
        raise InvalidInput("copying from a URL is not served; send the bytes")
    call.require_conditions()
    if call.request.headers.get("x-ms-meta-hdi_isfolder") == "true":
        call.blobs.make_folder(call.container, call.blob)
        return Response(status_code=201)
    return _made(call.blobs.put(call.container, call.blob, body_of(call.request)))


def _put_block(call: _Call) -> Response:
    call.allow("o", "w", "c")
    call.blobs.put_block(call.container, call.blob, call.asked.get("blockid", ""), body_of(call.request))
    return Response(status_code=201)


def _commit(call: _Call) -> Response:
    call.allow("o", "w", "c")
    call.require_conditions()
    body = body_of(call.request).read(LIST_BYTES)
    return _made(call.blobs.commit(call.container, call.blob, _block_ids(body)))


def _list_blocks(call: _Call) -> Response:
    call.allow("o", "r")
    root = ElementTree.Element("BlockList")
    ElementTree.SubElement(root, "CommittedBlocks")
    waiting = ElementTree.SubElement(root, "UncommittedBlocks")
    for name, size in call.blobs.blocks(call.container, call.blob):
        block = ElementTree.SubElement(waiting, "Block")
        ElementTree.SubElement(block, "Name").text = name
        ElementTree.SubElement(block, "Size").text = str(size)
    return _xml(root)


def _delete_blob(call: _Call) -> Response:
    call.allow("o", "d")
    call.found()
    call.blobs.delete(call.container, call.blob)
    return Response(status_code=202)


_HANDLERS: Mapping[tuple[str, str, str | None, str | None], Callable[[_Call], Response]] = {
    ("GET", "account", None, "list"): _list_containers,
    ("GET", "container", "container", None): _show_container,
    ("HEAD", "container", "container", None): _show_container,
    ("PUT", "container", "container", None): _make_container,
    ("GET", "container", "container", "list"): _list_blobs,
    ("GET", "object", None, None): _get_blob,
    ("HEAD", "object", None, None): _show_blob,
    ("PUT", "object", None, None): _put_blob,
    ("PUT", "object", None, "block"): _put_block,
    ("PUT", "object", None, "blocklist"): _commit,
    ("GET", "object", None, "blocklist"): _list_blocks,
    ("DELETE", "object", None, None): _delete_blob,
}
"""By method, level, restype and comp."""


def _block_ids(body: bytes) -> list[str]:
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise InvalidInput("the list of blocks is XML without definitions of its own")
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise InvalidInput(f"the list of blocks is no XML: {error}") from error
    return [(entry.text or "").strip() for entry in root if entry.tag in ("Latest", "Uncommitted", "Committed")]


def _span(request: Request, found: Blob) -> tuple[int, int] | None:
    """Return the first and the last byte that are wanted; None for all."""
    asked = request.headers.get("x-ms-range") or request.headers.get("range")
    parts = _RANGE.fullmatch(asked or "")
    if parts is None:
        return None
    first = int(parts[1])
    last = min(int(parts[2]) if parts[2] else found.bytes - 1, found.bytes - 1)
    if first > last:
        raise InvalidRange(f"{asked} is not inside the {found.bytes} bytes of {found.name!r}")
    return first, last


def _bytes(found: Blob, first: int, count: int) -> Iterator[bytes]:
    with found.path.open("rb") as handle:
        handle.seek(first)
        while count > 0 and (chunk := handle.read(min(CHUNK, count))):
            count -= len(chunk)
            yield chunk


def _about(found: Blob) -> dict[str, str]:
    return {
        "ETag": found.etag,
        "Last-Modified": _http_date(found.modified),
        "x-ms-creation-time": _http_date(found.modified),
        "x-ms-blob-type": "BlockBlob",
        "x-ms-lease-status": "unlocked",
        "x-ms-lease-state": "available",
        "x-ms-server-encrypted": "false",
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
    }


def _made(found: Blob) -> Response:
    told = {"ETag": found.etag, "Last-Modified": _http_date(found.modified), "x-ms-request-server-encrypted": "false"}
    return Response(status_code=201, headers=told)


def _common(request: Request) -> dict[str, str]:
    told = {"x-ms-request-id": ids.new_uuid(), "x-ms-version": request.headers.get("x-ms-version", DEFAULT_VERSION)}
    told["Date"] = _http_date(clock.now())
    asked = request.headers.get("x-ms-client-request-id")
    return told | ({"x-ms-client-request-id": asked} if asked else {})


def _refused(call: _Call, error: LimbeckError) -> Response:
    for kind, status, code in _CODES:
        if isinstance(error, kind):
            return _error(call, status, code, str(error))
    log.error("a request for a blob failed", exc_info=error)
    return _error(call, 500, "InternalError", "an error of ours; the log tells more")


def _error(call: _Call, status: int, code: str, told: str) -> Response:
    text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{escape(told)}</Message></Error>'
    body = b"" if call.request.method == "HEAD" else text.encode("utf-8", "replace")
    return Response(body, status, {"x-ms-error-code": code}, "application/xml")


def _xml(root: ElementTree.Element) -> Response:
    body = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(body, 200, media_type="application/xml")


def _endpoint(call: _Call) -> str:
    return f"{call.request.base_url.scheme}://{call.request.base_url.netloc}{ROOT}/"


def _whole(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise InvalidInput(f"maxresults is {text!r}; it is a whole number from 1")
    return int(text)


def _http_date(moment: Any) -> str:
    return format_datetime(moment, usegmt=True)

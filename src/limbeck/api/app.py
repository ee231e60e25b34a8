"""The HTTP application: every service's routes, errors in AEP's shape, a request id on everything."""

from __future__ import annotations

import logging
import re
import time
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limbeck import ids
from limbeck.api import (
    accesscontrol,
    auditlog,
    batches,
    blobs,
    catalog,
    credential,
    dataaccess,
    flows,
    health,
    identities,
    ims,
    landingzone,
    mappings,
    observability,
    profiles,
    queryservice,
    sandboxes,
    schemaregistry,
    segmentation,
    segments,
    shapes,
    sql,
)
from limbeck.api.auditlog import note_refusal
from limbeck.api.document import Documented, Error, FlowError, ImsError, RegistryError, refusals
from limbeck.api.limits import Limits, refusal
from limbeck.errors import Internal, InvalidInput, LimbeckError, NotFound
from limbeck.flow.storage import FolderStorage
from limbeck.platform import Platform
from limbeck.settings import MIB
from limbeck.store import audit
from limbeck.version import VERSION

log = logging.getLogger("limbeck.api")

SERVICES = (
    ims,
    sandboxes,
    accesscontrol,
    auditlog,
    schemaregistry,
    catalog,
    batches,
    dataaccess,
    sql,
    queryservice,
    identities,
    profiles,
    segmentation,
    segments,
    flows,
    mappings,
    landingzone,
    observability,
    credential,
    health,
)

SHAPES = {ims: ImsError | Error, schemaregistry: RegistryError, flows: FlowError, landingzone: FlowError}
"""Services whose errors have keys of their own."""


def create_app(platform: Platform, pg: tuple[str, int] | None = None, http: str | None = None) -> FastAPI:
    """Return the application that serves *platform*.

    *pg* is the address of the PostgreSQL wire, if that is served; *http* is the URL of this application's own port,
    None if only this process can reach it.
    """
    app = Documented(title="Limbeck", version=VERSION, redirect_slashes=False, docs_url=None, redoc_url=None)
    app.state.platform = platform
    app.state.pg = pg
    app.state.http = http
    for service in SERVICES:
        app.include_router(service.router, responses=refusals(SHAPES.get(service, Error)))
    if isinstance(platform.zone.storage, FolderStorage):  # other places are reached by themselves
        app.mount(blobs.ROOT, blobs.application(platform))
    app.add_exception_handler(LimbeckError, _on_limbeck_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_middleware(WithoutSlash)
    settings = platform.settings
    app.add_middleware(Limits, json_bytes=settings.json_body_mib * MIB, file_bytes=settings.upload_mib * MIB)
    app.add_middleware(RequestLog)
    return app


class WithoutSlash:
    """Takes slashes from a path: AEP's clients end some with one, and aepp 0.3 says `/data/core//idnamespace`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and len(scope["path"]) > 1 and not scope["path"].startswith(f"{blobs.ROOT}/"):
            path = scope["path"].rstrip("/") or "/"
            scope = {**scope, "path": re.sub("^/data/core/+", "/data/core/", path)}
        await self._app(scope, receive, send)


_WHO = (b"x-api-key", b"x-sandbox-name")
"""Headers that the log tells."""


def shown(text: str) -> str:
    """Return a text from outside as one word of a log."""
    return quote(text[:300], safe="/:@-._~%")


class RequestLog:
    """Gives each request an id, which its answer carries and the log names; and an answer to what failed unforeseen."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = ids.new_uuid()
        scope.setdefault("state", {})["request_id"] = request_id
        began, is_answered = time.monotonic(), False

        async def answer(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                elapsed = (time.monotonic() - began) * 1000
                named = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _WHO}
                who = [shown(named.get(name, "-")) for name in _WHO]
                told = (scope["method"], shown(scope["path"]), message["status"], elapsed, request_id, *who)
                log.info("method=%s path=%s status=%d ms=%.0f request=%s client=%s sandbox=%s", *told)
            await send(message)

        with audit.acting(audit.Actor("", request_id)):
            try:
                await self._app(scope, receive, answer)
            except Exception as error:
                if is_answered:
                    raise
                log.error("request %s failed", request_id, exc_info=error)
                told = Internal(f"an error of ours; the log tells more under request {request_id}")
                await refusal(Request(scope), told)(scope, receive, answer)


def _on_limbeck_error(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, LimbeckError):
        note_refusal(request, error)
    return refusal(request, error if isinstance(error, LimbeckError) else Internal(str(error)))


def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    told = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults)
    return _on_limbeck_error(request, InvalidInput(f"the request is not understood: {told}"))


def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    request.state.has_no_route = status in (404, 405)
    if status == 404:
        return refusal(request, NotFound(f"{request.method} {request.url.path} is not served"))
    body = shapes.error(InvalidInput(str(getattr(error, "detail", error))), "", request.url.path)
    return JSONResponse(body | {"status": status}, status)

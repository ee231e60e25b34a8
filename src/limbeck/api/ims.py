"""IMS: access tokens for client credentials, and for JWTs (REST contract, sections 3.1 and 3.2)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from limbeck.api.context import platform_of
from limbeck.errors import Unauthenticated

router = APIRouter()


def _form_of(*names: str) -> dict[str, Any]:
    """Return what the document tells of a form (`openapi_extra`)."""
    form = {"type": "object", "properties": {name: {"type": "string"} for name in names}, "required": list(names)}
    return {"requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}}}


@router.post("/ims/token/v3", openapi_extra=_form_of("grant_type", "client_id", "client_secret"))
async def token(request: Request) -> JSONResponse:
    """Give a token for `client_id` and `client_secret`; IMS has its own error body."""
    sent = await _form(request)
    if sent.get("grant_type") != "client_credentials":
        return _refused(400, "unsupported_grant_type", "grant_type must be client_credentials")
    access = platform_of(request).access
    try:
        made, lifetime = await run_in_threadpool(access.token, sent.get("client_id", ""), sent.get("client_secret", ""))
    except Unauthenticated as error:
        return _refused(401, "invalid_client", str(error))
    return JSONResponse({"access_token": made, "token_type": "bearer", "expires_in": lifetime})


@router.post("/ims/exchange/jwt", openapi_extra=_form_of("client_id", "client_secret", "jwt_token"))
async def exchange(request: Request) -> JSONResponse:
    """Give a token for a JWT that the caller has signed, as clients did before; its validity is in milliseconds."""
    sent = await _form(request)
    access = platform_of(request).access
    who = (sent.get("client_id", ""), sent.get("client_secret", ""), sent.get("jwt_token", ""))
    try:
        made, lifetime = await run_in_threadpool(access.exchange, *who)
    except Unauthenticated as error:
        return _refused(401, "invalid_client", str(error))
    return JSONResponse({"access_token": made, "token_type": "bearer", "expires_in": lifetime * 1000})


async def _form(request: Request) -> dict[str, str]:
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    return {key: values[0] for key, values in form.items()} | dict(request.query_params)


def _refused(status: int, code: str, description: str) -> JSONResponse:
    body: dict[str, Any] = {"error": code, "error_description": description}
    return JSONResponse(body, status)

"""Who calls, and on which sandbox: read from AEP's request headers (REST contract, section 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from limbeck.access.service import require_admin, require_sandbox, require_write
from limbeck.errors import Forbidden, LimbeckError, Unauthenticated
from limbeck.platform import Platform
from limbeck.scope import Principal, Sandbox
from limbeck.store import audit


class MissingHeader(LimbeckError):
    """A header that every platform call carries is absent."""

    code = "400003"
    title = "BadRequestError"
    status = 400


class ApiKeyRequired(Forbidden):
    """The header `x-api-key` is absent or names no credential."""

    code = "403000"


@dataclass(frozen=True, slots=True)
class Caller:
    """The platform, the principal and the sandbox that one request is about."""

    platform: Platform
    principal: Principal
    sandbox: Sandbox


def platform_of(request: Request) -> Platform:
    """Return the platform this application serves."""
    platform: Platform = request.app.state.platform
    return platform


def caller(request: Request) -> Caller:
    """Check token, organisation and sandbox of a request; raise the error AEP's gateway would answer with."""
    platform = platform_of(request)
    name = request.headers.get("x-sandbox-name", "prod")
    principal, sandbox = platform.access.enter(_bearer(request), name)
    who = audit.actor()
    who.client_id, who.sandbox = principal.client_id, None if sandbox is None else sandbox.id
    _require_headers(request, principal)
    require_sandbox(principal, name)
    if sandbox is None:
        told = f"no sandbox {name!r} in organisation {principal.org_id}"
        raise Forbidden(f"{told}; the header x-sandbox-name says which one is meant")
    return Caller(platform, principal, sandbox)


def known(request: Request) -> Principal:
    """Check token and organisation of a request that is about no sandbox."""
    principal = platform_of(request).access.principal(_bearer(request))
    _require_headers(request, principal)
    return principal


def _require_headers(request: Request, principal: Principal) -> None:
    if request.headers.get("x-api-key") != principal.client_id:
        raise ApiKeyRequired("the header x-api-key must carry the client_id that the token was made for")
    org = request.headers.get("x-gw-ims-org-id")
    if org is None:
        raise MissingHeader("the header x-gw-ims-org-id is missing")
    if org != principal.org_id:
        raise Forbidden(f"credential {principal.client_id} does not belong to organisation {org}")


def writer(request: Request) -> Caller:
    """Like `caller`, for requests that change something."""
    found = caller(request)
    require_write(found.principal)
    return found


def administrator(request: Request) -> Caller:
    """Like `caller`, for requests that change sandboxes."""
    found = caller(request)
    require_admin(found.principal)
    return found


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenMissing("the header Authorization must carry a Bearer token from POST /ims/token/v3")
    return token.strip()


class TokenMissing(Unauthenticated):
    """No bearer token was sent."""

    code = "403010"


Known = Annotated[Principal, Depends(known)]
Reading = Annotated[Caller, Depends(caller)]
Writing = Annotated[Caller, Depends(writer)]
Administering = Annotated[Caller, Depends(administrator)]

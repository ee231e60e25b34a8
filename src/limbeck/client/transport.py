"""HTTP as AEP's services expect it: headers, tokens, errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from limbeck.errors import Internal, InvalidInput, LimbeckError, NotFound, Unauthenticated, every_kind

TIMEOUT = httpx.Timeout(30.0, read=3600.0, write=3600.0)

REACH_S = 30.0
"""How long a host may take to answer at all."""

Token = Callable[[], str]


class Transport:
    """Sends requests to one platform, in the name of one credential, to one sandbox."""

    def __init__(self, http: httpx.Client, token: Token, *, org_id: str, client_id: str, sandbox: str) -> None:
        self._http = http
        self._token = token
        self.org_id = org_id
        self._headers = {"x-api-key": client_id, "x-gw-ims-org-id": org_id, "x-sandbox-name": sandbox}

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """Send one request and return its JSON; raise the error that the answer stands for."""
        headers = {**self._all_headers(), **arguments.pop("headers", {})}
        with _network_named():
            response = self._http.request(method, path, headers=headers, **arguments)
        raise_for(response)
        return response.json() if response.content else {}

    @contextmanager
    def stream(self, method: str, path: str, **arguments: Any) -> Iterator[httpx.Response]:
        """Send one request and give its answer while it arrives."""
        with (
            _network_named(),
            self._http.stream(method, path, headers=self._all_headers(), **arguments) as response,
        ):
            if response.status_code >= 400:
                response.read()
                raise_for(response)
            yield response

    def reach(self, path: str) -> int:
        """Ask for *path* without a token, and return the status of the answer, whatever it is."""
        with _network_named():
            return self._http.get(path, timeout=REACH_S).status_code

    def log_in(self) -> None:
        """Get a token; raise `Unauthenticated` if none is given."""
        self._token()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _all_headers(self) -> Mapping[str, str]:
        return {**self._headers, "Authorization": f"Bearer {self._token()}"}


class ClientCredentials:
    """Fetches a token for a client id and secret, and again shortly before it runs out."""

    def __init__(self, http: httpx.Client, url: str, client_id: str, client_secret: str, scopes: str) -> None:
        self._http = http
        self._url = url
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            "scope": scopes,
        }
        self._token = ""
        self._until = 0.0

    def __call__(self) -> str:
        """Return a token that is valid for a while yet."""
        if time.monotonic() >= self._until:
            with _network_named():
                response = self._http.post(self._url, data=self._form)
            if response.status_code in (404, 405):
                raise InvalidInput(f"{self._url} gives no tokens; correct the endpoint in the file of --config")
            if response.status_code >= 400:
                told = f"{self._url} gave no token: {_told(response)}"
                raise Unauthenticated(f"{told}; check client_id and client_secret in the file of --config")
            self._take(response)
        return self._token

    def _take(self, response: httpx.Response) -> None:
        try:
            answer = response.json()
            token, lifetime = str(answer["access_token"]), int(answer["expires_in"])
        except (ValueError, KeyError, TypeError) as error:
            told = f"{self._url} answers, but not as a platform does"
            raise InvalidInput(f"{told}; correct the endpoint in the file of --config") from error
        self._token, self._until = token, time.monotonic() + max(0, lifetime - 300)


def raise_for(response: httpx.Response) -> None:
    """Raise the error of ours that an error answer stands for."""
    if response.status_code < 400:
        return
    try:
        body = response.json()
    except ValueError:
        body = {}
    raise error_from(body if isinstance(body, dict) else {}, response.status_code, _told(response))


def error_from(body: Mapping[str, Any], status: int, told: str = "") -> LimbeckError:
    """Return the error that an error body stands for: by its code, else by its HTTP status."""
    code = body.get("error_code")
    kind = next((k for k in every_kind() if k.code == code), None) or _BY_STATUS.get(status, InvalidInput)
    return kind(str(body.get("message") or told), **dict(body.get("details") or {}))


_BY_STATUS: dict[int, type[LimbeckError]] = {401: Unauthenticated, 404: NotFound, 500: Internal}


def _told(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return f"HTTP {response.status_code} from {response.request.url}"
    keys = ("error_description", "detail", "message", "errorMessage", "title")
    found = [str(body[k]) for k in keys if isinstance(body, dict) and body.get(k)]
    return found[0] if found else f"HTTP {response.status_code} from {response.request.url}"


@contextmanager
def _network_named() -> Iterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        told = f"the platform cannot be reached: {_asked(error)}{error}"
        raise InvalidInput(f"{told}; check the endpoint of --config") from error


def _asked(error: httpx.TransportError) -> str:
    try:
        url = error.request.url
    except RuntimeError:
        return ""  # it did not come so far
    return f"{url.scheme}://{url.netloc.decode()}: "

"""What the proxy answers where it has nothing to give: JSON in the shape of AEP's errors."""

from __future__ import annotations

import json

from limbeck.errors import Forbidden, InvalidInput, LimbeckError, NotServedHere, Unreachable


def not_served(method: str, url: str) -> NotServedHere:
    """Return what is said of a request to a host of Adobe's that Limbeck does not answer."""
    return NotServedHere(f"{method} {url} is not served by Limbeck; limbeck compatibility lists what is")


def not_passed_on(host: str, listens_on: str) -> Forbidden:
    """Return what is said of another host where the proxy can be reached from other machines."""
    told = f"{host} is not Adobe's, and a proxy that listens on {listens_on} passes nothing on"
    return Forbidden(f"{told}: name the host in NO_PROXY, or use limbeck exec, or a proxy on 127.0.0.1")


def no_request(told: str) -> InvalidInput:
    """Return what is said of bytes that are no request to a proxy."""
    return InvalidInput(told)


def unreachable(target: str, error: Exception) -> Unreachable:
    """Return what is said of another host that cannot be reached."""
    return Unreachable(f"{target[:200]} cannot be reached: {error or 'no answer'}")


def body(failure: LimbeckError) -> bytes:
    """Return the JSON of an answer. It has no `id`: `aepp` takes that for success."""
    told = {"type": "about:blank", "status": failure.status, "title": failure.title, "detail": failure.message}
    return json.dumps({**told, "error_code": failure.code, "message": failure.message}).encode()

"""Etags over HTTP: the header that shows one, and the header by which a change says what it is based on."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Response

IfMatch = Annotated[str | None, Header(alias="If-Match")]
"""What a change is based on; the service compares it inside its transaction (`store/etags.py`)."""


def show(response: Response, etag: str) -> None:
    """Let an answer carry the etag of the resource it shows."""
    response.headers["ETag"] = etag if etag.startswith('"') else f'"{etag}"'

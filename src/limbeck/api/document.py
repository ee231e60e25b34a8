"""The OpenAPI document that `GET /openapi.json` gives."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field

FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""Of a route whose body is a file (`openapi_extra`)."""


class Error(BaseModel):
    """What a service tells of a request that it refuses (REST contract, section 2.5)."""

    model_config = ConfigDict(extra="allow")

    type: str
    status: int
    title: str
    detail: str
    error_code: str
    message: str
    sqlstate: str
    details: dict[str, Any]
    request_id: str = Field(alias="requestId")


class RegistryError(Error):
    """What the Schema Registry tells."""

    report: dict[str, Any]


class FlowError(Error):
    """What the Flow Service and its neighbours tell."""

    error_message: str = Field(alias="errorMessage")
    error_details: str = Field(alias="errorDetails")


class ImsError(BaseModel):
    """What IMS tells."""

    error: str
    error_description: str


OPEN = frozenset({"/ims/token/v3", "/ims/exchange/jwt", "/health"})
"""Paths for everybody."""

_DOORS = {
    "token": {"type": "http", "scheme": "bearer"},
    "client": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "organisation": {"type": "apiKey", "in": "header", "name": "x-gw-ims-org-id"},
}
"""What a request shows; the header `x-sandbox-name` says where it goes."""


def refusals(shape: Any) -> dict[int | str, dict[str, Any]]:
    """Return the answers that every route of a service has beside its own."""
    return {"4XX": {"model": shape, "description": "Refused"}, "5XX": {"model": shape, "description": "Not served"}}


class Documented(FastAPI):
    """An application whose document says what it takes to call it."""

    def openapi(self) -> dict[str, Any]:
        """Return the document, made at the first call."""
        if self.openapi_schema is None:
            self.openapi_schema = made = get_openapi(title=self.title, version=self.version, routes=self.routes)
            made["components"]["securitySchemes"] = _DOORS
            for path, item in made["paths"].items():
                for operation in item.values():
                    operation["security"] = [] if path in OPEN else [{name: [] for name in _DOORS}]
        return self.openapi_schema

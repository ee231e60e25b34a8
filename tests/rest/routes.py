"""The routes of the application, for tests that try something on each."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

from fastapi.routing import APIRoute

from limbeck.api.app import SERVICES
from limbeck.api.context import administrator, known, writer


@dataclass(frozen=True)
class Route:
    """A method at a path, of a service."""

    service: ModuleType
    method: str
    path: str
    has_body: bool
    """Whether a body of JSON is expected."""
    changes: bool
    """Whether a viewer is refused."""
    is_for_administrators: bool
    is_of_a_sandbox: bool
    is_documented: bool
    """Whether the OpenAPI document has it; it does not have other names of paths."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _route(service: ModuleType, route: APIRoute, method: str) -> Route:
    needs = {d.call for d in route.dependant.dependencies}
    changes = bool(needs & {writer, administrator})
    has_body, is_for_administrators = route.body_field is not None, administrator in needs
    is_of_a_sandbox = known not in needs
    return Route(
        service,
        method,
        route.path,
        has_body,
        changes,
        is_for_administrators,
        is_of_a_sandbox,
        route.include_in_schema,
    )


ROUTES = sorted(
    (
        _route(service, route, method)
        for service in SERVICES
        for route in service.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    ),
    key=str,
)


def parameters(path: str, made: str) -> dict[str, str] | None:
    """The parameters by which a path, or its beginning, becomes one that there is; None if none do."""
    parts, values = path.strip("/").split("/"), made.strip("/").split("/")
    if len(parts) < len(values):
        return None
    found = {}
    for part, value in zip(parts, values, strict=False):
        if part.startswith("{"):
            found[part.strip("{}").removesuffix(":path")] = value
        elif part != value:
            return None
    return found

"""The table of endpoints says what the application serves, no more and no less."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from limbeck.api.app import SERVICES
from tests.conformance.endpoints import Endpoint, endpoints
from tests.rest.api import Api, served

ROOT = Path(__file__).parents[2]
MISSING = [e for e in endpoints() if e.missing]


def plain(path: str) -> str:
    """A path whose variables have no names."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_every_route_stands_in_the_table_and_every_served_endpoint_has_a_route() -> None:
    routes = [r for service in SERVICES for r in service.router.routes if isinstance(r, APIRoute)]
    served_here = {(method, plain(route.path)) for route in routes for method in route.methods}
    said = {(e.method, plain(e.path)) for e in endpoints() if not e.missing}
    assert said == served_here


def test_the_test_behind_a_service_is_there() -> None:
    assert [e.test for e in endpoints() if not (ROOT / e.test).is_file()] == []


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("endpoints")) as opened:
        yield opened


@pytest.mark.parametrize("endpoint", MISSING, ids=lambda e: f"{e.method} {e.path}")
def test_what_is_missing_says_so(api: Api, endpoint: Endpoint) -> None:
    path = endpoint.path.replace("{id}", "x").replace("{dataset}", "y")
    answer = api.send(endpoint.method, path, json={} if endpoint.method != "GET" else None)
    assert answer.status_code in (404, 405)
    assert answer.json()["status"] == answer.status_code

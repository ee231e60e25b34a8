"""Every route refuses what it cannot take, in the shape of its service, and nothing has changed then."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from starlette.routing import compile_path

from limbeck.api.app import SHAPES
from limbeck.api.document import OPEN, Error
from limbeck.ids import new_uuid
from limbeck.store.tables import metadata
from tests.rest.api import Api, served
from tests.rest.resources import KINDS
from tests.rest.routes import ROUTES, Route, parameters

WATCHED = [table for table in metadata.sorted_tables if table.name not in ("audit_events", "jobs")]

GUARDED = [route for route in ROUTES if route.path not in OPEN]


@dataclass(frozen=True)
class Home:
    """The services, with one resource of each kind, and what the store has then."""

    api: Api
    made: tuple[str, ...]
    """Paths of resources."""

    def path(self, route: Route) -> str:
        """The path of a resource that a route could change; of none, if there is none for it."""
        known = [found for path in self.made if (found := parameters(route.path, path)) is not None]
        return filled(route, max(known, key=len, default={}))

    def rows(self) -> dict[str, list[Any]]:
        """All that is stored."""
        with self.api.platform.store.read() as connection:
            return {table.name: sorted(connection.execute(select(table)).all(), key=str) for table in WATCHED}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with served(tmp_path_factory.mktemp("refusals")) as api:
        yield Home(api, tuple(kind.at(kind.make(api)) for kind in KINDS))


def filled(route: Route, values: Mapping[str, str]) -> str:
    return re.sub(r"{(\w+)(:path)?}", lambda found: values.get(found[1], new_uuid()), route.path)


def send(api: Api, route: Route, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return api.send(route.method, path, headers, **({"json": {}} if route.has_body else {}))


def require(route: Route, answer: httpx.Response, *statuses: int) -> None:
    assert answer.status_code in statuses, (str(route), answer.status_code, answer.text)
    if route.method == "HEAD":
        return
    told = answer.json()
    SHAPES.get(route.service, Error).model_validate(told)
    assert (told["status"], "id" in told) == (answer.status_code, False)
    assert told["detail"]


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"Authorization": ""}, 401, "403010"),
        ({"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."}, 401, "401013"),
        ({"x-api-key": "somebody"}, 403, "403000"),
        ({"x-gw-ims-org-id": "other@AdobeOrg"}, 403, "403025"),
        ({"x-sandbox-name": "nowhere"}, 403, "403025"),
    ],
    ids=["no token", "forged token", "other client", "other organisation", "unknown sandbox"],
)
def test_who_is_not_known_changes_nothing(home: Home, changed: dict[str, str], status: int, code: str) -> None:
    before = home.rows()
    for route in GUARDED:
        if "x-sandbox-name" in changed and not route.is_of_a_sandbox:
            continue
        answer = send(home.api, route, home.path(route), changed)
        require(route, answer, status)
        assert route.method == "HEAD" or answer.json()["error_code"] == code
    assert home.rows() == before


def test_who_may_not_changes_nothing(home: Home) -> None:
    before = home.rows()
    for route in GUARDED:
        for role, is_refused in (("viewer", route.changes), ("editor", route.is_for_administrators)):
            if is_refused:
                require(route, send(home.api.as_(role), route, home.path(route)), 403)
    assert home.rows() == before


@pytest.mark.parametrize("sent", [b"", b"{", b"null", b"17", b'"text"', b"[[]]", b'{"name": NaN}', b"\xff"], ids=repr)
def test_what_is_no_body_changes_nothing(home: Home, sent: bytes) -> None:
    before = home.rows()
    for route in (route for route in GUARDED if route.has_body):
        answer = home.api.send(route.method, home.path(route), {"Content-Type": "application/json"}, content=sent)
        require(route, answer, 400)
    assert home.rows() == before


def test_what_is_not_there_is_not_found(home: Home) -> None:
    before = home.rows()
    for route in (route for route in GUARDED if "{" in route.path):
        for missing in (new_uuid(), "0" * 24, "%2e%2e", "é", "a" * 3000):
            names = re.findall(r"{(\w+)", route.path)
            path = filled(route, {"container": "tenant", "kind": "flows"} | dict.fromkeys(names, missing))
            require(route, send(home.api, route, path), 404, 400)
    assert home.rows() == before


def test_any_accept_header_will_do_but_the_registrys(home: Home) -> None:
    accept = {"Accept": "application/vnd.adobe.adhoc.dataset.activation+json; version=1"}
    for route in (route for route in GUARDED if route.method == "GET"):
        path = home.path(route)
        plain, odd = home.api.send("GET", path), home.api.send("GET", path, accept)
        if odd.status_code == 406:
            assert "schemaregistry" in path
            require(route, odd, 406)
        else:
            assert odd.status_code == plain.status_code, path


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_methods_that_a_path_does_not_have(home: Home, method: str) -> None:
    before = home.rows()
    for path in {route.path for route in ROUTES}:
        mine = next(route for route in ROUTES if route.path == path)
        concrete = filled(mine, {"container": "tenant", "kind": "schemas"})
        served_by = {r.method for r in ROUTES if compile_path(r.path)[0].match(concrete)}
        if method not in served_by:
            answer = home.api.send(method, concrete)
            assert (answer.status_code, answer.json()["status"]) == (405, 405), concrete
    assert home.rows() == before

"""Errors as AEP's services word them: every answer is JSON, none has an id, each service has its own keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute

from limbeck.api.app import SERVICES
from limbeck.api.context import administrator, caller, known, writer
from limbeck.api.document import OPEN
from tests.rest.api import Api, served

STATS = "/data/foundation/schemaregistry/stats"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("errors")) as opened:
        yield opened


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"Authorization": ""}, 401, "403010"),
        ({"Authorization": "Bearer nothing"}, 401, "401013"),
        ({"Authorization": "Basic eA=="}, 401, "403010"),
        ({"x-api-key": ""}, 403, "403000"),
        ({"x-api-key": "somebody"}, 403, "403000"),
        ({"x-gw-ims-org-id": "other@AdobeOrg"}, 403, "403025"),
        ({"x-sandbox-name": "nowhere"}, 403, "403025"),
    ],
)
def test_the_gateway_refuses_who_is_not_known(api: Api, changed: dict[str, str], status: int, code: str) -> None:
    answer = api.send("GET", STATS, changed)
    assert (answer.status_code, answer.json()["error_code"], answer.json()["status"]) == (status, code, status)
    assert "id" not in answer.json()


def test_a_lower_case_scheme_and_any_accept_header_will_do(api: Api) -> None:
    lower = api.headers()["Authorization"].replace("Bearer", "bearer")
    assert api.send("GET", STATS, {"Authorization": lower}).status_code == 200
    adhoc = {"Accept": "application/vnd.adobe.adhoc.dataset.activation+json; version=1"}
    assert api.send("GET", "/data/foundation/catalog/dataSets", adhoc).status_code == 200


def test_each_service_has_its_keys(api: Api) -> None:
    flow = api.send("GET", "/data/foundation/flowservice/flows/none").json()
    assert (flow["status"], "no flow 'none'" in flow["errorMessage"], flow["errorDetails"]) == (
        404,
        True,
        "LIMB-1004-404",
    )
    registry = api.send("POST", "/data/foundation/schemaregistry/tenant/schemas", json={"title": "x"}).json()
    assert registry["report"]["detailed-message"] == registry["detail"]
    assert registry["report"]["registryRequestId"] == registry["requestId"]
    catalog = api.send("GET", "/data/foundation/catalog/dataSets/none").json()
    assert (catalog["title"], catalog["status"]) == ("NotFoundError", 404)
    assert not {"report", "errorMessage"} & catalog.keys()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_an_unknown_path_is_not_found_in_json(api: Api, method: str) -> None:
    answer = api.send(method, "/data/core/nothing/here")
    assert (answer.status_code, answer.json()["status"]) == (404, 404)


def test_a_method_that_a_path_does_not_have(api: Api) -> None:
    answer = api.send("DELETE", STATS)
    assert (answer.status_code, answer.json()["status"]) == (405, 405)


def test_an_unknown_form_is_not_acceptable(api: Api) -> None:
    path = "/data/foundation/schemaregistry/global/classes"
    answer = api.send("GET", path, {"Accept": "application/vnd.adobe.xxx+json"})
    assert (answer.status_code, answer.json()["status"]) == (406, 406)
    for accept in ("application/vnd.adobe.xed-id+json", "application/vnd.adobe.xdm-v2+json; version=1", "*/*", ""):
        assert api.send("GET", path, {"Accept": accept}).status_code == 200


def test_every_route_says_what_it_needs_and_only_administrators_change_sandboxes() -> None:
    routes = [route for service in SERVICES for route in service.router.routes if isinstance(route, APIRoute)]
    assert {route.path for route in routes} > OPEN
    for route in (r for r in routes if r.path not in OPEN):
        needs = {d.call for d in route.dependant.dependencies}
        assert needs & {known, caller, writer, administrator}, f"{route.path} asks for no credential"
        changes = bool(route.methods & {"POST", "PUT", "PATCH", "DELETE"})
        if changes and not needs & {writer, administrator}:
            assert route.path in READ_BY_POST, f"{sorted(route.methods)} {route.path} may be sent by a viewer"
        if changes and "sandbox-management" in route.path:
            assert administrator in needs


READ_BY_POST = {
    "/data/foundation/access-control/acl/effective-policies",
    "/data/foundation/connectors/landingzone/credentials",
    "/data/foundation/conversion/mappingSets/preview",
    "/data/foundation/conversion/languages/el/validate",
    "/data/infrastructure/observability/insights/metrics",
    "/data/core/ups/access/entities",
    "/data/core/ups/preview",
    "/data/core/ups/segment/definitions/bulk-get",
    "/data/foundation/query/queries",
    "/limbeck/v1/sql",
}
"""Paths that are posted to in order to read; a statement that writes is refused by the Query Service itself."""

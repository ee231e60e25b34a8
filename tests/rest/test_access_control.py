"""Who may do what, and where: what Access Control tells is what the calls allow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.commands import limbeck as command
from tests.rest.api import ORG, ROLES, SANDBOXES, Api, served
from tests.rest.resources import CATALOG, KINDS, QUERY, Kind

ACCESS = "/data/foundation/access-control"
MANAGEMENT = "/data/foundation/sandbox-management"

RESOURCE_TYPES = {
    "sandbox": "sandboxes",
    "dataset": "datasets",
    "namespace": "identity-namespaces",
    "schemas": "schemas",
    "segment definition": "segments",
    "query template": "queries",
    "connection": "destinations",
    "source connection": "sources",
}
"""Of some kinds of the table of resources."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("access")) as opened:
        yield opened


def bound(api: Api, client_id: str, role: str, *only: str) -> Api:
    """The API for a new credential that may work in some sandboxes only."""
    access = api.platform.access
    access.create_credential(ORG, client_id=client_id, client_secret="s", roles=[role], only=only)
    return replace(api.as_(client_id), tokens={**api.tokens, client_id: access.token(client_id, "s")[0]})


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", [k for k in KINDS if k.name in RESOURCE_TYPES], ids=lambda kind: kind.name)
def test_what_is_told_is_what_is_allowed(api: Api, kind: Kind, role: str) -> None:
    name = RESOURCE_TYPES[kind.name]
    told = api.as_(role).ok("POST", f"{ACCESS}/acl/effective-policies", [f"/resource-types/{name}"])["policies"][name]
    assert (api.as_(role).send("GET", kind.path).status_code == 200) == ("view" in told)
    made = api.as_(role).send("POST", kind.path, json=kind.body(api))
    assert (made.status_code < 300, made.status_code == 403) == ("manage" in told, "manage" not in told)


def test_permissions_name_what_there_is(api: Api) -> None:
    told = api.as_("viewer").ok("GET", f"{ACCESS}/acl/reference")
    assert set(RESOURCE_TYPES.values()) < set(told["resource-types"])
    assert told["permissions"]["manage-datasets"] == {"datasets": ["read", "write", "delete"]}
    assert told["permissions"]["view-profiles"] == {"profiles": ["read"]}
    asked = [f"/permissions/{name}" for name in ("view-schemas", "manage-schemas", "manage-sandboxes", "fly")]
    for role, expected in {
        "admin": [["view"], ["view", "manage"], ["view", "manage"], []],
        "editor": [["view"], ["view", "manage"], [], []],
        "viewer": [["view"], [], [], []],
    }.items():
        found = api.as_(role).ok("POST", f"{ACCESS}/acl/effective-policies", asked)["policies"]
        assert list(found.values()) == expected
    for wrong in ({}, [1], [None], "text"):
        assert api.send("POST", f"{ACCESS}/acl/effective-policies", json=wrong).status_code == 400


def test_roles_and_who_has_them(api: Api) -> None:
    roles = api.as_("viewer").ok("GET", f"{ACCESS}/administration/roles")
    assert [role["name"] for role in roles["items"]] == list(ROLES)
    assert roles["_links"] == {}
    one = api.ok("GET", f"{ACCESS}/administration/roles/editor/")
    assert one == roles["items"][1]
    assert ("manage-segments" in one["permissionSets"], "manage-sandboxes" in one["permissionSets"]) == (True, False)
    bound(api, "someone", "editor", "dev")
    path = f"{ACCESS}/administration/roles/editor/subjects"
    told = {subject["subjectId"]: subject["sandboxes"] for subject in api.ok("GET", path)["items"]}
    assert told == {"editor": ["*"], "someone": ["dev"]}
    api.platform.access.revoke_credential("someone")
    assert [subject["subjectId"] for subject in api.ok("GET", path)["items"]] == ["editor"]
    assert api.as_("editor").send("GET", path).status_code == 403
    assert api.send("GET", f"{ACCESS}/administration/roles/boss").status_code == 404


def test_a_credential_works_in_its_sandboxes_only(api: Api) -> None:
    mine = bound(api, "dev only", "editor", "dev").on("dev")
    kind = next(k for k in KINDS if k.name == "schemas")
    made = kind.make(mine)
    assert kind.read(mine, made) == kind.read(api.on("dev"), made)
    for sandbox in ("prod", "nowhere"):
        for method, path in (("GET", kind.path), ("POST", kind.path), ("GET", f"{CATALOG}/dataSets")):
            refused = mine.on(sandbox).send(method, path, json={})
            assert (refused.status_code, refused.json()["error_code"]) == (403, "403025")
    headers = {key: value for key, value in mine.headers().items() if key != "x-sandbox-name"}
    assert api.http.get(f"{CATALOG}/dataSets", headers=headers).status_code == 403  # it means prod
    listed = mine.ok("GET", f"{MANAGEMENT}/sandboxes")["sandboxes"]
    assert [sandbox["name"] for sandbox in listed] == ["dev"]
    assert mine.send("GET", f"{MANAGEMENT}/sandboxes/prod").status_code == 403
    assert mine.send("POST", "/limbeck/v1/sql", json={"sql": "SELECT 1"}).status_code == 200
    assert mine.on("prod").send("POST", "/limbeck/v1/sql", json={"sql": "SELECT 1"}).status_code == 403
    assert mine.on("prod").send("POST", f"{QUERY}/queries", json={"sql": "SELECT 1"}).status_code == 403


def test_who_is_bound_to_sandboxes_does_not_change_them(api: Api) -> None:
    mine = bound(api, "dev chief", "admin", *SANDBOXES)
    assert mine.send("POST", f"{MANAGEMENT}/sandboxes", json={"name": "third"}).status_code == 403
    assert mine.send("PUT", f"{MANAGEMENT}/sandboxes/dev", json={"action": "reset"}).status_code == 403
    asked = ["/resource-types/sandboxes", "/resource-types/schemas"]
    told = mine.ok("POST", f"{ACCESS}/acl/effective-policies", asked)["policies"]
    assert told == {"sandboxes": ["view"], "schemas": ["view", "manage"]}


def test_the_command_line_binds_credentials(tmp_path: Path) -> None:
    home = ("--home", tmp_path / "home", "--json")
    made = command(
        "credentials", "create", "--org", ORG, "--role", "editor", "--sandbox", "dev", "--sandbox", "qa", *home
    )
    assert json.loads(made.stdout)["sandbox"] == "dev"
    assert json.loads(command("credentials", "create", "--org", ORG, "--id", "all", *home).stdout)["sandbox"] == "prod"
    listed = json.loads(command("credentials", "list", *home).stdout)
    assert {row["client_id"] == "all": row["sandboxes"] for row in listed} == {False: "dev, qa", True: "all"}

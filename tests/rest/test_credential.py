"""Who calls: organisation, client id, roles, and the sandboxes that a credential may enter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rest.api import ORG, SANDBOXES, Api, served

WHO = "/limbeck/v1/credential"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("credential")) as opened:
        yield opened


@pytest.mark.parametrize("role", ["admin", "viewer"])
def test_a_credential_is_told_what_it_is(api: Api, role: str) -> None:
    found = api.as_(role).ok("GET", WHO)
    assert (found["imsOrgId"], found["clientId"], found["roles"]) == (ORG, role, [role])
    assert found["sandboxes"] == [{"name": name, "type": "development"} for name in SANDBOXES]
    assert "s3cret" not in str(found)


def test_whatever_sandbox_is_named(api: Api) -> None:
    made = api.platform.access.create_credential(ORG, only=["dev"], sandbox="dev", roles=["editor", "viewer"])
    token, _ = api.platform.access.token(made.client_id, made.client_secret)
    own = {"Authorization": f"Bearer {token}", "x-api-key": made.client_id}
    for sandbox in ("prod", "dev", "nowhere"):
        found = api.on(sandbox).send("GET", WHO, own).json()
        assert found["sandboxes"] == [{"name": "dev", "type": "development"}]
        assert found["roles"] == ["editor", "viewer"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"Authorization": "Bearer x"}, 401),
        ({"x-api-key": "viewer"}, 403),
        ({"x-gw-ims-org-id": "other@AdobeOrg"}, 403),
    ],
)
def test_nobody_else_is_told_anything(api: Api, sent: dict[str, str], status: int) -> None:
    assert api.send("GET", WHO, sent).status_code == status

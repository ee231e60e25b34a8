"""Who may act: organisations, sandboxes, credentials, and tokens that only this home can have issued."""

from __future__ import annotations

import jwt
import pytest
from sqlalchemy import select

from limbeck.access import Access, NewCredential
from limbeck.access.service import require_write
from limbeck.errors import Forbidden, InvalidInput, NameTaken, NotFound, Unauthenticated
from limbeck.scope import LOCAL, Principal
from limbeck.settings import Settings
from limbeck.store import Store
from limbeck.store.tables import keys

ORG = "Acme Corp@AdobeOrg"


@pytest.fixture
def org(access: Access) -> str:
    return access.ensure_organisation(ORG)


@pytest.fixture
def credential(access: Access, org: str) -> NewCredential:
    return access.create_credential(org, client_id="me", client_secret="s3cret")


def test_a_home_has_one_organisation(access: Access) -> None:
    assert access.organisation() is None
    assert access.ensure_organisation(ORG) == access.ensure_organisation(ORG) == access.ensure_organisation() == ORG
    assert access.organisation() == ORG
    with pytest.raises(InvalidInput, match="belongs to organisation Acme Corp@AdobeOrg, not other@AdobeOrg"):
        access.ensure_organisation("other@AdobeOrg")


def test_sandboxes_are_made_once_and_found_by_name(access: Access, org: str) -> None:
    first = access.sandbox(org, "prod")
    assert (first.tenant, first.org_id, first.type) == ("acme_corp", org, "development")
    made = access.ensure_sandbox(org, "dev-1", "production")
    assert access.ensure_sandbox(org, "dev-1") == made
    assert {s.sandbox.name for s in access.sandboxes.all(org)} == {"prod", "dev-1"}
    with pytest.raises(NotFound, match="no sandbox 'nope'"):
        access.sandbox(org, "nope")
    with pytest.raises(NotFound):
        access.sandbox("other@AdobeOrg", "prod")


@pytest.mark.parametrize("name", ["", "Prod", "1st", "a b", "../x", "a" * 300, "prod\n"])
def test_a_sandbox_has_a_plain_name(access: Access, org: str, name: str) -> None:
    with pytest.raises(InvalidInput, match="sandbox name"):
        access.ensure_sandbox(org, name)


def test_a_token_stands_for_its_credential(access: Access, org: str, credential: NewCredential) -> None:
    token, lifetime = access.token("me", "s3cret")
    assert lifetime == 3600
    assert access.principal(token) == Principal("me", org, frozenset({"admin"}))


def test_another_process_on_the_same_home_knows_the_token(
    access: Access, store: Store, credential: NewCredential
) -> None:
    token, _ = access.token("me", "s3cret")
    assert Access(store, 3600).principal(token).client_id == "me"


@pytest.mark.parametrize(("client_id", "secret"), [("me", "S3cret"), ("me", ""), ("you", "s3cret"), ("", "")])
def test_a_wrong_secret_gets_no_token(access: Access, credential: NewCredential, client_id: str, secret: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        access.token(client_id, secret)
    assert "s3cret" not in str(refused.value).lower()


def test_revoking_makes_secret_and_tokens_worthless(access: Access, credential: NewCredential) -> None:
    token, _ = access.token("me", "s3cret")
    access.revoke_credential("me")
    with pytest.raises(Unauthenticated):
        access.token("me", "s3cret")
    with pytest.raises(Unauthenticated, match="revoked"):
        access.principal(token)
    assert [c.revoked is not None for c in access.credentials()] == [True]
    with pytest.raises(NotFound):
        access.revoke_credential("you")


def test_a_token_expires(store: Store, credential: NewCredential) -> None:
    late = Access(store, -1)
    token, _ = late.token("me", "s3cret")
    with pytest.raises(Unauthenticated):
        late.principal(token)


def test_tokens_that_this_home_did_not_issue_are_refused(access: Access, credential: NewCredential) -> None:
    good, _ = access.token("me", "s3cret")
    claims = jwt.decode(good, options={"verify_signature": False})
    header, _, signature = good.split(".")
    other = jwt.encode({**claims, "sub": LOCAL}, "x" * 64, algorithm="HS256")
    forged = [
        "",
        "Bearer",
        good[:-2],
        other,
        jwt.encode({**claims, "sub": LOCAL}, None, algorithm="none"),
        ".".join((header, other.split(".")[1], signature)),
    ]
    for token in forged:
        with pytest.raises(Unauthenticated, match="not valid"):
            access.principal(token)


def test_a_token_without_expiry_is_refused(access: Access, store: Store) -> None:
    claims = jwt.decode(access.local_token(), options={"verify_signature": False})
    del claims["exp"]
    with store.read() as connection:
        key = connection.execute(select(keys.c.value)).scalar_one()
    with pytest.raises(Unauthenticated):
        access.principal(jwt.encode(claims, key, algorithm="HS256"))


def test_whoever_opens_the_folder_may_do_everything(access: Access, org: str) -> None:
    assert access.principal(access.local_token()) == Principal(LOCAL, org, frozenset({"admin"}))
    with pytest.raises(NameTaken):
        access.create_credential(org, client_id=LOCAL)


def test_credentials_are_made_once_with_known_roles(access: Access, org: str, credential: NewCredential) -> None:
    with pytest.raises(NameTaken, match="'me' exists"):
        access.create_credential(org, client_id="me")
    with pytest.raises(InvalidInput, match="unknown role boss; roles are admin, editor, viewer"):
        access.create_credential(org, roles=("boss",))
    viewer = access.create_credential(org, roles=("viewer",))
    token, _ = access.token(viewer.client_id, viewer.client_secret)
    with pytest.raises(Forbidden, match="may read only"):
        require_write(access.principal(token))
    require_write(access.principal(access.token("me", "s3cret")[0]))
    assert {c.client_id: list(c.roles) for c in access.credentials()} == {
        "me": ["admin"],
        viewer.client_id: ["viewer"],
    }


def test_secrets_are_random_and_not_kept(
    access: Access, org: str, settings: Settings, credential: NewCredential
) -> None:
    made = [access.create_credential(org) for _ in range(2)]
    assert len({(c.client_id, c.client_secret) for c in made}) == 2
    kept = b"".join(path.read_bytes() for path in settings.home.glob("limbeck.db*"))
    assert made[0].client_id.encode() in kept
    assert not any(c.client_secret.encode() in kept for c in (*made, credential))

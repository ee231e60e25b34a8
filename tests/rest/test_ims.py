"""Tokens: for a client and its secret, and for JWTs that clients sign."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from limbeck.errors import InvalidInput
from tests.commands import limbeck as command
from tests.rest.api import ORG, Api, served

KEY = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
PRIVATE = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
STATS = "/data/foundation/schemaregistry/stats"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("ims")) as opened:
        opened.platform.access.create_credential(ORG, client_id="old", client_secret="s", public_key=PUBLIC.decode())
        yield opened


def signed(key: rsa.RSAPrivateKey = KEY, **changed: Any) -> str:
    claims: dict[str, Any] = {
        "exp": datetime.now(UTC) + timedelta(hours=24),
        "iss": ORG,
        "sub": "tech@techacct.adobe.com",
        "https://ims-na1.adobelogin.com/s/ent_dataservices_sdk": True,
        "aud": "https://ims-na1.adobelogin.com/c/old",
    }
    return jwt.encode({k: v for k, v in {**claims, **changed}.items() if v is not None}, key, algorithm="RS256")


def exchange(api: Api, token: str, client: str = "old", secret: str = "s") -> tuple[int, dict[str, Any]]:
    form = {"client_id": client, "client_secret": secret, "jwt_token": token}
    answer = api.http.post("/ims/exchange/jwt", data=form)
    return answer.status_code, answer.json()


def test_a_jwt_is_exchanged_for_a_token_whose_validity_is_in_milliseconds(api: Api) -> None:
    status, told = exchange(api, signed())
    assert (status, told["expires_in"], told["token_type"]) == (200, 86_399_000, "bearer")
    sent = {"Authorization": f"bearer {told['access_token']}", "x-api-key": "old"}
    assert api.send("GET", STATS, sent).json()["imsOrg"] == ORG


@pytest.mark.parametrize(
    "token",
    [
        signed(OTHER),
        signed(exp=datetime(2020, 1, 1, tzinfo=UTC)),
        signed(exp=None),
        signed(iss="other@AdobeOrg"),
        signed(aud="https://ims-na1.adobelogin.com/c/else"),
        signed(sub=None),
        jwt.encode({"iss": ORG}, "s" * 32, algorithm="HS256"),
        "",
        "a.b.c",
    ],
)
def test_a_jwt_that_does_not_fit_is_refused(api: Api, token: str) -> None:
    status, told = exchange(api, token)
    assert (status, told["error"]) == (401, "invalid_client")


def test_secret_and_key_are_both_needed(api: Api) -> None:
    assert exchange(api, signed(), secret="wrong")[0] == 401
    assert exchange(api, signed(), client="nobody")[0] == 401
    status, told = exchange(api, signed(aud="https://ims-na1.adobelogin.com/c/viewer"), "viewer", "s3cret viewer")
    assert (status, "--public-key" in told["error_description"]) == (401, True)


def test_only_public_keys_are_registered(api: Api) -> None:
    for text in ("nothing", PRIVATE.decode()):
        with pytest.raises(InvalidInput, match="no public key"):
            api.platform.access.create_credential(ORG, public_key=text)


def test_the_command_line_registers_a_key(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_bytes(PUBLIC)
    line = ("credentials", "create", "--home", tmp_path / "home", "--org", ORG, "--public-key")
    assert command(*line, tmp_path / "key.pub").returncode == 0
    assert command(*line, tmp_path / "absent").returncode == 2


def test_forms_that_are_no_login_are_refused(api: Api) -> None:
    for form in ({}, {"grant_type": "password"}, {"grant_type": "client_credentials", "client_id": "viewer"}):
        answer = api.http.post("/ims/token/v3", data=form)
        assert (answer.status_code in (400, 401), "error" in answer.json()) == (True, True)

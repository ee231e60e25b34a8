"""The landing zone over HTTP, as Azure's clients see it; the same operations are tried on Azurite."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import adlfs
import httpx
import pandas as pd
import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import (
    AccountSasPermissions,
    BlobBlock,
    BlobServiceClient,
    ContainerClient,
    ContainerSasPermissions,
    ResourceTypes,
    generate_account_sas,
    generate_blob_sas,
    generate_container_sas,
)
from azure.storage.blob.aio import ContainerClient as AsyncContainerClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limbeck.access.sas import ACCOUNT
from limbeck.api.server import ThreadServer, listen, url_of
from limbeck.platform import Platform
from limbeck.settings import Settings
from tests import emulators

CONTAINER = "dlz-user-container"


@dataclass(frozen=True)
class Account:
    """A storage account: where it is, and its key."""

    url: str
    name: str
    key: str

    def sas(self, permissions: str = "rwdlac", services: str = "sco", hours: float = 1) -> str:
        """A signature for the whole account."""
        ends = datetime.now(UTC) + timedelta(hours=hours)
        kinds = ResourceTypes(service="s" in services, container="c" in services, object="o" in services)
        return generate_account_sas(self.name, self.key, kinds, AccountSasPermissions.from_string(permissions), ends)

    @property
    def connection(self) -> str:
        """What stands in AZURE_STORAGE_CONNECTION_STRING."""
        return f"BlobEndpoint={self.url};SharedAccessSignature={self.sas()}"

    def container(self, name: str = CONTAINER) -> ContainerClient:
        """A client of a container."""
        return BlobServiceClient.from_connection_string(self.connection, retry_total=0).get_container_client(name)


@contextmanager
def served(folder: Path) -> Iterator[tuple[Platform, str]]:
    """The platform of a home while it is served, and the server's URL."""
    platform = Platform(Settings(home=folder, engine_memory_mib=256))
    platform.access.ensure_organisation()
    platform.start()
    bound = listen("127.0.0.1", 0)
    url = url_of(bound)
    server = ThreadServer(platform, bound, http=url)
    try:
        yield platform, url
    finally:
        server.stop()
        platform.close()


@contextmanager
def limbeck_account(folder: Path) -> Iterator[Account]:
    with served(folder) as (platform, url):
        key = base64.b64encode(platform.access.account_key().key).decode()
        yield Account(f"{url}/{ACCOUNT}", ACCOUNT, key)


@contextmanager
def azurite_account(folder: Path) -> Iterator[Account]:
    with emulators.azurite(folder) as url:
        account = Account(url, emulators.AZURITE_ACCOUNT, emulators.AZURITE_KEY)
        account.container().create_container()
        yield account


@pytest.fixture(scope="module", params=[limbeck_account, azurite_account], ids=["limbeck", "azurite"])
def account(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with request.param(tmp_path_factory.mktemp("account")) as opened:
        yield opened


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with limbeck_account(tmp_path_factory.mktemp("ours")) as opened:
        yield opened


def names(client: ContainerClient, prefix: str = "") -> list[str]:
    return [blob.name for blob in client.list_blobs(prefix)]


def test_a_blob_is_written_read_listed_and_deleted(account: Account) -> None:
    client = account.container()
    client.upload_blob("one/a b+c%20ü=1.txt", b"hello")
    assert names(client, "one/") == ["one/a b+c%20ü=1.txt"]
    blob = client.get_blob_client("one/a b+c%20ü=1.txt")
    told = blob.get_blob_properties()
    assert (told.size, told.blob_type, told.name) == (5, "BlockBlob", "one/a b+c%20ü=1.txt")
    assert blob.download_blob().readall() == b"hello"
    assert blob.download_blob(offset=1, length=3).readall() == b"ell"
    with pytest.raises(ResourceExistsError):
        client.upload_blob("one/a b+c%20ü=1.txt", b"other")
    client.upload_blob("one/a b+c%20ü=1.txt", b"other", overwrite=True)
    assert blob.download_blob().readall() == b"other"
    blob.delete_blob()
    for asked in (blob.get_blob_properties, blob.download_blob, blob.delete_blob):
        with pytest.raises(ResourceNotFoundError):
            asked()
    assert not blob.exists()
    assert names(client, "one/") == []


def test_empty_blobs_and_those_of_many_blocks(account: Account) -> None:
    client = account.container()
    client.upload_blob("sizes/_SUCCESS", b"")
    assert client.download_blob("sizes/_SUCCESS").readall() == b""
    large = os.urandom(9_000_000)
    small = ContainerClient.from_container_url(
        f"{account.url}/{CONTAINER}?{account.sas()}", max_single_put_size=1_000_000, max_block_size=2_000_000
    )
    small.upload_blob("sizes/large", iter([large[:5_000_000], large[5_000_000:]]))
    assert client.download_blob("sizes/large").readall() == large
    assert {b.name: b.size for b in client.list_blobs("sizes/")} == {"sizes/_SUCCESS": 0, "sizes/large": len(large)}


def test_blocks_are_a_blob_once_they_are_committed(account: Account) -> None:
    blob = account.container().get_blob_client("blocks/b")
    first, second = (base64.b64encode(n).decode() for n in (b"0001", b"0002"))
    blob.stage_block(first, b"first ")
    blob.stage_block(second, b"second")
    assert not blob.exists()
    waiting = blob.get_block_list("uncommitted")[1]
    assert [(b.id, b.size) for b in waiting] == [(first, 6), (second, 6)]
    with pytest.raises(HttpResponseError):
        blob.commit_block_list([BlobBlock(base64.b64encode(b"0009").decode())])
    blob.commit_block_list([BlobBlock(second), BlobBlock(first)])
    assert blob.download_blob().readall() == b"secondfirst "


def test_blocks_committed_again_are_the_same_blob(account: Account) -> None:
    blob = account.container().get_blob_client("blocks/again")
    blocks = [BlobBlock(base64.b64encode(name).decode()) for name in (b"1", b"2")]
    for block in blocks:
        blob.stage_block(block.id, block.id.encode())
    blob.commit_block_list(blocks)
    content = blob.download_blob().readall()
    blob.commit_block_list(blocks)
    assert blob.download_blob().readall() == content
    with pytest.raises(HttpResponseError):
        blob.commit_block_list([*blocks, BlobBlock(base64.b64encode(b"3").decode())])
    assert blob.download_blob().readall() == content


def test_blocks_of_a_blob_that_was_written_anew_are_gone(ours: Account) -> None:
    blob = ours.container().get_blob_client("blocks/anew")
    block = BlobBlock(base64.b64encode(b"1").decode())
    blob.stage_block(block.id, b"old")
    blob.commit_block_list([block])
    blob.upload_blob(b"newer", overwrite=True)
    with pytest.raises(HttpResponseError):
        blob.commit_block_list([block])
    assert blob.download_blob().readall() == b"newer"


def test_lists_by_folders_and_page_by_page(account: Account) -> None:
    client = account.container()
    wanted = [f"tree/{a}/{b}" for a in "xyz" for b in "12"] + ["tree/a", "tree/x-", "tree/zz"]
    for name in wanted:
        client.upload_blob(name, b"x")
    assert names(client, "tree/") == sorted(wanted)
    shown = [found.name for found in client.walk_blobs("tree/", delimiter="/")]
    assert sorted(shown) == ["tree/a", "tree/x-", "tree/x/", "tree/y/", "tree/z/", "tree/zz"]
    pages = [[b.name for b in page] for page in client.list_blobs("tree/", results_per_page=4).by_page()]
    assert ([len(page) for page in pages], [n for page in pages for n in page]) == ([4, 4, 1], sorted(wanted))
    assert names(client, "tree/x") == ["tree/x-", "tree/x/1", "tree/x/2"]


def test_conditions_hold(account: Account) -> None:
    client = account.container()
    client.upload_blob("etag", b"1")
    blob = client.get_blob_client("etag")
    first = blob.get_blob_properties().etag
    client.upload_blob("etag", b"22", overwrite=True)
    from azure.core import MatchConditions

    with pytest.raises(HttpResponseError) as refused:
        blob.download_blob(etag=first, match_condition=MatchConditions.IfNotModified)
    assert refused.value.status_code == 412
    assert blob.get_blob_properties().etag != first
    with pytest.raises(HttpResponseError) as beyond:
        blob.download_blob(offset=10, length=5)
    assert beyond.value.status_code == 416


def test_adlfs_and_pandas_work_as_they_are(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", account.connection)
    adlfs.AzureBlobFileSystem.clear_instance_cache()
    files = adlfs.AzureBlobFileSystem(account_name="whatever", skip_instance_cache=True)
    frame = pd.DataFrame({"userId": ["a", "b"], "prediction": [0.25, 0.5]})
    with files.open(f"{CONTAINER}/cmle/ingress/1/part-0.csv", "wb") as handle:
        frame.to_csv(handle, index=False)
    frame.to_parquet(f"abfs://{CONTAINER}/cmle/egress/2/part-0.parquet", storage_options={"account_name": "whatever"})
    assert files.ls(f"{CONTAINER}/cmle", detail=False) == [f"{CONTAINER}/cmle/egress", f"{CONTAINER}/cmle/ingress"]
    told = {entry["name"]: entry["type"] for entry in files.ls(f"{CONTAINER}/cmle/ingress/1", detail=True)}
    assert told == {f"{CONTAINER}/cmle/ingress/1/part-0.csv": "file"}
    assert files.isdir(f"{CONTAINER}/cmle/ingress")
    assert files.exists(f"{CONTAINER}/cmle/ingress/1/part-0.csv")
    assert sorted(files.find(f"{CONTAINER}/cmle")) == [
        f"{CONTAINER}/cmle/egress/2/part-0.parquet",
        f"{CONTAINER}/cmle/ingress/1/part-0.csv",
    ]
    back = pd.read_parquet(
        f"abfs://{CONTAINER}/cmle/egress/2/part-0.parquet", storage_options={"account_name": "whatever"}
    )
    pd.testing.assert_frame_equal(back, frame)
    with files.open(f"{CONTAINER}/cmle/ingress/1/part-0.csv", "rb") as handle:
        pd.testing.assert_frame_equal(pd.read_csv(handle), frame)
    files.rm(f"{CONTAINER}/cmle", recursive=True)
    assert not files.exists(f"{CONTAINER}/cmle/egress/2/part-0.parquet")


def test_the_asynchronous_client_works(account: Account) -> None:
    async def through() -> bytes:
        url = f"{account.url}/{CONTAINER}?{account.sas()}"
        async with AsyncContainerClient.from_container_url(url) as client:
            await client.upload_blob("async/a", b"later", overwrite=True)
            assert [b.name async for b in client.list_blobs("async/")] == ["async/a"]
            found = await client.download_blob("async/a")
            return bytes(await found.readall())

    assert asyncio.run(through()) == b"later"


# -- signatures --------------------------------------------------------------------------------------------------


def refused(account: Account, signature: str, act: Any) -> tuple[int, str]:
    client = ContainerClient.from_container_url(f"{account.url}/{CONTAINER}?{signature}", retry_total=0)
    with pytest.raises(HttpResponseError) as error:
        act(client)
    code = error.value.error_code
    told = str(getattr(code, "value", code))
    if account.name != ACCOUNT:  # Azurite has one code for most of this
        told = told.replace("AuthorizationFailure", "AuthenticationFailed")
    return error.value.status_code or 0, told


def test_a_signature_allows_what_it_says(account: Account) -> None:
    account.container().upload_blob("signed", b"x", overwrite=True)
    name, key, ends = account.name, account.key, datetime.now(UTC) + timedelta(hours=1)

    def of_container(permissions: str) -> str:
        return generate_container_sas(
            name, CONTAINER, key, permission=ContainerSasPermissions.from_string(permissions), expiry=ends
        )

    reading = ContainerClient.from_container_url(f"{account.url}/{CONTAINER}?{of_container('rl')}", retry_total=0)
    assert "signed" in names(reading)
    assert reading.download_blob("signed").readall() == b"x"
    one = generate_blob_sas(name, CONTAINER, "signed", account_key=key, permission="r", expiry=ends)
    alone = ContainerClient.from_container_url(f"{account.url}/{CONTAINER}?{one}", retry_total=0)
    assert alone.download_blob("signed").readall() == b"x"

    mismatch = (403, "AuthorizationPermissionMismatch")
    failed = (403, "AuthenticationFailed")
    write = lambda client: client.upload_blob("new", b"x")  # noqa: E731
    assert refused(account, of_container("rl"), write) == mismatch
    assert refused(account, of_container("rl"), lambda c: c.delete_blob("signed")) == mismatch
    assert refused(account, of_container("r"), names) == mismatch
    assert refused(account, account.sas("l"), lambda c: c.download_blob("signed")) == mismatch
    assert refused(account, one, lambda c: c.download_blob("other"))[0] == 403
    assert refused(account, account.sas(hours=-1), names) == failed
    forged = of_container("r").replace("sp=r", "sp=rl")
    assert refused(account, forged, names) == failed
    assert "new" not in names(account.container())


def test_a_signature_ends_with_the_credential_that_fetched_it(tmp_path: Path) -> None:
    with served(tmp_path) as (platform, url):
        lists = []
        for who in ("leaving", "staying"):
            made = platform.access.create_credential(platform.access.ensure_organisation(), client_id=who)
            token, _ = platform.access.token(who, made.client_secret)
            told = {"Authorization": f"Bearer {token}", "x-api-key": who, "x-gw-ims-org-id": made.org_id}
            path = "/data/foundation/connectors/landingzone/credentials"
            lists.append(f"{httpx.get(url + path, headers=told).json()['SASUri']}&restype=container&comp=list")
        assert [httpx.get(url).status_code for url in lists] == [200, 200]
        platform.access.revoke_credential("leaving")
        assert [httpx.get(url).status_code for url in lists] == [403, 200]
        unbound = lists[0].replace("&si=leaving", "")
        assert unbound != lists[0]
        assert httpx.get(unbound).status_code == 403


def test_without_a_signature_nothing_is_shown(ours: Account) -> None:
    with httpx.Client(trust_env=False) as client:
        for method, path in (
            ("GET", f"/{CONTAINER}?restype=container&comp=list"),
            ("GET", f"/{CONTAINER}/x"),
            ("GET", "/?comp=list"),
        ):
            answer = client.request(method, f"{ours.url}{path}")
            assert (answer.status_code, answer.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")
            assert answer.text.startswith("<?xml")


@pytest.mark.parametrize("changed", [{"sig": "gefälscht"}, {"se": "tomorrow"}, {"st": "🌙"}, {"se": ""}])
def test_an_odd_signature_is_refused(ours: Account, changed: dict[str, str]) -> None:
    asked = dict(parse_qsl(ours.sas())) | {"restype": "container", "comp": "list"} | changed
    answer = httpx.get(f"{ours.url}/{CONTAINER}?{urlencode(asked)}", trust_env=False)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")


def test_a_signature_for_addresses_is_not_taken_for_one_without(ours: Account) -> None:
    signature = generate_container_sas(
        ours.name, CONTAINER, ours.key, permission="rl", expiry=datetime.now(UTC) + timedelta(hours=1), ip="10.0.0.1"
    )
    answer = httpx.get(f"{ours.url}/{CONTAINER}?restype=container&comp=list&{signature}", trust_env=False)
    assert answer.status_code == 403
    assert "sip" in answer.text


def test_two_containers_and_no_more(ours: Account) -> None:
    service = BlobServiceClient.from_connection_string(ours.connection, retry_total=0)
    assert [c.name for c in service.list_containers()] == ["dlz-destination", CONTAINER]
    with pytest.raises(ResourceNotFoundError) as absent:
        list(service.get_container_client("other").list_blobs())
    assert absent.value.error_code == "ContainerNotFound"
    with pytest.raises(ResourceExistsError):
        service.create_container(CONTAINER)


@pytest.mark.parametrize("name", ["../x", "a/../../b", ".hidden", "a/.b", "a//b", "a\\b", "..", "a/.."])
def test_no_name_leads_out_of_the_container(ours: Account, name: str) -> None:
    sent = {"x-ms-blob-type": "BlockBlob"}
    with socket.create_connection(("127.0.0.1", int(ours.url.rpartition("/")[0].rpartition(":")[2]))) as raw:
        head = f"PUT /{ours.name}/{CONTAINER}/{name}?{ours.sas()} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
        raw.sendall((head + "".join(f"{k}: {v}\r\n" for k, v in sent.items()) + "\r\nx").encode())
        assert raw.recv(1000).startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 "))


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"method": "PUT", "url": "/x"}, 400),
        ({"method": "PUT", "url": "/x?comp=nothing"}, 400),
        ({"method": "PUT", "url": "/x?comp=block&blockid=%25%25"}, 400),
        ({"method": "PUT", "url": "/x?comp=blocklist", "content": b"<BlockList>"}, 400),
        ({"method": "PUT", "url": "/x?comp=blocklist", "content": b"<!DOCTYPE x []><BlockList/>"}, 400),
        ({"method": "GET", "url": "?restype=container&comp=list&maxresults=none"}, 400),
        ({"method": "POST", "url": "/x"}, 400),
    ],
)
def test_what_is_no_operation_is_refused_in_xml(ours: Account, how: dict[str, Any], status: int) -> None:
    method, url = how.pop("method"), how.pop("url")
    joined = f"{ours.url}/{CONTAINER}{url}{'&' if '?' in url else '?'}{ours.sas()}"
    answer = httpx.request(method, joined, trust_env=False, **how)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/xml")
    assert answer.headers["x-ms-error-code"]


# -- both alike ----------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a/1", "a/2", "b/x/1", "b/x/2", "c 1", "d=1/é"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "overwrite", "delete", "list", "walk", "get"]), NAMES, st.binary(max_size=20)),
    max_size=12,
)


def done(client: ContainerClient, step: tuple[str, str, bytes], root: str) -> Any:
    act, name, content = step
    try:
        match act:
            case "put":
                client.upload_blob(f"{root}/{name}", content)
            case "overwrite":
                client.upload_blob(f"{root}/{name}", content, overwrite=True)
            case "delete":
                client.delete_blob(f"{root}/{name}")
            case "get":
                return client.download_blob(f"{root}/{name}").readall()
            case "list":
                return [(b.name.removeprefix(root), b.size) for b in client.list_blobs(f"{root}/{name[0]}")]
            case _:
                return sorted(b.name.removeprefix(root) for b in client.walk_blobs(f"{root}/", delimiter="/"))
    except HttpResponseError as error:
        return error.status_code, error.error_code
    return None


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with azurite_account(tmp_path_factory.mktemp("azurite")) as opened:
        yield opened


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_azurite_answers_alike(ours: Account, azurite: Account, steps: list[tuple[str, str, bytes]]) -> None:
    root = f"alike/{os.urandom(8).hex()}"
    first, second = ours.container(), azurite.container()
    for step in steps:
        assert done(first, step, root) == done(second, step, root), step

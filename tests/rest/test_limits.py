"""What a request may be: size, depth, characters, numbers, headers; whatever comes, the answer is JSON."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from limbeck.api.limits import DEPTH, HEAD_BYTES
from limbeck.settings import MIB
from tests.rest.api import Api, served
from tests.rest.resources import CATALOG, QUERY, dataset

TEMPLATES = f"{QUERY}/query-templates"
IMPORT = "/data/foundation/import/batches"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LIMBECK_UPLOAD_MIB", "2")
        environment.setenv("LIMBECK_JSON_BODY_MIB", "1")
        with served(tmp_path_factory.mktemp("limits")) as opened:
            yield opened


def chunks(count: int) -> Iterator[bytes]:
    """A body whose length nobody tells beforehand."""
    return (bytes(64 * 1024) for _ in range(count))


def staged(api: Api) -> list[str]:
    return [path.name for path in api.platform.settings.staging.rglob("*") if path.is_file()]


def batch(api: Api) -> tuple[str, str]:
    """An open batch and the path of a file of it."""
    into = dataset(api)
    made = api.ok("POST", IMPORT, {"datasetId": into, "inputFormat": {"format": "json"}})["id"]
    return made, f"{IMPORT}/{made}/datasets/{into}/files/a.json"


@pytest.mark.parametrize("sent", [bytes(2 * MIB + 1), "chunked"], ids=["with a length", "chunked"])
def test_a_file_that_is_too_large_leaves_nothing(api: Api, sent: Any) -> None:
    made, path = batch(api)
    body = chunks(40) if sent == "chunked" else sent
    answer = api.send("PUT", path, content=body, headers={"Content-Type": "application/octet-stream"})
    assert (answer.status_code, answer.json()["status"], "id" in answer.json()) == (413, 413, False)
    assert "in parts" in answer.json()["detail"]
    assert staged(api) == []
    assert api.send("HEAD", path).status_code == 404
    api.ok("PUT", path, content=chunks(32))  # exactly as large as it may be
    assert api.send("HEAD", path).headers["Content-Length"] == str(2 * MIB)
    api.ok("POST", f"{IMPORT}/{made}", params={"action": "ABORT"})


def test_a_part_that_is_too_large_leaves_nothing(api: Api) -> None:
    made, path = batch(api)
    api.ok("POST", path, params={"action": "INITIALIZE"})
    span = {"Content-Range": f"bytes 0-{3 * MIB - 1}/{3 * MIB}"}
    for body in (bytes(3 * MIB), chunks(48)):
        answer = api.send("PATCH", path, content=body, headers=span)
        assert (answer.status_code, answer.json()["status"]) == (413, 413)
    assert api.send("HEAD", path).headers["Content-Length"] == "0"
    api.ok("POST", f"{IMPORT}/{made}", params={"action": "ABORT"})
    assert staged(api) == []


@pytest.mark.parametrize("path", [TEMPLATES, "/ims/token/v3", "/data/foundation/flowservice/connections", "/nowhere"])
def test_another_body_that_is_too_large(api: Api, path: str) -> None:
    text = json.dumps({"name": "x", "sql": "SELECT 1" + " " * MIB}).encode()
    for body in (text, iter([text[: MIB // 2], text[MIB // 2 :]])):
        answer = api.send("POST", path, content=body, headers=JSON)
        assert (answer.status_code, answer.json()["status"]) == (413, 413)
        assert ("errorMessage" in answer.json()) == ("flowservice" in path)


def nested(levels: int) -> bytes:
    return b'{"name": "deep", "sql": "SELECT 1", "x": ' + b"[" * levels + b"]" * levels + b"}"


WRONG: dict[str, bytes] = {
    "deep": nested(DEPTH),
    "deeper": nested(5_000),
    "deepest": nested(200_000),
    "unclosed": b"[" * 100_000,
    "more than 64 bits": b'{"name": "x", "sql": "SELECT 1", "x": 9223372036854775808}',
    "very many digits": b'{"name": "x", "sql": "SELECT 1", "x": ' + b"9" * 10_000 + b"}",
    "infinite": b'{"name": "x", "sql": "SELECT 1", "x": -1e999}',
    "not a number": b'{"name": "x", "sql": "SELECT 1", "x": NaN}',
    "U+0000": b'{"name": "x\\u0000", "sql": "SELECT 1"}',
    "U+0000 in a key": b'{"name": "x", "sql": "SELECT 1", "\\\\\\u0000": 1}',
    "half a pair": b'{"name": "\\ud800", "sql": "SELECT 1"}',
    "half a pair in a key": b'{"name": "x", "sql": "SELECT 1", "\\udfff": 1}',
    "no UTF-8": b'{"name": "\xff", "sql": "SELECT 1"}',
    "surrogate in UTF-8": b'{"name": "\xed\xa0\x80", "sql": "SELECT 1"}',
    "UTF-16": '{"name": "x", "sql": "SELECT 1"}'.encode("utf-16"),
    "a control character": b'{"name": "a\nb", "sql": "SELECT 1"}',
    "two values": b'{"name": "x", "sql": "SELECT 1"} {}',
    "a comma too many": b'{"name": "x", "sql": "SELECT 1",}',
}


@pytest.mark.parametrize("sent", WRONG.values(), ids=WRONG)
def test_json_that_cannot_be_kept_is_refused(api: Api, sent: bytes) -> None:
    answer = api.send("POST", TEMPLATES, content=sent, headers=JSON)
    assert (answer.status_code, answer.json()["status"], answer.json()["title"]) == (400, 400, "BadRequestError")
    assert api.ok("GET", TEMPLATES)["templates"] == []


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (b'{"name": "first", "name": "last", "sql": "SELECT 1"}', "last"),
        (b'\xef\xbb\xbf{"name": "mark", "sql": "SELECT 1"}', "mark"),
        (b'{"name": "\\ud83d\\ude00 \\\\u0000", "sql": "SELECT 1"}', "\U0001f600 \\u0000"),
        (b'{"name": "long", "sql": "SELECT 1", "x": 9223372036854775807, "y": -1.5e300}', "long"),
        (nested(DEPTH - 1), "deep"),
    ],
    ids=["the last of two keys", "byte order mark", "a pair", "64 bits", "as deep as may be"],
)
def test_json_that_is_unusual_is_taken(api: Api, sent: bytes, name: str) -> None:
    made = api.send("POST", TEMPLATES, content=sent, headers=JSON)
    assert made.status_code == 201, made.text
    found = api.ok("GET", f"{TEMPLATES}/{made.json()['id']}")
    assert found["name"] == name
    api.ok("DELETE", f"{TEMPLATES}/{made.json()['id']}")


@pytest.mark.parametrize("media", ["", "text/plain", "application/xml", "multipart/form-data; boundary=x", "%%%"])
def test_a_body_that_does_not_call_itself_json_is_refused(api: Api, media: str) -> None:
    sent = {"Content-Type": media}
    answer = api.send("POST", TEMPLATES, content=b'{"name": "x", "sql": "SELECT 1"}', headers=sent)
    assert (answer.status_code, answer.json()["status"]) == (400, 400)


@pytest.mark.parametrize("query", ["name=%00", "property=name==a%00b", "%00=1"])
def test_a_url_with_a_null_character_is_refused(api: Api, query: str) -> None:
    answer = api.send("GET", f"{CATALOG}/dataSets?{query}")
    assert (answer.status_code, answer.json()["status"]) == (400, 400)


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "PROPFIND", "LIMBECK", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["/health", f"{CATALOG}/dataSets/x/y", "/", "/data", "/openapi.json"])
def test_methods_that_nobody_serves_are_answered_in_json(api: Api, method: str, path: str) -> None:
    answer = api.send(method, path)
    assert answer.status_code in (404, 405)
    assert answer.json()["status"] == answer.status_code


RAW: dict[str, bytes] = {
    "a long line": b"GET /health?x=" + b"x" * HEAD_BYTES,
    "a long header": b"GET /health HTTP/1.1\r\nHost: limbeck\r\nX: " + b"x" * HEAD_BYTES,
    "many headers": b"GET /health HTTP/1.1\r\nHost: limbeck\r\n" + b"X: 1\r\n" * (HEAD_BYTES // 6),
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "a path that is no ASCII": "GET /hällth HTTP/1.1\r\nHost: limbeck\r\n\r\n".encode(),
    "two lengths": b"POST /health HTTP/1.1\r\nHost: limbeck\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "a length that is none": b"POST /health HTTP/1.1\r\nHost: limbeck\r\nContent-Length: -5\r\n\r\n",
    "a chunk that is none": b"POST /ims/token/v3 HTTP/1.1\r\nHost: limbeck\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
}


def said(api: Api, sent: bytes) -> tuple[int, dict[str, Any]]:
    """The status of the answer to some bytes, and its JSON."""
    with closing(socket.socket(socket.AF_UNIX)) as client:
        client.settimeout(60)
        client.connect(str(api.socket))
        client.sendall(sent)
        came = b""
        while chunk := client.recv(65536):
            came += chunk
    head, _, body = came.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize("sent", RAW.values(), ids=RAW)
def test_what_is_no_request_is_answered_in_json(api: Api, sent: bytes) -> None:
    status, answer = said(api, sent)
    assert (status, answer["status"]) == (400, 400)


def test_a_body_that_is_announced_too_large_is_not_waited_for(api: Api) -> None:
    status, answer = said(api, b"GET /health HTTP/1.1\r\nHost: limbeck\r\nContent-Length: 9000000000\r\n\r\n")
    assert (status, answer["status"]) == (413, 413)


def test_many_headers_and_a_long_url_are_taken(api: Api) -> None:
    headers = {f"x-{count}": "y" * 20 for count in range(1000)}
    assert api.send("GET", f"{CATALOG}/dataSets?name={'n' * 20_000}", headers=headers).status_code == 200

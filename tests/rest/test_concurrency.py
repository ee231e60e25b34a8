"""Many at once, with one token and with many; and what is sent again after a failure is there once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from tests.rest.api import Api, served
from tests.rest.resources import KINDS, QUERY, Kind, dataset

TEMPLATES = f"{QUERY}/query-templates"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("concurrency")) as opened:
        yield opened


@pytest.mark.parametrize("tokens", [1, 16], ids=["one token", "many tokens"])
def test_many_at_once_neither_lose_nor_mix_anything(api: Api, tokens: int) -> None:
    issued = [api.platform.access.token("admin", "s3cret admin")[0] for _ in range(tokens)]
    before = len(api.ok("GET", TEMPLATES, params={"limit": 1000})["templates"])

    def work(number: int) -> list[tuple[str, str]]:
        mine = replace(api, tokens={"admin": issued[number % tokens]})
        made = []
        for count in range(5):
            name = f"{tokens}-{number}-{count}"
            found = mine.ok("POST", TEMPLATES, {"name": name, "sql": f"SELECT '{name}'"})
            read = mine.ok("GET", f"{TEMPLATES}/{found['id']}")
            rows = mine.send("POST", "/limbeck/v1/sql", json={"sql": f"SELECT '{name}' AS n"})
            assert (read["name"], rows.status_code, name.encode() in rows.content) == (name, 200, True)
            made.append((read["id"], name))
        return made

    with ThreadPoolExecutor(16) as threads:
        made = [pair for pairs in threads.map(work, range(16)) for pair in pairs]
    listed = api.ok("GET", TEMPLATES, params={"limit": 1000})["templates"]
    assert len(made) == 80
    assert set(made) <= {(t["id"], t["name"]) for t in listed}
    assert len(listed) == before + 80


def test_of_many_changes_from_one_etag_one_is_made(api: Api) -> None:
    path = f"/data/foundation/catalog/dataSets/{dataset(api)}"
    etag = {"If-Match": api.send("GET", path).headers["ETag"]}

    def change(number: int) -> int:
        operations = [{"op": "add", "path": "/description", "value": f"by {number}"}]
        return api.send("PATCH", path, etag, json=operations).status_code

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(change, range(8))) == [200, *[412] * 7]


def test_of_many_that_want_one_name_one_gets_it(api: Api) -> None:
    body = {"code": "race", "name": "Race", "idType": "CROSS_DEVICE"}
    with ThreadPoolExecutor(8) as threads:
        made = threads.map(lambda _: api.send("POST", "/data/core/idnamespace/identities", json=body), range(8))
        assert sorted(answer.status_code for answer in made) == [201, *[409] * 7]


@contextmanager
def failing(api: Api, times: int) -> Iterator[list[int]]:
    """Have the store refuse the next commits of changes that requests make; give a list of those it refused."""
    refused: list[int] = []
    engine = api.platform.store._engine

    def commit(connection: Any) -> None:
        is_of_request = not threading.current_thread().name.startswith("limbeck")  # workers commit too
        writes = connection.get_execution_options().get("limbeck_write")
        if writes and is_of_request and len(refused) < times:
            refused.append(1)
            raise OperationalError("COMMIT", {}, OSError("disk I/O error"))

    event.listen(engine, "commit", commit)
    try:
        yield refused
    finally:
        event.remove(engine, "commit", commit)


@pytest.mark.parametrize("kind", [k for k in KINDS if k.listed is not None], ids=lambda kind: kind.name)
def test_what_is_sent_again_after_a_failure_is_made_once(api: Api, kind: Kind) -> None:
    """aepp sends a POST again after a 5xx (REST contract, section 2.4): it has to mean that nothing was made."""
    assert kind.listed is not None
    body = kind.body(api)
    before = set(kind.listed(api.ok("GET", kind.path)))
    with failing(api, 1) as refused:
        answer = api.send("POST", kind.path, json=body)
        assert (answer.status_code, answer.json()["status"], refused) == (500, 500, [1])
        assert "disk I/O" not in answer.text
        assert set(kind.listed(api.ok("GET", kind.path))) == before
        made = kind.id_of(api.ok("POST", kind.path, body))
    assert set(kind.listed(api.ok("GET", kind.path))) - before == {made}

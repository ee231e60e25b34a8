"""A server that is told to end answers what is in hand; the next one goes on with what was queued."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from limbeck.client.config import Config
from limbeck.client.polling import until
from tests.rest.api import served
from tests.rest.resources import PROFILE

CATALOG, IMPORT, QUERY = "/data/foundation/catalog", "/data/foundation/import/batches", "/data/foundation/query"


@contextmanager
def serving(home: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A server, and a client with its credential."""
    line = [sys.executable, "-m", "limbeck", "serve", "--home", str(home), "--http", "127.0.0.1:0", "--pg", "off"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=os.environ) as child:
        try:
            assert child.stdout is not None
            url = child.stdout.readline().split()[-1]
            config = Config.read(home / "config.ini")
            form = {"grant_type": "client_credentials", "client_id": config.client_id}
            with httpx.Client(base_url=url, trust_env=False, timeout=60) as http:
                sent = http.post("/ims/token/v3", data={**form, "client_secret": config.client_secret})
                who = {"x-api-key": config.client_id, "x-gw-ims-org-id": config.org_id}
                http.headers.update({"Authorization": f"Bearer {sent.json()['access_token']}", **who})
                yield child, http
        finally:
            child.kill()


def ok(answer: httpx.Response) -> Any:
    assert answer.status_code < 300, answer.text
    return answer.json()


def test_what_is_in_hand_is_answered_and_what_is_queued_goes_on(tmp_path: Path) -> None:
    home, told, begun = tmp_path / "home", threading.Event(), threading.Event()
    answers: list[httpx.Response] = []

    with serving(home) as (child, http):
        schema = {"title": "people", "type": "object", "allOf": [{"$ref": PROFILE}]}
        made = ok(http.post("/data/foundation/schemaregistry/tenant/schemas", json=schema))["$id"]
        people = ok(http.post(f"{CATALOG}/dataSets", json={"name": "people", "schemaRef": {"id": made}}))
        into = people[0].rpartition("/")[2]
        batch = ok(http.post(IMPORT, json={"datasetId": into, "inputFormat": {"format": "json"}}))["id"]
        path = f"{IMPORT}/{batch}/datasets/{into}/files/a.json"

        def slowly() -> Iterator[bytes]:
            yield b'{"_id": "1"}\n'
            begun.set()
            told.wait(60)
            yield b'{"_id": "2"}\n'

        upload = threading.Thread(target=lambda: answers.append(http.put(path, content=slowly())))
        upload.start()
        begun.wait(60)
        timing = {"schedule": "0 0 1 1 *"}
        asked = {"query": {"sql": "SELECT 1", "name": "yearly"}, "schedule": timing}
        schedule = ok(http.post(f"{QUERY}/schedules", json=asked))["id"]
        count = {"sql": "SELECT count(*) FROM people"}
        queries = [ok(http.post(f"{QUERY}/queries", json=count))["id"] for _ in range(5)]
        child.send_signal(signal.SIGTERM)
        told.set()
        upload.join(60)
        assert child.wait(60) == 0
    assert [answer.status_code for answer in answers] == [200]

    with serving(home) as (child, http):
        assert http.head(path).headers["Content-Length"] == "26"
        ok(http.post(f"{IMPORT}/{batch}", params={"action": "COMPLETE"}))
        where = f"{CATALOG}/batches/{batch}"
        assert until(lambda: ok(http.get(where))[batch]["status"], lambda s: s in ("success", "failed")) == "success"
        for query in queries:
            place = f"{QUERY}/queries/{query}"
            ended = until(lambda place=place: ok(http.get(place)), lambda q: q["state"] in ("SUCCESS", "FAILED"))
            assert ended["state"] == "SUCCESS" or "the server was stopped" in str(ended["errors"]), ended
        assert ok(http.get(f"{QUERY}/schedules/{schedule}"))["state"] == "ENABLED"
        assert ok(http.get("/health"))["store"]["jobs"]["waiting"] == 1  # the schedule's next time
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 0


def test_sockets_of_the_killed_are_swept_and_those_of_the_living_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix="s") as folder:  # the path of a socket is short
        monkeypatch.setattr(tempfile, "tempdir", folder)
        paths = {name: Path(folder) / f"limbeck-{name}" / "http.sock" for name in ("dead", "starting", "living")}
        bound = {name: socket.socket(socket.AF_UNIX) for name in paths}
        for name, path in paths.items():
            path.parent.mkdir()
            bound[name].bind(str(path))
            os.utime(path, (0, 0) if name != "starting" else None)
        bound["living"].listen()
        bound["dead"].close()
        with served(tmp_path / "home"):
            assert {name for name, path in paths.items() if path.exists()} == {"starting", "living"}
        for opened in bound.values():
            opened.close()

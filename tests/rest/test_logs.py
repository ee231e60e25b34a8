"""The log of a server: a line for each request, and nothing in it that only its owner should know."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psycopg2

from limbeck.client.config import Config
from limbeck.client.polling import until
from tests.rest.resources import PROFILE

PERSON = "jane.secret@example.com"
SECRET = "t0p-s3cret-of-hers"
CATALOG, IMPORT, UPS = "/data/foundation/catalog", "/data/foundation/import/batches", "/data/core/ups"


@contextmanager
def serving(home: Path) -> Iterator[tuple[str, int, list[str]]]:
    """A server that logs everything; its URL, the port of its wire, and a list that has its log afterwards."""
    line = [sys.executable, "-m", "limbeck", "serve", "--home", str(home), "--http", "127.0.0.1:0"]
    line += ["--pg", "127.0.0.1:0", "--log-level", "debug"]
    log: list[str] = []
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ) as child:
        try:
            assert child.stdout is not None
            url = child.stdout.readline().split()[-1]
            port = int(child.stdout.readline().rpartition(":")[2])
            yield url, port, log
            child.send_signal(signal.SIGTERM)
            out, errors = child.communicate(timeout=60)
            log += [out, errors]
        finally:
            child.kill()
    assert child.returncode == 0


def drive(url: str, port: int, config: Config) -> list[str]:
    """Ask for all sorts of things with secrets and personal values in them; return those that were made by the way."""
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        form = {"grant_type": "client_credentials", "client_id": config.client_id}
        right = {**form, "client_secret": config.client_secret}
        token = client.post("/ims/token/v3", data=right).json()["access_token"]
        client.post("/ims/token/v3", data={**form, "client_secret": SECRET})
        client.post("/ims/exchange/jwt", data={**form, "client_secret": SECRET, "jwt_token": SECRET})
        client.get(f"{CATALOG}/dataSets", headers={"Authorization": f"Bearer {SECRET}"})
        who = {"x-api-key": config.client_id, "x-gw-ims-org-id": config.org_id}
        client.headers.update({"Authorization": f"Bearer {token}", **who})
        signed = client.get("/data/foundation/connectors/landingzone/credentials").json()["SASUri"]
        client.get(f"{CATALOG}/dataSets?name={PERSON}", headers={"x-sandbox-name": "a b level=ERROR"})
        asked = {"schema.name": "_xdm.context.profile", "entityId": PERSON, "entityIdNS": "email"}
        client.get(f"{UPS}/access/entities", params=asked)
        for text in (f"SELECT CAST('{PERSON}' AS INT)", f"SELEC '{PERSON}'"):
            client.post("/limbeck/v1/sql", json={"sql": text})
            query = client.post("/data/foundation/query/queries", json={"sql": text, "name": PERSON}).json()["id"]
            path = f"/data/foundation/query/queries/{query}"
            until(lambda path=path: str(client.get(path).json()["state"]), lambda s: s in ("SUCCESS", "FAILED"))
        schema = {"title": "people", "type": "object", "allOf": [{"$ref": PROFILE}], "description": PERSON}
        made = client.post("/data/foundation/schemaregistry/tenant/schemas", json=schema).json()["$id"]
        into = client.post(f"{CATALOG}/dataSets", json={"name": "people", "schemaRef": {"id": made}}).json()[0]
        dataset = into.rpartition("/")[2]
        for row in (f'{{"_id": {{"x": "{PERSON}"}}}}', f'{{"{PERSON}": 1}}', f"{PERSON},{{"):
            batch = client.post(IMPORT, json={"datasetId": dataset, "inputFormat": {"format": "json"}}).json()["id"]
            client.put(f"{IMPORT}/{batch}/datasets/{dataset}/files/a.json", content=row.encode())
            client.post(f"{IMPORT}/{batch}", params={"action": "COMPLETE"})
            path = f"{CATALOG}/batches/{batch}"
            until(lambda path=path, batch=batch: str(client.get(path).json()[batch]["status"]), lambda s: s == "failed")
        rule = {"type": "PQL", "format": "pql/text", "value": f'person.name.firstName = "{PERSON}" and ('}
        client.post(f"{UPS}/segment/definitions", json={"name": PERSON, "expression": rule})
        client.post(f"{UPS}/segment/definitions", content=f'{{"name": "{PERSON}"'.encode())
        client.get(signed + "&restype=container&comp=list")
        client.get(signed.replace("sig=", "sig=x"))
    place = {"host": "127.0.0.1", "port": port, "user": config.org_id, "dbname": "prod:all"}
    with suppress(psycopg2.Error):
        psycopg2.connect(password=f"{config.client_id}:{SECRET}", **place)
    session = psycopg2.connect(password=f"{config.client_id}:{config.client_secret}", **place)
    with session.cursor() as cursor:
        for text in (f"SELECT '{PERSON}'", f"SELEC '{PERSON}'", f"SELECT CAST('{PERSON}' AS INT)"):
            with suppress(psycopg2.Error):
                cursor.execute(text)
    session.close()
    return [token, re.findall(r"sig=([^&]+)", signed)[0]]


def test_nothing_secret_or_personal_is_logged(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as (url, port, log):
        config = Config.read(tmp_path / "home" / "config.ini")
        secrets = [config.client_secret, PERSON, SECRET, *drive(url, port, config)]
    told = "".join(log)
    assert [secret for secret in secrets if secret in told] == []
    line = r"method=(\w+) path=(\S+) status=(\d+) ms=\d+ request=\S+ client=(\S+) sandbox=(\S+)"
    asked_for = re.findall(line, told)
    assert ("POST", "/ims/token/v3", "200", "-", "-") in asked_for
    assert ("GET", f"{CATALOG}/dataSets", "403", config.client_id, "a%20b%20level%3DERROR") in asked_for
    assert ("GET", "/limbeckdlz/dlz-user-container", "200", config.client_id, "-") in asked_for

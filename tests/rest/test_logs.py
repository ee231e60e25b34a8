"""The log of a server: a line for each request, and nothing in it that only its owner should know."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from limbeck.client.config import Config

PERSON = "jane.secret@example.com"


def test_requests_are_logged_and_secrets_are_not(tmp_path: Path) -> None:
    home = tmp_path / "home"
    line = [sys.executable, "-m", "limbeck", "serve", "--home", str(home), "--http", "127.0.0.1:0", "--pg", "off"]
    line += ["--log-level", "debug"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ) as child:
        try:
            assert child.stdout is not None
            url = child.stdout.readline().split()[-1]
            config = Config.read(home / "config.ini")
            secrets = [config.client_secret, PERSON]
            with httpx.Client(base_url=url, trust_env=False) as client:
                form = {"grant_type": "client_credentials", "client_id": config.client_id}
                token = client.post("/ims/token/v3", data={**form, "client_secret": config.client_secret}).json()
                secrets.append(token["access_token"])
                who = {"x-api-key": config.client_id, "x-gw-ims-org-id": config.org_id}
                client.headers.update({"Authorization": f"Bearer {token['access_token']}", **who})
                zone = "/data/foundation/connectors/landingzone/credentials"
                signed = client.get(zone).json()
                secrets.append(re.findall(r"sig=([^&]+)", signed["SASUri"])[0])
                wrong = {"x-sandbox-name": "a b level=ERROR"}
                client.get("/data/foundation/catalog/dataSets?name=x", headers=wrong)
                asked = {"schema.name": "_xdm.context.profile", "entityId": PERSON, "entityIdNS": "email"}
                client.get("/data/core/ups/access/entities", params=asked)
                client.post("/limbeck/v1/sql", json={"sql": f"SELECT '{PERSON}'"})
                client.get(signed["SASUri"] + "&restype=container&comp=list")
            child.send_signal(signal.SIGTERM)
            _, log = child.communicate(timeout=60)
        finally:
            child.kill()
    assert child.returncode == 0
    asked_for = re.findall(r"method=(\w+) path=(\S+) status=(\d+) ms=\d+ request=\S+ client=(\S+) sandbox=(\S+)", log)
    assert ("POST", "/ims/token/v3", "200", "-", "-") in asked_for
    assert ("GET", "/data/foundation/catalog/dataSets", "403", config.client_id, "a%20b%20level%3DERROR") in asked_for
    assert ("GET", "/limbeckdlz/dlz-user-container", "200", config.client_id, "-") in asked_for
    assert [secret for secret in secrets if secret in log] == []

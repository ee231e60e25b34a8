"""Programs written for AEP with one release of `aepp`, run against `limbeck serve`.

A program lies in `tests/aepp/scripts` and is written for the real platform. It runs in a folder of its own, with
`config.json` as `aepp.importConfigFile` reads it and `conf/config.ini` as notebooks do. What the test gives it is the
JSON of `sys.argv[1]`; what it finds out is the JSON of the last line that it prints.

    with aep(tmp_path) as platform:
        found = platform.run("schema.py", "0.6.0", title="customers")
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from limbeck.platform import Platform
from limbeck.settings import Settings
from tests import environments
from tests.platforms import ORG, serving

RELEASES = ("0.6.0", "0.3.11.post2", "0.3.10.post2")
"""Of aepp."""

SCRIPTS = Path(__file__).with_name("scripts")

CLIENT_ID, SECRET = "notebook", "s3cret"
SCOPES = "openid, AdobeID, read_organizations, additional_info.projectedProductContext, session"
LONGEST_S = 300
"""No script takes so long, unless aepp asks the same thing for ever."""


@dataclass(frozen=True)
class Aep:
    """A server that programs take for AEP."""

    url: str
    home: Path
    folder: Path
    """Where programs run."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of programs, beside those of this process."""

    def run(self, script: str, release: str = RELEASES[0], **given: Any) -> Any:
        """Run a script with one release of aepp; return what it found out."""
        python = environments.python(f"aepp-{release}")
        line = [str(python), str(SCRIPTS / script), json.dumps(given)]
        told = {"cwd": self.folder, "capture_output": True, "text": True, "timeout": LONGEST_S, "check": False}
        done = subprocess.run(line, env={**os.environ, "PYTHONPATH": pygresql(), **self.environment}, **told)
        assert done.returncode == 0, f"{script} with aepp {release}:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return json.loads(done.stdout.rstrip().rpartition("\n")[2])

    @contextmanager
    def http(self, sandbox: str = "prod") -> Iterator[httpx.Client]:
        """A bare client in the name of the same credential."""
        who = {"client_id": CLIENT_ID, "client_secret": SECRET, "grant_type": "client_credentials", "scope": SCOPES}
        with httpx.Client(base_url=self.url, trust_env=False, timeout=60) as client:
            token = client.post("/ims/token/v3", data=who).json()["access_token"]
            told = {"x-api-key": CLIENT_ID, "x-gw-ims-org-id": ORG, "x-sandbox-name": sandbox}
            client.headers.update({"Authorization": f"Bearer {token}", **told})
            yield client


@contextmanager
def aep(folder: Path, sandbox: str = "prod", role: str = "admin") -> Iterator[Aep]:
    """Serve a home in *folder*, which is made if it is not there, while the block lasts."""
    home, work = folder / "home", folder / "work"
    if not work.exists():
        _admit(home, sandbox, role)
        _configure(work, sandbox)
    with serving(home, "--pg", "127.0.0.1:0", "--proxy", "127.0.0.1:0", lines=3) as (url, _, proxy):
        yield Aep(url, home, work, {"HTTPS_PROXY": proxy, "NO_PROXY": "127.0.0.1,localhost"})


def pygresql() -> str:
    """The folder of PyGreSQL, which is built from source once for all releases; nothing where that cannot be done."""
    python = environments.python("pygresql")
    (found,) = python.parents[1].glob("lib/python3.*/site-packages")
    return str(found)


def _admit(home: Path, sandbox: str, role: str) -> None:
    """Make the credential of the programs."""
    platform = Platform(Settings.load(home))
    platform.access.ensure_organisation(ORG)
    platform.access.ensure_sandbox(ORG, sandbox)
    platform.access.create_credential(ORG, client_id=CLIENT_ID, client_secret=SECRET, sandbox=sandbox, roles=[role])
    platform.close()


def _configure(work: Path, sandbox: str) -> None:
    """Write what users of AEP have: the file of aepp, and that of the notebooks."""
    (work / "conf").mkdir(parents=True)
    one = {"org_id": ORG, "client_id": CLIENT_ID, "secret": SECRET, "scopes": SCOPES}
    (work / "config.json").write_text(json.dumps({**one, "sandbox-name": sandbox, "environment": "prod"}))
    ini = {
        "Platform": {"ims_org_id": ORG, "sandbox_name": sandbox, "environment": "prod"},
        "Authentication": {"client_id": CLIENT_ID, "client_secret": SECRET, "scopes": SCOPES},
        "Cloud": {"export_path": "cmle/egress", "import_path": "cmle/ingress", "data_format": "parquet"},
    }
    text = [f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items()) for name, keys in ini.items()]
    (work / "conf" / "config.ini").write_text("\n".join(text))

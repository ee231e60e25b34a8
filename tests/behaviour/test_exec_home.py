"""`limbeck exec` and the home: which sandbox programs find in their files, and a server that has the home open, too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from pathlib import Path

import pytest

from limbeck.cli import credential
from limbeck.client.config import Config
from limbeck.errors import InvalidInput
from limbeck.platform import Platform
from limbeck.settings import Settings
from tests.commands import limbeck as command
from tests.platforms import ORG, serving


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    opened = Platform(Settings.load(tmp_path / "home"))
    opened.access.ensure_organisation(ORG)
    opened.access.ensure_sandbox(ORG, "dev")
    yield opened
    opened.close()


def test_each_sandbox_has_files_that_name_it(platform: Platform) -> None:
    for sandbox in ("dev", "prod", "dev"):
        folder, config = credential.given(platform, sandbox)
        read = Config.read(folder / "conf" / "config.ini")
        told = json.loads((folder / "config.json").read_text())
        assert (read, read.sandbox, told["sandbox-name"]) == (config, sandbox, sandbox)
        assert (told["client_id"], told["secret"]) == (read.client_id, read.client_secret)
        platform.access.token(read.client_id, read.client_secret)
        assert all(file.stat().st_mode & 0o077 == 0 for file in folder.rglob("config.*"))
    assert credential.given(platform, None)[0].name == "prod"
    assert len(platform.access.credentials()) == 2


def test_what_programs_wrote_stays_whatever_happens_to_credential_and_sandbox(platform: Platform) -> None:
    folder, first = credential.given(platform, "dev")
    ini = folder / "conf" / "config.ini"
    parser = ConfigParser(interpolation=None)
    parser.read(ini)
    parser["Platform"].update({"dataset_id": "5%d", "sandbox_name": "prod"})
    parser.add_section("Cloud")
    with ini.open("w") as file:
        parser.write(file)
    assert credential.given(platform, "dev")[1] == first
    platform.access.revoke_credential(first.client_id)
    second = credential.given(platform, "dev")[1]
    assert (second.sandbox, second.client_id != first.client_id) == ("dev", True)
    parser.read(ini)
    assert (parser["Platform"]["dataset_id"], parser.has_section("Cloud")) == ("5%d", True)
    assert json.loads((folder / "config.json").read_text())["client_id"] == second.client_id
    ini.write_bytes(b"\xff[broken")
    assert credential.given(platform, "dev")[1].client_id not in (first.client_id, second.client_id)


def test_many_at_once_are_given_one_credential(platform: Platform) -> None:
    with ThreadPoolExecutor(6) as pool:
        found = {config for _, config in pool.map(lambda _: credential.given(platform, "dev"), range(6))}
    assert len(found) == len(platform.access.credentials()) == 1


def test_a_folder_of_the_callers_own_is_left_alone_or_refused(tmp_path: Path) -> None:
    own = {"ADOBE_HOME": str(tmp_path)}
    assert credential.folder_of_programs({}, tmp_path / "given", "dev") == str(tmp_path / "given")
    assert credential.folder_of_programs(own, tmp_path / "given", "dev") == str(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.ini").write_text("[Platform]\nsandbox_name = prod\n")
    for fits in ("prod", None):
        assert credential.folder_of_programs(own, tmp_path / "given", fits) == str(tmp_path)
    with pytest.raises(InvalidInput, match=r"names the sandbox prod, not dev; name it there, or unset ADOBE_HOME"):
        credential.folder_of_programs(own, tmp_path / "given", "dev")


BOTH = """
import os, sys, limbeck
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from limbeck.errors import UndefinedTable
named = ConfigParser()
named.read(os.environ["ADOBE_HOME"] + "/conf/config.ini")
ours = limbeck.connect(config=os.environ["LIMBECK_CONFIG"])
config = ConfigParser(interpolation=None)
config.read(os.environ["LIMBECK_CONFIG"])
config["Limbeck"]["endpoint"] = sys.argv[1]
with open(sys.argv[2] + "/server.ini", "w") as file:
    config.write(file)
theirs = limbeck.connect(config=sys.argv[2] + "/server.ini")
assert named["Platform"]["sandbox_name"] == ours.sandbox == "dev"
for one, other in ((ours, theirs), (theirs, ours)):
    one.sql("CREATE TABLE t AS SELECT 1 AS x").table()
    assert other.sql("SELECT x FROM t").scalar() == 1
    other.sql("INSERT INTO t SELECT 2 AS x").table()
    assert one.sql("SELECT sum(x) FROM t").scalar() == 3
    other.sql("ALTER TABLE t ADD COLUMN y TEXT").table()
    one.sql("INSERT INTO t SELECT 4 AS x, 'z' AS y").table()
    assert other.sql("SELECT max(y) FROM t").scalar() == "z"
    one.sql("DROP TABLE t").table()
    try:
        other.sql("SELECT x FROM t").table()
        raise SystemExit("a table that was dropped is still read")
    except UndefinedTable:
        pass
    other.sql("CREATE TABLE t AS SELECT 'text' AS x").table()
    assert one.sql("SELECT x FROM t").scalar() == "text"
    one.sql("DROP TABLE t").table()
ours.sql("CREATE TABLE many AS SELECT 0 AS x").table()
(many,) = ours.datasets("many")
def upload(turn):
    name = f"{sys.argv[2]}/{turn}.json"
    with open(name, "w") as file:
        file.write('{"x": %d}' % (turn + 1))
    return (ours, theirs)[turn % 2].upload(many, name)
with ThreadPoolExecutor(2) as pool:
    list(pool.map(upload, range(8)))
print(ours.sql("SELECT sum(x) FROM many").scalar(), theirs.sql("SELECT sum(x) FROM many").scalar())
"""


def test_a_home_that_a_server_has_open_too(tmp_path: Path) -> None:
    home = tmp_path / "home"
    made = command("sandbox", "create", "dev", "--home", home)
    assert made.returncode == 0, made.stderr
    with serving(home, "--pg", "off") as (url,):
        line = [sys.executable, "-m", "limbeck", "exec", "--home", str(home), "--sandbox", "dev", "--", sys.executable]
        asked = [*line, "-c", BOTH, url, str(tmp_path)]
        done = subprocess.run(asked, capture_output=True, text=True, env=os.environ, timeout=240, check=False)
    assert (done.returncode, done.stdout) == (0, "36 36\n"), done.stderr

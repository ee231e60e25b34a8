"""Sandboxes: what empties one leaves the others alone, and nothing behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from limbeck.store.tables import metadata
from tests.commands import limbeck as command
from tests.rest.api import ORG, Api, served
from tests.rest.resources import KINDS

MANAGEMENT = "/data/foundation/sandbox-management"
OF_SANDBOX = [table for table in metadata.sorted_tables if "sandbox_id" in table.c]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("sandboxes")) as opened:
        yield opened


def rows(api: Api, sandbox: str) -> dict[str, int]:
    """How many rows each table has of a sandbox."""
    wanted = api.platform.access.sandbox(ORG, sandbox).id
    with api.platform.store.read() as connection:
        return {
            table.name: connection.execute(
                select(func.count()).select_from(table).where(table.c.sandbox_id == wanted)
            ).scalar_one()
            for table in OF_SANDBOX
        }


def test_a_reset_empties_one_sandbox_and_no_other(api: Api) -> None:
    other = api.on("dev")
    gone = {}
    for kind in KINDS:
        if not kind.of_organisation:
            kind.make(api)
            gone[kind.name] = kind.make(other)
    kept, before = rows(api, "prod"), rows(api, "dev")
    assert sum(before.values()) > len(KINDS)
    told = other.ok("GET", f"{MANAGEMENT}/sandboxes/dev")
    reset = api.ok("PUT", f"{MANAGEMENT}/sandboxes/dev", {"action": "reset"})
    assert (reset["id"], reset["name"], reset["eTag"] == told["eTag"]) == (told["id"], "dev", False)
    assert rows(api, "dev") == dict.fromkeys(before, 0)
    assert rows(api, "prod") == kept
    for kind in KINDS:
        if kind.listed is not None and not kind.of_organisation:
            assert gone[kind.name] not in kind.listed(other.ok("GET", kind.path))
            made = kind.make(other)
            assert made in kind.listed(other.ok("GET", kind.path))


def test_what_was_resolved_before_a_reset_is_gone(api: Api) -> None:
    other = api.on("dev")
    kind = next(k for k in KINDS if k.name == "dataset")
    made = kind.make(other)
    schema = kind.read(other, made)["schemaRef"]["id"]
    api.ok("PUT", f"{MANAGEMENT}/sandboxes/dev", {"action": "reset"})
    body = {"name": "again", "schemaRef": {"id": schema}}
    assert other.send("POST", "/data/foundation/catalog/dataSets", json=body).status_code == 404


def test_the_default_sandbox_stays(api: Api) -> None:
    assert api.send("DELETE", f"{MANAGEMENT}/sandboxes/prod").status_code == 409
    assert api.send("PUT", f"{MANAGEMENT}/sandboxes/prod", json={"action": "dance"}).status_code == 400
    assert api.send("POST", f"{MANAGEMENT}/sandboxes", json={"name": "prod"}).status_code == 409
    assert api.send("POST", f"{MANAGEMENT}/sandboxes", json={"name": "No Name"}).status_code == 400
    assert api.send("POST", f"{MANAGEMENT}/sandboxes", json={"name": "x", "type": "holiday"}).status_code == 400
    assert api.ok("GET", f"{MANAGEMENT}/sandboxTypes") == {"sandboxTypes": ["production", "development"]}


def test_the_command_line(tmp_path: Path) -> None:
    home = ("--home", tmp_path / "home")
    made = command("sandbox", "create", "trial", *home, "--title", "A trial", "--json")
    assert json.loads(made.stdout)["name"] == "trial"
    listed = json.loads(command("sandbox", "list", *home, "--json").stdout)
    assert [row["name"] for row in listed] == ["prod", "trial"]
    refused = command("sandbox", "delete", "trial", *home)
    assert (refused.returncode, "limbeck sandbox delete trial --yes" in refused.stderr) == (2, True)
    assert command("sandbox", "reset", "trial", *home, "--yes").returncode == 0
    assert command("sandbox", "delete", "trial", *home, "--yes").returncode == 0
    assert command("sandbox", "delete", "prod", *home, "--yes").returncode == 1
    assert [row["name"] for row in json.loads(command("sandbox", "list", *home, "--json").stdout)] == ["prod"]

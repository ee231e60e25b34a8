"""Who has changed what: an event for each change, in the transaction of the change, over every way in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psycopg2
import pytest
from sqlalchemy import func, select, update

from limbeck.api.server import listen
from limbeck.client.polling import until
from limbeck.pgwire import PgServer
from limbeck.store.tables import audit_events
from tests import crash
from tests.commands import limbeck as command
from tests.rest.api import ORG, Api, served
from tests.rest.resources import CATALOG, KINDS, QUERY, Kind, dataset, schema

IMPORT = "/data/foundation/import/batches"
EVENTS = "/data/foundation/audit/events"
Event = dict[str, Any]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("audit")) as opened:
        yield opened


def events(api: Api, **asked: Any) -> list[Event]:
    found: list[Event] = api.ok("GET", EVENTS, params={"limit": 1000, **asked})["_embedded"]["events"]
    return found


def about(api: Api, asset: str) -> list[Event]:
    """The events of one resource, oldest first."""
    return events(api, property=f"assetId=={asset}")[::-1]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_change_of_every_kind_is_told(api: Api, kind: Kind) -> None:
    who = "admin" if kind.of_organisation else "editor"
    writer = api.as_(who)
    made = kind.make(writer)
    told = ["Create"]
    if kind.change is not None:
        change, etag = kind.change(kind.read(api, made)), api.send("GET", kind.at(made)).headers["ETag"]
        writer.ok(change.method, kind.at(made), change.body, headers={"If-Match": etag})
        told.append("Update")
    if kind.deletes:
        answer = writer.send("DELETE", kind.at(made))
        told.append("Delete")
    found = [e for e in events(api) if e["assetId"] == made][::-1]
    assert [e["action"] for e in found] == told
    assert {(e["authId"], e["status"], e.get("sandboxName")) for e in found} == {
        (who, "Success", None if kind.of_organisation else "prod")
    }
    assert len({e["requestId"] for e in found}) == len(told)
    assert not kind.deletes or found[-1]["requestId"] == answer.headers["x-request-id"]


def test_what_is_refused_is_told(api: Api) -> None:
    made = dataset(api)
    path = f"{CATALOG}/dataSets/{made}"
    assert api.as_("viewer").send("DELETE", path).status_code == 403
    assert api.as_("editor").send("DELETE", path, {"If-Match": '"old"'}).status_code == 412
    api.platform.access.create_credential(ORG, client_id="elsewhere", client_secret="s", only=["dev"])
    token = api.platform.access.token("elsewhere", "s")[0]
    elsewhere = replace(api.as_("elsewhere"), tokens={"elsewhere": token})
    assert elsewhere.send("DELETE", path).status_code == 403
    found = [(e["authId"], e["action"], e["assetType"], e["status"], e["failureCode"]) for e in about(api, made)]
    assert found == [
        ("admin", "Create", "Dataset", "Success", ""),
        ("viewer", "Delete", "Dataset", "Deny", "403025"),
        ("editor", "Delete", "Dataset", "Failure", "LIMB-1008-412"),
        ("elsewhere", "Delete", "Dataset", "Deny", "403025"),
    ]


def test_sql_is_told_over_every_way(api: Api) -> None:
    def ours(name: str) -> list[tuple[str, str]]:
        found = [d for d, body in api.ok("GET", f"{CATALOG}/dataSets").items() if body["name"] == name]
        asset = found[0] if found else next(e["assetId"] for e in events(api) if e["assetName"] == name)
        return [(e["authId"], e["action"]) for e in about(api, asset)]

    for text in ("CREATE TABLE over_http AS SELECT 1 AS a", "INSERT INTO over_http SELECT 2"):
        assert api.as_("editor").send("POST", "/limbeck/v1/sql", json={"sql": text}).status_code == 200
    assert ours("over_http") == [("editor", "Create"), ("editor", "Insert")]

    bound = listen("127.0.0.1", 0)
    server = PgServer(api.platform, bound, "optional")
    server.start()
    try:
        where = {"host": "127.0.0.1", "port": bound.getsockname()[1], "dbname": "prod:all"}
        with (
            closing(psycopg2.connect(user=ORG, password="editor:s3cret editor", **where)) as session,
            session.cursor() as cursor,
        ):
            cursor.execute("CREATE TABLE over_wire AS SELECT 1 AS a")
            cursor.execute("DROP TABLE over_wire")
            cursor.execute("CREATE VIEW seen_over_wire AS SELECT a FROM over_http")
    finally:
        server.stop()
    assert ours("over_wire") == [("editor", "Create"), ("editor", "Delete")]
    (view,) = events(api, property="assetName==seen_over_wire")
    assert (view["assetType"], view["action"], view["authId"]) == ("View", "Create", "editor")

    job = api.as_("editor").ok("POST", f"{QUERY}/queries", {"sql": "CREATE TABLE by_job AS SELECT 1 AS a"})["id"]
    until(lambda: str(api.ok("GET", f"{QUERY}/queries/{job}")["state"]), lambda state: state in ("SUCCESS", "FAILED"))
    assert ours("by_job") == [("editor", "Create")]
    assert [(e["authId"], e["action"]) for e in about(api, job)] == [("editor", "Create")]


def test_batches_are_told(api: Api) -> None:
    into, editor = dataset(api), api.as_("editor")

    def opened() -> str:
        return str(editor.ok("POST", IMPORT, {"datasetId": into, "inputFormat": {"format": "json"}})["id"])

    loaded = opened()
    editor.ok("PUT", f"{IMPORT}/{loaded}/datasets/{into}/files/a.json", content=b'{"_id": "1"}')
    for action in ("COMPLETE", "COMPLETE"):  # what is repeated changes nothing
        editor.ok("POST", f"{IMPORT}/{loaded}", params={"action": action})
    ended = until(
        lambda: str(api.ok("GET", f"{CATALOG}/batches/{loaded}")[loaded]["status"]),
        lambda s: s in ("success", "failed"),
    )
    assert ended == "success"
    editor.ok("POST", f"{IMPORT}/{loaded}", params={"action": "REVERT"})
    assert [(e["authId"], e["action"]) for e in about(api, loaded)] == [
        ("editor", "Create"),
        ("editor", "Complete"),
        ("editor", "Revert"),
    ]
    for action in ("ABORT", "FAIL"):
        made = opened()
        editor.ok("POST", f"{IMPORT}/{made}", params={"action": action})
        assert [e["action"] for e in about(api, made)] == ["Create", action.capitalize()]


def test_the_command_line_is_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with served(home):
        pass
    assert command("sandbox", "create", "trial", "--home", home).returncode == 0
    assert command("sandbox", "reset", "trial", "--yes", "--home", home).returncode == 0
    with served(home) as api:
        found = [(e["authId"], e["action"]) for e in events(api, property="assetId==trial")[::-1]]
        assert found == [("local", "Create"), ("local", "Reset")]
        created = events(api, property="assetType==credential")
        assert {e["assetId"] for e in created} == {"admin", "editor", "viewer"}


def pages(api: Api, **asked: Any) -> list[str]:
    """The ids of all events, page by page as aepp asks for them; something happens between the pages."""
    found: list[str] = []
    while True:
        answer = api.ok("GET", EVENTS, params=asked)
        found += [event["id"] for event in answer["_embedded"]["events"]]
        href = answer["_links"].get("next", {}).get("href", "")
        if not href:
            return found
        asked |= dict(parse_qsl(urlsplit(href).query))
        schema(api)


@pytest.mark.parametrize("limit", [1, 4, 7, 1000])
def test_pages_have_every_event_once(api: Api, limit: int) -> None:
    for _ in range(7):
        schema(api)
    until_now = api.platform.audit.newest()
    wanted = "assetType==schema,descriptor"
    expected = [e["id"] for e in events(api, property=wanted, queryId=until_now)][:40]
    assert pages(api, limit=limit, property=wanted, queryId=until_now)[:40] == expected
    last = api.ok("GET", EVENTS, params={"limit": 1000, "property": wanted})
    assert last["_links"]["next"]["href"]  # aepp takes it apart, whether it wants more or not


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        ("action==create", lambda e: e["action"] == "Create"),
        ("action==create,DELETE", lambda e: e["action"] in ("Create", "Delete")),
        ("action==delete,assetType==Dataset", lambda e: e["action"] == "Delete" and e["assetType"] == "Dataset"),
        ("status==Deny", lambda e: e["status"] == "Deny"),
        ("userEmail==editor", lambda e: e["authId"] == "editor"),
        ("action==nothing", lambda e: False),
    ],
)
def test_events_are_filtered(api: Api, wanted: str, matches: Any) -> None:
    everything = events(api)
    assert [e["id"] for e in events(api, property=wanted)] == [e["id"] for e in everything if matches(e)]


def test_who_may_read_events(api: Api) -> None:
    made = schema(api.on("dev"))
    assert [e["sandboxName"] for e in about(api.on("dev"), made)] == ["dev"]
    assert about(api, made) == []
    for role in ("editor", "viewer"):
        assert api.as_(role).send("GET", EVENTS).status_code == 403
    for wrong in ({"property": "color==red"}, {"property": "create"}, {"limit": 0}, {"start": -1}, {"queryId": "x"}):
        assert api.send("GET", EVENTS, params=wrong).status_code == 400


def test_events_survive_restarts_and_resets_until_they_are_old(tmp_path: Path) -> None:
    with served(tmp_path / "home") as api:
        made = schema(api.on("dev"))
        api.ok("PUT", "/data/foundation/sandbox-management/sandboxes/dev", {"action": "reset"})
    with served(tmp_path / "home") as api:
        dev = api.on("dev")
        assert [e["action"] for e in about(dev, made)] == ["Create"]
        old = update(audit_events).values(at=audit_events.c.at - 91 * 86_400_000)
        with api.platform.store.write() as connection:
            connection.execute(old.where(audit_events.c.asset_id == made))
        assert about(dev, made) == []
        assert len(events(dev)) > 1
    with served(tmp_path / "home") as api, api.platform.store.read() as connection:
        gone = select(func.count()).select_from(audit_events).where(audit_events.c.asset_id == made)
        assert connection.execute(gone).scalar() == 0


def test_a_change_that_crashes_has_no_event(tmp_path: Path) -> None:
    """The event stands in the transaction of the change: before its end there is neither, after it both."""
    with served(tmp_path / "home") as api:
        before = len(events(api))
    line = ("-m", "limbeck", "sandbox", "create", "trial", "--home", str(tmp_path / "home"))
    crash.run(*line, crash_at="store.write.before-commit:2")  # the first looks for the organisation
    with served(tmp_path / "home") as api:
        assert len(events(api)) == before
        assert api.send("GET", "/data/foundation/sandbox-management/sandboxes/trial").status_code == 404

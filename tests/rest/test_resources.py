"""What counts as a served resource, for every kind of the table: written, read, kept, apart, guarded by its etag."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from limbeck.ids import new_uuid
from tests.rest.api import Api, served
from tests.rest.resources import KINDS, Change, Kind

STALE = {"If-Match": '"0000-stale"'}

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
changeable = pytest.mark.parametrize("kind", [k for k in KINDS if k.change], ids=lambda kind: kind.name)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("rest")) as opened:
        yield opened


def listed(api: Api, kind: Kind) -> list[str]:
    assert kind.listed is not None
    return list(kind.listed(api.ok("GET", kind.path)))


def etag(api: Api, kind: Kind, made: str) -> str:
    answer = api.send("GET", kind.at(made))
    assert answer.status_code == 200
    return answer.headers["ETag"]


def changed(api: Api, kind: Kind, made: str) -> Change:
    assert kind.change is not None
    return kind.change(kind.read(api, made))


def holds(found: Any, wanted: Any) -> bool:
    """Whether all that is wanted is there; objects may have more, such as an id of their own."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and holds(found[key], value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(found) == len(wanted) and all(map(holds, found, wanted))
    return bool(found == wanted)


@every_kind
def test_what_was_written_is_read_and_listed(api: Api, kind: Kind) -> None:
    sent = kind.body(api)
    made = kind.id_of(api.ok("POST", kind.path, sent))
    assert holds(kind.read(api, made), {key: sent[key] for key in kind.kept})
    assert kind.listed is None or made in listed(api, kind)


@changeable
def test_a_change_is_seen_and_moves_the_etag(api: Api, kind: Kind) -> None:
    made = kind.make(api)
    before, change = etag(api, kind, made), changed(api, kind, made)
    api.ok(change.method, kind.at(made), change.body, headers={"If-Match": before})
    assert holds(kind.read(api, made), dict(change.makes))
    assert etag(api, kind, made) != before


@changeable
def test_a_stale_etag_changes_nothing(api: Api, kind: Kind) -> None:
    made = kind.make(api)
    first, change = etag(api, kind, made), changed(api, kind, made)
    api.ok(change.method, kind.at(made), change.body, headers={"If-Match": first})
    now = kind.read(api, made)
    for stale in (first, STALE["If-Match"]):
        answer = api.send(change.method, kind.at(made), json=change.body, headers={"If-Match": stale})
        assert (answer.status_code, answer.json()["status"]) == (412, 412)
        if kind.deletes:
            assert api.send("DELETE", kind.at(made), headers={"If-Match": stale}).status_code == 412
    assert kind.read(api, made) == now


@changeable
def test_a_change_needs_an_etag_where_aep_wants_one(api: Api, kind: Kind) -> None:
    made = kind.make(api)
    change = changed(api, kind, made)
    answer = api.send(change.method, kind.at(made), json=change.body)
    assert answer.status_code == 428 if kind.needs_etag else answer.status_code < 300


@pytest.mark.parametrize("kind", [k for k in KINDS if not k.of_organisation], ids=lambda kind: kind.name)
def test_it_stays_in_its_sandbox(api: Api, kind: Kind) -> None:
    made, other = kind.make(api), api.on("dev")
    assert other.send("GET", kind.at(made)).status_code == 404
    assert kind.listed is None or made not in listed(other, kind)
    before = kind.read(api, made)
    if kind.change is not None:
        change, sent = changed(api, kind, made), {"If-Match": etag(api, kind, made)}
        assert other.send(change.method, kind.at(made), json=change.body, headers=sent).status_code == 404
    if kind.deletes:
        assert other.send("DELETE", kind.at(made)).status_code == 404
    assert kind.read(api, made) == before


@pytest.mark.parametrize("kind", [k for k in KINDS if k.deletes], ids=lambda kind: kind.name)
def test_what_was_deleted_is_gone(api: Api, kind: Kind) -> None:
    made = kind.make(api)
    assert api.send("DELETE", kind.at(made)).status_code in (200, 202, 204)
    answer = api.send("GET", kind.at(made))
    assert (answer.status_code, answer.json()["status"], "id" in answer.json()) == (404, 404, False)
    assert kind.listed is None or made not in listed(api, kind)
    assert api.send("DELETE", kind.at(made)).status_code == 404


@every_kind
def test_a_viewer_reads_and_changes_nothing(api: Api, kind: Kind) -> None:
    made, viewer, editor = kind.make(api), api.as_("viewer"), api.as_("editor")
    assert kind.read(viewer, made) == kind.read(api, made)
    assert viewer.send("POST", kind.path, json=kind.body(api)).status_code == 403
    if kind.change is not None:
        change, sent = changed(api, kind, made), {"If-Match": etag(api, kind, made)}
        assert viewer.send(change.method, kind.at(made), json=change.body, headers=sent).status_code == 403
    if kind.deletes:
        assert viewer.send("DELETE", kind.at(made)).status_code == 403
    assert kind.of_organisation or kind.make(editor)
    assert not kind.of_organisation or editor.send("POST", kind.path, json=kind.body(api)).status_code == 403
    assert kind.read(api, made)


@every_kind
@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b'"text"', b"17", b"null", b'{"\xff": 1}'], ids=repr)
def test_what_is_no_body_makes_nothing(api: Api, kind: Kind, sent: bytes) -> None:
    before = [] if kind.listed is None else listed(api, kind)
    answer = api.send("POST", kind.path, content=sent, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["status"], "id" in answer.json()) == (400, 400, False)
    assert kind.listed is None or listed(api, kind) == before


@every_kind
@pytest.mark.parametrize("wrong", [None, 17, "text", [1], {"a": {"b": 1}}], ids=repr)
def test_a_wrong_type_is_refused_and_not_stored(api: Api, kind: Kind, wrong: Any) -> None:
    """A key that carries something else than it should is refused, or accepted and given back: never a 5xx."""
    for key in kind.body(api):
        answer = api.send("POST", kind.path, json={**kind.body(api), key: wrong})
        assert answer.status_code < 300 or answer.status_code == 400, (key, answer.text)


@every_kind
def test_an_id_that_nothing_has_is_not_found(api: Api, kind: Kind) -> None:
    for nothing in (new_uuid(), "x", "..%2f..%2fetc", "%00", "a" * 5000):
        answer = api.send("GET", kind.at(nothing))
        assert answer.status_code in (400, 404, 414), nothing
        assert answer.json()["status"] == answer.status_code


def test_a_restart_changes_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("again")
    with served(home) as api:
        made = {kind.name: kind.make(api) for kind in KINDS}
        before = {kind.name: kind.read(api, made[kind.name]) for kind in KINDS}
        etags = {kind.name: etag(api, kind, made[kind.name]) for kind in KINDS if kind.change}
    with served(home) as api:
        assert {kind.name: kind.read(api, made[kind.name]) for kind in KINDS} == before
        assert {kind.name: etag(api, kind, made[kind.name]) for kind in KINDS if kind.change} == etags

"""What is known of a person: one example for each rule; random worlds are in `tests/property`."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck.errors import NotFound
from limbeck.identity import Identity
from limbeck.lake import Dataset
from limbeck.lake.maintain import compact
from limbeck.profile import people
from limbeck.profile.service import TooManyIdentities
from limbeck.scope import Sandbox
from limbeck.xdm.arrow import arrow_schema
from limbeck.xdm.types import Array, Field, Map, Object, Scalar
from tests.profile_reference import Described, Home, Row, for_arrow

TEXT = Scalar("string")
NAME = Object((Field("first", TEXT), Field("last", TEXT)))
OWN = Object(
    (
        Field("id", TEXT),
        Field("mail", TEXT),
        Field("number", Scalar("long")),
        Field("name", NAME),
        Field("tags", Array(TEXT)),
        Field("notes", Map(TEXT)),
    )
)
CRM = Described("_acme.id", "CRMID", primary=True)
MAIL = Described("_acme.mail", "Email", primary=False)

NOON = datetime(2026, 1, 1, 12)
EARLY, LATE = 1_767_000_000_000, 1_767_000_060_000
"""Times of publication."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = Home.at(tmp_path / "home")
    yield opened
    opened.close()


@pytest.fixture
def sandbox(home: Home) -> Sandbox:
    return home.sandbox()


@pytest.fixture
def crm(home: Home, sandbox: Sandbox) -> Dataset:
    return home.records(sandbox, "CRM", OWN, CRM, MAIL)


@pytest.fixture
def web(home: Home, sandbox: Sandbox) -> Dataset:
    return home.events(sandbox, "Web", OWN, CRM, MAIL)


def record(id: str | None, **own: Any) -> dict[str, Any]:
    return {"_acme": {"id": id, **own}}


def event(id: str, second: int, person: str, /, **own: Any) -> Row:
    return {"_id": id, "timestamp": NOON + timedelta(seconds=second), **record(person, **own)}


def entity(home: Home, sandbox: Sandbox, person: str) -> Any:
    """What a person's records say under `_acme`."""
    return home.profiles.find(sandbox, "CRMID", person).merged.entity.get("_acme")


def everybody(home: Home, sandbox: Sandbox, path: str = "_acme.number") -> dict[str, Any]:
    """Everybody's value at a path, by the value of an identity."""
    with home.profiles.people(sandbox) as everyone, home.engine.session(everyone.tables()) as session:
        return dict(session.fetch(f'SELECT value, "{path}" FROM ({everyone.persons([path])})'))


def named(home: Home, sandbox: Sandbox, person: str, limit: int = 1000) -> list[str]:
    return [e.id for e in home.profiles.events(sandbox, "CRMID", person, limit)]


# -- who is found -------------------------------------------------------------------------------------------------


def test_nobody_is_found_by_an_unknown_identity(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    home.append(crm, [record("a", mail="m"), record(None, mail="stranger")], EARLY)
    for value in ("b", "stranger", "A", "it's"):
        with pytest.raises(NotFound) as caught:
            home.profiles.find(sandbox, "Email", value)
        assert str(caught.value) == f"nobody in sandbox prod has the identity {value!r} of namespace Email"
        assert caught.value.status == 404
    assert home.profiles.events(sandbox, "Email", "b") == []


def test_fifty_identities_are_a_person_and_fifty_one_an_error(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    def row(first: int, count: int) -> Row:
        return record("a") | {"identityMap": {"Phone": [{"id": f"+{n}"} for n in range(first, first + count)]}}

    home.append(crm, [row(0, 19), row(19, 19), row(38, 11)], EARLY)
    assert len(home.profiles.find(sandbox, "Phone", "+48").identities) == 50
    assert set(everybody(home, sandbox)) == {"a"}

    home.append(crm, [row(49, 1), record("b")], LATE)
    for ask in (home.profiles.find, home.profiles.events):
        with pytest.raises(TooManyIdentities, match=r"^Too many related identities: 51, at most 50") as caught:
            ask(sandbox, "Phone", "+48")
        assert caught.value.status == 422
    assert set(everybody(home, sandbox)) == {"b"}


def test_the_case_of_a_standard_namespace_does_not_matter(
    home: Home, sandbox: Sandbox, crm: Dataset, web: Dataset
) -> None:
    home.append(crm, [record("a") | {"identityMap": {"EMAIL": [{"id": "M"}], "phone": [{"id": "+1"}]}}], EARLY)
    home.append(web, [event("e", 0, "a")], EARLY)
    wanted = (Identity("CRMID", "a"), Identity("Email", "M"), Identity("Phone", "+1"))
    for namespace, value in [("email", "M"), ("EMAIL", "M"), ("Email", "M"), ("PHONE", "+1")]:
        assert home.profiles.find(sandbox, namespace, value).identities == wanted
        assert [e.id for e in home.profiles.events(sandbox, namespace, value)] == ["e"]
    with pytest.raises(NotFound):
        home.profiles.find(sandbox, "email", "m")


def test_whoever_has_events_only_is_an_empty_profile(home: Home, sandbox: Sandbox, crm: Dataset, web: Dataset) -> None:
    home.append(web, [event("e", 0, "a", number=1, mail="m")], EARLY)
    found = home.profiles.find(sandbox, "Email", "m")
    assert (found.merged.entity, found.merged.origins, found.sources) == ({}, {}, (web.id,))
    assert everybody(home, sandbox) == {"a": None}


def test_only_datasets_in_profile_tell_of_people(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    apart = home.records(sandbox, "Apart", OWN, CRM, profile=False)
    elsewhere = home.records(home.sandbox("elsewhere"), "CRM", OWN, CRM)
    home.append(crm, [record("a", number=1)], EARLY)
    for dataset in (apart, elsewhere):
        home.append(dataset, [record("a", number=2), record("b", number=2)], LATE)
    assert entity(home, sandbox, "a") == {"id": "a", "number": 1}
    assert everybody(home, sandbox) == {"a": 1}
    with pytest.raises(NotFound):
        home.profiles.find(sandbox, "CRMID", "b")


# -- which value wins ---------------------------------------------------------------------------------------------


def test_the_newest_value_wins_leaf_by_leaf(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    shop = home.records(sandbox, "Shop", OWN, CRM)
    old = record("a", number=1, name={"first": "Ada", "last": "B"}, tags=["x", "y"], notes={"k": "1", "l": "1"})
    new = record("a", number=None, name={"first": "Eve"}, tags=[], notes={"k": "2", "m": None})
    home.append(shop, [new], LATE)
    home.append(crm, [old], EARLY)
    found = home.profiles.find(sandbox, "CRMID", "a")
    assert found.merged.entity["_acme"] == {
        "id": "a",
        "number": 1,
        "name": {"first": "Eve", "last": "B"},
        "tags": [],
        "notes": {"k": "2", "l": "1"},
    }
    told = {path: (o.dataset_id, o.time) for path, o in found.merged.origins.items()}
    at = {EARLY: datetime.fromtimestamp(EARLY / 1000, UTC), LATE: datetime.fromtimestamp(LATE / 1000, UTC)}
    of_crm = ("_acme.number", "_acme.name.last", "_acme.notes.l")
    of_shop = ("_acme.id", "_acme.name.first", "_acme.tags", "_acme.notes.k")
    assert told == dict.fromkeys(of_crm, (crm.id, at[EARLY])) | dict.fromkeys(of_shop, (shop.id, at[LATE]))
    assert (found.sources, found.last_modified) == (tuple(sorted([crm.id, shop.id])), at[LATE])
    assert everybody(home, sandbox, "_acme.tags") == {"a": []}


@pytest.mark.parametrize("reverse", [False, True])
def test_at_equal_times_the_dataset_with_the_higher_id_wins(
    home: Home, sandbox: Sandbox, crm: Dataset, reverse: bool
) -> None:
    shop = home.records(sandbox, "Shop", OWN, CRM)
    low, high = sorted([crm, shop], key=lambda dataset: dataset.id)
    rows = [(low, record("a", number=1, name={"last": "low"})), (high, record("a", number=2, name={"first": "high"}))]
    for dataset, row in reversed(rows) if reverse else rows:
        home.append(dataset, [row], EARLY)
    assert entity(home, sandbox, "a") == {"id": "a", "number": 2, "name": {"first": "high", "last": "low"}}
    assert everybody(home, sandbox) == {"a": 2}


def test_a_record_replaces_the_whole_earlier_one(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    home.append(crm, [record("a", number=1, name={"first": "Ada"}), record("b", number=5)], EARLY)
    home.append(crm, [record("a", tags=["x"])], LATE)
    assert entity(home, sandbox, "a") == {"id": "a", "tags": ["x"]}
    assert everybody(home, sandbox) == {"a": None, "b": 5}


# -- events -------------------------------------------------------------------------------------------------------


def test_events_are_in_order_and_a_limit_keeps_the_newest(home: Home, sandbox: Sandbox, web: Dataset) -> None:
    shop = home.events(sandbox, "Shop", OWN, CRM)
    home.append(web, [event("c", 3, "a"), event("b", 1, "a", mail="m"), event("z", 9, "b")], LATE)
    home.append(shop, [event("a", 1, "a"), event("d", 2, "a"), event("b", 7, "a")], EARLY)
    found = home.profiles.events(sandbox, "Email", "m")
    assert [(e.id, e.dataset_id) for e in found] == [
        ("a", shop.id),
        ("b", web.id),
        ("d", shop.id),
        ("c", web.id),
        ("b", shop.id),  # another dataset's
    ]
    assert found[1].timestamp == NOON + timedelta(seconds=1)
    assert found[1].entity["_acme"]["mail"] == "m"
    for limit in (1, 2, 4, 5, 6):
        assert home.profiles.events(sandbox, "CRMID", "a", limit) == found[-limit:]


# -- the lake below -----------------------------------------------------------------------------------------------


def test_compaction_leaves_datasets_of_profile_alone(home: Home, sandbox: Sandbox, crm: Dataset, web: Dataset) -> None:
    apart = home.records(sandbox, "Apart", OWN, CRM, profile=False)
    for number, moment in ((1, EARLY), (3, LATE), (2, EARLY + 1)):
        home.append(crm, [record("a", number=number)], moment)
        home.append(web, [event(f"e{number}", number, "a")], moment)
        home.append(apart, [record("a", number=number)], moment)
    before = home.profiles.find(sandbox, "CRMID", "a")
    compacted = [compact(home.store, home.lake, home.engine, home.lake.datasets.by_id(d.id)) for d in (crm, web, apart)]
    assert compacted == [0, 0, 3]
    assert home.profiles.find(sandbox, "CRMID", "a") == before
    assert before.merged.entity["_acme"]["number"] == 3


@pytest.mark.parametrize("form", ["json", "parquet"])
def test_a_field_added_later_is_null_before(home: Home, sandbox: Sandbox, form: str) -> None:
    first = Object((Field("id", TEXT), Field("name", Object((Field("first", TEXT),)))))
    people, done = home.records(sandbox, "People", first, CRM), home.events(sandbox, "Done", first, CRM)
    said = {"id": "a", "name": {"first": "A"}}
    home.publish(people, [{"_acme": said}, record("b")], time=EARLY, form=form)
    home.publish(done, [event("e1", 1, "a", name={"first": "A"})], time=EARLY, form=form)

    own = "/definitions/own/properties/_acme/properties"
    for group in home.registry.list(sandbox, "fieldgroups"):
        added = {f"{own}/tier": {"type": "string"}, f"{own}/name/properties/last": {"type": "string"}}
        patch = [{"op": "add", "path": path, "value": value} for path, value in added.items()]
        home.registry.patch(sandbox, "fieldgroups", group["$id"], patch)

    assert entity(home, sandbox, "a") == said
    assert everybody(home, sandbox, "_acme.tier") == {"a": None, "b": None}
    people, done = (home.lake.datasets.get(sandbox, d.id) for d in (people, done))
    home.publish(people, [record("b", tier="gold", name={"last": "B"})], time=LATE, form=form)
    home.publish(done, [event("e2", 2, "a", tier="tin", name={"last": "Z"})], time=LATE, form=form)
    assert entity(home, sandbox, "a") == said
    assert entity(home, sandbox, "b") == {"id": "b", "tier": "gold", "name": {"last": "B"}}
    assert everybody(home, sandbox, "_acme.tier") == {"a": None, "b": "gold"}
    assert everybody(home, sandbox, "_acme.name.last") == {"a": None, "b": "B"}
    old, new = (e.entity["_acme"] for e in home.profiles.events(sandbox, "CRMID", "a"))
    assert old == said | {"name": {"first": "A", "last": None}, "tier": None}
    assert new == {"id": "a", "name": {"first": None, "last": "Z"}, "tier": "tin"}


# -- what does not hold yet ---------------------------------------------------------------------------------------

ONE_EVENT = "section 1.1, I1: of rows of one dataset with one _id the last counts"


def test_of_rows_with_one_id_the_last_is_the_event(home: Home, sandbox: Sandbox, web: Dataset) -> None:
    for moment, second, number in ((EARLY, 1, 1), (EARLY + 1, 5, 2), (LATE, 3, 3)):
        home.append(web, [event("x", second, "a", number=number)], moment)
    assert [e.entity["_acme"]["number"] for e in home.profiles.events(sandbox, "CRMID", "a")] == [3]


def test_a_limit_counts_events_not_rows(home: Home, sandbox: Sandbox, web: Dataset) -> None:
    for moment in (EARLY, LATE):
        home.append(web, [event("y", 1, "a"), event("x", 2, "a")], moment)
    assert named(home, sandbox, "a", limit=2) == ["y", "x"]


def test_a_limit_cuts_events_of_one_moment_by_their_id(home: Home, sandbox: Sandbox, web: Dataset) -> None:
    names = [f"e{n:03}" for n in range(500)]
    home.append(web, [event(name, 1, "a") for name in (*names[::2], *names[1::2])], EARLY)
    for limit in (1, 3, 50):
        assert named(home, sandbox, "a", limit) == names[-limit:]


def test_who_lost_his_only_event_to_another_is_not_there(home: Home, sandbox: Sandbox, web: Dataset) -> None:
    home.append(web, [event("x", 1, "a")], EARLY)
    home.append(web, [event("x", 1, "b")], LATE)
    assert named(home, sandbox, "b") == ["x"]
    assert named(home, sandbox, "a") == []
    assert set(everybody(home, sandbox)) == {"b"}
    with pytest.raises(NotFound):
        home.profiles.find(sandbox, "CRMID", "a")


def test_events_that_come_again_leave_nobody_out(
    home: Home, sandbox: Sandbox, web: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "MOST_EVENTS", 3)
    for moment in (EARLY, LATE):
        home.append(web, [event(f"e{n}", n, "a") for n in range(3)], moment)
    assert set(everybody(home, sandbox)) == {"a"}


def test_one_person_and_everybody_agree_on_ties_within_a_dataset(home: Home, sandbox: Sandbox) -> None:
    dataset = home.records(sandbox, "Any", OWN)
    home.append(dataset, [mapped("CRM", number=1), mapped("CRM2", number=2)], EARLY)
    found = home.profiles.find(sandbox, "Email", "m").merged.entity["_acme"]["number"]
    assert everybody(home, sandbox) == {"a": found}


def mapped(namespace: str, **own: Any) -> Row:
    """A record of identity `a` in a namespace, with mail address `m`."""
    identities = {namespace: [{"id": "a", "primary": True}], "Email": [{"id": "m"}]}
    return {"_acme": own, "identityMap": identities}


def test_files_of_one_batch_keep_their_order_however_fast_they_are_placed(
    home: Home, sandbox: Sandbox, crm: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: moment)  # a disk on which it takes no millisecond
    home.publish(crm, *([record(f"p{n}", number=n), record(f"p{n + 1}", number=n)] for n in range(12)), time=EARLY)
    assert everybody(home, sandbox) == {f"p{n}": min(n, 11) for n in range(13)}


def test_files_of_one_batch_keep_their_order_whatever_their_layout(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    rows = [json.dumps(record("a", number=n)) for n in range(3)]
    home.send(crm, "json", rows[0].encode(), f"[{rows[1]}]".encode(), rows[2].encode(), time=EARLY)
    assert everybody(home, sandbox) == {"a": 2}


def test_a_map_with_a_key_twice_is_refused_or_read(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    type_ = crm.schema.type
    row = for_arrow(record("a"), type_)
    row["_acme"]["notes"] = [("k", "1"), ("k", "2")]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([row], arrow_schema(type_)), sink)
    batch = home.ingest.open(crm, {"format": "parquet"})
    home.ingest.upload(batch, "file", io.BytesIO(sink.getvalue()))
    home.ingest.complete(batch)
    home.ingest.promote(batch.id)
    if home.lake.batches.by_id(batch.id).status == "success":
        assert entity(home, sandbox, "a")["notes"] == {"k": "2"}

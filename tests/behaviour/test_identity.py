"""Who belongs together: identity follows the feed, whole, once and in order, whoever follows and dies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import update

from limbeck.engine import Engine
from limbeck.identity import Identities, Identity
from limbeck.identity.service import CURSOR
from limbeck.lake import Dataset, Lake, feed
from limbeck.lake.maintain import expire
from limbeck.registry import Registry
from limbeck.scope import Sandbox
from limbeck.settings import Settings
from limbeck.store import Store
from limbeck.store.tables import snapshots
from limbeck.xdm.types import Field, Object, Scalar
from tests.behaviour import children
from tests.profile_reference import IN_PROFILE, Described, Home, Row

TEXT = Scalar("string")
OWN = Object((Field("id", TEXT), Field("mail", TEXT), Field("number", Scalar("long"))))
CRM = Described("_acme.id", "CRMID", primary=True)
MAIL = Described("_acme.mail", "Email", primary=False)
ECID = f"{7:038}"


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
    """Records of Profile, with an id and a mail address."""
    return home.records(sandbox, "CRM", OWN, CRM, MAIL)


def person(id: str | None, mail: str | None, **map_: Any) -> Row:
    """A record; *map_* is its `identityMap`."""
    return {"_acme": {"id": id, "mail": mail}, "identityMap": map_ or None}


def ids(*values: str) -> list[dict[str, str]]:
    return [{"id": value} for value in values]


def crmid(value: str) -> Identity:
    return Identity("CRMID", value)


def mail(value: str) -> Identity:
    return Identity("Email", value)


def publish(home: Home, dataset: Dataset, *rows: Row) -> None:
    home.append(dataset, rows, time=1_767_000_000_000)


def follow_elsewhere(folder: Path) -> None:
    """What another process does that follows the feed."""
    settings = Settings(home=folder, engine_memory_mib=512, engine_threads=1)
    store = Store.open(settings.store_url)
    Identities(store, Lake(store, Registry(store), settings.lake), Engine(settings.scratch, 512, 2, 1)).follow()
    store.close()


def clusters(home: Home, sandbox: Sandbox) -> set[frozenset[Identity]]:
    """All clusters of identities with links."""
    path = home.settings.scratch / "members.parquet"
    home.identities.write_members(sandbox, path)
    found = defaultdict(set)
    for row in pq.read_table(path).to_pylist():
        found[row["cluster"]].add(Identity(row["namespace"], row["value"]))
    return {frozenset(cluster) for cluster in found.values()}


def caught_up(home: Home) -> bool:
    return feed.cursor(home.store, CURSOR) == feed.head(home.store)


# -- following the feed -------------------------------------------------------------------------------------------


def test_catching_up_reads_only_what_is_new(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    publish(home, crm, person("a", "m1"), person("b", "m2"))
    home.identities.follow()
    assert caught_up(home)
    assert home.identities.cluster(sandbox, mail("m1")) == [crmid("a"), mail("m1")]
    for file in home.lake.files(home.lake.datasets.by_id(crm.id)):
        home.lake.folder.delete(file.path)  # whoever reads it again fails

    publish(home, crm, person("b", "m1"))
    assert not caught_up(home)
    home.identities.follow()

    assert caught_up(home)
    assert clusters(home, sandbox) == {frozenset({crmid("a"), crmid("b"), mail("m1"), mail("m2")})}


def test_following_again_or_from_the_beginning_changes_nothing(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    publish(home, crm, person("a", "m1"), person("b", "m2"), person("a", "m1"))
    publish(home, crm, person("a", "m3"))
    home.identities.follow()
    before = clusters(home, sandbox)
    assert before == {frozenset({crmid("a"), mail("m1"), mail("m3")}), frozenset({crmid("b"), mail("m2")})}

    home.identities.follow()
    assert clusters(home, sandbox) == before

    with home.store.write() as connection:
        feed.move(connection, CURSOR, 0)
    home.identities.follow()
    assert clusters(home, sandbox) == before
    assert caught_up(home)


def chain(first: int, count: int) -> Iterator[Row]:
    """Rows of which each links an id to a mail address and to the first id of its hundred, which is one person."""
    for n in range(first, first + count):
        yield person(f"p{n}", f"m{n}", CRMID=ids(f"p{n // 100 * 100}"))


def chained(first: int, count: int) -> set[frozenset[Identity]]:
    """The clusters of a chain."""
    found = defaultdict(set)
    for n in range(first, first + count):
        found[n // 100] |= {crmid(f"p{n}"), mail(f"m{n}")}
    return {frozenset(cluster) for cluster in found.values()}


def test_processes_that_follow_at_once_lose_and_double_nothing(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    rows = list(chain(0, 240))
    for start in range(0, 120, 10):
        publish(home, crm, *rows[start : start + 10])
    followers = [children.start(follow_elsewhere, home.settings.home) for _ in range(2)]
    for start in range(120, 240, 10):
        publish(home, crm, *rows[start : start + 10])
        home.identities.follow()
    for follower in followers:
        children.finish(follower)

    assert caught_up(home)
    assert clusters(home, sandbox) == chained(0, 240)


@pytest.mark.parametrize("batch", [1, 3])
def test_who_is_killed_takes_in_a_batch_whole_or_not_at_all(
    home: Home, sandbox: Sandbox, crm: Dataset, batch: int
) -> None:
    for n in range(4):
        publish(home, crm, person(f"a{n}", f"m{n}"), person(f"b{n}", f"m{n}"), person(f"a{n}", f"m{n + 1}"))
    together = frozenset({*(crmid(f"{x}{n}") for x in "ab" for n in range(4)), *(mail(f"m{n}") for n in range(5))})

    children.killed(follow_elsewhere, home.settings.home, crash_at=f"store.write.before-commit:{batch}")

    taken = batch - 1
    known = {
        *(crmid(f"{x}{n}") for x in "ab" for n in range(taken)),
        *(mail(f"m{n}") for n in range(taken + 1 if taken else 0)),
    }
    assert clusters(home, sandbox) == ({frozenset(known)} if known else set())
    assert len(feed.changes(home.store, feed.cursor(home.store, CURSOR))) == 4 - taken
    home.identities.follow()
    assert clusters(home, sandbox) == {together}
    assert caught_up(home)


def test_twenty_thousand_links_in_one_batch_take_their_place(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    count, each = 20_000, 8
    publish(home, crm, *(person(f"p{n}", f"m{n // each}") for n in range(count)))
    home.identities.follow()
    wanted = [
        {mail(f"m{k}"), *(crmid(f"p{n}") for n in range(k * each, k * each + each))} for k in range(count // each)
    ]
    assert clusters(home, sandbox) == set(map(frozenset, wanted))

    half = count // each // 2
    publish(home, crm, *(person(f"p{k * each}", f"m{half + k}") for k in range(half)))  # two of them are one person
    home.identities.follow()
    assert clusters(home, sandbox) == {frozenset(wanted[k] | wanted[half + k]) for k in range(half)}
    assert home.identities.cluster(sandbox, mail("m0")) == sorted(wanted[0] | wanted[half])


# -- which datasets count -----------------------------------------------------------------------------------------


def test_datasets_outside_profile_contribute_nothing(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    apart = home.records(sandbox, "Apart", OWN, CRM, MAIL, profile=False)
    off = home.lake.create_dataset(sandbox, "Off", apart.schema.id, tags={"unifiedProfile": ["enabled:false"]})
    for dataset in (apart, off):
        publish(home, dataset, person("a", "m1"))
    publish(home, crm, person("b", "m1"))
    home.identities.follow()
    assert caught_up(home)
    assert clusters(home, sandbox) == {frozenset({crmid("b"), mail("m1")})}
    assert home.identities.cluster(sandbox, crmid("a")) == [crmid("a")]


def test_a_dropped_dataset_does_not_stop_the_feed(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    gone = home.records(sandbox, "Gone", OWN, CRM, MAIL)
    publish(home, gone, person("a", "m1"))
    publish(home, crm, person("b", "m2"))
    publish(home, gone, person("b", "m1"))
    publish(home, crm, person("c", "m2"))
    home.lake.datasets.drop(sandbox, gone.id)
    home.identities.follow()
    assert caught_up(home)
    assert clusters(home, sandbox) == {frozenset({crmid("b"), crmid("c"), mail("m2")})}


def test_sandboxes_know_nothing_of_each_other(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    elsewhere = home.sandbox("elsewhere")
    other = home.records(elsewhere, "CRM", OWN, CRM, MAIL)
    publish(home, crm, person("a", "m1"))
    publish(home, other, person("b", "m1"))
    home.identities.follow()
    assert clusters(home, sandbox) == {frozenset({crmid("a"), mail("m1")})}
    assert clusters(home, elsewhere) == {frozenset({crmid("b"), mail("m1")})}


def test_expired_snapshots_do_not_stop_the_feed(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    for n in range(3):
        publish(home, crm, person("a", f"m{n}"))
    with home.store.write() as connection:
        connection.execute(update(snapshots).values(created=1))  # long ago
    assert expire(home.store, home.settings) > 0
    home.identities.follow()
    assert home.identities.cluster(sandbox, crmid("a")) == [crmid("a"), mail("m0"), mail("m1"), mail("m2")]


@pytest.mark.parametrize("followed", [False, True])
def test_batches_from_before_a_dataset_came_into_profile_do_not_count(
    home: Home, sandbox: Sandbox, followed: bool
) -> None:
    late = home.records(sandbox, "Late", OWN, CRM, MAIL, profile=False)
    publish(home, late, person("a", "m1"))
    if followed:
        home.identities.follow()
    home.lake.datasets.set_tags(sandbox, late.id, IN_PROFILE)
    publish(home, late, person("b", "m2"))
    home.identities.follow()
    assert clusters(home, sandbox) == {frozenset({crmid("b"), mail("m2")})}
    assert persons(home, sandbox) == {"CRMID:b"}


# -- from rows to links -------------------------------------------------------------------------------------------


def persons(home: Home, sandbox: Sandbox) -> set[str]:
    """The people that are known, each by one identity."""
    with home.profiles.people(sandbox) as everyone, home.engine.session(everyone.tables()) as session:
        found = session.fetch(f"SELECT namespace, value FROM ({everyone.persons([])})")
    return {f"{namespace}:{value}" for namespace, value in found}


def linked(home: Home, sandbox: Sandbox, dataset: Dataset, rows: Iterable[Row]) -> set[frozenset[Identity]]:
    publish(home, dataset, *rows)
    home.identities.follow()
    return clusters(home, sandbox)


@pytest.mark.parametrize(("others", "counts"), [(18, True), (19, False)])
def test_a_row_with_more_than_twenty_identities_links_nobody(
    home: Home, sandbox: Sandbox, crm: Dataset, others: int, counts: bool
) -> None:
    values = [f"+{n}" for n in range(others)]
    found = linked(home, sandbox, crm, [person("a", "m", Phone=ids(*values, *values), Email=ids("m"))])
    wanted = frozenset({crmid("a"), mail("m"), *(Identity("Phone", v) for v in values)})
    assert found == ({wanted} if counts else set())
    assert persons(home, sandbox) == ({"CRMID:a"})


def test_the_descriptors_primary_wins_over_the_maps(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    row = person("a", None, ECID=[{"id": ECID, "primary": True}])
    assert linked(home, sandbox, crm, [row]) == {frozenset({crmid("a"), Identity("ECID", ECID)})}
    assert persons(home, sandbox) == {"CRMID:a"}


def test_a_row_without_a_primary_identity_links_nobody(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    rows = [person(None, "m", ECID=[{"id": ECID, "primary": True}]), person(" ", "m"), person("undefined", "m")]
    assert linked(home, sandbox, crm, rows) == set()
    assert persons(home, sandbox) == set()


def test_the_case_of_a_standard_namespace_does_not_matter(home: Home, sandbox: Sandbox) -> None:
    described = [Described("_acme.id", "ecid", primary=True), Described("_acme.mail", "EMAIL", primary=False)]
    dataset = home.records(sandbox, "Devices", OWN, *described)
    found = linked(home, sandbox, dataset, [person(ECID, "m", phone=ids("+1"), email=ids("M"))])
    wanted = {Identity("ECID", ECID), mail("m"), mail("M"), Identity("Phone", "+1")}  # the case of values does
    assert found == {frozenset(wanted)}
    assert home.identities.cluster(sandbox, Identity("PHONE", "+1")) == sorted(wanted)


def test_the_case_of_a_custom_namespace_does_not_matter(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    linked(home, sandbox, crm, [person("a", "m1"), person("b", "m2", crmid=ids("a"))])
    assert len(home.identities.cluster(sandbox, Identity("crmid", "a"))) == 4


@pytest.mark.parametrize("blank", ["\t", "\r\n", " \t "])
def test_blanks_of_any_kind_identify_nobody(home: Home, sandbox: Sandbox, crm: Dataset, blank: str) -> None:
    assert linked(home, sandbox, crm, [person("a", blank), person("b", blank)]) == set()


@pytest.mark.parametrize("bad", [{"ECID": ids("123")}, {"Phone": ids("9" * 1025)}])
def test_a_row_with_an_impossible_value_links_nobody(
    home: Home, sandbox: Sandbox, crm: Dataset, bad: dict[str, Any]
) -> None:
    assert linked(home, sandbox, crm, [person("a", "m", **bad)]) == set()


def test_a_colon_in_a_namespace_makes_no_two_people_one(home: Home, sandbox: Sandbox) -> None:
    dataset = home.records(sandbox, "Any", OWN)
    rows = [person(None, None, **{code: [{"id": v, "primary": True}]}) for code, v in [("a", "b:c"), ("a:b", "c")]]
    publish(home, dataset, *rows)
    assert len(persons(home, sandbox)) == 2


def test_identities_of_partners_and_of_no_people_link_nobody(home: Home, sandbox: Sandbox, crm: Dataset) -> None:
    home.registry.namespaces.create(sandbox, "Store", "Stores", "NON_PEOPLE")
    home.registry.namespaces.create(sandbox, "Ads", "A partner", "Partner")
    rows = [person(who, f"{who}@b", store=ids("1"), ADS=ids("x")) for who in "ab"]
    assert linked(home, sandbox, crm, rows) == {frozenset({crmid(who), mail(f"{who}@b")}) for who in "ab"}


def test_a_primary_identity_of_no_people_links_nobody(home: Home, sandbox: Sandbox) -> None:
    home.registry.namespaces.create(sandbox, "Store", "Stores", "NON_PEOPLE")
    dataset = home.records(sandbox, "Stores", OWN, Described("_acme.id", "Store", primary=True), MAIL)
    assert linked(home, sandbox, dataset, [person("1", "a"), person("1", "b")]) == set()
    assert persons(home, sandbox) == {"STORE:1"}

"""Random small worlds of people, as identity and profile see them, beside the reference that the contract gives."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck import clock
from limbeck.errors import NotFound
from limbeck.identity import Identity
from limbeck.lake import Batch, Dataset
from limbeck.profile import people, service
from limbeck.profile.service import TooManyIdentities
from limbeck.scope import Sandbox
from limbeck.xdm.standard import EXPERIENCE_EVENT, PROFILE
from limbeck.xdm.standard.ids import CONTEXT
from limbeck.xdm.types import Array, Field, Map, Object, Scalar, Type
from tests.profile_reference import (
    IN_PROFILE,
    Described,
    Home,
    Person,
    Published,
    Row,
    Source,
    World,
    at,
    without_nulls,
)

# -- schemas ------------------------------------------------------------------------------------------------------

TEXT, WHOLE = Scalar("string"), Scalar("long")
CHOICE = Object((Field("on", Scalar("boolean")), Field("since", Scalar("date"))))
OWN: dict[str, Type] = {
    "id": TEXT,
    "mail": TEXT,
    "ecid": TEXT,
    "tier": TEXT,
    "points": WHOLE,
    "joined": Scalar("date-time"),
    "name": Object((Field("first", TEXT), Field("last", TEXT), Field("title", Object((Field("short", TEXT),))))),
    "tags": Array(TEXT),
    "orders": Array(Object((Field("sku", TEXT), Field("count", WHOLE)))),
    "prefs": Map(CHOICE),
    "notes": Map(TEXT),
}
"""Fields under `_acme`."""

PERSON = {"name": {"firstName": ["Ada", "Bo"]}, "birthDate": [date(1999, 1, 20)], "birthYear": [1980, 1999]}
"""Fields of the standard group Demographic Details, and values."""


@dataclass(frozen=True)
class Kind:
    """A schema that datasets may have."""

    title: str
    described: tuple[Described, ...]
    own: tuple[str, ...]
    is_record: bool = True
    has_person: bool = False


CRM = Described("_acme.id", "CRMID", True)

KINDS = (
    Kind(
        "crm",
        (CRM, Described("_acme.mail", "Email", False)),
        ("id", "mail", "tier", "points", "name", "prefs", "notes"),
        has_person=True,
    ),
    Kind("visitors", (), ("tier", "joined", "tags", "prefs")),
    Kind(
        "devices",
        (Described("_acme.ecid", "ecid", True), Described("_acme.id", "CRMID", False)),
        ("ecid", "id", "points", "orders", "name", "tags"),
        has_person=True,
    ),
    Kind(
        "web",
        (Described("_acme.mail", "email", False), Described("_acme.ecid", "ECID", True)),
        ("ecid", "mail", "points", "tags"),
        is_record=False,
    ),
    Kind("shop", (Described("_acme.id", "CRMID", False),), ("id", "tier", "orders", "name"), is_record=False),
)

# -- rows ---------------------------------------------------------------------------------------------------------

POOLS: dict[str, list[str]] = {
    "ECID": [f"{n:038}" for n in range(1, 7)],
    "Email": [f"{name}@x.org" for name in ("ada", "Ada", "bo", "cy", "dee")],
    "CRMID": ["c1", "c2", "c3", "c4", "1" * 38],
    "Loyalty": ["l1", "l2", "ada@x.org", "x" * 1024],
    "Phone": ["+1", "+2", "00431"],
}
SPELLINGS = {"ECID": ["ECID", "ecid", "Ecid"], "Email": ["Email", "email", "EMAIL"], "Phone": ["Phone", "PHONE"]}
NOBODY = ["", "   ", "null", "NULL", "undefined", "Anonymous", "0", "000", "0" * 38, "y" * 1025]
"""Values that identify nobody in any namespace."""
NO_ECID = ["1" * 37, "1" * 39, "a" * 38, "١" * 38, "c1"]

START = datetime(2026, 1, 1)
FIRST = 1_767_000_000_000
"""Publication times begin here, in milliseconds."""


class Rows:
    """Random rows."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self._numbers = itertools.count()
        self._pools = {namespace: random.sample(pool, 3) for namespace, pool in POOLS.items()}

    def perhaps(self, probability: float) -> bool:
        return self.random.random() < probability

    def value(self, namespace: str) -> str | None:
        """A value of a namespace; seldom one that identifies nobody, or NULL."""
        if self.perhaps(0.85):
            return self.random.choice(self._pools[namespace])
        return self.random.choice([None, *NOBODY, *(NO_ECID if namespace == "ECID" else [])])

    def record(self, kind: Kind) -> dict[str, Any]:
        """A row; anything in it may be NULL or missing."""
        row: dict[str, Any] = {"_acme": self.own(kind) if self.perhaps(0.95) else None}
        if kind.has_person and self.perhaps(0.5):
            row["person"] = self.some_of(PERSON)
        has_primary = any(d.primary for d in kind.described)
        if self.perhaps(0.1 if has_primary else 0.95):
            row["identityMap"] = self.identity_map(primary=self.perhaps(0.3 if has_primary else 0.9))
        return row

    def event(self, kind: Kind) -> dict[str, Any]:
        """A row that happened."""
        moment = START + timedelta(seconds=self.random.randrange(20), milliseconds=self.random.choice([0, 1]))
        said = {"_id": f"e{next(self._numbers)}", "timestamp": moment, "eventType": self.random.choice(["a", None])}
        return self.record(kind) | said

    def own(self, kind: Kind) -> dict[str, Any]:
        likely = {f"{d.path}": 0.95 if d.primary else 0.2 for d in kind.described}
        return {name: self.field(name) for name in kind.own if self.perhaps(likely.get(f"_acme.{name}", 0.5))}

    def field(self, name: str) -> Any:
        match name:
            case "id":
                return self.value("CRMID")
            case "mail":
                return self.value("Email")
            case "ecid":
                return self.value("ECID")
            case "tier":
                return self.random.choice(["gold", "tin", "", None])
            case "points":
                return self.random.choice([0, -1, 2**53, None, self.random.randrange(9)])
            case "joined":
                return START + timedelta(milliseconds=self.random.randrange(5))
            case "name":
                short = self.random.choice([{"short": "Dr"}, {"short": None}, None])
                return self.random.choice(
                    [None, {}, {"first": "A", "last": None}, {"last": "B", "title": short}, {"title": short}]
                )
            case "tags":
                return self.random.choice([None, [], ["a"], ["b", None], [None]])
            case "orders":
                return self.random.choice([None, [], [{"sku": "s", "count": None}], [{"sku": "t", "count": 2}] * 2])
            case "prefs":
                since = self.random.choice([None, date(2020, 2, 29)])
                return self.mapped(lambda: self.random.choice([None, {"on": self.perhaps(0.5), "since": since}, {}]))
            case "notes":
                return self.mapped(lambda: self.random.choice([None, "", "n"]))
        raise AssertionError(name)

    def mapped(self, value: Any) -> dict[str, Any]:
        return {key: value() for key in self.random.sample(["a", "b", "C d", "c d"], self.random.randrange(4))}

    def some_of(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        kept = {name: choices for name, choices in fields.items() if self.perhaps(0.6)}
        return {n: self.some_of(c) if isinstance(c, dict) else self.random.choice([*c, None]) for n, c in kept.items()}

    def identity_map(self, primary: bool) -> dict[str, Any] | None:
        """Entries of a few namespaces, of which at most one is the primary; now and then about twenty."""
        entries = [(namespace, self.value(namespace)) for namespace in self.random.choices(list(POOLS), k=3)]
        entries = entries[: self.random.choice([1, 1, 1, 1, 1, 1, 2, 3])]
        if self.perhaps(0.02):
            entries += [("Loyalty", f"crowd{n}") for n in range(self.random.randint(17, 21))]
        found: dict[str, Any] = {}
        for n, (namespace, value) in enumerate(entries):
            code = self.random.choice(SPELLINGS.get(namespace, [namespace]))
            state = self.random.choice([None, "ambiguous", "authenticated"])
            item = {"id": value, "authenticatedState": state, "primary": self.random.choice([None, False])}
            found.setdefault(code, []).append(item | ({"primary": True} if primary and n == 0 else {}))
        if self.perhaps(0.1):
            found.setdefault("WAID", self.random.choice([None, [], [None]]))
        return found


# -- worlds -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """A batch of a world: rows of the dataset with this number."""

    dataset: int
    time: int
    rows: Sequence[Row]


def drawn(
    random: Random,
    *,
    distinct: bool,
    most: int = 6,
    events: int | None = None,
    again: bool = True,
    changed: bool = False,
) -> tuple[list[Kind], list[Sent]]:
    """Kinds of datasets, *events* of them of events, and the batches sent to them, in order.

    *distinct*: no two batches of one dataset come at the same time. With *again* events come again now and then, as
    they were or, with *changed*, with other contents.
    """
    rows = Rows(random)
    events = random.randint(0, 2) if events is None else events
    kinds = random.choices(KINDS[:3], k=random.randint(2, 4)) + random.choices(KINDS[3:], k=events)
    batches, moments = [], random.choice([1, 1, 3])
    for number, kind in enumerate(kinds):
        count = random.randint(1, 3)
        steps = random.sample(range(3), count) if distinct else random.choices(range(moments), k=count)
        before: list[Row] = []
        for step in steps:
            made = [rows.record(kind) if kind.is_record else rows.event(kind) for _ in range(random.randint(1, most))]
            if again and not kind.is_record:
                repeated = random.sample(before, min(len(before), random.choice([0, 1, 3])))
                made += [rows.event(kind) | {"_id": row["_id"]} if changed else row for row in repeated]
                random.shuffle(made)
                before += made
            batches.append(Sent(number, FIRST + step * 1000, made))
    random.shuffle(batches)
    return kinds, batches


def rearranged(random: Random, batches: Sequence[Sent]) -> list[Sent]:
    """The same in another order, each batch split into parts, which stay in their order."""
    parts = [(n, part) for n, batch in enumerate(batches) for part in split(random, batch)]
    order = [n for n, _ in parts]
    random.shuffle(order)
    waiting = {n: iter([p for m, p in parts if m == n]) for n in set(order)}
    return [next(waiting[n]) for n in order]


def split(random: Random, batch: Sent) -> Iterator[Sent]:
    cuts = sorted({0, len(batch.rows), *random.choices(range(len(batch.rows) + 1), k=random.randint(0, 2))})
    for start, end in itertools.pairwise(cuts):
        yield replace(batch, rows=batch.rows[start:end])


@dataclass(frozen=True)
class Stage:
    """A world in a sandbox of its own."""

    home: Home
    sandbox: Sandbox
    datasets: list[Dataset]
    world: World

    def play(self, random: Random, batches: Sequence[Sent], *, ingest: bool = True) -> list[Batch]:
        """Publish batches in this order, some of them through ingestion; identity follows now and then."""
        made = []
        for sent in batches:
            dataset = self.datasets[sent.dataset]
            form = random.choice(["json", "parquet", None, None]) if ingest else None
            if form is None:
                self.home.append(dataset, sent.rows, sent.time)
            else:
                self.home.publish(dataset, sent.rows, time=sent.time, form=form)
            newest = self.home.lake.batches.newest(dataset.id)
            made += [newest] if newest else []
            if random.random() < 0.3:
                self.home.identities.follow()
        self.home.identities.follow()
        return made

    def rows(self, sql: str, among: people.People) -> list[dict[str, Any]]:
        with self.home.engine.session(among.tables()) as session:
            return [row for batch in session.reader(sql) for row in batch.to_pylist()]


SANDBOXES = itertools.count(1)


def stage(home: Home, kinds: Sequence[Kind], batches: Sequence[Sent]) -> Stage:
    """Make datasets in a new sandbox; their ids are in their order. Nothing is published yet."""
    number = next(SANDBOXES)
    sandbox = home.sandbox(f"world-{number}")
    schemas = {kind: schema(home, sandbox, kind) for kind in set(kinds)}
    with home.store.write() as connection:
        ids = [
            home.lake.datasets.create(
                connection, sandbox, kind.title, schemas[kind], tags=IN_PROFILE, dataset_id=f"{number:012x}{n:012x}"
            )
            for n, kind in enumerate(kinds)
        ]
    sources = [Source(id, kind.is_record, kind.described) for id, kind in zip(ids, kinds, strict=True)]
    world = World(Published(sources[b.dataset], b.time, b.rows) for b in batches)
    return Stage(home, sandbox, [home.lake.datasets.get(sandbox, i) for i in ids], world)


def schema(home: Home, sandbox: Sandbox, kind: Kind) -> str:
    own = Object(tuple(Field(name, OWN[name]) for name in kind.own))
    groups = [f"{CONTEXT}profile-person-details"] if kind.has_person else []
    class_id = PROFILE if kind.is_record else EXPERIENCE_EVENT
    return home.schema(sandbox, kind.title, own, kind.described, *groups, cls=class_id)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    made = Home.at(tmp_path_factory.mktemp("profile") / "home")
    yield made
    made.close()


STRANGERS = [Identity("Email", "nobody@x.org"), Identity("ECID", "9" * 38), Identity("CRMID", "null")]


def everybody(world: World) -> list[Identity]:
    return sorted(world.identities()) + STRANGERS


# -- everything about a world -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_people_are_those_of_the_reference(home: Home, seed: int) -> None:
    random = Random(seed)
    kinds, batches = drawn(random, distinct=seed % 2 == 0)
    made = stage(home, kinds, batches)
    made.play(random, batches if seed % 2 else rearranged(random, batches))
    assert_clusters(made)
    for identity in some_of_each_person(made.world, random):
        assert found_profile(made, identity) == wanted_profile(made, identity), identity
        assert_events(made, identity)
    with home.profiles.people(made.sandbox) as everyone:
        assert_persons(made, everyone, some_leaves(everyone.profile, random))
        assert_events_of_everybody(made, everyone, some_leaves(everyone.event, random))


STRANGERS = [Identity("Email", "nobody@x.org"), Identity("ECID", "9" * 38), Identity("CRMID", "null")]


def some_of_each_person(world: World, random: Random) -> list[Identity]:
    """An identity of each person, one that is nobody's own, three more, and strangers."""
    clusters = sorted({tuple(world.cluster(i)) for i in world.identities()})
    known = [c for c in clusters if world.find(c[0])]
    unknown = [c[0] for c in clusters if not world.find(c[0])][:1]
    more = random.sample(sorted(world.identities()), min(3, len(world.identities())))
    return sorted({*(random.choice(c) for c in known), *unknown, *more}) + STRANGERS[-1:]


# -- clusters -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_clusters_are_the_same_whatever_the_order_and_split(home: Home, seed: int) -> None:
    random = Random(seed)
    kinds, batches = drawn(random, distinct=True, most=25)
    for order in (batches, rearranged(random, batches)):
        made = stage(home, kinds, batches)
        made.play(random, order, ingest=False)
        assert_clusters(made)


def assert_clusters(made: Stage) -> None:
    identities = sorted(made.world.identities()) + STRANGERS
    found = {i: made.home.identities.cluster(made.sandbox, i) for i in identities}
    assert found == {i: made.world.cluster(i) for i in identities}


@pytest.mark.parametrize("seed", range(3))
def test_what_is_taken_back_was_never_there(home: Home, seed: int) -> None:
    random = Random(seed)
    kinds, batches = drawn(random, distinct=True, most=25)
    made = stage(home, kinds, batches)
    sent = made.play(random, batches, ingest=False)
    taken_back = random.sample(range(len(sent)), len(sent) // 2)
    for number in taken_back:
        home.ingest.revert(sent[number])
        if random.random() < 0.4:
            home.identities.follow()
    home.identities.follow()
    left = replace(made, world=World(b for n, b in enumerate(made.world.batches) if n not in taken_back))
    for identity in sorted(made.world.identities()):
        assert home.identities.cluster(made.sandbox, identity) == left.world.cluster(identity)
    for identity in some_of_each_person(made.world, random):
        assert found_profile(left, identity) == wanted_profile(left, identity), identity
        assert_events(left, identity)
    with home.profiles.people(made.sandbox) as everyone:
        assert_persons(left, everyone, some_leaves(everyone.profile, random))


# -- one person ---------------------------------------------------------------------------------------------------


def found_profile(made: Stage, identity: Identity) -> Any:
    """What is told of the person with an identity, or the kind of the error."""
    code = identity.namespace.lower() if identity.namespace in SPELLINGS else identity.namespace
    try:
        found = made.home.profiles.find(made.sandbox, code, identity.value)
    except (NotFound, TooManyIdentities) as error:
        return type(error)
    origins = {path: (o.dataset_id, clock.millis(o.time)) for path, o in found.merged.origins.items()}
    last = clock.millis(found.last_modified)
    return list(found.identities), compared(Person(dict(found.merged.entity), origins, found.sources, last))


def wanted_profile(made: Stage, identity: Identity) -> Any:
    cluster, person = made.world.cluster(identity), made.world.find(identity)
    if len(cluster) > 50:
        return TooManyIdentities
    return NotFound if person is None else (cluster, compared(person))


def compared(person: Person) -> Person:
    """A person without the `identityMap`, which the API makes of all identities."""
    origins = {path: origin for path, origin in person.origins.items() if not path.startswith("identityMap.")}
    entity = {name: value for name, value in person.entity.items() if name != "identityMap"}
    return person._replace(entity=without_nulls(entity), origins=origins)


def assert_events(made: Stage, identity: Identity, limit: int = 1000) -> None:
    found = made.home.profiles.events(made.sandbox, identity.namespace, identity.value, limit)
    told = [(e.timestamp, e.id, e.dataset_id, without_nulls(e.entity)) for e in found]
    wanted = [(h.row["timestamp"], h.row["_id"], h.dataset, without_nulls(h.row)) for h in made.world.events(identity)]
    assert told == wanted[-limit:], identity


# -- everybody ----------------------------------------------------------------------------------------------------


def some_leaves(union: Object, random: Random) -> list[str]:
    """Paths that may be asked for: single values and lists, under objects."""
    known = [path for path, field in union.leaves() if not isinstance(field.type, Map)]
    return random.sample(known, min(len(known), random.choice([0, 5, 50, 50, 50])))


def assert_persons(
    made: Stage, everyone: people.People, paths: Sequence[str], most_identities: int = 50, most_events: int = 5000
) -> None:
    """Everybody is there once, with the values at *paths* that the reference gives."""
    rows = made.rows(everyone.persons(paths), everyone)
    found = {tuple(made.world.cluster(Identity(row["namespace"], row["value"]))): row for row in rows}
    wanted = {
        cluster
        for cluster in made.world.persons()
        if len(cluster) <= most_identities and len(made.world.events(cluster[0])) <= most_events
    }
    assert len(found) == len(rows) == len({row["person"] for row in rows})
    assert set(found) == wanted
    for cluster, row in found.items():
        person = made.world.find(cluster[0])
        assert person is not None
        values = {path: at(person.entity, path) for path in paths}
        assert without_nulls({path: row[path] for path in paths}) == without_nulls(values), cluster


def assert_events_of_everybody(made: Stage, everyone: people.People, paths: Sequence[str]) -> None:
    """Every event is there once, with the values at *paths*, under the name that its person has among persons."""
    persons = made.rows(everyone.persons([]), everyone)
    clusters = {row["person"]: tuple(made.world.cluster(Identity(row["namespace"], row["value"]))) for row in persons}
    shown = sorted({*paths, "_id", "timestamp"})
    rows = made.rows(everyone.events(paths), everyone)
    found = [(clusters[row["person"]], without_nulls({path: row[path] for path in shown})) for row in rows]
    wanted = [
        (cluster, without_nulls({path: at(h.row, path) for path in shown}))
        for cluster in made.world.persons()
        if cluster in clusters.values()
        for h in made.world.events(cluster[0])
    ]
    assert sorted(found, key=repr) == sorted(wanted, key=repr)


@pytest.mark.parametrize("seed", range(3))
def test_of_rows_with_one_id_the_last_is_the_event(home: Home, seed: int) -> None:
    random = Random(seed)
    kinds, batches = drawn(random, distinct=seed % 2 == 0, events=2, most=14, changed=True)
    made = stage(home, kinds, batches)
    made.play(random, batches if seed % 2 else rearranged(random, batches))
    with home.profiles.people(made.sandbox) as everyone:
        assert_events_of_everybody(made, everyone, some_leaves(everyone.event, random))


@pytest.mark.parametrize("seed", [9, 22, 28])
def test_who_has_too_many_identities_or_events_is_left_out(
    home: Home, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "MOST_IDENTITIES", 2)
    monkeypatch.setattr(service, "MOST_IDENTITIES", 2)
    monkeypatch.setattr(people, "MOST_EVENTS", 3)
    random = Random(seed)
    kinds, batches = drawn(random, distinct=True, events=3, most=4, again=False)
    made = stage(home, kinds, batches)
    made.play(random, rearranged(random, batches))
    with home.profiles.people(made.sandbox) as everyone:
        assert_persons(made, everyone, some_leaves(everyone.profile, random), most_identities=2, most_events=3)
    sizes = {cluster: len(made.world.events(cluster[0])) for cluster in made.world.persons()}
    for large in [c for c in sizes if len(c) > 2][:2]:
        assert found_profile(made, large[0]) is TooManyIdentities
    assert {(len(c) > 2, n > 3) for c, n in sizes.items()} >= {(True, False), (False, True), (False, False)}


# -- the order of rows --------------------------------------------------------------------------------------------

MANY, BLOCK = 300_000, 10_000


def owner(n: int) -> str:
    """Whose record row *n* is: each has two, one block apart, so that no two blocks may change places unnoticed."""
    block, place = divmod(n, BLOCK)
    return f"p{place}-{(block + place % 2) // 2}"


def many(form: str) -> bytes:
    """A file of many records, each with its number."""
    tier = "a tier whose name is long, so that the file has several parts for a reader, whatever their size " * 2
    if form == "json":
        own = (f'{{"id": "{owner(n)}", "points": {n}, "tier": "{tier}"}}' for n in range(MANY))
        return "\n".join(f'{{"_acme": {o}}}' for o in own).encode()
    if form == "csv":
        rows = (f'{owner(n)},{n},"{tier}"' for n in range(MANY))
        return "\n".join(["_acme.id,_acme.points,_acme.tier", *rows, ""]).encode()
    own_columns = {"id": list(map(owner, range(MANY))), "points": range(MANY), "tier": [tier] * MANY}
    return parquet({"_acme": struct(own_columns)})


def many_events() -> bytes:
    """A Parquet file of many events, of which each comes twice."""
    moments = pa.array([START] * MANY, pa.timestamp("ms"))
    own = struct({"id": ["p"] * MANY, "points": range(MANY)})
    return parquet({"_id": pa.array(map(owner, range(MANY))), "timestamp": moments, "_acme": own})


def struct(columns: Mapping[str, Sequence[Any]]) -> pa.StructArray:
    return pa.StructArray.from_arrays([pa.array(values) for values in columns.values()], list(columns))


def parquet(columns: Mapping[str, pa.Array]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), sink, row_group_size=BLOCK)
    return sink.getvalue()


def wrong(made: Stage, key: str, everyone: people.People, sql: str) -> dict[str, int]:
    """Of which people or events another row than the last one counts."""
    with made.home.engine.session(everyone.tables()) as session:
        found = dict(session.fetch(f'SELECT "{key}", "_acme.points" FROM ({sql})'))
    wanted = {owner(n): n for n in range(MANY)}
    assert set(found) == set(wanted)
    return {name: points for name, points in found.items() if points != wanted[name]}


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_of_a_large_file_the_later_record_wins(home: Home, form: str) -> None:
    made = stage(home, KINDS[:1], [])
    home.send(made.datasets[0], form, many(form), time=FIRST)
    with home.profiles.people(made.sandbox) as everyone:
        assert wrong(made, "value", everyone, everyone.persons(["_acme.points"])) == {}
    one = home.profiles.find(made.sandbox, "CRMID", owner(BLOCK + 6)).merged.entity["_acme"]
    assert one["points"] == BLOCK + 6


def test_of_a_large_file_the_later_row_is_the_event(home: Home) -> None:
    made = stage(home, [], [])
    dataset = home.events(made.sandbox, "Many", Object((Field("id", TEXT), Field("points", WHOLE))), CRM)
    home.send(dataset, "parquet", many_events(), time=FIRST)
    with home.profiles.people(made.sandbox) as everyone:
        assert wrong(made, "_id", everyone, everyone.events(["_acme.points"])) == {}
